"""What `tidegate run` costs over running the same dlt and dbt by hand, on the demo's shop (CPU seconds)."""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tidegate.kit.shop import generate

BIN = Path(sys.executable).parent
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def main(argv: list[str]) -> int:
    """Play the same days both ways, in turn, and print a table of medians."""
    parser = argparse.ArgumentParser(prog="python -m bench overhead")
    parser.add_argument("--days", type=int, default=5, help="daily runs after the first load of 80 days")
    parser.add_argument("--tests", choices=("tidegate", "dbt"), default="tidegate", help="who evaluates dbt's tests")
    asked = parser.parse_args(argv)
    days = asked.days
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "tidegate", Path(folder) / "by-hand"
        for project in (ours, theirs):
            project.mkdir()
            generate.write_project(project)
            generate.deliver(project, through=80)
        _let_test(ours, asked.tests)
        first = _both(ours, theirs)
        daily = []
        for through in range(81, 81 + days):
            for project in (ours, theirs):
                generate.deliver(project, through=through)
            daily.append(_both(ours, theirs))
        copy = _copy(ours)
    print("| | by hand | `tidegate run` | overhead |\n|---|--:|--:|--:|")
    _row("first load, 80 days", *first)
    _row(f"daily run (median of {days})", *(statistics.median(column) for column in zip(*daily, strict=True)))
    print(f"\nCopying the warehouse once took {copy:.3f} CPU s, contained in the overhead.")
    return 0


def _let_test(project: Path, who: str) -> None:
    file = project / "tidegate.yml"
    before = file.read_text(encoding="utf-8")
    after = before.replace("dbt: transform}", f"dbt: transform, tests: {who}}}")
    if after == before:
        raise SystemExit(f"{file} has no step `dbt: transform`")
    file.write_text(after, encoding="utf-8")


def _row(name: str, by_hand: float, with_gate: float) -> None:
    print(f"| {name} | {by_hand:.2f} | {with_gate:.2f} | {with_gate / by_hand - 1:+.1%} |")


def _both(ours: Path, theirs: Path) -> tuple[float, float]:
    """CPU seconds of one run by hand and of one with Tidegate."""
    environment = QUIET | {"DBT_PROFILES_DIR": str(theirs / "transform"), "PIPELINES_DIR": str(theirs / ".pipelines")}
    by_hand = _cpu_s([sys.executable, "ingest/shop.py"], theirs, environment)
    by_hand += _cpu_s([str(BIN / "dbt"), "build"], theirs / "transform", environment)
    return by_hand, _cpu_s([str(BIN / "tidegate"), "run", "--quiet"], ours, QUIET)


def _cpu_s(command: list[str], folder: Path, more: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=os.environ | more, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _copy(project: Path) -> float:
    live = (project / "warehouse" / "live").resolve()
    before = resource.getrusage(resource.RUSAGE_SELF)
    shutil.copytree(live, project / "copy")
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
