"""Incidents: findings with one cause become one incident, with its severity and the reasons for it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from tidegate.detect import DRIFT
from tidegate.errors import IncidentError
from tidegate.lineage import Graph, Scope, causes
from tidegate.model import DatasetRef, Finding, Incident, IncidentState
from tidegate.model.event import OPERATOR
from tidegate.ports import NewEvent
from tidegate.services.severity import EFFORT, PROMISE, reached, severity
from tidegate.services.site import Site

OPEN_STATES = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)
UNSOLVED = (*OPEN_STATES, IncidentState.MITIGATED)
SOLVED = (IncidentState.RESOLVED, IncidentState.REVIEWED)
WRITTEN = "written"
"""The kind of the finding that somebody wrote to what readers see, after it was audited."""

OPENS_AGAIN_FOR = timedelta(days=30)
"""A cause that returns within this time after its incident was resolved is the same incident. Chosen, not derived."""

JOINS_WITHIN = timedelta(hours=36)
"""A finding that an open incident explains by lineage joins it within this time after it was seen last: long enough for a
daily run that comes late. Chosen, not derived.
"""

OF_ROWS = frozenset({"volume", "freshness", "duplicates", "segment", "share", "quarantine"})
"""Kinds of findings about rows as such, whatever column they name: what is built from the table has other rows too."""

OPENING = EFFORT | {DRIFT}
"""Kinds of findings that open an incident and hold nothing: a person shall look, and nothing waits for it."""

KIND_ORDER = {
    kind: place
    for place, kind in enumerate(
        ("step", "unchecked", "schema", "duplicates", "segment", "check", "volume", "freshness", "nulls")
    )
}
"""Which kind of finding names a cause best when several stand equally far upstream. Chosen, not derived."""


def group(findings: Sequence[Finding], graph: Graph) -> tuple[tuple[Finding, ...], ...]:
    """Put findings that share a cause together: the fault of one reaches the other, by tables, and by columns where the
    graph knows them. The root comes first.

    The root is on the most upstream dataset; among equals a kind that names a cause wins, then one that names a slice,
    then the rarest number.
    Findings without a dataset are a group each. Slow drifts are grouped among themselves: weeks of small steps and an accident of
    one day have no cause in common, and neither shall stand under the other's headline.
    """
    return _grouped(findings, graph)[0]


def _grouped(
    findings: Sequence[Finding], graph: Graph
) -> tuple[tuple[tuple[Finding, ...], ...], Mapping[DatasetRef, frozenset[DatasetRef]]]:
    """The groups, and by effect the roots of other groups that may have caused it too."""
    groups, also = _connected([f for f in findings if f.kind != DRIFT], graph)
    drifts, _ = _connected([f for f in findings if f.kind == DRIFT], graph)
    return (*groups, *drifts), also


def _connected(
    findings: Sequence[Finding], graph: Graph
) -> tuple[tuple[tuple[Finding, ...], ...], Mapping[DatasetRef, frozenset[DatasetRef]]]:
    by_table: dict[DatasetRef, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.dataset is not None:
            by_table[finding.dataset].append(finding)
    alone = [(f,) for f in findings if f.dataset is None]
    found = causes({ref: _scope(mine) for ref, mine in by_table.items()}, graph)
    grouped = []
    for members in found.groups:
        order = partial(_root_order, depth=members)
        grouped.append(tuple(sorted((f for ref in members for f in by_table[ref]), key=order)))
    return (*alone, *grouped), found.also


def _scope(findings: Sequence[Finding]) -> Scope:
    """What is at fault in a table, as far as its findings tell."""
    columns, rows, unknown = set(), False, False
    accidents = {(f.kind, f.interval) for f in findings if f.interval is not None}
    for finding in findings:
        if finding.kind in OF_ROWS:
            rows = True
        elif finding.column is not None and (finding.kind != "check" or finding.spec is not None):
            columns.add(finding.column.lower())
        else:
            unknown = True
    stretches = frozenset(f.interval for f in findings if f.interval is not None)
    return Scope(
        columns=frozenset(columns), accidents=frozenset(accidents), rows=rows, unknown=unknown, stretches=stretches
    )


def _root_order(finding: Finding, depth: Mapping[DatasetRef, int]) -> tuple[bool, int, int, bool, float, str]:
    kind = KIND_ORDER.get(finding.kind, len(KIND_ORDER))
    level = 0 if finding.dataset is None else depth[finding.dataset]
    return (not finding.holds, level, kind, finding.slice is None, -(finding.rarity or 0.0), finding.key)


def record(
    site: Site, findings: Sequence[Finding], graph: Graph, *, version: int, run: str | None, held: bool
) -> list[NewEvent]:
    """The events that open an incident for every new cause, or let a known one be seen again. Nothing is written.

    Findings of which none closes the gate, and that are not about the cost of a step or a slow drift, are told with the run
    and open nothing. An incident that was mitigated, or resolved not long ago, is open again. What belongs to an open incident by
    lineage joins it silently.
    """
    now = site.clock.now()
    known = _Known.of(site, findings, version=version)
    published = site.state.published()
    age = None if published is None else now - published.created_at
    number = site.state.next_incident()
    events: list[NewEvent] = []
    groups, also = known.grouped(findings, graph)
    for members, before in known.sorted_out(groups):
        told = _with_what_was_told(before, members)
        root = told[0]
        hidden = held and root.kind != WRITTEN
        below = graph.reach(f.dataset for f in told if f.dataset is not None)
        hit = reached(told, below, site.settings.products)
        level, reasons = severity(told, graph, below, hit, held=hidden, age=age)
        fresh = Incident(
            number=number,
            fingerprint=root.key,
            title=root.sentence,
            state=IncidentState.OPEN,
            severity=level,
            reasons=(*reasons, *_shared(told, also)),
            version=version,
            run=run,
            opened_at=now,
            updated_at=now,
            findings=told,
            products=tuple(p.name for p in hit),
            next_step=next_step(root, version=version, held=held),
        )
        if before is None:
            data = {f.name: getattr(fresh, f.name) for f in dataclasses.fields(fresh)}
            events.append(site.event("incident.opened", f"incident:{number}", data))
            number += 1
        else:
            events += _seen_again(site, before, fresh)
    return events


def _shared(told: Sequence[Finding], also: Mapping[DatasetRef, frozenset[DatasetRef]]) -> Iterator[str]:
    """Where this cause and another one meet: no part of the sum of the severity."""
    tables = {f.dataset for f in told if f.dataset is not None}
    for effect, roots in sorted(also.items(), key=lambda one: str(one[0])):
        names = ", ".join(sorted(map(str, roots)))
        if effect in tables:
            yield f"its effect {effect} may come from {names} too, which is an incident of its own"
        elif roots & tables:
            yield f"it may be part of why {effect} is at fault, which is told with another incident"


def _seen_again(site: Site, before: Incident, fresh: Incident) -> list[NewEvent]:
    events, subject = [], f"incident:{before.number}"
    if before.state not in OPEN_STATES:
        data = {"reason": _back(before, fresh.version, fresh.updated_at)}
        events.append(site.event("incident.reopened", subject, data))
    data = {f.name: getattr(fresh, f.name) for f in dataclasses.fields(fresh) if f.name in SEEN_FIELDS}
    return [*events, site.event("incident.seen", subject, data)]


def _with_what_was_told(before: Incident | None, members: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of an incident now; the root of one that is only joined stays, and so does what it told before."""
    keys = {f.key for f in members}
    if before is None or not keys.isdisjoint(f.key for f in before.findings) or before.fingerprint in keys:
        return members
    return (*before.findings, *members)


SEEN_FIELDS = ("version", "run", "findings", "severity", "reasons", "title", "next_step", "products")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The incidents that a cause may belong to.

    `by_cause` has them by fingerprint: the unsolved one, else the newest that may open again; `joinable` are open ones, the
    oldest first; `lasting` those among them whose findings no later run judges again.
    """

    by_cause: Mapping[str, Incident]
    joinable: tuple[Incident, ...]
    lasting: tuple[Incident, ...]

    @classmethod
    def of(cls, site: Site, findings: Sequence[Finding], *, version: int) -> _Known:
        now = site.clock.now()
        found = {f.key: f for f in findings}
        keys = set(found)
        solved = site.state.incidents(states=SOLVED, fingerprints=keys, since=now - OPENS_AGAIN_FOR)
        recently = (i for i in reversed(solved) if _ended(i) >= now - OPENS_AGAIN_FOR and not _is_answer(i))
        again = [i for i in recently if not _turned(i, found)]
        unsolved = site.state.incidents(states=UNSOLVED, fingerprints=keys)
        recent = site.state.incidents(states=OPEN_STATES, since=now - JOINS_WITHIN)[::-1]
        return cls(
            by_cause={i.fingerprint: i for i in (*again, *unsolved)},
            joinable=recent,
            lasting=tuple(i for i in recent if i.version == version or i.findings[0].interval is not None),
        )

    def grouped(
        self, findings: Sequence[Finding], graph: Graph
    ) -> tuple[list[tuple[tuple[Finding, ...], Incident | None]], Mapping[DatasetRef, frozenset[DatasetRef]]]:
        """The groups of findings, each with the oldest open incident that it is connected with by lineage; and by effect the
        roots of other groups that may have caused it too.
        """
        present = {f.key for f in findings}
        owner: dict[str, Incident] = {}
        past: list[Finding] = []
        for incident in self.lasting:
            for finding in incident.findings:
                if finding.dataset is not None and finding.key not in present and finding.key not in owner:
                    owner[finding.key] = incident
                    past.append(finding)
        groups, also = _grouped([*findings, *past], graph)
        found = []
        for members in groups:
            mine = tuple(f for f in members if f.key not in owner)
            owners = [owner[f.key] for f in members if f.key in owner]
            if mine:
                found.append((mine, min(owners, key=lambda i: i.number, default=None)))
        return found, also

    def sorted_out(
        self, groups: Sequence[tuple[tuple[Finding, ...], Incident | None]]
    ) -> list[tuple[tuple[Finding, ...], Incident | None]]:
        """The groups that are told, each with its incident; those of one incident, such as two causes that once met in it, are one
        group, or each would say that it is the whole of it.
        """
        fresh: list[tuple[tuple[Finding, ...], Incident | None]] = []
        seen: dict[int, tuple[tuple[Finding, ...], Incident]] = {}
        for members, joined in groups:
            if not any(f.holds or f.kind in OPENING for f in members):
                continue
            before = self.incident_of(members, joined)
            if before is None:
                fresh.append((members, None))
                continue
            others, _ = seen.get(before.number, ((), before))
            parts = (members, others) if members[0].key == before.fingerprint else (others, members)
            seen[before.number] = ((*parts[0], *parts[1]), before)
        return [*fresh, *seen.values()]

    def incident_of(self, members: Sequence[Finding], joined: Incident | None) -> Incident | None:
        """The incident of a group: that of its root; else one that it is a part or an effect of; else none."""
        if (same := self.by_cause.get(members[0].key)) is not None:
            return same
        keys = {f.key for f in members}
        root = members[0].key
        related = (i for i in self.joinable if i.fingerprint in keys or any(f.key == root for f in i.findings))
        return next(related, joined)


def _ended(incident: Incident) -> datetime:
    return incident.resolved_at or incident.updated_at


def _turned(incident: Incident, found: Mapping[str, Finding]) -> bool:
    """Whether the number of a solved incident was too low and is too high now, or the other way: another cause."""
    now = found.get(incident.fingerprint)
    sides = [
        f.observed - f.expected.centre
        for f in (now, *(f for f in incident.findings if f.key == incident.fingerprint))
        if f is not None and f.observed is not None and f.expected is not None
    ]
    return len(sides) == 2 and sides[0] * sides[1] < 0


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
    days = (now - _ended(incident)).days
    ago = f"{days} days" if days > 1 else "a day" if days else "less than a day"
    return f"{back}, {ago} after it was {incident.state} as {incident.resolution}"


def next_step(root: Finding, *, version: int, held: bool) -> str:
    """What the person on call does now, in one or two imperatives."""
    first = root.hint or "look at the finding and its SQL"
    lasting = root.kind in {PROMISE, DRIFT, "unchecked"} and not held
    if lasting or root.kind == "step":  # no other version answers what nobody can ask
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
    """The events that mark open incidents as mitigated, because a version without their cause is published.

    A slow drift is not over because a run had no new day to tell it by: it waits for somebody's answer.
    """
    still = {f.key for f in findings}
    return [
        site.event(
            "incident.mitigated",
            f"incident:{i.number}",
            {"reason": f"version {version} is published and does not show it"},
        )
        for i in site.state.incidents(states=OPEN_STATES)
        if not (is_promise(i) or i.findings[0].kind == DRIFT)
        and not {f.key for f in i.findings if f.holds} & still
        and i.fingerprint not in still
    ]


def accepted(site: Site, *, version: int, reason: str) -> list[NewEvent]:
    """The events that resolve the incidents of a held version that somebody publishes: it was expected."""
    return [
        by_hand(site, i, "resolved", {"reason": reason, "resolution": "expected"})
        for i in site.state.incidents(states=UNSOLVED, versions=(version,))
        if not is_promise(i)
    ]


def is_promise(incident: Incident) -> bool:
    """Whether it is about a promise of a product: that ends with the bad time, and not because a version is published."""
    return incident.findings[0].kind == PROMISE


def by_hand(site: Site, incident: Incident, verb: str, data: Mapping[str, object]) -> NewEvent:
    """The event of what a person does with an incident, in the role that they have in it."""
    role = incident.role_of(site.actor) or OPERATOR
    return site.event(f"incident.{verb}", f"incident:{incident.number}", data, role=role)


def find(site: Site, number: int) -> Incident:
    """One incident.

    Raises:
        IncidentError: no such incident.
    """
    incident = site.state.incident(number)
    if incident is None:
        raise IncidentError(f"there is no incident `{number}`", hint="`tidegate incidents --all` lists every one")
    return incident
