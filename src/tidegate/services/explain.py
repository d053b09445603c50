"""Explain: which part of the rows a strange number came from, asked only of what closes the gate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime

from tidegate.errors import QueryError
from tidegate.model import Finding, Interval, MetricSpec, Slice
from tidegate.ports import Reader
from tidegate.scan import ScanOptions, SliceRow, TableScan, shown, slice_table
from tidegate.services.measure import Measured, Meter

BASELINE_BUCKETS = 8
"""How many buckets before the strange one it is compared with. Chosen, not derived."""

LEAST_LIFT = 0.2
"""A category explains something when its share of the difference exceeds its share of the rows by this much, else the
difference is spread over all of them. Chosen, not derived."""

MOST_QUESTIONS = 8
"""How many findings of one version are looked into, at one statement each. Chosen, not derived."""

SLICED_BY_MEAN = frozenset({"mean", "stddev"})
"""Numbers whose difference is shared out as rows times the difference of their mean."""


def explain(reader: Reader, measured: Measured, findings: Sequence[Finding], *, now: datetime) -> tuple[Finding, ...]:
    """Fill in the slice of findings that hold and have none yet; the others come back as they are.

    A finding whose difference lies in no category names in `spread` the columns that were looked at.
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


def with_statements(measured: Measured, findings: Iterable[Finding]) -> tuple[Finding, ...]:
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
            sql = shown(scan.dataset, finding.spec, finding.interval, time_column=scan.time_column)
            finding = dataclasses.replace(finding, sql=sql)
        told.append(finding)
    return tuple(told)


def _is_open(finding: Finding, scan: TableScan) -> bool:
    asks = finding.holds and finding.slice is None and finding.kind != "freshness"
    return asks and finding.interval is not None and finding.spec is not None and scan.time_column is not None


def _explained(meter: Meter, scan: TableScan, finding: Finding, *, version: int, now: datetime) -> Finding:
    if finding.spec is None or finding.interval is None:
        return finding
    columns = categories(scan)
    spec = _sliceable(finding.spec)
    options = ScanOptions(version=version, taken_at=now, time_column=scan.time_column)
    plan = slice_table(scan.dataset, spec, finding.interval, before(finding.interval), columns, options)
    try:
        rows = meter.drive(plan)
    except QueryError:
        return finding  # the finding stands without it
    best = best_slice(rows, by_mean=spec.metric in SLICED_BY_MEAN)
    if best is not None:
        return dataclasses.replace(finding, slice=best)
    return dataclasses.replace(finding, spread=tuple(columns)) if rows else finding


def _sliceable(spec: MetricSpec) -> MetricSpec:
    """The number to cut: a deviation is shared out through its mean, a count of rows as it is."""
    metric = "mean" if spec.metric == "stddev" else spec.metric
    return dataclasses.replace(spec, metric=metric, segment=None)


def categories(scan: TableScan) -> list[str]:
    """The columns with few values, by name; the load column is left out."""
    found = {
        m.spec.segment.column
        for m in scan.measurements
        if m.interval is None and m.spec.metric == "row_count" and m.spec.segment is not None
    }
    return sorted(found - {scan.load_column})


def before(interval: Interval) -> list[Interval]:
    """The stretches of the same length that lie before an interval, newest first."""
    length = interval.end - interval.start
    return [
        Interval(start=interval.start - length * n, end=interval.end - length * n)
        for n in range(1, BASELINE_BUCKETS + 1)
    ]


def best_slice(rows: Iterable[SliceRow], *, by_mean: bool) -> Slice | None:
    """The category whose share of the difference exceeds its share of the rows most; None when none does by LEAST_LIFT.

    Args:
        by_mean: the difference of a category is its rows times the difference of its mean; else it is that of its count.
    """
    by_column: dict[str, list[SliceRow]] = {}
    for row in rows:
        by_column.setdefault(row.segment.column, []).append(row)
    found: list[tuple[float, Slice]] = []
    for members in by_column.values():
        moved = [_moved(row, by_mean=by_mean) for row in members]
        total, size = sum(moved), sum(max(r.observed_rows, r.expected_rows) for r in members)
        if not total or not size:
            continue
        for row, part in zip(members, moved, strict=True):
            share, weight = part / total, max(row.observed_rows, row.expected_rows) / size
            observed, expected = _values(row, by_mean=by_mean)
            one = Slice(segment=row.segment, share=min(1.0, share), observed=observed, expected=expected)
            found.append((min(1.0, share) - weight, one))
    lift, best = max(found, key=lambda pair: pair[0], default=(0.0, None))
    return best if lift >= LEAST_LIFT else None


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
