"""What one row tells of another: values that go with a key, keys that come regularly, numbers that follow from others.

Chosen in the first batches and fixed: which columns are keys, which values go with them, which numbers follow from the
other numbers of their row. Remembered is what clean batches had; of a batch at a position only what came before it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np

from tidegate.detect.traits import LEARNING, WARM
from tidegate.metrics import quoted
from tidegate.model import Column, DatasetRef, Family, MetricSpec

REF = DatasetRef(namespace="bench", name="t")
KEYS, PAIRS, BY_VALUE = 12, 16, 2
"""At most so many keys, pairs of a key and a value, and keys of one value."""
RECURS = 0.5
"""The share of the rows whose key came in an earlier batch, at least."""
TOLD_APART = (0.2, 3.0)
"""New pairs must be so frequent if values were dealt out to keys by chance, and so many times what they are."""
REGULAR = 8
"""A key is regular when each of so many batches before had it (of fewer batches, all of them)."""
FIRST, LATE = 4, 20
"""From this batch on pairs are judged when they are chosen, by so many rows at least."""
FOLLOWS = 0.5
"""What is left of a number after the others, by its own quartiles: at most this."""
BACK = 14
"""From so many batches back a number's relation to the others is learned."""
FAR = 4.0


def spec(metric: str, column: str, argument: str | None = None) -> MetricSpec:
    return MetricSpec(dataset=REF, metric=metric, column=column, argument=argument)


class Memory:
    """Pairs and keys, in tables beside `rows`, whose batches are `_k` and stand at `_p`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> None:
        self.db = db
        self.keys = self.recurring(columns)
        self.pairs = self.telling(columns)
        # A whole number that nothing goes with is a measure, not a key.
        named = {c.name for c in columns if c.family is Family.TEXT} | {key for key, _ in self.pairs}
        self.keys = [key for key in self.keys if key in named]
        for i, key in enumerate(self.keys):
            self.remember_key(i, quoted(key))
        for i, (key, value) in enumerate(self.pairs):
            self.db.execute(
                f"CREATE OR REPLACE TABLE pair_{i} AS SELECT key, value, MIN(_p) AS since FROM"
                f" (SELECT {quoted(key)} AS key, {quoted(value)} AS value, _p FROM rows)"
                f" WHERE key IS NOT NULL AND value IS NOT NULL GROUP BY key, value"
            )

    def remember_key(self, i: int, key: str) -> None:
        """Since when a key has been known, and at which batch for how many in turn."""
        self.db.execute(
            f"CREATE OR REPLACE TABLE key_{i} AS SELECT {key} AS key, MIN(_p) AS since FROM rows"
            f" WHERE {key} IS NOT NULL GROUP BY 1"
        )
        self.db.execute(
            f"CREATE OR REPLACE TABLE came_{i} AS SELECT key, _p,"
            f" ROW_NUMBER() OVER (PARTITION BY key, island ORDER BY _p) AS turns FROM"
            f" (SELECT key, _p, _p - ROW_NUMBER() OVER (PARTITION BY key ORDER BY _p) AS island FROM"
            f" (SELECT DISTINCT {key} AS key, _p FROM rows WHERE {key} IS NOT NULL))"
        )

    def recurring(self, columns: Sequence[Column]) -> list[str]:
        """Texts and whole numbers whose values come again, those with the most values first."""
        found = []
        for c in columns:
            if c.family is Family.TEXT or (c.family is Family.NUMBER and "INT" in c.type):
                distinct, filled, again = self.db.execute(
                    "SELECT COUNT(DISTINCT key), COUNT(key) / COUNT(*), AVG((since < _k)::INT)"
                    f" FILTER (_k > 0 AND key IS NOT NULL) FROM (SELECT {quoted(c.name)} AS key, _k,"
                    f" MIN(_k) OVER (PARTITION BY {quoted(c.name)}) AS since FROM rows WHERE _k < {WARM})"
                ).fetchone()
                if distinct >= 3 and filled >= 0.3 and again is not None and again >= RECURS:
                    found.append((-distinct, c.name))
        return [name for _, name in sorted(found)[:KEYS]]

    def telling(self, columns: Sequence[Column]) -> list[tuple[str, str]]:
        """Pairs of a key and what goes with it, the best first."""
        found = []
        for value in columns:
            if value.family in (Family.TIME, Family.OTHER):
                continue
            told = [(self.told_apart(key, value.name), key, value.name) for key in self.keys if key != value.name]
            found += sorted((t for t in told if t[0] > 0), key=lambda t: (-t[0], t[1]))[:BY_VALUE]
        return [(key, value) for _, key, value in sorted(found, key=lambda t: (-t[0], *t[1:]))[:PAIRS]]

    def told_apart(self, key: str, value: str) -> float:
        """How many more rows would have a new pair if values were dealt out by chance; 0 where it is not worth a look."""
        rows, new, chance = self.db.execute(
            f"""WITH early AS (
                SELECT _k, {quoted(key)} AS key, {quoted(value)} AS value FROM rows WHERE _k < {WARM}
            ), r AS (
                SELECT *, MIN(_k) OVER (PARTITION BY key) AS since, MIN(_k) OVER (PARTITION BY key, value) AS both_since
                FROM early WHERE key IS NOT NULL AND value IS NOT NULL
            ), of_value AS (
                SELECT value, COUNT(*) / SUM(COUNT(*)) OVER () AS share FROM r GROUP BY value
            ), of_key AS (
                SELECT key, SUM(share) AS seen FROM (SELECT DISTINCT key, value FROM r) JOIN of_value USING (value)
                GROUP BY key
            )
            SELECT COUNT(*) FILTER (_k >= {FIRST} AND since < _k),
                AVG((both_since >= _k)::INT) FILTER (_k >= {FIRST} AND since < _k), 1 - AVG(seen)
            FROM r JOIN of_key USING (key)"""
        ).fetchone()
        least, times = TOLD_APART
        if rows < LATE or chance < least or chance < times * new:
            return 0.0
        return round(chance - new, 9)

    def measure(self, batches: int) -> dict[MetricSpec, np.ndarray]:
        """What the rows that are loaded have that is new, and have not that is regular."""
        found: dict[MetricSpec, np.ndarray] = {}
        for i, key in enumerate(self.keys):
            asked = [spec(m, key) for m in ("unknown_count", "regular_count", "gone_count")]
            found |= self.asked(
                asked[:1],
                f"SELECT r._k, COUNT(*) FILTER (k.since IS NULL OR k.since >= r._p) FROM rows r LEFT JOIN key_{i} k"
                f" ON k.key = r.{quoted(key)} WHERE r.{quoted(key)} IS NOT NULL AND r._p >= {LEARNING} GROUP BY r._k",
                batches,
            )
            found |= self.asked(
                asked[1:],
                f"SELECT b._k, COUNT(*), COUNT(*) FILTER (h.key IS NULL)"
                f" FROM (SELECT DISTINCT _k, _p FROM rows WHERE _p >= {FIRST}) b"
                f" JOIN came_{i} c ON c._p = b._p - 1 AND c.turns >= LEAST({REGULAR}, b._p)"
                f" LEFT JOIN (SELECT DISTINCT _k, {quoted(key)} AS key FROM rows) h ON h._k = b._k AND h.key = c.key"
                f" GROUP BY b._k HAVING COUNT(*) >= 3",
                batches,
            )
        for i, (key, value) in enumerate(self.pairs):
            found |= self.asked(
                [spec(m, value, key) for m in ("known_key_count", "new_pair_count")],
                f"SELECT r._k, COUNT(*), COUNT(*) FILTER (p.since IS NULL OR p.since >= r._p) FROM rows r"
                f" JOIN key_{self.keys.index(key)} k ON k.key = r.{quoted(key)} AND k.since < r._p"
                f" LEFT JOIN pair_{i} p ON p.key = r.{quoted(key)} AND p.value = r.{quoted(value)}"
                f" WHERE r.{quoted(value)} IS NOT NULL AND r._p >= {LEARNING} GROUP BY r._k",
                batches,
            )
        return found

    def asked(self, specs: Sequence[MetricSpec], sql: str, batches: int) -> dict[MetricSpec, np.ndarray]:
        found = {s: np.full(batches, np.nan) for s in specs}
        for k, *row in self.db.execute(sql).fetchall():
            for s, number in zip(specs, row, strict=True):
                found[s][k] = number
        return found


@dataclass(slots=True, kw_only=True)
class Others:
    """Numbers that follow from the other numbers of their row, by least squares over the batches before.

    `square` is (batch, 1 + numbers, 1 + numbers): the mean products of the rows of each batch that is remembered.
    """

    names: tuple[str, ...]
    middle: np.ndarray
    wide: np.ndarray
    follow: Mapping[int, float]
    """By place among `names`: the usual spread of what is left."""
    square: np.ndarray
    fits: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def measure(self, db: duckdb.DuckDBPyConnection, batches: int) -> dict[MetricSpec, np.ndarray]:
        metrics = ("rest_count", "rest_median", "rest_far_count")
        found = {spec(m, self.names[i]): np.full(batches, np.nan) for i in self.follow for m in metrics}
        if not self.follow:
            return found
        rows, batch, position = numbers(db, self.names)
        design = designed((rows - self.middle) / self.wide)
        for k in np.unique(batch):
            mine = design[batch == k]
            at = int(position[batch == k][0])
            if at < FIRST:
                continue
            for i, usual in self.follow.items():
                left = mine @ self.fit(at, i) / usual
                left = left[np.isfinite(left)]
                if left.size:
                    told = (left.size, float(np.median(left)), int((np.abs(left) > FAR).sum()))
                    for metric, number in zip(metrics, told, strict=True):
                        found[spec(metric, self.names[i])][k] = number
        return found

    def fit(self, at: int, i: int) -> np.ndarray:
        """What turns a row into what is left of a number, by the batches before one."""
        if (at, i) not in self.fits:
            self.fits[at, i] = solved(self.square[max(0, at - BACK) : at].sum(axis=0), i)
        return self.fits[at, i]


def solved(square: np.ndarray, i: int) -> np.ndarray:
    """1 for the number and minus the weights of the others, from the products of all; NaN where there is no row."""
    out = np.full(len(square), np.nan)
    if square[0, 0] > 0:
        rest = np.delete(np.arange(len(square)), i + 1)
        part = square[np.ix_(rest, rest)]
        out[rest] = -np.linalg.solve(part + np.diag(1e-6 * np.diag(part) + 1e-9), square[rest, i + 1])
        out[i + 1] = 1.0
    return out


def designed(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((len(rows), 1)), rows], axis=1)


def numbers(db: duckdb.DuckDBPyConnection, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of some columns as numbers, with their batches and the positions of these; NaN where one is NULL."""
    asked = ", ".join(f"CAST({quoted(n)} AS DOUBLE) AS c{i}" for i, n in enumerate(names))
    got = db.execute(f"SELECT _k, _p, {asked} FROM rows").fetchnumpy()
    columns = [np.ma.filled(np.ma.asarray(got[f"c{i}"], dtype=float), np.nan) for i in range(len(names))]
    return np.stack(columns, axis=1), np.asarray(got["_k"]), np.asarray(got["_p"])


def others(db: duckdb.DuckDBPyConnection, columns: Sequence[Column], batches: int) -> Others:
    """Choose by the first batches, and remember all that are loaded."""
    names = [c.name for c in columns if c.family is Family.NUMBER]
    if names:
        asked = ", ".join(f"COUNT(DISTINCT {quoted(n)}), COUNT({quoted(n)}) / COUNT(*)" for n in names)
        counts = db.execute(f"SELECT {asked} FROM rows WHERE _k < {WARM}").fetchone()
        names = [n for n, d, f in zip(names, counts[::2], counts[1::2], strict=True) if d >= 5 and f >= 0.8]
    blank = np.zeros((batches, len(names) + 1, len(names) + 1))
    if len(names) < 2:
        return Others(names=(), middle=np.zeros(0), wide=np.zeros(0), follow={}, square=blank)
    rows, batch, _ = numbers(db, names)
    early = rows[(batch < WARM) & np.isfinite(rows).all(axis=1)]
    if not len(early):
        return Others(names=(), middle=np.zeros(0), wide=np.zeros(0), follow={}, square=blank)
    middle, wide = np.median(early, axis=0), spread(early)
    even = (rows - middle) / wide
    for k in np.unique(batch):
        blank[k] = products(even[batch == k])
    old = (batch < WARM) & np.isfinite(rows).all(axis=1)
    follow = chosen(designed(even[old]), batch[old])
    return Others(names=tuple(names), middle=middle, wide=wide, follow=follow, square=blank)


def spread(rows: np.ndarray) -> np.ndarray:
    low, high = np.quantile(rows, (0.05, 0.95), axis=0)
    wide = np.where(high > low, high - low, rows.std(axis=0))
    return np.where(wide > 0, wide, 1.0)


def products(rows: np.ndarray) -> np.ndarray:
    """The mean products of a batch's rows, without those that lie far outside."""
    known = rows[np.isfinite(rows).all(axis=1)]
    if len(known):
        low, middle, high = np.quantile(known, (0.05, 0.5, 0.95), axis=0)
        known = known[(np.abs(known - middle) < 20 * (high - low + 0.1)).all(axis=1)]
    design = designed(known)
    return design.T @ design / max(1, len(design))


def chosen(design: np.ndarray, batch: np.ndarray) -> dict[int, float]:
    """Numbers of which the first batches, by their relation before, leave little in those after; with how much."""
    learn, try_out = design[batch < FIRST], design[batch >= FIRST]
    if min(len(learn), len(try_out)) < LATE:
        return {}
    square, found = learn.T @ learn / len(learn), {}
    for i in range(design.shape[1] - 1):
        left, own = quartiles(try_out @ solved(square, i)), quartiles(try_out[:, i + 1])
        if own > 0 and left < FOLLOWS * own:
            found[i] = max(left / 1.35, 1e-4)
    return found


def quartiles(values: np.ndarray) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low)
