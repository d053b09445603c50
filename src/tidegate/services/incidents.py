"""Incidents: findings with one cause become one incident, with its severity and the reasons for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tidegate.errors import IncidentError
from tidegate.lineage import Graph, groups
from tidegate.model import DatasetRef, Finding, Incident, IncidentState, Product, Severity
from tidegate.ports import NewEvent
from tidegate.services.site import Site

UNSOLVED = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.MITIGATED)
RESOLUTIONS = ("fixed", "expected", "false alarm")
WRITTEN = "written"
"""The kind of the finding that somebody wrote to what readers see, after it was audited."""

OPENS_AGAIN_FOR = timedelta(days=30)
"""A cause that returns within this time after its incident was resolved is the same incident. Chosen, not derived."""

KIND_ORDER = ("step", "unchecked", "schema", "duplicates", "segment", "check", "volume", "freshness", "nulls")
"""Which kind of finding names a cause best when several stand equally far upstream. Chosen, not derived."""


def group(findings: Sequence[Finding], graph: Graph) -> tuple[tuple[Finding, ...], ...]:
    """Put findings that share a cause together: their datasets are connected by derivation. The root comes first.

    The root is on the most upstream dataset; among equals a kind that names a cause wins, then one that names a slice,
    then the rarest number.
    Findings without a dataset are a group each.
    """
    alone = [(f,) for f in findings if f.dataset is None]
    refs = [f.dataset for f in findings if f.dataset is not None]
    grouped = []
    for members in groups(refs, graph):
        depth = {ref: len(graph.upstream(ref) & set(members)) for ref in members}
        mine = [f for f in findings if f.dataset in depth]
        grouped.append(tuple(sorted(mine, key=lambda f: _root_order(f, depth))))
    return (*alone, *grouped)


def _root_order(finding: Finding, depth: Mapping[DatasetRef, int]) -> tuple[bool, int, int, bool, float, str]:
    kind = KIND_ORDER.index(finding.kind) if finding.kind in KIND_ORDER else len(KIND_ORDER)
    level = 0 if finding.dataset is None else depth[finding.dataset]
    return (not finding.holds, level, kind, finding.slice is None, -(finding.rarity or 0.0), finding.key)


def severity(
    findings: Sequence[Finding], graph: Graph, products: Sequence[Product], *, held: bool
) -> tuple[Severity, tuple[str, ...]]:
    """How urgent a group of findings is, with the reasons.

    Starts at sev3; bad data that readers already see raises it by one, a product of tier 1 that reads it by one;
    findings that touch less than 1 % of the rows lower it by one. Chosen, not derived.
    """
    level = 3
    reasons = ["readers do not see this version" if held else "readers already see this data"]
    level -= 0 if held else 1
    touched = {f.dataset for f in findings if f.dataset is not None}
    reach = touched | {d for ref in touched for d in graph.downstream(ref)}
    hit = [p for p in products if reach & set(p.tables)]
    if hit:
        tier = min(p.tier for p in hit)
        level -= tier == 1
        reasons.append("it reaches the product " + ", ".join(f"{p.name} (tier {p.tier})" for p in hit))
    readers = sorted({n.name for ref in touched for n in graph.exposures(ref)} | {c for p in hit for c in p.consumers})
    if readers:
        reasons.append("it is read by " + ", ".join(readers))
    if owners := sorted({p.owner for p in hit if p.owner}):
        reasons.append("tell " + ", ".join(owners))
    if runbooks := sorted({p.runbook for p in hit if p.runbook}):
        reasons.append("runbook " + ", ".join(runbooks))
    shares = [f.affected_share for f in findings if f.affected_share is not None]
    if shares and max(shares) < 0.01:
        level += 1
        reasons.append(f"at most {100 * max(shares):.2f} % of the rows are affected")
    elif shares:
        reasons.append(f"up to {100 * max(shares):.0f} % of the rows under test are affected")
    return Severity(f"sev{min(4, max(1, level))}"), tuple(reasons)


def record(
    site: Site, findings: Sequence[Finding], graph: Graph, *, version: int, run: str | None, held: bool
) -> list[NewEvent]:
    """The events that open an incident for every new cause, or let a known one be seen again. Nothing is written.

    Findings of which none closes the gate are told with the run, and open nothing. An incident that was mitigated, or
    resolved not long ago, is open again.
    """
    known = _known(site)
    number = site.state.next_incident()
    events: list[NewEvent] = []
    for members in group(findings, graph):
        if not any(f.holds for f in members):
            continue
        root = members[0]
        level, reasons = severity(members, graph, site.settings.products, held=held and root.kind != WRITTEN)
        now = site.clock.now()
        fresh = Incident(
            number=number,
            fingerprint=root.key,
            title=root.sentence,
            state=IncidentState.OPEN,
            severity=level,
            reasons=reasons,
            version=version,
            run=run,
            opened_at=now,
            updated_at=now,
            findings=members,
            next_step=next_step(root, version=version, held=held),
        )
        before = known.get(root.key)
        if before is None:
            data = {f.name: getattr(fresh, f.name) for f in dataclasses.fields(fresh)}
            events.append(site.event("incident.opened", f"incident:{number}", data))
            number += 1
        else:
            if before.state not in {IncidentState.OPEN, IncidentState.ACKNOWLEDGED}:
                data = {"reason": _back(before, version, now)}
                events.append(site.event("incident.reopened", f"incident:{before.number}", data))
            data = {f.name: getattr(fresh, f.name) for f in dataclasses.fields(fresh) if f.name in SEEN_FIELDS}
            events.append(site.event("incident.seen", f"incident:{before.number}", data))
    return events


SEEN_FIELDS = ("version", "run", "findings", "severity", "reasons", "title", "next_step")


def _known(site: Site) -> dict[str, Incident]:
    """By fingerprint, the incident that a cause belongs to: the unsolved one, else the newest that may open again."""
    since = site.clock.now() - OPENS_AGAIN_FOR
    solved = site.state.incidents(states=(IncidentState.RESOLVED, IncidentState.REVIEWED))
    recent = [i for i in reversed(solved) if i.updated_at >= since and not _is_answer(i)]
    return {i.fingerprint: i for i in (*recent, *site.state.incidents(states=UNSOLVED))}


def _is_answer(incident: Incident) -> bool:
    """Whether somebody said that a stretch of time is as it should be: the baseline learns from that answer, which another
    stretch of time must not overwrite.
    """
    dated = any(f.interval is not None for f in incident.findings)
    return dated and incident.resolution in {"expected", "false alarm"}


def _back(incident: Incident, version: int, now: datetime) -> str:
    back = f"its cause is back in version {version}"
    if incident.state is IncidentState.MITIGATED:
        return back
    days = (now - incident.updated_at).days
    ago = f"{days} days" if days > 1 else "a day" if days else "less than a day"
    return f"{back}, {ago} after it was {incident.state} as {incident.resolution}"


def next_step(root: Finding, *, version: int, held: bool) -> str:
    """What the person on call does now, in one or two imperatives."""
    first = root.hint or "look at the finding and its SQL"
    if root.kind == "step" or (root.kind == "unchecked" and not held):  # no other version answers what nobody can ask
        return first
    if root.kind == WRITTEN:
        accept = f"`tidegate publish {version}" if held else "`tidegate run`, and then `tidegate publish N"
        return (
            f'{first}; `tidegate rollback` puts the version before back; {accept} --reason "..."` accepts what is there'
        )
    if held:
        accept = f'if the data is right after all, `tidegate publish {version} --reason "..."`'
        return f"{first}; then `tidegate run` builds anew; {accept}"
    return f"{first}; `tidegate rollback` puts the version before back"


def mitigated(site: Site, findings: Sequence[Finding], *, version: int) -> list[NewEvent]:
    """The events that mark open incidents as mitigated, because a version without their cause is published."""
    still = {f.key for f in findings}
    return [
        site.event(
            "incident.mitigated",
            f"incident:{i.number}",
            {"reason": f"version {version} is published and does not show it"},
        )
        for i in site.state.incidents(states=(IncidentState.OPEN, IncidentState.ACKNOWLEDGED))
        if not {f.key for f in i.findings if f.holds} & still and i.fingerprint not in still
    ]


def accepted(site: Site, *, version: int, reason: str) -> list[NewEvent]:
    """The events that resolve the incidents of a held version that somebody publishes: it was expected."""
    return [
        site.event("incident.resolved", f"incident:{i.number}", {"reason": reason, "resolution": "expected"})
        for i in site.state.incidents(states=UNSOLVED)
        if i.version == version
    ]


def acknowledge(site: Site, number: int, *, reason: str) -> Incident:
    """Take an incident: somebody is on it.

    Raises:
        IncidentError: no such incident, or it is past that state.
    """
    incident = find(site, number)
    if incident.state is not IncidentState.OPEN:
        hint = f"`tidegate incidents show {number}` says who took it"
        if incident.state in UNSOLVED:
            hint += f'; `tidegate incidents resolve {number} --reason "..."` closes it'
        raise IncidentError(f"incident `{number}` is `{incident.state}` already", hint=hint)
    site.state.append([site.event("incident.acknowledged", f"incident:{number}", {"reason": reason})])
    return find(site, number)


def resolve(site: Site, number: int, *, reason: str, resolution: str) -> Incident:
    """Close an incident with a reason; `resolution` is fixed, expected or false alarm.

    Raises:
        IncidentError: no such incident, it is closed already, or the resolution is unknown.
    """
    incident = find(site, number)
    if resolution not in RESOLUTIONS:
        raise IncidentError(f"unknown resolution `{resolution}`", hint=f"use one of {', '.join(RESOLUTIONS)}")
    if incident.state not in UNSOLVED:
        hint = f"`tidegate incidents show {number}` says by whom and why"
        raise IncidentError(f"incident `{number}` is `{incident.state}` already", hint=hint)
    data = {"reason": reason, "resolution": resolution}
    site.state.append([site.event("incident.resolved", f"incident:{number}", data)])
    return find(site, number)


def find(site: Site, number: int) -> Incident:
    """One incident.

    Raises:
        IncidentError: no such incident.
    """
    incident = site.state.incident(number)
    if incident is None:
        raise IncidentError(f"there is no incident `{number}`", hint="`tidegate incidents --all` lists every one")
    return incident


def opened(before: datetime, incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Those among `incidents` that changed since `before`, the most severe first."""
    return tuple(sorted((i for i in incidents if i.updated_at >= before), key=lambda i: (i.severity, i.number)))
