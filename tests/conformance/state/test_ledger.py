"""The ledger: one sequence, all or nothing, as it was told."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.conformance.state.stories import NOW, Opener, begun, event, finding, published
from tidegate.errors import StateError
from tidegate.ports.state import NewEvent, StateStore


def test_ids_count_from_one_over_all_appends(store: StateStore):
    first = store.append([begun(1), published(1)])
    second = store.append([event("note.made", "version:1", text="hello")])
    assert [e.id for e in (*first, *second)] == [1, 2, 3]


def test_what_append_returns_is_what_is_read(open_store: Opener):
    given = event("note.made", "incident:7", text="ü€😀", numbers=(1, 2.5, None, True), since=NOW)
    returned = open_store().append([given])
    assert returned == open_store().events()
    (kept,) = returned
    assert (kept.at, kept.actor, kept.role, kept.subject) == (NOW, "ci", "system", "incident:7")
    assert kept.data == {"text": "ü€😀", "numbers": [1, 2.5, None, True], "since": "2026-06-01T04:00:00.123456+00:00"}


def test_an_empty_append_is_nothing(store: StateStore):
    assert store.append([]) == ()
    assert store.events() == ()


def test_events_after_of_a_subject_up_to_a_limit(store: StateStore):
    store.append([begun(1), published(1), begun(2, 1), event("note.made", "version:1")])
    assert [e.id for e in store.events(after=2)] == [3, 4]
    assert [e.id for e in store.events(subject="version:1")] == [1, 2, 4]
    assert [e.id for e in store.events(subject="version:1", after=1, limit=1)] == [2]
    assert [e.id for e in store.events(limit=2)] == [1, 2]
    assert store.events(subject="version:9") == ()


def test_a_refused_event_takes_the_ones_beside_it_along(store: StateStore):
    store.append([begun(1)])
    with pytest.raises(StateError):
        store.append([published(1), begun(2, 1), published(2, previous=None)])
    assert [e.kind for e in store.events()] == ["version.begun"]
    assert store.published() is None
    assert store.next_version() == 2
    assert store.append([published(1)])[0].id == 2


def test_an_unknown_kind_is_kept_and_changes_nothing(store: StateStore):
    store.append([event("weather.turned", "sky", wind=3)])
    assert store.events()[0].data == {"wind": 3}
    assert store.versions() == ()
    assert store.runs() == ()


def test_times_of_another_zone_are_kept_as_utc(store: StateStore):
    there = datetime(2026, 6, 1, 6, tzinfo=timezone(timedelta(hours=2)))
    (kept,) = store.append([NewEvent(at=there, kind="note.made", subject="x:1", actor="me")])
    assert kept.at == datetime(2026, 6, 1, 4, tzinfo=UTC)
    assert kept.at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(store: StateStore):
    with pytest.raises(StateError, match="time zone"):
        store.append([NewEvent(at=datetime(2026, 6, 1), kind="note.made", subject="x:1", actor="me")])  # noqa: DTZ001  the missing zone is the point
    assert store.events() == ()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {1: "a number"}], ids=["object", "set", "bytes", "name"])
def test_data_that_is_not_json_is_refused(store: StateStore, value: object):
    with pytest.raises(StateError):
        store.append([event("note.made", "x:1", value=value)])
    assert store.events() == ()


def test_nouns_in_the_data_become_objects_of_their_fields(store: StateStore):
    one = finding(observed=math.inf)
    (kept,) = store.append([event("note.made", "x:1", as_noun=one, as_dict=asdict(one))])
    assert kept.data["as_noun"]["observed"] == "Infinity"
    assert kept.data["as_noun"]["dataset"] == {"namespace": "raw", "name": "orders"}
    assert kept.data["as_dict"]["interval"] == kept.data["as_noun"]["interval"]


def test_text_that_utf8_cannot_hold_is_kept_escaped(store: StateStore):
    (kept,) = store.append([event("note.made", "x:1", path="caf\udce9.sql")])
    assert kept.data == {"path": "caf\\udce9.sql"}


def test_a_store_that_was_closed_and_opened_again_is_the_same(open_store: Opener):
    first = open_store()
    first.append([begun(1), published(1)])
    before = (first.events(), first.versions(), first.publications())
    first.close()
    second = open_store()
    assert (second.events(), second.versions(), second.publications()) == before
