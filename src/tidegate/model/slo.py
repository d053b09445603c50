"""Service levels: what a product promises, and what a probe of it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Indicator(StrEnum):
    """What a service level is measured by. `metric` is a check on a number of the team's own: a KPI, a model's error."""

    FRESHNESS = "freshness"
    COMPLETENESS = "completeness"
    QUALITY = "quality"
    AVAILABILITY = "availability"
    LATENCY = "latency"
    METRIC = "metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One promise of a product: in every rolling `window`, the share `target` (0 to 1) of it is good.

    `name` tells it from the product's others: the indicator's, or the check's that a `metric` is judged by. `limit` is the
    greatest age or time of an answer, where the indicator has one. With `of_rows` quality counts rows and not checks.
    """

    product: str
    indicator: Indicator
    name: str
    target: float
    window: timedelta
    limit: timedelta | None = None
    of_rows: bool = False

    @property
    def key(self) -> str:
        """The key of the finding, and so of the incident, that it is missed."""
        return f"slo/{self.product}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question that is put to a product from outside, as its readers would: an HTTP request, or a query of what they see.

    Exactly one of `http` (a URL) and `sql` is given. An answer counts until the next one, and at most for twice `every`; after
    that nobody knows. An HTTP answer is right with the status `expect` (None: any 2xx) and, if given, the text `contains` in its first megabyte; a query's
    when it returns a row.
    """

    product: str
    name: str
    every: timedelta
    timeout: timedelta
    http: str | None = None
    sql: str | None = None
    expect: int | None = None
    contains: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one probe came to: answered rightly or not, in how many seconds, and what was wrong.

    `latency_s` is None when no answer came at all. `timed_out` tells that the time was over before it did.
    """

    product: str
    probe: str
    at: datetime
    answered: bool
    latency_s: float | None
    timed_out: bool = False
    error: str | None = None
