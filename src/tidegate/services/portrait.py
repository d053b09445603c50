"""Portrait: what is inferred of one table, what the next bucket is expected to be, and how each of it is said otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from statistics import median
from typing import Final

from tidegate.detect import DetectSettings, TableHistory, age_of, newest_of_runs, outlook
from tidegate.detect.ahead import Outlook
from tidegate.detect.excuse import named_day
from tidegate.model import Dataset, DatasetRef, Grid, Interval, Measurement, MetricSpec, TableSettings
from tidegate.model.settings import COMMON_HOLIDAYS, WEEKEND
from tidegate.scan import (
    Agreement,
    Beside,
    Regular,
    Relations,
    Sequences,
    kept,
    kept_agreement,
    kept_beside,
    kept_regular,
    kept_sequences,
)
from tidegate.scan.loads import LEAST
from tidegate.services.baseline import Answers, Budget, budget_of, knobs
from tidegate.services.overrides import refuse
from tidegate.services.publish import nothing_published
from tidegate.services.replay import Past, Point, bucket_past, rows_line, version_past
from tidegate.services.site import Site
from tidegate.services.tables import chosen_tables, inferred_of, profiled

AGES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 14.0)
"""The ages, in lengths of a bucket after its end, at which is told how much of it was there. Chosen, not derived, like these:"""

SEEN_YOUNG: Final = 4
"""So many buckets must have been seen young before it is told when they are complete."""

COMPLETE: Final = 0.995
"""A bucket is complete with this share of its rows."""

MOSTLY: Final = 0.9
"""As many of the buckets must have been complete at an age."""

LOOK_AHEAD_DAYS: Final = 366
HOLIDAYS_SHOWN: Final = 3

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that detection goes by: its value, whether somebody said so, and the line of tidegate.yml that says otherwise."""

    value: str | None
    is_said: bool
    override: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How much of a bucket was there so many lengths after its end: the median share of its rows, of so many buckets."""

    age: float
    share: float
    buckets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How buckets ripen. `complete_after` is the age, in lengths of a bucket after its end, from which nine in ten buckets had
    99.5 % of their rows; None where too few were `seen` young, of the `needed`, or no age was late enough.
    """

    curve: tuple[Age, ...]
    complete_after: float | None
    seen: int
    needed: int = SEEN_YOUNG


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One table as detection sees it. `said` has grain, time column, time zone, holidays, weekend, seasonality and budget.

    `loads` are the newest loads that were counted. `next_holidays` are the next days on which an even drop is excused. `budget` is this table's, in false alarms a month,
    and `incidents` the numbers of those that are about it, newest first. `line` is the past of its rows. `relations` are the
    keys and pairs that were chosen, `agreement` those in which rows with the same key agree, `numbers` those that are looked at beside others, `regular` what rows keep to exactly, `sequences` which columns count up, None where none could be yet; `notes` what its last scan could not measure, and why.
    """

    dataset: DatasetRef
    version: int
    rows: int | None
    load_column: str | None
    loads: int
    said: Mapping[str, Said]
    outlook: Outlook
    lateness: Lateness
    next_holidays: tuple[tuple[date, str], ...]
    budget: Budget
    incidents: tuple[int, ...]
    line: tuple[Point, ...]
    relations: Relations | None
    agreement: Agreement | None
    numbers: Beside | None
    regular: Regular | None
    sequences: Sequences | None
    notes: tuple[str, ...]

    @property
    def has_loads_for_batches(self) -> bool:
        """Whether, without a column of times, each new load is judged by those before it."""
        return self.outlook.unit == "version" and self.loads >= self.loads_needed

    @property
    def loads_needed(self) -> int:
        """From how many loads on that is so."""
        return LEAST

    @property
    def is_young(self) -> bool:
        """Whether the history is too short for bands."""
        return self.outlook.points < self.outlook.needed


def portrait(site: Site, name: str) -> Portrait:
    """Describe one table of the published version, by what is kept of it; the warehouse's rows are not read.

    Raises:
        NothingPublishedError: nothing is published yet.
        UsageError: a table that is not there.
    """
    published = site.state.published()
    if published is None:
        raise nothing_published(site)
    number, catalog = published.number, profiled(site, published.number)
    (dataset,) = chosen_tables(catalog, [name])
    refuse(dataset, site.settings)
    ref, answers = dataset.ref, Answers(site.state, number)
    numbers, known = (
        site.state.numbers(number, ref),
        knobs(site.settings, ref, catalog, feedback=answers.feedback(ref)),
    )
    now = max((m.taken_at for m in numbers), default=site.clock.now())
    inferred = inferred_of(site, number, ref)
    history = _history(site, number, dataset, answers, numbers, inferred.get("grain"))
    seen = outlook(history, now=now, settings=known)
    words = site.state.words(number, MetricSpec(dataset=ref, metric="row_count"))
    budget = budget_of(site.settings, ref, catalog)
    return Portrait(
        dataset=ref,
        version=number,
        rows=next((int(m.value) for m in numbers if _is_rows(m) and isinstance(m.value, int)), None),
        load_column=inferred.get("load_column"),
        loads=sum(_is_load(m, inferred.get("load_column")) for m in numbers),
        said=_said(site, ref, inferred, seen, budget),
        outlook=seen,
        lateness=lateness(words),
        next_holidays=_holidays(now.date(), known) if seen.unit in {"day", "hour"} else (),
        budget=budget,
        incidents=tuple(i.number for i in answers.of(ref)),
        line=rows_line(_rows(site, number, dataset, history.known or Grid(), now)),
        relations=kept(history.known),
        agreement=kept_agreement(history.known),
        numbers=kept_beside(history.known),
        regular=kept_regular(history.known),
        sequences=kept_sequences(history.known),
        notes=_notes(site, number, ref),
    )


def _history(
    site: Site, number: int, dataset: Dataset, answers: Answers, numbers: Sequence[Measurement], grain: str | None
) -> TableHistory:
    """All that is kept of a table as its past: its buckets, else its versions, the published one the newest."""
    ref, grid = dataset.ref, site.state.grid(number, dataset.ref)
    timed = bool(grid.intervals)
    plain = tuple(m for m in numbers if m.interval is None)
    return TableHistory(
        dataset=dataset,
        current=() if timed else plain,
        base=plain if timed else (),
        known=grid,
        reopened=frozenset() if timed else None,
        versions=() if timed else [(n, m) for n, m in site.state.history(number, ref) if n != number],
        excluded=answers.excluded(ref),
        accepted=answers.normals(ref),
        drifts=answers.drifts(ref),
        grain=grain,
    )


def _rows(site: Site, number: int, dataset: Dataset, grid: Grid, now: datetime) -> Past:
    """The past of a table's rows alone: those of every bucket, 0 where they were not counted; else those of its versions."""
    spec, intervals = MetricSpec(dataset=dataset.ref, metric="row_count"), grid.intervals
    counted = grid.specs.index(spec) if spec in grid.specs else None
    rows = {at: v for one, at, v in zip(grid.series, grid.buckets, grid.values, strict=True) if one == counted}
    values = [rows.get(at, 0) for at in range(len(intervals))]
    alone = Grid(
        specs=(spec,), intervals=intervals, series=[0] * len(values), buckets=range(len(values)), values=values
    )
    timed = bucket_past(dataset, alone, now=now)
    return timed or version_past(
        dataset, site.state.history(number, dataset.ref, metrics={"row_count"}, segments=False)
    )


def _is_load(m: Measurement, column: str | None) -> bool:
    part = m.spec.segment
    return part is not None and part.column == column and m.spec.metric == "row_count" and m.interval is None


def _is_rows(m: Measurement) -> bool:
    return m.spec == MetricSpec(dataset=m.spec.dataset, metric="row_count") and m.interval is None


def _notes(site: Site, number: int, ref: DatasetRef) -> tuple[str, ...]:
    """What the scan of a version noted about a table."""
    found = site.state.marks(number).get("notes")
    about = f"{ref}: "
    return tuple(n.removeprefix(about) for n in found if str(n).startswith(about)) if isinstance(found, list) else ()


def _said(
    site: Site, ref: DatasetRef, inferred: Mapping[str, str | None], seen: Outlook, budget: Budget
) -> dict[str, Said]:
    settings, told = site.settings, site.settings.tables.get(ref, TableSettings(ref=ref))
    said = settings.table(ref)

    def one(name: str, value: str | None, example: str, *, by_person: bool) -> Said:
        return Said(value=value, is_said=by_person, override=f"tables: {{{quoted_key(ref)}: {{{name}: {example}}}}}")

    grain = said.grain or inferred.get("grain") or (seen.unit if seen.unit != "version" else None)
    column = said.time_column or inferred.get("time_column")
    days = ", ".join(DAYS[day] for day in sorted(said.weekend))
    zone = str(said.zone) if said.zone else "UTC"
    share = f"{budget.false_alarms_per_month:.3g}"
    return {
        "time_column": one("time_column", column, column or "COLUMN", by_person=told.time_column is not None),
        "grain": one("grain", grain, "week" if grain == "day" else "day", by_person=told.grain is not None),
        "time_zone": one("time_zone", zone, "Europe/Berlin", by_person=said.zone is not None),
        "holidays": one("holidays", said.holidays, "DE", by_person=said.holidays != COMMON_HOLIDAYS),
        "weekend": one("weekend", days or "none", "[fri, sat]", by_person=said.weekend != WEEKEND),
        "seasonality": one("seasonality", "on" if said.seasonality else "off", "false", by_person=not said.seasonality),
        "budget": one("budget", share, "{false_alarms_per_month: 0.5}", by_person=budget.said_by != "the project"),
    }


def quoted_key(ref: DatasetRef) -> str:
    """A table's name as a key of YAML's flow style."""
    name = str(ref)
    return name if name.replace(".", "").replace("_", "").isalnum() else f"'{name.replace(chr(39), chr(39) * 2)}'"


def lateness(words: Sequence[Measurement]) -> Lateness:
    """How buckets ripen, from all that was ever said of their rows, in order; those that no run saw young, or as its newest, say nothing."""
    by_bucket: dict[Interval, list[Measurement]] = {}
    for word in words:
        if word.interval is not None and isinstance(word.value, (int, float)):
            by_bucket.setdefault(word.interval, []).append(word)
    newest = newest_of_runs(words)
    seen = {
        i: said for i, said in by_bucket.items() if i in newest or any(0 <= age_of(i, m.taken_at) <= 1 for m in said)
    }
    if len(seen) < SEEN_YOUNG:
        return Lateness(curve=(), complete_after=None, seen=len(seen))
    shares = {age: [s for i, said in seen.items() if (s := _share(i, said, age)) is not None] for age in AGES}
    curve = tuple(
        Age(age=age, share=median(of), buckets=len(of)) for age, of in shares.items() if len(of) >= SEEN_YOUNG
    )
    late = [age for age, of in shares.items() if len(of) >= SEEN_YOUNG and _mostly(of)]
    return Lateness(curve=curve, complete_after=min(late, default=None), seen=len(seen))


def _mostly(shares: Sequence[float]) -> bool:
    return sum(share >= COMPLETE for share in shares) >= MOSTLY * len(shares)


def _share(bucket: Interval, words: Sequence[Measurement], age: float) -> float | None:
    """The share of its rows that a bucket had at an age; None when nobody had looked by then, or it has none."""
    by_then = [m for m in words if m.taken_at <= bucket.end + age * (bucket.end - bucket.start)]
    last = words[-1].value
    if not by_then or not isinstance(last, (int, float)) or not last:
        return None
    then = by_then[-1].value
    return min(1.0, float(then) / float(last)) if isinstance(then, (int, float)) else None


def _holidays(today: date, known: DetectSettings) -> tuple[tuple[date, str], ...]:
    days = (today + timedelta(days=n) for n in range(LOOK_AHEAD_DAYS))
    named = ((day, name) for day in days if (name := named_day(day, known)) is not None)
    return tuple(islice(named, HOLIDAYS_SHOWN))
