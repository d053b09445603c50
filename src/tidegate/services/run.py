"""Run: build a candidate, measure it, judge it, decide, and publish it or hold it back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from tidegate import lineage
from tidegate.detect import ages, lookback
from tidegate.errors import PromotionError, StaleVersionError, StepError, StepEscapedError, StepTimeoutError
from tidegate.model import (
    Action,
    Check,
    CheckResult,
    DatasetRef,
    Decision,
    Finding,
    Grid,
    Incident,
    Layer,
    Node,
    PipelineFacts,
    Quarantined,
    RunStatus,
    StatementCost,
    StepReport,
    StepStatus,
    TestRun,
    Version,
    VersionState,
)
from tidegate.model.event import SYSTEM
from tidegate.ports import Backfill, Candidate, Step, StepContext
from tidegate.services import contract, effort, gate, incidents, ledger, products, quarantine, slo
from tidegate.services.audit import passed_by, unaudited
from tidegate.services.baseline import Answers
from tidegate.services.explain import explain, with_statements
from tidegate.services.judge import Verdict, judge
from tidegate.services.measure import Measured, measure
from tidegate.services.publish import adopt, kept_version, prune, publish, repair, tidy
from tidegate.services.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """Everything about one run that is worth printing; seconds are wall time by stage."""

    run: str
    version: int
    parent: int | None
    decision: Decision
    steps: tuple[StepReport, ...]
    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    incidents: tuple[Incident, ...]
    costs: tuple[StatementCost, ...]
    tables: int
    copied_bytes: int
    copy_method: str
    seconds: Mapping[str, float]
    repaired: tuple[str, ...]
    quarantined: tuple[Quarantined, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A version of another warehouse that comes in place of what steps would build.

    `folder` is the version's, `fingerprint` that of what was audited there, and `tests` are dbt's verdicts on it. `against` is
    the published version that it was compared with; None when nothing was published.
    """

    folder: Path
    fingerprint: str
    against: int | None
    tests: tuple[TestRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What is special about a run that is no ordinary one.

    `backfill` is what its steps build again. `base` is the version whose copy the candidate begins as, in place of the
    published one; what it holds more than that counts as new, its dlt loads `loads` among it. `before` moves rows out of
    the candidate before a step runs. `because` goes into the ledger with the start of the run, as does the `role` of who asked
    for it. `received` is what the candidate is a copy of, in place of the published version.
    """

    backfill: Backfill | None = None
    base: int | None = None
    loads: tuple[str, ...] = ()
    before: Callable[[Candidate, str], Sequence[quarantine.Taken]] | None = None
    because: Mapping[str, object] = field(default_factory=dict)
    received: Received | None = None
    role: str = SYSTEM


ORDINARY = Build()
ASKED = "a run was asked for"


class _Watch:
    """Times stages by wall clock."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._last = site.clock.wall_s()
        self.seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = self._site.clock.wall_s()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def run(site: Site, steps: Sequence[Step], *, wait_s: float = 0.0, build: Build = ORDINARY) -> RunOutcome:
    """Run the steps against a candidate and publish it or hold it.

    Raises:
        PromotionError: only promoted code may run in this environment, and this is none.
        VersionNotFoundError: the version to begin as is not kept.
        StepError: a step failed, hung or escaped; recorded as an incident, the candidate is removed.
        WarehouseLockedError: another run holds the lock after `wait_s` seconds.
        TidegateError: anything else that kept the run from a decision; recorded, the candidate is removed. So is it
            with what is no TidegateError: Ctrl-C, an OSError, a fault of Tidegate's own.
    """
    if build.received is None:
        _demand_promoted(site)
    for step in steps:
        step.prepare(site.settings.root)
    with site.warehouse.lock(owner="run", wait_s=wait_s):
        said = repair(site)
        adopt(site)
        if build.base is not None:
            kept_version(site, build.base)
        prune(site, spare=build.base)  # the candidate may need the room of what a new `retention:` no longer keeps
        number = site.state.next_version()
        parent = site.state.published()
        run_id = f"{site.clock.now():%Y%m%dT%H%M%SZ}-{number:06d}"
        site.state.append(
            [
                site.event(
                    "run.started",
                    f"run:{run_id}",
                    {"version": number, "reason": ASKED, **build.because},
                    role=build.role,
                ),
                site.event("version.begun", f"version:{number}", _begun(site, run_id, parent)),
            ]
        )
        try:
            return _build(site, steps, run_id, number, parent.number if parent else None, said, build)
        except BaseException as error:  # Ctrl-C, a full disk and a fault of ours among it
            _abandon(site, run_id, number, error)
            raise


CODE_PROMOTED = "promotion.revision"
"""The kind of event that lets a code revision, its subject `revision:REV`, run in an environment."""


def may_run(site: Site) -> bool:
    """Whether this code may run in this environment: where only promoted code does, it was promoted there."""
    if not site.settings.promotion.only_promoted_code:
        return True
    known = site.state.events(subject=f"revision:{site.revision}")
    return site.revision is not None and any(event.kind == CODE_PROMOTED for event in known)


def _demand_promoted(site: Site) -> None:
    """Refuse code that may not run in this environment."""
    if not may_run(site):
        here = site.settings.environment or "this environment"
        what = (
            f"code revision `{site.revision}` was not promoted to" if site.revision else "no code revision is known in"
        )
        hint = (
            f"run `tidegate promote --revision --to {here}` once it was published in `{site.settings.promotion.source}`"
        )
        if site.revision is None or site.revision.endswith("+changes"):
            hint = "commit what differs; in an image, build it with the argument CODE_REVISION"
        raise PromotionError(f"{what} `{here}`, where only promoted code runs", hint=hint)


def _begun(site: Site, run_id: str, parent: Version | None) -> dict[str, object]:
    return {"parent": parent.number if parent else None, "run": run_id, "code_revision": site.revision}


def _version(site: Site, number: int) -> Version:
    version = site.state.version(number)
    if version is None:
        raise AssertionError(f"version {number} was begun and is unknown")
    return version


def _build(
    site: Site,
    steps: Sequence[Step],
    run_id: str,
    number: int,
    parent: int | None,
    said: tuple[str, ...],
    build: Build,
) -> RunOutcome:
    watch = _Watch(site)
    candidate = (
        _received(site, number, build.received) if build.received else _begin(site, number, build.base or parent)
    )
    watch.lap("copy")
    reports, separated = _steps(site, steps, candidate, run_id, build)
    watch.lap("build")
    site.progress.stage("seal")
    fingerprint = site.warehouse.seal(number)
    if build.received is not None:
        _demand_unchanged(build.received, fingerprint, parent)
    site.state.append([site.event("version.sealed", f"version:{number}", {"fingerprint": fingerprint})])
    facts = quarantine.without_old_verdicts(_facts(site, steps, reports, candidate, build), separated)
    graph = lineage.build(facts.nodes, facts.edges)
    learn_parent(site, parent)
    site.progress.stage("scan", f"version {number}")
    measured = scan_version(site, number, facts, parent=None if build.received else parent, base=build.base)
    watch.lap("measure")
    products.demand_known(site.settings.products, measured.catalog, facts.nodes)
    site.progress.stage("judge", f"version {number}")
    verdict = _judged(site, measured, facts, graph, parent)
    moved = quarantine.findings(separated, reports, measured.catalog)
    costly = effort.findings(site, reports)
    verdict = dataclasses.replace(verdict, findings=(*unaudited(site), *moved, *verdict.findings, *costly))
    verdict = dataclasses.replace(verdict, notes=(*passed_by(site), *verdict.notes))
    verdict = slo.with_risk(site, verdict, version=number)
    save(site, measured, verdict)
    decision = gate.decide(number, verdict.results, verdict.findings, tables=len(measured.scans), now=site.clock.now())
    watch.lap("judge")
    _act(site, run_id, number, fingerprint, decision, verdict, graph)
    watch.lap("act")
    return RunOutcome(
        run=run_id,
        version=number,
        parent=parent,
        decision=decision,
        steps=tuple(reports),
        results=verdict.results,
        findings=verdict.findings,
        notes=verdict.notes,
        incidents=slo.unsolved(site, version=number, run=run_id),
        costs=measured.costs,
        tables=len(measured.scans),
        copied_bytes=candidate.copied_bytes,
        copy_method=candidate.copy_method,
        seconds=watch.seconds,
        repaired=said,
        quarantined=separated.tables,
    )


def _begin(site: Site, number: int, base: int | None) -> Candidate:
    site.progress.stage("copy", f"version {base} to {number}" if base else f"version {number} starts empty")
    candidate = site.warehouse.begin(number=number, parent=base)
    site.progress.stage("copied", f"{candidate.copied_bytes} bytes by {candidate.copy_method}")
    return candidate


def _received(site: Site, number: int, received: Received) -> Candidate:
    site.progress.stage("copy", f"{received.folder} to version {number}")
    candidate = site.warehouse.receive(received.folder, number=number)
    site.progress.stage("copied", f"{candidate.copied_bytes} bytes by {candidate.copy_method}")
    return candidate


def _demand_unchanged(received: Received, fingerprint: str, published: int | None) -> None:
    """Refuse what is not what the evidence is about.

    Raises:
        StaleVersionError: other bytes came, or what readers see is not what they were compared with.
    """
    if fingerprint != received.fingerprint:
        raise StaleVersionError(
            f"what was copied from `{received.folder}` is not what was audited there",
            hint="find out what wrote to it, and promote a version that was built and judged since",
        )
    if published != received.against:
        raise StaleVersionError(
            f"version `{published}` was published meanwhile, and the comparison is with version `{received.against}`",
            hint="run `tidegate promote` again; it compares anew",
        )


def _facts(
    site: Site, steps: Sequence[Step], reports: Sequence[StepReport], candidate: Candidate, build: Build
) -> PipelineFacts:
    """What the artifacts of all steps tell, of those too that this run leaves out, and what its own steps reported."""
    everyone = {step.name: step for step in (*site.steps, *steps)}
    declared = [step.facts(site.settings.root, candidate.state) for step in everyone.values()]
    told = build.received.tests if build.received else ()
    return combine([*declared, PipelineFacts(load_ids=build.loads, tests=told), *(r.facts for r in reports)])


def _judged(site: Site, measured: Measured, facts: PipelineFacts, graph: lineage.Graph, parent: int | None) -> Verdict:
    verdict = judge(
        measured,
        facts,
        graph,
        parent=parent,
        state=site.state,
        settings=site.settings,
        now=measured.taken_at,
        built=True,
    )
    return explained(site, measured, verdict)


def _act(
    site: Site,
    run_id: str,
    number: int,
    fingerprint: str,
    decision: Decision,
    verdict: Verdict,
    graph: lineage.Graph,
) -> None:
    held = decision.action is Action.HOLD
    subject = f"version:{number}"
    judged = site.event("version.judged", subject, {"action": decision.action.value, "because": list(decision.because)})
    told = incidents.record(site, verdict.findings, graph, version=number, run=run_id, held=held)
    reason = "; ".join(decision.because)
    status = RunStatus.HELD if held else RunStatus.PUBLISHED
    finished = site.event("run.finished", f"run:{run_id}", {"status": status.value, "reason": reason})
    state = VersionState.HELD if held else VersionState.PUBLISHED
    version = dataclasses.replace(_version(site, number), state=state, reason=reason)
    site.warehouse.describe(version, {"decision": decision.action.value, ledger.ANCHOR: ledger.head(site)})
    if held:
        site.progress.stage("hold", f"version {number}")
        site.state.append([judged, site.event("version.held", subject, {"reason": reason}), *told, finished])
    else:
        calm = incidents.mitigated(site, verdict.findings, version=number)
        along = [judged, *told, *calm, finished]
        publish(site, version, fingerprint=fingerprint, kind="publish", reason=reason, along=along)
    tidy(site)


def _steps(
    site: Site, steps: Sequence[Step], candidate: Candidate, run_id: str, build: Build
) -> tuple[list[StepReport], quarantine.Separated]:
    reports: list[StepReport] = []
    taken = build.before(candidate, run_id) if build.before is not None else ()
    separated = quarantine.Separated(taken=tuple(taken))
    others = [path for step in steps for path in step.databases(site.settings.root)]
    with _shown_stays(site), site.warehouse.guard(others):
        todo = list(steps)
        while todo:
            step = todo.pop(0)
            report = _step(site, step, candidate, run_id, build.backfill)
            reports.append(report)
            if report.status in {StepStatus.FAILED, StepStatus.TIMEOUT}:
                raise _failed(report, _protected(site, candidate, others))
            separated = quarantine.separate(site, candidate, separated, reports, todo, run=run_id)
            if not todo and separated.taken and len(reports) == len(steps):
                todo += _again(site, steps, candidate, separated, reports)
    return reports, separated


def _step(site: Site, step: Step, candidate: Candidate, run_id: str, backfill: Backfill | None) -> StepReport:
    site.progress.stage(f"step:{step.name}", step.kind)
    subject = f"run:{run_id}"
    site.state.append([site.event("step.started", subject, {"step": step.name, "kind": step.kind})])
    where = dataclasses.replace(context(site, candidate, run_id, _timeout(site, step)), backfill=backfill)
    report = step.run(where, site.progress)
    site.state.append([site.event("step.finished", subject, _finished(report))])
    return report


def _again(
    site: Site,
    steps: Sequence[Step],
    candidate: Candidate,
    separated: quarantine.Separated,
    reports: Sequence[StepReport],
) -> Sequence[Step]:
    """The steps that build from what quarantine left; asked once in a run."""
    with site.warehouse.reader(candidate.number) as reader:
        catalog = {d.ref: d for d in reader.catalog()}
    return quarantine.again(steps, separated, reports, catalog)


@contextmanager
def _shown_stays(site: Site) -> Iterator[None]:
    """Put back what readers see, and refuse, when a step showed them something that was not audited."""
    shown = site.warehouse.published()
    try:
        yield
    finally:
        if shown is not None and site.warehouse.published() != shown:
            site.warehouse.publish(shown)
            where = site.warehouse.public_path()
            raise StepEscapedError(
                f"while the steps ran, `{where}` was pointed elsewhere; it shows version {shown} again"
            )


def _protected(site: Site, candidate: Candidate, others: Sequence[Path]) -> list[Path]:
    """What the guard keeps from being written: the published version's folder, and the databases that steps name."""
    published = [] if candidate.parent is None else [site.warehouse.state_folder(candidate.parent).parent]
    return [*published, *others]


def _timeout(site: Site, step: Step) -> float:
    known = {s.name: s.timeout.total_seconds() for s in site.settings.steps}
    return known.get(step.name, max(known.values(), default=3600.0))


def context(site: Site, candidate: Candidate, run_id: str, timeout_s: float) -> StepContext:
    """Where a step of this run works."""
    settings = site.settings
    return StepContext(
        project=settings.root,
        database=candidate.database,
        stable_database=candidate.stable_database,
        state=candidate.state,
        work=settings.work_path,
        logs=settings.logs_path / run_id,
        timeout_s=timeout_s,
        on_start=site.warehouse.note_process,
    )


def _finished(report: StepReport) -> dict[str, object]:
    return {
        "step": report.name,
        "kind": report.kind,
        "status": report.status.value,
        "exit_code": report.exit_code,
        "wall_s": round(report.wall_s, 3),
        "cpu_s": round(report.cpu_s, 3),
        "peak_bytes": report.peak_bytes,
        "summary": report.summary,
        "log": report.log,
    }


def _failed(report: StepReport, protected: Sequence[Path]) -> StepError:
    refused = next((path for path in protected if str(path) in report.summary), None)
    if refused is not None and "lock" in report.summary:
        return StepEscapedError(
            f"step `{report.name}` tried to write in `{refused}`, which is not the candidate, and was refused: {report.summary}"
        )
    again = "and run `tidegate run` again; readers keep the published version"
    if report.status is StepStatus.TIMEOUT:
        hint = f"read {report.log} to see where it hangs, or raise `timeout:` of the step in `tidegate.yml`, {again}"
        return StepTimeoutError(f"step `{report.name}` did not end in {report.wall_s:.0f} s and was stopped", hint=hint)
    hint = f"read {report.log}, repair the cause {again}"
    return StepError(f"step `{report.name}` failed: {report.summary.rstrip(' :')}", hint=hint)


def _abandon(site: Site, run_id: str, number: int, error: BaseException) -> None:
    """Remove the candidate, record why there is no decision, and open an incident for a failed step.

    What is decided on already stays as it was decided. The data goes first: on a full disk the ledger needs its space.
    """
    stopped = isinstance(error, KeyboardInterrupt)
    reason = "stopped by Ctrl-C" if stopped else str(error) or type(error).__name__
    status = RunStatus.INTERRUPTED if stopped else RunStatus.FAILED
    events = []
    version = site.state.version(number)
    if version is not None and version.state is VersionState.CANDIDATE:
        site.warehouse.discard(number)
        if isinstance(error, StepError):
            finding = _step_finding(error, _failed_step(site, run_id))
            events += incidents.record(site, [finding], lineage.Graph(), version=number, run=run_id, held=True)
        events.append(site.event("version.pruned", f"version:{number}", {"reason": reason}))
    unfinished = {r.id for r in site.state.unfinished_runs()}
    if run_id in unfinished:
        events.append(site.event("run.finished", f"run:{run_id}", {"status": status.value, "reason": reason}))
    if events:
        site.state.append(events)
    if isinstance(error, StepError):
        slo.watch(site, run=run_id)


def _failed_step(site: Site, run_id: str) -> str | None:
    """The step that broke off or failed; None when none did, as when one wrote elsewhere and that was seen afterwards."""
    broken: str | None = None
    for event in site.state.events(subject=f"run:{run_id}"):
        if event.kind == "step.started":
            broken = str(event.data["step"])
        elif event.kind == "step.finished" and event.data["status"] not in {StepStatus.FAILED, StepStatus.TIMEOUT}:
            broken = None
    return broken


def _step_finding(error: StepError, step: str | None) -> Finding:
    """One cause for each step: two that fail are two incidents."""
    return Finding(
        key=f"pipeline/{error.code}/{step}" if step else f"pipeline/{error.code}",
        kind="step",
        layer=Layer.TECHNICAL,
        dataset=None,
        sentence=str(error),
        holds=True,
        hint=error.hint,
    )


def combine(facts: Sequence[PipelineFacts]) -> PipelineFacts:
    """The facts of several steps as one; a later step's node of the same dataset wins."""
    nodes: dict[str, Node] = {n.id: n for f in facts for n in f.nodes}
    checks: dict[str, Check] = {c.id: c for f in facts for c in f.checks}
    counted = [f.executed_nodes for f in facts if f.executed_nodes is not None]
    return PipelineFacts(
        nodes=tuple(nodes.values()),
        edges=tuple(dict.fromkeys(e for f in facts for e in f.edges)),
        checks=tuple(checks.values()),
        tests=tuple(t for f in facts for t in f.tests),
        executed_nodes=min(counted) if counted else None,
        load_ids=tuple(dict.fromkeys(i for f in facts for i in f.load_ids)),
        notes=tuple(dict.fromkeys(n for f in facts for n in f.notes)),
        located=lambda check: reduce(lambda found, one: one.located(found), facts, check),
    )


def learn_parent(site: Site, parent: int | None) -> None:
    """Measure a parent that was never measured (an adopted database), so that the candidate has a past to differ from."""
    if parent is None or site.state.schemas(parent):
        return
    site.progress.stage("learn", f"version {parent}")
    measured = scan_version(site, parent, PipelineFacts(), parent=None)
    save(site, measured, Verdict(results=(), findings=(), notes=()))


def scan_version(
    site: Site, number: int, facts: PipelineFacts, *, parent: int | None, base: int | None = None
) -> Measured:
    """Measure one kept version with every check that is declared; `parent` is the version that it began as, unless that is another `base`."""
    answers = Answers(site.state, parent, under_test=number)
    with site.warehouse.reader(number) as reader:
        checks = (*facts.checks, *site.settings.checks, *contract.checks_of(site.settings.contracts, reader))
        return measure(
            reader,
            checks,
            version=number,
            settings=site.settings,
            now=site.clock.now(),
            progress=site.progress,
            known=lambda ref: _known(site, parent, ref),
            untaught=lambda ref: [interval for _, interval in answers.excluded(ref)],
            answers=site.answers,
            began_as=base or parent,
        )


def _known(site: Site, parent: int | None, ref: DatasetRef) -> Grid | None:
    """As much of the past as detection looks at."""
    newest = site.state.newest_bucket(parent, ref) if parent is not None else None
    if parent is None or newest is None:
        return None
    return site.state.grid(parent, ref, since=newest.start - lookback(newest), ages=ages(0.0))


def explained(site: Site, measured: Measured, verdict: Verdict) -> Verdict:
    """The verdict with the statement of every number, and with the slices of what closes the gate.

    The version is opened again only when something does.
    """
    verdict = dataclasses.replace(verdict, findings=with_statements(measured, verdict.findings, site.settings))
    if not any(f.holds and f.interval is not None for f in verdict.findings):
        return verdict
    with site.warehouse.reader(measured.version) as reader:
        findings = explain(reader, measured, verdict.findings, now=measured.taken_at)
    return dataclasses.replace(verdict, findings=findings)


def save(site: Site, measured: Measured, verdict: Verdict) -> None:
    """Keep numbers, results and findings of one version, with what the scan cost."""
    schemas = {
        ref: tuple((c.name, c.type) for c in d.columns) for ref, d in measured.catalog.items() if ref in measured.scans
    }
    marks = {
        "statements": len(measured.costs),
        "cpu_s": round(sum(c.cpu_s for c in measured.costs), 4),
        "wall_s": round(sum(c.wall_s for c in measured.costs), 4),
        "notes": list(verdict.notes),
        "tables": {
            str(ref): {"time_column": scan.time_column, "grain": scan.grain, "load_column": scan.load_column}
            for ref, scan in measured.scans.items()
            if ref in measured.profiled
        },
    }
    site.state.save_scan(
        measured.version,
        measurements=measured.measurements,
        results=verdict.results,
        findings=verdict.findings,
        schemas=schemas,
        marks=marks,
        vanished=measured.vanished,
    )
