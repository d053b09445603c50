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


def roll_back(house: House) -> None:
    house.open().publish(1)


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


@pytest.fixture
def prepared(house: House, published: Warehouse) -> Warehouse:
    """Version 1 is published, version 2 is sealed and different in both tables."""
    candidate = published.begin(number=2, parent=1)
    house.write(candidate, "UPDATE raw.orders SET amount = amount + 1", "UPDATE raw.refunds SET version = 2")
    candidate.state.joinpath("deeper").mkdir()
    candidate.state.joinpath("deeper", "cursor.txt").write_text("up to order 3", encoding="utf-8")
    published.seal(2)
    published.describe(describing(2, VersionState.CANDIDATE), {})
    return published


def whole(house: House, *, allowed: list[list[tuple[object, ...]]]) -> None:
    """What must hold after any crash: readers see one of the versions, and the next run can build and publish."""
    assert house.read_live(LIVE) in allowed
    warehouse = house.open()
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
        restore(house, prepared)
        if process.exitcode == 0:
            break
        assert process.exitcode == KILLED
    assert 3 <= point < MORE_POINTS_THAN_ANY - 1, "the work was not interrupted at several points"


def restore(house: House, warehouse: Warehouse) -> None:
    """Bring back what the next round begins with: version 1 live, version 2 kept, no version 3."""
    if 2 not in warehouse.kept():
        candidate = warehouse.begin(number=2, parent=1)
        house.write(candidate, "UPDATE raw.orders SET amount = amount + 1", "UPDATE raw.refunds SET version = 2")
        warehouse.seal(2)
    warehouse.describe(describing(2, VersionState.CANDIDATE), {})


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
