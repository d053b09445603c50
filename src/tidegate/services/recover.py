"""Recover: propose a plan from the cause of an incident, and carry it out step by step, each step in the ledger."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tidegate.errors import IncidentError, VersionNotFoundError
from tidegate.model import Action, DatasetRef, Finding, Incident, Interval, Version, VersionState
from tidegate.model.words import counted, lasting
from tidegate.ports import Backfill, Step
from tidegate.services import remove
from tidegate.services.backfill import chosen
from tidegate.services.incidents import OPEN_STATES, UNSOLVED, WRITTEN, by_hand, find
from tidegate.services.publish import kept_version, publish_by_hand, repair, rollback
from tidegate.services.remove import Removal
from tidegate.services.run import Build, RunOutcome, run
from tidegate.services.site import Site

LOAD = re.compile(r"load (\S+)$")
"""How a finding names the load that brought it."""

LATE = ("volume", "segment", "freshness", "nulls", "distinct", "location", "scale", "share")
"""Kinds of finding about a stretch of time, which is loaded and built again when the source is right."""


class Way(StrEnum):
    """What a step of a plan does."""

    ROLLBACK = "rollback"
    COPIES = "copies"
    LOAD = "load"
    ROWS = "rows"
    RERUN = "rerun"
    BACKFILL = "backfill"
    ACCEPT = "accept"
    PUBLISH = "publish"


BUDGET = "budget"
"""The kind of the finding that a version was held because an error budget is spent."""

REMOVING = (Way.COPIES, Way.LOAD, Way.ROWS)

REMOVED = {"duplicates": Way.COPIES, "check": Way.ROWS}
"""Kinds of finding whose rows can go, by the way that takes them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for, beyond what the cause suggests: a way, the load, the stretch of time, a full refresh."""

    way: Way | None = None
    load: str | None = None
    interval: Interval | None = None
    full_refresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One step: in a sentence, what it changes, and whether it takes something away (then it needs `--yes`).

    `arguments` are what it needs to be carried out again by another process. `rows` is how many rows it moves.
    """

    way: Way
    sentence: str
    changes: tuple[str, ...]
    destructive: bool
    arguments: Mapping[str, object] = field(default_factory=dict)
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an incident is to be recovered from: `id` is that of the ledger's event, 0 while it is only proposed.

    `asked` is the wish that it came from. `copied_bytes` are copied for the candidates; `wall_s` is what its steps took when they last ran, None if unknown.
    """

    incident: int
    because: str
    steps: tuple[PlanStep, ...]
    copied_bytes: int
    wall_s: float | None
    asked: str
    id: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of a plan: the steps that are done, in words, and why it ended early if it did."""

    plan: Plan
    done: tuple[str, ...]
    ended: str | None
    version: int | None


# --- the plan --------------------------------------------------------------------------------------------------------


def propose(site: Site, number: int, wish: Wish) -> Plan:
    """The plan for an incident, or what is left of one that was begun and asked for in the same way.

    Raises:
        IncidentError: no such incident, it is solved, or the way does not fit its cause.
    """
    incident = find(site, number)
    if incident.state not in UNSOLVED:
        raise IncidentError(
            f"incident `{number}` is `{incident.state}` already", hint="nothing is left to recover from"
        )
    begun = _begun(site, incident)
    if begun is not None and (wish == Wish() or str(wish) == begun.asked):
        return begun
    root = incident.findings[0]
    way = wish.way or _way(site, incident, wish)
    steps = [*_back(site, incident, way), *_steps(site, incident, way, wish)]
    building = [s for s in steps if s.way not in {Way.ROLLBACK, Way.ACCEPT, Way.PUBLISH}]
    base = _base(site, incident) if way in REMOVING else None
    published = site.state.published()
    copied = base or (published.number if published else None)
    return Plan(
        incident=number,
        because=root.sentence,
        steps=tuple(steps),
        copied_bytes=site.warehouse.size_bytes(copied) * len(building) if copied else 0,
        wall_s=_took(site) if building else 0.0,
        asked=str(wish),
    )


def _way(site: Site, incident: Incident, wish: Wish) -> Way:
    root = incident.findings[0]
    if wish.load is not None:
        return Way.LOAD
    if wish.interval is not None:
        return Way.BACKFILL
    if root.kind == WRITTEN:
        return Way.ROLLBACK
    if root.kind == BUDGET and _is_held(site, incident):
        return Way.PUBLISH
    removing = REMOVED.get(root.kind)
    kept = incident.version in site.warehouse.kept()
    if removing is not None and kept and _planned(site, incident, removing, None, incident.version):
        return removing
    dated = any(f.interval is not None for f in incident.findings)
    return Way.BACKFILL if root.kind in LATE and dated else Way.RERUN


def _back(site: Site, incident: Incident, way: Way) -> Iterator[PlanStep]:
    """Readers first: what they see already is put back before anything is built."""
    published = site.state.published()
    shown = published is not None and (incident.version == published.number or incident.findings[0].kind == WRITTEN)
    if way in {Way.ACCEPT, Way.PUBLISH} or not shown or published is None:
        return
    target = _last_good(site, published)
    if target is None:
        if way is Way.ROLLBACK:
            raise VersionNotFoundError(f"no version that was published before version `{published.number}` is kept")
        return
    yield PlanStep(
        way=Way.ROLLBACK,
        sentence=f"roll back: readers see version {target} again, with the pipeline's state",
        changes=(f"what readers see: version {published.number} -> {target}",),
        destructive=True,
        arguments={"from": published.number, "to": target},
    )


def _last_good(site: Site, present: Version) -> int | None:
    kept = set(site.warehouse.kept())
    for publication in site.state.publications():
        version = site.state.version(publication.version)
        retired = version is not None and version.state is VersionState.RETIRED and publication.version in kept
        if retired and publication.version < present.number:
            return publication.version
    return None


def _steps(site: Site, incident: Incident, way: Way, wish: Wish) -> Iterator[PlanStep]:
    match way:
        case Way.ROLLBACK:
            return
        case Way.ACCEPT:
            yield _acceptance(site, incident)
        case Way.PUBLISH:
            yield _publication(site, incident)
        case Way.RERUN:
            names = ", ".join(step.name for step in site.steps)
            yield PlanStep(
                way=way,
                sentence=f"run the steps again ({names}) on a copy of what readers see; measure, judge, publish or hold",
                changes=("a new version", *_tables(incident)),
                destructive=False,
            )
        case Way.BACKFILL:
            yield _backfilled(incident, wish)
        case _:
            yield _removal(site, incident, way, wish)


def _acceptance(site: Site, incident: Incident) -> PlanStep:
    version = site.state.version(incident.version)
    shown = version is not None and version.state is VersionState.PUBLISHED
    return PlanStep(
        way=Way.ACCEPT,
        sentence=f"accept version {incident.version} as expected: {'it is published' if shown else 'publish it'}, and learn from it",
        changes=(f"what readers see: version {incident.version}", "the baseline: these numbers count as normal"),
        destructive=True,
        arguments={"version": incident.version},
    )


def _is_held(site: Site, incident: Incident) -> bool:
    version = site.state.version(incident.version)
    return version is not None and version.state is VersionState.HELD


def _publication(site: Site, incident: Incident) -> PlanStep:
    """Publish what was held, as it is: right where something else than its data held it, such as a spent error budget.

    Raises:
        IncidentError: the version is not held.
    """
    if not _is_held(site, incident):
        raise IncidentError(
            f"version `{incident.version}` of incident `{incident.number}` is not held, so it cannot be published",
            hint="choose another way with `--by`, such as `--by rerun`",
        )
    return PlanStep(
        way=Way.PUBLISH,
        sentence=f"publish version {incident.version} as it is, which was held; its incidents end as expected",
        changes=(f"what readers see: version {incident.version}",),
        destructive=True,
        arguments={"version": incident.version},
    )


def _backfilled(incident: Incident, wish: Wish) -> PlanStep:
    spans = [f.interval for f in incident.findings if f.interval is not None]
    if wish.interval is None and not spans:
        raise IncidentError(
            f"incident `{incident.number}` is about no stretch of time", hint="say which with `--from` and `--to`"
        )
    span = wish.interval or Interval(start=min(s.start for s in spans), end=max(s.end for s in spans))
    return PlanStep(
        way=Way.BACKFILL,
        sentence=f"backfill from {span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC, once the source is right;"
        " measure, judge, publish or hold",
        changes=("a new version", *_tables(incident)),
        destructive=False,
        arguments={"from": span.start.isoformat(), "to": span.end.isoformat(), "full_refresh": wish.full_refresh},
    )


def _tables(incident: Incident) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{f.dataset}" for f in incident.findings if f.dataset is not None))


def _base(site: Site, incident: Incident) -> int:
    """The version that holds the rows: the one of the incident.

    Raises:
        VersionNotFoundError: it is not kept.
    """
    return kept_version(site, incident.version).number


def _removal(site: Site, incident: Incident, way: Way, wish: Wish) -> PlanStep:
    base = _base(site, incident)
    load = wish.load or load_of(incident.findings)
    if way is Way.LOAD and load is None:
        raise IncidentError(f"incident `{incident.number}` names no dlt load", hint="say which with `--load ID`")
    removals = _planned(site, incident, way, load, base)
    with site.warehouse.reader(base) as reader:
        counts = {r: count for r in removals if (count := remove.count(reader, r))}
    if not counts:
        raise IncidentError(
            f"no row of version `{base}` is to be moved {_why(way, load)}",
            hint="choose another way with `--by`, such as `--by rerun` once the source is right; rows of views and of what dbt"
            " builds go with those that they are built from",
        )
    rows = sum(counts.values())
    steps, afresh = _derived(site, base, [r.ref for r in counts])
    built = ", ".join(step.name for step in steps) or "no step"
    refreshed = wish.full_refresh or bool(afresh)
    how = f", incremental models from nothing ({', '.join(afresh)})" if afresh else ""
    return PlanStep(
        way=way,
        sentence=f"quarantine {counted(rows, 'row')} of version {base} {_why(way, load)}, run {built}{how}; measure, judge,"
        " publish or hold",
        changes=(*(f"{r.ref}: {counted(n, 'row')} to {r.into}" for r, n in counts.items()), "a new version"),
        destructive=True,
        arguments={"base": base, "load": load, "full_refresh": refreshed},
        rows=rows,
    )


def _why(way: Way, load: str | None) -> str:
    whence = f"of load {load}" if load else "that came twice"
    return {
        Way.COPIES: f"that are further copies {'of load ' + load if load else ''}".strip(),
        Way.LOAD: whence,
        Way.ROWS: "that fail its checks",
    }[way]


def load_of(findings: Sequence[Finding]) -> str | None:
    """The dlt load that the root of an incident names; None when it names none, or several."""
    found = LOAD.search(findings[0].since or "")
    return found[1] if found else None


def _planned(site: Site, incident: Incident, way: Way, load: str | None, base: int) -> tuple[Removal, ...]:
    """What goes, of the tables that would not have it again: it goes from views and from what dbt builds by itself."""
    found: tuple[Removal, ...]
    with site.warehouse.reader(base) as reader:
        match way:
            case Way.COPIES:
                refs = [f.dataset for f in incident.findings if f.kind == "duplicates" and f.dataset is not None]
                found = tuple(remove.copies(reader, ref, load, incident.number) for ref in dict.fromkeys(refs))
            case Way.LOAD:
                found = remove.loads(reader, load or "", incident.number)
            case _:
                found = remove.failing(site, incident)
        again = remove.built_again(site, site.warehouse.state_folder(base), reader)
    return tuple(removal for removal in found if removal.ref not in again)


def _derived(site: Site, base: int, refs: Sequence[DatasetRef]) -> tuple[Sequence[Step], tuple[str, ...]]:
    """The steps that build from the tables, and the incremental models below them, which are built from nothing."""
    return remove.derived(site, site.warehouse.state_folder(base), refs)


def _took(site: Site) -> float | None:
    """Seconds of the last run that ended."""
    for last in site.state.runs(limit=5):
        if last.finished_at is not None:
            return (last.finished_at - last.started_at).total_seconds()
    return None


# --- carrying it out -------------------------------------------------------------------------------------------------


def execute(site: Site, plan: Plan, *, reason: str, wait_s: float = 0.0) -> Recovered:
    """Carry a plan out, from the first step that is not done.

    Each step is in the ledger before and after it. A step whose effect is there already is not done again, so that after a
    crash anywhere the same command goes on. Nothing is resolved by it.

    Raises:
        TidegateError: a step could not be carried out; the same plan goes on with it the next time.
    """
    with site.warehouse.lock(owner=f"recover {plan.incident}", wait_s=wait_s):
        repair(
            site, published_may_be_gone=True
        )  # a publication that a crash cut off is finished before it counts as done
    incident = find(site, plan.incident)
    subject = f"incident:{incident.number}"
    if not plan.id:
        steps = [dataclasses.asdict(step) for step in plan.steps]
        planned = by_hand(site, incident, "recovery.planned", {"reason": reason, "asked": plan.asked, "steps": steps})
        plan = dataclasses.replace(plan, id=site.state.append([planned])[0].id)
    told: list[str] = []
    for place, step in enumerate(plan.steps[plan.done :], start=plan.done):
        data = {"plan": plan.id, "step": place, "way": step.way.value}
        site.progress.stage("recover", f"step {place + 1} of {len(plan.steps)}: {step.way}")
        site.state.append([site.event("incident.recovery.started", subject, data)])
        said, held = _carry_out(site, incident, plan, place, reason=reason, wait_s=wait_s)
        if held:
            site.state.append([site.event("incident.recovery.ended", subject, {"plan": plan.id, "reason": said})])
            return Recovered(plan=plan, done=tuple(told), ended=said, version=site.warehouse.published())
        told.append(said)
        finished = {**data, "result": said}
        site.state.append([site.event("incident.recovery.finished", subject, finished)])
    site.state.append([site.event("incident.recovery.ended", subject, {"plan": plan.id, "reason": "done"})])
    return Recovered(plan=plan, done=tuple(told), ended=None, version=site.warehouse.published())


def _carry_out(
    site: Site, incident: Incident, plan: Plan, place: int, *, reason: str, wait_s: float
) -> tuple[str, bool]:
    """What was done, in words, and whether the plan cannot go on."""
    step = plan.steps[place]
    if step.way is Way.ROLLBACK:
        return _rolled_back(site, incident, step, reason=reason, wait_s=wait_s), False
    if step.way in {Way.ACCEPT, Way.PUBLISH}:
        return _accepted(site, incident, step, reason=reason, wait_s=wait_s), False
    before = _built(site, plan, place)
    if before is not None:
        return f"version {before} was built and published", False
    outcome = _run(site, incident, plan, place, reason=reason, wait_s=wait_s)
    if outcome.decision.action is Action.HOLD:
        return f"version {outcome.version} was built and is held: {'; '.join(outcome.decision.because)}", True
    return f"version {outcome.version} was built and published", False


def _rolled_back(site: Site, incident: Incident, step: PlanStep, *, reason: str, wait_s: float) -> str:
    target = _number(step.arguments["to"])
    published = site.state.published()
    if published is None or published.number != target:
        rollback(site, target, reason=f"incident {incident.number}: {reason}", wait_s=wait_s)
    if find(site, incident.number).state in OPEN_STATES:
        said = {"reason": f"version {target} was put back"}
        site.state.append([site.event("incident.mitigated", f"incident:{incident.number}", said)])
    return f"readers see version {target} again"


def _accepted(site: Site, incident: Incident, step: PlanStep, *, reason: str, wait_s: float) -> str:
    version = _number(step.arguments["version"])
    published = site.state.published()
    if published is None or published.number != version:
        publish_by_hand(site, version, reason=reason, wait_s=wait_s)
    if find(site, incident.number).state in UNSOLVED:
        site.state.append([by_hand(site, incident, "resolved", {"reason": reason, "resolution": "expected"})])
    return f"version {version} is what readers see, and counts as expected"


def _run(site: Site, incident: Incident, plan: Plan, place: int, *, reason: str, wait_s: float) -> RunOutcome:
    step = plan.steps[place]
    because = {"reason": reason, "recovery": {"incident": incident.number, "plan": plan.id, "step": place}}
    if step.way is Way.RERUN:
        return run(site, site.steps, wait_s=wait_s, build=Build(because=because))
    afresh = bool(step.arguments.get("full_refresh"))
    if step.way is Way.BACKFILL:
        start, end = (datetime.fromisoformat(str(step.arguments[name])).astimezone(UTC) for name in ("from", "to"))
        steps, _ = chosen(site, None)
        again = Backfill(interval=Interval(start=start, end=end), full_refresh=afresh)
        return run(site, steps, wait_s=wait_s, build=Build(backfill=again, because=because))
    base, load = _number(step.arguments["base"]), step.arguments.get("load")
    removals = _planned(site, incident, step.way, str(load) if load else None, base)
    steps, _ = _derived(site, base, [r.ref for r in removals])
    build = Build(
        backfill=Backfill(full_refresh=True) if afresh else None,
        base=base,
        loads=(str(load),) if load else (),
        before=lambda candidate, run_id: remove.carry_out(site, candidate, run_id, removals),
        because=because,
    )
    return run(site, steps, wait_s=wait_s, build=build)


# --- what the ledger knows of a plan ---------------------------------------------------------------------------------


def _begun(site: Site, incident: Incident) -> Plan | None:
    """The last plan of an incident that did not come to its end, with how many of its steps are done."""
    plan: Plan | None = None
    for event in site.state.events(subject=f"incident:{incident.number}"):
        if event.kind == "incident.recovery.planned":
            plan = Plan(
                incident=incident.number,
                because=incident.findings[0].sentence,
                steps=tuple(_read(step) for step in _list(event.data.get("steps"))),
                copied_bytes=0,
                wall_s=None,
                asked=str(event.data.get("asked")),
                id=event.id,
            )
        elif plan is not None and event.kind == "incident.recovery.finished" and event.data.get("plan") == plan.id:
            plan = dataclasses.replace(plan, done=_number(event.data["step"]) + 1)
        elif plan is not None and event.kind in {"incident.recovery.ended", "incident.reopened"}:
            plan = None
    return plan


def _read(said: object) -> PlanStep:
    if not isinstance(said, Mapping):
        raise AssertionError(f"a plan in the ledger has a step that is none: {said!r}")
    changes = said.get("changes")
    return PlanStep(
        way=Way(str(said["way"])),
        sentence=str(said["sentence"]),
        changes=tuple(map(str, changes)) if isinstance(changes, Sequence) else (),
        destructive=bool(said["destructive"]),
        arguments=dict(said["arguments"]),
        rows=None if said.get("rows") is None else _number(said["rows"]),
    )


def _built(site: Site, plan: Plan, place: int) -> int | None:
    """The version that this step built and published before its process died; None when it has to be built."""
    for event in site.state.events(after=plan.id):
        if event.kind == "run.started" and event.data.get("recovery") == {
            "incident": plan.incident,
            "plan": plan.id,
            "step": place,
        }:
            version = site.state.version(_number(event.data["version"]))
            if version is not None and version.state in {VersionState.PUBLISHED, VersionState.RETIRED}:
                return version.number
    return None


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) else ()


def _number(value: object) -> int:
    return int(str(value))


def in_words(plan: Plan) -> str:
    """What a plan costs, in words."""
    took = "as long as a run" if plan.wall_s is None else f"about {lasting(timedelta(seconds=plan.wall_s))}"
    return f"copies {plan.copied_bytes / 1e6:,.1f} MB, takes {took}"
