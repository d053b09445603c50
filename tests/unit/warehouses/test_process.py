"""Processes are told apart by id and start time, and a group is killed only when it is the recorded one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.warehouses import process

SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
print(child.pid, flush=True)
sys.stdin.read()
"""
PARENT = [sys.executable, "-c", WITH_CHILD]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER, stdin=-1, stdout=-1, start_new_session=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"up\n"
        yield started
        started.kill()


def test_this_process_is_found_and_always_the_same():
    me = process.find(os.getpid())
    assert me is not None
    assert (me.pid, me.group, me.is_zombie) == (os.getpid(), os.getpgrp(), False)
    assert process.find(os.getpid()) == me
    assert process.is_running(os.getpid(), me.started)


def test_another_start_time_is_another_process():
    assert not process.is_running(os.getpid(), "another boot/1")
    assert not process.is_running(os.getpid(), None)


def test_no_process_is_none(sleeper: subprocess.Popen[bytes]):
    sleeper.kill()
    sleeper.wait()
    assert process.find(sleeper.pid) is None


def test_an_unburied_process_is_not_running(sleeper: subprocess.Popen[bytes]):
    alive = process.find(sleeper.pid)
    assert alive is not None
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    dead = process.find(sleeper.pid)
    assert dead is not None
    assert (dead.started, dead.is_zombie) == (alive.started, True)
    assert not process.is_running(sleeper.pid, alive.started)


def test_a_command_with_brackets_is_parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    fields = " ".join(str(n) for n in range(4, 53))
    for pid in ("self", "77"):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "stat").write_text(f"77 (a) R (b) S 1 {fields.replace('4 5', '55 5', 1)}\n", encoding="utf-8")
    monkeypatch.setattr(process, "PROC", tmp_path)
    found = process.find(77)
    assert found is not None
    assert (found.group, found.started.rpartition("/")[2], found.is_zombie) == (55, "21", False)


def test_the_recorded_group_is_killed_with_its_children():
    with subprocess.Popen(PARENT, stdin=-1, stdout=-1, start_new_session=True) as leader:
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        known = process.find(leader.pid)
        assert known is not None
        assert process.stop_group(leader.pid, known.started)
        assert leader.wait(timeout=60) == -signal.SIGKILL
        orphan = process.find(child)
        assert orphan is None or orphan.is_zombie


def test_a_group_whose_unburied_leader_is_dead_is_still_killed():
    with subprocess.Popen(PARENT, stdin=-1, stdout=-1, start_new_session=True) as leader:
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        known = process.find(leader.pid)
        assert known is not None
        os.kill(leader.pid, signal.SIGKILL)
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
        assert process.is_running(child, process.find(child).started)
        assert process.stop_group(leader.pid, known.started)
        orphan = process.find(child)
        assert orphan is None or orphan.is_zombie


def test_a_group_with_a_reused_id_is_left_alone(sleeper: subprocess.Popen[bytes]):
    assert process.stop_group(sleeper.pid, "another boot/1")
    assert process.stop_group(sleeper.pid, None)
    assert sleeper.poll() is None


def test_our_own_group_is_left_alone():
    group = os.getpgrp()
    leader = process.find(group)
    assert process.stop_group(group, leader.started if leader else None)


def test_a_group_that_does_not_die_is_told(sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch):
    known = process.find(sleeper.pid)
    assert known is not None

    def refused(group: int, _: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(process.os, "killpg", refused)
    monkeypatch.setattr(process, "PATIENCE_S", 0.0)
    assert not process.stop_group(sleeper.pid, known.started)


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system without /proc, whose `ps` says what the test writes into the file that is returned."""
    said = tmp_path / "said"
    said.write_text("", encoding="utf-8")
    ps = tmp_path / "ps"
    ps.write_text(f'#!/bin/sh\ncat "{said}"\n', encoding="utf-8")
    ps.chmod(0o755)
    monkeypatch.setattr(process, "PROC", tmp_path / "no proc")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return said


def test_without_proc_ps_is_asked(without_proc: Path):
    assert process.find(77) is None
    without_proc.write_text("   55 S+   Mon Jun  1 04:00:00 2026\n", encoding="utf-8")
    assert process.find(77) == process.Process(pid=77, group=55, started="Mon Jun 1 04:00:00 2026", is_zombie=False)
    assert process.is_running(77, "Mon Jun 1 04:00:00 2026")
    without_proc.write_text("   55 Z+   Mon Jun  1 04:00:00 2026\n", encoding="utf-8")
    assert not process.is_running(77, "Mon Jun 1 04:00:00 2026")


def test_without_proc_a_group_is_killed_as_well(sleeper: subprocess.Popen[bytes], without_proc: Path):
    without_proc.write_text(f"{sleeper.pid} S Mon Jun  1 04:00:00 2026\n", encoding="utf-8")
    killpg = os.killpg

    def and_buried(group: int, number: int) -> None:
        killpg(group, number)
        if number == signal.SIGKILL:
            sleeper.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process.os, "killpg", and_buried)
        assert process.stop_group(sleeper.pid, "Mon Jun 1 04:00:00 2026")
    assert sleeper.returncode == -signal.SIGKILL
