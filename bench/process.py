"""One command as its own process: what it and all its children cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """CPU seconds (user + system) and peak resident memory of the process tree, and what it printed."""

    cpu_s: float
    wall_s: float
    rss_gb: float
    code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is started. `fine` are the exit statuses that do not end the measurement."""

    arguments: Sequence[str]
    folder: Path = ROOT
    environment: Mapping[str, str] | None = None
    fine: Sequence[int] = (0,)


def alone(work: str, path: Path, *more: str) -> Command:
    """One work of `bench.alone` in its own process."""
    return Command(arguments=[sys.executable, "-m", "bench.alone", work, str(path), *more])


def run(command: Command) -> Spent:
    """Start the command and wait for it.

    Linux hands a new process its parent's peak memory: keep the one that calls this small, or the numbers are its own.

    Raises:
        SystemExit: it ended with a status that is not fine.
    """
    environment = {**os.environ, **(command.environment or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command.arguments, cwd=command.folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if child.returncode not in command.fine:
        sys.stderr.write(said[-4000:])
        raise SystemExit(f"{' '.join(command.arguments)} ended with {child.returncode}")
    return Spent(
        cpu_s=usage.ru_utime + usage.ru_stime,
        wall_s=time.perf_counter() - start,
        rss_gb=usage.ru_maxrss / 1024**2,
        code=child.returncode,
        output=said,
    )


def interleaved(commands: Mapping[str, Command], runs: int) -> dict[str, list[Spent]]:
    """Run each in turn, `runs` times."""
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            spent[name].append(run(command))
    return spent


def cpu(spent: Sequence[Spent]) -> float:
    return statistics.median(s.cpu_s for s in spent)


def wall(spent: Sequence[Spent]) -> float:
    return statistics.median(s.wall_s for s in spent)


def rss(spent: Sequence[Spent]) -> float:
    return max(s.rss_gb for s in spent)
