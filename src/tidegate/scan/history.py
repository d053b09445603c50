"""The history that a table holds in itself: the same numbers per time bucket, and per bucket and segment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from tidegate.metrics import Kind, aggregate, kind_of, quoted, relation, select
from tidegate.model import Column, Family, Interval, MetricSpec, Segment
from tidegate.scan import infer, watch
from tidegate.scan.again import AGAIN, Telling, again, telling
from tidegate.scan.agreement import AGREED, Agreement, agreed, agreement
from tidegate.scan.beside import Beside, beside
from tidegate.scan.categories import grouped
from tidegate.scan.choice import Choice, keep_choice
from tidegate.scan.content import OVERTAKEN, bucket_of, contents, overtaken, recipe, reopened, stretches, vanished
from tidegate.scan.options import Plan
from tidegate.scan.regular import LONE, Regular, regular
from tidegate.scan.related import RELATED, related
from tidegate.scan.relations import Relations, relations
from tidegate.scan.rest import LEFT, UNJUDGED, left
from tidegate.scan.sequences import GAPS, Sequences, counted_up, sequences
from tidegate.scan.tally import Tally, groups
from tidegate.scan.thinning import fitted
from tidegate.scan.window import Window

OF_THE_PAST: Final = RELATED | {*AGREED, *AGAIN, *GAPS, *LEFT, UNJUDGED}
"""What is measured of a bucket by holding its rows against each other or those of earlier ones: no sum over categories."""

OF_NULLS: Final = ("null_count", LONE)
"""What is measured of a column's NULLs alone, whatever its values are."""

DISTINCT_VALUES: Final = 10_000_000
"""Values (rows × columns) up to which the distinct values of text and keys are counted per bucket: 10 to 70 ns each."""

NO_NUMBERS: Final = ("nan_count", "infinite_count")
"""What means and sums leave out; asked of the buckets of a column that has any."""

SEGMENT_MEASURES: Final = 12
"""Columns whose mean is kept per segment. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What came of the history: the starts of the buckets that have rows, ascending, and the columns that cut them.

    `reopened` are the buckets that were scanned, None for all; `vanished` the numbers known of them that did not come.
    """

    starts: tuple[datetime, ...] = ()
    segments: tuple[Column, ...] = ()
    reopened: frozenset[Interval] | None = None
    vanished: tuple[tuple[MetricSpec, Interval], ...] = ()


def history(tally: Tally, span: Window, counts: Mapping[str, int]) -> Plan[History]:
    """Measure every column per bucket, and by category: of the buckets whose rows changed since they were last scanned.

    `counts` gives the exact number of values (NULL included) of each category.
    """
    exact = yield from regular(tally, span)
    asks = [*_asks(tally, span), *(exact.asked(tally.dataset.ref) if exact is not None else ())]
    segments = infer.segment_columns(tally, counts, span.buckets)
    chosen = yield from _choices(tally, span, exact, _names(segments))
    measured = {spec.column or "" for spec in asks if spec.metric not in OF_NULLS} | {c.name for c in segments}
    measured |= {c.name for c in infer.times(tally)} | chosen.columns
    found = yield from contents(tally, span, measured)
    numbers = yield from beside(tally, span, tuple(found))
    chosen = replace(chosen, beside=numbers, rows=telling(tally, frozenset(measured)))
    asked = [span.key(tally.dialect), *_sql(tally, asks), *_names(segments), *chosen.written, *_names(_all_null(tally))]
    spec = tally.spec("content", argument=recipe(asked))
    changed = reopened(found, tally.options.known, spec, span)
    opened = {interval: value for interval, value in found.items() if changed is None or interval in changed}
    for interval, value in opened.items():
        tally.add_buckets([spec], [value], interval)
    for other, interval in overtaken(tally.options.known, spec, opened):
        tally.add_buckets([other], [OVERTAKEN], interval)
    spans = [span] if changed is None else [span.cut(one) for one in stretches(i for i in changed if i in found)]
    if spans:
        yield from _by_bucket(tally, spans, asks)
        if segments:
            yield from _by_segment(tally, spans, segments)
        chosen.keep(tally, opened)
        yield from _beyond_numbers(tally, span, spans, tuple(found), chosen, _names(segments))
    scanned = None if changed is None else changed | {i for i in found if any(i.start in s.interval for s in spans)}
    starts = tuple(interval.start for interval in found)
    gone = () if scanned is None else vanished(tally, scanned, starts)
    return History(starts=starts, segments=tuple(segments), reopened=scanned, vanished=gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choices:
    """What was chosen to be looked at beyond the numbers of single columns: what rows keep to exactly, keys and pairs, in what rows with the same key
    agree, which columns count up, numbers beside others, and the columns by which rows are told apart.
    """

    regular: Regular | None
    relations: Relations | None
    agreement: Agreement | None
    sequences: Sequences | None
    beside: Beside | None = None
    rows: Telling = field(default_factory=Telling)

    @property
    def made(self) -> dict[str, Choice]:
        """By the metric that keeps it, what was chosen."""
        known = {
            "relations": self.relations,
            "agreement": self.agreement,
            "beside": self.beside,
            "regular": self.regular,
            "sequences": self.sequences,
        }
        return {metric: choice for metric, choice in known.items() if choice is not None}

    @property
    def columns(self) -> frozenset[str]:
        """The columns whose values are read for it in every bucket."""
        asked = (self.relations, self.agreement, self.sequences)
        return frozenset(name for one in asked if one is not None for name in one.columns)

    @property
    def written(self) -> list[str]:
        """What of it changes the numbers of a bucket."""
        return [*map(str, self.made.values()), *self.rows.written]

    def keep(self, tally: Tally, opened: Collection[Interval]) -> None:
        """Keep what was chosen with each bucket that is measured, so that it stays."""
        for metric, choice in self.made.items():
            keep_choice(tally, metric, choice, opened)


def _choices(tally: Tally, span: Window, exact: Regular | None, segments: Sequence[str]) -> Plan[_Choices]:
    """What is chosen before it is asked which buckets changed."""
    keys = yield from relations(tally, span)
    if keys is not None:
        keys = fitted(tally, span, keys, segments)
    same = yield from agreement(tally, span, () if keys is None else keys.keys)
    counting = yield from sequences(tally, span)
    return _Choices(regular=exact, relations=keys, agreement=same, sequences=counting)


def _beyond_numbers(
    tally: Tally,
    span: Window,
    spans: Sequence[Window],
    found: Sequence[Interval],
    chosen: _Choices,
    segments: Sequence[str],
) -> Plan[None]:
    """What the rows of a bucket tell of each other, and of earlier buckets."""
    if chosen.relations is not None:
        yield from related(tally, span, spans, found, chosen.relations.beside(segments))
    if chosen.agreement is not None:
        yield from agreed(tally, spans, chosen.agreement)
    if chosen.sequences is not None:
        yield from counted_up(tally, span, spans, found, chosen.sequences)
    if chosen.beside is not None:
        yield from left(tally, span, spans, found, chosen.beside)
    yield from again(tally, span, spans, found, chosen.rows)


def _by_bucket(tally: Tally, spans: Sequence[Window], asks: Sequence[MetricSpec]) -> Plan[None]:
    buckets: dict[Interval, object] = {}
    key = spans[0].key(tally.dialect)
    for number, group in enumerate(groups(asks, 2 * tally.options.columns_per_statement)):
        sql = select(
            [key, *_sql(tally, group)],
            relation(tally.dataset.ref, tally.dialect),
            where=[_within(spans, tally.dialect)],
            group=["1"],
            order=["1"],
            dialect=tally.dialect,
        )
        rows = yield tally.statement("history", sql)
        for start, *values in rows:
            interval = bucket_of(start, spans[0])
            if number == 0:
                buckets[interval] = values[0]
            tally.add_buckets(group, values, interval)
    _add_known(tally, asks, buckets)


def _sql(tally: Tally, specs: Sequence[MetricSpec]) -> list[str]:
    columns = {spec.column: tally.dataset.column(spec.column or "") for spec in specs}
    return [aggregate(spec, columns[spec.column], dialect=tally.dialect) for spec in specs]


def _names(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns]


def _within(spans: Sequence[Window], dialect: str) -> str:
    return " OR ".join(f"({span.condition(dialect)})" for span in spans)


def _asks(tally: Tally, span: Window) -> list[MetricSpec]:
    """What is measured per bucket; a column without NULLs in all has none in any bucket, so that is not asked."""
    measures = {column.name for column in infer.measures(tally)}
    able = [
        c
        for c in tally.dataset.columns
        if (c.family is Family.TEXT or (c.name not in measures and kind_of(c) is Kind.INTEGER))
        and not infer.LOADERS_OWN.search(c.name)
    ]
    counted = {c.name for c in able} if tally.rows * len(able) <= DISTINCT_VALUES else set()
    asks = [tally.spec("row_count"), tally.spec("max", span.column.name)]
    asks += watch.of_clock(tally.dataset.ref, span.column, span.grain)
    for column in tally.dataset.columns:
        if 0 < tally.nulls(column) < tally.rows:
            asks.append(tally.spec("null_count", column.name))
        asks += [tally.spec(metric, column.name) for metric in NO_NUMBERS if tally.number(metric, column.name)]
        if column.name in measures:
            asks += [tally.spec(metric, column.name) for metric in ("mean", "stddev", "sum")]
        elif column.family is Family.BOOLEAN:
            asks.append(tally.spec("true_count", column.name))
        elif column.name in counted:
            asks.append(tally.spec("distinct_count", column.name))
    return asks + _watched(tally, span, measures)


def _watched(tally: Tally, span: Window, measures: Collection[str]) -> list[MetricSpec]:
    """How the values of a bucket look: texts, signs, extremes, clocks; nothing of a table that is too large for it."""
    telling = [
        c
        for c in tally.dataset.columns
        if (c.family in (Family.TEXT, Family.TIME) or c.name in measures)
        and c.name != span.column.name
        and not infer.LOADERS_OWN.search(c.name)
    ]
    if tally.rows * len(telling) > DISTINCT_VALUES:
        return []
    return [spec for column in telling for spec in watch.in_buckets(tally.dataset.ref, column)]


def _add_known(tally: Tally, asked: Sequence[MetricSpec], rows: Mapping[Interval, object]) -> None:
    """The null counts that follow from the whole table's: none, or every row."""
    known = set(asked)
    columns = [column for column in tally.dataset.columns if tally.spec("null_count", column.name) not in known]
    specs = [tally.spec("null_count", column.name) for column in columns]
    empty = [tally.nulls(column) > 0 for column in columns]
    for interval, count in rows.items():
        tally.add_buckets(specs, [count if all_null else 0 for all_null in empty], interval)


def _all_null(tally: Tally) -> list[Column]:
    """The columns without any value. A hash of rows does not tell them from those without a NULL, and neither is asked by bucket."""
    return [column for column in tally.dataset.columns if tally.nulls(column) == tally.rows > 0]


def _by_segment(tally: Tally, spans: Sequence[Window], segments: Sequence[Column]) -> Plan[None]:
    """Measure rows and means per bucket and value of each segment column.

    The rows are first added up by all segment columns together, then by each: a third of the cost of grouping the rows
    themselves once per column. `infer.segment_columns` keeps the combinations few.
    """
    measures = infer.measures(tally)[:SEGMENT_MEASURES]
    rows = yield tally.statement("history by segment", _segment_sql(tally, spans, segments, measures))
    plain = [tally.spec("row_count"), *(tally.spec("mean", column.name) for column in measures)]
    specs: dict[tuple[int, object], list[MetricSpec]] = {}
    intervals: dict[object, Interval] = {}
    for key, mask, *cells in rows:
        at = grouped(int(str(mask)), len(segments))
        value = cells[at]
        if (at, value) not in specs:
            segment = Segment(column=segments[at].name, value=None if value is None else str(value))
            specs[at, value] = [replace(spec, segment=segment) for spec in plain]
        if key not in intervals:
            intervals[key] = bucket_of(key, spans[0])
        tally.add_buckets(specs[at, value], cells[len(segments) :], intervals[key])


def _segment_sql(tally: Tally, spans: Sequence[Window], segments: Sequence[Column], measures: Sequence[Column]) -> str:
    dialect = tally.dialect
    keys = [f"s{at}" for at in range(len(segments))]
    inner = [
        f"{spans[0].key(dialect)} AS b",
        *(f"{quoted(c.name, dialect)} AS {key}" for c, key in zip(segments, keys, strict=True)),
    ]
    inner.append("COUNT(*) AS n")
    outer = ["b", f"GROUPING({', '.join(keys)})", *(f"CAST({key} AS TEXT)" for key in keys), "CAST(SUM(n) AS BIGINT)"]
    for at, column in enumerate(measures):
        total = aggregate(tally.spec("sum", column.name), column, dialect=dialect)
        count = aggregate(tally.spec("finite_count", column.name), column, dialect=dialect)
        inner += [f"{total} AS v{at}", f"{count} AS c{at}"]
        outer.append(f"SUM(v{at}) / NULLIF(SUM(c{at}), 0)")
    table = relation(tally.dataset.ref, dialect)
    group = [str(at + 1) for at in range(len(segments) + 1)]
    cells = select(inner, table, where=[_within(spans, dialect)], group=group, dialect=dialect)
    return select(outer, f"({cells}) AS cells", sets=[["b", key] for key in keys], dialect=dialect)
