"""Notice: from incidents to the words of a message that helps at three in the morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tidegate.model import Event, Incident, IncidentState, Notice, NoticeKind, Severity, VersionState
from tidegate.model.words import counted
from tidegate.services.due import SOLVED, Due
from tidegate.services.site import Site

if TYPE_CHECKING:  # whoever notifies must not load what runs and scans
    from tidegate.services.drill import Drilled

URGENCY = (
    IncidentState.OPEN,
    IncidentState.ACKNOWLEDGED,
    IncidentState.MITIGATED,
    IncidentState.RESOLVED,
    IncidentState.REVIEWED,
)
"""The state of several incidents is the first of these that one of them has."""

NUMBER = "{incident}"
"""What stands for the number of an incident in a link."""

LISTED = 20
"""How many incidents a digest names; the command that it ends with lists all. Chosen, not derived."""

ALSO = 3
"""How many of an incident's other findings a message names. Chosen, not derived."""


def notice(site: Site, due: Due, told: Sequence[Incident], events: Mapping[int, Sequence[Event]]) -> Notice:
    """The message that is due.

    Args:
        told: the incidents that its thread tells of, as they are now; those that the message is about first.
        events: by incident, its events in order.
    """
    now = site.clock.now()
    about = [i for i in told if i.number in due.incidents]
    project = site.settings.root.name
    thread = due.thread or _thread(project, due, about)
    shared = {
        "key": f"{thread}#{due.name}",
        "thread": thread,
        "project": project,
        "state": min((i.state for i in told), key=URGENCY.index),
        "severity": min(i.severity for i in told),
        "at": now,
        "incidents": tuple(i.number for i in told),
        "quiet": due.quiet,
        "kind": due.kind,
        "links": links(site, told),
    }
    if len(told) > 1:
        return _digest(site, told, about, shared)
    (incident,) = told
    return Notice(
        **shared,  # type: ignore[arg-type]  # a mapping of a noun's fields
        headline=incident.title.strip(),
        news=news(due, incident, events[incident.number]),
        facts=facts(site, incident),
        commands=commands(incident),
    )


def links(site: Site, told: Sequence[Incident]) -> tuple[tuple[str, str], ...]:
    """What the settings name; a link to one incident is left out of a message about several."""
    numbers = {i.number for i in told}
    return tuple(
        (title, url.replace(NUMBER, str(min(numbers))))
        for title, url in site.settings.links
        if len(numbers) == 1 or NUMBER not in url
    )


def _thread(project: str, due: Due, about: Sequence[Incident]) -> str:
    """A name that no other project, nor this one after its state was lost, gives to something else."""
    if len(about) > 1:
        return f"tidegate/{project}/digest/{due.name}"
    return f"tidegate/{project}/incident/{about[0].number}/{about[0].opened_at:%Y%m%dT%H%M%S%f}"


def _digest(site: Site, told: Sequence[Incident], about: Sequence[Incident], shared: Mapping[str, object]) -> Notice:
    worst = min(told, key=lambda i: (i.state in SOLVED, i.severity, i.number))
    states = ", ".join(f"{n} {state}" for state in URGENCY if (n := sum(i.state is state for i in told)))
    listed = sorted(told, key=lambda i: (i.severity, i.number))[:LISTED]
    lines = tuple((f"{i.number} {i.severity} {i.state}", i.title) for i in listed)
    more = (("more", f"{len(told) - LISTED} further ones"),) if len(told) > LISTED else ()
    return Notice(
        **shared,  # type: ignore[arg-type]  # a mapping of a noun's fields
        headline=f"{counted(len(told), 'more incident')} ({states}); the worst: {worst.title}",
        news=f"news of {counted(len(about), 'incident')}, each with a cause of its own",
        facts=(("readers", readers(site, worst)), *lines, *more),
        commands=("tidegate incidents", f"tidegate incidents show {worst.number}"),
    )


def news(due: Due, incident: Incident, events: Sequence[Event]) -> str:
    """What happened, in half a sentence."""
    ids = {moment.event for _, moment in due.moments if moment.kind is due.kind} or {m.event for _, m in due.moments}
    last = next((e for e in reversed(events) if e.id in ids), None)
    who = last.actor if last is not None else ""
    why = str(last.data.get("reason") or "") if last is not None else ""
    open_for = _ago(incident.opened_at, due.at)
    match due.kind:
        case NoticeKind.ESCALATED:
            return f"nobody acknowledged it in {open_for}"
        case NoticeKind.REMINDER:
            return f"still nobody acknowledged it, {open_for} after it opened"
        case NoticeKind.WORSE:
            return f"it is {incident.severity} now"
        case NoticeKind.AGAIN:
            return f"seen again, {incident.seen} times in all"
        case NoticeKind.ACKNOWLEDGED:
            return _with(f"{who} is on it", why)
        case NoticeKind.ASSIGNED:
            return f"{who} gave it to {incident.assignee or 'nobody'}"
        case NoticeKind.RESOLVED:
            return _with(f"{who} resolved it as {incident.resolution or 'fixed'}", why)
        case NoticeKind.MITIGATED | NoticeKind.REOPENED:
            return _with(str(due.kind), why)
        case _:
            after = f"; since then it is {incident.state}" if incident.state is not IncidentState.OPEN else ""
            return f"opened {incident.opened_at:%Y-%m-%d %H:%M} UTC{after}"


def _with(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text


def _ago(then: datetime, now: datetime) -> str:
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 120:
        return counted(minutes, "minute")
    return counted(minutes // 60, "hour") if minutes < 48 * 60 else counted(minutes // 1440, "day")


def facts(site: Site, incident: Incident) -> tuple[tuple[str, str], ...]:
    """Where, since when, what readers see, why it is so severe, and what to do."""
    root = incident.findings[0] if incident.findings else None
    said: list[tuple[str, str]] = []
    if root is not None and root.dataset is not None:
        said.append(("where", str(root.dataset) + (f", column {root.column}" if root.column else "")))
    if root is not None and root.slice is not None:
        said.append(("slice", f"{root.slice.name}: {100 * root.slice.share:.0f} % of the difference"))
    since = root.since if root is not None and root.since else f"{incident.opened_at:%Y-%m-%d %H:%M} UTC"
    said.append(("since", since))
    others = [f.sentence for f in incident.findings[1:]]
    said += [("also", text) for text in others[:ALSO]]
    said += [("also", counted(len(others) - ALSO, "more finding"))] if len(others) > ALSO else []
    said.append(("readers", readers(site, incident)))
    said.append(("because", f"{incident.severity}: {'; '.join(incident.reasons)}"))
    if incident.assignee:
        said.append(("assigned", incident.assignee))
    if incident.state not in SOLVED and incident.next_step:
        said.append(("do", incident.next_step))
    return tuple(said)


def readers(site: Site, incident: Incident) -> str:
    """What readers see at this moment."""
    shown = site.state.published()
    if shown is None:
        return "nothing is published yet"
    built = f"version {shown.number}, built {shown.created_at:%Y-%m-%d %H:%M} UTC"
    version = site.state.version(incident.version)
    if incident.version == shown.number and incident.state not in SOLVED:
        return f"they read it now: {built}"
    if version is not None and version.state is VersionState.HELD:
        return f"they do not read it: version {version.number} is held, they see {built}"
    return f"they see {built}"


def commands(incident: Incident) -> tuple[str, ...]:
    """What to paste, in this order."""
    show = f"tidegate incidents show {incident.number}"
    if incident.state is IncidentState.OPEN:
        return (show, f"tidegate incidents ack {incident.number}")
    if incident.state in SOLVED:
        return (show,)
    if incident.state is IncidentState.ACKNOWLEDGED:
        return (show, f"tidegate recover {incident.number} --plan")
    return (show, f'tidegate incidents resolve {incident.number} --as fixed --reason "..."')


def test_notice(site: Site, target: str, *, name: str) -> Notice:
    """A message that says that it is a test."""
    project = site.settings.root.name
    return Notice(
        key=f"tidegate/{project}/test/{name}",
        thread=f"tidegate/{project}/test/{name}",
        kind=NoticeKind.TEST,
        state=IncidentState.OPEN,
        severity=Severity.SEV4,
        project=project,
        headline="This is a test of Tidegate's notifications; nothing is wrong",
        news=f"{site.actor} ran `tidegate notify --test {target}`",
        at=site.clock.now(),
        facts=(("readers", "they see what they saw before"), ("do", "nothing")),
        commands=("tidegate notify --list",),
    )


def drill_notice(site: Site, drilled: Drilled, *, name: str) -> Notice:
    """A message about a drill, with the words that the real one would have, and marked as what it is."""
    drill, project = drilled.drill, site.settings.root.name
    said = drilled.by[0] if drilled.by else f"{drill.fault} on {drill.table} was not noticed"
    real = [
        (t.target, f"{t.kind}, {'at once' if not t.after_s else f'after {t.after_s / 60:.0f} minutes'}")
        for t in drilled.told
    ]
    return Notice(
        key=f"tidegate/{project}/drill/{name}",
        thread=f"tidegate/{project}/drill/{name}",
        kind=NoticeKind.TEST,
        state=IncidentState.OPEN,
        severity=drilled.severity or Severity.SEV4,
        project=project,
        headline=f"This is a drill, nothing is wrong: {said}",
        news=f"{site.actor} played the drill `{drill.name}`: it was {drilled.outcome}",
        at=site.clock.now(),
        facts=(("readers", "they see what they saw before"), *real, ("do", "nothing")),
        commands=(f"tidegate drill show {drill.name}",),
    )
