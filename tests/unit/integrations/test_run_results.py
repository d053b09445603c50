"""run_results.json: dbt's own class reads it, and finds dbt's tests with their ids and words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.integrations.reports import made
from tidegate.integrations import run_results

READ = """
import sys
from dbt.artifacts.schemas.run import RunResultsArtifact
found = RunResultsArtifact.read_and_check_versions(sys.argv[1])
print(found.metadata.dbt_schema_version, found.elapsed_time, found.args["which"])
for result in found.results:
    print(result.unique_id, repr(result.status), result.failures, result.compiled)
"""


def text() -> str:
    return run_results.render(made(), invocation_id="0-1", command=["tidegate", "check", "-s", "tag:a"])


def test_dbts_own_tests_and_no_others() -> None:
    document = json.loads(text())
    assert [(r["unique_id"], r["status"], r["failures"]) for r in document["results"]] == [
        ("test.shop.unique_id", "pass", 0),
        ("test.shop.positive", "warn", 3),
        ("test.shop.add up", "skipped", None),
    ]
    assert document["args"]["invocation_command"] == "tidegate check -s tag:a"
    assert document["metadata"]["generated_at"] == "2026-03-01T06:00:00.000000Z"
    assert [r["message"] for r in document["results"]] == [None, "3 rows", "dbt did not run it"]


@pytest.mark.slow
def test_dbt_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "run_results.json"
    path.write_text(text(), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    head, *results = done.stdout.splitlines()
    assert head == "https://schemas.getdbt.com/dbt/run-results/v6.json 1.25 test"
    assert results[0] == "test.shop.unique_id <TestStatus.Pass: 'pass'> 0 False"
    assert len(results) == 3
