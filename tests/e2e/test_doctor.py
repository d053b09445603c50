"""The doctor as users start it: exit statuses and formats, what `--deep` finds by running a copy, and the hooks for others."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.doctor.sound_project import BASE

ROOT = Path(__file__).parents[2]
TIDEGATE = Path(sys.executable).with_name("tidegate")
LOAD = """\
import json
from pathlib import Path

import dlt
from missing_package import nothing


@dlt.resource(write_disposition="append")
def orders():
    yield [json.loads(line) for line in (Path(__file__).parent / "orders.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    pipeline = dlt.pipeline(pipeline_name="shop", destination="duckdb", dataset_name="raw")
    pipeline.run(orders())
"""
ORDERS = "".join(
    json.dumps({"order_id": n, "ordered_at": f"2026-03-{1 + n % 9:02d}T{n % 24:02d}:30:00Z", "amount": n}) + "\n"
    for n in range(48)
)
STAGING = "select order_id, ordered_at, amount from {{ source('raw', 'orders') }}"
MART = "select cast(ordered_at as date) as day, count(*) as orders from {{ ref('stg_orders') }} group by 1"
IN_UTC = MART.replace("cast(ordered_at as date)", "cast(ordered_at at time zone 'UTC' as date)")
PROJECT = {
    "orders.jsonl": ORDERS,
    "transform/dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\n",
    "transform/profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ../shop.duckdb, schema: analytics}\n",
    "transform/models/sources.yml": "sources:\n  - name: raw\n    tables: [{name: orders}]\n",
    "transform/models/stg_orders.sql": STAGING,
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


def doctor(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(TIDEGATE), "doctor", "--project", str(folder), "--quiet", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def deep(folder: Path) -> dict[str, list[dict[str, Any]]]:
    told = json.loads(doctor(folder, "--deep", "--json").stdout)
    assert not {c for c in told["unchecked"] if c.startswith("deep")}, told["unchecked"]
    found: dict[str, list[dict[str, Any]]] = {}
    for breach in told["breaches"]:
        if breach["code"].startswith("deep"):
            found.setdefault(breach["code"], []).append(breach)
    return found


def test_exit_statuses_and_formats(tmp_path: Path) -> None:
    sound = write(tmp_path / "sound", dict(BASE))
    told = doctor(sound)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines()[-1].startswith("0 findings by ")
    (sound / "Dockerfile").write_text(BASE["Dockerfile"].replace("USER app\n", ""), encoding="utf-8")
    told = doctor(sound, "--format", "github", "--format", f"sarif={tmp_path / 'out.sarif'}")
    assert told.returncode == 1
    assert "::warning file=Dockerfile,line=8,title=docker-root::" in told.stdout
    assert json.loads((tmp_path / "out.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert doctor(sound, "--json").stdout.startswith('{\n  "schema_version": 1,\n  "kind": "doctor"')
    assert "docker-root" in doctor(sound, "--format", "markdown").stdout
    empty = tmp_path / "empty"
    empty.mkdir()
    assert doctor(empty).returncode == 2
    assert doctor(sound, "--format", "junit").returncode == 2


@pytest.mark.slow
def test_deep_finds_what_only_running_shows(tmp_path: Path) -> None:
    faulty = write(tmp_path, PROJECT | {"load.py": LOAD.replace("from missing_package import nothing\n", ""), "report.py": "import json\nimport missing_package\n",
                                        "transform/models/mart_days.sql": MART})  # fmt: skip
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    found = deep(faulty)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before, "the project itself was written to"
    imports = {(b["path"], b["line"]): b["message"] for b in found["deep-cannot-import"]}
    assert "missing_package" in imports["report.py", 2]
    doubled = {b["path"]: b["message"] for b in found["deep-rerun"]}
    assert "has 96 rows after the second run and 48 after the first" in doubled["load.py"]
    (zoned,) = found["deep-time-zone"]
    assert zoned["path"] == "transform/models/mart_days.sql"
    assert "Pacific/Kiritimati" in zoned["message"]


@pytest.mark.slow
def test_deep_finds_nothing_where_nothing_is_wrong(tmp_path: Path) -> None:
    load = LOAD.replace("from missing_package import nothing\n", "").replace(
        'write_disposition="append"', 'write_disposition="merge", primary_key="order_id"'
    )
    sound = write(tmp_path, PROJECT | {"load.py": load, "transform/models/mart_days.sql": IN_UTC})
    found = deep(sound)
    assert {b["path"] for b in found.pop("deep-cannot-import", [])} == {"load.py"}, "no requirements name dlt"
    assert found == {}


def test_deep_runs_nothing_that_could_leave_the_copy(tmp_path: Path) -> None:
    profiles = "shop:\n  target: dev\n  outputs:\n    dev: {type: postgres, host: db, schema: analytics}\n"
    write(tmp_path, PROJECT | {"transform/profiles.yml": profiles})
    told = json.loads(doctor(tmp_path, "--deep", "--json").stdout)
    assert "postgres" in told["unchecked"]["deep-rerun"]


def hooks() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("hook", [h["id"] for h in hooks()])
def test_a_hook_passes_what_is_sound_and_stops_what_is_not(hook: str, tmp_path: Path) -> None:
    """pre-commit itself would build an environment from an index; its rules for calling an entry are applied here."""
    (said,) = [h for h in hooks() if h["id"] == hook]
    contract = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nschema:\n  - name: orders\n    properties:\n      - {name: order_id, logicalType: integer}\n"
    write(tmp_path, {**BASE, "orders.odcs.yaml": contract})
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)

    def called() -> int:
        program, *words = shlex.split(said["entry"])
        listed = subprocess.run(["git", "ls-files"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        files = [f for f in listed.split() if re.search(said.get("files", ""), f)]
        command = [str(TIDEGATE.with_name(program)), *words, *(files if said.get("pass_filenames", True) else [])]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert called() == 0
    (tmp_path / "orders.odcs.yaml").write_text(
        contract.replace("logicalType: integer", "logicalType: int"), encoding="utf-8"
    )
    (tmp_path / "ingest/shop.py").write_text(f'{BASE["ingest/shop.py"]}\npassword = "Xk29vQmz71b"\n', encoding="utf-8")
    assert called() == 1
