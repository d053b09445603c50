"""Notifications: who is to be told of which incidents, when nobody may be told, and what a message says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from tidegate.model.incident import IncidentState
from tidegate.model.judgement import Layer, Severity


class NoticeKind(StrEnum):
    """What a message brings. `again` is quiet: it renews what a channel shows, and posts nothing."""

    OPENED = "opened"
    REOPENED = "reopened"
    ESCALATED = "escalated"
    WORSE = "worse"
    REMINDER = "reminder"
    AGAIN = "again"
    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    DIGEST = "digest"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time that comes back every week, or comes once.

    Weekly: `days` (0 is Monday) on which it begins, from `start_minute` to `end_minute` of the day in the time zone; an end
    that is not after the start is on the day after. Once: [`start`, `end`), and no days.
    """

    zone: tzinfo = field(metadata={"json": False})
    time_zone: str
    days: tuple[int, ...] = ()
    start_minute: int = 0
    end_minute: int = 0
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """When nobody is told: inside `window`, or outside of it with `outside`. Messages wait for its end, but for those of
    a severity of `unless` or worse. `tables` are patterns; empty means every incident. `reason` is for people.
    """

    window: Window
    outside: bool = False
    unless: Severity | None = None
    tables: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Whom to tell of which incidents: `to` is `channel:address`; empty `layers`, `products`, `tables` mean all.

    With `escalate_after` it is told only of incidents that nobody acknowledged in that time; with `repeat_every` it is
    told again while nobody does, at most `repeat_times` times. `at_most` messages in ten minutes are its own; what is more
    goes into a digest. `options` are the channel's own, with `${NAME}` where the environment has the value.
    One that is for a `test` is told of drills and of no incident.
    """

    to: str
    min_severity: Severity = Severity.SEV4
    layers: tuple[Layer, ...] = ()
    products: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    escalate_after: timedelta | None = None
    repeat_every: timedelta | None = None
    repeat_times: int = 10
    at_most: int = 10
    hushes: tuple[Hush, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Somebody's wish to hear nothing of `what` until a time: an incident's number, a table pattern, or a target."""

    what: str
    at: datetime
    until: datetime
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message, for whatever channel.

    `key` is the same however often it is sent. Messages of one `thread` are about the same thing, whose present `state`
    and `severity` they tell. `headline` is one sentence: what is wrong, and where. `news` is what happened since the last
    one. `facts` are (label, text) in the order in which they matter; `commands` can be pasted; `links` are (title, URL).
    `quiet` posts nothing, it renews what is shown. `again` tells that an earlier try may have arrived.
    """

    key: str
    thread: str
    kind: NoticeKind
    state: IncidentState
    severity: Severity
    project: str
    headline: str
    news: str
    at: datetime
    facts: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    incidents: tuple[int, ...] = ()
    quiet: bool = False
    again: bool = False


class DeliveryState(StrEnum):
    """waiting -> sending -> sent; a failed try is waiting again, and what can never arrive is dead."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message on its way to one target. `attempts` were begun so far, the present one among them; `error` is what
    the last one came to; `receipt` is what the channel said when the thread's first message arrived.
    """

    key: str
    target: str
    notice: Notice
    state: DeliveryState
    attempts: int
    due_at: datetime
    next_at: datetime
    error: str | None = None
    receipt: Mapping[str, str] = field(default_factory=dict)
