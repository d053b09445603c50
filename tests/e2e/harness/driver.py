"""The process that commands are forked from: it has imported everything and opened nothing, so a fork costs milliseconds.

As a program it reads orders from its standard input, one JSON object a line, and answers each with one line: what the
forked process told and how it ended. It kills it from outside when the order says so. `Driver` is the other side.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.harness.attempts import Order, obey
from tidegate.config import load

ROOT = Path(__file__).parents[3]

PATIENCE_S = 120.0
"""A command that takes longer hangs. Far more than any takes, so that no slow machine fails."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one process told before it ended, and how that was: `code` is negative when a signal ended it.

    `deeds_at` says how many watched events there had been when a stage was first reached.
    """

    order: Order
    code: int
    stages: tuple[str, ...] = ()
    deeds_at: Mapping[str, int] = field(default_factory=dict)
    accepted: tuple[tuple[int, str, str], ...] = ()
    strays: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def ended(self) -> str | None:
        """How the command ended: publish, hold, published, checked; None when it was killed or refused."""
        return self.facts.get("ended")

    @property
    def error(self) -> str | None:
        return self.facts.get("error")


class Driver:
    """Gives orders to a driver process, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def give(self, order: Order) -> Report:
        """Have one command carried out, or killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.dumps() + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the driver process is gone; its traceback is above"
        answer = json.loads(line)
        assert answer["code"] in {0, -signal.SIGKILL}, answer
        assert answer["in_time"], f"the command hung: {answer}"
        return Report(
            order=order,
            code=answer["code"],
            stages=tuple(answer["stages"]),
            deeds_at=answer["deeds_at"],
            accepted=tuple((i, k, s) for i, k, s in answer["accepted"]),
            strays=tuple(answer["strays"]),
            facts=answer["facts"],
            wall_s=answer["wall_s"],
        )


@contextmanager
def driver() -> Iterator[Driver]:
    """A driver process; it and all that it forked have ended when this is left."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a fork must not lose threads
    command = [sys.executable, "-m", "tests.e2e.harness.driver"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_S)


# --- the other side --------------------------------------------------------------------------------------------------


def serve() -> None:
    """Fork a process per order until there are no more."""
    import_everything()
    for line in sys.stdin:
        answer = forked(Order(**json.loads(line)))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def import_everything() -> None:
    """Import what a first run imports on its way, so that no fork has to: a fork tells the names. The types of the settings,
    which are looked into when a file is first read, are so before any fork.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tidegate.yml").write_text(
            'version: 1\nchecks: [{table: main.a, rule: "batch < 9", on_fail: quarantine}]\n'
        )
        for name in forked(Order(do="run", root=folder), names=True)["facts"]["modules"]:
            importlib.import_module(name)
        load(Path(folder))


def forked(order: Order, *, names: bool = False) -> dict[str, Any]:
    """Run one order in a fork; collect what it tells until it is dead."""
    read_end, write_end = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        be_the_command(order, write_end, names=names)
    os.close(write_end)
    told, in_time = listen(read_end, pid, order.after_s)
    _, status = os.waitpid(pid, 0)
    lines = [json.loads(line) for line in told.decode().splitlines(keepends=True) if line.endswith("\n")]
    return {
        "code": os.waitstatus_to_exitcode(status),
        "in_time": in_time,
        "wall_s": time.monotonic() - began,
        "stages": [fact["stage"] for fact in lines if "stage" in fact],
        "deeds_at": {fact["stage"]: fact["deeds"] for fact in reversed(lines) if "stage" in fact},
        "accepted": [event for fact in lines for event in fact.get("accepted", ())],
        "strays": [pid for fact in lines for pid in fact.get("strays", ())],
        "facts": {k: v for fact in lines for k, v in fact.items() if k not in {"stage", "accepted", "strays"}},
    }


def be_the_command(order: Order, write_end: int, *, names: bool) -> None:
    """Never returns. With `names` it tells at last which modules it had to import."""
    code = 1
    before = set(sys.modules)
    try:
        obey(order, lambda fact: tell(write_end, fact))
        if names:
            tell(write_end, {"modules": sorted(set(sys.modules) - before)})
        code = 0
    except Exception:  # noqa: BLE001  it must not get out of the fork, into the driver's own loop
        traceback.print_exc()
    finally:
        os._exit(code)


def tell(write_end: int, fact: Mapping[str, object]) -> None:
    """One fact, in one write: it is there as a whole or not at all."""
    os.write(write_end, json.dumps(fact).encode() + b"\n")


def listen(read_end: int, pid: int, after_s: float | None) -> tuple[bytes, bool]:
    """Everything that is told until the other end is closed. Kills the process when its time has come, which is counted
    from its first word on; False when it hung instead.
    """
    told, kill_at, killed = b"", None, False
    patient_until = time.monotonic() + PATIENCE_S
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        while True:
            if after_s is not None and kill_at is None and told:
                kill_at = min(patient_until, time.monotonic() + after_s)
            until = kill_at or patient_until
            if not killed and not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
                killed = True
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            data = pipe.read(65536)
            if not data:
                return told, not killed or kill_at is not None
            told += data


if __name__ == "__main__":
    serve()
