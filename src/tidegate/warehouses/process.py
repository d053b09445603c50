"""Which process is it, is it still the same one, and how to stop what a dead one left running."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

PATIENCE_S = 10.0
"""How long a group that was killed may take to vanish; the kernel can be busy in its last write. Chosen, not derived."""

POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process as the system lists it; `started` is text that no other process on this host ever has with its pid."""

    pid: int
    group: int
    started: str
    is_zombie: bool


def find(pid: int) -> Process | None:
    """The process with that id, zombies included; None when there is none.

    From /proc where there is one, else from `ps`, whose start times are whole seconds.
    """
    return _from_proc(pid) if (PROC / "self" / "stat").exists() else _from_ps(pid)


def name_of(pid: int) -> str:
    """What the program of a process is called; empty where nobody tells."""
    try:
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def is_running(pid: int, started: str | None) -> bool:
    """Whether the process that had this id then is there now, and not dead and merely unburied."""
    process = find(pid)
    return process is not None and process.started == started and not process.is_zombie


def stop_group(group: int, started: str | None) -> bool:
    """Kill a process group whose leader has that start time, and wait until it is gone; False when it is still there.

    The leader's start time proves that the group is the recorded one: a group whose leader is gone, or is another
    process, is left alone (and True), and so is the group that this process belongs to.
    """
    leader = find(group)
    if leader is None or leader.started != started or group == os.getpgrp():
        return True
    patient_until = time.monotonic() + PATIENCE_S
    while _has_members(group):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        if time.monotonic() > patient_until:
            return False
        time.sleep(POLL_S)
    return True


def _has_members(group: int) -> bool:
    if (PROC / "self" / "stat").exists():
        return any(p.group == group and not p.is_zombie for p in _all_from_proc())
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group that holds nothing but zombies, too
        leader = find(group)
        return leader is not None and not leader.is_zombie
    return True


def _all_from_proc() -> Iterator[Process]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (process := _from_proc(int(entry.name))) is not None:
            yield process


def _from_proc(pid: int) -> Process | None:
    """Fields of /proc/PID/stat as in proc_pid_stat(5); the second, the command, may itself hold spaces and brackets."""
    try:
        line = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, _, group, *later = line.rpartition(")")[2].split()
    ticks = later[16]
    return Process(pid=pid, group=int(group), started=f"{_boot_id()}/{ticks}", is_zombie=state in {"Z", "X"})


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown-boot"


def _from_ps(pid: int) -> Process | None:
    import subprocess

    answer = subprocess.run(
        ["ps", "-o", "pgid=,stat=,lstart=", "-p", str(pid)],  # noqa: S607 every POSIX system has `ps`, not in one place
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        check=False,
    )
    if not answer.stdout.strip():
        return None
    group, state, *started = answer.stdout.split()
    return Process(pid=pid, group=int(group), started=" ".join(started), is_zombie=state.startswith("Z"))
