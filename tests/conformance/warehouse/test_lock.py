"""Every adapter: one writer at a time; a dead one's lock is taken over, and the step that it left running is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

import pytest

from tests.conformance.warehouse.adapters import House
from tests.conformance.warehouse.children import child
from tidegate.errors import TidegateError, WarehouseError, WarehouseLockedError
from tidegate.ports import Warehouse

SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]


def hold(connection: Connection, house: House, owner: str, step_group: int | None = None) -> None:
    """Take the lock, say so, and let go when told to; the test may kill this process before."""
    warehouse = house.open()
    try:
        with warehouse.lock(owner=owner, wait_s=0):
            if step_group is not None:
                warehouse.note_process(step_group)
            connection.send("held")
            connection.recv()
    except TidegateError as error:
        connection.send(str(error))


def take(connection: Connection, house: House, wait_s: float) -> None:
    """Say that the wait begins, take the lock, and say how that went."""
    connection.send("waiting")
    try:
        with house.open().lock(owner="waiter", wait_s=wait_s):
            connection.send("held")
    except WarehouseLockedError as error:
        connection.send(str(error))


def refuse(house: House, owner: str) -> None:
    with pytest.raises(WarehouseLockedError, match=owner), house.open().lock(owner="late", wait_s=0):
        pass


def test_the_lock_can_be_taken_again_and_again(house: House, warehouse: Warehouse):
    for _ in range(3):
        with warehouse.lock(owner="one", wait_s=0):
            pass
        with house.open().lock(owner="two", wait_s=0):
            pass


def test_it_is_free_after_an_error(house: House, warehouse: Warehouse):
    with pytest.raises(ZeroDivisionError), warehouse.lock(owner="one", wait_s=0):
        _ = 1 / 0
    with house.open().lock(owner="two", wait_s=0):
        pass


def test_a_living_owner_keeps_it_and_is_named(house: House, warehouse: Warehouse):
    with child(hold, house, "nightly run") as (process, connection):
        assert connection.recv() == "held"
        with pytest.raises(WarehouseLockedError) as caught, warehouse.lock(owner="me", wait_s=0.2):
            pass
        message = str(caught.value)
        for part in (f"`{process.pid}`", "`nightly run`", f"`{os.uname().nodename}`", "since 2"):
            assert part in message
        connection.send("let go")
        process.join()
        with warehouse.lock(owner="me", wait_s=0):
            pass


def test_another_object_of_the_same_process_waits_too(house: House, warehouse: Warehouse):
    with warehouse.lock(owner="one", wait_s=0):
        refuse(house, "`one`")


def test_a_waiter_gets_it_when_the_owner_lets_go(house: House):
    with child(hold, house, "first") as (_, first):
        assert first.recv() == "held"
        with child(take, house, 60.0) as (_, second):
            assert second.recv() == "waiting"
            first.send("let go")
            assert second.recv() == "held"


def test_a_waiter_gets_it_when_the_owner_dies(house: House):
    with child(hold, house, "first") as (process, first):
        assert first.recv() == "held"
        with child(take, house, 60.0) as (_, second):
            assert second.recv() == "waiting"
            process.kill()
            assert second.recv() == "held"


def test_a_dead_owners_lock_is_taken_over(house: House, warehouse: Warehouse):
    with child(hold, house, "dead") as (process, connection):
        assert connection.recv() == "held"
        process.kill()
        process.join()
        with warehouse.lock(owner="me", wait_s=0):
            refuse(house, "`me`")


def test_only_one_of_many_takes_a_dead_owners_lock_over(house: House):
    with child(hold, house, "dead") as (process, connection):
        assert connection.recv() == "held"
        process.kill()
        process.join()
    with (
        child(hold, house, "a") as (_, a),
        child(hold, house, "b") as (_, b),
        child(hold, house, "c") as (_, c),
        child(hold, house, "d") as (_, d),
    ):
        told = sorted(connection.recv() for connection in (a, b, c, d))
    assert told.count("held") == 1, told
    assert all("is locked by" in text for text in told if text != "held")


def test_the_step_of_a_dead_owner_is_killed_with_all_its_group(house: House, warehouse: Warehouse):
    with subprocess.Popen(SLEEPER, stdin=-1, stdout=-1, start_new_session=True) as step:
        assert step.stdout is not None
        assert step.stdout.readline() == b"up\n"
        with child(hold, house, "dead", step.pid) as (process, connection):
            assert connection.recv() == "held"
            process.kill()
            process.join()
            assert step.poll() is None
            with warehouse.lock(owner="me", wait_s=0):
                assert step.wait(timeout=60) == -9


def test_the_step_of_a_living_owner_is_not_touched(house: House, warehouse: Warehouse):
    with subprocess.Popen(SLEEPER, stdin=-1, stdout=-1, start_new_session=True) as step:
        assert step.stdout is not None
        assert step.stdout.readline() == b"up\n"
        with child(hold, house, "alive", step.pid) as (_, connection):
            assert connection.recv() == "held"
            with pytest.raises(WarehouseLockedError), warehouse.lock(owner="me", wait_s=0.2):
                pass
            assert step.poll() is None
        step.kill()


def test_a_step_is_noted_by_the_one_who_holds_the_lock(warehouse: Warehouse):
    with pytest.raises(WarehouseError, match="without holding"):
        warehouse.note_process(os.getpid())
    with warehouse.lock(owner="me", wait_s=0), suppress(ProcessLookupError):
        warehouse.note_process(os.getpid())
