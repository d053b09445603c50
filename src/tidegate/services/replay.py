"""Replay: what detection would have been given about one table at an earlier time, and nothing that came later."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from tidegate.detect import (
    DetectSettings,
    Normal,
    TableHistory,
    age_of,
    ages,
    judge_table,
    just_ended,
    lookback,
    newest_of_runs,
)
from tidegate.detect.history import infer_grain
from tidegate.model import Dataset, Finding, Grid, Interval, Measurement, MetricSpec, Value
from tidegate.services.baseline import Excluded

Numbers: TypeAlias = Mapping[MetricSpec, Value]
Alter: TypeAlias = Callable[[Numbers], Numbers]

RUNS_KNOWN = 30
"""How many earlier runs tell how late rows usually are; detection looks at no more."""

TIME = "time"
"""What the column is called that tells the newest row, where `tidegate.yml` does not name it; any name does."""


def as_it_was(numbers: Numbers) -> Numbers:
    """No alteration."""
    return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One number on a line, at the start of its bucket or the time of its version; None where there was nothing to measure."""

    at: datetime
    value: float | None


class Past(Protocol):
    """One table's past as steps 0, 1, 2, …, oldest first: buckets of time, or published versions."""

    @property
    def dataset(self) -> Dataset: ...

    @property
    def unit(self) -> str:
        """What one step is called: day, version."""

    def __len__(self) -> int: ...

    def now(self, at: int) -> datetime:
        """When step `at` was judged, or would have been."""

    def interval(self, at: int) -> Interval | None:
        """The bucket of step `at`; None for a version."""

    def version(self, at: int) -> int | None:
        """The version of step `at`; None for a bucket."""

    def numbers(self, at: int) -> Numbers:
        """What came with step `at`; empty for a bucket without rows."""

    def history(self, at: int, alter: Alter = as_it_was) -> TableHistory:
        """What detection is given to judge step `at`: earlier steps teach, and later ones are not in it.

        `alter` changes what came with step `at`.
        """


def look(past: Past, at: int, settings: DetectSettings, alter: Alter = as_it_was) -> tuple[Finding, ...]:
    """Judge one step as it would have been judged when it came; usually nothing is found. A few ms for a hundred series."""
    found = judge_table(past.history(at, alter), now=past.now(at), settings=settings)
    return tuple(f for f in found if f.holds or f.kind != "unchecked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One closed bucket: its numbers today, and the first words on it where they differ. `filled`: it has rows.

    `now` is when the run was that saw it while it was young, else its end. `age` is how old it was, in its own lengths, when a run first saw
    it as the newest one; 0 where none did.
    `backfilled`: the first words came with the table's whole past, so they do not tell how it looked when it came.
    """

    interval: Interval
    numbers: Numbers
    now: datetime
    first: tuple[Measurement, ...] = ()
    backfilled: bool = False
    age: float = 0.0

    @property
    def filled(self) -> bool:
        return bool(self.numbers)

    def at_first(self) -> Numbers:
        """The numbers as the first run knew them."""
        return {**self.numbers, **{m.spec: m.value for m in self.first}}

    def came(self) -> Numbers:
        """The numbers as they were when it came, so far as a run was there to see it."""
        return self.numbers if self.backfilled else self.at_first()


def _is_young(m: Measurement) -> bool:
    return m.interval is not None and age_of(m.interval, m.taken_at) <= ages(0.0)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPast:
    """The past of a table with a time column, a step for each closed bucket, those without rows between others included.

    Earlier buckets are told as the published version knows them. The one under test is told as the run had it that saw it
    come, and so is the one before it, as what was known then: the change since tells how young numbers ripen. `specs`,
    `series`, `places` and `values` are all buckets' numbers in columns, the oldest bucket first, `ends[i]` the place after the
    last number of bucket i. `seen` says for each series in which buckets, `newest` for each step the time of the newest row.
    """

    dataset: Dataset
    grain: str
    steps: tuple[Bucket, ...]
    excluded: tuple[Excluded, ...]
    accepted: tuple[Normal, ...]
    drifts: tuple[Excluded, ...]
    time_column: str
    specs: tuple[MetricSpec, ...]
    seen: tuple[tuple[int, ...], ...]
    series: tuple[int, ...]
    places: tuple[int, ...]
    values: tuple[Value, ...]
    ends: tuple[int, ...]
    newest: tuple[Measurement, ...]

    @property
    def unit(self) -> str:
        return self.grain

    def __len__(self) -> int:
        return len(self.steps)

    def now(self, at: int) -> datetime:
        return self.steps[at].now

    def interval(self, at: int) -> Interval | None:
        return self.steps[at].interval

    def version(self, at: int) -> int | None:  # noqa: ARG002  a bucket belongs to no version
        return None

    def numbers(self, at: int) -> Numbers:
        return self.steps[at].numbers

    def history(self, at: int, alter: Alter = as_it_was) -> TableHistory:
        step, before, start = self.steps[at], self.steps[at - 1], self._start(at)
        current = alter(step.came()) if step.filled else {}
        ripened = before.numbers if before.first else {}
        runs = self.newest[max(0, at - RUNS_KNOWN) : at]
        return TableHistory(
            dataset=self.dataset,
            current=(
                *(_measured(spec, value, step.now, before.interval) for spec, value in ripened.items()),
                *(_measured(spec, value, step.now, step.interval) for spec, value in current.items()),
                self.newest[at],
            ),
            base=(_measured(self._rows(), 0, before.now, before.interval),),
            known=self._known(start, at),
            reopened=frozenset({before.interval, step.interval} if ripened else {step.interval}),
            first=just_ended([m for s in self.steps[start:at] for m in s.first], age=step.age)
            if step.first
            else Grid(),
            versions=tuple((-1 - n, (newest,)) for n, newest in enumerate(runs)),
            excluded=tuple(e for e in self.excluded if e[1].end <= step.interval.start),
            accepted=tuple(a for a in self.accepted if a.interval and a.interval.end <= step.interval.start),
            drifts=tuple(d for d in self.drifts if d[1].end <= step.interval.start),
            time_column=self.time_column,
            grain=self.grain,
        )

    def _start(self, at: int) -> int:
        """The first step that a run would have read, as it goes by the newest bucket that was known."""
        newest = self.steps[at - 1].interval
        since = newest.start - lookback(newest)
        return bisect_left(self.steps, since, hi=at, key=lambda s: s.interval.start)

    def _known(self, start: int, at: int) -> Grid:
        """The numbers of the steps [start, at), with the series that are in them and no other; the last step's as they came."""
        low, high = self.ends[start - 1] if start else 0, self.ends[at - 1]
        last, then = self.steps[at - 1].numbers, self.steps[at - 1].at_first()
        kept = [i for i, seen in enumerate(self.seen) if bisect_left(seen, start) < bisect_left(seen, at)]
        place = {series: i for i, series in enumerate(kept)}
        return Grid(
            specs=tuple(self.specs[i] for i in kept),
            intervals=tuple(s.interval for s in self.steps[start:at]),
            series=[place[i] for i in self.series[low:high]],
            buckets=[i - start for i in self.places[low:high]],
            values=(*self.values[low : high - len(last)], *(then[spec] for spec in last)),
        )

    def _rows(self) -> MetricSpec:
        return MetricSpec(dataset=self.dataset.ref, metric="row_count")


def _newest_rows(dataset: Dataset, steps: Sequence[Bucket], column: str) -> Iterator[Measurement]:
    """The time of the newest row as it was at each step: the start of the newest bucket that had rows."""
    spec, newest = MetricSpec(dataset=dataset.ref, metric="max", column=column), steps[0]
    for step in steps:
        newest = step if step.filled else newest
        yield _measured(spec, newest.interval.start.timestamp(), step.now, None)


def bucket_past(
    dataset: Dataset,
    grid: Grid,
    *,
    now: datetime,
    first: Sequence[Measurement] = (),
    excluded: Sequence[Excluded] = (),
    accepted: Sequence[Normal] = (),
    drifts: Sequence[Excluded] = (),
    time_column: str | None = None,
) -> BucketPast | None:
    """Make the past of a table from its bucketed numbers; None when no bucket had ended at `now`. O(numbers).

    `first` are first words of the runs that saw a bucket come; those on a bucket that had not ended then are left out.
    """
    by_bucket: dict[Interval, dict[MetricSpec, Value]] = {}
    for spec, interval, value in grid.cells():
        if interval.end <= now:
            by_bucket.setdefault(interval, {})[spec] = value
    if not by_bucket:
        return None
    grain = infer_grain(max(by_bucket))
    words: dict[Interval, list[Measurement]] = {}
    for m in first:
        if m.interval is not None and m.interval.end <= min(m.taken_at, now):
            words.setdefault(m.interval, []).append(m)
    oldest = min((m.version for said in words.values() for m in said), default=0)
    past = frozenset(sorted(i for i, said in words.items() if said[0].version == oldest)[:-1])
    ordered = sorted(i for i in by_bucket if infer_grain(i) == grain)
    seen = newest_of_runs(m for said in words.values() for m in said)
    steps = [
        _bucket(i, by_bucket.get(i, {}), words.get(i, ()), backfilled=i in past, age=seen.get(i))
        for i in _without_gaps(ordered)
    ]
    steps = [_by_itself(one, after) for one, after in zip(steps, (*steps[1:], None), strict=True)]
    made = _in_columns(dataset, grain, steps, time_column or TIME)
    return dataclasses.replace(made, excluded=tuple(excluded), accepted=tuple(accepted), drifts=tuple(drifts))


def _bucket(
    interval: Interval, numbers: Numbers, words: Sequence[Measurement], *, backfilled: bool, age: float | None
) -> Bucket:
    """First words that still hold, and were not spoken of a young bucket, tell nothing more."""
    now = max((m.taken_at for m in words if _is_young(m)), default=None)
    news = now is not None or age is not None or any(numbers.get(m.spec) != m.value for m in words)
    return Bucket(
        interval=interval,
        numbers=numbers,
        now=now or interval.end,
        first=tuple(words) if news else (),
        backfilled=backfilled and now is None,
        age=age or 0.0,
    )


def _by_itself(step: Bucket, following: Bucket | None) -> Bucket:
    """A bucket that one run saw together with the next one is judged at its own end: by then the next one would seem to be missing."""
    if following is None or step.now < following.interval.end:
        return step
    return dataclasses.replace(step, now=step.interval.end)


def _in_columns(dataset: Dataset, grain: str, steps: Sequence[Bucket], time_column: str) -> BucketPast:
    place: dict[MetricSpec, int] = {}
    series, places, values, ends = [], [], [], []
    seen: list[list[int]] = []
    for at, step in enumerate(steps):
        for spec, value in step.numbers.items():
            number = place.setdefault(spec, len(place))
            if number == len(seen):
                seen.append([])
            seen[number].append(at)
            series.append(number)
            places.append(at)
            values.append(value)
        ends.append(len(series))
    return BucketPast(
        dataset=dataset,
        grain=grain,
        steps=tuple(steps),
        excluded=(),
        accepted=(),
        drifts=(),
        time_column=time_column,
        specs=tuple(place),
        seen=tuple(tuple(at) for at in seen),
        series=tuple(series),
        places=tuple(places),
        values=tuple(values),
        ends=tuple(ends),
        newest=tuple(_newest_rows(dataset, steps, time_column)),
    )


def _without_gaps(intervals: Sequence[Interval]) -> Iterator[Interval]:
    """The buckets and those that lie between them, of a bucket's length; a remainder, as at a clock change, is left out."""
    for one, following in zip(intervals, (*intervals[1:], None), strict=True):
        yield one
        start, length = one.end, one.end - one.start
        while following is not None and start + length <= following.start:
            yield Interval(start=start, end=start + length)
            start += length


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPast:
    """The past of a table without a time column: a step for each published version that has numbers of it."""

    dataset: Dataset
    versions: tuple[tuple[int, tuple[Measurement, ...]], ...]
    accepted: tuple[Normal, ...] = ()

    @property
    def unit(self) -> str:
        return "version"

    def __len__(self) -> int:
        return len(self.versions)

    def now(self, at: int) -> datetime:
        return max(m.taken_at for m in self.versions[at][1])

    def interval(self, at: int) -> Interval | None:  # noqa: ARG002  a version has no bucket
        return None

    def version(self, at: int) -> int | None:
        return self.versions[at][0]

    def numbers(self, at: int) -> Numbers:
        return {m.spec: m.value for m in self.versions[at][1]}

    def history(self, at: int, alter: Alter = as_it_was) -> TableHistory:
        number, now = self.versions[at][0], self.now(at)
        current = alter(self.numbers(at)).items()
        return TableHistory(
            dataset=self.dataset,
            current=tuple(_measured(spec, value, now, None, version=number) for spec, value in current),
            base=self.versions[at - 1][1] if at else (),
            versions=self.versions[:at],
            accepted=tuple(a for a in self.accepted if a.version is not None and a.version < number),
        )


def version_past(
    dataset: Dataset, versions: Sequence[tuple[int, Sequence[Measurement]]], *, accepted: Sequence[Normal] = ()
) -> VersionPast:
    """Make the past of a table from its whole-table numbers, oldest version first."""
    kept = ((number, tuple(m for m in numbers if m.interval is None)) for number, numbers in versions)
    filled = tuple((number, numbers) for number, numbers in kept if numbers)
    return VersionPast(dataset=dataset, versions=filled, accepted=tuple(accepted))


def line(past: Past, finding: Finding, until: int, *, points: int = 60) -> tuple[Point, ...]:
    """The past of the number that a finding is about, up to the step that it is about, in the finding's own unit.

    A share is told as a share of the rows; empty where the finding is about no number that is kept.
    """
    spec, observed = finding.spec, finding.observed
    if spec is None or observed is None:
        return ()
    rows = dataclasses.replace(spec, metric="row_count", column=None, argument=None, segment=None)
    until = _place(past, finding, until)
    steps = range(max(0, until + 1 - points), until + 1)
    plain = [_number(past.numbers(at).get(spec)) for at in steps]
    if spec.metric == "row_count":
        plain = [0.0 if value is None else value for value in plain]
    elif not _same(plain[-1], observed):
        total = [_number(past.numbers(at).get(rows)) for at in steps]
        plain = [v / n if v is not None and n else None for v, n in zip(plain, total, strict=True)]
    moments = (i.start if (i := past.interval(at)) is not None else past.now(at) for at in steps)
    found = tuple(Point(at=moment, value=value) for moment, value in zip(moments, plain, strict=True))
    return (*found[:-1], Point(at=found[-1].at, value=observed)) if _same(plain[-1], observed) else found


def _place(past: Past, finding: Finding, until: int) -> int:
    """The last step that a finding is about, at most the one at which it was found."""
    stretch = finding.bucket or finding.interval
    end = stretch.end if stretch is not None else None
    while end is not None and until > 0 and (i := past.interval(until)) is not None and i.start >= end:
        until -= 1
    return until


def rows_line(past: Past, *, points: int = 60) -> tuple[Point, ...]:
    """The past of a table's rows."""
    spec = MetricSpec(dataset=past.dataset.ref, metric="row_count")
    steps = range(max(0, len(past) - points), len(past))
    moments = (i.start if (i := past.interval(at)) is not None else past.now(at) for at in steps)
    return tuple(
        Point(at=moment, value=_number(past.numbers(at).get(spec, 0)))
        for at, moment in zip(steps, moments, strict=True)
    )


def _same(value: float | None, other: float) -> bool:
    return value is not None and abs(value - other) <= 1e-6 * max(abs(value), abs(other), 1.0)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _measured(
    spec: MetricSpec, value: Value, now: datetime, interval: Interval | None, *, version: int = 0
) -> Measurement:
    return Measurement(spec=spec, value=value, unit="", version=version, taken_at=now, interval=interval)
