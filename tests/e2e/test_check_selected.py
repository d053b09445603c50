"""`tidegate check` in the place of `dbt test`: selection, exit status, counts, formats, and the plan."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, assert_refused

CHECKS = """
checks:
  - {table: raw.orders, rule: "amount < 140", tags: [money]}
  - {table: raw.orders, not_null: [order_id, email], tags: [keys]}
  - {table: raw.orders, unique: order_id, tags: [keys]}
  - {table: raw.orders, row_count: {max: 3}, severity: warn}
  - {table: raw.orders, rule: "amount > 0", where: "amount < -5", name: nothing to see}
  - {table: raw.gone, not_null: id}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    made = small_project.make(tmp_path_factory.mktemp("selected") / "shop")
    assert made.cli("run", "--quiet").status == 0
    made.configure(CHECKS)
    return made


def selected(project: SmallProject, *words: str) -> tuple[int, dict[str, int], list[str]]:
    told = project.cli("check", "--json", "--quiet", *words)
    return told.status, told.document["counts"], [r["check"]["name"] for r in told.document["results"]]


@pytest.mark.parametrize(
    ("words", "status", "counts"),
    [
        (["-s", "tag:keys"], 0, (7, 3, 3, 3, 0)),
        (["--select", "test_name:row_count"], 0, (7, 1, 1, 1, 0)),
        (["--select", "tag:money"], 1, (7, 1, 1, 1, 1)),
        (["--select", "tag:money", "tag:keys", "--exclude", "test_name:unique"], 1, (7, 3, 3, 3, 1)),
        (["--select", "nothing_to_see"], 0, (7, 1, 1, 0, 0)),
        (["--select", "raw.gone"], 1, (7, 1, 0, 0, 1)),
        (["--select", "orders", "--exclude", "rule_*"], 0, (7, 5, 5, 4, 0)),
        ([], 1, (7, 7, 6, 5, 2)),
    ],
)
def test_status_and_counts(project: SmallProject, words: list[str], status: int, counts: tuple[int, ...]) -> None:
    found, counted, _ = selected(project, *words)
    assert (found, tuple(counted.values())) == (status, counts)


def test_a_selection_opens_no_incident_and_reads_nothing_else(project: SmallProject) -> None:
    before = project.cli("incidents", "--all", "--json").document["incidents"]
    told = project.cli("check", "--json", "--quiet", "--select", "tag:money")
    assert told.status == 1
    assert told.document["incidents"] == []
    assert project.cli("incidents", "--all", "--json").document["incidents"] == before
    assert {c["purpose"].split(" of ")[0] for c in told.document["costs"]} == {"profile", "sample"}
    assert not any("email" in c["sql"] for c in told.document["costs"] if c["purpose"] == "profile")


def test_nothing_selected_is_no_success(project: SmallProject) -> None:
    told = project.cli("check", "--quiet", "--select", "tag:nope")
    assert_refused(told, says="`--select tag:nope` selects none of the 7 declared checks", hint="correct the selection")
    assert project.cli("check", "--json", "--quiet", "-s", "x").document["code"] == "nothing-checked"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--select", "tags:x"], "there is no method `tags`"),
        (["--select", "state:modified"], "`state:modified` needs a manifest.json"),
        (["--state", "nowhere"], "there is no manifest.json in `nowhere`"),
        (["--format", "xml"], "`--format xml` is no format"),
        (["--plan", "--format", "junit"], "`--plan` judges nothing"),
    ],
)
def test_what_is_refused(project: SmallProject, words: list[str], says: str) -> None:
    assert_refused(project.cli("check", *words), says=says)


def test_every_format_at_once(project: SmallProject, tmp_path: Path) -> None:
    asked = [f"--format={name}={tmp_path / name}" for name in ("json", "junit", "sarif", "markdown", "text")]
    told = project.cli("check", "--select", "tag:money", *asked, "--format", "github")
    assert told.status == 1
    assert told.out.startswith("::error file=tidegate.yml,line=7,title=raw.orders%3A rule amount < 140::`amount < 140`")
    line = (project.root / "tidegate.yml").read_text(encoding="utf-8").splitlines()[6]
    assert "amount < 140" in line
    suite = ElementTree.parse(tmp_path / "junit").getroot()
    assert suite.get("failures") == "1"
    assert "person93@example.com" not in (tmp_path / "junit").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "json").read_text(encoding="utf-8"))["kind"] == "check"
    assert json.loads((tmp_path / "sarif").read_text(encoding="utf-8"))["runs"][0]["results"][0]["level"] == "error"
    assert f"wrote {tmp_path / 'markdown'}" in told.err
    assert (tmp_path / "text").read_text(encoding="utf-8").startswith("version 1, as readers see it")


def test_a_report_that_cannot_be_written_is_no_success(project: SmallProject, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = project.cli(
        "check", "--quiet", "--select", "tag:keys", "--format", "junit", "--output", tmp_path / "file" / "a"
    )
    assert_refused(told, says="file")


def test_format_json_is_json_for_errors_too(project: SmallProject) -> None:
    told = project.cli("check", "--quiet", "--select", "tag:nope", "--format", "json")
    assert (told.status, told.document["kind"]) == (2, "error")


def test_the_plan_says_what_is_read(project: SmallProject) -> None:
    told = project.cli("check", "--plan", "--json", "--quiet", "--select", "tag:keys")
    assert told.status == 0
    document = told.document
    assert document["kind"] == "plan"
    statements = {s["purpose"]: s for s in document["statements"]}
    assert statements["profile"]["columns"] == ["order_id", "email"]
    assert (statements["profile"]["rows"], statements["profile"]["cells"]) == (100, 200)
    assert document["checks"][0]["numbers"] == ["null_count of order_id", "row_count"]


def test_the_plan_as_text(project: SmallProject) -> None:
    told = project.cli("check", "--plan", "--quiet", "--statements", "--select", "tag:keys raw.gone")
    assert "3 of 7 checks" not in told.out
    assert "4 of 7 checks; nothing was judged" in told.out
    assert (
        "  not_null id on raw.gone asks for nothing: could not be evaluated: there is no table `raw.gone`" in told.out
    )
    assert "-- raw.orders: profile; reads order_id, email\nSELECT" in told.out
    assert "CPU s" in told.out
    assert project.cli("check", "--plan", "--quiet", "--select", "tag:keys").out.count("SELECT") == 0
