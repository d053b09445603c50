"""The program that runs the system on this machine: how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from local import __main__ as program


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Whoever runs the tests has handlers of their own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_whatever_ends_it_what_it_started_is_ended(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed terminal too: moto and the poller are in sessions of their own and would stay."""
    ended = []

    def up(_: argparse.Namespace) -> int:
        try:
            os.kill(os.getpid(), number)
            time.sleep(30)
        finally:
            ended.append("moto")
        return 0

    monkeypatch.setitem(program.COMMANDS, "up", up)
    monkeypatch.setattr(sys, "argv", ["local", "up"])
    assert program.main() == 130
    assert ended == ["moto"]
