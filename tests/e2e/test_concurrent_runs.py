"""Two runs at once, as real processes: one waits or leaves at once, and a dead one's lock and step are taken over."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.small_project import SmallProject, make
from tidegate.warehouses import process

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0
"""Far longer than anything here takes; only a test that fails waits so long."""

WAITING = """
import os, pathlib, sys, time
pathlib.Path("working").write_text(str(os.getpid()))
until = time.monotonic() + {patience}
while not pathlib.Path("go").exists():
    if time.monotonic() > until:
        sys.exit("nobody let it go on")
    time.sleep(0.02)
"""

COUNTING = """
import os, duckdb
with duckdb.connect(os.environ["TIDEGATE_DATABASE"]) as database:
    database.execute("create table if not exists loads (n integer)")
    database.execute("insert into loads select count(*) + 1 from loads")
"""


class Crowd:
    """The processes of a test; all of them, and their steps, are stopped at its end."""

    def __init__(self, project: SmallProject) -> None:
        self.project = project
        self.started: list[subprocess.Popen[str]] = []
        self.leaders: list[process.Process] = []

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        self.started.append(self.project.started("run", *arguments))
        return self.started[-1]

    def end(self, running: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait for it. Returns its exit status and what it wrote to stderr."""
        _, err = running.communicate(timeout=PATIENCE_S)
        return running.returncode, err

    def working(self) -> int:
        """Wait until the step of the last run is at work, and return its process id."""
        path, running = self.project.root / "working", self.started[-1]
        wait_for(lambda: (path.exists() and path.read_text()) or running.poll() is not None, "no step is at work")
        assert running.poll() is None, running.communicate()
        return int(path.read_text())

    def stop(self) -> None:
        for running in self.started:
            running.kill()
            running.communicate()
        for leader in self.leaders:
            process.stop_group(leader.group, leader.started)

    def leader(self) -> process.Process:
        """The leader of the process group of the step that is at work: its supervisor."""
        found = process.find(int(str(self.lock()["step_group"])))
        assert found is not None
        self.leaders.append(found)
        return found

    def lock(self) -> dict[str, object]:
        with suppress(FileNotFoundError, ValueError):
            found: dict[str, object] = json.loads((self.project.root / "warehouse" / "lock").read_text())
            return found
        return {}


def wait_for(condition: Callable[[], object], otherwise: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, otherwise
        time.sleep(0.02)


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Crowd]:
    """A project whose step waits for the file `go`, and counts the loads."""
    small = make(tmp_path / "shop")
    small.configure('learned: "off"', step=f"- {json.dumps({'name': 'load', 'run': f'{sys.executable} wait.py'})}")
    (small.root / "wait.py").write_text(WAITING.format(patience=PATIENCE_S) + COUNTING)
    crowd = Crowd(small)
    try:
        yield crowd
    finally:
        crowd.stop()


def test_the_second_run_leaves_at_once_or_waits(crowd: Crowd) -> None:
    first = crowd.run()
    crowd.working()
    status, err = crowd.end(crowd.run())
    assert first.poll() is None, "the first one was not waited for"
    assert status == 2
    said = re.search(r"is locked by `run`, process `(\d+)` on `\S+`, since (\S+)", err)
    assert said, err
    assert (int(said[1]), said[2]) == (first.pid, crowd.lock()["since"])
    assert "--wait" in err

    command = crowd.project.cli("rollback", "--reason", "to try")
    assert command.status == 2, "readers must not change under a run"
    assert str(first.pid) in command.err

    patient = crowd.run("--wait", "600s")
    if sys.platform == "linux":
        wait_for(lambda: has_open(patient, "state.db"), "it did not come to the lock")
    (crowd.project.root / "go").touch()
    assert crowd.end(first)[0] == 0
    assert crowd.end(patient)[0] == 0
    assert crowd.project.query("select n from loads order by n") == [(1,), (2,)]
    assert crowd.project.versions() == {1: "retired", 2: "published"}
    assert crowd.lock() == {}


@pytest.mark.soak
def test_many_runs_at_once_of_which_some_are_killed(crowd: Crowd) -> None:
    """Ten that do not wait, ten that do, and ten of which every second one is killed, waiting or at work; others look on."""
    chance, project = random.Random(1), crowd.project
    (project.root / "wait.py").write_text(COUNTING)
    at_once = [crowd.run() for _ in range(10)]
    ended = [crowd.end(running) for running in at_once]
    published = sum(status == 0 for status, _ in ended)
    assert published >= 1
    assert all("is locked by `run`" in err for status, err in ended if status == 2)
    assert {status for status, _ in ended} <= {0, 2}

    patient = [crowd.run("--wait", "600s") for _ in range(10)]
    assert [status for status, err in map(crowd.end, patient)] == [0] * 10
    published += 10
    assert project.query("select n from loads order by n") == [(n,) for n in range(1, published + 1)]

    others = [crowd.run("--wait", "600s") for _ in range(10)]
    onlookers = [project.started("status", "--json") for _ in range(4)]
    for doomed in others[::2]:
        time.sleep(chance.uniform(0, 0.5))
        doomed.kill()
    assert all(crowd.end(running)[0] in {0, -signal.SIGKILL} for running in others[::2])
    assert [crowd.end(running)[0] for running in others[1::2]] == [0] * 5
    for onlooker in onlookers:
        with onlooker:
            assert json.loads(onlooker.communicate(timeout=PATIENCE_S)[0])["schema_version"] == 1
    assert project.cli("run").status == 0
    loads = [n for (n,) in project.query("select n from loads order by n")]
    assert loads == list(range(1, len(loads) + 1)), "each run that was published counted once"
    assert set(project.versions().values()) <= {"published", "retired", "pruned"}
    assert crowd.lock() == {}
    assert project.cli("audit").status == 0


def has_open(running: subprocess.Popen[str], name: str) -> bool:
    """Whether a process has a file of that name open; a run opens the state store right before it asks for the lock."""
    with suppress(OSError):
        return any(Path(f.readlink()).name == name for f in Path(f"/proc/{running.pid}/fd").iterdir())
    return False


def test_a_dead_owner_is_taken_over_with_its_step(crowd: Crowd) -> None:
    """The supervisor that would end the step when its owner dies is stopped, so that only the next run can end it."""
    first = crowd.run()
    step = crowd.working()
    leader, orphan = crowd.leader(), process.find(step)
    assert orphan is not None
    os.kill(leader.pid, signal.SIGSTOP)
    first.kill()
    first.wait()
    assert process.is_running(step, orphan.started), "the step survives its owner"

    (crowd.project.root / "wait.py").write_text(COUNTING)
    status, err = crowd.end(crowd.run())
    assert status == 0, err
    assert not process.is_running(step, orphan.started)
    assert not process.is_running(leader.pid, leader.started)
    assert crowd.project.versions() == {1: "pruned", 2: "published"}
    assert crowd.project.query("select n from loads") == [(1,)]
    assert crowd.lock() == {}


def test_a_step_ends_with_its_owner(crowd: Crowd) -> None:
    first = crowd.run()
    step = process.find(crowd.working())
    assert step is not None
    first.kill()
    first.wait()
    wait_for(lambda: not process.is_running(step.pid, step.started), "the step goes on without its owner")
