"""Postmortem: what an incident was, when what happened, what it touched, and what would have caught it; from the ledger.

Blameless: it names roles, never people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tidegate.detect.history import DRIFT
from tidegate.model import Check, CheckResult, DatasetRef, Drill, Event, Finding, Incident, Interval, Outcome
from tidegate.model.event import OPERATOR, SYSTEM
from tidegate.services import aftermath
from tidegate.services.aftermath import Burnt, Impact
from tidegate.services.incidents import find
from tidegate.services.products import UNIT_S
from tidegate.services.site import Site
from tidegate.services.telling import Proposal, tried

MILESTONES: Mapping[str, str] = {
    "incident.opened": "detected",
    "incident.reopened": "back",
    "incident.acknowledged": "acknowledged",
    "incident.mitigated": "mitigated",
    "incident.reconciled": "reconciled",
    "incident.resolved": "resolved",
    "notification.sent": "notified",
}
"""The events that a timeline has, by the word for each; the others are told as they are called."""

SILENT = frozenset({"incident.seen"})
"""Events that say nothing new."""

PROMISES: Mapping[str, tuple[str, str]] = {
    "timeToDetect": ("began", "detected"),
    "timeToNotify": ("detected", "notified"),
    "timeToRepair": ("detected", "mitigated"),
}
"""Properties of the Open Data Contract Standard, with the moments that they lie between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the timeline: what happened, who did it by their role, and what was said."""

    at: datetime
    what: str
    role: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long something took, None while it has no end; `promised_s` is what a contract promises, None without one."""

    name: str
    took_s: float | None
    promised_s: float | None

    @property
    def is_missed(self) -> bool:
        """Whether it took longer than was promised."""
        return self.took_s is not None and self.promised_s is not None and self.took_s > self.promised_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A stretch of time in which readers saw a version with the fault; `until` is None while they still do."""

    version: int
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmortem:
    """Everything that a postmortem is written from. `began` is the moment of the first bad row, as far as it is known.

    `silent` are the checks that looked at the same tables in the bad version and passed, `warned` those that failed there and
    may hold nothing. `impact` is how the bad version and the one that followed without the fault differ, `sound` the number
    of that one. `earlier` are checks that nobody had, on the table of the root, and that tell the two apart. `burnt` is what
    the incident cost of error budgets, `similar` are earlier incidents of the same kind there. `drill` is the same accident,
    to be tried again.
    """

    incident: Incident
    began: datetime | None
    timeline: tuple[Moment, ...]
    spans: tuple[Span, ...]
    exposures: tuple[Exposure, ...]
    silent: tuple[CheckResult, ...]
    warned: tuple[CheckResult, ...]
    proposals: tuple[Proposal, ...]
    earlier: tuple[Proposal, ...]
    sound: int | None
    impact: tuple[Impact, ...]
    burnt: tuple[Burnt, ...]
    similar: tuple[Incident, ...]
    drill: Drill | None

    @property
    def tables(self) -> tuple[DatasetRef, ...]:
        """The tables with findings, the root's first."""
        return tuple(dict.fromkeys(f.dataset for f in self.incident.findings if f.dataset is not None))


def postmortem(site: Site, number: int) -> Postmortem:
    """Read an incident back, and try the proposed checks on the bad version and on a good one.

    Raises:
        IncidentError: no such incident.
    """
    incident = find(site, number)
    events = site.state.events(subject=f"incident:{number}")
    bad = _bad_versions(events, incident)
    root = incident.findings[0]
    began = _began(site, root, bad)
    timeline = tuple(_moments(events))
    tables = {f.dataset for f in incident.findings}
    results = [r for r in site.state.results(incident.version) if r.check.dataset in tables]
    sound = aftermath.sound_version(site, incident, bad)
    exposures = tuple(_exposures(site, bad, incident))
    seen = [Interval(start=e.since, end=e.until or site.clock.now()) for e in exposures]
    return Postmortem(
        incident=incident,
        began=began,
        timeline=timeline,
        spans=tuple(_spans(site, timeline, began, tables)),
        exposures=exposures,
        silent=tuple(r for r in results if r.outcome is Outcome.PASS),
        warned=tuple(r for r in results if r.outcome is Outcome.WARN or _is_mute(r)),
        proposals=_tried(site, incident, bad, tuple(_proposed(incident))),
        earlier=aftermath.earlier(site, incident, sound),
        sound=sound,
        impact=aftermath.impact(site, incident, sound),
        burnt=aftermath.burnt(site, incident, seen),
        similar=aftermath.similar(site, incident),
        drill=aftermath.drill_of(incident),
    )


def _is_mute(result: CheckResult) -> bool:
    return result.outcome is Outcome.FAIL and not result.check.blocking


def _bad_versions(events: Sequence[Event], incident: Incident) -> frozenset[int]:
    """The versions in which the cause showed."""
    told = (e.data.get("version") for e in events if e.kind in {"incident.opened", "incident.seen"})
    return frozenset({incident.version, *(v for v in told if isinstance(v, int))})


def _began(site: Site, root: Finding, bad: frozenset[int]) -> datetime | None:
    """When the first bad row could be there: the begin of the stretch that the root is about, else of the first bad version."""
    if root.interval is not None:
        return root.interval.start
    made = [v.created_at for number in bad if (v := site.state.version(number)) is not None]
    return min(made, default=None)


def _moments(events: Sequence[Event]) -> Iterator[Moment]:
    for event in events:
        if event.kind in SILENT:
            continue
        what = MILESTONES.get(event.kind) or event.kind.removeprefix("incident.").replace(".", " ")
        if event.kind == "incident.reconciled" and not event.data.get("passes"):
            what = "compared, and not equal"  # a waiver closes it all the same, and is told with the resolution
        yield Moment(at=event.at, what=what, role=_role(event), said=_said(event))


def _role(event: Event) -> str:
    return {SYSTEM: "Tidegate", OPERATOR: "an engineer"}.get(event.role, f"the {event.role}")


def _said(event: Event) -> str:
    """What an event says, without the names of people."""
    data = event.data
    parts = [f"as {data['resolution']}"] if data.get("resolution") else []
    parts += [str(data["role"])] if event.kind == "incident.assigned" and data.get("role") else []
    parts += [f"waived: {data['waived']}"] if data.get("waived") else []
    return "; ".join([*parts, *(str(data[key]) for key in ("note", "reason") if data.get(key))])


def _spans(
    site: Site, timeline: Sequence[Moment], began: datetime | None, tables: set[DatasetRef | None]
) -> Iterator[Span]:
    first: dict[str, datetime] = {} if began is None else {"began": began}
    for moment in _last_time(timeline):
        first.setdefault("detected" if moment.what == "back" else moment.what, moment.at)
    if "mitigated" not in first and "resolved" in first:
        first["mitigated"] = first["resolved"]
    promised = dict(_promised(site, tables))
    for name, (start, end) in PROMISES.items():
        took = (first[end] - first[start]).total_seconds() if start in first and end in first else None
        yield Span(name=name, took_s=None if took is None else max(0.0, took), promised_s=promised.get(name))


def _last_time(timeline: Sequence[Moment]) -> Sequence[Moment]:
    """The moments since the cause came last: those of an earlier time would make the repair of this one last for days."""
    begins = [place for place, moment in enumerate(timeline) if moment.what in {"detected", "back"}]
    return timeline[begins[-1] :] if begins else timeline


def _promised(site: Site, tables: set[DatasetRef | None]) -> Iterator[tuple[str, float]]:
    """What contracts about these tables promise, in seconds."""
    names = {name for ref in tables if ref is not None for name in (ref.name, str(ref))}
    for contract in site.settings.contracts:
        if not any(contract.table(name) for name in names):
            continue
        for sla in contract.sla:
            if sla.property in PROMISES and isinstance(sla.value, int | float) and (sla.unit or "") in UNIT_S:
                yield sla.property, float(sla.value) * UNIT_S[sla.unit or ""]


def _exposures(site: Site, bad: frozenset[int], incident: Incident) -> Iterator[Exposure]:
    """When readers saw one of the bad versions, oldest first."""
    swaps = site.state.publications()[::-1]
    if not swaps:
        return
    for swap, later in pairwise([*swaps, None]):
        if swap is not None and swap.version in bad:
            until = later.at if later is not None else None
            if until is None or until > incident.opened_at or swap.at >= incident.opened_at:
                yield Exposure(version=swap.version, since=swap.at, until=until)


# --- what would have caught it ---------------------------------------------------------------------------------------


def _proposed(incident: Incident) -> Iterator[Check]:
    """For every number that a learned band found strange, the same number with the band's bounds as a declared check.

    It is about that stretch of time for good, so that a later load cannot bring the fault back unseen.
    """
    for finding in incident.findings:
        if finding.spec is None or finding.sql is None or finding.expected is None or finding.dataset is None:
            continue
        if finding.kind == DRIFT:
            continue  # its statement lists a stretch of buckets, and its band is that of one
        stretch = finding.bucket or finding.interval
        when = "" if stretch is None else f" at {stretch.start:%Y-%m-%d %H:%M}"
        what = " ".join(filter(None, (finding.spec.metric.replace("_", " "), finding.column)))
        name = f"{what} of {finding.dataset}{when}, incident {incident.number}"
        yield Check(
            id=f"{finding.dataset}/{name}",
            name=name,
            dataset=finding.dataset,
            kind="metric",
            arguments={"sql": finding.sql, "min": finding.expected.low, "max": finding.expected.high},
            source="postmortem",
        )


def _tried(site: Site, incident: Incident, bad: frozenset[int], checks: Sequence[Check]) -> tuple[Proposal, ...]:
    """The good version is the one that readers see when it is without the fault, else the newest before it."""
    kept = set(site.warehouse.kept())
    shown = site.state.published()
    others = (*((shown.number,) if shown is not None else ()), *site.state.lineage(incident.version))
    good = next((n for n in others if n in kept and n not in bad), None)
    bad_one = incident.version if incident.version in kept else None
    return tried(site, checks, bad=bad_one, good=good)
