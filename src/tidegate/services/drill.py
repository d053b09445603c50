"""Drill: let an accident happen to a throw-away copy of the last run, and see whether the gate, and whom it tells, is right."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tidegate import lineage
from tidegate.errors import StepError, UsageError, VersionNotFoundError
from tidegate.metrics import relation, select
from tidegate.model import (
    Action,
    DatasetRef,
    Drill,
    Finding,
    Incident,
    NoticeKind,
    PipelineFacts,
    Quarantined,
    Severity,
    StepReport,
    StepStatus,
    Version,
    VersionState,
)
from tidegate.model.event import OPERATOR
from tidegate.ports import Candidate, Fault, Progress, Reader, Rehearsing, Step, StepContext
from tidegate.services import due
from tidegate.services.hits import Target, aim
from tidegate.services.incidents import UNSOLVED
from tidegate.services.publish import kept_version, nothing_published, rollback
from tidegate.services.quarantine import REPEATABLE
from tidegate.services.run import Build, RunOutcome, combine, may_run, run
from tidegate.services.severity import EFFORT, PROMISE
from tidegate.services.site import Site
from tidegate.services.telling import Proposal, proposals

KIND = "drill"
LOADS = "_dlt_loads"
QUARANTINE = "quarantine"
"""The kind of the finding that rows were put into quarantine."""

NOT_OF_THE_FAULT = EFFORT | {PROMISE}
"""Kinds of findings that say nothing about the data that was damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where drills are played: the sandbox's site, the version that readers saw before (`old`), and the last one (`new`),
    whose new rows are damaged. `known` are the findings that it has undamaged, by their keys. `forbidden` says why the code
    may run no step here, None when it may.
    """

    site: Site
    old: int
    new: int
    known: Mapping[str, Finding]
    forbidden: str | None = None

    def is_fresh(self, finding: Finding) -> bool:
        """Whether a finding is one of the fault's."""
        before = self.known.get(finding.key)
        more = finding.kind == QUARANTINE and (finding.affected_rows or 0) > (
            before.affected_rows or 0 if before else 0
        )
        return finding.kind not in NOT_OF_THE_FAULT and (before is None or more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message that would have gone out: to whom, which, so many seconds after the alarm; `waits` says why it would wait."""

    target: str
    kind: NoticeKind
    after_s: float
    waits: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """What came of a drill.

    `outcome` is held, quarantined, failed (a step broke off), told (published, with a finding) or missed. `by` are the
    sentences of what noticed it. `right_table` says whether the first finding of an incident, of which the most severe is
    `incident`, is about the table that was hit, `right_column` whether a finding there names the column; None where there is
    none, or nothing to name. `rebuilt` are the steps that ran again on the damaged data; `note` says why none
    did. `seconds` are those of measuring and judging, until the alarm.
    """

    drill: Drill
    at: datetime
    version: int
    rows: int
    new_rows: int
    hit_rows: int
    outcome: str
    by: tuple[str, ...]
    right_table: bool | None
    right_column: bool | None
    severity: Severity | None
    reasons: tuple[str, ...]
    told: tuple[Told, ...]
    rebuilt: tuple[str, ...]
    note: str | None
    seconds: float
    proposals: tuple[Proposal, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    incident: Incident | None = field(default=None, metadata={"json": False})

    @property
    def caught(self) -> bool:
        """Whether readers were kept from the damaged data."""
        return self.outcome in {"held", "quarantined", "failed"}


# --- the stage -------------------------------------------------------------------------------------------------------


def versions_of(site: Site) -> tuple[Version, Version]:
    """The version that the published one came after, and the published one.

    Raises:
        NothingPublishedError: nothing is published.
        VersionNotFoundError: it is the first one, or the one before is not kept: there is no batch to damage.
        UsageError: the warehouse cannot make a sandbox.
    """
    published = site.state.published()
    if published is None:
        raise nothing_published(site)
    if not isinstance(site.warehouse, Rehearsing):
        kind = site.settings.warehouse.type
        raise UsageError(f"no drill can be played on a warehouse of the type `{kind}`", hint="use `duckdb`")
    if published.parent is None:
        raise VersionNotFoundError(
            f"version `{published.number}` is the first one: a drill damages what the last run brought",
            hint="run the pipeline once more first",
        )
    return kept_version(site, published.parent), kept_version(site, published.number)


def set_up(real: Site, sandbox: Site, old: Version, new: Version) -> Stage:
    """Turn the sandbox back to before the last run: readers see `old`, and no incident is open."""
    events = [
        sandbox.event("incident.resolved", f"incident:{i.number}", {"reason": "a drill begins", "resolution": "fixed"})
        for i in sandbox.state.incidents(states=UNSOLVED)
    ]
    if events:
        sandbox.state.append(events)
    rollback(sandbox, old.number, reason="a drill begins", wait_s=0.0)
    known = {f.key: f for f in real.state.findings(new.number)}
    forbidden = None if may_run(real) else f"this code was not promoted to `{real.settings.environment}`"
    return Stage(site=sandbox, old=old.number, new=new.number, known=known, forbidden=forbidden)


# --- one drill -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """How a drill is played: the version that the candidate begins as, the tables that are brought, and the steps behind."""

    base: int
    tables: Mapping[DatasetRef, str | None]
    steps: tuple[Step, ...]
    note: str | None


class _Arrival:
    """The step in the place of those that load: it brings the tables of the last run, damaged."""

    def __init__(self, stage: Stage, tables: Mapping[DatasetRef, str | None], loads: tuple[str, ...]) -> None:
        self._stage, self._tables, self._loads = stage, tables, loads
        self.candidate: Candidate | None = None

    @property
    def name(self) -> str:
        return "damage"

    @property
    def kind(self) -> str:
        return KIND

    def prepare(self, project: Path) -> None: ...

    def databases(self, project: Path) -> Sequence[Path]:  # noqa: ARG002  it has none of its own
        return ()

    def environment(self, context: StepContext) -> dict[str, str]:  # noqa: ARG002  it starts no program
        return {}

    def facts(self, project: Path, state: Path) -> PipelineFacts:  # noqa: ARG002  it leaves no artifacts
        return PipelineFacts()

    def run(self, context: StepContext, progress: Progress) -> StepReport:  # noqa: ARG002  as the port has it
        stage, candidate = self._stage, self.candidate
        if candidate is None or not isinstance(stage.site.warehouse, Rehearsing):
            raise AssertionError("a drill has a candidate, in a sandbox")
        begun = stage.site.clock.wall_s()
        stage.site.warehouse.fill(candidate.number, stage.old, stage.new, self._tables)
        return StepReport(
            name=self.name,
            kind=self.kind,
            status=StepStatus.SUCCESS,
            exit_code=0,
            wall_s=stage.site.clock.wall_s() - begun,
            cpu_s=0.0,
            log="",
            command=(),
            summary=f"{len(self._tables)} tables, one of them damaged",
            facts=PipelineFacts(load_ids=self._loads),
        )

    def begins(self, candidate: Candidate, run_id: str) -> tuple[()]:  # noqa: ARG002  as `Build.before` has it
        self.candidate = candidate
        return ()


def play(stage: Stage, drill: Drill, fault: Fault, *, quick: bool = False) -> Drilled:
    """Damage the new rows of a table in a candidate of the sandbox, let the steps behind the load run on it, and look what
    the gate makes of it.

    Args:
        quick: run no step: only the damaged table, and views on it, show the fault.

    Raises:
        UsageError: the table, the column or the fault do not fit each other.
        StepError: a step broke off, and does so without the fault too.
    """
    site = stage.site
    target, loads = _target(stage, drill, fault)
    scene = _scene(stage, target, quick=quick)
    arrival = _Arrival(stage, scene.tables, loads)
    build = Build(base=scene.base, loads=loads, before=arrival.begins, because={"drill": drill.name})
    number = site.state.next_version()
    try:
        outcome = run(site, (arrival, *scene.steps), build=build)
    except StepError:
        _demand_sound(stage, scene, loads)
        return _drilled(stage, target, scene, number, None)
    return _drilled(stage, target, scene, number, outcome)


def _target(stage: Stage, drill: Drill, fault: Fault) -> tuple[Target, tuple[str, ...]]:
    """What is hit, and the dlt loads that are new."""
    site = stage.site
    with site.warehouse.reader(stage.old) as reader:
        old = reader.catalog()
    with site.warehouse.compare(stage.old, stage.new) as reader:
        new = reader.catalog()
        said = site.settings.tables.get(drill.table)
        target = aim(reader, old, new, drill, fault, said.key if said else ())
        loads = [load for d in new if d.ref.name == LOADS for load in _new_loads(reader, d.ref, {o.ref for o in old})]
    return target, tuple(loads)


def _new_loads(reader: Reader, ref: DatasetRef, old: Collection[DatasetRef]) -> Iterator[str]:
    """The dlt loads that the version before did not have, oldest first."""
    found = select(["load_id"], f"new.{relation(ref)}")
    if ref in old:
        found += " EXCEPT " + select(["load_id"], f"old.{relation(ref)}")
    yield from (str(row[0]) for row in reader.query(f"{found} ORDER BY 1").rows)


def _scene(stage: Stage, target: Target, *, quick: bool) -> _Scene:
    """As the last run went: the version before, what was loaded, and dbt on it. Where that cannot be done, the damaged table
    alone is replaced in a copy of the last version.
    """
    site, ref = stage.site, target.dataset.ref
    state = site.warehouse.state_folder(stage.new)
    facts = [step.facts(site.settings.root, state) for step in site.steps]
    built = {
        n.dataset
        for step, said in zip(site.steps, facts, strict=True)
        for n in said.nodes
        if step.kind == REPEATABLE and n.kind != "source"
    }
    together = combine(facts)
    below = lineage.build(together.nodes, together.edges).downstream(ref)
    note = _why_alone(site.steps, ref, built=built, below=below, quick=quick)
    if note is None and stage.forbidden is not None:
        note = f"no step was run, because {stage.forbidden}: only the damaged table shows the fault"
    if note is not None:
        return _Scene(base=stage.new, tables={ref: target.sql}, steps=(), note=note)
    with site.warehouse.reader(stage.new) as reader:
        loaded = [d.ref for d in reader.catalog() if not d.is_view and d.ref not in built]
    tables = {loaded_ref: target.sql if loaded_ref == ref else None for loaded_ref in loaded}
    steps = tuple(step for step in site.steps if step.kind == REPEATABLE)
    return _Scene(base=stage.old, tables=tables, steps=steps, note=None)


def _why_alone(
    steps: Sequence[Step],
    ref: DatasetRef,
    *,
    built: set[DatasetRef | None],
    below: frozenset[DatasetRef],
    quick: bool,
) -> str | None:
    """Why no step runs on the damaged data; None when the steps do."""
    if quick:
        return "no step was run, as asked: only the damaged table shows the fault"
    if not steps:
        return "the project has no `steps:`, so none was run: only the damaged table shows the fault"
    if ref in built:
        return f"dbt builds {ref} itself, so no step was run: only that table shows the fault"
    others = [s.name for s in steps if s.kind not in {REPEATABLE, "dlt"}]
    if others:
        return f"no step was run, because `{others[0]}` may do anything: only the damaged table shows the fault"
    if not below & {b for b in built if b is not None}:
        return f"nothing is built from {ref}, so no step was run"
    return None


def _demand_sound(stage: Stage, scene: _Scene, loads: tuple[str, ...]) -> None:
    """A step that breaks off without the fault too has not noticed it."""
    site = stage.site
    arrival = _Arrival(stage, dict.fromkeys(scene.tables), loads)
    build = Build(base=scene.base, loads=loads, before=arrival.begins, because={"drill": "without the fault"})
    run(site, (arrival, *scene.steps), build=build)
    if site.warehouse.published() != stage.old:
        rollback(site, stage.old, reason="a drill begins", wait_s=0.0)


# --- what came of it -------------------------------------------------------------------------------------------------


def _drilled(stage: Stage, target: Target, scene: _Scene, number: int, outcome: RunOutcome | None) -> Drilled:
    site = stage.site
    told = [i for i in site.state.incidents(versions=(number,)) if i.findings[0].kind not in NOT_OF_THE_FAULT]
    found = outcome.findings if outcome is not None else tuple(f for i in told for f in i.findings)
    fresh = sorted((f for f in found if stage.is_fresh(f)), key=lambda f: not f.holds)
    mine = [i for i in told if {f.key for f in i.findings} & {f.key for f in fresh}]
    incident = min(mine, key=lambda i: (i.severity, target.dataset.ref not in _tables(i), i.number), default=None)
    heads = [i.findings[0] for i in mine] or fresh[:1]
    ended = _outcome(outcome, fresh, target)
    drilled = Drilled(
        drill=target.drill,
        at=site.clock.now(),
        version=stage.new,
        rows=target.rows,
        new_rows=target.new_rows,
        hit_rows=target.hit_rows,
        outcome=ended,
        by=tuple(f.sentence for f in fresh),
        right_table=any(f.dataset == target.dataset.ref for f in heads) if heads else None,
        right_column=_right_column(target, [f for i in mine for f in i.findings] or fresh),
        severity=incident.severity if incident is not None else None,
        reasons=incident.reasons if incident is not None else (),
        told=tuple(_told(site, incident)) if incident is not None else (),
        rebuilt=tuple(s.name for s in scene.steps),
        note=scene.note,
        seconds=sum(outcome.seconds.get(name, 0.0) for name in ("measure", "judge")) if outcome is not None else 0.0,
        quarantined=outcome.quarantined if outcome is not None else (),
        incident=incident,
    )
    if not drilled.caught and number in site.warehouse.kept():
        column = target.dataset.column(target.drill.column) if target.drill.column else None
        would = proposals(site, target.dataset, column, bad=number, good=stage.new, source=KIND)
        drilled = dataclasses.replace(drilled, proposals=would)
    _take_back(stage, number)
    return drilled


def _tables(incident: Incident) -> set[DatasetRef | None]:
    return {f.dataset for f in incident.findings}


def _outcome(outcome: RunOutcome | None, fresh: Sequence[Finding], target: Target) -> str:
    """Quarantine has kept the fault from readers when it took as many rows as were hit."""
    if outcome is None:
        return "failed"
    if outcome.decision.action is Action.HOLD and any(f.holds for f in fresh):
        return "held"
    taken = [f for f in fresh if f.kind == QUARANTINE and f.dataset == target.dataset.ref]
    if any((f.affected_rows or 0) >= target.hit_rows for f in taken):
        return "quarantined"
    return "told" if fresh else "missed"


def _right_column(target: Target, findings: Sequence[Finding]) -> bool | None:
    """Whether a finding about the damaged table names the column that was hit, itself or by the slice."""
    column = target.drill.column
    mine = [f for f in findings if f.dataset == target.dataset.ref]
    if column is None or not mine:
        return None
    named = {f.column for f in mine} | {f.slice.segment.column for f in mine if f.slice is not None}
    named |= {f.spec.segment.column for f in mine if f.spec is not None and f.spec.segment is not None}
    names = {n.lower() for n in named if n}
    return column.lower() in names if names else None


def _told(site: Site, incident: Incident) -> Iterator[Told]:
    """The messages that its opening would bring, and those that follow as long as nobody acknowledges it."""
    events = site.state.events(subject=f"incident:{incident.number}")
    opened = max((e for e in events if e.kind in {"incident.opened", "incident.reopened"}), key=lambda e: e.id)
    story = due.Story(
        incident=incident, events=tuple(e for e in events if e.id >= opened.id), products=incident.products
    )
    routes = tuple(r for r in site.settings.routes if not r.test)
    policy = due.Policy(routes=routes, maintenance=site.settings.maintenance)
    for target in policy.targets:
        mine = [r for r in routes if r.to == target and due.concerns(r, story)]
        moments = sorted((m for r in mine for m in due.moments(r, story, (), updates=False)), key=lambda m: m.at)
        first = [m for m in moments if m.kind not in {NoticeKind.ESCALATED, NoticeKind.REMINDER}][:1]
        for moment in (*first, *{m.key: m for m in moments if m.kind is NoticeKind.ESCALATED}.values()):
            after = max(timedelta(0), moment.at - opened.at) if moment.event is None else timedelta(0)
            yield Told(
                target=target,
                kind=NoticeKind.OPENED if moment in first else moment.kind,
                after_s=after.total_seconds(),
                waits=due.hushed(policy, target, story, moment.at),
            )


def _take_back(stage: Stage, number: int) -> None:
    """Make the sandbox ready for the next drill: what it published is put back, its incidents are closed."""
    site = stage.site
    said = {"reason": "the drill is over", "resolution": "fixed"}
    events = [
        site.event("incident.resolved", f"incident:{i.number}", said) for i in site.state.incidents(states=UNSOLVED)
    ]
    if events:
        site.state.append(events)
    version = site.state.version(number)
    if version is not None and version.state is VersionState.PUBLISHED:
        rollback(site, stage.old, reason="the drill is over", wait_s=0.0)
    if version is not None and number in site.warehouse.kept():
        site.state.append([site.event("version.pruned", f"version:{number}", {"reason": "the drill is over"})])
        site.warehouse.discard(number)


# --- the ledger ------------------------------------------------------------------------------------------------------


def record(site: Site, drilled: Drilled) -> None:
    """Keep what came of a drill in the real ledger; it changes nothing else there."""
    drill = drilled.drill
    data = {
        "fault": drill.fault,
        "table": str(drill.table),
        "column": drill.column,
        "where": drill.where,
        "value": drill.value,
        "magnitude": drill.magnitude,
        "version": drilled.version,
        "hit_rows": drilled.hit_rows,
        "outcome": drilled.outcome,
        "caught": drilled.caught,
        "by": list(drilled.by),
        "right_table": drilled.right_table,
        "right_column": drilled.right_column,
        "severity": drilled.severity,
        "told": [{"target": t.target, "kind": t.kind, "after_s": t.after_s, "waits": t.waits} for t in drilled.told],
        "seconds": round(drilled.seconds, 3),
        "proposed": [p.check.name for p in drilled.proposals if p.is_proven],
        "reason": drill.because or "a drill",
    }
    site.state.append([site.event("drill.finished", f"drill:{drill.name}", data, role=OPERATOR)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A drill that was played, as the ledger has it."""

    name: str
    at: datetime
    role: str
    data: Mapping[str, object]


def past(site: Site, name: str | None = None) -> tuple[Past, ...]:
    """What came of earlier drills, the newest first. Linear in the ledger when no name is given."""
    subject = f"drill:{name}" if name is not None else None
    events = [e for e in site.state.events(subject=subject) if e.kind == "drill.finished"]
    return tuple(
        Past(name=e.subject.removeprefix("drill:"), at=e.at, role=e.role, data=e.data) for e in reversed(events)
    )
