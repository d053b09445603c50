"""Versions and publications as the ledger leaves them."""

from __future__ import annotations

import pytest

from tests.conformance.state.stories import NOW, begun, event, publish_chain, published
from tidegate.errors import StateError
from tidegate.model import Publication, Version, VersionState
from tidegate.ports.state import NewEvent, StateStore


def sealed(number: int) -> NewEvent:
    return event("version.sealed", f"version:{number}", fingerprint=f"f{number}")


def held(number: int) -> NewEvent:
    return event("version.held", f"version:{number}", reason="2 findings")


def pruned(number: int) -> NewEvent:
    return event("version.pruned", f"version:{number}", reason="kept 10")


def judged(number: int) -> NewEvent:
    return event("version.judged", f"version:{number}", action="hold", because=["2 findings"])


def recorded(number: int, state: str = "held", parent: int | None = None, **data: object) -> NewEvent:
    facts = {"parent": parent, "run": "r", "state": state, "created_at": NOW, "fingerprint": "f", "reason": "found"}
    return event("version.recorded", f"version:{number}", **(facts | data))


def test_a_version_from_its_beginning_to_its_publication(store: StateStore):
    store.append([begun(1, run="r1")])
    candidate = Version(
        number=1, parent=None, state=VersionState.CANDIDATE, run="r1", created_at=NOW, code_revision="abc"
    )
    assert store.version(1) == candidate
    assert store.published() is None
    store.append([sealed(1), judged(1), published(1)])
    now = store.version(1)
    assert now is not None
    assert (now.state, now.fingerprint, now.reason) == (VersionState.PUBLISHED, "f1", "all passed")
    assert store.published() == now
    assert store.versions() == (now,)
    assert store.publications() == (
        Publication(version=1, previous=None, kind="publish", at=NOW, actor="ci", reason="all passed"),
    )


def test_publishing_retires_what_was_published(store: StateStore):
    publish_chain(store, 3)
    assert [(v.number, v.state.value) for v in store.versions()] == [(3, "published"), (2, "retired"), (1, "retired")]
    assert [(v.number) for v in store.versions(limit=2)] == [3, 2]
    assert [v.number for v in store.versions(states=[VersionState.RETIRED])] == [2, 1]
    assert [v.number for v in store.versions(states=[VersionState.RETIRED, VersionState.PUBLISHED], limit=1)] == [3]
    assert store.versions(states=[VersionState.HELD]) == ()
    assert [(p.version, p.previous) for p in store.publications()] == [(3, 2), (2, 1), (1, None)]
    assert [(p.version) for p in store.publications(limit=1)] == [3]


def test_rolling_back_publishes_a_retired_version_again(store: StateStore):
    publish_chain(store, 2)
    store.append([published(1, previous=2, kind="rollback", reason="wrong totals")])
    assert [(v.number, v.state.value) for v in store.versions()] == [(2, "retired"), (1, "published")]
    store.append([begun(3, parent=1)])
    assert store.lineage(3) == (3, 1)


START = {
    "candidate": [begun(2, 1)],
    "held": [begun(2, 1), held(2)],
    "published": [begun(2, 1), published(2, 1)],
    "retired": [begun(2, 1), published(2, 1), published(1, 2)],
    "pruned": [begun(2, 1), pruned(2)],
}
ALLOWED = {
    "candidate": {"sealed", "judged", "held", "published", "pruned"},
    "held": {"sealed", "judged", "published", "pruned"},
    "published": {"judged"},
    "retired": {"judged", "published", "pruned"},
    "pruned": set(),
}
MOVES = {"sealed": sealed, "judged": judged, "held": held, "published": published, "pruned": pruned}
AFTER = {"held": "held", "published": "published", "pruned": "pruned"}


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("move", [*MOVES, "begun", "recorded"])
def test_which_event_is_allowed_in_which_state(store: StateStore, start: str, move: str):
    store.append([begun(1), published(1), *START[start]])
    before = (store.versions(), store.publications(), store.events())
    current = store.published()
    assert current is not None
    new = {"published": published(2, current.number), "begun": begun(2, 1), "recorded": recorded(2)}.get(move)
    new = new or MOVES[move](2)
    if move in ALLOWED[start]:
        store.append([new])
        changed = store.version(2)
        assert changed is not None
        assert changed.state == AFTER.get(move, start)
    else:
        with pytest.raises(StateError, match=f"version.{move}.*version:2"):
            store.append([new])
        assert (store.versions(), store.publications(), store.events()) == before


@pytest.mark.parametrize(
    "refused",
    [
        published(3, previous=1),
        published(3, previous=None),
        event("version.published", "version:3", kind="publish", reason=""),
        event("version.published", "version:3", previous=2, reason=""),
        published(9, previous=2),
        begun(1),
        begun(2),
        begun(4, parent=9),
        begun(4, parent=4),
        event("version.begun", "version:x"),
        event("version.begun", "version:-4"),
        event("version.begun", "version:0"),
        event("version.begun", "run:4"),
        event("version.begun", "version:99999999999999999999"),
        event("version.begun", "version:4", parent="three"),
        event("version.sealed", "version:3"),
        event("version.sealed", "version:3", fingerprint=12),
        recorded(4, state="published"),
        recorded(4, state="pruned"),
        recorded(4, state="splendid"),
        recorded(4, parent=4),
        recorded(4, created_at="yesterday"),
        recorded(4, created_at="2026-06-01T00:00:00"),
    ],
    ids=lambda e: f"{e.kind} {e.subject} {sorted(e.data.items(), key=str)}",
)
def test_what_cannot_follow_is_refused_and_leaves_nothing(store: StateStore, refused: NewEvent):
    publish_chain(store, 2)
    store.append([begun(3, 2)])
    before = (store.versions(), store.publications(), store.events())
    with pytest.raises(StateError, match=refused.kind):
        store.append([refused])
    assert (store.versions(), store.publications(), store.events()) == before


def test_a_version_cannot_be_begun_from_a_pruned_one(store: StateStore):
    store.append([begun(1), pruned(1)])
    with pytest.raises(StateError, match="not kept"):
        store.append([begun(2, parent=1)])


def test_numbers_are_never_used_twice(store: StateStore):
    assert store.next_version() == 1
    store.append([begun(1), begun(2), pruned(2)])
    assert store.next_version() == 3
    store.append([begun(7)])
    assert store.next_version() == 8
    with pytest.raises(StateError, match="never used twice"):
        store.append([begun(5)])


def test_versions_found_on_disk_are_recorded(store: StateStore):
    store.append([recorded(41, "retired"), recorded(42, "published", parent=41), recorded(40, "held", parent=39)])
    assert [(v.number, v.parent, v.state.value, v.created_at) for v in store.versions()] == [
        (42, 41, "published", NOW),
        (41, None, "retired", NOW),
        (40, 39, "held", NOW),
    ]
    assert store.publications() == ()
    assert store.next_version() == 43
    assert store.lineage(42) == (42, 41)
    assert store.lineage(40) == (40,)


def test_lineage_is_the_chain_of_parents_whatever_became_of_them(store: StateStore):
    publish_chain(store, 2)
    store.append([begun(3, 2), held(3), begun(4, 2), published(4, 2), pruned(2), begun(5, 3), begun(6, 4)])
    assert store.lineage(5) == (5, 3, 2, 1)
    assert store.lineage(6) == (6, 4, 2, 1)
    assert store.lineage(1) == (1,)
    assert store.lineage(99) == ()


def test_an_unknown_version_is_none(store: StateStore):
    assert store.version(1) is None
