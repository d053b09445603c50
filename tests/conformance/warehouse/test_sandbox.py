"""A sandbox is a warehouse of links: what is done in it, also to its versions, changes nothing where they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.warehouse.adapters import House
from tests.unit.services.site import NOW
from tidegate.errors import QueryError, VersionNotFoundError, WarehouseError
from tidegate.model import DatasetRef, Version, VersionState
from tidegate.ports import Rehearsing, Warehouse

ORDERS = DatasetRef(namespace="raw", name="orders")


@pytest.fixture
def two(house: House, published: Warehouse) -> Warehouse:
    """Version 2 is published, with one order more."""
    candidate = published.begin(number=2, parent=1)
    house.write(candidate, "INSERT INTO raw.orders VALUES (3, 30.0)")
    published.seal(2)
    published.publish(2)
    return published


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def made(two: Warehouse, folder: Path) -> Warehouse:
    if not isinstance(two, Rehearsing):
        pytest.skip("this engine cannot make a sandbox")
    folder.mkdir()
    return two.sandbox(folder, (1, 2), published=1)


def orders(warehouse: Warehouse, number: int) -> list[tuple[object, ...]]:
    with warehouse.reader(number) as reader:
        return list(reader.query("SELECT id, CAST(amount AS DOUBLE) FROM raw.orders ORDER BY 1").rows)


def test_it_shows_the_versions_as_they_are(two: Warehouse, tmp_path: Path) -> None:
    there = made(two, tmp_path / "sandbox")
    assert there.kept() == (1, 2)
    assert there.published() == 1
    assert orders(there, 2) == orders(two, 2) == [(1, 10.5), (2, 20.0), (3, 30.0)]
    assert there.state_folder(1).joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"
    assert there.fingerprint(2) == two.fingerprint(2)


def test_nothing_that_is_done_in_it_is_done_to_the_original(two: Warehouse, tmp_path: Path) -> None:
    there = made(two, tmp_path / "sandbox")
    assert isinstance(there, Rehearsing)
    before = files(two.state_folder(1).parents[1])
    candidate = there.begin(number=3, parent=1)
    candidate.state.joinpath("cursor.txt").write_text("up to order 3", encoding="utf-8")
    there.fill(3, 1, 2, {ORDERS: None})
    there.seal(3)
    there.describe(
        Version(number=1, parent=None, state=VersionState.RETIRED, run=None, created_at=NOW), {"decision": "a drill"}
    )
    there.publish(3)
    there.discard(1)
    there.discard(2)
    assert there.kept() == (3,)
    assert two.kept() == (1, 2)
    assert two.published() == 2
    assert files(two.state_folder(1).parents[1]) == before
    assert orders(two, 1) == [(1, 10.5), (2, 20.0)]


def test_tables_are_filled_from_two_versions(two: Warehouse, tmp_path: Path) -> None:
    there = made(two, tmp_path / "sandbox")
    assert isinstance(there, Rehearsing)
    there.begin(number=3, parent=1)
    doubled = "SELECT id, amount * 2 AS amount FROM new.raw.orders WHERE id NOT IN (SELECT id FROM old.raw.orders)"
    fresh = DatasetRef(namespace="made", name="copy of it")
    there.fill(3, 1, 2, {ORDERS: doubled, fresh: "SELECT * FROM new.raw.orders"})
    there.seal(3)
    assert orders(there, 3) == [(3, 60.0)]
    with there.reader(3) as reader:
        assert fresh in {d.ref for d in reader.catalog()}


def test_what_cannot_be_done_is_refused(two: Warehouse, tmp_path: Path) -> None:
    there = made(two, tmp_path / "sandbox")
    assert isinstance(there, Rehearsing)
    assert isinstance(two, Rehearsing)
    (tmp_path / "other").mkdir()
    with pytest.raises(VersionNotFoundError):
        two.sandbox(tmp_path / "other", (1, 9), published=1)
    with pytest.raises(WarehouseError):
        there.fill(1, 1, 2, {ORDERS: None})
    there.begin(number=3, parent=1)
    with pytest.raises(QueryError):
        there.fill(3, 1, 2, {ORDERS: "SELECT nonsense"})
