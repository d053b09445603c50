"""W, the 60 checks, by Tidegate and by its peers: each in its own process and environment on the same DuckDB file.

CPU seconds (user + system) of the process tree from its start to its end, medians of interleaved runs.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import peer_dbt, peer_soda
from bench.process import Command, Spent, alone, cpu, interleaved, rss, run, wall
from bench.workload import as_data

OURS = "Tidegate"
PACKAGES = {
    "cuallee": ("cuallee==0.15.4", "duckdb==2.0.0", "pandas"),
    "soda4": ("soda-core==4.28.0", "soda-duckdb==4.28.0", "duckdb==2.0.0"),
    "soda3": ("soda-core-duckdb==3.5.6",),
}
AFTERWARDS = {"soda3": ("duckdb==2.0.0",)}
"""Put in whatever the package requires: Soda 3 asks for DuckDB 1.0, and all are to run on the same engine."""

QUIET = {"SODA_CORE_TELEMETRY_ENABLED": "false", "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
SODA3_QUIET = "send_anonymous_usage_stats: false\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """How a peer is started, how its output tells the number of checks, and what it leaves out or does differently."""

    command: Command
    counted: str
    remark: str = ""


def peers(folder: Path, path: Path, venvs: Path) -> dict[str, Peer]:
    """Write what each peer reads below the folder, and say how it is started."""
    checks = folder / "w.json"
    checks.write_text(json.dumps(as_data()), encoding="utf-8")
    peer_dbt.project(folder / "dbt", path)
    peer_soda.contract(folder / "soda4", path)
    peer_soda.scan(folder / "soda3", path)
    (folder / ".soda").mkdir(exist_ok=True)
    (folder / ".soda" / "config.yml").write_text(SODA3_QUIET, encoding="utf-8")
    return {
        OURS: Peer(command=alone("w", path), counted=r"(\d+) checks in"),
        "cuallee 0.15.4": _cuallee(folder, path, venvs, checks),
        "Soda Core 4.28.0": _soda4(folder, venvs),
        "Soda Core 3.5.6": _soda3(folder, venvs),
        "dbt test": _dbt(folder),
    }


def _cuallee(folder: Path, path: Path, venvs: Path, checks: Path) -> Peer:
    arguments = [venvs / "cuallee/bin/python", Path(__file__).parent / "peer_cuallee.py", path, checks]
    remark = "no relationships, freshness, row count; pairs by approximate counts; distinct counts exact"
    return Peer(command=_command(arguments, folder), counted=r"(\d+) checks", remark=remark)


def _soda4(folder: Path, venvs: Path) -> Peer:
    arguments = [venvs / "soda4/bin/soda", "contract", "verify", "-ds", "source.yml", "-c", "contract.yml"]
    return Peer(command=_command(arguments, folder / "soda4"), counted=r"Passed\s*\|\s*(\d+)")


def _soda3(folder: Path, venvs: Path) -> Peer:
    arguments = [venvs / "soda3/bin/soda", "scan", "-d", "shop", "-c", "configuration.yml", "checks.yml"]
    command = _command(arguments, folder / "soda3", {"HOME": str(folder)})
    return Peer(command=command, counted=r"(\d+)/\d+ checks? PASSED", remark="with DuckDB 2.0.0 put in by force")


def _dbt(folder: Path) -> Peer:
    arguments = [Path(sys.executable).parent / "dbt", "--no-use-colors", "test", "--profiles-dir", "."]
    remark = "own generic tests for what dbt_utils brings; parsed before the first run"
    return Peer(command=_command(arguments, folder / "dbt"), counted=r"PASS=(\d+)", remark=remark)


def _command(arguments: Sequence[object], folder: Path, more: Mapping[str, str] | None = None) -> Command:
    environment = {**QUIET, "PYTHONPATH": "", **(more or {})}
    return Command(arguments=[str(a) for a in arguments], folder=folder, environment=environment, fine=(0, 1, 2))


def install(venvs: Path) -> None:
    """Make the environments that are missing; one that cannot be made is left out of the measurement."""
    for name, packages in PACKAGES.items():
        python = venvs / name / "bin" / "python"
        if python.exists():
            continue
        venvs.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(venvs / name)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        done = subprocess.run([*pip, *packages], check=False)
        if done.returncode == 0 and name in AFTERWARDS:
            subprocess.run([*pip, "--no-deps", *AFTERWARDS[name]], check=False)


def count(peer: Peer, spent: Spent) -> int:
    found = re.findall(peer.counted, spent.output)
    return int(found[-1]) if found else 0


def main(argv: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench peers", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder in which the data stays for the next time")
    parser.add_argument(
        "--venvs", type=Path, required=True, help="the folder of the peers' environments; made if missing"
    )
    parser.add_argument("--only", nargs="*", help="names that contain one of these")
    parser.add_argument("--output", action="store_true", help="show what each one prints")
    said = parser.parse_args(argv)
    install(said.venvs)
    with tempfile.TemporaryDirectory() as scratch:
        path = (said.keep or Path(scratch)).absolute() / f"orders_{said.rows}.duckdb"
        run(alone("prepare", path, str(said.rows)))
        found = peers(Path(scratch), path, said.venvs.absolute())
        _table(_chosen(found, said.only), said.runs, output=said.output)
    return 0


def _chosen(found: dict[str, Peer], only: Sequence[str] | None) -> dict[str, Peer]:
    """Those that are asked for and could be installed; ours always."""
    asked = {n: p for n, p in found.items() if n == OURS or not only or any(o in n for o in only)}
    there = {n: p for n, p in asked.items() if Path(p.command.arguments[0]).exists()}
    for name in asked.keys() - there.keys():
        print(f"not installed: {name}")
    return there


def _table(found: Mapping[str, Peer], runs: int, *, output: bool) -> None:
    warm = {name: run(peer.command) for name, peer in found.items()}
    for name, first in warm.items() if output else ():
        print(f"## {name}, exit status {first.code}\n{first.output}")
    spent = interleaved({name: peer.command for name, peer in found.items()}, runs)
    ours = cpu(spent[OURS])
    print("| | CPU s | wall s | ÷ ours | peak memory, GB | checks | |\n|---|--:|--:|--:|--:|--:|---|")
    for name, peer in found.items():
        each = spent[name]
        print(
            f"| {name} | {cpu(each):.2f} | {wall(each):.2f} | {cpu(each) / ours:.1f} | {rss(each):.2f}"
            f" | {count(peer, warm[name])} | {peer.remark} |"
        )
