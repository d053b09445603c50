"""Numbers: what is asked of a dataset, in which statements, and what came back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidegate.model.dataset import DatasetRef, Interval


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
    value: int | float | str | None
    unit: str
    version: int
    taken_at: datetime
    error: float = 0.0
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One query that a plan wants answered; `purpose` says in a few words what for."""

    dataset: DatasetRef
    purpose: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementCost:
    """What one statement of a plan cost: CPU and wall seconds, rows that came back."""

    dataset: DatasetRef
    purpose: str
    sql: str
    cpu_s: float
    wall_s: float
    rows: int
