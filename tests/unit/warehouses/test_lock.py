"""The lock file: what it says, and when it is taken over."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tidegate.errors import WarehouseLockedError
from tidegate.warehouses import lock as lock_module
from tidegate.warehouses import process
from tidegate.warehouses.lock import WriterLock

SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ware house" / "lock"


@pytest.fixture
def held(path: Path) -> Iterator[WriterLock]:
    lock = WriterLock(path)
    lock.acquire("nightly run", 0)
    yield lock
    lock.release()


@pytest.fixture
def step() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER, stdin=-1, stdout=-1, start_new_session=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"up\n"
        yield started
        started.kill()


def left_behind(path: Path, **changes: object) -> Mapping[str, object]:
    """A lock file as a process left it that is not there any more; `changes` are made to what it says."""
    me = process.find(os.getpid())
    assert me is not None
    said: dict[str, object] = {
        "pid": os.getpid(),
        "started": me.started,
        "host": os.uname().nodename,
        "owner": "the dead",
        "since": "2026-06-01T04:00:00+00:00",
        "step_group": None,
        "step_started": None,
        **changes,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said), encoding="utf-8")
    return said


def start_of(pid: int) -> str:
    found = process.find(pid)
    assert found is not None
    return found.started


def test_it_says_who_holds_it_since_when(held: WriterLock, path: Path):
    said = json.loads(path.read_text(encoding="utf-8"))
    assert said["pid"] == os.getpid()
    assert said["started"] == start_of(os.getpid())
    assert said["host"] == os.uname().nodename
    assert said["owner"] == "nightly run"
    assert said["since"].endswith("+00:00")
    assert said["step_group"] is None


def test_it_says_which_step_runs(held: WriterLock, path: Path, step: subprocess.Popen[bytes]):
    held.note_step(step.pid)
    said = json.loads(path.read_text(encoding="utf-8"))
    assert (said["step_group"], said["step_started"]) == (step.pid, start_of(step.pid))
    assert said["owner"] == "nightly run"
    with pytest.raises(WarehouseLockedError):
        WriterLock(path).acquire("other", 0)


def test_it_is_gone_after_release(path: Path):
    lock = WriterLock(path)
    lock.acquire("me", 0)
    lock.release()
    lock.release()
    assert list(path.parent.iterdir()) == []


def test_what_somebody_else_put_in_its_place_is_not_removed(held: WriterLock, path: Path):
    path.unlink()
    other = WriterLock(path)
    other.acquire("other", 0)
    held.release()
    assert json.loads(path.read_text(encoding="utf-8"))["owner"] == "other"
    other.release()


def test_a_process_id_that_was_reused_does_not_keep_it(path: Path):
    left_behind(path, started="another boot/1")
    lock = WriterLock(path)
    lock.acquire("me", 0)
    assert json.loads(path.read_text(encoding="utf-8"))["owner"] == "me"
    lock.release()


def test_without_flock_a_living_owner_keeps_it(path: Path):
    left_behind(path)
    with pytest.raises(WarehouseLockedError, match="`the dead`"):
        WriterLock(path).acquire("me", 0)


def test_a_file_system_without_flock_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch):
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    lock = WriterLock(path)
    lock.acquire("me", 0)
    with pytest.raises(WarehouseLockedError, match="`me`"):
        WriterLock(path).acquire("other", 0)
    lock.release()
    WriterLock(path).acquire("other", 0)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff\xfe"])
def test_what_a_crash_left_while_taking_it_is_taken_over(path: Path, text: bytes):
    path.parent.mkdir()
    path.write_bytes(text)
    lock = WriterLock(path)
    lock.acquire("me", 0)
    assert json.loads(path.read_text(encoding="utf-8"))["owner"] == "me"
    lock.release()


def test_a_lock_that_is_just_being_taken_is_respected(path: Path):
    path.parent.mkdir()
    with path.open("wb") as empty:
        fcntl.flock(empty, fcntl.LOCK_EX)
        with pytest.raises(WarehouseLockedError, match="just taken"):
            WriterLock(path).acquire("me", 0)


def test_another_hosts_lock_is_never_taken_over(path: Path):
    left_behind(path, host="some-other-host", started="another boot/1")
    with pytest.raises(WarehouseLockedError, match="`some-other-host`") as caught:
        WriterLock(path).acquire("me", 0)
    assert f"remove `{path}`" in caught.value.hint
    assert json.loads(path.read_text(encoding="utf-8"))["host"] == "some-other-host"


def test_the_step_that_a_dead_owner_left_is_killed(path: Path, step: subprocess.Popen[bytes]):
    left_behind(path, started="gone/1", step_group=step.pid, step_started=start_of(step.pid))
    lock = WriterLock(path)
    lock.acquire("me", 0)
    assert step.wait(timeout=60) == -9
    lock.release()


def test_a_process_that_got_the_steps_id_later_is_not_killed(path: Path, step: subprocess.Popen[bytes]):
    left_behind(path, started="gone/1", step_group=step.pid, step_started="gone/2")
    lock = WriterLock(path)
    lock.acquire("me", 0)
    assert step.poll() is None
    lock.release()


def test_another_hosts_step_is_not_killed(path: Path, step: subprocess.Popen[bytes]):
    left_behind(path, host="elsewhere", started="gone/1", step_group=step.pid, step_started=start_of(step.pid))
    with pytest.raises(WarehouseLockedError):
        WriterLock(path).acquire("me", 0)
    assert step.poll() is None


def test_a_step_that_cannot_be_killed_keeps_it(path: Path, monkeypatch: pytest.MonkeyPatch):
    left_behind(path, started="gone/1", step_group=4711, step_started="gone/2")
    monkeypatch.setattr(process, "stop_group", lambda *_: False)
    with pytest.raises(WarehouseLockedError, match="its step still runs") as caught:
        WriterLock(path).acquire("me", 0)
    assert "`4711`" in caught.value.hint


def test_a_lock_that_is_let_go_while_it_is_looked_at_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Between opening the file and locking it the owner let go, so what was locked is no longer the lock."""
    first = WriterLock(path)
    first.acquire("first", 0)
    flock, calls = fcntl.flock, []

    def let_go_before(descriptor: int, operation: int) -> None:
        if not calls:
            first.release()
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(lock_module.fcntl, "flock", let_go_before)
    second = WriterLock(path)
    second.acquire("second", 0)
    assert len(calls) > 1
    assert json.loads(path.read_text(encoding="utf-8"))["owner"] == "second"
    second.release()
