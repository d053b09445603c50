"""Incidents as the ledger leaves them."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.state.stories import NOW, event, finding, incident, opened, whole
from tidegate.errors import StateError
from tidegate.model import IncidentState, Role, Severity
from tidegate.ports.state import NewEvent, StateStore

LATER = NOW + timedelta(hours=1)


def moved(kind: str, number: int = 1, **data: object) -> NewEvent:
    return event(f"incident.{kind}", f"incident:{number}", at=LATER, **data)


def test_an_opened_incident_is_kept_exactly(store: StateStore):
    findings = (finding(observed=math.inf, affected_share=-math.inf), finding(key="b", dataset=None, interval=None))
    store.append([opened(findings=findings, assignee="ana", reasons=())])
    assert store.incident(1) == incident(findings=findings, assignee="ana", reasons=())
    assert store.incidents() == (store.incident(1),)


def test_an_incident_may_be_given_as_a_dict_of_plain_values(store: StateStore):
    store.append([event("incident.opened", "incident:1", **asdict(incident()))])
    assert store.incident(1) == incident()


def test_nan_survives(store: StateStore):
    store.append([opened(findings=(finding(observed=math.nan),))])
    (kept,) = store.incidents()
    assert kept.findings[0].observed is not None
    assert math.isnan(kept.findings[0].observed)


def test_seen_again_counts_and_brings_the_latest(store: StateStore):
    store.append([opened()])
    store.append(
        [
            moved(
                "seen",
                version=4,
                run="r4",
                findings=(finding(key="root"), finding(key="effect")),
                severity=Severity.SEV1,
                reasons=("tier 1", "again"),
                title="raw.orders lost more rows",
                next_step="roll back",
            )
        ]
    )
    assert store.incident(1) == replace(
        incident(),
        version=4,
        run="r4",
        findings=(finding(key="root"), finding(key="effect")),
        severity=Severity.SEV1,
        reasons=("tier 1", "again"),
        title="raw.orders lost more rows",
        next_step="roll back",
        seen=2,
        updated_at=LATER,
    )


def test_a_resolution_lasts_until_the_cause_is_back(store: StateStore):
    store.append([opened(), moved("resolved", reason="new loader", resolution="fixed")])
    assert store.incident(1) == replace(
        incident(), state=IncidentState.RESOLVED, resolution="fixed", updated_at=LATER, resolved_at=LATER
    )
    store.append([moved("reopened", reason="it is back")])
    assert store.incident(1) == replace(incident(), updated_at=LATER, reopened_at=LATER)


def test_newest_first_by_state_up_to_a_limit(store: StateStore):
    store.append([opened(number) for number in (1, 2, 3, 5)])
    store.append([moved("resolved", 2, reason="fixed"), moved("acknowledged", 3, reason="")])
    assert [i.number for i in store.incidents()] == [5, 3, 2, 1]
    assert [i.number for i in store.incidents(limit=2)] == [5, 3]
    assert [i.number for i in store.incidents(states=[IncidentState.OPEN])] == [5, 1]
    assert [i.number for i in store.incidents(states=[IncidentState.OPEN, IncidentState.ACKNOWLEDGED], limit=2)] == [
        5,
        3,
    ]
    assert store.incidents(states=[IncidentState.REVIEWED]) == ()
    assert store.next_incident() == 6
    assert store.incident(4) is None


START = {
    "open": [],
    "acknowledged": ["acknowledged"],
    "mitigated": ["mitigated"],
    "resolved": ["resolved"],
    "reviewed": ["resolved", "reviewed"],
}
LIVING = {"open", "acknowledged", "mitigated"}
ALLOWED = {
    "seen": LIVING,
    "assigned": LIVING,
    "suppressed": LIVING,
    "noted": set(START),
    "acknowledged": {"open"},
    "mitigated": {"open", "acknowledged"},
    "resolved": LIVING,
    "reviewed": {"resolved"},
    "reopened": {"mitigated", "resolved", "reviewed"},
}
AFTER = {"acknowledged": "acknowledged", "mitigated": "mitigated", "resolved": "resolved", "reviewed": "reviewed",
         "reopened": "open"}  # fmt: skip


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("move", [*ALLOWED, "opened"])
def test_which_event_is_allowed_in_which_state(store: StateStore, start: str, move: str):
    store.append([opened(), *(moved(kind) for kind in START[start])])
    before = (store.incidents(), store.events())
    if start in ALLOWED.get(move, set()):
        store.append([moved(move, reason="because", assignee="ana")])
        changed = store.incident(1)
        assert changed is not None
        assert changed.state == AFTER.get(move, start)
        assert changed.updated_at == LATER
        assert changed.assignee == ("ana" if move == "assigned" else None)
    else:
        with pytest.raises(StateError, match=f"incident.{move}.*incident:1"):
            store.append([opened() if move == "opened" else moved(move)])
        assert (store.incidents(), store.events()) == before


def test_roles_are_given_to_one_person_each(store: StateStore):
    store.append([opened(), moved("assigned", assignee="ana"), moved("assigned", assignee="bo", role="data owner")])
    store.append([moved("assigned", assignee="cy", role="communications"), moved("assigned", assignee="di")])
    found = store.incident(1)
    assert found is not None
    assert (found.assignee, found.communications, found.data_owner) == ("di", "cy", "bo")
    assert [found.role_of(name) for name in ("di", "cy", "bo", "ana")] == [*Role, None]


def test_a_note_changes_no_state(store: StateStore):
    store.append([opened(), moved("resolved", resolution="fixed"), moved("noted", note="it was the loader")])
    found = store.incident(1)
    assert found is not None
    assert (found.state, found.resolved_at) == (IncidentState.RESOLVED, LATER)


def test_silence_ends_when_it_is_lifted_and_when_it_gets_worse(store: StateStore):
    until = LATER + timedelta(days=7)
    store.append([opened(), moved("suppressed", until=until, reason="known")])
    kept = store.incident(1)
    assert kept is not None
    assert (kept.is_suppressed(LATER), kept.is_suppressed(until)) == (True, False)
    store.append([moved("seen", severity=Severity.SEV2)])
    assert store.incident(1).suppressed_until == until, "as severe as before"
    store.append([moved("seen", severity=Severity.SEV1)])
    assert store.incident(1).suppressed_until is None
    store.append([moved("suppressed", until=until, reason="known"), moved("suppressed", until=None, reason="over")])
    assert store.incident(1).suppressed_until is None


def test_the_moments_are_those_since_it_was_opened_last(store: StateStore):
    store.append([opened(), moved("acknowledged"), moved("mitigated")])
    found = store.incident(1)
    assert (found.acknowledged_at, found.mitigated_at, found.resolved_at) == (LATER, LATER, None)
    store.append([moved("reopened")])
    found = store.incident(1)
    assert (found.acknowledged_at, found.mitigated_at, found.reopened_at) == (None, None, LATER)


def test_chosen_by_cause_version_and_change(store: StateStore):
    store.append([opened(n, fingerprint=f"cause {n % 2}", version=n) for n in (1, 2, 3, 4)])
    store.append([moved("noted", 3, note="x"), moved("seen", 4, version=9)])

    def numbers(**chosen: Any) -> list[int]:
        return [i.number for i in store.incidents(**chosen)]

    assert numbers(fingerprints={"cause 1"}) == [3, 1]
    assert numbers(fingerprints=["cause 0", "cause 1"], limit=3) == [4, 3, 2]
    assert numbers(fingerprints=[]) == numbers(versions=()) == []
    assert numbers(versions=[2, 9]) == [4, 2]
    assert numbers(since=LATER) == [4, 3]
    assert numbers(since=LATER, states=[IncidentState.OPEN], fingerprints={"cause 1"}, versions={3}) == [3]
    assert (store.count_incidents(), store.count_incidents([IncidentState.RESOLVED])) == (4, 0)


REFUSED = {
    "a number that is used": opened(1),
    "a number that is lower than one used": opened(2),
    "the data of another incident": event("incident.opened", "incident:4", **whole(incident(5))),
    "opened as resolved": opened(4, state=IncidentState.RESOLVED),
    "a field that incidents do not have": event("incident.opened", "incident:4", **(whole(incident(4)) | {"x": 1})),
    "an unknown severity": event("incident.opened", "incident:4", **(whole(incident(4)) | {"severity": "sev9"})),
    "half a finding": event("incident.opened", "incident:4", **(whole(incident(4)) | {"findings": [{"key": "k"}]})),
    "half an incident": event("incident.opened", "incident:4", title="nearly nothing"),
    "seen, never opened": moved("seen", 2),
    "seen with findings that are none": moved("seen", findings="many"),
    "resolved, never opened": moved("resolved", 9),
    "noted, never opened": moved("noted", 2),
    "a role that nobody has": moved("assigned", 3, assignee="ana", role="king"),
    "silent until no moment": moved("suppressed", 3, until="soon"),
    "the subject is a version": event("incident.resolved", "version:1"),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_cannot_follow_is_refused_and_leaves_nothing(store: StateStore, refused: NewEvent):
    store.append([opened(1), opened(3)])
    before = (store.incidents(), store.events())
    with pytest.raises(StateError, match=refused.kind):
        store.append([refused])
    assert (store.incidents(), store.events()) == before
