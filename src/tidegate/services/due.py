"""Due: who must be told of what by now. A pure function of events, routes, what was told already, and the time.

A *moment* is what a target must be told of once: an event of an incident, or a point of time up to which nobody had
acknowledged it. Moments of one incident that fall due together are told in one message.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from tidegate.model import Event, Hush, Incident, IncidentState, Mute, NoticeKind, Route, Severity, Window

STORM = timedelta(minutes=10)
"""The time in which `at_most` messages go to a target. Chosen, not derived."""

NEWS: Mapping[str, NoticeKind] = {
    "incident.opened": NoticeKind.OPENED,
    "incident.reopened": NoticeKind.REOPENED,
    "incident.seen": NoticeKind.AGAIN,
    "incident.assigned": NoticeKind.ASSIGNED,
    "incident.acknowledged": NoticeKind.ACKNOWLEDGED,
    "incident.mitigated": NoticeKind.MITIGATED,
    "incident.resolved": NoticeKind.RESOLVED,
}
"""What an event is to people; any other one is told to nobody."""

STARTS = frozenset({NoticeKind.OPENED, NoticeKind.REOPENED})
ENDS = frozenset({NoticeKind.ACKNOWLEDGED, NoticeKind.MITIGATED, NoticeKind.RESOLVED})
"""What ends the time in which nobody is on it, and with it every escalation."""

SOLVED = frozenset({IncidentState.RESOLVED, IncidentState.REVIEWED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An incident as it is now, its events in order, and the names of the products that it reaches."""

    incident: Incident
    events: tuple[Event, ...]
    products: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that its findings are about."""
        return tuple(dict.fromkeys(str(f.dataset) for f in self.incident.findings if f.dataset is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a target must be told of once, from `at` on. `event` is None for a point of an escalation."""

    key: str
    kind: NoticeKind
    at: datetime
    event: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One message that is due: the moments that it tells, as (incident, moment), in the order in which they came.

    `thread` is the one that it continues, None when it begins one. `counts` tells that it is a new message to its readers.
    """

    target: str
    kind: NoticeKind
    severity: Severity
    moments: tuple[tuple[int, Moment], ...]
    thread: str | None
    counts: bool

    @property
    def incidents(self) -> tuple[int, ...]:
        """Their numbers, each once."""
        return tuple(dict.fromkeys(number for number, _ in self.moments))

    @property
    def at(self) -> datetime:
        """Since when it is due."""
        return min(moment.at for _, moment in self.moments)

    @property
    def quiet(self) -> bool:
        """Whether it brings nothing that is worth a message."""
        return self.kind is NoticeKind.AGAIN

    @property
    def name(self) -> str:
        """The same for the same moments, whoever plans them."""
        said = [self.target, *(f"{number}:{moment.key}" for number, moment in self.moments)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What follows from the events by now. `waived` are (target, incident, moment) that nobody is told of any more;
    `settled` are the events that every target has had its share of; `held` says by target why messages wait.
    """

    dues: tuple[Due, ...]
    waived: tuple[tuple[str, int, str], ...]
    settled: tuple[int, ...]
    held: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the team wants: routes, maintenance and mutes. `updating` are the targets that change a message in place."""

    routes: tuple[Route, ...]
    maintenance: tuple[Hush, ...] = ()
    mutes: tuple[Mute, ...] = ()
    updating: frozenset[str] = frozenset()

    @property
    def targets(self) -> tuple[str, ...]:
        """In the order of the file, each once."""
        return tuple(dict.fromkeys(route.to for route in self.routes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was planned already: moments and threads by (target, incident), and by target how many messages that count
    were planned within STORM.
    """

    told: Mapping[tuple[str, int], Collection[str]] = field(default_factory=dict)
    threads: Mapping[tuple[str, int], str] = field(default_factory=dict)
    recent: Mapping[str, int] = field(default_factory=dict)


def due(policy: Policy, stories: Sequence[Story], waiting: Collection[int], past: Past, now: datetime) -> Plan:
    """Decide which messages are due now.

    Args:
        stories: of every incident that has an event in `waiting`, and of those that nobody acknowledged.
        waiting: the events that are not settled.
    """
    dues: list[Due] = []
    waived: list[tuple[str, int, str]] = []
    pending: set[int] = set()
    held: dict[str, str] = {}
    for target in policy.targets:
        groups: list[Due] = []
        for story in stories:
            number = story.incident.number
            untold = _untold(policy, target, story, past)
            if not untold:
                continue
            why = hushed(policy, target, story, now)
            if why is not None:
                held[target] = why
                pending |= {m.event for m in untold if m.event is not None}
                continue
            ripe = [m for m in untold if m.at <= now]
            pending |= {m.event for m in untold if m.at > now and m.event is not None}
            if _slept_through(policy, target, story, ripe, past):
                waived += [(target, number, moment.key) for moment in ripe]
            elif ripe:
                groups.append(_group(policy, target, story, ripe, past))
        room = min(r.at_most for r in policy.routes if r.to == target) - past.recent.get(target, 0)
        sent, waits = _batched(_joined(groups), room)
        dues += sent
        pending |= {m.event for late in waits for _, m in late.moments if m.event is not None}
        if waits:
            held[target] = f"{len(waits)} wait, because as many messages as it takes went out in the last ten minutes"
    settled = tuple(event for event in waiting if event not in pending)
    return Plan(dues=tuple(dues), waived=tuple(waived), settled=settled, held=held)


# --- which moments there are -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """An event as people see it, and the severity from it on."""

    event: int
    at: datetime
    kind: NoticeKind
    severity: Severity


def moments(route: Route, story: Story, told: Collection[str], *, updates: bool) -> Iterator[Moment]:
    """Every moment of an incident that a route is told of, whether due already or later. A point of an escalation is there
    as long as nobody is on it, or when it was told.
    """
    heard = False
    for episode in _episodes(_steps(story.events)):
        if route.escalate_after is not None:
            heard = False
        cared, ended = _first_that_matters(route, episode, heard=heard), episode[-1].kind in ENDS
        for step in episode:
            heard = heard or (cared is not None and route.escalate_after is None and step.event >= cared.event)
            if heard and (updates or step.kind is not NoticeKind.AGAIN):
                yield Moment(key=f"{step.event}", kind=step.kind, at=step.at, event=step.event)
            ended = ended or step.kind in ENDS
        if cared is None:
            continue
        first = cared.at
        if route.escalate_after is not None:
            first = max(episode[0].at + route.escalate_after, cared.at)
            point = Moment(key=_point(route, episode[0]), kind=NoticeKind.ESCALATED, at=first)
            if not ended or point.key in told:
                yield point
                yield from _since(episode, first, updates=updates)
        if not ended and route.repeat_every is not None:
            yield from _reminders(route, episode[0], first, route.repeat_every)


def _steps(events: Sequence[Event]) -> Iterator[_Step]:
    severity = Severity.SEV4
    for event in events:
        kind = NEWS.get(event.kind)
        if kind is None:
            continue
        said = Severity(str(event.data["severity"])) if "severity" in event.data else severity
        if kind is NoticeKind.AGAIN and said < severity:
            kind = NoticeKind.WORSE
        severity = said
        yield _Step(event=event.id, at=event.at, kind=kind, severity=said)


def _episodes(steps: Iterator[_Step]) -> list[list[_Step]]:
    """The steps from each opening to the next one."""
    found: list[list[_Step]] = []
    for step in steps:
        if step.kind in STARTS or not found:
            found.append([])
        found[-1].append(step)
    return found


def _first_that_matters(route: Route, episode: Sequence[_Step], *, heard: bool) -> _Step | None:
    return next((s for s in episode if heard or s.severity <= route.min_severity), None)


def _point(route: Route, start: _Step) -> str:
    after = route.escalate_after or timedelta()
    return f"{start.event}+{after.total_seconds():.0f}s"


def _since(episode: Sequence[_Step], moment: datetime, *, updates: bool) -> Iterator[Moment]:
    for step in episode:
        if step.at > moment and (updates or step.kind is not NoticeKind.AGAIN):
            yield Moment(key=f"{step.event}", kind=step.kind, at=step.at, event=step.event)


def _reminders(route: Route, start: _Step, first: datetime, every: timedelta) -> Iterator[Moment]:
    for count in range(1, route.repeat_times + 1):
        key = f"{_point(route, start)}+{count}x{every.total_seconds():.0f}s"
        yield Moment(key=key, kind=NoticeKind.REMINDER, at=first + count * every)


def _untold(policy: Policy, target: str, story: Story, past: Past) -> list[Moment]:
    told = past.told.get((target, story.incident.number), ())
    found: dict[str, Moment] = {}
    for route in policy.routes:
        if route.to == target and concerns(route, story):
            for moment in moments(route, story, told, updates=target in policy.updating):
                found.setdefault(moment.key, moment)
    return sorted((m for m in found.values() if m.key not in told), key=lambda m: (m.at, m.event or 0))


def concerns(route: Route, story: Story) -> bool:
    """Whether an incident is one that a route is about, whatever its severity: the layer is that of its root."""
    layers = {story.incident.findings[0].layer} if story.incident.findings else set()
    return (
        (not route.layers or bool(layers & set(route.layers)))
        and (not route.products or bool(set(story.products) & set(route.products)))
        and (not route.tables or _match(route.tables, story.tables))
    )


def _match(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


# --- when nobody is told ---------------------------------------------------------------------------------------------


def within(window: Window, now: datetime) -> bool:
    """Whether a moment is in a window; on the clock of its time zone, so the same hours in summer and in winter."""
    if window.start is not None and window.end is not None:
        return window.start <= now < window.end
    local = now.astimezone(window.zone)
    minute, today = 60 * local.hour + local.minute, local.weekday()
    if window.start_minute < window.end_minute:
        return today in window.days and window.start_minute <= minute < window.end_minute
    yesterday = (today - 1) % 7
    return (today in window.days and minute >= window.start_minute) or (
        yesterday in window.days and minute < window.end_minute
    )


def hushed(policy: Policy, target: str, story: Story, now: datetime) -> str | None:
    """Why a target is not told of an incident just now; None when it may be. Of several routes to it one is enough."""
    incident = story.incident
    for mute in policy.mutes:
        if mute.at <= now < mute.until and _is_muted(mute, target, story):
            return f"`{mute.what}` is muted until {mute.until:%Y-%m-%d %H:%M} UTC: {mute.reason}"
    for hush in policy.maintenance:
        if (not hush.tables or _match(hush.tables, story.tables)) and _closes(hush, incident, now):
            return f"maintenance: {hush.reason}"
    routes = [r for r in policy.routes if r.to == target and concerns(r, story)]
    if all(any(_closes(hush, incident, now) for hush in route.hushes) for route in routes):
        return "it is outside the hours in which it is told"
    return None


def _closes(hush: Hush, incident: Incident, now: datetime) -> bool:
    if hush.unless is not None and incident.severity <= hush.unless:
        return False
    return within(hush.window, now) is not hush.outside


def _is_muted(mute: Mute, target: str, story: Story) -> bool:
    return mute.what in {target, str(story.incident.number)} or _match([mute.what], story.tables)


def _slept_through(policy: Policy, target: str, story: Story, ripe: Sequence[Moment], past: Past) -> bool:
    """Whether all of it came and went while somebody wished to hear nothing of it."""
    if (target, story.incident.number) in past.threads or story.incident.state not in SOLVED:
        return False
    mutes = [m for m in policy.mutes if _is_muted(m, target, story)]
    return bool(ripe) and any(m.at <= ripe[0].at < m.until for m in mutes)


# --- one message -----------------------------------------------------------------------------------------------------


def _group(policy: Policy, target: str, story: Story, ripe: Sequence[Moment], past: Past) -> Due:
    number = story.incident.number
    thread = past.threads.get((target, number))
    return Due(
        target=target,
        kind=_kind(ripe, begins=thread is None),
        severity=story.incident.severity,
        moments=tuple((number, moment) for moment in ripe),
        thread=thread,
        counts=thread is None or target not in policy.updating,
    )


def _kind(ripe: Sequence[Moment], *, begins: bool) -> NoticeKind:
    """What is said first: that something opened where a thread begins, else the last that is news.

    Who has it comes along with anything else, as when somebody acknowledges it and so leads it.
    """
    kinds = [moment.kind for moment in ripe]
    news = [kind for kind in kinds if kind not in {NoticeKind.AGAIN, NoticeKind.ASSIGNED}]
    if begins:
        return news[0] if news else kinds[0]
    return news[-1] if news else max(kinds, key=lambda kind: kind is NoticeKind.ASSIGNED)


def _joined(groups: Sequence[Due]) -> list[Due]:
    """One message for each thread that goes on, as a digest's thread does for several incidents."""
    by_thread: dict[str, list[Due]] = defaultdict(list)
    for group in groups:
        if group.thread is not None:
            by_thread[group.thread].append(group)
    fresh = [group for group in groups if group.thread is None]
    return [*fresh, *(parts[0] if len(parts) == 1 else _merged(parts) for parts in by_thread.values())]


def _merged(parts: Sequence[Due]) -> Due:
    return replace(
        parts[0],
        kind=NoticeKind.AGAIN if all(p.quiet for p in parts) else NoticeKind.DIGEST,
        severity=min(part.severity for part in parts),
        moments=tuple(moment for part in parts for moment in part.moments),
    )


def _batched(groups: Sequence[Due], room: int) -> tuple[list[Due], list[Due]]:
    """What is sent, and what waits: the most severe as messages of their own and the rest in a digest, which counts too."""
    free = [g for g in groups if not g.counts]
    counted = sorted((g for g in groups if g.counts), key=lambda g: (g.severity, g.incidents))
    if len(counted) <= room:
        return [*counted, *free], []
    if room < 1:
        return free, counted
    own, rest = counted[: room - 1], counted[room - 1 :]
    digest = replace(_merged(rest), kind=NoticeKind.DIGEST, thread=None, counts=True)
    return [*own, digest, *free], []
