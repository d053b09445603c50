"""What rows tell of others: which columns are keys and which go with them, told from a table's first buckets, and kept.

What is kept is the choice, as a number of the buckets that were looked at; which values went together is never kept, it
is read from the table's own past (`scan.related`).
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, NamedTuple

from tidegate.metrics import Kind, kind_of, quoted, relation, select
from tidegate.model import Column, Family, Grid, Interval
from tidegate.scan.choice import kept_choice
from tidegate.scan.content import filled
from tidegate.scan.grain import within_sql
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally, groups
from tidegate.scan.window import Window

FIRST: Final = 7
"""Buckets from which it is chosen. This and what follows was measured on public tables, see decision 27."""

PAIRED: Final = 4
"""From the fifth of them on pairs that are new are counted, of so many rows at least:"""

LATE: Final = 20

MOST_KEYS, MOST_PAIRS, KEYS_OF_A_VALUE = 12, 16, 2

RECURS: Final = 0.5
"""The share of the rows with a key that came in an earlier bucket, at least."""

LEAST_VALUES, LEAST_FILLED = 3, 0.3
"""A key has so many different values, and one in this share of the rows, at least."""

LEAST_CHANCE, TIMES_CHANCE = 0.2, 3.0
"""So many rows must have a new pair if values were dealt out to keys by chance, and so many times what have one."""

NOVEL: Final = 0.5
"""A column of which more rows have a value that never came goes with no key: its pairs are at least as new."""

UNLIKE_ANY: Final = 0.8
"""A column with more different values than this share of the rows neither recurs nor goes with anything: it is left out at once."""

LONGEST: Final = 200
"""Texts with longer values are prose. Chosen, not derived."""

LOOKED_THROUGH: Final = 20_000_000
"""Rows of the first buckets times pairs of columns that are tried. Chosen, not derived: about a second of CPU, once."""

MANY, AS_MUCH = 200_000, 4
"""A pair of more different values than this in the first buckets costs so many times as much. Chosen, not derived: 70 and 250 ns a row."""

MOST_TRIED, TRIED_PER_STATEMENT = 600, 24
"""Pairs of columns that are tried, so many in a statement: to plan one costs more than to run it. Chosen, not derived."""

LEAST_KEYS: Final = 50
"""Where only some of the values of a key are looked at, so many are left at least. Chosen, not derived."""

FAMILIES: Final = frozenset({Family.TEXT, Family.NUMBER, Family.BOOLEAN})


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A key, and a column whose values go with it."""

    key: str
    value: str

    @property
    def columns(self) -> tuple[str, str]:
        """Both, the key first."""
        return self.key, self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """Keys, those with the most values first, and pairs, the most telling first; every key of a pair is among the keys.

    Of a key in `one_in` one value in so many is looked at, told by its hash; `buckets` are how many of the newest are looked at, None for all.
    """

    keys: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    one_in: Mapping[str, int] = field(default_factory=dict)
    buckets: int | None = None

    def __str__(self) -> str:
        """As it is kept: what is looked at as a whole is written as it always was."""
        said: dict[str, object] = {"keys": self.keys, "pairs": [pair.columns for pair in self.pairs]}
        said |= {"one_in": dict(self.one_in)} if self.one_in else {}
        said |= {"buckets": self.buckets} if self.buckets is not None else {}
        return json.dumps(said, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Relations:
        """The same from what was kept, also by a release that looked at all or nothing."""
        said = json.loads(text)
        return cls(
            keys=tuple(said["keys"]),
            pairs=tuple(Pair(*pair) for pair in said["pairs"]),
            one_in=said.get("one_in", {}),
            buckets=said.get("buckets"),
        )

    @property
    def size(self) -> int:
        """How much it is."""
        return len(self.keys) + len(self.pairs)

    @property
    def in_part(self) -> str:
        """Which part is looked at, in words; empty where all is."""
        told = [f"for one {key} in {self.one_in[key]}" for key in self.keys if key in self.one_in]
        told += [f"in the newest {self.buckets} buckets"] if self.buckets is not None else []
        return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)

    def beside(self, categories: Container[str]) -> Relations:
        """Without keys that nothing goes with and that are categories: their values are counted one by one."""
        paired = {pair.key for pair in self.pairs}
        keys = tuple(key for key in self.keys if key in paired or key not in categories)
        return replace(self, keys=keys)

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are looked at."""
        return frozenset(self.keys) | {pair.value for pair in self.pairs}


def kept(known: Grid | None) -> Relations | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "relations")
    return None if written is None else Relations.read(written)


def thinnest(values: int) -> int:
    """Of a key with so many values one in how many is looked at, at most: a power of two, so that fewer are some of the same."""
    return 1 << max(0, (values // LEAST_KEYS).bit_length() - 1)


def drawn(key: str, one_in: int) -> list[str]:
    """The condition under which a row's key is one of those that are looked at."""
    return [f"HASH({key}) % {one_in} = 0"] if one_in > 1 else []


def relations(tally: Tally, span: Window) -> Plan[Relations | None]:
    """What was chosen, else what the first buckets tell; None while these are too few."""
    before = kept(tally.options.known)
    if before is not None and before.columns <= {c.name for c in tally.dataset.columns}:
        return before
    first = teaching(tally, (yield from filled(tally, span)))
    if len(first) < FIRST:
        return None
    columns = [c for c in tally.dataset.columns if c != span.column and _is_able(tally, c)]
    sample = _Sample(tally, span, first)
    if not columns:
        return Relations()
    facts = yield from _facts(tally, sample, columns)
    keys = [c.name for c in _recurring(columns, facts)]
    pairs = yield from _pairs(tally, sample, keys, columns, facts)
    named = {c.name for c in columns if c.family is Family.TEXT} | {pair.key for pair in pairs}
    return Relations(keys=tuple(key for key in keys if key in named), pairs=tuple(pairs))


def _is_able(tally: Tally, column: Column) -> bool:
    if column.family not in FAMILIES or LOADERS_OWN.search(column.name):
        return False
    if (tally.number("distinct_count", column.name) or 0) > UNLIKE_ANY * tally.rows:
        return False
    return column.family is not Family.TEXT or (tally.number("max_length", column.name) or 0) <= LONGEST


def teaching(tally: Tally, found: Sequence[Interval]) -> list[Interval]:
    """The oldest buckets that are not under test: the parent knows them (without one: all but the newest), and no open
    incident is about them.
    """
    known = frozenset(tally.options.known.intervals) if tally.options.known is not None else frozenset()
    old = (i for i in found if i in known) if known else iter(found[:-1])
    return list(islice((i for i in old if not any(i.overlaps(u) for u in tally.options.untaught)), FIRST))


class _Sample:
    """The rows of the first buckets, as SQL: `b` is the bucket, a column is called by its place."""

    def __init__(self, tally: Tally, span: Window, first: Sequence[Interval]) -> None:
        self.tally, self.span = tally, span
        self.starts = [int(i.start.timestamp()) for i in first]
        self.interval = Interval(start=first[0].start, end=first[-1].end)

    def of(self, columns: Sequence[str]) -> str:
        """A SELECT of the rows with some columns, called c0, c1 and so on."""
        dialect, span = self.tally.dialect, self.span
        items = [f"{span.key(dialect)} AS b", *(f"{quoted(name, dialect)} AS c{at}" for at, name in enumerate(columns))]
        inside = within_sql(span.column.name, kind_of(span.column), self.interval, dialect)
        rows = select(items, relation(self.tally.dataset.ref, dialect), where=[inside], dialect=dialect)
        return select(["*"], f"({rows}) AS r", where=[f"b IN ({', '.join(map(str, self.starts))})"], dialect=dialect)


class _Fact(NamedTuple):
    """Of one column in the first buckets: different values; rows, those with a value, those after the first bucket, those
    of them whose value had come; rows after PAIRED buckets and those of them whose value had not.
    """

    distinct: int
    rows: int
    filled: int
    later: int
    again: int
    late: int
    new: int


def _facts(tally: Tally, sample: _Sample, columns: Sequence[Column]) -> Plan[dict[str, _Fact]]:
    """One statement over the first buckets for up to 50 columns."""
    facts: dict[str, _Fact] = {}
    for group in groups(columns, tally.options.columns_per_statement):
        early = sample.of([column.name for column in group])
        parts = " UNION ALL ".join(_fact_sql(at, sample.starts) for at in range(len(group)))
        rows = yield tally.statement("relations: columns", f"WITH e AS MATERIALIZED ({early}) {parts}")
        for at, *counts in rows:
            facts[group[int(str(at))].name] = _Fact(*(int(str(count or 0)) for count in counts))
    return facts


def _fact_sql(at: int, starts: Sequence[int]) -> str:
    """The numbers of a `_Fact`, in its order, after the column's place."""
    counts = select(["b", f"c{at} AS x", "COUNT(*) AS n"], "e", group=["1", "2"])
    first = select(["*", "MIN(b) OVER (PARTITION BY x) AS since"], f"({counts})")
    later, late = f"b >= {starts[1]}", f"b >= {starts[PAIRED]}"
    kinds = ("", later, "b > since", late, f"{late} AND since = b")
    filled = [f"SUM(n) FILTER (x IS NOT NULL{' AND ' if kind else ''}{kind})" for kind in kinds]
    return select([str(at), "COUNT(DISTINCT x)", "SUM(n)", *filled], f"({first})")


def _recurring(columns: Sequence[Column], facts: Mapping[str, _Fact]) -> list[Column]:
    """Texts and whole numbers whose values come again, those with the most values first."""
    able = [c for c in columns if c.family is Family.TEXT or kind_of(c) is Kind.INTEGER]
    again = [
        c
        for c in able
        if (f := facts[c.name]).distinct >= LEAST_VALUES
        and f.filled >= LEAST_FILLED * f.rows
        and f.later > 0
        and f.again >= RECURS * f.later
    ]
    return sorted(again, key=lambda c: (-facts[c.name].distinct, c.name))[:MOST_KEYS]


def _pairs(
    tally: Tally, sample: _Sample, keys: Sequence[str], columns: Sequence[Column], facts: Mapping[str, _Fact]
) -> Plan[list[Pair]]:
    """The pairs in which few rows are new and many would be by chance, the best first."""
    steady = [c.name for c in columns if (f := facts[c.name]).distinct > 1 and f.new <= NOVEL * max(f.late, 1)]
    tried = [Pair(key, value) for key in keys for value in steady if key != value]
    rows = max((f.rows for f in facts.values()), default=0)
    able = _able(tried, facts)
    if len(tried) > len(able):
        tally.notes.append(
            f"{tally.dataset.ref}: {len(tried) - len(able)} of {len(tried)} pairs of columns were not tried as values that go"
            f" together: that is too many for {rows:,} rows in its first buckets"
        )
    told: list[tuple[float, Pair]] = []
    for group in groups(list(able), TRIED_PER_STATEMENT):
        if group:
            told += yield from _told_apart(tally, sample, group, able)
    return _best(told)


def _able(tried: Sequence[Pair], facts: Mapping[str, _Fact]) -> dict[Pair, int]:
    """The pairs that can be tried, the first ones first, and with one value of their key in how many: as few are left out as can be."""
    tried, one_in = tried[:MOST_TRIED], 1
    thin = {pair: thinnest(facts[pair.key].distinct) for pair in tried}

    def cost(pair: Pair) -> float:
        rows = facts[pair.key].rows
        many = min(rows, facts[pair.key].distinct * facts[pair.value].distinct) > MANY
        return rows * (AS_MUCH if many else 1) / min(one_in, thin[pair])

    while sum(map(cost, tried)) > LOOKED_THROUGH and one_in < max(thin.values()):
        one_in *= 2
    able: dict[Pair, int] = {}
    room = float(LOOKED_THROUGH)
    for pair in tried:
        if cost(pair) <= room:
            room -= cost(pair)
            able[pair] = min(one_in, thin[pair])
    return able


def _best(told: Sequence[tuple[float, Pair]]) -> list[Pair]:
    by_value: dict[str, list[tuple[float, Pair]]] = {}
    for gain, pair in sorted(((g, p) for g, p in told if g > 0), key=lambda one: (-one[0], one[1])):
        by_value.setdefault(pair.value, []).append((gain, pair))
    few = [one for members in by_value.values() for one in members[:KEYS_OF_A_VALUE]]
    return [pair for _, pair in sorted(few, key=lambda one: (-one[0], one[1]))[:MOST_PAIRS]]


def _told_apart(
    tally: Tally, sample: _Sample, tried: Sequence[Pair], one_in: Mapping[Pair, int]
) -> Plan[list[tuple[float, Pair]]]:
    """How many more rows would have a new pair if values were dealt out by chance; 0 where it is not worth a look."""
    columns = list(dict.fromkeys(name for pair in tried for name in pair.columns))
    places = {name: f"c{at}" for at, name in enumerate(columns)}
    made, parts = [f"e AS MATERIALIZED ({sample.of(columns)})"], []
    late = f"b >= {sample.starts[PAIRED]} AND since < b"
    for at, pair in enumerate(tried):
        made += _chances(at, places[pair.key], places[pair.value], one_in[pair])
        since = ["MIN(b) OVER (PARTITION BY k) AS since", "MIN(b) OVER (PARTITION BY k, v) AS both_since"]
        first = select(["*", *since], f"cells{at}")
        counts = [f"SUM(n) FILTER ({late})", f"SUM(n) FILTER ({late} AND both_since = b)", "1 - SUM(n * seen) / SUM(n)"]
        parts.append(select([str(at), *counts], f"({first}) JOIN keys{at} USING (k)"))
    rows = yield tally.statement("relations: pairs", f"WITH {', '.join(made)} {' UNION ALL '.join(parts)}")
    return list(_gains(tried, rows))


def _chances(at: int, key: str, value: str, one_in: int) -> Iterator[str]:
    """Rows by bucket, key and value; how common each value is; the share of all rows that have a value a key ever had."""
    filled = [f"{key} IS NOT NULL", f"{value} IS NOT NULL", *drawn(key, one_in)]
    cells = select(["b", f"{key} AS k", f"{value} AS v", "COUNT(*) AS n"], "e", where=filled, group=["1", "2", "3"])
    yield f"cells{at} AS ({cells})"
    shares = select(["v", "SUM(n) / SUM(SUM(n)) OVER () AS share"], f"cells{at}", group=["1"])
    yield f"values{at} AS ({shares})"
    had = f"({select(['k', 'v'], f'cells{at}', group=['1', '2'])}) JOIN values{at} USING (v)"
    yield f"keys{at} AS ({select(['k', 'SUM(share) AS seen'], had, group=['1'])})"


def _gains(tried: Sequence[Pair], rows: Sequence[tuple[object, ...]]) -> Iterator[tuple[float, Pair]]:
    for at, late, new, chance in rows:
        count, came = int(str(late or 0)), float(str(chance or 0))
        share = int(str(new or 0)) / count if count else 1.0
        worth = count >= LATE and came >= LEAST_CHANCE and came >= TIMES_CHANCE * share
        yield round(came - share, 9) if worth else 0.0, tried[int(str(at))]
