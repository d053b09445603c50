"""Processes that tests start, kill and wait for; they come from a server without threads, so that a fork is safe."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

FORK_SERVER = multiprocessing.get_context("forkserver")
FORK_SERVER.set_forkserver_preload(["pytest", "duckdb", "tests.conformance.warehouse.adapters"])

WATCHED = ("open", "os.", "shutil.", "fcntl.")
"""The audit events of Python that come right before a change of the file system."""

KILLED = -signal.SIGKILL


@contextmanager
def child(target: Callable[..., None], *arguments: object) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that runs `target(connection, *arguments)`; killed at the end if it still lives."""
    here, there = FORK_SERVER.Pipe()
    process = FORK_SERVER.Process(target=target, args=(there, *arguments), daemon=True)
    process.start()
    there.close()
    try:
        yield process, here
    finally:
        process.kill()
        process.join()
        here.close()


def run(target: Callable[..., None], *arguments: object) -> Any:
    """Run `target(connection, *arguments)` to its end; returns what it sent, and raises EOFError if it sent nothing."""
    with child(target, *arguments) as (process, connection):
        answer = connection.recv()
        process.join()
        return answer


def killed_at(point: int, work: Callable[[], None]) -> None:
    """Run `work` and die by SIGKILL right before its `point`-th change of the file system, counted from 0."""
    passed = 0

    def die(event: str, _: object) -> None:
        nonlocal passed
        if event.startswith(WATCHED):
            passed += 1
            if passed == point + 1:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die)
    work()
    os._exit(0)  # an audit hook cannot be removed, so nothing more may happen here


def crash(_: Connection, point: int, work: Callable[..., None], *arguments: object) -> None:
    """For `child`: `work(*arguments)`, killed at `point`. Ends with status 0 once `point` lies behind the work's end."""
    killed_at(point, lambda: work(*arguments))
