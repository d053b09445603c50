"""Every adapter: killed at any instant of building, publishing or removing, readers see what they saw and work goes on."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait

import pytest

from tests.conformance.warehouse.adapters import House
from tests.conformance.warehouse.children import KILLED, child, crash
from tidegate.model import Version, VersionState
from tidegate.ports import Warehouse

LIVE = "SELECT o.id, o.amount, r.version FROM raw.orders AS o, raw.refunds AS r ORDER BY o.id"
FIRST = [(1, 10.5, 1), (2, 20.0, 1)]
SECOND = [(1, 11.5, 2), (2, 21.0, 2)]
MORE_POINTS_THAN_ANY = 1000


def begin(house: House) -> None:
    house.open().begin(number=3, parent=1)


def publish(house: House) -> None:
    house.open().publish(2)


def discard(house: House) -> None:
    house.open().discard(2)


def describe(house: House) -> None:
    house.open().describe(describing(2, VersionState.HELD), {})


def lock(house: House) -> None:
    with house.open().lock(owner="to be killed", wait_s=0):
        pass


def describing(number: int, state: VersionState) -> Version:
    created = datetime(2026, 6, 1, tzinfo=UTC)
    return Version(number=number, parent=1, state=state, run=None, created_at=created)


def build_second(house: House, warehouse: Warehouse) -> None:
    """Version 2: sealed, and different from version 1 in both tables and in its state."""
    candidate = warehouse.begin(number=2, parent=1)
    house.write(candidate, "UPDATE raw.orders SET amount = amount + 1", "UPDATE raw.refunds SET version = 2")
    candidate.state.joinpath("deeper").mkdir()
    candidate.state.joinpath("deeper", "cursor.txt").write_text("up to order 3", encoding="utf-8")
    warehouse.seal(2)
    warehouse.describe(describing(2, VersionState.CANDIDATE), {})


@pytest.fixture
def prepared(house: House, published: Warehouse) -> Warehouse:
    """Version 1 is published, version 2 is kept."""
    build_second(house, published)
    return published


def whole(house: House, *, allowed: list[list[tuple[object, ...]]]) -> None:
    """What must hold after any crash: readers see one of the versions, and the next run can build and publish."""
    assert house.read_live(LIVE) in allowed
    warehouse = house.open()
    for number in warehouse.kept():
        with warehouse.reader(number) as reader:
            assert [tuple(row) for row in reader.query(LIVE).rows] in (FIRST, SECOND), "a part of a version is kept"
    with warehouse.lock(owner="the next run", wait_s=0):
        assert house.read_live(LIVE) in allowed
        now = warehouse.published()
        candidate = warehouse.begin(number=3, parent=now)
        assert candidate.state.joinpath("cursor.txt").read_text(encoding="utf-8") == "up to order 2"
        house.write(candidate, "UPDATE raw.refunds SET version = 3")
        warehouse.seal(3)
        warehouse.publish(3)
        assert house.read_live("SELECT version FROM raw.refunds") == [(3,)]
        warehouse.publish(1)
        assert house.read_live(LIVE) == FIRST
        warehouse.discard(3)
        for number in warehouse.kept():
            assert warehouse.metadata(number) == {} or warehouse.metadata(number)["number"] == number


CASES: dict[str, tuple[Callable[[House], None], list[list[tuple[object, ...]]]]] = {
    "begin": (begin, [FIRST]),
    "publish": (publish, [FIRST, SECOND]),
    "discard": (discard, [FIRST]),
    "describe": (describe, [FIRST]),
    "lock": (lock, [FIRST]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_killed_before_each_change_of_the_file_system(house: House, prepared: Warehouse, name: str):
    work, allowed = CASES[name]
    sealed = prepared.fingerprint(1)
    for point in range(MORE_POINTS_THAN_ANY):
        with child(crash, point, work, house) as (process, _):
            process.join()
        whole(house, allowed=allowed)
        assert prepared.fingerprint(1) == sealed
        if process.exitcode == 0:
            break
        assert process.exitcode == KILLED
        prepared.discard(2)
        build_second(house, prepared)
    assert 3 <= point < MORE_POINTS_THAN_ANY - 1, "the work was not interrupted at several points"


def go_on(connection: Connection, house: House) -> None:
    """Build, publish, roll back and remove until killed."""
    warehouse = house.open()
    with warehouse.lock(owner="to be killed", wait_s=60):
        connection.send("going")
        while True:
            warehouse.publish(2)
            warehouse.begin(number=3, parent=2)
            warehouse.begin(number=4, parent=1)
            warehouse.publish(1)
            warehouse.discard(4)
            warehouse.discard(3)


@pytest.mark.slow
def test_killed_at_random_instants(house: House, prepared: Warehouse):
    instants = random.Random(20260601)
    sealed = [prepared.fingerprint(number) for number in (1, 2)]
    for _ in range(60):
        with child(go_on, house) as (process, connection):
            assert connection.recv() == "going"
            assert wait([process.sentinel], timeout=instants.uniform(0.0, 0.05)) == []
        assert process.exitcode == KILLED
        assert house.read_live(LIVE) in (FIRST, SECOND)
        assert [prepared.fingerprint(number) for number in (1, 2)] == sealed
    whole(house, allowed=[FIRST, SECOND])
