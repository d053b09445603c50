"""What one row tells of another: values that go with a key, keys that come regularly, numbers that follow from others.

Chosen in the first batches and fixed: which columns are keys, which values go with them, which numbers follow from the
other numbers of their row. Remembered is what clean batches had; of a batch at a position only what came before it counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np

from tidegate.detect.others import (
    BACK,
    FIRST,
    LATE,
    Follows,
    Scale,
    able,
    followers,
    left_of,
    products,
    scale,
    solved,
    whole,
)
from tidegate.detect.traits import LEARNING, WARM
from tidegate.metrics import family_of, quoted
from tidegate.model import Column, DatasetRef, Family, MetricSpec
from tidegate.scan.beside import MOST_NUMBERS
from tidegate.scan.grain import hours_sql
from tidegate.scan.infer import is_lasting
from tidegate.scan.rest import LEFT

REF = DatasetRef(namespace="bench", name="t")
KEYS, PAIRS, BY_VALUE = 12, 16, 2
"""At most so many keys, pairs of a key and a value, and keys of one value."""
RECURS = 0.5
"""The share of the rows whose key came in an earlier batch, at least."""
TOLD_APART = (0.2, 3.0)
"""New pairs must be so frequent if values were dealt out to keys by chance, and so many times what they are."""
REGULAR = 8
"""A key is regular when each of so many batches before had it (of fewer batches, all of them)."""


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
    scale: Scale
    follow: Mapping[int, float]
    """By place among `names`: the usual spread of what is left."""
    square: np.ndarray
    share: Mapping[int, float]
    """What is left of each that follows, as a share of its own."""
    fits: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def measure(self, db: duckdb.DuckDBPyConnection, batches: int) -> dict[MetricSpec, np.ndarray]:
        found = {spec(m, self.names[i]): np.full(batches, np.nan) for i in self.follow for m in LEFT}
        if not self.follow:
            return found
        rows, batch, position = numbers(db, self.names)
        even = self.scale.even(rows)
        for k in np.unique(batch):
            at = int(position[batch == k][0])
            if at < FIRST:
                continue
            for i, usual in self.follow.items():
                told = left_of(even[batch == k], self.fit(at, i), usual)
                for metric, number in zip(LEFT, told or (), strict=False):
                    found[spec(metric, self.names[i])][k] = number
        return found

    def fit(self, at: int, i: int) -> np.ndarray:
        """What turns a row into what is left of a number, by the batches before one."""
        if (at, i) not in self.fits:
            self.fits[at, i] = solved(self.square[max(0, at - BACK) : at].sum(axis=0), i)
        return self.fits[at, i]


def numbers(db: duckdb.DuckDBPyConnection, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of some columns as numbers, with their batches and the positions of these; NaN where one is NULL. A time is hours from its batch's."""
    times = {n for n, t, *_ in db.execute("DESCRIBE rows").fetchall() if family_of(t) is Family.TIME}
    cells = (hours_sql(n, "EPOCH(_at)", "duckdb") if n in times else f"CAST({quoted(n)} AS DOUBLE)" for n in names)
    asked = ", ".join(f"{cell} AS c{i}" for i, cell in enumerate(cells))
    got = db.execute(f"SELECT _k, _p, {asked} FROM rows").fetchnumpy()
    columns = [np.ma.filled(np.ma.asarray(got[f"c{i}"], dtype=float), np.nan) for i in range(len(names))]
    return np.stack(columns, axis=1), np.asarray(got["_k"]), np.asarray(got["_p"])


def others(db: duckdb.DuckDBPyConnection, columns: Sequence[Column], batches: int) -> Others:
    """Choose of the numbers by the first batches, and remember all that are loaded."""
    return together(db, [c.name for c in columns if c.family is Family.NUMBER], batches)


def timed(db: duckdb.DuckDBPyConnection, columns: Sequence[Column], batches: int, told: Collection[str]) -> Others:
    """The same of numbers and times, without those that something else explains; nothing where there is no time."""
    times = [c.name for c in columns if is_lasting(c)]
    numbers = [c.name for c in columns if c.family is Family.NUMBER]
    found = together(db, [*numbers, *times][:MOST_NUMBERS] if times else [], batches)
    found.follow = {i: usual for i, usual in found.follow.items() if found.names[i] not in told}
    return found


def together(db: duckdb.DuckDBPyConnection, names: Sequence[str], batches: int) -> Others:
    """Which of some columns follow from the others."""
    nothing = Others(
        names=(), scale=Scale(np.zeros(0), np.zeros(0)), follow={}, square=np.zeros((batches, 1, 1)), share={}
    )
    if not names:
        return nothing
    rows, batch, _ = numbers(db, names)
    chosen = able(rows[batch < WARM])
    names, rows = [names[i] for i in chosen], rows[:, chosen]
    early = whole(rows[batch < WARM])
    if len(names) < 2 or not len(early):
        return nothing
    found = scale(early)
    even = found.even(rows)
    square = np.stack([products(even[batch == k]) for k in range(batches)])
    old = (batch < WARM) & np.isfinite(even).all(axis=1)
    follow: dict[int, Follows] = followers(even[old], batch[old])
    return Others(
        names=tuple(names),
        scale=found,
        follow={i: one.usual for i, one in follow.items()},
        square=square,
        share={i: one.share for i, one in follow.items()},
    )
