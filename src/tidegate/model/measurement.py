"""Numbers: what is asked of a dataset, in which statements, and what came back."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tidegate.model.dataset import DatasetRef, Interval

Value: TypeAlias = int | float | str | None
"""What a number can be; None where there was nothing to measure it from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The rows in which `column` has `value` (its text form; None is NULL)."""

    column: str
    value: str | None

    def __str__(self) -> str:
        return f"{self.column} = {self.value if self.value is not None else 'NULL'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """The identity of a number, so that two wishes for the same number are one.

    `metric` is a name in the catalogue (`tidegate.metrics`); `argument` parametrises it (a quantile, a custom
    metric's name); `where` is a row predicate in SQL; `segment` restricts to one category.
    """

    dataset: DatasetRef
    metric: str
    column: str | None = None
    argument: str | None = None
    where: str | None = None
    segment: Segment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number of one version.

    `error` is a relative bound, 0.0 for an exact number. `interval` is the time bucket that the number is about,
    None for the whole dataset. Times are values in seconds since 1970-01-01 UTC.
    """

    spec: MetricSpec
    value: Value
    unit: str
    version: int
    taken_at: datetime
    error: float = 0.0
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Numbers of one dataset by time bucket, in columns: there are tens of thousands, too many for an object each.

    Number i, of `values`, is about `specs[series[i]]` in the bucket `intervals[buckets[i]]`; `series`, `buckets` and
    `values` are of one length. No number and bucket come twice together. `first` has what was said of these buckets while they were
    young, where that was read too.
    """

    specs: tuple[MetricSpec, ...] = ()
    intervals: tuple[Interval, ...] = ()
    series: Sequence[int] = ()
    buckets: Sequence[int] = ()
    values: Sequence[Value] = ()
    first: Grid | None = None

    @classmethod
    def of(cls, measurements: Sequence[Measurement]) -> Grid:
        """The same numbers in columns; those without an interval are left out.

        One spec or interval object is looked at once: hashing it costs more than reading a number.
        """
        timed = [m for m in measurements if m.interval is not None]
        specs = {id(m.spec): m.spec for m in timed}
        intervals = {id(m.interval): m.interval for m in timed if m.interval is not None}
        series = {key: at for at, key in enumerate(specs)}
        buckets = {key: at for at, key in enumerate(intervals)}
        return cls(
            specs=tuple(specs.values()),
            intervals=tuple(intervals.values()),
            series=array("q", [series[id(m.spec)] for m in timed]),
            buckets=array("q", [buckets[id(m.interval)] for m in timed]),
            values=[m.value for m in timed],
        )

    def cells(self) -> Iterator[tuple[MetricSpec, Interval, Value]]:
        """Every number with what it is about, in their order."""
        for series, bucket, value in zip(self.series, self.buckets, self.values, strict=True):
            yield self.specs[series], self.intervals[bucket], value


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One query that a plan wants answered; `purpose` says in a few words what for, `specs` which wanted numbers it brings.

    With `repeats`, what is wanted is how many of the values in its one column, 64-bit integers, come more than once; with
    `ascending`, these values in order, as bytes.
    """

    dataset: DatasetRef
    purpose: str
    sql: str
    specs: tuple[MetricSpec, ...] = ()
    repeats: bool = False
    ascending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementCost:
    """What one statement of a plan cost: CPU and wall seconds, rows that came back."""

    dataset: DatasetRef
    purpose: str
    sql: str
    cpu_s: float
    wall_s: float
    rows: int
    specs: tuple[MetricSpec, ...] = ()
