"""Stats: how noisy and how quick incidents were, from the ledger: alarms a week, precision, times to detect and to repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from tidegate.model import Event
from tidegate.services.respond import RESOLUTIONS
from tidegate.services.site import Site

WEEK = timedelta(days=7)
DAYS_A_MONTH = 30

BEGINS = frozenset({"incident.opened", "incident.reopened"})
TELLS = frozenset({"incident.opened", "incident.seen"})
ENDS = {"incident.acknowledged": "acknowledged", "incident.mitigated": "mitigated", "incident.resolved": "resolved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Seven days from `start` on: the alarms that came, and how many of them were called false alarms since."""

    start: datetime
    alarms: int
    false_alarms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long something took, over `count` alarms: mean, median and the longest, in seconds; None where there is none.

    `name` is the property of the Open Data Contract Standard where it has one.
    """

    name: str
    count: int
    mean_s: float | None
    median_s: float | None
    longest_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What happened since `since`.

    An alarm is an incident that was opened, or that came back. `answers` count the alarms that people closed, by what they
    said; `precision` is the share of them that were faults (`fixed`), None without answers. `false_alarms_per_month` is what
    the answers make of 30 days, beside the project's `budget`. `drills` were played, of which the gate caught `caught`.
    """

    since: datetime
    until: datetime
    alarms: int
    alarms_per_week: float
    weeks: tuple[Week, ...]
    answers: dict[str, int]
    unanswered: int
    precision: float | None
    false_alarms_per_month: float
    budget: float
    durations: tuple[Duration, ...]
    drills: int = 0
    caught: int = 0

    @property
    def is_within_budget(self) -> bool:
        """Whether there were no more false alarms than the team said it can live with."""
        return self.false_alarms_per_month <= self.budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One time that an incident called for somebody; the moments are None until they came.

    `began` is when the fault could be seen first: the end of the stretch of time that the root finding is about, else the
    begin of the version in which it showed.
    """

    at: datetime
    began: datetime | None
    acknowledged: datetime | None = None
    mitigated: datetime | None = None
    resolved: datetime | None = None
    resolution: str | None = None

    @property
    def repaired(self) -> datetime | None:
        """When readers had sound data again, or somebody said so."""
        return min((m for m in (self.mitigated, self.resolved) if m is not None), default=None)


def stats(site: Site, *, weeks: int) -> Stats:
    """The last `weeks` weeks, up to now. Linear in the events of that time."""
    until = site.clock.now()
    since = until - weeks * WEEK
    events = site.state.events(since=since)
    alarms = tuple(_alarms(site, events))
    drills = [bool(e.data.get("caught")) for e in events if e.kind == "drill.finished"]
    answers = Counter(a.resolution for a in alarms if a.resolution in RESOLUTIONS)
    closed = sum(answers.values())
    false = answers["false alarm"]
    return Stats(
        since=since,
        until=until,
        alarms=len(alarms),
        alarms_per_week=len(alarms) / weeks,
        weeks=tuple(_week(since + n * WEEK, alarms) for n in range(weeks)),
        answers={name: answers[name] for name in RESOLUTIONS},
        unanswered=len(alarms) - closed,
        precision=answers["fixed"] / closed if closed else None,
        false_alarms_per_month=false * timedelta(days=DAYS_A_MONTH) / (weeks * WEEK),
        budget=site.settings.false_alarms_per_month,
        durations=_durations(alarms),
        drills=len(drills),
        caught=sum(drills),
    )


def _week(start: datetime, alarms: Sequence[Alarm]) -> Week:
    mine = [a for a in alarms if start <= a.at < start + WEEK]
    return Week(start=start, alarms=len(mine), false_alarms=sum(a.resolution == "false alarm" for a in mine))


def _durations(alarms: Sequence[Alarm]) -> tuple[Duration, ...]:
    """From the fault to the alarm, from there to the acknowledgement, and to the repair: the first of mitigated, resolved."""
    return (
        _duration("timeToDetect", ((a.began, a.at) for a in alarms)),
        _duration("timeToAcknowledge", ((a.at, a.acknowledged) for a in alarms)),
        _duration("timeToRepair", ((a.at, a.repaired) for a in alarms)),
    )


def _duration(name: str, spans: Iterable[tuple[datetime | None, datetime | None]]) -> Duration:
    took = [max(0.0, (end - begin).total_seconds()) for begin, end in spans if begin is not None and end is not None]
    return Duration(
        name=name,
        count=len(took),
        mean_s=sum(took) / len(took) if took else None,
        median_s=median(took) if took else None,
        longest_s=max(took, default=None),
    )


def _alarms(site: Site, told: Sequence[Event]) -> Iterator[Alarm]:
    """The alarms among events, each with what became of it."""
    by_incident: dict[str, list[Event]] = {}
    for event in told:
        if event.kind in BEGINS or event.kind in TELLS or event.kind in ENDS:
            by_incident.setdefault(event.subject, []).append(event)
    for events in by_incident.values():
        begins = [at for at, event in enumerate(events) if event.kind in BEGINS]
        for begin, end in pairwise([*begins, len(events)]):
            yield _alarm(site, events[begin:end])


def _alarm(site: Site, events: Sequence[Event]) -> Alarm:
    """One alarm, from its first event to the last one before the next."""
    moments: dict[str, datetime] = {}
    for event in events:
        if event.kind in ENDS:
            moments.setdefault(ENDS[event.kind], event.at)
    said = [e.data.get("resolution") for e in events if e.kind == "incident.resolved"]
    resolution = said[-1] if said and isinstance(said[-1], str) else None
    told = next((e for e in events if e.kind in TELLS), events[0])
    return Alarm(at=events[0].at, began=_began(site, told.data), resolution=resolution, **moments)


def _began(site: Site, told: Mapping[str, object]) -> datetime | None:
    """When the fault could be seen first, as the event tells that had its findings."""
    findings, version = told.get("findings"), told.get("version")
    interval = findings[0].get("interval") if isinstance(findings, list) and findings else None
    if interval is not None:
        return datetime.fromisoformat(interval["end"])
    found = site.state.version(version) if isinstance(version, int) else None
    return None if found is None else found.created_at
