"""The history that a table holds in itself: the same numbers per time bucket, and per bucket and segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tidegate.metrics import Kind, aggregate, kind_of, quoted, relation, select
from tidegate.model import Column, Family, Interval, MetricSpec, Segment
from tidegate.scan import infer
from tidegate.scan.categories import grouped
from tidegate.scan.grain import TIMES_AS_MANY, bucket, bucket_sql, floor, moment, shift, within_sql
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally, groups

DISTINCT_VALUES: Final = 10_000_000
"""Values (rows × columns) up to which the distinct values of text and keys are counted per bucket: 10 to 70 ns each."""

SEGMENT_MEASURES: Final = 12
"""Columns whose mean is kept per segment. Chosen, not derived."""


@dataclass(frozen=True, slots=True)
class Window:
    """The buckets that are looked at: by which column, how long each, and from when to when."""

    column: Column
    grain: str
    interval: Interval

    def key(self, dialect: str) -> str:
        """The SQL of a row's bucket."""
        return bucket_sql(self.column.name, kind_of(self.column), self.grain, dialect)

    def condition(self, dialect: str) -> str:
        """The SQL condition that a row lies in the window."""
        return within_sql(self.column.name, kind_of(self.column), self.interval, dialect)

    def last(self, buckets: int) -> Window:
        """The same window, cut to its newest buckets."""
        return self.since(shift(self.interval.end, self.grain, -buckets))

    def since(self, start: datetime) -> Window:
        """The same window, cut to what begins at that bucket's start."""
        interval = Interval(start=max(self.interval.start, start), end=self.interval.end)
        return Window(self.column, self.grain, interval)


def window(tally: Tally, column: Column, grain: str) -> Window | None:
    """The newest buckets of the time column, ending with the newest row that is not in the future."""
    newest, oldest = infer.newest_time(tally, column), tally.number("min", column.name)
    last = moment(newest) if newest is not None else None
    first = moment(oldest) if oldest is not None else None
    if last is None:
        return None
    end = shift(floor(last, grain), grain, 1)
    start = shift(end, grain, -tally.options.history_buckets * TIMES_AS_MANY.get(grain, 1))
    if first is not None:
        start = max(start, floor(first, grain))
    return Window(column, grain, Interval(start=start, end=end)) if start < end else None


def history(tally: Tally, span: Window) -> Plan[list[datetime]]:
    """Measure every column per bucket; returns the starts of the buckets that have rows, ascending."""
    asks = _asks(tally, span)
    buckets: dict[Interval, object] = {}
    for number, group in enumerate(groups(asks, 2 * tally.options.columns_per_statement)):
        columns = {spec.column: tally.dataset.column(spec.column or "") for spec in group}
        items = [
            span.key(tally.dialect),
            *(aggregate(spec, columns[spec.column], dialect=tally.dialect) for spec in group),
        ]
        sql = select(
            items,
            relation(tally.dataset.ref, tally.dialect),
            where=[span.condition(tally.dialect)],
            group=["1"],
            order=["1"],
            dialect=tally.dialect,
        )
        rows = yield tally.statement("history", sql)
        for key, *values in rows:
            interval = _interval(key, span)
            if number == 0:
                buckets[interval] = values[0]
            tally.add_buckets(group, values, interval)
    _add_known(tally, asks, buckets)
    return [interval.start for interval in buckets]


def _interval(key: object, span: Window) -> Interval:
    start = moment(float(str(key)))
    if start is None:
        raise ValueError(f"the engine put a row outside the window, at {key}")
    return bucket(start, span.grain)


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
    for column in tally.dataset.columns:
        if 0 < tally.nulls(column) < tally.rows:
            asks.append(tally.spec("null_count", column.name))
        if column.name in measures:
            asks += [tally.spec(metric, column.name) for metric in ("mean", "stddev", "sum")]
        elif column.family is Family.BOOLEAN:
            asks.append(tally.spec("true_count", column.name))
        elif column.name in counted:
            asks.append(tally.spec("distinct_count", column.name))
    return asks


def _add_known(tally: Tally, asked: Sequence[MetricSpec], rows: Mapping[Interval, object]) -> None:
    """The null counts that follow from the whole table's: none, or every row."""
    known = set(asked)
    columns = [column for column in tally.dataset.columns if tally.spec("null_count", column.name) not in known]
    specs = [tally.spec("null_count", column.name) for column in columns]
    empty = [tally.nulls(column) > 0 for column in columns]
    for interval, count in rows.items():
        tally.add_buckets(specs, [count if all_null else 0 for all_null in empty], interval)


def by_segment(tally: Tally, span: Window, segments: Sequence[Column]) -> Plan[None]:
    """Measure rows and means per bucket and value of each segment column.

    The rows are first added up by all segment columns together, then by each: a third of the cost of grouping the rows
    themselves once per column. `infer.segment_columns` keeps the combinations few.
    """
    measures = infer.measures(tally)[:SEGMENT_MEASURES]
    rows = yield tally.statement("history by segment", _segment_sql(tally, span, segments, measures))
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
            intervals[key] = _interval(key, span)
        tally.add_buckets(specs[at, value], cells[len(segments) :], intervals[key])


def _segment_sql(tally: Tally, span: Window, segments: Sequence[Column], measures: Sequence[Column]) -> str:
    dialect = tally.dialect
    keys = [f"s{at}" for at in range(len(segments))]
    inner = [
        f"{span.key(dialect)} AS b",
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
    cells = select(inner, table, where=[span.condition(dialect)], group=group, dialect=dialect)
    return select(outer, f"({cells}) AS cells", sets=[["b", key] for key in keys], dialect=dialect)
