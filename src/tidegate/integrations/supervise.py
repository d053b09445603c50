"""Stand between Tidegate and a step's command, so that no process of the step outlives either; run as a script.

Usage: `python -I -S supervise.py FD PROGRAM ARGUMENT...`. FD is a socket to Tidegate: the byte `g` starts the command,
`t` stops it, end of file means that Tidegate is dead. The answer is one line of JSON, after which this process kills
its own process group, itself included. Only the standard library is imported: it must start in milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path

GRACE_S = 5.0
"""How long a command that is told to stop may take before it is killed. Chosen, not derived."""

LEFTOVER_GRACE_S = 0.5
"""How long what the command left running may take to end by itself, and then again when told to."""

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Set an option of this process on Linux; elsewhere there is none, and the socket alone tells of Tidegate's death."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def children(pid: int) -> list[int]:
    """The living children of a process, from /proc; none where there is no /proc."""
    with contextlib.suppress(OSError):
        return [int(p) for t in Path(f"/proc/{pid}/task").iterdir() for p in (t / "children").read_text().split()]
    return []


def descendants() -> list[int]:
    """Every process below this one: orphans come back here because this process is their subreaper."""
    found: list[int] = []
    queue = children(os.getpid())
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children(pid)
    return found


def signal_all(number: signal.Signals) -> None:
    """Send a signal, once, to every descendant; where they cannot be listed, to the group, which includes this process."""
    pids = descendants()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    if not pids:
        os.killpg(0, number)


def end_all() -> None:
    """Kill everything, this process at last."""
    signal_all(signal.SIGKILL)
    os.killpg(0, signal.SIGKILL)


def reap(main: int) -> int | None:
    """Collect what ended, so that its CPU seconds are counted; the wait status of `main` if it was among it."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == main:
                status = ended
    return status


def start(command: list[str], control: socket.socket) -> int:
    """Fork and execute. A program that cannot be executed ends with status 127 and tells why."""
    pid = os.fork()
    if pid:
        return pid
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    for number in (*STOPPING, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606  a step has no shell on purpose
    except OSError as error:
        control.sendall(json.dumps({"errno": error.errno, "reason": error.strerror}).encode() + b"\n")
        os._exit(127)


def stop_leftovers() -> int:
    """Stop what the command left running when it ended; how many processes that were."""
    wait_for_descendants()  # such as Python's resource tracker, which ends by itself
    left = len(descendants())
    if left:
        signal_all(signal.SIGTERM)
        wait_for_descendants()
    return left


def wait_for_descendants() -> None:
    """Wait until none is left, or the grace is over."""
    deadline = time.monotonic() + LEFTOVER_GRACE_S
    while descendants() and time.monotonic() < deadline:
        time.sleep(0.005)
        reap(-1)


def watch(command: list[str], control: socket.socket, wake: socket.socket) -> dict[str, int]:
    """Run the command to its end, or to Tidegate's, and tell how it ended."""
    pid = start(command, control)
    deadline: float | None = None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([control, wake], [], [], timeout)
        if wake in ready:
            wake.recv(4096)
        status = reap(pid)
        if status is not None:
            left = stop_leftovers()
            return {"status": status, "left": left, "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}
        if control in ready:
            if not control.recv(1):
                end_all()  # Tidegate is dead
            signal_all(signal.SIGTERM)
            deadline = time.monotonic() + GRACE_S
        elif deadline is not None and time.monotonic() >= deadline:
            signal_all(signal.SIGKILL)
            deadline = None


def main(arguments: list[str]) -> None:
    """Wait for the word, run, report, and take the whole group down."""
    for number in (*STOPPING, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    wake, waker = socket.socketpair()
    for side in (wake, waker):
        side.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if control.recv(1) == b"g":
        report = watch(arguments[1:], control, wake)
        with contextlib.suppress(OSError):
            control.sendall(json.dumps(report).encode() + b"\n")
    end_all()


if __name__ == "__main__":
    main(sys.argv[1:])
