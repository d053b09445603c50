"""A version goes from staging to production with its evidence only; what is missing, changed or killed never reaches readers."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import duckdb
import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, assert_refused
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.slow

LINES = (
    "checks:",
    "  - {table: raw.orders, unique: order_id}",
    "environments:",
    "  dev: {warehouse: {path: warehouses/dev}, learned: 'off'}",
    "  staging: {warehouse: {path: warehouses/staging}}",
    "  prod:",
    "    promotion: {source: staging, approvals: {data-owner: [ana, ben], steward: []}}",
)
MORE = small_project.ORDERS.replace("range(100)", "range(104)")
WITH_A_COPY = small_project.ORDERS + "; insert into raw.orders select * from raw.orders where order_id = 1"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Production has a version, staging has one with four more orders that went through its gate."""
    project = small_project.make(tmp_path_factory.mktemp("promote") / "shop", *LINES)
    assert project.cli("run", "--environment", "prod").status == 0
    project.load(MORE)
    assert project.cli("run", "--environment", "staging").status == 0
    return project.root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> SmallProject:
    shutil.copytree(built, tmp_path / "shop", symlinks=True)
    return SmallProject(root=tmp_path / "shop")


def orders(project: SmallProject) -> int:
    return project.query("select count(*) from raw.orders")[0][0]


def approve(project: SmallProject, monkeypatch: pytest.MonkeyPatch, role: str, who: str) -> int:
    monkeypatch.setenv("TIDEGATE_ACTOR", who)
    told = project.cli("promote", "--to", "prod", "--approve", "--role", role, "--reason", "looked at the difference")
    monkeypatch.delenv("TIDEGATE_ACTOR")
    return told.status


def approve_all(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert approve(project, monkeypatch, "data-owner", "ana") == 0
    assert approve(project, monkeypatch, "steward", "cem") == 0


def kinds(project: SmallProject, subject: str = "") -> list[str]:
    store = SQLiteStateStore(project.root / ".tidegate" / "state.db", create=False)
    try:
        return [e.kind for e in store.events() if e.subject.startswith(subject)]
    finally:
        store.close()


def test_without_approvals_it_is_held_and_readers_see_what_they_saw(project: SmallProject) -> None:
    told = project.cli("promote", "--to", "prod")
    assert told.status == 1, told
    assert "nobody approved as `data-owner` (ana or ben may)" in told.out
    assert "nobody approved as `steward`" in told.out
    assert orders(project) == 100
    assert kinds(project, "promotion:") == ["promotion.held"]


def test_with_its_evidence_exactly_the_audited_bytes_are_published_and_rollback_takes_them_back(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_all(project, monkeypatch)
    plan = project.cli("promote", "--to", "prod", "--plan", "--json")
    assert plan.status == 0, plan
    evidence = plan.document["evidence"]
    assert evidence["missing"] == []
    assert evidence["against"] == 1
    assert evidence["outcomes"]["pass"] == 1
    assert {a["role"]: a["actor"] for a in evidence["approvals"]} == {"data-owner": "ana", "steward": "cem"}
    (table,) = [t for t in evidence["differences"] if t["state"] == "changed"]
    assert (table["old_rows"], table["new_rows"], table["added"]) == (100, 104, 4)
    told = project.cli("promote", "--to", "prod", "--json")
    assert told.status == 0, told
    assert told.document["decision"] == "published"
    assert orders(project) == 104
    published = project.cli("versions", "--environment", "prod", "--json").document["versions"][0]
    assert published["fingerprint"] == evidence["fingerprint"]
    again = project.cli("promote", "--to", "prod", "--json")
    assert (again.status, again.document["decision"]) == (0, "nothing")
    assert project.cli("rollback", "--environment", "prod").status == 0
    assert orders(project) == 100


def test_the_ledger_of_the_target_has_the_evidence(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    approve_all(project, monkeypatch)
    assert project.cli("promote", "--to", "prod", "--reason", "the weekly release").status == 0
    store = SQLiteStateStore(project.root / ".tidegate" / "state.db", create=False)
    started = [e for e in store.events() if e.kind == "run.started"][-1].data["promotion"]
    store.close()
    assert (started["source"], started["version"], started["against"]) == ("staging", 1, 1)
    assert [a["actor"] for a in started["approvals"]] == ["ana", "cem"]
    assert started["reason"] == "the weekly release"
    assert started["outcomes"] == {"pass": 1}
    assert started["changed"][0]["sample"] == []  # values of the data are not for the ledger
    assert project.cli("audit", "--environment", "prod").status == 0


def test_one_person_fills_one_role_and_only_who_may_approves(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert approve(project, monkeypatch, "data-owner", "cem") == 2
    assert approve(project, monkeypatch, "data-owner", "ana") == 0
    assert approve(project, monkeypatch, "steward", "ana") == 0
    told = project.cli("promote", "--to", "prod")
    assert told.status == 1
    assert "is counted for another role" in told.out
    # ben may be the owner, which leaves ana for the other role
    assert approve(project, monkeypatch, "data-owner", "ben") == 0
    assert project.cli("promote", "--to", "prod").status == 0


def test_bytes_that_were_changed_after_the_audit_are_refused(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_all(project, monkeypatch)
    database = project.root / "warehouses/staging/versions/000001/shop.duckdb"
    database.chmod(0o644)
    with duckdb.connect(str(database)) as connection:
        connection.execute("update raw.orders set amount = 0 where order_id = 7")
    told = project.cli("promote", "--to", "prod")
    assert told.status == 1, told
    assert "is not what was audited: somebody wrote to its database" in told.out
    assert orders(project) == 100


def test_a_version_that_the_gate_held_or_whose_check_failed_is_no_candidate(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.load(WITH_A_COPY)
    assert project.cli("run", "--environment", "staging").status == 1
    assert project.cli("publish", "2", "--environment", "staging", "--reason", "we know").status == 0
    approve_all(project, monkeypatch)
    told = project.cli("promote", "2", "--to", "prod", "--json")
    assert told.status == 1, told
    missing = " ".join(told.document["evidence"]["missing"])
    assert "the gate of staging held version 2" in missing
    assert "1 check did not pass: unique order_id on raw.orders" in missing
    assert orders(project) == 100


def test_an_approval_is_about_the_bytes_that_were_approved(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_all(project, monkeypatch)
    project.load(small_project.ORDERS.replace("range(100)", "range(105)"))
    assert project.cli("run", "--environment", "staging").status == 0
    told = project.cli("promote", "--to", "prod", "--json")
    assert told.status == 1, told
    assert told.document["evidence"]["version"] == 2
    assert told.document["evidence"]["approvals"] == []
    assert project.cli("promote", "1", "--to", "prod").status == 0
    assert orders(project) == 104


def test_the_gate_of_the_target_judges_by_its_own_past(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging has no past to compare with; in production nearly all rows would be gone."""
    project.load("create schema raw; create table raw.orders as select 1 as order_id, 'a' as email, 1.5 as amount")
    shutil.rmtree(project.root / "warehouses")
    shutil.rmtree(project.root / ".tidegate/environments")
    assert project.cli("run", "--environment", "staging").status == 0
    approve_all(project, monkeypatch)
    told = project.cli("promote", "--to", "prod", "--json")
    assert told.status == 1, told
    assert told.document["decision"] == "held"
    assert told.document["run"]["decision"]["action"] == "hold"
    assert orders(project) == 100


@pytest.mark.parametrize("stage", ["copied", "seal", "judge", "record", "swap"])
def test_killed_at_any_stage_readers_see_a_whole_version_and_promoting_again_goes_on(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    approve_all(project, monkeypatch)
    running = project.started("promote", "--to", "prod")
    assert running.stderr is not None
    for line in running.stderr:
        if line.split("]")[-1].strip().split(" ")[0] == stage:
            os.kill(running.pid, signal.SIGKILL)
            break
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL
    assert orders(project) in {100, 104}
    told = project.cli("promote", "--to", "prod", "--json")
    assert told.status == 0, told
    assert told.document["decision"] in {"published", "nothing"}
    assert orders(project) == 104
    assert project.cli("audit", "--environment", "prod").status == 0


def test_the_environments_and_their_drift_are_shown(project: SmallProject) -> None:
    text = project.cli("environments").out
    assert "staging -> prod: other bytes" in text
    assert "learned: off -> hold" in text
    document = project.cli("environments", "--json").document
    assert [e["environment"] for e in document["environments"]] == ["dev", "staging", "prod"]
    assert [e["version"] for e in document["environments"]] == [None, 1, 1]
    project.load(
        "create schema if not exists raw; create or replace table raw.orders as select i as order_id, 'x' as city from range(104) as t(i)"
    )
    project.configure(*[line.replace("{warehouse: {path: warehouses/staging}}", "{warehouse: {path: warehouses/staging}, learned: 'off'}") for line in LINES])  # fmt: skip
    assert project.cli("run", "--environment", "staging").status in {0, 1}
    project.cli("publish", "2", "--environment", "staging", "--reason", "for the test")
    (last,) = [d for d in project.cli("environments", "--json").document["drift"] if d["after"] == "prod"]
    columns = {c[0]: c[1:] for t in last["tables"] for c in t["columns"]}
    assert columns["city"] == ["VARCHAR", None]
    assert columns["email"] == [None, "VARCHAR"]


def test_what_cannot_be_is_refused_with_a_hint(project: SmallProject) -> None:
    assert_refused(project.cli("promote", "--to", "prd"), says="there is no environment `prd`", hint="`prod`")
    assert project.cli("promote").err.splitlines()[0] == "error: promote to which environment?"
    assert_refused(project.cli("promote", "--to", "staging"), says="to `staging`?", hint="`--from`")
    assert_refused(project.cli("promote", "--to", "prod", "--from", "prod"), says="are the same environment")
    assert_refused(project.cli("promote", "9", "--to", "prod"), says="version `9` does not exist")
    told = project.cli("promote", "--to", "prod", "--approve", "--role", "data-owners")
    assert_refused(told, says="`data-owners` is no role", hint="`data-owner`")
    told = project.cli("promote", "--to", "prod", "--role", "data-owner")
    assert_refused(told, says="`--role` belongs to `--approve`")


def test_it_waits_for_the_lock_of_both(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    approve_all(project, monkeypatch)
    for folder in ("warehouse", "warehouses/staging"):
        with DuckDBWarehouse(project.root / folder, database="shop.duckdb").lock(owner="a run", wait_s=0):
            assert project.cli("promote", "--to", "prod").status == 2
    assert orders(project) == 100


def test_only_promoted_code_runs_where_that_is_asked_for(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "approvals: {data-owner: [ana, ben], steward: []}"
    project.configure(*[line.replace(asked, "only_promoted_code: true") for line in LINES])
    refused = project.cli("run", "--environment", "prod")
    assert_refused(refused, says="no code revision is known in `prod`", hint="CODE_REVISION")
    monkeypatch.setenv("TIDEGATE_CODE_REVISION", "0123456789ab")
    refused = project.cli("run", "--environment", "prod")
    assert_refused(refused, says="`0123456789ab` was not promoted to `prod`", hint="--revision --to prod")
    unknown = project.cli("promote", "--to", "prod", "--revision", "0123")
    assert_refused(unknown, says="no kept version of `staging` was built by code revision `0123`")
    assert project.cli("run", "--environment", "staging").status == 0
    allowed = project.cli("promote", "--to", "prod", "--revision", "0123", "--json")
    assert (allowed.status, allowed.document["decision"]) == (0, "allowed")
    assert project.cli("promote", "--to", "prod", "--revision", "0123", "--json").document["decision"] == "nothing"
    assert project.cli("run", "--environment", "prod").status == 0
    monkeypatch.setenv("TIDEGATE_CODE_REVISION", "0123456789ab+changes")
    assert project.cli("run", "--environment", "staging").status == 0
    dirty = project.cli("promote", "--to", "prod", "--revision", "--json")
    assert dirty.status == 1
    assert "differs from its commit" in " ".join(dirty.document["evidence"]["missing"])
