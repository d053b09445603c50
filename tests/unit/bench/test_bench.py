"""Every measurement still runs at a tiny size; nothing here looks at a time."""

from __future__ import annotations

import importlib
import json
from contextlib import closing
from pathlib import Path
from types import ModuleType
from unittest.mock import create_autospec

import duckdb
import pytest

from bench import (
    alone,
    checks,
    incidents,
    iot,
    judge,
    overhead,
    peer_cuallee,
    peer_dbt,
    peer_soda,
    peers,
    plan,
    process,
    reconcile,
    scan,
    startup,
)
from bench.__main__ import NAMES
from bench.workload import as_data, entries
from tidegate.model import IncidentState
from tidegate.state.sqlite import SQLiteStateStore

ROWS = 1000
BENCH = Path(checks.__file__).parent
HARNESS = BENCH.parents[1] / "shared" / "bench" / "detection"
"""Where the benchmark of detection lies beside a checkout; it is no part of the project."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bench")
    checks.prepare(made / f"orders_{ROWS}.duckdb", ROWS)
    return made


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / f"orders_{ROWS}.duckdb"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[process.Command]:
    """Starts no process: notes what would be started, and makes up what it cost."""
    started: list[process.Command] = []

    def run(command: process.Command) -> process.Spent:
        started.append(command)
        return process.Spent(cpu_s=1.0, wall_s=1.0, rss_gb=1.0, code=0, output="60 checks in 9 statements")

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(peers, "run", run)
    return started


@pytest.mark.parametrize("file", sorted(BENCH.glob("[!_]*.py")), ids=lambda file: file.stem)
def test_every_module_is_imported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if file.stem == "detection_faults":
        if not HARNESS.is_dir():
            pytest.skip(f"the faults are an extension of the benchmark of detection, which is not at {HARNESS}")
        monkeypatch.syspath_prepend(str(HARNESS))
    assert isinstance(importlib.import_module(f"bench.{file.stem}"), ModuleType)


@pytest.mark.parametrize("name", NAMES)
def test_every_measurement_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(f"bench.{name}").main(["--help"])
    assert stopped.value.code == 0
    assert f"python -m bench {name}" in capsys.readouterr().out


def test_scan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan.main(["--rows", str(ROWS), "--runs", "1", "--folder", str(folder)]) == 0
    assert "| SUMMARIZE |" in capsys.readouterr().out


def test_checks(folder: Path, at_once: list[process.Command], capsys: pytest.CaptureFixture[str]) -> None:
    said = ["--rows", str(ROWS), "--runs", "1", "--keep", str(folder)]
    assert checks.main([*said, "--by-statement"]) == 0
    printed = capsys.readouterr().out
    assert "60 checks in" in printed
    assert "not passed: none" in printed
    assert checks.main([*said, "--alone"]) == 0
    assert "| 60 checks, our plan | 1.00 |" in capsys.readouterr().out
    assert {command.arguments[3] for command in at_once} <= set(alone.WORKS)


@pytest.mark.parametrize("work", sorted(alone.WORKS.keys() - {"prepare", "prepare-wide"}))
def test_each_work_alone(work: str, path: Path) -> None:
    assert alone.WORKS[work](path)


def test_a_process_is_measured(path: Path) -> None:
    spent = process.run(process.alone("touch", path))
    assert spent.output == "touched\n"
    assert spent.cpu_s > 0
    assert spent.rss_gb > 0


def test_a_process_that_fails_ends_the_measurement(path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with 1"):
        process.run(process.alone("nothing", path))


def test_plan(at_once: list[process.Command], capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--tables", "2", "--checks", "40", "--columns", "16", "--rows", "10", "--runs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "| full profile | 1.00 | 1.00 |" in printed
    assert "40 checks, 2 tables" in printed
    assert "not passed" not in printed
    assert {command.arguments[3] for command in at_once} <= set(alone.WORKS)


def test_the_wide_table_has_its_columns(tmp_path: Path) -> None:
    plan.write_wide(tmp_path / "wide.duckdb", columns=16, rows=10)
    with duckdb.connect(tmp_path / "wide.duckdb") as connection:
        assert len(connection.execute("describe orders").fetchall()) == 16


def test_overhead(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(overhead.generate, "deliver", create_autospec(overhead.generate.deliver))
    said: list[str] = []

    def cpu_s(command: list[str], folder: Path, more: dict[str, str]) -> float:
        if "run" in command:
            said.append((folder / "tidegate.yml").read_text(encoding="utf-8"))
        return 1.0

    monkeypatch.setattr(overhead, "_cpu_s", cpu_s)
    monkeypatch.setattr(overhead, "_copy", lambda project: 0.1)
    assert overhead.main(["--days", "1", "--tests", "dbt"]) == 0
    assert all("- {name: transform, dbt: transform, tests: dbt}" in text for text in said)
    assert len(said) == 2
    assert "| daily run (median of 1) | 2.00 | 1.00 | -50.0% |" in capsys.readouterr().out


def test_startup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(startup, "PAST", (2,))
    monkeypatch.setattr(startup, "_cpu_s", lambda command, environment: 1.0)
    assert startup.main(["--runs", "1"]) == 0
    assert "after 2 runs | 1.000 |" in capsys.readouterr().out


def test_iot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(iot, "_import_s", lambda: 0.184)
    assert iot.main(["--devices", "20", "--ticks", "3"]) == 0
    printed = capsys.readouterr().out
    assert "| 0% | 60 |" in printed
    assert "cold import: 184 ms" in printed


def test_judge(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge.main(["--series", "60", "--buckets", "40", "--tables", "2", "--runs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "| daily run, 60 series, 40 days |" in printed
    assert "| first run, 60 series, 40 days |" in printed
    assert "2 tables of 60 series and 40 days" in printed


def test_what_is_judged_is_judged_as_a_whole_too(monkeypatch: pytest.MonkeyPatch) -> None:
    known, now = judge.table(60, 40)
    assert len(judge.judge_table(known, now=now, settings=judge.SETTINGS)) == 0
    seen = create_autospec(judge.unlike.study, side_effect=judge.unlike.study)
    monkeypatch.setattr(judge.unlike, "study", seen)
    judge.judge_table(known, now=now, settings=judge.SETTINGS)
    assert seen.call_count == 1


def test_incidents(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(incidents, "_cpu_s", lambda command, environment: 1.0)
    assert incidents.main(["--tables", "20", "--findings", "40", "--incidents", "10", "--runs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "40 findings of all kinds, 20 tables: group into" in printed
    assert "`tidegate incidents list` | 1.000 |" in printed


def test_the_long_past_has_its_incidents(tmp_path: Path) -> None:
    incidents.long_past(tmp_path / "shop", 30)
    with closing(SQLiteStateStore(tmp_path / "shop" / ".tidegate" / "state.db")) as store:
        assert (store.count_incidents(), store.count_incidents([IncidentState.OPEN])) == (30, 3)


def test_peers(
    folder: Path, tmp_path: Path, at_once: list[process.Command], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(peers, "install", lambda venvs: None)
    said = ["--rows", str(ROWS), "--runs", "1", "--keep", str(folder), "--venvs", str(tmp_path)]
    assert peers.main([*said, "--only", "cuallee"]) == 0
    printed = capsys.readouterr().out
    assert "not installed: cuallee 0.15.4" in printed
    assert "| Tidegate | 1.00 | 1.00 | 1.0 | 1.00 | 60 |" in printed
    assert [command.arguments[3] for command in at_once] == ["prepare", "w", "w"]


def test_each_peer_is_asked_for_every_check(tmp_path: Path, path: Path) -> None:
    peer_dbt.project(tmp_path, path)
    peer_soda.contract(tmp_path, path)
    peer_soda.scan(tmp_path, path)
    (source,) = json.loads((tmp_path / "models" / "sources.yml").read_text())["sources"]
    assert _count(source["tables"][0], "data_tests") == 60
    assert _count(json.loads((tmp_path / "contract.yml").read_text()), "checks") == 60
    assert len(json.loads((tmp_path / "checks.yml").read_text())["checks for orders"]) == 60


def _count(owner: dict[str, list], key: str) -> int:
    return len(owner[key]) + sum(len(column[key]) for column in owner["columns"])


class Recorder:
    """Stands for cuallee's `Check`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str):
        return lambda *arguments, **more: self.asked.append(name)


def test_cuallee_is_asked_for_all_that_it_has() -> None:
    recorder = Recorder()
    for entry in as_data():
        peer_cuallee.add(recorder, entry)
    left_out = [e for e in entries() if e.group in {"relationships", "freshness", "row_count"}]
    assert len(recorder.asked) == 60 - len(left_out)


def test_a_comparison_moves_little_of_a_large_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile.main(["--rows", "300"]) == 0
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(lines) == 3 * 4
    by_size = {
        (line[0].strip("| "), line[1], line[2]): [int(n.strip(" |").replace(",", "")) for n in (line[3], line[7])]
        for line in lines
    }
    for (sides, key, rows), (differ, moved) in by_size.items():
        assert differ in {0, 3}, (sides, key, rows)
        assert moved <= 3 * 2 * 128
