"""Notify: plan what is due, carry it to its targets within a bounded time, and remember what came of every try."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidegate.errors import DeliveryError, TidegateError, UsageError
from tidegate.model import Delivery, DeliveryState, Incident, IncidentState, Mute, Notice, Route
from tidegate.model.event import OPERATOR
from tidegate.ports import NewEvent, Notifier, Planned, Sending
from tidegate.services import incidents
from tidegate.services.due import STORM, Due, Past, Plan, Policy, Story, due
from tidegate.services.notice import drill_notice, notice, test_notice
from tidegate.services.site import Site

if TYPE_CHECKING:  # whoever notifies must not load what runs and scans
    from tidegate.services.drill import Drilled

MUTES = "notify:mutes"
"""The subject of the events that mute and unmute."""

LEASE_S = 120.0
"""How long a try may take; when its process has not answered by then, it is taken for dead. Chosen, not derived."""

REQUEST_S = 10.0
"""How long one message may take at most. Chosen, not derived."""

FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 3600.0
MOST_ATTEMPTS = 40
"""After a failed try the next one is `FIRST_WAIT_S` later, then twice that, up to `LONGEST_WAIT_S`, less up to a quarter so
that those who failed together do not come back together; 40 tries take about a day and a half. Chosen, not derived.
"""

UNDONE = (DeliveryState.WAITING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """How to reach targets: `open` makes the notifier of a route, `carry` lets it send and always comes back, `sleep`
    waits some seconds.

    `updating` are the targets that change a message in place. `hide` takes secrets out of a text.
    """

    open: Callable[[Route], Notifier]
    carry: Callable[[Notifier, Sending], Mapping[str, str]]
    sleep: Callable[[float], None]
    updating: frozenset[str] = frozenset()
    hide: Callable[[str], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one try came to; `error` is None when the message arrived. A target that is not `usable` has no way to it."""

    target: str
    headline: str
    kind: str
    error: str | None = None
    hint: str | None = None
    dead: bool = False
    usable: bool = True
    answer: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What a flush did: how many messages were planned, every try, how many still wait, and by target why."""

    planned: int
    tried: tuple[Tried, ...]
    left: int
    held: Mapping[str, str]


def policy_of(site: Site, updating: frozenset[str], *, suppressed: Iterable[Mute] = ()) -> Policy:
    """What the settings, the ledger's mutes and the `suppressed` incidents say."""
    settings, said = site.settings, (*mutes(site), *suppressed)
    routes = tuple(r for r in settings.routes if not r.test)
    return Policy(routes=routes, maintenance=settings.maintenance, mutes=said, updating=updating)


def _suppressed(stories: Iterable[Story]) -> Iterator[Mute]:
    """The incidents that somebody suppressed; one that became more severe since is not any more."""
    for story in stories:
        said = [e for e in story.events if e.kind == "incident.suppressed"]
        until = story.incident.suppressed_until
        if said and until is not None:
            number, reason = str(story.incident.number), str(said[-1].data.get("reason") or "")
            yield Mute(what=number, at=said[-1].at, until=until, reason=reason, actor=said[-1].actor)


def plan(site: Site, updating: frozenset[str]) -> tuple[Plan, Mapping[int, Story]]:
    """What is due now; nothing is written. Linear in the incidents that have news or that nobody acknowledged."""
    outbox, now = site.state.outbox, site.clock.now()
    waiting = outbox.waiting()
    numbers = {incident for _, incident in waiting} if site.settings.routes else set[int]()
    known: dict[int, Incident] = {}
    if any(r.escalate_after is not None or r.repeat_every is not None for r in site.settings.routes):
        known = {i.number: i for i in site.state.incidents(states=(IncidentState.OPEN,))}
    stories = {n: story for n in sorted(numbers | set(known)) if (story := _story(site, n, known.get(n)))}
    past = Past(told=outbox.told(stories), threads=outbox.threads(stories), recent=outbox.recent(now - STORM))
    policy = policy_of(site, updating, suppressed=_suppressed(stories.values()))
    return due(policy, list(stories.values()), [event for event, _ in waiting], past, now), stories


def _story(site: Site, number: int, known: Incident | None) -> Story | None:
    incident = known or site.state.incident(number)
    if incident is None:
        return None
    events = site.state.events(subject=f"incident:{number}")
    return Story(incident=incident, events=events, products=incident.products)


def enqueue(site: Site, updating: frozenset[str]) -> tuple[int, Plan]:
    """Plan what is due and write it down, so that it goes out whatever happens; returns how many messages are new."""
    found, stories = plan(site, updating)
    planned = [_planned(site, one, stories) for one in found.dues]
    if not (planned or found.waived or found.settled):
        return 0, found
    now = site.clock.now()
    return site.state.outbox.plan(planned, waived=found.waived, settled=found.settled, now=now), found


def _planned(site: Site, one: Due, stories: Mapping[int, Story]) -> Planned:
    others = site.state.outbox.members(one.target, one.thread) if one.thread is not None else ()
    known = {n: stories[n].incident if n in stories else site.state.incident(n) for n in (*one.incidents, *others)}
    told = [incident for incident in known.values() if incident is not None]
    events = {n: stories[n].events for n in one.incidents}
    return Planned(
        target=one.target,
        notice=notice(site, one, told, events),
        moments=tuple((number, moment.key) for number, moment in one.moments),
        due_at=one.at,
        counts=one.counts,
    )


def flush(site: Site, channels: Channels, *, budget_s: float, patient: bool = False) -> Flushed:
    """Plan what is due and send what waits, for about `budget_s` seconds; what is left goes out another time.

    Args:
        patient: wait, within the budget, for a message that is to be tried again soon.

    Raises:
        StateError: the store cannot be written.
    """
    until = site.clock.wall_s() + budget_s
    planned, found = enqueue(site, channels.updating)
    tried: list[Tried] = []
    pace = _Pace(site, channels)
    while (left_s := until - site.clock.wall_s()) > 0:
        delivery = site.state.outbox.claim(site.clock.now(), lease_s=LEASE_S, without=pace.resting())
        if delivery is not None:
            pace.note(delivery.target)
            tried.append(_try(site, channels, delivery, timeout_s=min(REQUEST_S, max(1.0, left_s))))
        elif not pace.rest(left_s, patient=patient):
            break
    left = len(site.state.outbox.deliveries(UNDONE))
    return Flushed(planned=planned, tried=tuple(tried), left=left, held=found.held)


class _Pace:
    """Keeps to what a channel takes in a minute: between two messages to a target lies a share of it."""

    def __init__(self, site: Site, channels: Channels) -> None:
        self._site, self._channels = site, channels
        self._free: dict[str, float] = {}
        self._routes = {route.to: route for route in site.settings.routes}

    def note(self, target: str) -> None:
        """A message goes to that target now."""
        route = self._routes.get(target)
        per_minute = _per_minute(self._channels, route) if route is not None else 60
        self._free[target] = self._site.clock.wall_s() + 60.0 / per_minute

    def resting(self) -> frozenset[str]:
        """The targets that take no message just now."""
        now = self._site.clock.wall_s()
        return frozenset(target for target, free in self._free.items() if free > now)

    def rest(self, left_s: float, *, patient: bool) -> bool:
        """Wait for the next message that can go out in the time that is left; False when there is none."""
        now, wall = self._site.clock.now(), self._site.clock.wall_s()
        first: dict[tuple[str, str], Delivery] = {}  # of each thread; what comes after it waits for it
        for delivery in self._site.state.outbox.deliveries(UNDONE):
            first.setdefault((delivery.target, delivery.notice.thread), delivery)
        waits = [
            max((d.next_at - now).total_seconds(), self._free.get(d.target, wall) - wall)
            for d in first.values()
            if d.state is DeliveryState.WAITING
            and (patient or (d.next_at <= now and self._free.get(d.target, wall) > wall))
        ]
        soonest = max(0.01, min(waits, default=left_s))
        if soonest >= left_s:
            return False
        self._channels.sleep(soonest)
        return True


def _per_minute(channels: Channels, route: Route) -> int:
    try:
        return channels.open(route).capabilities.per_minute
    except TidegateError:
        return 60


def _try(site: Site, channels: Channels, delivery: Delivery, *, timeout_s: float) -> Tried:
    said = replace(delivery.notice, again=delivery.attempts > 1)
    route = next((r for r in site.settings.routes if r.to == delivery.target), None)
    tried = Tried(target=delivery.target, headline=said.headline, kind=said.kind.value)
    try:
        if route is None:
            gone = "it is no target of `notify:` any more"
            raise DeliveryError(gone, transient=False, hint="put it back, or leave the message")
        channel = channels.open(route)
        sending = Sending(notice=said, receipt=delivery.receipt, retry=said.again, timeout_s=timeout_s)
        receipt = channels.carry(channel, sending)
    except TidegateError as error:
        return _put_off(site, channels, delivery, tried, error)
    kept = {**delivery.receipt, **receipt}
    site.state.outbox.sent(
        delivery.key, receipt=kept, now=site.clock.now(), events=_told(site, "notification.sent", delivery)
    )
    return replace(tried, answer=receipt)


def _put_off(site: Site, channels: Channels, delivery: Delivery, tried: Tried, error: TidegateError) -> Tried:
    """Try it again later, or never: what is terminal, and what failed for more than a day, is dead. A target that is not
    configured here may be elsewhere, so its messages wait.
    """
    said = channels.hide(str(error))
    lasting = isinstance(error, DeliveryError) and not error.transient
    dead = lasting or delivery.attempts >= MOST_ATTEMPTS
    asked = error.retry_after_s if isinstance(error, DeliveryError) else None
    wait = wait_s(delivery.key, delivery.attempts, asked)
    site.state.outbox.failed(
        delivery.key,
        error=said,
        next_at=None if dead else site.clock.now() + timedelta(seconds=wait),
        events=_told(site, "notification.failed", delivery, error=said) if dead else (),
    )
    return replace(tried, error=said, hint=error.hint, dead=dead)


def wait_s(key: str, attempts: int, asked_s: float | None) -> float:
    """How long to wait after so many failed tries: never less than the channel asks for."""
    doubled = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempts - 1, 20))
    spread = (
        zlib.crc32(f"{key}:{attempts}".encode()) / 2**32
    )  # the same for the same try, so that nothing is drawn here
    return max(asked_s or 0.0, doubled * (1 - spread / 4))


def _told(site: Site, kind: str, delivery: Delivery, **more: object) -> list[NewEvent]:
    data = {"target": delivery.target, "kind": delivery.notice.kind.value, "key": delivery.key, **more}
    return [site.event(kind, f"incident:{number}", data) for number in delivery.notice.incidents]


# --- by hand ---------------------------------------------------------------------------------------------------------


def route_to(site: Site, target: str) -> Route:
    """The route of a target.

    Raises:
        UsageError: `notify:` has no such target.
    """
    found = next((r for r in site.settings.routes if r.to == target), None)
    if found is None:
        known = ", ".join(f"`{r.to}`" for r in site.settings.routes) or "none"
        raise UsageError(f"there is no target `{target}`", hint=f"`notify:` in tidegate.yml has {known}")
    return found


def test(site: Site, channels: Channels, targets: Sequence[str]) -> tuple[Tried, ...]:
    """Send a message that is marked as a test to the targets, or to all; nothing is written and nothing is tried again.

    Raises:
        UsageError: no such target, or there is none at all.
    """
    routes = [route_to(site, t) for t in targets] or list({r.to: r for r in site.settings.routes}.values())
    if not routes:
        hint = 'add for example `notify: [{to: "console:"}]` to tidegate.yml'
        raise UsageError("there is no target to test: `notify:` is empty", hint=hint)
    return tuple(_test(site, channels, route) for route in routes)


def _test(site: Site, channels: Channels, route: Route) -> Tried:
    return _sent(channels, route, test_notice(site, route.to, name=f"{site.clock.now():%Y%m%dT%H%M%S%f}"))


def _sent(channels: Channels, route: Route, said: Notice) -> Tried:
    """Carry one message once; nothing is written."""
    tried = Tried(target=route.to, headline=said.headline, kind=said.kind.value)
    try:
        sending = Sending(notice=said, receipt={}, retry=False, timeout_s=REQUEST_S)
        answer = channels.carry(channels.open(route), sending)
    except TidegateError as error:
        usable = isinstance(error, DeliveryError)
        return replace(tried, error=channels.hide(str(error)), hint=error.hint, usable=usable)
    return replace(tried, answer={name: channels.hide(text) for name, text in answer.items()})


def rehearse(site: Site, channels: Channels, drills: Sequence[Drilled]) -> tuple[Tried, ...]:
    """Send what came of drills, marked as a test, to the targets that are for tests alone; nobody else is ever told.

    Raises:
        UsageError: no target is marked so.
    """
    routes = list({r.to: r for r in site.settings.routes if r.test}.values())
    if not routes:
        hint = 'mark one: `notify: [{to: "slack:#drills", test: true}]`'
        raise UsageError("no target of `notify:` is marked `test: true`", hint=hint)
    moment = f"{site.clock.now():%Y%m%dT%H%M%S%f}"
    return tuple(
        _sent(channels, route, drill_notice(site, drilled, name=f"{moment}-{place}"))
        for place, drilled in enumerate(drills)
        for route in routes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target as `tidegate notify --list` shows it; `problem` is why it cannot be used here, `held` why it waits."""

    to: str
    min_severity: str
    guarantee: str
    problem: str | None
    held: str | None
    due: int
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every target, what waits or is dead, and what is muted."""

    targets: tuple[Target, ...]
    deliveries: tuple[Delivery, ...]
    mutes: tuple[Mute, ...]


def listing(site: Site, channels: Channels) -> Listing:
    """What would be sent now, what waits, and what can never arrive; nothing is written."""
    found, _ = plan(site, channels.updating)
    undone = site.state.outbox.deliveries((*UNDONE, DeliveryState.DEAD))
    targets = []
    for route in {r.to: r for r in site.settings.routes}.values():
        guarantee, problem = _usable(channels, route)
        mine = [d for d in undone if d.target == route.to]
        targets.append(
            Target(
                to=route.to,
                min_severity=route.min_severity.value,
                guarantee=guarantee,
                problem=problem,
                held=found.held.get(route.to),
                due=sum(d.target == route.to for d in found.dues),
                waiting=sum(d.state is not DeliveryState.DEAD for d in mine),
                dead=sum(d.state is DeliveryState.DEAD for d in mine),
            )
        )
    return Listing(targets=tuple(targets), deliveries=undone, mutes=mutes(site))


def _usable(channels: Channels, route: Route) -> tuple[str, str | None]:
    try:
        return channels.open(route).capabilities.guarantee, None
    except TidegateError as error:
        return "", channels.hide(str(error))


# --- mutes -----------------------------------------------------------------------------------------------------------


def mutes(site: Site) -> tuple[Mute, ...]:
    """Those that hold now or later, and those that ended not long ago."""
    found: dict[str, Mute] = {}
    for event in site.state.events(subject=MUTES):
        what = str(event.data["what"])
        if event.kind == "notification.unmuted":
            if what in found:
                found[what] = replace(found[what], until=event.at)
            continue
        until = datetime.fromisoformat(str(event.data["until"]))
        reason = str(event.data["reason"])
        found[what] = Mute(what=what, at=event.at, until=until, reason=reason, actor=event.actor)
    return tuple(found.values())


def mute(site: Site, what: str, *, for_s: float, reason: str) -> Mute:
    """Let nobody be told of an incident, a table or by a target for a time; then what is still open is told.

    Raises:
        UsageError: `what` is neither an incident, nor a target, nor a table.
    """
    what = _mutable(site, what)
    data = {"what": what, "until": site.clock.now() + timedelta(seconds=for_s), "reason": reason}
    site.state.append([site.event("notification.muted", MUTES, data, role=OPERATOR)])
    return next(m for m in mutes(site) if m.what == what)


def unmute(site: Site, what: str, *, reason: str = "") -> Mute:
    """End a mute before its time.

    Raises:
        UsageError: it is not muted.
    """
    what = _mutable(site, what)
    now = site.clock.now()
    if not any(m.what == what and m.at <= now < m.until for m in mutes(site)):
        muted = ", ".join(f"`{m.what}`" for m in mutes(site) if now < m.until) or "nothing"
        raise UsageError(f"`{what}` is not muted", hint=f"muted is {muted}")
    data = {"what": what, "reason": reason or "ended before its time"}
    site.state.append([site.event("notification.unmuted", MUTES, data, role=OPERATOR)])
    return next(m for m in mutes(site) if m.what == what)


def _mutable(site: Site, what: str) -> str:
    if what.isdecimal():
        return str(incidents.find(site, int(what)).number)
    if what not in {r.to for r in site.settings.routes} and "." not in what and "*" not in what:
        hint = "name an incident's number, a table such as `raw.orders` or `raw.*`, or a target of `notify:`"
        raise UsageError(f"`{what}` cannot be muted", hint=hint)
    return what
