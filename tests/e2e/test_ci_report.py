"""The report of what `tidegate ci run` built of production's code and of a change, with real dbt."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import ci_project
from tests.e2e.small_project import TIDEGATE

pytestmark = pytest.mark.slow


def tidegate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in ci_project.environment().items() if not k.startswith(("TIDEGATE_", "DBT_", "GITHUB_"))}
    command = [str(TIDEGATE), *words, "--project", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = ci_project.make(tmp_path_factory.mktemp("ci") / "shop")
    ci_project.git(folder, "checkout", "--quiet", "-b", "change")
    marts = folder / "transform" / "models" / "marts"
    for name, old, new in (
        ("mart_daily_revenue.sql", "sum(fee_amount)", "sum(fee_amount) filter (where country != 'DE')"),
        ("marts.yml", "data_tests: [unique, not_null]", "data_tests: [not_null]"),
    ):
        text = (marts / name).read_text(encoding="utf-8")
        assert old in text
        (marts / name).write_text(text.replace(old, new), encoding="utf-8")
    contract = folder / "contracts" / "revenue.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("logicalType: number", "logicalType: integer"), encoding="utf-8")  # fmt: skip
    (folder / "transform" / "models" / "marts" / "mart_untested.sql").write_text("select 1 as n\n", encoding="utf-8")
    ci_project.commit(folder, "Leave German fees out")
    for stage in ("build", "diff"):
        done = tidegate(folder, "ci", "run", stage, "--quiet")
        assert done.returncode in {0, 1}, done.stdout + done.stderr
    done = tidegate(folder, "ci", "report", "--json", "--quiet")
    assert done.returncode == 1, done.stderr
    return folder, json.loads(done.stdout)


def test_it_compares_the_two_builds(told: tuple[Path, dict[str, Any]]) -> None:
    _, found = told
    assert (found["base"], found["head"], found["untold"]) == ("production's code", "this change", [])
    assert found["verdict"] == "breaking"
    assert [c["what"] for one in found["contracts"] for c in one["changes"]] == [
        "its logical type was `number` and is `integer`"
    ]


def test_it_tells_what_differs_and_who_reads_it(told: tuple[Path, dict[str, Any]]) -> None:
    _, found = told
    assert {t["ref"]: t["state"] for t in found["tables"]} == {
        "analytics.mart_daily_revenue": "changed",
        "analytics.mart_untested": "added",
    }
    assert [c["column"] for c in found["columns"]] == ["payment_fees"]
    assert [(r["name"], r["owner"]) for r in found["reached"]] == [("finance_dashboard", "finance-data@example.com")]
    assert found["code"]["modified"] == ["model.shop.mart_daily_revenue"]
    assert found["code"]["added"] == ["model.shop.mart_untested"]


def test_it_tells_which_checks_went_and_what_doctor_finds_new(told: tuple[Path, dict[str, Any]]) -> None:
    _, found = told
    gone = {c["name"] for c in found["checks"] if c["what"] == "removed"}
    assert "unique_fct_orders_order_id" in gone
    assert any(f["path"].endswith("mart_untested.sql") for f in found["findings"]), found["findings"]
    assert {f["path"] for f in found["findings"]} <= {
        "transform/models/marts/mart_untested.sql",
        "transform/models/marts/marts.yml",
        "transform/models/marts/fct_orders.sql",
    }
    assert {c["what"] for c in found["costs"]} >= {"step transform, CPU", "scan, CPU", "version on disk, bytes"}


def test_it_builds_nothing(told: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = told
    before = {p: p.stat().st_mtime_ns for p in (folder / ".tidegate" / "ci").rglob("*.duckdb")}
    assert len(before) >= 2
    tidegate(folder, "ci", "report", "--quiet")
    assert {p: p.stat().st_mtime_ns for p in (folder / ".tidegate" / "ci").rglob("*.duckdb")} == before
