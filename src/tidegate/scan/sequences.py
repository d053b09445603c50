"""Columns that count up: numbers of orders without a gap, the lines of each order, a reading every five minutes. Where one is left out, a row is lost.

Rows that are lost at random move no share and no mean, and how many there are only where that hardly varies; a gap is exact. Which columns
count up, by which step, and whether they do so for each value of another column, is told from the first buckets, and kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple, Self, TypeVar

from tidegate.metrics import TIMES, Kind, kind_of, quoted, relation, select
from tidegate.model import Column, CountsUp, Dataset, Grid, Interval, MetricSpec
from tidegate.scan.again import any_of, newest, within
from tidegate.scan.choice import kept_choice
from tidegate.scan.content import bucket_of, filled, stretches
from tidegate.scan.grain import within_sql
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.options import Plan
from tidegate.scan.relations import FIRST, LONGEST, teaching
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window, rows_within

GAPS: Final = ("due_count", "gap_count", "next_count", "break_count")
"""How many values are due between the least and the greatest, and how many of them are missing; how many come after another one, and before how
many of these some are missing.
"""

KNOWN: Final = 0.9
"""The share of the rows that have a value, at least. Chosen, not derived, as what follows."""

UNIQUE: Final = 0.9
"""The share of the values that no other row has, of its bucket or of its key in it, at least."""

FOLLOWED: Final = 0.5
"""The share of the rows that come after another one of their bucket and key, at least."""

LEAST_DUE: Final = 21
"""Values that are due in the first buckets, at least."""

MISSING = 0.1
SPARSE = 0.95
"""The share of them that is missing at first, at most; and of numbers that go on from bucket to bucket, of which others may have their share."""

REGULAR = 0.9
NEARLY = 0.2
"""The share of the times that come a whole number of steps after the one before, at least, and by how much of a step each may miss that."""

EDGE: Final = 0.02
"""Numbers go on from a bucket to the next one where all of the next one but this share lie above all of the first but this share."""

SAME: Final = 0.05
"""Two tell the same where the numbers of their values that are due differ by this share at most."""

MOST_TRIED, MOST = 12, 4
"""Columns, each alone or with a key, that are tried, and that are chosen."""

LOOKED_THROUGH: Final = 20_000_000
"""Rows of the first buckets times what is tried; rows times what was chosen, beyond the newest bucket: about 200 ns each."""

T = TypeVar("T")

DIGITS: Final = "([0-9]{1,15})[^0-9]*$"
"""The number in a text: its last digits."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """The columns that count up, those with the fewest gaps first."""

    counting: tuple[CountsUp, ...] = ()

    def __str__(self) -> str:
        """As it is kept."""
        return json.dumps([[one.column, one.every, one.key] for one in self.counting], ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """The same from what was kept."""
        return cls(tuple(CountsUp(*one) for one in json.loads(text)))

    @property
    def size(self) -> int:
        """How much it is."""
        return len(self.counting)

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are looked at."""
        return frozenset(name for one in self.counting for name in (one.column, one.key) if name is not None)


class Able(NamedTuple):
    """The columns that may count up, and those for whose values they may do so."""

    columns: Sequence[Column]
    keys: Sequence[Column]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Self:
        """Whole numbers, times, and texts by their last digits; for each of a text, a whole number, a label or a truth. Not the loader's own."""
        own = [column for column in columns if not LOADERS_OWN.search(column.name)]
        counts = {Kind.INTEGER, Kind.TEXT, *TIMES}
        keys = {Kind.INTEGER, Kind.TEXT, Kind.LABEL, Kind.BOOLEAN}
        return cls([c for c in own if kind_of(c) in counts], [c for c in own if kind_of(c) in keys])


class Spread(NamedTuple):
    """What a bucket has of a column: rows with a value, different values, and between which two all but a few lie."""

    values: int
    different: int
    low: float
    high: float


class Tried(NamedTuple):
    """A column that is tried, alone or for each value of a key; whether its numbers go on from one bucket to the next."""

    column: Column
    key: Column | None = None
    goes_on: bool = False

    @property
    def is_time(self) -> bool:
        """Whether its step must be found out."""
        return kind_of(self.column) in TIMES

    @property
    def names(self) -> tuple[str, str | None]:
        """What the two are called."""
        return self.column.name, None if self.key is None else self.key.name


class Told(NamedTuple):
    """What the first buckets tell of a column: rows with a value, of how many keys; how many come after another one, by which median step, and how
    many by a whole number of steps; how many values are due.
    """

    rows: int
    keys: int
    followed: int
    step: float
    regular: int
    due: int

    @property
    def missing(self) -> float:
        """The share of what is due that is missing."""
        return 1 - self.followed / max(self.due, 1)


def kept_sequences(known: Grid | None) -> Sequences | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "sequences")
    return None if written is None else Sequences.read(written)


def sequences(tally: Tally, span: Window) -> Plan[Sequences | None]:
    """What was chosen, else what the first buckets tell; None while these are too few."""
    before = kept_sequences(tally.options.known)
    if before is not None and before.columns <= {column.name for column in tally.dataset.columns}:
        return before
    first = teaching(tally, (yield from filled(tally, span)))
    if len(first) < FIRST:
        return None
    early = [span.cut(Interval(start=first[0].start, end=first[-1].end))]
    room = LOOKED_THROUGH // max(1, rows_within(tally, span) * len(first) // max(1, span.buckets))
    able = _able(tally, room)
    if not able.columns:
        return Sequences()
    rows = yield tally.statement(
        "sequences: columns", spreads_sql(_rows(tally, early, spread_items(able, tally.dialect)), able)
    )
    spreads = {bucket: cells for start, *cells in rows if (bucket := bucket_of(start, span)) in first}
    fullest = max(spreads, key=lambda bucket: int(str(spreads[bucket][0])))
    told = {}
    for tried in _affordable(tally, list(worth_trying(able, list(spreads.values()))), room):
        for spans in ([span.cut(fullest)], early):
            numbers = _numbers(tally, spans, *tried.names)
            ((*cells,),) = yield tally.statement("sequences: first buckets", told_sql(numbers, is_time=tried.is_time))
            told[tried] = told_of(cells)
            if not may_count(tried, told[tried]):
                break
    return Sequences(tuple(counting(told)))


def _able(tally: Tally, room: int) -> Able:
    """The columns that may count up, but for prose, as many as there is room for."""
    able = Able.of([c for c in tally.dataset.columns if (tally.number("max_length", c.name) or 0) <= LONGEST])
    return able._replace(columns=_affordable(tally, able.columns, room))


def _affordable(tally: Tally, tried: Sequence[T], room: int) -> Sequence[T]:
    """The first ones, for which there is room; that the others are not tried is noted."""
    if len(tried) > room:
        tally.notes.append(
            f"{tally.dataset.ref}: {len(tried) - room} of {len(tried)} columns were not tried as ones that count up: there are too many rows in its"
            " first buckets"
        )
    return tried[:room]


def number_sql(column: Column, dialect: str = "duckdb") -> str:
    """A value as a number, of times in seconds; NULL of a text without digits, and of an infinite time."""
    name = quoted(column.name, dialect)
    if kind_of(column) in TIMES:
        return f"EPOCH({name})"
    if kind_of(column) is Kind.TEXT:
        return f"TRY_CAST(REGEXP_EXTRACT({name}, '{DIGITS}', 1) AS DOUBLE)"
    return f"CAST({name} AS DOUBLE)"


def spread_items(able: Able, dialect: str = "duckdb") -> list[str]:
    """What `spreads_sql` takes of a row, beside its bucket."""
    values = [f"{number_sql(column, dialect)} AS v{at}" for at, column in enumerate(able.columns)]
    return values + [f"{quoted(column.name, dialect)} AS k{at}" for at, column in enumerate(able.keys)]


def spreads_sql(rows: str, able: Able) -> str:
    """For each bucket `b` of `rows`: how many there are; a `Spread` of each column; how many different values each key has."""
    items = ["COUNT(*)"]
    for at in range(len(able.columns)):
        items += [f"COUNT(v{at})", f"COUNT(DISTINCT v{at})"]
        items += [f"QUANTILE_CONT(v{at}, {share})" for share in (EDGE, 1 - EDGE)]
    items += [f"COUNT(DISTINCT k{at})" for at in range(len(able.keys))]
    return select(["b", *items], f"({rows})", group=["b"], order=["b"])


def worth_trying(able: Able, buckets: Sequence[Sequence[object]]) -> Iterator[Tried]:
    """What may count up, from the rows of `spreads_sql`: numbers that go on from bucket to bucket; what comes once in a bucket; and what
    may come once for each value of a key, those first whose values and keys together are hardly more than the rows.
    """
    rows = [int(str(cells[0])) for cells in buckets]
    keys = {
        key: median(int(str(cells[at])) for cells in buckets)
        for at, key in enumerate(able.keys, start=1 + len(Spread._fields) * len(able.columns))
    }
    usual, with_keys = median(rows), list[tuple[float, Tried]]()
    for column, spread in _spreads(able, buckets):
        if sum(one.values for one in spread) < KNOWN * sum(rows):
            continue
        different, tried = median(one.different for one in spread), Tried(column)
        goes_on = all(one.high < other.low for one, other in pairwise(spread)) and not tried.is_time
        if goes_on or different >= UNIQUE * usual:
            yield tried._replace(goes_on=goes_on)
        for key, values in keys.items():
            if not goes_on and key != column and min(values, different) > 1 and different * values >= UNIQUE * usual:
                with_keys.append((different * values, tried._replace(key=key)))
    yield from (tried for _, tried in sorted(with_keys, key=lambda one: one[0])[:MOST_TRIED])


def _spreads(able: Able, buckets: Sequence[Sequence[object]]) -> Iterator[tuple[Column, list[Spread]]]:
    """Each column with its spreads in the buckets that have a value."""
    for at, column in enumerate(able.columns):
        cells = [own[1 + 4 * at : 5 + 4 * at] for own in buckets]
        found = (Spread(int(str(n)), int(str(k)), float(str(low)), float(str(high))) for n, k, low, high in cells if n)
        yield column, list(found)


def told_sql(numbers: str, *, is_time: bool) -> str:
    """One row, a `Told`, of `numbers`: each a bucket `b`, a key `k` and a value `v`."""
    step = "MEDIAN(CASE WHEN d > 0 THEN d END) OVER ()" if is_time else "1.0"
    regular = f"d > {NEARLY} * s AND ABS(d / s - ROUND(d / s)) <= {NEARLY}"
    items = ["COUNT(*)", "COUNT(DISTINCT (b, k))", "COUNT(*) FILTER (d > 0)", "MAX(s)", f"COUNT(*) FILTER ({regular})"]
    stepped = select(["*", f"{step} AS s"], f"({apart_sql(numbers)})")
    return select([*items, "SUM(GREATEST(ROUND(d / s), 1)) FILTER (d > 0)"], f"({stepped})")


def told_of(cells: Sequence[object]) -> Told:
    """What `told_sql` brings."""
    rows, keys, followed, step, regular, due = (float(str(cell or 0)) for cell in cells)
    return Told(int(rows), int(keys), int(followed), step, int(regular), int(due))


def counting(told: Mapping[Tried, Told]) -> list[CountsUp]:
    """Those that count up, the ones with the fewest gaps first; of two that tell the same of a key, or of a column, the first."""
    passed = [(one.missing, -one.due, tried.names, tried) for tried, one in told.items() if _counts(tried, one)]
    chosen: dict[CountsUp, int] = {}
    for *_, tried in sorted(passed, key=lambda p: (*p[:2], p[2][0], p[2][1] or "")):
        one, (name, key) = told[tried], tried.names
        akin = (due for other, due in chosen.items() if other.key == key or other.column == name)
        if not any(abs(due - one.due) <= SAME * due for due in akin):
            chosen[CountsUp(name, one.step if tried.is_time else None, key)] = one.due
    return list(chosen)[:MOST]


def _counts(tried: Tried, one: Told) -> bool:
    if one.due < LEAST_DUE or (tried.goes_on and one.followed < LEAST_DUE):
        return False
    return may_count(tried, one)


def may_count(tried: Tried, one: Told) -> bool:
    """Whether it counts up by what is told of it, however little; asked of the fullest of the first buckets alone, so that most are not tried on all."""
    if one.regular < REGULAR * one.followed:
        return False
    if tried.goes_on:
        return one.missing <= SPARSE
    is_alone = one.followed >= UNIQUE * (one.rows - one.keys)
    return is_alone and one.followed >= FOLLOWED * one.rows and one.missing <= MISSING


def counted_up(
    tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], chosen: Sequences
) -> Plan[None]:
    """Measure the buckets that lie in `spans`, of all that are `found` (oldest first): their values in order, once for each column."""
    looked = "gaps in what counts up are looked for"
    targets = newest(tally, span, found, within(spans, found), chosen.size, most=LOOKED_THROUGH, looked=looked)
    parts = [span.cut(one) for one in stretches(found[at] for at in targets)]
    for one in chosen.counting if parts else ():
        specs = [tally.spec(metric, one.column, argument=one.argument) for metric in GAPS]
        sql = gaps_sql(_numbers(tally, parts, one.column, one.key), one.step)
        for start, *cells in (yield tally.statement("sequences", sql)):
            tally.add_buckets(specs, cells, bucket_of(start, span))


def gaps_sql(numbers: str, step: float) -> str:
    """The numbers `GAPS` of each bucket of `numbers` in which a value comes after another one."""
    steps = f"GREATEST(ROUND(d / {step!r}), 1)"
    items = [f"CAST(SUM({steps}) AS BIGINT)", f"CAST(SUM({steps} - 1) AS BIGINT)"]
    items += ["COUNT(*)", f"COUNT(*) FILTER ({steps} > 1)"]
    return select(["b", *items], f"({apart_sql(numbers)})", where=["d > 0"], group=["b"], order=["b"])


def apart_sql(numbers: str) -> str:
    """By how much each value is more than the one before it, in its bucket and for its key."""
    return select(["b", "k", "v - LAG(v) OVER (PARTITION BY b, k ORDER BY v) AS d"], f"({numbers})")


def missing_sql(
    dataset: Dataset, spec: MetricSpec, interval: Interval, time: Column, *, dialect: str = "duckdb"
) -> str | None:
    """The gaps of a bucket: between which two values, and how many are missing there; the widest first. None where the column is no more."""
    one = CountsUp.of(spec)
    column = dataset.column(one.column)
    if column is None:
        return None
    name, number = quoted(one.column, dialect), number_sql(column, dialect)
    key = [quoted(one.key, dialect)] if one.key is not None else []
    order = f"({f'PARTITION BY {key[0]} ' if key else ''}ORDER BY {number})"
    apart = f"({number} - LAG({number}) OVER {order})"
    inside = within_sql(time.name, kind_of(time), interval, dialect)
    items = [*key, f"LAG({name}) OVER {order} AS after_this", f"{name} AS comes_this"]
    items.append(f"CAST(ROUND({apart} / {one.step!r}) - 1 AS BIGINT) AS missing")
    gaps = select(items, relation(dataset.ref, dialect), where=[inside, f"{number} IS NOT NULL"], dialect=dialect)
    return select(["*"], f"({gaps})", where=["missing > 0"], order=["missing DESC", "after_this"], dialect=dialect)


def _rows(tally: Tally, spans: Sequence[Window], items: Sequence[str], *where: str) -> str:
    """Something of the rows of some buckets, with their bucket `b`."""
    inside, source = any_of(spans, tally.dialect), relation(tally.dataset.ref, tally.dialect)
    bucket = f"{spans[0].key(tally.dialect)} AS b"
    return select([bucket, *items], source, where=[f"({inside})", *where], dialect=tally.dialect)


def _numbers(tally: Tally, spans: Sequence[Window], column: str, key: str | None) -> str:
    """The values of some buckets as numbers `v`, with their bucket `b` and their key `k`."""
    number = number_sql({one.name: one for one in tally.dataset.columns}[column], tally.dialect)
    return _rows(tally, spans, numbers_items(number, key, tally.dialect), f"{number} IS NOT NULL")


def numbers_items(number: str, key: str | None, dialect: str = "duckdb") -> list[str]:
    """The key and the value, as items of a SELECT."""
    return [f"{quoted(key, dialect) if key is not None else 0} AS k", f"{number} AS v"]
