"""Every adapter: a version of another warehouse of the same kind comes whole, is compared, and shares nothing with its origin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conformance.warehouse.adapters import ADAPTERS, House
from tests.conformance.warehouse.conftest import FIRST
from tidegate.errors import DatabaseNotFoundError, VersionNotFoundError, WarehouseError
from tidegate.model import Version, VersionState
from tidegate.ports import Warehouse

AMOUNTS = "SELECT amount FROM raw.orders ORDER BY id"


@pytest.fixture(params=sorted(ADAPTERS))
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    return ADAPTERS[request.param](tmp_path / "staging")


@pytest.fixture
def theirs(staging: House) -> Path:
    """The folder of their version 4: other amounts, sealed and published."""
    warehouse = staging.open()
    candidate = warehouse.begin(number=4, parent=None)
    staging.write(candidate, *FIRST, "UPDATE raw.orders SET amount = amount + 1 WHERE id = 2")
    candidate.state.joinpath("cursor.txt").write_text("theirs", encoding="utf-8")
    warehouse.seal(4)
    warehouse.publish(4)
    return warehouse.state_folder(4).parent


def test_it_comes_with_its_state_and_the_same_fingerprint(
    house: House, published: Warehouse, staging: House, theirs: Path
):
    candidate = published.receive(theirs, number=2)
    assert (candidate.number, candidate.parent) == (2, None)
    assert candidate.copied_bytes > 0
    assert candidate.state.joinpath("cursor.txt").read_text(encoding="utf-8") == "theirs"
    assert published.seal(2) == staging.open().fingerprint(4)
    assert house.read_live(AMOUNTS) == [(10.5,), (20.0,)]
    published.publish(2)
    assert house.read_live(AMOUNTS) == [(10.5,), (21.0,)]


def test_what_is_done_to_it_does_not_reach_its_origin(house: House, published: Warehouse, staging: House, theirs: Path):
    before = staging.open().fingerprint(4)
    candidate = published.receive(theirs, number=2)
    house.write(candidate, "DELETE FROM raw.orders")
    candidate.state.joinpath("cursor.txt").write_text("ours", encoding="utf-8")
    assert published.seal(2) != before
    assert staging.open().fingerprint(4) == before
    assert staging.read_live(AMOUNTS) == [(10.5,), (21.0,)]


def test_a_try_that_was_broken_off_is_repeated_and_what_was_judged_is_not_replaced(
    house: House, published: Warehouse, theirs: Path
):
    house.write(published.receive(theirs, number=2), "DELETE FROM raw.orders")
    published.receive(theirs, number=2)
    published.seal(2)
    with published.reader(2) as reader:
        assert reader.query(AMOUNTS).rows == ((10.5,), (21.0,))
    held = Version(
        number=2, parent=1, state=VersionState.HELD, run=None, created_at=datetime(2026, 6, 1, tzinfo=UTC), fingerprint=None
    )  # fmt: skip
    published.describe(held, {})
    for number in (1, 2):
        with pytest.raises(WarehouseError, match=f"`{number}`"):
            published.receive(theirs, number=number)


def test_a_folder_without_such_a_database_is_refused_and_nothing_is_left(published: Warehouse, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatabaseNotFoundError, match="there is no database"):
        published.receive(tmp_path / "empty", number=2)
    with (
        pytest.raises(DatabaseNotFoundError, match="there is no database"),
        published.compare_with(1, tmp_path / "empty"),
    ):
        pass
    assert published.kept() == (1,)


def test_it_is_compared_without_being_copied(published: Warehouse, theirs: Path):
    with published.compare_with(1, theirs) as both:
        assert both.query("SELECT sum(amount) FROM old.raw.orders").rows == ((30.5,),)
        assert both.query("SELECT sum(amount) FROM new.raw.orders").rows == ((31.5,),)
        assert {str(d.ref) for d in both.catalog()} == {"raw.big_orders", "raw.orders", "raw.refunds"}
    with pytest.raises(VersionNotFoundError, match="`7`"), published.compare_with(7, theirs):
        pass
    assert published.kept() == (1,)
