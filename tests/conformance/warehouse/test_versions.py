"""Every adapter: versions are built aside, published in one step, put back and removed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.conformance.warehouse.adapters import House
from tidegate.errors import DatabaseNotFoundError, VersionNotFoundError, WarehouseError
from tidegate.model import Version, VersionState
from tidegate.ports import Warehouse

AMOUNTS = "SELECT amount FROM raw.orders ORDER BY id"


def test_an_empty_warehouse_has_nothing(warehouse: Warehouse):
    assert warehouse.published() is None
    assert warehouse.kept() == ()


@pytest.mark.parametrize("question", ["metadata", "seal", "fingerprint", "size_bytes", "publish", "state_folder"])
def test_a_version_that_is_not_kept_is_not_found(warehouse: Warehouse, question: str):
    with pytest.raises(VersionNotFoundError, match="`7`"):
        getattr(warehouse, question)(7)


def test_a_version_that_is_not_kept_cannot_be_read_copied_or_compared(published: Warehouse):
    with pytest.raises(VersionNotFoundError, match="`7`"), published.reader(7):
        pass
    with pytest.raises(VersionNotFoundError, match="`7`"), published.compare(1, 7):
        pass
    with pytest.raises(VersionNotFoundError, match="`7`"):
        published.begin(number=8, parent=7)
    assert published.kept() == (1,)


def test_without_a_parent_a_candidate_is_empty(warehouse: Warehouse):
    candidate = warehouse.begin(number=1, parent=None)
    assert (candidate.number, candidate.parent) == (1, None)
    assert (candidate.copied_bytes, candidate.copy_method) == (0, "none")
    assert list(candidate.state.iterdir()) == []
    assert warehouse.kept() == (1,)
    assert warehouse.published() is None


def test_a_candidate_has_its_parents_data_and_state_and_does_not_share_them(house: House, published: Warehouse):
    candidate = published.begin(number=2, parent=1)
    assert candidate.copied_bytes > 0
    assert candidate.copy_s >= 0
    assert candidate.copy_method in {"copy", "reflink"}
    assert candidate.state.joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"

    house.write(candidate, "UPDATE raw.orders SET amount = 0", "DROP VIEW raw.big_orders")
    candidate.state.joinpath("cursor.txt").write_text("up to order 9", encoding="utf-8")
    published.seal(2)

    assert house.read_live(AMOUNTS) == [(10.5,), (20.0,)]
    with published.reader(2) as new:
        assert new.query(AMOUNTS).rows == ((0,), (0,))
    third = published.begin(number=3, parent=1)
    assert third.state.joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"


def test_the_path_that_the_steps_get_is_the_same_in_every_run(house: House, published: Warehouse):
    second = published.begin(number=2, parent=1)
    house.write(second, "UPDATE raw.refunds SET version = 2")
    published.seal(2)
    published.publish(2)
    third = published.begin(number=3, parent=2)
    assert third.stable_database == second.stable_database
    assert third.database != second.database
    house.write(third, "UPDATE raw.refunds SET version = 3")
    published.seal(3)
    with published.reader(2) as old, published.reader(3) as new:
        assert old.query("SELECT version FROM raw.refunds").rows == ((2,),)
        assert new.query("SELECT version FROM raw.refunds").rows == ((3,),)


def test_an_empty_candidate_cannot_be_sealed_or_published(warehouse: Warehouse):
    warehouse.begin(number=1, parent=None)
    for refused in (warehouse.seal, warehouse.publish, warehouse.fingerprint):
        with pytest.raises(DatabaseNotFoundError):
            refused(1)
    assert warehouse.published() is None


def test_begin_can_be_repeated(house: House, published: Warehouse):
    half_made = published.begin(number=2, parent=1)
    house.write(half_made, "DELETE FROM raw.orders")
    half_made.state.joinpath("cursor.txt").unlink()
    again = house.open().begin(number=2, parent=1)
    published.seal(2)
    with published.reader(2) as reader:
        assert reader.query(AMOUNTS).rows == ((10.5,), (20,))
    assert again.state.joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"
    assert published.kept() == (1, 2)


def test_the_published_version_is_not_built_again(house: House, published: Warehouse):
    for parent in (None, 1):
        with pytest.raises(WarehouseError, match="`1`"):
            published.begin(number=1, parent=parent)
    assert house.read_live(AMOUNTS) == [(10.5,), (20.0,)]


def test_a_version_that_was_judged_is_not_built_again(house: House, published: Warehouse):
    published.begin(number=2, parent=1)
    published.describe(version(2, state=VersionState.HELD), {})
    with pytest.raises(WarehouseError, match="held"):
        published.begin(number=2, parent=1)
    assert published.kept() == (1, 2)


def test_publishing_shows_every_table_at_once_and_can_be_repeated(house: House, published: Warehouse):
    candidate = published.begin(number=2, parent=1)
    house.write(candidate, "UPDATE raw.refunds SET version = 2", "CREATE TABLE raw.late AS SELECT 2 AS version")
    fingerprint = published.seal(2)
    assert house.read_live("SELECT version FROM raw.refunds") == [(1,)]
    for warehouse in (published, published, house.open()):
        warehouse.publish(2)
        assert warehouse.published() == 2
        assert warehouse.fingerprint(2) == fingerprint
        assert house.read_live("SELECT r.version, l.version FROM raw.refunds r, raw.late l") == [(2, 2)]


def test_rolling_back_is_publishing_a_kept_version(house: House, published: Warehouse):
    candidate = published.begin(number=2, parent=1)
    house.write(candidate, "DELETE FROM raw.orders WHERE id = 2")
    published.seal(2)
    published.publish(2)
    assert house.read_live(AMOUNTS) == [(10.5,)]
    published.publish(1)
    assert published.published() == 1
    assert house.read_live(AMOUNTS) == [(10.5,), (20.0,)]
    following = published.begin(number=3, parent=1)
    assert following.state.joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"


def test_a_seal_without_writing_in_between_gives_the_same_fingerprint(house: House, published: Warehouse):
    published.begin(number=2, parent=1)
    sealed = published.seal(2)
    assert published.seal(2) == sealed
    assert house.open().seal(2) == sealed
    assert house.open().fingerprint(2) == sealed
    with published.reader(2) as reader:
        reader.query(AMOUNTS)
    assert published.fingerprint(2) == sealed


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE raw.refunds SET version = 2",
        "INSERT INTO raw.orders VALUES (3, 30)",
        "DELETE FROM raw.orders WHERE id = 1",
        "CREATE OR REPLACE VIEW raw.big_orders AS SELECT * FROM raw.orders",
        "CREATE TABLE raw.more (id INTEGER)",
        "DROP TABLE raw.refunds",
        "ALTER TABLE raw.orders RENAME COLUMN amount TO amt",
    ],
)
def test_every_commit_changes_the_fingerprint(house: House, published: Warehouse, statement: str):
    candidate = published.begin(number=2, parent=1)
    sealed = published.seal(2)
    house.write_behind(candidate, statement)
    for warehouse in (published, house.open()):
        assert warehouse.fingerprint(2) != sealed
        assert len(warehouse.altered(2, sealed)) == 1


@pytest.mark.parametrize("change", ["write", "add", "remove", "replace"])
def test_the_travelling_state_is_part_of_the_fingerprint(house: House, published: Warehouse, change: str):
    candidate = published.begin(number=2, parent=1)
    sealed, cursor = published.seal(2), candidate.state / "cursor.txt"
    assert published.altered(2, sealed) == ()
    if change == "write":
        cursor.write_text("up to order 3", encoding="utf-8")
    elif change == "add":
        (candidate.state / "deeper").mkdir()
        (candidate.state / "deeper" / "cursor.txt").touch()
    elif change == "remove":
        cursor.unlink()
    else:
        cursor.unlink()
        cursor.symlink_to("elsewhere")
    assert house.open().fingerprint(2) != sealed
    (what,) = house.open().altered(2, sealed)
    assert "state" in what


def test_everything_that_is_not_what_it_was_is_named(house: House, published: Warehouse):
    candidate = published.begin(number=2, parent=1)
    sealed = published.seal(2)
    house.write_behind(candidate, "DROP TABLE raw.refunds")
    candidate.state.joinpath("cursor.txt").unlink()
    assert len(set(published.altered(2, sealed))) == 2


def test_what_the_steps_were_given_leads_nowhere_once_it_is_sealed(house: House, published: Warehouse):
    """A tool that still has the path, such as the user's own dbt, must not write what is judged, or held."""
    candidate = published.begin(number=2, parent=1)
    house.write(candidate, "UPDATE raw.refunds SET version = 2")
    published.seal(2)
    assert not candidate.stable_database.exists()
    assert candidate.database.exists()
    third = published.begin(number=3, parent=1)
    assert third.stable_database == candidate.stable_database
    assert third.stable_database.exists()
    with house.open().lock(owner="after a crash", wait_s=0):
        assert not third.stable_database.exists()


def test_putting_the_old_value_back_is_a_change_too(house: House, published: Warehouse):
    candidate = published.begin(number=2, parent=1)
    house.write(candidate, "UPDATE raw.refunds SET version = 2")
    sealed = published.seal(2)
    house.write_behind(candidate, "UPDATE raw.refunds SET version = 1")
    house.write_behind(candidate, "UPDATE raw.refunds SET version = 2")
    assert house.open().fingerprint(2) != sealed


def test_discarding_removes_a_version_and_nothing_else(house: House, published: Warehouse):
    published.begin(number=2, parent=1)
    published.discard(2)
    published.discard(2)
    published.discard(99)
    assert published.kept() == (1,)
    assert house.read_live(AMOUNTS) == [(10.5,), (20.0,)]
    with pytest.raises(WarehouseError, match="`1`"):
        published.discard(1)
    assert house.read_live(AMOUNTS) == [(10.5,), (20.0,)]
    assert published.begin(number=3, parent=1).number == 3


def version(number: int, *, state: VersionState = VersionState.CANDIDATE, reason: str | None = None) -> Version:
    return Version(
        number=number,
        parent=number - 1,
        state=state,
        run="20260601T040000-1a2b",
        created_at=datetime(2026, 6, 1, 4, 0, tzinfo=UTC),
        fingerprint="0f",
        code_revision="abc123",
        reason=reason,
    )


def test_a_description_is_read_back(house: House, published: Warehouse):
    published.begin(number=2, parent=1)
    assert published.metadata(2) == {}
    published.describe(version(2, reason='naïve "quotes"'), {"decision": {"action": "hold"}, "number": 99})
    expected = {
        "schema_version": 1,
        "number": 2,
        "parent": 1,
        "run": "20260601T040000-1a2b",
        "state": "candidate",
        "created_at": "2026-06-01T04:00:00+00:00",
        "fingerprint": "0f",
        "code_revision": "abc123",
        "reason": 'naïve "quotes"',
        "decision": {"action": "hold"},
    }
    assert dict(house.open().metadata(2)) == expected
    published.describe(version(2, state=VersionState.HELD), {})
    assert house.open().metadata(2)["state"] == "held"
    assert "decision" not in house.open().metadata(2)


def test_describing_neither_touches_the_data_nor_a_version_that_is_gone(house: House, published: Warehouse):
    sealed = published.fingerprint(1)
    published.describe(version(1), {"anything": [1, None]})
    assert published.fingerprint(1) == sealed
    assert json.loads(json.dumps(published.metadata(1)))["anything"] == [1, None]
    with pytest.raises(VersionNotFoundError):
        published.describe(version(5), {})


def test_the_travelling_state_of_a_kept_version_is_found(published: Warehouse):
    assert published.state_folder(1).joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"
    candidate = published.begin(number=2, parent=1)
    assert published.state_folder(2) == candidate.state


def test_a_version_takes_space(published: Warehouse):
    assert published.size_bytes(1) > 0


def test_capabilities_are_data(warehouse: Warehouse):
    capabilities = warehouse.capabilities
    assert capabilities.atomic_publish in {"set", "table", "none"}
    assert capabilities.dialect
    assert all(reason for reason in capabilities.limits.values())
