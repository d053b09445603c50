"""The data stages on a project that builds in a second: what is compared, what is announced, what production becomes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.ci_project import commit, git, write
from tests.e2e.small_project import ORDERS, SmallProject, Told

CHECK = ("checks:", "  - {table: raw.orders, not_null: email}")


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """A repository of one commit on `main`, with the branch `change` checked out."""
    made = small_project.make(tmp_path / "shop", *CHECK)
    write(made.root, ".gitignore", "warehouse/\n.tidegate/\n")
    git(made.root, "init", "--quiet", "--initial-branch", "main")
    commit(made.root, "Begin")
    git(made.root, "checkout", "--quiet", "-b", "change")
    return made


def cases(told: Told) -> dict[str, dict[str, object]]:
    (stage,) = told.document["stages"]
    return {c["name"]: c for c in stage["cases"]}


def run(project: SmallProject, stage: str, *words: str) -> Told:
    return project.cli("ci", "run", stage, "--json", "--quiet", *words)


def test_the_build_touches_nothing_that_is_published(project: SmallProject) -> None:
    assert project.cli("run").status == 0
    before = project.content()
    assert run(project, "build").status == 0
    assert run(project, "checks").status == 0
    assert project.content() == before
    assert git(project.root, "status", "--porcelain") == ""


def test_the_build_has_what_git_has_and_what_it_would_take(project: SmallProject) -> None:
    text = (project.root / "load.py").read_text(encoding="utf-8")
    write(project.root, "load.py", text.replace('"load.sql"', '"other.sql"'))
    write(project.root, ".gitignore", "warehouse/\n.tidegate/\nother.sql\n")
    write(project.root, "other.sql", ORDERS)
    assert project.cli("run").status == 0, "it is on this disk"
    told = run(project, "build")
    assert told.status == 1
    assert "other.sql" in str(cases(told)["run"]["message"])
    write(project.root, ".gitignore", "warehouse/\n.tidegate/\n")
    assert run(project, "build").status == 0


def test_a_check_that_looked_at_no_row_is_no_check(project: SmallProject) -> None:
    project.load(ORDERS.replace("range(100)", "range(0)"))
    assert run(project, "build").status == 0
    told = run(project, "checks")
    assert told.status == 2
    assert "no check was evaluated" in str(cases(told)["checks"]["message"])


def test_a_table_that_changes_is_red_unless_a_commit_announces_it(project: SmallProject) -> None:
    project.load(ORDERS.replace("i * 1.5", "(case when i = 7 then 8 else i end) * 1.5"))
    commit(project.root, "Correct an amount")
    assert run(project, "build").status == 0
    told = run(project, "diff")
    assert told.status == 1
    case = cases(told)["raw.orders"]
    assert (case["outcome"], case["did"]) == ("fail", 100)
    assert "other values in amount" in str(case["message"])
    assert "Changes-Data: raw.orders" in str(case["hint"])
    git(project.root, "commit", "--quiet", "--allow-empty", "--message", "Say so\n\nChanges-Data: raw.*, other.table")
    told = run(project, "diff", "--base", "main")
    assert (told.status, str(cases(told)["raw.orders"]["message"])[:10]) == (0, "announced:")


def test_a_new_table_is_fine_and_one_that_is_gone_is_not(project: SmallProject) -> None:
    project.load(ORDERS + ";create or replace table raw.more as select 1 as id")
    commit(project.root, "Load more")
    assert run(project, "build").status == 0
    told = run(project, "diff")
    assert (told.status, cases(told)["raw.more"]["message"]) == (0, "added, 1 rows")
    git(project.root, "branch", "--force", "main")
    project.load(ORDERS)
    commit(project.root, "Load less")
    assert run(project, "build").status == 0
    told = run(project, "diff")
    assert (told.status, cases(told)["raw.more"]["outcome"]) == (1, "fail")


def test_a_base_that_is_not_here_is_told(project: SmallProject) -> None:
    assert run(project, "build").status == 0
    told = run(project, "diff", "--base", "origin/release")
    assert told.status == 2
    assert "`origin/release`" in str(cases(told)["diff"]["message"])


def test_one_stage_or_all(project: SmallProject) -> None:
    for words in ([], ["build", "--all"]):
        small_project.assert_refused(project.cli("ci", "run", *words), says="`ci run` takes one stage")
    small_project.assert_refused(project.cli("ci", "run", "test"), says="`test`", hint="unit")
    small_project.assert_refused(project.cli("ci", "run", "parse"), says="there is no dbt project", hint="ci init")
    listed = json.loads(project.cli("ci", "run", "--list", "--json").out)
    assert [s["name"] for s in listed["stages"]] == ["secrets", "unit", "build", "checks", "diff", "deploy"]


def test_what_needs_a_stage_that_failed_is_skipped(project: SmallProject) -> None:
    write(project.root, "tests/test_load.py", "def test_nothing() -> None:\n    assert True\n")
    project.load("select no_such_column")
    told = project.cli("ci", "run", "--all", "--json", "--quiet")
    outcomes = {s["stage"]: s["outcome"] for s in told.document["stages"]}
    assert outcomes == {"secrets": "pass", "unit": "pass", "build": "fail", "checks": "skipped", "diff": "skipped"}
    assert told.status == 1


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (ORDERS + " where j = 1", {"build": "fail", "checks": "skipped", "diff": "skipped"}),
        (ORDERS.replace("'person' ||", "nullif(i, i) ||"), {"build": "pass", "checks": "fail", "diff": "pass"}),
        (ORDERS.replace("i * 1.5", "i * 2.5"), {"build": "pass", "checks": "pass", "diff": "fail"}),
    ],
)
def test_a_fault_in_the_data_turns_its_stage_red_and_no_other(
    project: SmallProject, sql: str, expected: dict[str, str]
) -> None:
    write(project.root, "tests/test_load.py", "def test_nothing() -> None:\n    assert True\n")
    project.load(sql)
    commit(project.root, "Change\n\nChanges-Data: raw.orders" if expected["checks"] == "fail" else "Change")
    told = project.cli("ci", "run", "--all", "--json", "--quiet")
    outcomes = {s["stage"]: s["outcome"] for s in told.document["stages"]}
    assert outcomes == {"secrets": "pass", "unit": "pass", **expected}
    assert told.status == 1


@pytest.fixture
def production(project: SmallProject, tmp_path: Path) -> SmallProject:
    """The clone that production runs in, where version 1 is published."""
    folder = tmp_path / "production"
    subprocess.run(["git", "clone", "--quiet", "--branch", "main", str(project.root), str(folder)], check=True)
    found = SmallProject(root=folder)
    assert found.cli("run").status == 0
    return found


def test_deploy_moves_production_to_this_commit_and_publishes(
    project: SmallProject, production: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_PRODUCTION", str(production.root))
    project.load(ORDERS.replace("range(100)", "range(101)"))
    commit(project.root, "Load one more")
    told = run(project, "deploy")
    assert (told.status, cases(told)["run"]["message"]) == (0, "version 2 is published")
    assert git(production.root, "rev-parse", "HEAD") == git(project.root, "rev-parse", "HEAD")
    assert production.query("select count(*) from raw.orders") == [(101,)]
    assert not (project.root / "warehouse").exists()


PROMOTED = (
    *CHECK,
    "environments:",
    "  staging: {warehouse: {path: warehouses/staging}}",
    "  prod: {promotion: {source: staging, %s}}",
)


@pytest.fixture
def promoting(project: SmallProject, production: SmallProject, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """Production takes its versions from staging; the branch loads one row more."""
    monkeypatch.setenv("TIDEGATE_PRODUCTION", str(production.root))
    write(project.root, ".gitignore", "warehouse/\nwarehouses/\n.tidegate/\n")
    project.load(ORDERS.replace("range(100)", "range(101)"))
    return project


def test_deploy_promotes_what_staging_built_once_people_approve(
    promoting: SmallProject, production: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoting.configure(*[line.replace("%s", "approvals: {owner: []}") for line in PROMOTED])
    commit(promoting.root, "Load one more")
    before = git(production.root, "rev-parse", "HEAD")
    told = run(promoting, "deploy")
    assert told.status == 1, told
    assert cases(told)["run in staging"]["outcome"] == "pass"
    assert "nobody approved as `owner`" in str(cases(told)["promote to prod"]["message"])
    assert production.query("select count(*) from raw.orders") == [(100,)]
    assert git(production.root, "rev-parse", "HEAD") == before
    git(production.root, "checkout", "--quiet", git(promoting.root, "rev-parse", "HEAD"))
    monkeypatch.setenv("TIDEGATE_ACTOR", "ana")
    assert production.cli("promote", "--to", "prod", "--approve", "--role", "owner", "--reason", "fine").status == 0
    git(production.root, "checkout", "--quiet", before)
    told = run(promoting, "deploy")
    assert told.status == 0, told
    assert list(cases(told)) == ["promote to prod"], "another run would make other bytes than those approved"
    assert production.query("select count(*) from raw.orders") == [(101,)]
    assert git(production.root, "rev-parse", "HEAD") == git(promoting.root, "rev-parse", "HEAD")


def test_deploy_allows_the_code_and_runs_it_where_only_promoted_code_runs(
    promoting: SmallProject, production: SmallProject
) -> None:
    promoting.configure(*[line.replace("%s", "only_promoted_code: true") for line in PROMOTED])
    commit(promoting.root, "Load one more")
    told = run(promoting, "deploy")
    assert told.status == 0, told
    assert list(cases(told)) == ["run in staging", "promote to prod", "run in prod"]
    assert production.query("select count(*) from raw.orders") == [(101,)]
    promoting.load(ORDERS.replace("'person' ||", "null ||"))
    commit(promoting.root, "Load badly")
    told = run(promoting, "deploy")
    assert (told.status, list(cases(told))) == (1, ["run in staging"])
    assert production.query("select count(email) from raw.orders") == [(101,)]


def test_deploy_asks_which_environment_is_production(promoting: SmallProject) -> None:
    lines = [line.replace("%s", "") for line in PROMOTED]
    promoting.configure(*lines, "  live: {warehouse: {path: warehouses/live}, promotion: {source: staging}}")
    commit(promoting.root, "Have two")
    told = run(promoting, "deploy")
    assert (told.status, "which is production?" in str(cases(told)["deploy"]["message"])) == (2, True), told


def test_deploy_moves_production_back_when_the_run_is_held(
    project: SmallProject, production: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_PRODUCTION", str(production.root))
    before = git(production.root, "rev-parse", "HEAD")
    for sql, status in ((ORDERS.replace("'person' ||", "null ||"), 1), ("select no_such_column", 2)):
        project.load(sql)
        commit(project.root, "Load badly")
        assert run(project, "deploy").status == status
        assert git(production.root, "rev-parse", "HEAD") == before
        assert production.query("select count(email) from raw.orders") == [(100,)]
    write(production.root, "load.py", "# changed by hand\n")
    told = run(project, "deploy")
    assert (told.status, "changes that are in no commit" in str(cases(told)["deploy"]["message"])) == (2, True)
