"""What the short commands cost: `tidegate --help`, and `tidegate status` on projects with a long past (CPU seconds)."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tidegate.ports import NewEvent
from tidegate.state.sqlite import SQLiteStateStore

PAST = (10, 100, 1000)


def main(argv: list[str]) -> int:
    """Print a table: the least CPU of several starts, because whatever else runs on the machine only adds to it.

    `as it is` takes the environment as it is; without byte code (PYTHONDONTWRITEBYTECODE) every start compiles every
    module. `with byte code` is what a user has from the second start on.
    """
    parser = argparse.ArgumentParser(prog="python -m bench startup")
    parser.add_argument("--runs", type=int, default=7, help="starts of each; the least counts")
    runs = parser.parse_args(argv).runs
    program = str(Path(sys.executable).parent / "tidegate")
    print("| CPU s | as it is | with byte code |\n|---|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        compiled = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        compiled.pop("PYTHONDONTWRITEBYTECODE", None)
        rows = [("a bare interpreter", [sys.executable, "-c", ""]), ("`tidegate --help`", [program, "--help"])]
        for count in PAST:
            project = _project(Path(folder) / str(count), count)
            command = [program, "status", "--quiet", "--project", str(project)]
            rows.append((f"`tidegate status` after {count:,} runs", command))
        for name, command in rows:
            _cpu_s(command, compiled)
            print(f"| {name} | {_least(command, dict(os.environ), runs):.3f} | {_least(command, compiled, runs):.3f} |")
    return 0


def _least(command: list[str], environment: dict[str, str], runs: int) -> float:
    return min(_cpu_s(command, environment) for _ in range(runs))


def _cpu_s(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _project(folder: Path, runs: int) -> Path:
    """A project with a ledger of that many published runs, each a day after the other."""
    folder.mkdir(parents=True)
    (folder / "tidegate.yml").write_text("version: 1\n", encoding="utf-8")
    store = SQLiteStateStore(folder / ".tidegate" / "state.db", create=True)
    first = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(1, runs + 1):
        store.append(_run(number, first + timedelta(days=number)))
    store.close()
    return folder


def _run(number: int, at: datetime) -> list[NewEvent]:
    def event(what: str, subject: str, **data: object) -> NewEvent:
        return NewEvent(at=at, kind=what, subject=subject, actor="bench", data=data)

    run, version, parent = f"run:{number}", f"version:{number}", number - 1 or None
    return [
        event("run.started", run, version=number),
        event("version.begun", version, parent=parent, run=str(number), code_revision=None),
        event("version.sealed", version, fingerprint=f"{number:x}"),
        event("version.judged", version, action="publish", because=["fine"]),
        event("run.finished", run, status="published", reason="fine"),
        event("version.published", version, previous=parent, kind="publish", reason="fine"),
    ]
