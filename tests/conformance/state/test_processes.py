"""Processes that write at once, and processes that are killed while they write: nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.state.stories import ORDERS, Opener, event
from tests.conformance.state.writer import opened
from tests.postgres_server import new_schema
from tidegate.ports.state import StateStore
from tidegate.state.store import DatabaseStateStore

ROOT = Path(__file__).parents[3]


def writer(place: Path | str, name: str, count: int) -> subprocess.Popen[str]:
    """Start one; a path is a file of SQLite, a text the address of a PostgreSQL schema."""
    command = [sys.executable, "-m", "tests.conformance.state.writer", str(place), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def heard(process: subprocess.Popen[str]) -> tuple[list[int], list[int]]:
    """The ids of the events and the numbers of the scans that the process was told were kept, until it ended."""
    assert process.stdout is not None
    with process.stdout as told:
        lines = [line for line in told.read().splitlines(keepends=True) if line.endswith("\n")]
    process.wait()
    scans = [int(line.split()[1]) for line in lines if line.startswith("scanned")]
    return [int(word) for line in lines if line[0].isdigit() for word in line.split()], scans


def assert_whole(store: StateStore, told: list[int]) -> None:
    ids = [e.id for e in store.events()]
    assert ids == list(range(1, len(ids) + 1))
    assert max(Counter(told).values(), default=1) == 1
    assert set(told) <= set(ids)
    assert isinstance(store, DatabaseStateStore)
    assert store.problems() == ()
    by_run = Counter(e.subject for e in store.events() if e.subject.startswith("run:"))
    assert set(by_run.values()) <= {3}, "a batch was torn"
    assert len(store.runs()) == len(by_run)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    if request.param == "sqlite":
        return tmp_path / ".tidegate" / "state.db"
    return new_schema(request.getfixturevalue("postgres"))


@pytest.mark.slow
def test_four_processes_at_once_lose_nothing(place: Path | str) -> None:
    processes = [writer(place, f"w{n}", 100) for n in range(4)]
    told = [event_id for process in processes for event_id in heard(process)[0]]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    with closing(opened(place, create=False)) as store:
        assert_whole(store, told)
        assert len(told) == len(store.events()) == 4 * (100 * 3 + 25)
        assert len(store.versions()) == 100


def test_threads_take_turns(open_store: Opener) -> None:
    store = open_store()

    def work(name: int) -> None:
        for position in range(25):
            store.append([event("note.made", f"thread:{name}", position=position)])
            assert len(store.events(subject=f"thread:{name}")) == position + 1

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.id for e in store.events()] == list(range(1, 101))


def test_a_second_store_sees_what_the_first_appended(open_store: Opener) -> None:
    one, other = open_store(), open_store()
    one.append([event("run.started", "run:a")])
    assert [run.id for run in other.runs()] == ["a"]
    other.append([event("run.started", "run:b")])
    assert [run.id for run in one.runs()] == ["b", "a"]
    assert [e.id for e in one.events()] == [1, 2]


def kill_at_random(place: Path | str, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    told: list[int] = []
    scanned: list[int] = []
    for position in range(rounds):
        process = writer(place, f"r{position}", 10_000)
        assert process.stdout is not None
        early = position % 5 == 4  # now and then while it opens, or makes the store
        if not early:
            assert process.stdout.readline() == "open\n"
        time.sleep(chance.uniform(0, 0.2 if early else 0.05))
        process.kill()
        ids, scans = heard(process)
        told, scanned = told + ids, scanned + scans
        with closing(opened(place, create=False)) as store:
            assert_whole(store, told)
            assert all(store.measurements(version, ORDERS) for version in scanned)
    assert len(told) > rounds
    opened(place, create=True).close()
    if isinstance(place, Path):
        assert [left.name for left in place.parent.iterdir()] == ["state.db"]


@pytest.mark.slow
def test_kills_lose_nothing(place: Path | str) -> None:
    kill_at_random(place, 20, seed=1)


@pytest.mark.soak
def test_a_thousand_kills_lose_nothing(place: Path | str) -> None:
    kill_at_random(place, 1000, seed=2)
