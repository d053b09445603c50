"""Rows of one bucket that have a key in common, and agree: all lines of an order have its customer and its date.

Unlike for `scan.related` no earlier bucket must know the key, so orders, sessions and trips are keys too, which are others every day.
Which columns agree is told from the first buckets, and kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tidegate.metrics import Kind, kind_of, quoted, relation, select
from tidegate.model import Column, Dataset, Family, Grid, Interval, MetricSpec
from tidegate.scan.choice import kept_choice
from tidegate.scan.content import bucket_of, filled
from tidegate.scan.grain import within_sql
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.options import Plan
from tidegate.scan.relations import FIRST, LONGEST, UNLIKE_ANY, Pair, drawn, teaching, thinnest
from tidegate.scan.tally import Tally
from tidegate.scan.thinning import FEW, MOST_VALUES, TO_GROW
from tidegate.scan.window import Window, rows_within

AGREED: Final = ("shared_key_count", "split_count")
"""Of how many keys, how many are split: their rows do not agree."""

MOST_KEYS, MOST_PAIRS = 12, 16
"""Keys that are tried, those with the most values first, and pairs that are chosen. Chosen, not derived, as what follows."""

SHARED: Final = 0.5
"""The share of the rows that have their key in common with another row of the bucket, at least."""

LEAST_KEYS: Final = 3
"""So many keys of a bucket have several rows, at least."""

SPLIT: Final = 0.02
"""The share of such keys whose rows do not agree, at most."""

VARIOUS: Final = 0.5
"""A column that has one value only in more of the buckets agrees with everything."""

LOOKED_THROUGH: Final = 50_000_000
"""Rows of the first buckets times pairs of columns that are tried: 7 ns each."""

VALUES: Final = frozenset({Family.TEXT, Family.NUMBER, Family.BOOLEAN, Family.TIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The pairs in which rows with the same key agree, those with the most keys first. Of a key in `one_in` one value in so many is looked
    at, with all of its rows, told by its hash.
    """

    pairs: tuple[Pair, ...] = ()
    one_in: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """As it is kept."""
        return json.dumps({"pairs": [p.columns for p in self.pairs], "one_in": dict(self.one_in)}, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Agreement:
        """The same from what was kept."""
        said = json.loads(text)
        return cls(pairs=tuple(Pair(*pair) for pair in said["pairs"]), one_in=said["one_in"])

    @property
    def size(self) -> int:
        """How much it is."""
        return len(self.pairs)

    @property
    def by_key(self) -> dict[str, list[str]]:
        """The columns that go with each key."""
        return {key: [p.value for p in self.pairs if p.key == key] for key in dict.fromkeys(p.key for p in self.pairs)}

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are looked at."""
        return frozenset(name for pair in self.pairs for name in pair.columns)


class Shared(NamedTuple):
    """What a bucket tells of a key and a column: rows; keys that several rows have, these rows; the keys whose rows do not agree, and whether
    the column has several values.
    """

    of: int
    keys: int
    rows: int
    split: int
    is_various: bool

    @classmethod
    def of_values(cls, cells: Sequence[object], values: int) -> list[Shared]:
        """From a row of `shared_sql`, without its bucket: of each value."""
        of, keys, rows, *split = (int(str(cell or 0)) for cell in cells[: 3 + values])
        various = cells[3 + values :] or [False] * values
        return [cls(of, keys, rows, n, bool(several)) for n, several in zip(split, various, strict=True)]

    def times(self, one_in: int) -> Shared:
        """About how many there are, where one key in so many was looked at."""
        return Shared(self.of * one_in, self.keys * one_in, self.rows * one_in, self.split * one_in, self.is_various)


def kept_agreement(known: Grid | None) -> Agreement | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "agreement")
    return None if written is None else Agreement.read(written)


def agreement(tally: Tally, span: Window, apart: Collection[str]) -> Plan[Agreement | None]:
    """What was chosen, else what the first buckets tell; None while these are too few.

    Args:
        apart: keys that come again, and are held against the past (`scan.relations`).
    """
    before = kept_agreement(tally.options.known)
    if before is not None and before.columns <= {c.name for c in tally.dataset.columns}:
        return _fitted(tally, span, before)
    first = teaching(tally, (yield from filled(tally, span)))
    if len(first) < FIRST:
        return None
    early = [span.cut(Interval(start=first[0].start, end=first[-1].end))]
    told: dict[Pair, Sequence[Shared]] = {}
    for key, (values, one_in) in _tried(tally, span, len(first), apart).items():
        sql = shared_sql(_rows(tally, early, key, values, one_in), len(values), various=True)
        rows = yield tally.statement("agreement: first buckets", sql)
        cells = [Shared.of_values(own, len(values)) for start, *own in rows if bucket_of(start, span) in first]
        told |= {Pair(key, value): [own[at].times(one_in) for own in cells] for at, value in enumerate(values)}
    return _fitted(tally, span, Agreement(pairs=tuple(agreeing(told))))


def _tried(tally: Tally, span: Window, first: int, apart: Collection[str]) -> dict[str, tuple[list[str], int]]:
    """The keys that are tried, those with the most values first, each with the columns that may go with it, and of how many of its values
    one is looked at: as few as it takes.
    """
    values = [c for c in tally.dataset.columns if c.family in VALUES and _is_able(tally, c)]
    able = (c for c in values if c.family is Family.TEXT or kind_of(c) is Kind.INTEGER)
    keys = [c for c in able if c.name not in apart]
    keys = sorted(keys, key=lambda c: (-_values(tally, c.name), c.name))[:MOST_KEYS] if len(values) > 1 else []
    rows = rows_within(tally, span) * first // max(1, span.buckets)
    tried: dict[str, tuple[list[str], int]] = {}
    room = float(LOOKED_THROUGH)
    for key in keys:
        enough = _power(rows * len(values) * len(keys) / LOOKED_THROUGH)
        one_in = min(enough, thinnest(_values(tally, key.name) // max(1, span.buckets)))
        room -= rows * len(values) / one_in
        if room >= 0:
            tried[key.name] = [c.name for c in values if c != key], one_in
    if len(tried) < len(keys):
        tally.notes.append(
            f"{tally.dataset.ref}: {len(keys) - len(tried)} of {len(keys)} columns were not tried as keys whose rows agree: that is too much for"
            f" {rows:,} rows in its first buckets"
        )
    return tried


def _values(tally: Tally, column: str) -> int:
    return int(tally.number("distinct_count", column) or 0)


def _power(times: float) -> int:
    """The least power of two that is not below, and no less than one."""
    return 1 << (max(1, math.ceil(times)) - 1).bit_length()


def _is_able(tally: Tally, column: Column) -> bool:
    """Whether a column can agree, or be agreed on: it neither tells each row from every other one nor is prose."""
    if LOADERS_OWN.search(column.name) or _values(tally, column.name) > UNLIKE_ANY * tally.rows:
        return False
    return column.family is not Family.TEXT or (tally.number("max_length", column.name) or 0) <= LONGEST


def agreeing(told: Mapping[Pair, Sequence[Shared]]) -> list[Pair]:
    """Of each column the key with the most values whose rows agree in it, from what the first buckets tell."""
    found: dict[str, tuple[int, Pair]] = {}
    for pair, buckets in told.items():
        keys = sum(one.keys for one in buckets)
        if (
            keys >= LEAST_KEYS * len(buckets)
            and sum(one.rows for one in buckets) >= SHARED * sum(one.of for one in buckets)
            and sum(one.split for one in buckets) <= SPLIT * keys
            and sum(one.is_various for one in buckets) > VARIOUS * len(buckets)
        ):
            found[pair.value] = min((-keys, pair), found.get(pair.value, (0, pair)))
    return [pair for _, pair in sorted(found.values())[:MOST_PAIRS]]


def _fitted(tally: Tally, span: Window, chosen: Agreement) -> Agreement:
    """With one key in n of those of which there are too many; what was cut before stays until it is too much again."""
    rows, keys = rows_within(tally, span), {pair.key for pair in chosen.pairs}
    cut = dict(chosen.one_in)
    for key in sorted(keys):
        values = _values(tally, key)
        if values > FEW and rows * len(keys) / cut.get(key, 1) > MOST_VALUES:
            cut[key] = min(_power(TO_GROW * rows * len(keys) / MOST_VALUES), thinnest(values // max(1, span.buckets)))
    return replace(chosen, one_in={key: one_in for key, one_in in cut.items() if one_in > 1})


def agreed(tally: Tally, spans: Sequence[Window], chosen: Agreement) -> Plan[None]:
    """Measure the buckets that lie in `spans`: a pass over its columns for each key, in groups of as many as come."""
    for key, values in chosen.by_key.items():
        sql = shared_sql(_rows(tally, spans, key, values, chosen.one_in.get(key, 1)), len(values))
        specs = [tuple(tally.spec(metric, value, argument=key) for metric in AGREED) for value in values]
        for start, *cells in (yield tally.statement("agreement", sql)):
            for wanted, one in zip(specs, Shared.of_values(cells, len(values)), strict=True):
                if one.keys:
                    tally.add_buckets(wanted, (one.keys, one.split), bucket_of(start, spans[0]))


def _rows(tally: Tally, spans: Sequence[Window], key: str, values: Sequence[str], one_in: int = 1) -> str:
    """The rows of some buckets: `b` is the bucket, `k` the key, `v0` and so on the hashes of what goes with it."""
    dialect, name = tally.dialect, quoted(key, tally.dialect)
    items = [f"{spans[0].key(dialect)} AS b", f"{name} AS k"]
    items += [f"HASH({quoted(value, dialect)}) AS v{at}" for at, value in enumerate(values)]
    inside = " OR ".join(f"({one.condition(dialect)})" for one in spans)
    where = [f"({inside})", f"{name} IS NOT NULL", *drawn(name, one_in)]
    return select(items, relation(tally.dataset.ref, dialect), where=where, dialect=dialect)


def shared_sql(rows: str, values: int, *, various: bool = False) -> str:
    """For each bucket of `rows`: how many there are; how many keys several of them have, and how many rows that are; of each value how many of these
    keys are split, and with `various` whether the bucket has several values. NULL is a value.
    """
    least = [f"MIN(v{at}) AS l{at}, MAX(v{at}) AS g{at}" for at in range(values)]
    keys = select(["b", "COUNT(*) AS n", *least], f"({rows})", group=["b", "k"])
    items = ["SUM(n)", "COUNT(*) FILTER (n > 1)", "SUM(n) FILTER (n > 1)"]
    items += [f"COUNT(*) FILTER (l{at} <> g{at})" for at in range(values)]
    items += [f"MIN(l{at}) <> MAX(g{at})" for at in range(values)] if various else []
    return select(["b", *items], f"({keys})", group=["b"], order=["b"])


def split_sql(dataset: Dataset, spec: MetricSpec, interval: Interval, time: Column, *, dialect: str = "duckdb") -> str:
    """The keys of a bucket whose rows do not agree, with their different values and their rows; those with the most rows first."""
    key, value = (quoted(name or "", dialect) for name in (spec.argument, spec.column))
    inside = within_sql(time.name, kind_of(time), interval, dialect)
    different = f"COUNT(DISTINCT {value}) + MAX(CASE WHEN {value} IS NULL THEN 1 ELSE 0 END)"
    return select(
        [key, f"{different} AS different_values", "COUNT(*)"],
        relation(dataset.ref, dialect),
        where=[inside, f"{key} IS NOT NULL"],
        group=["1"],
        having=f"{different} > 1",
        order=["3 DESC", "1"],
        dialect=dialect,
    )
