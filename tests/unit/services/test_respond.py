"""What people do with incidents, and that the ledger keeps who did it, in which role, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site
from tidegate.errors import IncidentError
from tidegate.lineage import Graph
from tidegate.model import Event, Incident, IncidentState, Role
from tidegate.services import incidents, respond
from tidegate.services.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Incident 1 is open."""
    made = make_site(tmp_path)
    add_version(made, 1, "create table t (id int)")
    made.state.append(incidents.record(made, [finding("orders")], Graph(), version=1, run=None, held=False))
    return made


def by(site: Site, actor: str) -> Site:
    return dataclasses.replace(site, actor=actor)


def newest(site: Site) -> Event:
    return site.state.events(subject="incident:1")[-1]


def test_taking_and_closing_once(site: Site) -> None:
    assert respond.acknowledge(site, 1, reason="mine").state is IncidentState.ACKNOWLEDGED
    with pytest.raises(IncidentError, match="incident `1` is `acknowledged` already"):
        respond.acknowledge(site, 1, reason="mine too")
    with pytest.raises(IncidentError, match="unknown resolution `gone`"):
        respond.resolve(site, 1, reason="so", resolution="gone")
    assert respond.resolve(site, 1, reason="so", resolution="false alarm").state is IncidentState.RESOLVED
    with pytest.raises(IncidentError, match="incident `1` is `resolved` already") as caught:
        respond.resolve(site, 1, reason="so", resolution="fixed", waive="a test")
    assert "tidegate incidents show 1" in caught.value.hint


def test_who_takes_it_leads_it_unless_somebody_does(site: Site) -> None:
    assert respond.acknowledge(site, 1, reason="mine").assignee == "ann"
    other = make_site(site.settings.root / "other")
    add_version(other, 1, "create table t (id int)")
    other.state.append(incidents.record(other, [finding("orders")], Graph(), version=1, run=None, held=False))
    respond.assign(other, 1, to="bo", role=Role.LEAD, reason="knows it")
    assert respond.acknowledge(other, 1, reason="looking").assignee == "bo"


def test_roles_are_given_and_given_on(site: Site) -> None:
    for role in Role:
        respond.assign(site, 1, to="bo", role=role, reason="on call")
    found = respond.assign(site, 1, to="cy", role=Role.DATA_OWNER, reason="knows the table")
    assert (found.assignee, found.communications, found.data_owner) == ("bo", "bo", "cy")
    with pytest.raises(IncidentError, match="`cy` is the data owner of incident `1` already"):
        respond.assign(site, 1, to="cy", role=Role.DATA_OWNER, reason="")


Does = Callable[[Site], Incident]
COMMANDS: dict[str, tuple[str, Does]] = {
    "acknowledge": ("incident.acknowledged", lambda s: respond.acknowledge(s, 1, reason="because")),
    "assign": ("incident.assigned", lambda s: respond.assign(s, 1, to="di", role=Role.LEAD, reason="because")),
    "note": ("incident.noted", lambda s: respond.note(s, 1, "because")),
    "suppress": ("incident.suppressed", lambda s: respond.suppress(s, 1, lasts=timedelta(1), reason="because")),
    "resolve": (
        "incident.resolved",
        lambda s: respond.resolve(s, 1, reason="because", resolution="fixed", waive="a test"),
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("role", [None, *Role])
def test_each_command_keeps_actor_role_and_reason(site: Site, name: str, role: Role | None) -> None:
    if role is not None:
        respond.assign(site, 1, to="bo", role=role, reason="")
    kind, does = COMMANDS[name]
    does(by(site, "bo"))
    (event,) = [e for e in site.state.events(subject="incident:1") if e.kind == kind and e.actor == "bo"][-1:]
    assert event.role == (role or "operator")
    assert "because" in (event.data.get("reason"), event.data.get("note"))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_works_on_an_incident_that_is_not_there(site: Site, name: str) -> None:
    respond.resolve(site, 1, reason="so", resolution="fixed", waive="a test")
    site.state.append(incidents.record(site, [], Graph(), version=1, run=None, held=False))
    _, does = COMMANDS[name]
    if name == "note":
        assert does(site).state is IncidentState.RESOLVED
    else:
        with pytest.raises(IncidentError, match="`resolved` already"):
            does(site)
    with pytest.raises(IncidentError, match="no incident `9`"):
        incidents.find(site, 9)


def test_silence_has_an_end(site: Site) -> None:
    found = respond.suppress(site, 1, lasts=timedelta(days=7), reason="the vendor knows")
    assert found.suppressed_until == NOW + timedelta(days=7)
    assert respond.suppress(later(site, days=1), 1, lasts=None, reason="repaired").suppressed_until is None
    with pytest.raises(IncidentError, match="not suppressed"):
        respond.suppress(site, 1, lasts=None, reason="again")
    respond.suppress(site, 1, lasts=timedelta(days=7), reason="again")
    with pytest.raises(IncidentError, match="not suppressed"):
        respond.suppress(later(site, days=7), 1, lasts=None, reason="it ended by itself")
    with pytest.raises(IncidentError, match="must last"):
        respond.suppress(site, 1, lasts=timedelta(0), reason="no time")


def test_what_is_silent_is_seen_again_without_a_word_until_it_gets_worse(site: Site) -> None:
    respond.suppress(site, 1, lasts=timedelta(days=7), reason="the vendor knows")
    again = incidents.record(site, [finding("orders", share=0.001)], Graph(), version=1, run=None, held=False)
    site.state.append(again)
    assert site.state.incident(1).suppressed_until is not None
    site.state.append(incidents.record(site, [finding("orders")], Graph(), version=1, run=None, held=False))
    assert site.state.incident(1).suppressed_until is None


def test_a_note_says_something(site: Site) -> None:
    with pytest.raises(IncidentError, match="empty"):
        respond.note(site, 1, "  ")
    respond.note(site, 1, "the loader ran twice")
    assert newest(site).data == {"note": "the loader ran twice"}
