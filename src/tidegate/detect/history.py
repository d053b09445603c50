"""What detection is given: the numbers of one table, and how sensitive it shall be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tidegate.model import Dataset, Finding, Grid, Interval, Measurement, MetricSpec

LOAD_COLUMN = "_dlt_load_id"
"""The column in which dlt writes the load that brought a row."""


DRIFT = "drift"
"""The kind of the finding about a slow drift: it is told, opens an incident, and holds nothing."""

YOUNG = 1.5
"""A bucket is young until one and a half of its own length after its end. Chosen, not derived."""

ABOUT = 0.5
"""Of a table that is delivered later, a bucket is as young as another one where their ages differ by no more of their lengths. Chosen,
not derived.
"""


def ages(age: float) -> tuple[float, float]:
    """Between which ages a bucket is young for a run whose newest closed bucket with rows has that age, in lengths of a bucket since its end.

    By the clock, where that is not older than one length. Else around that age: a table that is delivered two days late is held against what was
    said of earlier buckets when they were two days old.
    """
    return (0.0, YOUNG) if age <= 1 else (age - ABOUT, age + ABOUT)


def age_of(bucket: Interval, now: datetime) -> float:
    """How long ago a bucket ended, in its own lengths; below zero while it has not."""
    return (now - bucket.end) / (bucket.end - bucket.start)


def newest_of_runs(words: Iterable[Measurement]) -> dict[Interval, float]:
    """Of what runs said of buckets: those that were the newest closed one when a run first spoke of them so, with their age then.

    What a run says later of an older bucket is no such word, nor is what the first run said: its past came all at once.
    """
    newest: dict[datetime, Interval] = {}
    for m in words:
        if m.interval is not None and m.interval.end <= m.taken_at:
            newest[m.taken_at] = max(newest.get(m.taken_at, m.interval), m.interval, key=lambda i: i.end)
    found: dict[Interval, float] = {}
    last = newest[min(newest)].end if newest else None
    for at, bucket in sorted(newest.items(), key=lambda n: n[0]):
        if last is not None and bucket.end > last:
            found[bucket], last = age_of(bucket, at), bucket.end
    return found


WIDTHS = {"hour": 24 * 7 * 4 + 24 * 7, "day": 120, "week": 90, "month": 90}
"""How many buckets are looked at: what the longest season and 60 past errors need."""


LONGEST = {"hour": timedelta(hours=2), "day": timedelta(hours=36), "week": timedelta(days=10)}
"""A bucket of a grain is no longer than this."""


def infer_grain(some: Interval) -> str:
    """The grain of the buckets, by the length of one of them."""
    length = some.end - some.start
    return next((grain for grain, longest in LONGEST.items() if length <= longest), "month")


SCANNED = 120
"""As many days, weeks or months a scan looks at, and must find again what was known of them."""


def lookback(newest: Interval) -> timedelta:
    """How long before the newest bucket's start the past begins that is looked at, with some room."""
    return (newest.end - newest.start) * (max(WIDTHS[infer_grain(newest)], SCANNED) + 4)


def just_ended(measurements: Sequence[Measurement], *, age: float = 0.0) -> Grid:
    """What was said of buckets when they were over and still young, for a run whose newest bucket has that age."""
    low, high = ages(age)
    return Grid.of([m for m in measurements if m.interval and low <= age_of(m.interval, m.taken_at) <= high])


SHARE_METRICS = frozenset({"null_count", "duplicate_rows", "true_count", "empty_count", "nan_count", "infinite_count"})
VALUE_METRICS = frozenset({"mean", "sum", "quantile", "mean_length", "stddev"})
LOOKS: Mapping[str, str] = {
    "nan_count": "is not a number (NaN)",
    "infinite_count": "is infinite",
    "zero_count": "is zero",
    "negative_count": "is negative",
    "upper_count": "is all in capitals",
    "lower_count": "is all in small letters",
    "padded_count": "has a blank at an end",
    "non_ascii_count": "has characters outside ASCII",
    "placeholder_count": "stands for no value (`n/a` and the like)",
    "epoch_count": "is at 1970-01-01",
}
"""What a value of a whole table may look like, by the metric that counts it."""

OF_VERSIONS = SHARE_METRICS | VALUE_METRICS | {"row_count", "distinct_count", "max"} | frozenset(LOOKS)
"""The whole-table numbers of earlier versions that are looked at; `max` tells the newest row."""

OF_VERSIONS_BESIDE_TIME = frozenset({"row_count", "null_count", "distinct_count", "empty_count", "mean_length", "max"})
"""Those that are left where buckets of time tell the others better; NULLs of the time itself are in no bucket."""


LOUDEST = 0.05
"""No budget is above one alarm in twenty batches of a table. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    """How sensitive detection is. All defaults are chosen, not derived, and measured by walk-forward.

    `budget` is the number of false alarms that a team can live with, per table and batch.
    A table is judged by learned bands from `min_history` points on. `most_points` past errors are looked at.

    What is smaller than the floors does not hold, however rare it is: `least_rows` rows; `least_change` of a count or
    of a mean, relative to what was expected; `least_share` of the rows for nulls and other shares;
    `least_segment` of the table's rows for what a category lost.

    On a public holiday, and on each of `quiet_days`, an even drop of volume is told and does not hold. `named_days` are the
    holidays where a country is known; None for days that are holidays in many. Monday is 0 in `weekend`. Without
    `seasonality` nothing is compared with the same weekday, hour or month. `louder` is the factor on the budget of some
    kinds of findings.
    """

    budget: float = 1 / 200
    min_history: int = 8
    most_points: int = 60
    least_rows: int = 20
    least_change: float = 0.15
    least_shift: float = 0.25
    least_share: float = 0.05
    least_segment: float = 0.03
    most_buckets: int = 62
    most_findings: int = 3
    holidays: bool = True
    quiet_days: frozenset[date] = frozenset()
    named_days: Mapping[date, str] | None = None
    weekend: frozenset[int] = frozenset({5, 6})
    seasonality: bool = True
    louder: Mapping[str, float] = field(default_factory=dict)

    def budget_of(self, kind: str) -> float:
        """The budget of one kind of finding, by what people answered to earlier ones."""
        return min(LOUDEST, self.budget * self.louder.get(kind, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """A number that a person called expected: in a bucket, or of a version where there is none; `expected` is what was
    expected before. It teaches, and so may the level that came with it.
    """

    spec: MetricSpec | None
    interval: Interval | None = None
    version: int | None = None
    observed: float | None = None
    expected: float | None = None

    @classmethod
    def of(cls, finding: Finding, *, version: int | None) -> Normal:
        """What calling a finding of a version expected says."""
        centre = finding.expected.centre if finding.expected is not None else None
        return cls(
            spec=finding.spec, interval=finding.interval, version=version, observed=finding.observed, expected=centre
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableHistory:
    """The numbers of one table: the candidate's, and those that it is compared with.

    `current` are the candidate's. Its buckets are complete from its oldest one on: a bucket that is missing there has no
    rows, one before it was not scanned again and is taken from what the parent knows. With `reopened`, only those
    buckets were scanned, and all others are the parent's.
    `base` is what the parent's lineage says (empty on the first run), and `known` its bucketed numbers in columns; they
    are looked for in `base` where it is None. `first` are bucketed numbers as the first version
    had them that saw their bucket just ended (`just_ended`): where given, they tell how young buckets differ from grown
    ones (late rows, delivery dates that are not known yet). `versions` are whole-table numbers of earlier
    published versions, oldest first. `excluded` must not teach: (number or None for all, bucket or None). `accepted` is
    what people called expected. `drifts` teach bands, which nothing of them left, and no reference of slow drifts.
    `new_loads` are the dlt loads of this run, oldest first; `loads` the newest ones of a table without times,
    each with its numbers as if it were a table. `grain` is hour, day, week or month; None infers it.
    """

    dataset: Dataset
    current: Sequence[Measurement]
    base: Sequence[Measurement] = ()
    known: Grid | None = None
    reopened: frozenset[Interval] | None = None
    first: Grid = field(default_factory=Grid)
    versions: Sequence[tuple[int, Sequence[Measurement]]] = ()
    excluded: Sequence[tuple[MetricSpec | None, Interval | None]] = ()
    accepted: Sequence[Normal] = ()
    drifts: Sequence[tuple[MetricSpec | None, Interval | None]] = ()
    new_loads: tuple[str, ...] = ()
    loads: Sequence[tuple[str, Sequence[Measurement]]] = ()
    time_column: str | None = None
    grain: str | None = None

    def newest_age(self, now: datetime) -> float:
        """The age of the newest closed bucket that has rows, in its own lengths; 0 where there is none."""
        came = {m.interval for m in self.current if m.interval is not None}
        if self.known is not None and self.reopened is not None:
            came |= {interval for interval in self.known.intervals if interval not in self.reopened}
        return min((age for interval in came if (age := age_of(interval, now)) >= 0), default=0.0)
