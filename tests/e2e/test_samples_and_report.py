"""Samples and the report on a change through the command line: a real repository, real versions, a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.conformance.notifier.servers import TOKEN, serving
from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, assert_refused
from tests.unit.integrations.test_review_comment import GitHubComments

ROOT = Path(__file__).parents[2]
SHOP = """
create schema if not exists raw;
create or replace table raw.customers as select i as customer_id, 'Person Number' || i as full_name,
    'person' || i || '@mail.example' as email from range(300) t(i);
create or replace table raw.orders as select i as order_id, i % 300 as customer_id, i * 1.5 as amount,
    case when i = 77 then 'refunded' else 'paid' end as status from range(900) t(i)
"""
PROMISE = """\
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    physicalName: raw.orders
    properties:
      - {name: order_id, logicalType: integer, required: true, unique: true}
      - name: customer_id
        logicalType: integer
        relationships: [{to: customers.customer_id}]
  - name: customers
    physicalName: raw.customers
    properties:
      - {name: customer_id, logicalType: integer, required: true, unique: true}
"""


def git(project: SmallProject, *words: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    made = small_project.make(
        tmp_path / "shop", "learned: off", "checks:", "  - {table: raw.orders, row_count: {min: 500}}", sql=SHOP
    )
    (made.root / "contracts").mkdir()
    (made.root / "contracts" / "orders.odcs.yaml").write_text(PROMISE, encoding="utf-8")
    (made.root / ".gitignore").write_text("warehouse/\n.tidegate/\n", encoding="utf-8")
    git(made, "init", "-q")
    git(made, "add", "-A")
    git(made, "commit", "-qm", "first")
    assert made.cli("run").status == 0
    return made


def test_a_sample_is_made_verified_and_loaded(project: SmallProject, tmp_path: Path) -> None:
    told = project.cli("sample", "--rows", "100", "--json").document
    tables = {t["table"]: t for t in told["sample"]["tables"]}
    assert tables["raw.customers"]["source_rows"] == 300
    assert 60 <= tables["raw.orders"]["rows"] <= 130
    assert {c["name"]: c["mask"] for c in tables["raw.customers"]["columns"]} == {
        "customer_id": None, "full_name": "form", "email": "form",
    }  # fmt: skip
    assert [(r["child"], r["parent"], r["said_by"]) for r in told["sample"]["references"]] == [
        ("raw.orders", "raw.customers", "odcs")
    ]
    files = {path.name: path.read_bytes() for path in (project.root / "samples").iterdir()}
    assert set(files) == {"README.md", "manifest.json", "raw.customers.parquet", "raw.orders.parquet"}
    assert project.cli("sample", "make", "--rows", "100").status == 0
    assert {path.name: path.read_bytes() for path in (project.root / "samples").iterdir()} == files
    verified = project.cli("sample", "verify")
    assert verified.status == 0, verified
    assert verified.out.startswith("WHOLE")
    loaded = project.cli("sample", "load", tmp_path / "ci.duckdb")
    assert loaded.status == 0, loaded
    with duckdb.connect(str(tmp_path / "ci.duckdb"), read_only=True) as connection:
        orphans = "select count(*) from raw.orders where customer_id not in (select customer_id from raw.customers)"
        assert connection.execute(orphans).fetchall() == [(0,)]
        assert ("refunded",) in connection.execute("select distinct status from raw.orders").fetchall()
    (project.root / "samples" / "raw.orders.parquet").write_bytes(files["raw.customers.parquet"])
    broken = project.cli("sample", "verify")
    assert broken.status == 1
    assert "is not the file that the manifest describes" in broken.out


def test_what_a_sample_refuses(project: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(project.cli("sample", "--rows", "0"), says="`--rows 0` is no number of rows", hint="1 or more")
    assert_refused(
        project.cli("sample", "--table", "raw.ordrs"), says="there is no table `raw.ordrs`", hint="raw.orders"
    )
    assert_refused(project.cli("sample", "verify"), says="there is no sample in", hint="tidegate sample")
    monkeypatch.setenv("TIDEGATE_SAMPLE_SECRET", "short")
    assert_refused(project.cli("sample"), says="the secret has `5` characters", hint="openssl")
    empty = small_project.make(tmp_path / "empty")
    monkeypatch.delenv("TIDEGATE_SAMPLE_SECRET")
    assert_refused(empty.cli("sample"), says="nothing is published")


KILLED = """
import os, pathlib, signal, sys
from tests.e2e.harness.site import Silent
from tidegate.app import samples
from tidegate.services.sample_set import Wanted

class Deadly(Silent):
    left = int(sys.argv[2])
    def stage(self, name, detail=""):
        print(name, flush=True)
        Deadly.left -= 1
        if Deadly.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

samples.make(pathlib.Path(sys.argv[1]), None, Wanted(rows=100), Deadly())
"""


@pytest.mark.slow
def test_whatever_kills_it_nothing_unmasked_lies_in_the_folder_for_git(project: SmallProject) -> None:
    """Killed at every stage in turn: the sample before stays as it is, and the next one has the same bytes as ever."""
    folder, aside = project.root / "samples", project.root / ".tidegate" / "sample" / "made"
    assert project.cli("sample", "--rows", "50").status == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stages: list[str] = []
    for at in range(1, 30):
        words = [sys.executable, "-c", KILLED, str(project.root), str(at)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        stages = done.stdout.split()
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, at
    assert {"choose", "write", "search"} <= set(stages)
    assert not aside.exists()
    assert {path.name for path in folder.iterdir()} == before.keys()
    assert project.cli("sample", "verify").status == 0


def test_a_folder_that_cannot_be_written_has_no_sample_rather_than_half_of_one(project: SmallProject) -> None:
    assert project.cli("sample", "--rows", "50").status == 0
    folder = project.root / "samples"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    assert_refused(project.cli("sample"), says="the sample cannot be written into", hint="name another")
    assert_refused(project.cli("sample", "verify"), says="there is no sample in", hint="tidegate sample")
    (folder / "README.md").rmdir()
    assert project.cli("sample", "--rows", "50").status == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def change_it(project: SmallProject) -> None:
    """Orders get a column and lose rows; the contract promises less; a check goes."""
    sql = SHOP.replace("range(900)", "range(899)").replace(
        "i * 1.5 as amount", "(i + (i = 5)::int) * 1.5 as amount, 1 as tax"
    )
    project.load(sql)
    path = project.root / "contracts" / "orders.odcs.yaml"
    path.write_text(PROMISE.replace("{name: order_id, logicalType: integer, required: true,", "{name: order_id, logicalType: integer,"), encoding="utf-8")  # fmt: skip
    project.configure("learned: off", "checks:", "  - {table: raw.orders, row_count: {min: 950}}")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    assert project.cli("run").status == 1


def test_a_change_is_reported_and_posted_once(
    project: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_it(project)
    told = project.cli("ci", "report", "--json")
    assert told.status == 1, told
    found = told.document
    assert (found["base"][:9], found["head"][:9], found["verdict"]) == ("version 1", "version 2", "breaking")
    assert [c["what"] for one in found["contracts"] for c in one["changes"]] == ["it is not required any more"]
    (orders,) = found["tables"]
    assert (orders["ref"], orders["old_rows"], orders["new_rows"]) == ("raw.orders", 900, 899)
    assert (orders["added"], orders["removed"], orders["changed"], orders["added_columns"]) == (0, 1, 1, ["tax"])
    assert "amount" in {c["column"] for c in found["columns"]}
    assert any(f["table"] == "raw.orders" and "950" in f["reason"] for f in found["failed"])
    assert {c["what"] for c in found["checks"]} >= {"removed"}
    assert found["untold"] == []
    assert found["findings"] == []
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    service = GitHubComments()
    with serving(service) as url:
        for name, value in {"GITHUB_REPOSITORY": "shop/data", "GITHUB_API_URL": url, "GITHUB_TOKEN": TOKEN,
                            "GITHUB_REF": "refs/pull/12/merge", "GITHUB_STEP_SUMMARY": str(summary)}.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        for _ in range(2):
            posted = project.cli("ci", "report", "--post", "--fail-on", "never", "--format", "markdown")
            assert posted.status == 0, posted
    (comment,) = service.comments
    assert comment["body"].startswith("<!-- tidegate ci report: shop -->\n## What this change does to the data")
    assert "| raw.orders | 900 → 899 (-1) | 1 removed, 1 changed | added: tax; other values: " in comment["body"]
    assert posted.out in comment["body"] + "\n"
    assert summary.read_text(encoding="utf-8").count("## What this change does to the data") == 2
    assert "updated the comment https://github.example" in posted.err
    assert project.versions() == {1: "published", 2: "held"}, "nothing was built"


def test_a_change_that_does_nothing(project: SmallProject) -> None:
    assert project.cli("run").status == 0
    told = project.cli("ci", "report")
    assert told.status == 0, told
    assert "FINE  It leaves what is promised as it is. 0 of 2 tables differ, +0 rows." in told.out


def test_two_projects_are_compared(project: SmallProject, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", str(project.root), str(other)], check=True, capture_output=True)
    change_it(project)
    built = SmallProject(root=other)
    assert built.cli("run").status == 0
    found = project.cli("ci", "report", "--base", other, "--head", "2", "--json").document
    assert (found["base"].partition(" ")[0], found["verdict"]) == ("other", "breaking")
    (orders,) = found["tables"]
    assert (orders["removed"], orders["changed"]) == (1, 1)


def test_formats(project: SmallProject) -> None:
    change_it(project)
    places = [f"{name}={project.root / name}" for name in ("sarif", "junit", "text", "github", "json")]
    told = project.cli("ci", "report", *(word for place in places for word in ("--format", place)))
    assert told.status == 1
    assert json.loads((project.root / "sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert 'name="contracts" tests="1" failures="1"' in (project.root / "junit").read_text(encoding="utf-8")
    lines = (project.root / "github").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("::error file=tidegate.yml,title=orders%3A column")
    assert json.loads((project.root / "json").read_text(encoding="utf-8"))["kind"] == "ci-report"


def test_what_a_report_refuses(project: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(project.cli("ci", "report"), says="there is nothing before `1` to compare it with", hint="--base")
    assert_refused(project.cli("ci", "report", "--base", "9"), says="version `9` does not exist")
    assert_refused(project.cli("ci", "report", "--base", tmp_path / "none"), says="there is no folder")
    for name in ("GITHUB_REPOSITORY", "GITLAB_CI", "CI_MERGE_REQUEST_IID"):
        monkeypatch.delenv(name, raising=False)
    assert_refused(project.cli("ci", "report", "--post"), says="`--post` found neither GitHub Actions nor GitLab")


def test_what_nobody_can_tell_is_not_fine(project: SmallProject) -> None:
    """Version 1 was built of a commit; version 2 of files that no commit has, and those are others by now."""
    (project.root / "load.py").write_text(small_project.LOAD + "# changed\n", encoding="utf-8")
    assert project.cli("run").status == 0
    assert project.cli("run").status == 0
    told = project.cli("ci", "report", "--base", "2", "--head", "3")
    assert told.status == 1
    assert (
        "untold   contracts and doctor's findings of version 2: it was built from files that no commit has" in told.out
    )
    assert "nobody could tell" in told.out
