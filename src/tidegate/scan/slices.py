"""Explanation on demand: which category, or which load, a strange bucket's rows came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.metrics import METRICS, TIMES, aggregate, in_segment, kind_of, quoted, relation, select
from tidegate.model import Column, Dataset, Interval, MetricSpec, Segment, Statement
from tidegate.scan.categories import grouped
from tidegate.scan.grain import within_sql
from tidegate.scan.options import Plan, ScanOptions, SliceRow
from tidegate.scan.tally import value_of

ADDITIVE: Final = frozenset({"sum"})
"""Metrics that grow with the rows, besides those that count rows: over several buckets they are averaged per bucket."""


@dataclass(frozen=True, slots=True)
class _Cell:
    rows: float = 0.0
    value: float | None = None


def slice_table(
    dataset: Dataset,
    spec: MetricSpec,
    interval: Interval,
    baseline: Sequence[Interval],
    segment_columns: Sequence[str],
    options: ScanOptions,
    *,
    part: Segment | None = None,
    dialect: str = "duckdb",
) -> Plan[tuple[SliceRow, ...]]:
    """Cut one number of one bucket, and of the buckets that it is compared with, by each of several columns.

    One statement that reads only the named buckets. Expected rows and counts are per bucket of the baseline; other
    values (a mean) are those of all its rows together. Ordered by column, then by the difference in rows.

    Args:
        options: `time_column` must be the column that the buckets were made by; without it nothing is asked.
        segment_columns: columns with few values in those buckets, a load column among them; unknown ones are left out.
        part: only the rows of this category are cut; one of an unknown column is none.

    Returns:
        A row for every value that occurs in the bucket or in the baseline, NULL included.
    """
    time = dataset.column(options.time_column) if options.time_column else None
    columns = [column for name in segment_columns if (column := dataset.column(name)) is not None]
    known = part is None or dataset.column(part.column) is not None
    if time is None or kind_of(time) not in TIMES or not columns or not baseline or not known:
        return ()
    value = _value_sql(dataset, spec, dialect)
    inside, outside = (_any_of(time, spans, dialect) for spans in ([interval], merged(baseline)))
    names = [quoted(column.name, dialect) for column in columns]
    now = f"CASE WHEN {inside} THEN 1 ELSE 0 END"
    sql = select(
        [now, f"GROUPING({', '.join(names)})", *(f"CAST({name} AS TEXT)" for name in names), "COUNT(*)", value],
        relation(dataset.ref, dialect),
        where=[f"(({inside}) OR ({outside}))", *([f"({in_segment(part, dialect)})"] if part is not None else ())],
        sets=[[now, name] for name in names],
        dialect=dialect,
    )
    rows = yield Statement(dataset=dataset.ref, purpose="slices", sql=sql)
    return _compared(spec, columns, _read(columns, rows), len(baseline))


def adds_up(spec: MetricSpec) -> bool:
    """Whether a number grows with the rows, so that several buckets' is shared out among them."""
    return METRICS[spec.metric].unit == "rows" or spec.metric in ADDITIVE


def _value_sql(dataset: Dataset, spec: MetricSpec, dialect: str) -> str:
    """The metric as an aggregate; NULL where it is none, so that only rows are compared."""
    column = dataset.column(spec.column) if spec.column is not None else None
    metric = METRICS[spec.metric]
    if metric.aggregate is None or (metric.families and column is None) or (metric.argument and spec.argument is None):
        return "NULL"
    return aggregate(replace(spec, segment=None), column, dialect=dialect)


def merged(intervals: Sequence[Interval]) -> list[Interval]:
    """The same stretches of time in as few intervals as possible, ascending."""
    found: list[Interval] = []
    for one in sorted(intervals):
        if found and one.start <= found[-1].end:
            found[-1] = Interval(start=found[-1].start, end=max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def _any_of(time: Column, intervals: Sequence[Interval], dialect: str) -> str:
    return " OR ".join(f"({within_sql(time.name, kind_of(time), one, dialect)})" for one in intervals)


def _read(columns: Sequence[Column], rows: Sequence[tuple[object, ...]]) -> dict[tuple[Segment, bool], _Cell]:
    cells: dict[tuple[Segment, bool], _Cell] = {}
    for now, mask, *values, count, raw in rows:
        at = grouped(int(str(mask)), len(columns))
        text = values[at]
        segment = Segment(column=columns[at].name, value=None if text is None else str(text))
        number = value_of(raw)
        value = float(number) if isinstance(number, int | float) else None
        cells[segment, bool(now)] = _Cell(float(str(count)), value)
    return cells


def _compared(
    spec: MetricSpec, columns: Sequence[Column], cells: Mapping[tuple[Segment, bool], _Cell], buckets: int
) -> tuple[SliceRow, ...]:
    additive = adds_up(spec)
    order = {column.name: at for at, column in enumerate(columns)}
    found = []
    for segment in dict.fromkeys(segment for segment, _ in cells):
        here, there = cells.get((segment, True), _Cell()), cells.get((segment, False), _Cell())
        expected = there.value / buckets if additive and there.value is not None else there.value
        found.append(
            SliceRow(
                segment=segment,
                observed_rows=here.rows,
                observed_value=here.value,
                expected_rows=there.rows / buckets,
                expected_value=expected,
            )
        )
    found.sort(
        key=lambda row: (order[row.segment.column], -abs(row.observed_rows - row.expected_rows), str(row.segment))
    )
    return tuple(found)
