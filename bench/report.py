"""`tidegate ci report` on a generated project: real dbt builds it twice, with a change in between; then the report is timed."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import process

TIDEGATE = Path(sys.executable).with_name("tidegate")
SOURCES = 10
CONFIG = """\
version: 1
warehouse: {{database: big.duckdb}}
steps:
  - {{name: load, run: "{python} load.py"}}
  - {{name: transform, dbt: transform}}
"""
LOAD = """\
import os, duckdb
with duckdb.connect(os.environ["TIDEGATE_DATABASE"]) as database:
    database.execute("create schema if not exists raw")
    for n in range({sources}):
        database.execute(
            f"create or replace table raw.source_{{n}} as select i as id, i % 97 as customer_id, (i * {{n + 7}} % 9973) / 100.0 as amount,"
            f" ['a', 'b', 'c'][1 + i % 3] as kind, date '2026-01-01' + (i % 300)::int as day from range({rows}) t(i)"
        )
"""
PROJECT = "name: big\nversion: '1.0'\nprofile: big\nmodel-paths: [models]\nmodels: {big: {+materialized: table}}\n"
PROFILE = "big: {target: dev, outputs: {dev: {type: duckdb, path: ../big.duckdb, schema: analytics, threads: 2}}}\n"
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: last
version: 1.0.0
status: active
schema:
  - name: last
    physicalName: analytics.model_{last}
    properties: [{{name: id, logicalType: integer, required: {required}}}]
"""


def main(argv: list[str]) -> int:
    """Print a table. CPU is that of the whole process, children included."""
    parser = argparse.ArgumentParser(prog="python -m bench report")
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2_000, help="rows of each source")
    parser.add_argument("--runs", type=int, default=3)
    said = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "big"
        _write(root, said.models, said.rows)
        _build(root, "first")
        _change(root, said.models)
        _build(root, "second")
        found, costs = {}, list[process.Spent]()
        for _ in range(said.runs):
            words = [str(TIDEGATE), "ci", "report", "--json", "--quiet", "--project", str(root)]
            spent = process.run(process.Command(arguments=words, folder=root, fine=(1,)))
            found = json.loads(spent.output)
            costs.append(spent)
    assert found["verdict"] == "breaking"
    print("| models | tables | tests | tables that differ | downstream | CPU s (median, worst) | peak MB |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    cpu = [one.cpu_s for one in costs]
    spent = f"{statistics.median(cpu):.1f}, {max(cpu):.1f} | {1000 * max(one.rss_gb for one in costs):.0f}"
    tables = f"{found['compared']} | {said.models * 4} | {len(found['tables'])} | {len(found['reached'])}"
    print(f"| {said.models} | {tables} | {spent} |")
    return 0


def _write(root: Path, models: int, rows: int) -> None:
    """Models in layers of 20: each joins one of the layer before with another; four tests each."""
    folder = root / "transform" / "models"
    folder.mkdir(parents=True)
    (root / "contracts").mkdir()
    files = {
        "tidegate.yml": CONFIG.format(python=sys.executable),
        "load.py": LOAD.format(sources=SOURCES, rows=rows),
        ".gitignore": "warehouse/\n.tidegate/\ntarget/\nlogs/\n*.duckdb\n",
        "transform/dbt_project.yml": PROJECT,
        "transform/profiles.yml": PROFILE,
        "contracts/last.odcs.yaml": CONTRACT.format(last=models - 1, required="true"),
        "transform/models/sources.yml": "sources:\n  - name: raw\n    schema: raw\n    tables:\n"
        + "".join(f"      - name: source_{n}\n" for n in range(SOURCES)),
        "transform/models/models.yml": "models:\n" + "".join(_yaml(n) for n in range(models)),
    }
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    for n in range(models):
        (folder / f"model_{n}.sql").write_text(_sql(n), encoding="utf-8")
    _git(root, "init", "-q")


def _sql(n: int) -> str:
    if n < 20:
        one = other = f"{{{{ source('raw', 'source_{n % SOURCES}') }}}}"
    else:
        one, other = (f"{{{{ ref('model_{k}') }}}}" for k in (n - 20, n - 20 + (n % 2 and -(n % 20)) or n - 20))
    return (
        f"select a.id, a.customer_id, a.amount + {n} as amount, b.kind, a.day\nfrom {one} as a\n"
        f"join {other} as b on b.id = a.id\nwhere a.amount is not null\n"
    )


def _yaml(n: int) -> str:
    return (
        f"  - name: model_{n}\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n"
        "      - name: amount\n        data_tests: [not_null]\n"
        "      - name: kind\n        data_tests: [{accepted_values: {arguments: {values: [a, b, c]}}}]\n"
    )


def _change(root: Path, models: int) -> None:
    """One model of the second layer counts differently, one gets a column, and the contract promises less."""
    for n, old, new in ((25, "+ 25", "* 2"), (30, "a.day", "a.day, 1 as extra")):
        path = root / "transform" / "models" / f"model_{n}.sql"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    contract = root / "contracts" / "last.odcs.yaml"
    contract.write_text(CONTRACT.format(last=models - 1, required="false"), encoding="utf-8")


def _build(root: Path, message: str) -> None:
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", message)
    done = subprocess.run(
        [str(TIDEGATE), "run", "--quiet", "--project", str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr


def _git(root: Path, *words: str) -> None:
    said = ["git", "-C", str(root), "-c", "user.name=bench", "-c", "user.email=bench@example.com", *words]
    subprocess.run(said, check=True, capture_output=True)
