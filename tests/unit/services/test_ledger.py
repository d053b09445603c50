"""The ledger is verified: whatever is altered, removed, inserted or moved is found, and where."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.state.haste import hasty_store
from tests.unit.services.site import add_version, make_site
from tidegate.errors import UsageError
from tidegate.services import ledger
from tidegate.services.ledger import verify
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore

LENGTH = 9


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = make_site(tmp_path)
    add_version(made, 1, "create table t (id int)")
    for number in range(LENGTH - 3):
        made.state.append([made.event("note.made", "x:1", {"n": number})])
    return made


def tamper(path: Path, *statements: str) -> None:
    """What somebody with the file and some SQL can do, behind the back of the triggers."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for trigger in ("event_is_never_changed", "event_is_never_removed", "event_has_no_gap"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)


MOVE = "UPDATE event SET id = {} WHERE id = {}"
CHANGES = {
    "a value": (["UPDATE event SET data = '{\"n\":7}' WHERE id = 5"], [5]),
    "an actor": (["UPDATE event SET actor = 'eve' WHERE id = 1"], [1]),
    "a moment": (["UPDATE event SET at = '2026-03-01T06:00:01.000000+00:00' WHERE id = 9"], [9]),
    "removed in the middle": (["DELETE FROM event WHERE id = 5"], [5, 6]),
    "the first ones": (["DELETE FROM event WHERE id < 3"], [1, 3]),
    "the last one": (["DELETE FROM event WHERE id = 9"], [9]),
    "the last three": (["DELETE FROM event WHERE id > 6"], [7]),
    "all": (["DELETE FROM event"], [1]),
    "closed up behind it": (["DELETE FROM event WHERE id = 5", *(MOVE.format(n - 1, n) for n in range(6, 10))], None),
    "inserted": (["INSERT INTO event SELECT 10, at, actor, role, kind, subject, data, hash FROM event WHERE id = 9"], [10, 10]),
    "two swapped": ([MOVE.format(100, 5), MOVE.format(5, 6), MOVE.format(6, 100)], [5, 6, 7]),
    "a hash": (["UPDATE event SET hash = 'x' WHERE id = 5"], [5, 6]),
    "the head": (["UPDATE ledger_head SET hash = 'x'"], [9]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_at_its_place(site: Site, name: str) -> None:
    statements, places = CHANGES[name]
    assert verify(site).is_whole
    tamper(site.settings.root / "state.db", *statements)
    found = verify(site)
    assert not found.is_whole
    if places is not None:
        assert [b.event for b in found.breaks] == places
    assert min(b.event for b in found.breaks) <= 10


def test_the_words(site: Site) -> None:
    path = site.settings.root / "state.db"
    tamper(path, "DELETE FROM event WHERE id IN (4, 5)", "UPDATE event SET actor = 'eve' WHERE id = 1")
    assert [b.what for b in verify(site).breaks] == [
        "event 1 is not the first that was written: it was altered, inserted or moved",
        "the events 4 to 5 are missing",
        "event 6 does not follow event 3: one of the two was altered, inserted or moved",
    ]
    tamper(path, "DELETE FROM event WHERE id = 9")
    assert verify(site).breaks[-1].what == "event 9 is missing"


def test_the_hash_is_what_the_docs_say(site: Site) -> None:
    with closing(sqlite3.connect(site.settings.root / "state.db")) as connection:
        previous = ""
        for *event, hashed in connection.execute(
            "SELECT id, at, actor, role, kind, subject, data, hash FROM event ORDER BY id"
        ):
            text = json.dumps([previous, *event], ensure_ascii=False, separators=(",", ":"))
            assert hashed == sha256(text.encode()).hexdigest()
            previous = hashed


def rechained(path: Path) -> None:
    """Whoever knows how the chain is made can make it anew: no hash in the same file helps against that."""
    with closing(sqlite3.connect(path)) as connection, connection:
        last, previous = 0, ""
        query = "SELECT id, at, actor, role, kind, subject, data FROM event ORDER BY id"
        for number, *event in connection.execute(query).fetchall():
            text = json.dumps([previous, number, *event], ensure_ascii=False, separators=(",", ":"))
            last, previous = number, sha256(text.encode()).hexdigest()
            connection.execute("UPDATE event SET hash = ? WHERE id = ?", (previous, number))
        connection.execute("UPDATE ledger_head SET id = ?, hash = ?", (last, previous))


def test_a_head_that_was_noted_elsewhere_finds_a_chain_that_was_made_anew(site: Site) -> None:
    head, path = ledger.head(site), site.settings.root / "state.db"
    assert verify(site, against=head[:14]).is_whole
    tamper(path, "UPDATE event SET actor = 'eve' WHERE id = 5")
    rechained(path)
    assert verify(site).is_whole, "nobody can tell from the file alone"
    (found,) = verify(site, against=head).breaks
    assert (found.event, "the head that you gave" in found.what) == (9, True)


def test_the_versions_on_disk_note_the_head_too(site: Site) -> None:
    path, version = site.settings.root / "state.db", site.state.version(1)
    assert version is not None
    site.warehouse.describe(version, {ledger.ANCHOR: ledger.head(site)})
    assert (verify(site).anchors, verify(site).is_whole) == (1, True)
    tamper(path, "UPDATE event SET actor = 'eve' WHERE id = 5")
    rechained(path)
    (found,) = verify(site).breaks
    assert "version 1 notes" in found.what


def test_a_ledger_that_was_lost_is_no_broken_one(site: Site) -> None:
    version = site.state.version(1)
    assert version is not None
    site.warehouse.describe(version, {ledger.ANCHOR: ledger.head(site)})
    site.state.close()
    (site.settings.root / "state.db").unlink()
    anew = make_site(site.settings.root)
    data = {"parent": None, "run": None, "state": "published", "created_at": version.created_at.isoformat()}
    anew.state.append([anew.event("version.recorded", "version:1", {**data, "reason": "found"})])
    assert (verify(anew).anchors, verify(anew).is_whole) == (0, True)


@pytest.mark.parametrize("text", ["", "9", "x:0123456789", "9:0123", "-1:0123456789"])
def test_what_is_no_head_is_refused(site: Site, text: str) -> None:
    with pytest.raises(UsageError, match="is not a head"):
        verify(site, against=text)


def test_the_head_of_nothing_is_in_every_ledger(site: Site) -> None:
    assert verify(site, against="0:").is_whole


def test_projections_that_are_not_what_the_ledger_says_are_a_problem(site: Site) -> None:
    with closing(sqlite3.connect(site.settings.root / "state.db")) as connection, connection:
        connection.execute("UPDATE version SET state = 'held'")
    found = verify(site)
    assert found.breaks == ()
    assert found.problems == ("the table `version` is not what a replay of the ledger gives",)


columns = st.sampled_from(["at", "actor", "role", "kind", "subject", "data", "hash"])


@given(st.integers(1, 6), st.integers(1, 6), columns, st.sampled_from(["alter", "remove", "swap", "copy"]))
def test_no_change_goes_unseen(one: int, other: int, column: str, how: str) -> None:
    with hasty_store() as store:
        for number in range(6):
            store.append([make_event(number)])
        before = rows(store)
        tamper(store.path, *changes(how, one, other, column))
        assert (store.breaks() == ()) == (rows(store) == before)


def make_event(number: int):
    from tests.conformance.state.stories import event

    return event("note.made", f"x:{number % 2}", n=number // 2)


def rows(store: SQLiteStateStore) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute("SELECT * FROM event ORDER BY id").fetchall()


def changes(how: str, one: int, other: int, column: str) -> list[str]:
    if how == "alter":
        return [f"UPDATE event SET {column} = (SELECT {column} FROM event WHERE id = {other}) WHERE id = {one}"]
    if how == "remove":
        return [f"DELETE FROM event WHERE id = {one}"]
    if how == "swap":
        return [MOVE.format(100, one), MOVE.format(one, other), MOVE.format(other, 100)] if one != other else []
    return [f"INSERT INTO event SELECT 7, at, actor, role, kind, subject, data, hash FROM event WHERE id = {one}"]
