"""Check: judge what is published, without running a step."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate import lineage
from tidegate.errors import NothingCheckedError
from tidegate.model import CheckResult, Finding, Incident, StatementCost
from tidegate.services import incidents
from tidegate.services.judge import judge
from tidegate.services.publish import nothing_published, repair
from tidegate.services.run import adopt, combine, explained, save, scan_version
from tidegate.services.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What the published version looks like now."""

    version: int
    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    incidents: tuple[Incident, ...]
    costs: tuple[StatementCost, ...]
    tables: int


def check(site: Site, *, wait_s: float = 0.0) -> CheckOutcome:
    """Measure and judge the published version; findings become incidents about data that readers already see.

    A first check of an adopted version also keeps its numbers, so that the next run has a past to compare with.

    Raises:
        NothingPublishedError: nothing is published yet.
        NothingCheckedError: there is no table to look at.
    """
    with site.warehouse.lock(owner="check", wait_s=wait_s):
        repair(site)
        adopt(site)
        version = site.state.published()
        if version is None:
            raise nothing_published(site)
        folder = site.warehouse.state_folder(version.number)
        facts = combine([step.facts(site.settings.root, folder) for step in site.steps])
        graph = lineage.build(facts.nodes, facts.edges)
        site.progress.stage("scan", f"version {version.number}")
        measured = scan_version(site, version.number, facts)
        if not measured.scans:
            raise NothingCheckedError(f"version `{version.number}` holds no table that could be measured")
        verdict = judge(
            measured,
            facts,
            graph,
            parent=version.parent,
            state=site.state,
            settings=site.settings,
            now=measured.taken_at,
        )
        verdict = explained(site, measured, verdict)
        if not site.state.schemas(version.number):
            save(site, measured, verdict)
        told = incidents.record(
            site, [f for f in verdict.findings if f.holds], graph, version=version.number, run=None, held=False
        )
        if told:
            site.state.append(told)
        return CheckOutcome(
            version=version.number,
            results=verdict.results,
            findings=verdict.findings,
            notes=verdict.notes,
            incidents=tuple(i for i in site.state.incidents(states=incidents.UNSOLVED) if i.version == version.number),
            costs=measured.costs,
            tables=len(measured.scans),
        )
