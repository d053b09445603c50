"""Explain: which part of the rows a strange number came from, asked only of what closes the gate."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.detect.history import DRIFT
from tidegate.errors import QueryError
from tidegate.metrics import METRICS
from tidegate.model import Finding, Interval, MetricSpec, Segment, Settings, Slice
from tidegate.model.words import figure
from tidegate.ports import Reader
from tidegate.scan import (
    OF_THE_PAST,
    Limits,
    ScanOptions,
    SliceRow,
    TableScan,
    adds_up,
    beyond,
    by_category,
    far_sql,
    limits,
    slice_table,
)
from tidegate.scan.shown import shown
from tidegate.services.deliveries import compared, deliveries
from tidegate.services.measure import Measured, Meter

BASELINE_BUCKETS = 8
"""How many buckets before the strange one it is compared with. Chosen, not derived."""

LEAST_LIFT = 0.2
"""A category explains something when its share of the difference exceeds its share of the rows by this much, else the
difference is spread over all of them. Chosen, not derived."""

MOST_QUESTIONS = 8
"""How many findings of one version are looked into, at no more than two statements each. Chosen, not derived."""

WITHIN_SHARE = 0.8
"""A second column is named when one of its values alone holds at least this much of what the first one explains, and exceeds
its share of the first one's rows by LEAST_LIFT: else the first alone says it as well. Chosen, not derived."""

LEAST_WITHIN = 20
"""Fewer rows than this, usual and come, are too few to tell a value of a second column by. Chosen, not derived."""

LEAST_ALONE = 0.8
"""The only delivery of a bucket is named when it explains this much, and no category does. Chosen, not derived."""

SLICED_BY_MEAN = frozenset({"mean", "stddev"})
"""Numbers whose difference is shared out as rows times the difference of their mean."""


def explain(reader: Reader, measured: Measured, findings: Sequence[Finding], *, now: datetime) -> tuple[Finding, ...]:
    """Fill in the slice of findings that hold: a category, load or file, and a second one where both tell it better.

    A finding whose difference lies in no category names in `spread` the columns that were looked at; those that do not hold
    come back as they are. One statement for each of MOST_QUESTIONS findings, and one more for those with a slice.
    """
    asked = 0
    told = []
    meter = Meter(reader)
    for finding in findings:
        scan = measured.scans.get(finding.dataset) if finding.dataset is not None else None
        if asked < MOST_QUESTIONS and scan is not None and _is_open(finding, scan):
            asked += 1
            finding = _explained(meter, scan, finding, version=measured.version, now=now)
        told.append(finding)
    return tuple(told)


def with_statements(measured: Measured, findings: Iterable[Finding], settings: Settings) -> tuple[Finding, ...]:
    """The findings, each with a statement that shows its number, where one statement does. Nothing is asked."""
    told = []
    for finding in findings:
        scan = measured.scans.get(finding.dataset) if finding.dataset is not None else None
        if (
            scan is not None
            and finding.sql is None
            and finding.spec is not None
            and finding.spec.dataset == finding.dataset
        ):
            finding = dataclasses.replace(finding, sql=_statement(finding, finding.spec, scan, settings))
        told.append(finding)
    return tuple(told)


def _statement(finding: Finding, spec: MetricSpec, scan: TableScan, settings: Settings) -> str | None:
    """The SQL of the number that the finding tells, of its bucket; of a drift that of each bucket since it began.

    How many rows are NULL, true or copies is told as a share of the rows.
    """
    return shown(
        scan.dataset,
        spec,
        finding.bucket or finding.interval,
        time_column=scan.time_column,
        share=_is_share(spec),
        each=(scan.grain, settings.table(spec.dataset).zone)
        if finding.kind == DRIFT and scan.grain is not None
        else None,
    )


def _is_share(spec: MetricSpec) -> bool:
    """Whether findings tell the number as a share of the rows: what counts some of them."""
    metric = METRICS.get(spec.metric)
    return metric is not None and metric.unit == "rows" and spec.metric != "row_count"


def _is_open(finding: Finding, scan: TableScan) -> bool:
    cut = finding.slice
    asks = finding.holds and finding.kind != "freshness" and (cut is None or cut.within is None)
    if finding.spec is None or (finding.spec.metric in OF_THE_PAST and not is_far(finding.spec)):
        return False  # what a row breaks of others is no sum over categories
    return asks and finding.interval is not None and scan.time_column is not None


def _explained(meter: Meter, scan: TableScan, finding: Finding, *, version: int, now: datetime) -> Finding:
    if finding.spec is None or finding.interval is None:
        return finding
    options = ScanOptions(version=version, taken_at=now, time_column=scan.time_column)
    asked = _Asked(meter, scan, _sliceable(finding.spec), finding.interval, options)
    try:
        if is_far(finding.spec):
            return far_from_usual(meter, scan, finding, options)
        return asked.told(finding)
    except QueryError:
        return finding  # it stands with what is known


@dataclass(frozen=True, slots=True)
class _Asked:
    """One number of one bucket of a table, to be cut; `first` is the column that is cut by before all others."""

    meter: Meter
    scan: TableScan
    spec: MetricSpec
    interval: Interval
    options: ScanOptions
    first: str | None = None

    def told(self, finding: Finding) -> Finding:
        """The finding with its slice, of one column or two; with that of one where the second cannot be asked for."""
        first = finding if finding.slice is not None else self.sliced(finding)
        try:
            return self.within(first)
        except QueryError:
            return first

    def sliced(self, finding: Finding) -> Finding:
        """The finding with the slice that explains it, or with the columns that none was found in."""
        columns, units = self._categories(), deliveries(self.scan)
        rows = self._rows([*columns, *(u for u in units if u not in columns)], None)
        best = best_slice(rows, by_mean=self.by_mean, deliveries=units, adds_up=adds_up(self.spec))
        is_all = (
            best is not None and sum(r.segment.column == best.segment.column and r.observed_rows > 0 for r in rows) == 1
        )
        spread = tuple(columns) if rows and (best is None or (is_all and best.segment.column in units)) else ()
        return dataclasses.replace(finding, slice=best, spread=spread)

    def within(self, finding: Finding) -> Finding:
        """The finding with a second column in its slice, where that one tells it better than the first alone."""
        first, units = finding.slice, deliveries(self.scan)
        if first is None or first.segment.column in units:
            return finding
        columns = [c for c in dict.fromkeys([*categories(self.scan), *units]) if c != first.segment.column]
        rows = self._rows(columns, first.segment)
        second = second_slice(first, rows, by_mean=self.by_mean, deliveries=units, adds_up=adds_up(self.spec))
        return dataclasses.replace(finding, slice=second)

    def _categories(self) -> list[str]:
        return list(dict.fromkeys([*([self.first] if self.first is not None else []), *categories(self.scan)]))

    @property
    def by_mean(self) -> bool:
        return self.spec.metric in SLICED_BY_MEAN

    def _rows(self, columns: Sequence[str], part: Segment | None) -> tuple[SliceRow, ...]:
        baseline = before(self.interval)
        plan = slice_table(self.scan.dataset, self.spec, self.interval, baseline, columns, self.options, part=part)
        return self.meter.drive(plan)


def is_far(spec: MetricSpec) -> bool:
    """Whether the number counts rows that are far from what their category leads to expect."""
    return spec.metric == "rest_far_count" and spec.argument is not None


def far_from_usual(meter: Meter, scan: TableScan, finding: Finding, options: ScanOptions) -> Finding:
    """The finding with what each category usually has: the slice that most of the far rows are of, in words too, and the rows."""
    spec, interval, time = finding.spec, finding.interval, scan.time_column
    by = by_category(spec, scan.measurements) if spec is not None else None
    if spec is None or spec.column is None or interval is None or time is None or by is None:
        return finding
    usual = meter.drive(limits(scan.dataset, spec.column, by, interval, time_column=time))
    if not usual:
        return finding
    far = MetricSpec(dataset=spec.dataset, metric="row_count", where=beyond(spec.column, usual))
    told = _Asked(meter, scan, far, interval, options, first=by.column).told(finding)
    mine = [one for one in usual if told.slice is not None and one.segment in (told.slice.segment, told.slice.within)]
    sql = far_sql(scan.dataset, spec.column, mine or usual, interval, time_column=time)
    words = "".join(_usually(spec.column, one, told.slice) for one in mine[:1] if told.slice is not None)
    return dataclasses.replace(told, sql=sql, sentence=finding.sentence + words)


def _usually(number: str, usual: Limits, part: Slice) -> str:
    """How many values of a category are far, and what it usually has."""
    of = f"all {part.observed:,.0f}" if part.observed == usual.values else f"{part.observed:,.0f} of {usual.values:,}"
    now = "" if usual.median is None else f"median {figure(usual.median)}, "
    return f"; {of} values of `{number}` where {part.name} are far: {now}usually {figure(usual.low)} to {figure(usual.high)}"


def _sliceable(spec: MetricSpec) -> MetricSpec:
    """The number to cut: a deviation is shared out through its mean, a count of rows as it is."""
    metric = "mean" if spec.metric == "stddev" else spec.metric
    return dataclasses.replace(spec, metric=metric, segment=None)


def categories(scan: TableScan) -> list[str]:
    """The columns with few values, by name; loads and files are left out."""
    found = {
        m.spec.segment.column
        for m in scan.measurements
        if m.interval is None and m.spec.metric == "row_count" and m.spec.segment is not None
    }
    return sorted(found - {scan.load_column, *deliveries(scan)})


def before(interval: Interval) -> list[Interval]:
    """The stretches of the same length that lie before an interval, newest first."""
    length = interval.end - interval.start
    return [
        Interval(start=interval.start - length * n, end=interval.end - length * n)
        for n in range(1, BASELINE_BUCKETS + 1)
    ]


def best_slice(
    rows: Iterable[SliceRow], *, by_mean: bool, deliveries: Collection[str] = (), adds_up: bool = True
) -> Slice | None:
    """The part whose share of the difference exceeds its share of the rows most; None when none does by LEAST_LIFT.

    The only load or file of the bucket is no part of it: it is named when it explains LEAST_ALONE and nothing else does.

    Args:
        by_mean: the difference of a category is its rows times the difference of its mean; else it is that of its count.
        deliveries: which of the columns name loads or files.
        adds_up: the number grows with the rows.
    """
    found = _weighed(rows, by_mean=by_mean, deliveries=deliveries, adds_up=adds_up)
    best = max(found, key=lambda part: part.lift, default=None)
    if best is not None and best.lift >= LEAST_LIFT:
        return best.slice
    alone = (p.slice for p in found if p.alone and p.slice.share >= LEAST_ALONE)
    return next(alone, None)


def second_slice(
    first: Slice, rows: Iterable[SliceRow], *, by_mean: bool, deliveries: Collection[str] = (), adds_up: bool = True
) -> Slice:
    """The slice with the value of a second column in which nearly all of its difference lies; unchanged if there is none.

    Args:
        rows: of the first category alone.
    """
    found = _weighed(rows, by_mean=by_mean, deliveries=deliveries, adds_up=adds_up)
    clear = [p for p in found if p.lift >= LEAST_LIFT and p.slice.share >= WITHIN_SHARE and p.rows >= LEAST_WITHIN]
    best = max(clear, key=lambda part: part.lift, default=None)
    if best is None:
        return first
    share, cut = first.share * best.slice.share, best.slice
    return dataclasses.replace(first, share=share, observed=cut.observed, expected=cut.expected, within=cut.segment)


@dataclass(frozen=True, slots=True)
class _Part:
    """A slice, by how much its share of the difference exceeds that of the rows, its rows, and whether it is all there is."""

    slice: Slice
    lift: float
    rows: float
    alone: bool


def _weighed(rows: Iterable[SliceRow], *, by_mean: bool, deliveries: Collection[str], adds_up: bool) -> list[_Part]:
    by_column: dict[str, list[SliceRow]] = {}
    for row in rows:
        by_column.setdefault(row.segment.column, []).append(row)
    found: list[_Part] = []
    for column, members in by_column.items():
        total = None if by_mean else sum(_moved(row, by_mean=False) for row in members)
        if column in deliveries:
            members = compared(members, BASELINE_BUCKETS, adds_up=adds_up)
            found += _parts(members, total, by_mean=by_mean, alone=len(members) == 1)
        else:
            found += _parts(members, total, by_mean=by_mean, alone=False)
    return found


def _parts(members: Sequence[SliceRow], total: float | None, *, by_mean: bool, alone: bool) -> list[_Part]:
    """The values of one column; `total` is the difference to be explained, by default the sum of theirs."""
    moved = [_moved(row, by_mean=by_mean) for row in members]
    total = sum(moved) if total is None else total
    size = sum(max(r.observed_rows, r.expected_rows) for r in members)
    if not total or not size:
        return []
    found = []
    for row, part in zip(members, moved, strict=True):
        share, rows = min(1.0, part / total), max(row.observed_rows, row.expected_rows)
        observed, expected = _values(row, by_mean=by_mean)
        one = Slice(segment=row.segment, share=share, observed=observed, expected=expected)
        found.append(_Part(one, share - rows / size, rows, alone))
    return found


def _values(row: SliceRow, *, by_mean: bool) -> tuple[float, float]:
    if by_mean or row.observed_value is not None or row.expected_value is not None:
        return row.observed_value or 0.0, row.expected_value or 0.0
    return row.observed_rows, row.expected_rows


def _moved(row: SliceRow, *, by_mean: bool) -> float:
    observed, expected = _values(row, by_mean=by_mean)
    if by_mean:
        known = row.observed_value is not None and row.expected_value is not None
        return row.observed_rows * (observed - expected) if known else 0.0
    return observed - expected
