"""Check: judge what is published, without running a step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from tidegate import lineage
from tidegate.errors import NothingCheckedError
from tidegate.model import (
    Check,
    CheckResult,
    Finding,
    Incident,
    Outcome,
    PipelineFacts,
    Selection,
    Settings,
    StatementCost,
    Version,
)
from tidegate.model.words import counted
from tidegate.services import contract, incidents, products, slo
from tidegate.services.audit import passed_by, unaudited
from tidegate.services.judge import Verdict, judge
from tidegate.services.measure import Measured, for_checks_alone, measure
from tidegate.services.publish import adopt, nothing_published, repair
from tidegate.services.run import combine, explained, save, scan_version
from tidegate.services.selection import choose
from tidegate.services.site import Site

EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many checks there are, and how many of them were reached: each number but the last is a part of the one before.

    `executed` came to a verdict, `evaluated` looked at a row or more, `failed` failed or could not be evaluated,
    those aside that may not hold a version (`on_fail: warn`).
    """

    declared: int
    selected: int
    executed: int
    evaluated: int
    failed: int

    def __str__(self) -> str:
        return (
            f"{self.declared} declared, {self.selected} selected, {self.executed} executed, {self.evaluated} evaluated,"
            f" {self.failed} failed"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What the published version looks like now; `seconds` is how long it took to look."""

    version: int
    counts: Counts
    checked_at: datetime
    seconds: float
    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    incidents: tuple[Incident, ...]
    costs: tuple[StatementCost, ...]
    tables: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The published version, what is known of it, and the checks to be looked at."""

    version: Version
    facts: PipelineFacts
    graph: lineage.Graph
    declared: int
    chosen: tuple[Check, ...]


def target(site: Site, selection: Selection) -> Target:
    """Find what readers see and choose among its checks; the lock is held already.

    Raises:
        NothingPublishedError: nothing is published yet.
        NothingCheckedError: nothing is selected.
    """
    repair(site)
    adopt(site)
    version = site.state.published()
    if version is None:
        raise nothing_published(site)
    folder = site.warehouse.state_folder(version.number)
    known = [step.facts(site.settings.root, folder) for step in site.steps]
    facts = combine(known)
    declared = (*facts.checks, *site.settings.checks, *contract.declared(site, version.number))
    selectors = {name: said for f in known for name, said in f.selectors.items()}
    chosen = choose(declared, facts.nodes, [s for f in known for s in f.selectables], selection, selectors)
    graph = lineage.build(facts.nodes, facts.edges)
    return Target(version=version, facts=facts, graph=graph, declared=len(declared), chosen=chosen)


def scan_chosen(site: Site, found: Target, selection: Selection) -> Measured:
    """Measure the version whole; with a selection what its checks need and nothing else."""
    number = found.version.number
    site.progress.stage("scan", f"version {number}")
    if not selection:
        return scan_version(site, number, found.facts, parent=found.version.parent)
    with site.warehouse.reader(number) as reader:
        settings = for_checks_alone(site.settings, [d.ref for d in reader.catalog()])
        now = site.clock.now()
        return measure(
            reader,
            found.chosen,
            version=number,
            settings=settings,
            now=now,
            progress=site.progress,
            answers=site.answers,
            began_as=found.version.parent,
        )


def check(site: Site, *, wait_s: float = 0.0, selection: Selection = EVERYTHING) -> CheckOutcome:
    """Measure and judge the published version; findings become incidents about data that readers already see.

    A first check of an adopted version also keeps its numbers, so that the next run has a past to compare with.
    With a selection only the checks that it means are looked at, and no learned band; nothing is kept and no incident is
    opened, because causes are told from effects only where everything was looked at.

    Raises:
        NothingPublishedError: nothing is published yet.
        NothingCheckedError: there is no table to look at, nothing is selected (by something else than what changed), or
            nothing that is can be evaluated.
    """
    begun = site.clock.wall_s()
    with site.warehouse.lock(owner="check", wait_s=wait_s):
        found = target(site, selection)
        if selection and not found.chosen:
            return _unchanged(site, found, seconds=site.clock.wall_s() - begun)
        measured = scan_chosen(site, found, selection)
        if selection:
            verdict = _judged(site, found, measured, dataclasses.replace(site.settings, learned="off"))
            demand_executed(verdict.results)
            known: tuple[Incident, ...] = ()
        else:
            if not measured.scans:
                raise NothingCheckedError(f"version `{found.version.number}` holds no table that could be measured")
            products.demand_known(site.settings.products, measured.catalog, found.facts.nodes)
            verdict = explained(site, measured, _judged(site, found, measured, site.settings))
            verdict = dataclasses.replace(
                verdict, findings=(*unaudited(site), *verdict.findings), notes=(*passed_by(site), *verdict.notes)
            )
            known = _keep(site, found, measured, verdict)
    return CheckOutcome(
        version=found.version.number,
        counts=count(verdict.results, declared=found.declared),
        checked_at=measured.taken_at,
        seconds=site.clock.wall_s() - begun,
        results=verdict.results,
        findings=verdict.findings,
        notes=verdict.notes,
        incidents=known,
        costs=measured.costs,
        tables=len(measured.scans),
    )


def _unchanged(site: Site, found: Target, *, seconds: float) -> CheckOutcome:
    """The outcome where nothing that has a check differs from the state that the selection compares with."""
    said = f"none of {counted(found.declared, 'declared check')} is selected: nothing that has one differs from the state it is compared with"
    return CheckOutcome(
        version=found.version.number,
        counts=count((), declared=found.declared),
        checked_at=site.clock.now(),
        seconds=seconds,
        results=(),
        findings=(),
        notes=(said,),
        incidents=(),
        costs=(),
        tables=0,
    )


def _judged(site: Site, found: Target, measured: Measured, settings: Settings) -> Verdict:
    return judge(
        measured,
        found.facts,
        found.graph,
        parent=found.version.parent,
        state=site.state,
        settings=settings,
        now=measured.taken_at,
    )


def _keep(site: Site, found: Target, measured: Measured, verdict: Verdict) -> tuple[Incident, ...]:
    """Keep the numbers of a version that was never measured, open incidents, and return those that are unsolved."""
    number = found.version.number
    if not site.state.schemas(number):
        save(site, measured, verdict)
    bad = [f for f in verdict.findings if f.holds]
    told = incidents.record(site, bad, found.graph, version=number, run=None, held=False)
    if told:
        site.state.append(told)
    return slo.unsolved(site, version=number, run=None)


def count(results: tuple[CheckResult, ...], *, declared: int) -> Counts:
    """The five numbers of a report. A query that does not say how many rows it read counts as having looked at some."""
    executed = [r for r in results if r.outcome not in {Outcome.SKIPPED, Outcome.ERROR}]
    return Counts(
        declared=declared,
        selected=len(results),
        executed=len(executed),
        evaluated=sum(r.evaluated != 0 for r in executed),
        failed=sum(r.check.blocking and r.outcome in {Outcome.FAIL, Outcome.ERROR} for r in results),
    )


def demand_executed(results: tuple[CheckResult, ...]) -> None:
    """Refuse a selection of which nothing can be looked at here: that is never green.

    Raises:
        NothingCheckedError: every selected check was skipped.
    """
    if all(r.outcome is Outcome.SKIPPED for r in results):
        reasons = " and ".join(dict.fromkeys(r.reason for r in results))
        raise NothingCheckedError(
            f"none of {counted(len(results), 'selected check')} can be evaluated here: `{reasons}`",
            hint="run them with `dbt test`, or let `tidegate run` build with dbt, whose verdict then counts",
        )
