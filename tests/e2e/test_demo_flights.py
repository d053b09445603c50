"""The demo on real flights: the storm and the sensor's error are told as what they are, the injected fault is held."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytestmark = pytest.mark.slow

TIDEGATE = str(Path(sys.executable).parent / "tidegate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = tmp_path_factory.mktemp("demo") / "flights"
    done = subprocess.run(
        [TIDEGATE, "demo", "--data", "flights", "--keep", str(kept)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return kept


def ask(folder: Path, *words: str) -> Any:
    done = subprocess.run(
        [TIDEGATE, *words, "--json", "--quiet", "--project", str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_january_and_the_calm_days_pass(folder: Path) -> None:
    versions = {v["number"]: v["state"] for v in ask(folder, "versions")["versions"]}
    assert versions[1] == versions[2] == "retired"
    assert versions[6] == "held"
    assert versions[7] == "published"


def test_the_storm_is_told_with_its_size_and_severity(folder: Path) -> None:
    incidents = {i["version"]: i for i in ask(folder, "incidents", "list", "--all")["incidents"]}
    for number, day in ((3, "2013-02-08"), (4, "2013-02-09")):
        storm = incidents[number]
        root = storm["findings"][0]
        assert root["dataset"] == "raw.flights"
        assert root["kind"] == "nulls"
        assert root["interval"]["start"].startswith(day)
        with duckdb.connect(str(folder / f"warehouse/versions/{number:06d}/flights.duckdb"), read_only=True) as con:
            (share,) = con.execute(
                f"select avg(({root['column']} is null)::int) from raw.flights where scheduled_at::date = '{day}'"
            ).fetchone() or (None,)
        assert root["observed"] == pytest.approx(share, abs=0.01)
        assert root["slice"] is not None or root["spread"]
        assert storm["severity"] == "sev3"
        assert storm["resolution"] == "expected"
        assert "storm" in ask(folder, "incidents", "show", str(storm["number"]))["timeline"][-1]["data"]["reason"]


def test_a_real_error_of_a_sensor_is_found(folder: Path) -> None:
    incidents = [i for i in ask(folder, "incidents", "list", "--all")["incidents"] if i["version"] == 5]
    assert [i["findings"][0]["column"] for i in incidents] == ["wind_speed"]


def test_the_injected_fault_is_held_with_its_slice(folder: Path) -> None:
    (fault,) = [i for i in ask(folder, "incidents", "list", "--all")["incidents"] if i["version"] == 6]
    root = fault["findings"][0]
    assert root["dataset"] == "raw.flights"
    assert root["column"] == "dep_delay"
    assert root["slice"]["segment"] == {"column": "origin", "value": "EWR"}
    assert fault["resolution"] == "fixed"
