"""Backtest: replay the learned detectors over the tables' own past, and say what each notch of the budget costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from tidegate.detect import DetectSettings
from tidegate.detect.history import SCANNED
from tidegate.model import Dataset, DatasetRef, Finding, Incident, Interval, Settings
from tidegate.model.words import counted
from tidegate.services.baseline import DAYS_A_MONTH, SOLVED, Answers, Feedback, knobs
from tidegate.services.faults import FAULTS, Fault, row_count
from tidegate.services.overrides import refuse
from tidegate.services.publish import nothing_published
from tidegate.services.replay import Past, Point, line, look
from tidegate.services.site import Site
from tidegate.services.tables import chosen_tables, past_of, profiled

NOTCHES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The budgets that are compared, in false alarms a month for the project."""

NEWEST = 5
"""Into how many of a table's newest batches faults are put. Chosen, not derived."""

DAYS = 90
"""How far back the replay goes unless somebody asks for more. Chosen, not derived."""

SMALL = 2
"""A batch of fewer rows than twice what detection calls few is not tried: half of it is nothing that somebody would miss."""

Answer: TypeAlias = Callable[[Finding], str | None]
"""What a person said of a finding, where that accepts it."""


def nobody_said(finding: Finding) -> str | None:  # noqa: ARG001  it has the shape of an answer
    """No answer to anything."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A finding that would have held one batch: of the bucket `interval`, or of the version; or a slow drift, when it was
    first told, which holds none.

    `line` is the past of the number that it is about, up to this batch. `accepted` is what a person said of it, expected or
    false alarm: it came, and it would not come again.
    """

    dataset: DatasetRef
    at: datetime
    interval: Interval | None
    version: int | None
    finding: Finding
    line: tuple[Point, ...]
    accepted: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReplay:
    """What the replay of one table came to.

    `judged` of its `known` batches were judged, `held` is how many of them would have been held, `told` how many had something
    to be told that does not hold, or that was accepted. `unit` is what a batch is: day, version. `why_not` says why nothing
    was judged. `feedback` is what people answered, and `held_unheard` how many batches would have been held without that.
    """

    dataset: DatasetRef
    unit: str
    known: int
    judged: int
    held: int
    told: int
    seconds: float
    why_not: str | None = None
    feedback: tuple[Feedback, ...] = ()
    held_unheard: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How many of the injected faults of one kind were caught."""

    fault: str
    caught: int
    tried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notch:
    """What one budget would have cost and brought.

    `budget` is in false alarms a month for the project, `per_batch` the same for one table and batch on average, `expected` how many false
    alarms that allows for all batches that were judged. `alarms` are the batches that would have been held, `days` the days
    on which that would have happened.
    """

    budget: float
    per_batch: float
    expected: float
    alarms: int
    days: int
    caught: tuple[Caught, ...]

    @property
    def recall(self) -> float | None:
        """The share of all injected faults that was caught."""
        tried = sum(c.tried for c in self.caught)
        return sum(c.caught for c in self.caught) / tried if tried else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What people's answers to incidents say of the present detectors.

    `real` incidents were resolved as fixed, `false` as false alarm; what was expected is neither. Of both, how many would have
    been found. `delays` tells for each real one that was found how many batches after its first one.
    """

    real: int
    real_found: int
    false: int
    false_found: int
    delays: tuple[int, ...]

    @property
    def precision(self) -> float | None:
        """Real among all labelled incidents that would have been found."""
        found = self.real_found + self.false_found
        return self.real_found / found if found else None

    @property
    def recall(self) -> float | None:
        """Found among the real ones."""
        return self.real_found / self.real if self.real else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A replay: `budget` is the one that `alarms` and `tables` are about; `since` to `until` what was judged."""

    version: int
    budget: float
    since: datetime | None
    until: datetime | None
    tables: tuple[TableReplay, ...]
    alarms: tuple[Alarm, ...]
    notches: tuple[Notch, ...]
    labels: Labels
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The budgets of the project to compare, ascending; `own` is the one that is reported whole.

    `told` is what detection is told of the table with each of them; what a table or product says for itself is taken as many
    times as the project's is.
    """

    own: float
    all: tuple[float, ...]
    told: Mapping[float, DetectSettings]

    @classmethod
    def of(
        cls,
        settings: Settings,
        ref: DatasetRef,
        tables: Collection[DatasetRef],
        own: float,
        feedback: Collection[Feedback] = (),
    ) -> Budgets:
        """The budgets for one table, by what people answered."""
        every = tuple(sorted({*NOTCHES, own}))
        said = settings.false_alarms_per_month
        return cls(
            own=own, all=every, told={b: knobs(settings, ref, tables, times=b / said, feedback=feedback) for b in every}
        )

    def settings(self, budget: float) -> DetectSettings:
        """What detection is told with a budget, as in a run."""
        return self.told[budget]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One table's replay: for each step under test what was found with each budget; steps without anything are left out."""

    past: Past
    steps: range
    found: Mapping[int, Mapping[float, tuple[Finding, ...]]]
    caught: Mapping[float, tuple[Caught, ...]]
    budgets: Budgets
    answer: Answer

    def held(self, budget: float) -> tuple[int, ...]:
        """The steps that would have been held, but for what was accepted."""
        return tuple(at for at, by in self.found.items() if any(f.holds and not self.answer(f) for f in by[budget]))


def backtest(
    site: Site, *, tables: Sequence[str] = (), budget: float | None = None, days: int | None = None
) -> Backtest:
    """Replay the past of the published version's tables, with the budget of the project or another; writes nothing.

    Every batch of the last `days` is judged as it would have been when it came: earlier ones teach, later ones are unknown.
    What was found teaches afterwards, as if it had been called a false alarm; what incidents of published versions are
    about does not, as in a run. About 40 ms for a batch of a hundred series, twice that where something is found.

    Raises:
        NothingPublishedError: nothing is published yet.
        UsageError: a table that is not there.
    """
    begun = site.clock.wall_s()
    published = site.state.published()
    if published is None:
        raise nothing_published(site)
    catalog = profiled(site, published.number)
    own = site.settings.false_alarms_per_month if budget is None else budget
    chosen = chosen_tables(catalog, tables)
    for dataset in chosen:
        refuse(dataset, site.settings)
    answers = Answers(site.state, published.number)
    walks: list[Walk] = []
    replays: list[TableReplay] = []
    for done, dataset in enumerate(chosen):
        site.progress.advance(done, len(chosen), str(dataset.ref))
        started = site.clock.wall_s()
        past = past_of(site, published.number, dataset, answers)
        budgets = Budgets.of(site.settings, dataset.ref, catalog, own, answers.feedback(dataset.ref))
        done_walk = walk(past, budgets, days=DAYS if days is None else days, answer=answers.to)
        heard = answers.feedback(dataset.ref)
        unheard = _held_unheard(done_walk, own) if heard else None
        replay = _summary(done_walk, own, site.clock.wall_s() - started)
        replays.append(dataclasses.replace(replay, feedback=heard, held_unheard=unheard))
        walks.append(done_walk)
    site.progress.advance(len(chosen), len(chosen))
    moments = sorted(m for w in walks for at in _ends(w.steps) for m in _moments(w.past, at))
    return Backtest(
        version=published.number,
        budget=own,
        since=moments[0] if moments else None,
        until=moments[-1] if moments else None,
        tables=tuple(replays),
        alarms=tuple(sorted((a for w in walks for a in _alarms(w, own)), key=lambda a: (a.at, a.dataset))),
        notches=tuple(_notch(walks, one) for one in sorted({*NOTCHES, own})),
        labels=_labels(
            site,
            {d.ref: d for d in chosen},
            {w.past.dataset.ref: dataclasses.replace(w.budgets.settings(own), louder={}) for w in walks},
        ),
        notes=tuple(_notes(site, [w.past for w in walks], days)),
        seconds=site.clock.wall_s() - begun,
    )


def _is_cut(past: Past) -> bool:
    return _under_test(past, DAYS).start > DetectSettings().min_history


def _notes(site: Site, pasts: Sequence[Past], days: int | None) -> Iterator[str]:
    if days is None and any(map(_is_cut, pasts)):
        yield f"the last {DAYS} days were replayed; `--days` goes further back"
    short = [p for p in pasts if days is not None and _reach(p) < timedelta(days=min(days, CENTURY))]
    if short:
        first = min(short, key=_reach)
        rest = f", and {counted(len(short) - 1, 'further table')} no {days} either" if len(short) > 1 else ""
        yield (
            f"of the {counted(days or 0, 'day')} that were asked for {first.dataset.ref} has {counted(len(first), first.unit)} that"
            f" are kept, of which the first {DetectSettings().min_history} only teach{rest}; a first scan looks at the"
            f" newest {SCANNED} buckets, and each run adds its own"
        )
    if site.settings.learned != "hold":
        yield f"`learned: {site.settings.learned}` in tidegate.yml: in a run none of this would hold"


def _reach(past: Past) -> timedelta:
    """How far back there is something to judge, and a bucket more, so that its beginning is not missed."""
    steps = _under_test(past, CENTURY)
    if len(steps) < 2:
        return timedelta(0)
    return past.now(steps[-1]) - past.now(steps[0]) + (past.now(steps[-1]) - past.now(steps[-2]))


def walk(past: Past, budgets: Budgets, *, days: int, answer: Answer = nobody_said) -> Walk:
    """Judge a table's steps of the last `days`, from the first on that has enough before it.

    With a larger budget nothing less is found, so the smaller ones are asked only where the largest finds something.
    """
    steps = _under_test(past, days)
    found: dict[int, dict[float, tuple[Finding, ...]]] = {}
    for at in steps:
        most = look(past, at, budgets.settings(budgets.all[-1]))
        if most:
            less = {one: look(past, at, budgets.settings(one)) for one in budgets.all[:-1]}
            by = {one: _news(told, past, at, one, found) for one, told in {**less, budgets.all[-1]: most}.items()}
            found |= {at: by} if any(by.values()) else {}
    able = [at for at in steps[-NEWEST:] if not _holds(found.get(at, {}).get(budgets.all[-1], ()))]
    return Walk(past=past, steps=steps, found=found, caught=inject(past, able, budgets), budgets=budgets, answer=answer)


def _news(
    told: Sequence[Finding], past: Past, at: int, budget: float, found: Mapping[int, Mapping[float, Sequence[Finding]]]
) -> tuple[Finding, ...]:
    """Without what is about buckets before this one that were missed when they were: one gap is one alarm."""
    step = past.interval(at)
    missed = [
        f.interval for by in found.values() for f in by[budget] if f.kind == "freshness" and f.interval is not None
    ]
    return tuple(
        f
        for f in told
        if step is None
        or (span := f.interval) is None
        or span.end > step.start
        or not any(span.overlaps(one) for one in missed)
    )


CENTURY = 36_500
"""Days beyond which no past reaches."""


def _under_test(past: Past, days: int) -> range:
    first, last = DetectSettings().min_history, len(past)
    if first >= last:
        return range(last, last)
    since = past.now(last - 1) - timedelta(days=min(days, CENTURY))
    return range(next((at for at in range(first, last) if past.now(at) > since), last), last)


def inject(past: Past, steps: Sequence[int], budgets: Budgets) -> dict[float, tuple[Caught, ...]]:
    """Put every kind of fault into copies of steps that hold nothing, one at a time, and count what each budget catches."""
    least = SMALL * DetectSettings().least_rows
    tries: dict[str, list[float | None]] = {fault.name: [] for fault in FAULTS}
    for at in steps:
        came = past.numbers(at)
        for fault in FAULTS if row_count(came) >= least else ():
            if fault.apply(came, at) is not None:
                tries[fault.name].append(_least_budget(past, at, fault, budgets))
    return {
        one: tuple(
            Caught(fault=name, caught=sum(least is not None and least <= one for least in got), tried=len(got))
            for name, got in tries.items()
        )
        for one in budgets.all
    }


def _least_budget(past: Past, at: int, fault: Fault, budgets: Budgets) -> float | None:
    """The smallest budget that catches a fault; a larger one catches no less, so the smallest and the largest tell most."""

    def caught(budget: float) -> bool:
        return _holds(look(past, at, budgets.settings(budget), lambda came: fault.apply(came, at) or came))

    if caught(budgets.all[0]):
        return budgets.all[0]
    if not caught(budgets.all[-1]):
        return None
    return next(one for one in budgets.all[1:] if one == budgets.all[-1] or caught(one))


def _holds(findings: Sequence[Finding]) -> bool:
    return any(f.holds for f in findings)


def _summary(done: Walk, budget: float, seconds: float) -> TableReplay:
    past, enough = done.past, DetectSettings().min_history
    held = len(done.held(budget))
    return TableReplay(
        dataset=past.dataset.ref,
        unit=past.unit,
        known=len(past),
        judged=len(done.steps),
        held=held,
        told=sum(bool(by[budget]) for by in done.found.values()) - held,
        seconds=seconds,
        why_not=None if len(past) > enough else f"not enough history: {len(past)} of {enough + 1} {past.unit}s",
    )


def _held_unheard(done: Walk, budget: float) -> int:
    """How many batches would have been held if nobody had answered anything but what is accepted."""
    plain = dataclasses.replace(done.budgets.settings(budget), louder={})
    found = (look(done.past, at, plain) for at in done.steps)
    return sum(any(f.holds and not done.answer(f) for f in findings) for findings in found)


def _alarms(done: Walk, budget: float) -> Iterator[Alarm]:
    past, drifting = done.past, dict[str, Interval]()
    for at, by in done.found.items():
        for finding in by[budget]:
            if finding.holds or _begins(finding, drifting):
                yield Alarm(
                    dataset=past.dataset.ref,
                    at=past.now(at),
                    interval=finding.interval or past.interval(at),
                    version=past.version(at),
                    finding=finding,
                    line=line(past, finding, at),
                    accepted=done.answer(finding),
                )


def _begins(finding: Finding, drifting: dict[str, Interval]) -> bool:
    """Whether it is a drift that was not told before; one that goes on is the same incident. Keeps how far each has come."""
    if finding.kind != "drift" or finding.interval is None:
        return False
    before = drifting.get(finding.key)
    drifting[finding.key] = finding.interval
    return before is None or not before.overlaps(finding.interval)


def _notch(walks: Sequence[Walk], budget: float) -> Notch:
    shares = {w.past.dataset.ref: w.budgets.settings(budget).budget for w in walks}
    held = [(w.past.now(at), w) for w in walks for at in w.held(budget)]
    return Notch(
        budget=budget,
        per_batch=sum(shares.values()) / max(1, len(shares)),
        expected=sum(shares[w.past.dataset.ref] * len(w.steps) for w in walks),
        alarms=len(held),
        days=len({moment.date() for moment, _ in held}),
        caught=tuple(
            Caught(
                fault=fault.name,
                caught=sum(w.caught[budget][place].caught for w in walks),
                tried=sum(w.caught[budget][place].tried for w in walks),
            )
            for place, fault in enumerate(FAULTS)
        ),
    )


def _ends(steps: range) -> tuple[int, ...]:
    return (steps[0], steps[-1]) if steps else ()


def _moments(past: Past, at: int) -> tuple[datetime, ...]:
    bucket = past.interval(at)
    return (past.now(at),) if bucket is None else (bucket.start, bucket.end)


def _labels(site: Site, chosen: Mapping[DatasetRef, Dataset], told: Mapping[DatasetRef, DetectSettings]) -> Labels:
    """Judge again what people have judged, on the numbers of the version that the incident was about."""
    found: dict[str, list[int | None]] = {"fixed": [], "false alarm": []}
    for incident in site.state.incidents(states=SOLVED):
        root = incident.findings[0]
        dataset = chosen.get(root.dataset) if root.dataset is not None else None
        if incident.resolution in found and root.interval is not None and dataset is not None:
            found[incident.resolution].append(_delay(site, incident, dataset, root.interval, told[dataset.ref]))
    real, false = found["fixed"], found["false alarm"]
    delays = tuple(d for d in real if d is not None)
    return Labels(
        real=len(real),
        real_found=len(delays),
        false=len(false),
        false_found=sum(d is not None for d in false),
        delays=delays,
    )


def _delay(
    site: Site, incident: Incident, dataset: Dataset, interval: Interval, settings: DetectSettings
) -> int | None:
    """After how many of an incident's batches its table is held; None when it never is."""
    past = past_of(site, incident.version, dataset, Answers(site.state, incident.version))
    steps = [at for at in range(settings.min_history, len(past)) if _inside(past.interval(at), interval)]
    return next((n for n, at in enumerate(steps) if _holds(look(past, at, settings))), None)


def _inside(bucket: Interval | None, interval: Interval) -> bool:
    return bucket is not None and bucket.overlaps(interval)


MONTH = timedelta(days=DAYS_A_MONTH)


def a_month(count: float, since: datetime | None, until: datetime | None) -> float | None:
    """So many in a stretch of time as a rate per month of 30 days; None where no time went by."""
    if since is None or until is None or until <= since:
        return None
    return count * (MONTH / (until - since))


def answered(found: Backtest) -> Iterator[str]:
    """What people's answers changed: the budget of each kind of finding, and how many batches it would have held."""
    for table in found.tables:
        said = [
            f"{f.kind} {counted(f.false, 'false alarm')}, {f.real} fixed: {f.factor:.2g} of its budget"
            for f in table.feedback
        ]
        if said:
            yield f"{table.dataset}: {'; '.join(said)}; would hold {table.held}, without the answers {table.held_unheard}"


def labels(found: Labels) -> Iterator[str]:
    """What people's answers say, in a few clauses."""
    if not found.real and not found.false:
        yield 'none labelled: `tidegate incidents resolve N --as fixed --reason "..."` or `--as false-alarm` labels one'
    if found.real:
        late = sorted(found.delays)
        middle = late[len(late) // 2] if late else 0
        after = f", half of them within {counted(middle, 'batch', 'batches')}" if middle else ", at their first batch"
        found_of = f"{found.real_found} of {counted(found.real, 'incident')} resolved as fixed"
        yield f"{found_of} would be found (recall {found.recall:.0%}){after if late else ''}"
    if found.false:
        yield f"{found.false_found} of {found.false} false alarms would come again"
    if found.precision is not None and found.false:
        yield f"precision {found.precision:.0%}"
