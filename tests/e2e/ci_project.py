"""A dlt and dbt project as a team has it in git: the demo's shop with its tools, tests, a contract and sample data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from tidegate.kit.shop.generate import deliver, write_project

BIN = Path(sys.executable).parent
DAYS = 20

PYPROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11,<3.14"

[tool.ruff]
line-length = 130
lint.select = ["E", "F", "I"]

[tool.mypy]
files = ["ingest"]
follow_imports = "skip"

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
"""

TEST = """\
from datetime import datetime, timezone

from ingest.shop import utc


def test_times_of_the_shop_are_utc() -> None:
    assert utc(b"2026-01-02 03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
"""

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: revenue
name: Revenue
version: 1.0.0
status: active
schema:
  - name: mart_daily_revenue
    physicalName: analytics.mart_daily_revenue
    properties:
      - {name: order_date, logicalType: date, required: true}
      - {name: country, logicalType: string, required: true}
      - {name: revenue, logicalType: number}
"""


def make(folder: Path) -> Path:
    """Write the project, load 20 days of its source with dlt, keep what came as samples, and commit everything."""
    write_project(folder)
    deliver(folder, through=DAYS)
    with tempfile.TemporaryDirectory() as home:  # or dlt goes on where the last project of this name was
        env = {**os.environ, "DLT_DATA_DIR": home}
        subprocess.run([sys.executable, "ingest/shop.py"], cwd=folder, env=env, check=True, capture_output=True)
    with duckdb.connect(str(folder / "shop.duckdb")) as database:
        tables = database.execute(
            "select table_name from duckdb_tables() where schema_name = 'raw' and table_name not like '\\_dlt%' escape '\\'"
        ).fetchall()
        assert len(tables) == 5
        (folder / "samples" / "raw").mkdir(parents=True)
        for (name,) in tables:
            database.execute(f"copy raw.{name} to '{folder}/samples/raw/{name}.parquet' (format parquet)")
    (folder / "shop.duckdb").unlink()
    shutil.rmtree(folder / "source")
    write(folder, "pyproject.toml", PYPROJECT)
    write(folder, "tests/test_shop.py", TEST)
    write(folder, "contracts/revenue.odcs.yaml", CONTRACT)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "Begin")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Team", "-c", "user.email=team@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def environment() -> dict[str, str]:
    """What a runner has: the tools that the install step puts there stand first in PATH."""
    return {**os.environ, "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])}
