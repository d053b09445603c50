"""Respond: what people do with an incident: take it, assign it, note, silence and close it; each with actor, role, reason."""

from __future__ import annotations

from datetime import timedelta

from tidegate.errors import IncidentError
from tidegate.model import Incident, IncidentState, Role
from tidegate.ports import NewEvent
from tidegate.services import closing
from tidegate.services.incidents import UNSOLVED, by_hand, find
from tidegate.services.site import Site

RESOLUTIONS = ("fixed", "expected", "false alarm")


def acknowledge(site: Site, number: int, *, reason: str) -> Incident:
    """Take an incident: somebody is on it, and leads it when nobody else does.

    Raises:
        IncidentError: no such incident, or it is past that state.
    """
    incident = find(site, number)
    if incident.state is not IncidentState.OPEN:
        hint = f"`tidegate incidents show {number}` says who took it"
        if incident.state in UNSOLVED:
            hint += f'; `tidegate incidents resolve {number} --as fixed --reason "..."` closes it'
        raise IncidentError(f"incident `{number}` is `{incident.state}` already", hint=hint)
    events = [by_hand(site, incident, "acknowledged", {"reason": reason})]
    if incident.assignee is None:
        events.append(_assignment(site, incident, site.actor, Role.LEAD, reason="acknowledged it"))
    site.state.append(events)
    return find(site, number)


def assign(site: Site, number: int, *, to: str, role: Role, reason: str) -> Incident:
    """Give somebody a role in an incident, in the place of whoever has it.

    Raises:
        IncidentError: no such incident, it is closed, or they have that role.
    """
    incident = _unsolved(site, number)
    if to == {Role.LEAD: incident.assignee, Role.COMMUNICATIONS: incident.communications}.get(
        role, incident.data_owner
    ):
        raise IncidentError(f"`{to}` is the {role} of incident `{number}` already", hint="nothing is left to do")
    site.state.append([_assignment(site, incident, to, role, reason=reason)])
    return find(site, number)


def _assignment(site: Site, incident: Incident, to: str, role: Role, *, reason: str) -> NewEvent:
    return by_hand(site, incident, "assigned", {"assignee": to, "role": role.value, "reason": reason})


def note(site: Site, number: int, text: str) -> Incident:
    """Write something down in the timeline of an incident, whatever its state is.

    Raises:
        IncidentError: no such incident, or there is nothing to write.
    """
    incident = find(site, number)
    if not text.strip():
        raise IncidentError("the note is empty", hint="write what you found out")
    site.state.append([by_hand(site, incident, "noted", {"note": text})])
    return find(site, number)


def suppress(site: Site, number: int, *, lasts: timedelta | None, reason: str) -> Incident:
    """Tell nobody of an incident for a time; None ends that now. What it holds back stays held back.

    The silence also ends when the incident gets more severe.

    Raises:
        IncidentError: no such incident, it is closed, the time is over at once, or it is not silent.
    """
    incident = _unsolved(site, number)
    if lasts is not None and lasts <= timedelta(0):
        raise IncidentError("a suppression must last some time", hint="say how long, such as `--for 7d`")
    if lasts is None and not incident.is_suppressed(site.clock.now()):
        raise IncidentError(f"incident `{number}` is not suppressed", hint="nothing is left to do")
    until = None if lasts is None else site.clock.now() + lasts
    site.state.append([by_hand(site, incident, "suppressed", {"until": until, "reason": reason})])
    return find(site, number)


def resolve(site: Site, number: int, *, reason: str, resolution: str, waive: str | None = None) -> Incident:
    """Close an incident with a reason; `resolution` is fixed, expected or false alarm.

    One about data is fixed when its reconciliation passes, or somebody says with `waive` why it need not.

    Raises:
        IncidentError: no such incident, it is closed already, the resolution is unknown, or it is not reconciled.
    """
    if resolution not in RESOLUTIONS:
        find(site, number)
        raise IncidentError(f"unknown resolution `{resolution}`", hint=f"use one of {', '.join(RESOLUTIONS)}")
    incident = _unsolved(site, number)
    told, events = closing.settled(site, incident, resolution=resolution, waive=waive)
    resolved = by_hand(site, incident, "resolved", {"reason": reason, "resolution": resolution, **told})
    site.state.append([*events, resolved])
    return find(site, number)


def _unsolved(site: Site, number: int) -> Incident:
    incident = find(site, number)
    if incident.state not in UNSOLVED:
        hint = f"`tidegate incidents show {number}` says by whom and why"
        raise IncidentError(f"incident `{number}` is `{incident.state}` already", hint=hint)
    return incident
