"""Contracts through the command line: they hold a run like any check, and are linted, exported, compared and tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, assert_refused

HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\n"
PROMISE = HEAD + (
    "schema:\n"
    "  - name: orders\n"
    "    physicalName: raw.orders\n"
    "    properties:\n"
    "      - {name: order_id, logicalType: integer, required: true, primaryKey: true}\n"
    "      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0}}\n"
    "    quality:\n"
    "      - {metric: rowCount, mustBeBetween: [50, 150]}\n"
    "      - {type: text, description: Amounts are in euros.}\n"
)


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    return small_project.make(tmp_path / "shop", "learned: off")


def write(project: SmallProject, text: str, name: str = "contracts/orders.odcs.yaml") -> Path:
    path = project.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_that_keeps_its_contract_is_published(project: SmallProject) -> None:
    write(project, PROMISE)
    told = project.cli("run", "--json")
    assert told.status == 0, told
    results = {r["check"]["name"]: r for r in told.document["results"]}
    assert results["rowCount"]["outcome"] == "pass"
    assert (results["rowCount"]["check"]["source"], results["rowCount"]["check"]["declared_in"]) == (
        "odcs",
        "contracts/orders.odcs.yaml:13",
    )
    assert results["what is carried"]["outcome"] == "skipped"


def test_a_run_that_breaks_its_contract_is_held(project: SmallProject) -> None:
    write(project, PROMISE)
    assert project.cli("run").status == 0
    project.load(small_project.ORDERS.replace("i * 1.5", "i * 1.5 - 3"))
    told = project.cli("run")
    assert told.status == 1
    assert '`"amount" >= 0` is false for 2 of 100 rows (contracts/orders.odcs.yaml:11)' in told.out
    assert project.versions() == {1: "published", 2: "held"}


def test_a_draft_tells_and_holds_nothing(project: SmallProject) -> None:
    write(project, PROMISE.replace("active", "draft").replace("[50, 150]", "[1, 2]"))
    told = project.cli("run")
    assert told.status == 0
    assert "there are 100 rows, expected 1 to 2" in told.out


def test_a_contract_with_an_error_stops_the_run(project: SmallProject) -> None:
    write(project, PROMISE.replace("required: true", "requird: true").replace("rowCount", "rowCoutn"))
    told = project.cli("run")
    says = "contracts/orders.odcs.yaml:10:48: unknown key `requird` in `properties` (1 more: `tidegate contract lint"
    assert_refused(told, says=says, hint="did you mean `required`?")
    assert not (project.root / "warehouse").exists()


def test_contracts_stand_where_tidegate_yml_says(project: SmallProject) -> None:
    write(project, PROMISE, "promises/orders.yaml")
    project.configure("contracts: [promises/*.yaml]")
    assert "  contracts  promises/orders.yaml\n" in project.cli("config").out
    assert any(r["check"]["source"] == "odcs" for r in project.cli("run", "--json").document["results"])
    project.configure("contracts: [promised/*.yaml]")
    assert_refused(project.cli("run"), says="tidegate.yml:5:13: there is no contract `promised/*.yaml`", hint="correct")
    project.configure("contracts: [../*.yaml]")
    assert_refused(project.cli("run"), says="leads out of the project")


def test_lint(project: SmallProject, tmp_path: Path) -> None:
    good = write(project, PROMISE)
    told = project.cli("contract", "lint")
    assert (told.status, told.out) == (0, "1 file, 0 errors, 0 warnings\n")
    bad = write(project, PROMISE.replace("status: active", "sttus: active"), "bad.odcs.yaml")
    told = project.cli("contract", "lint")
    assert told.status == 1
    assert "bad.odcs.yaml:5:1: error: unknown key `sttus`\n  hint: did you mean `status`?" in told.out
    document = project.cli("contract", "lint", good, bad, "--json").document
    assert (document["files"], document["errors"]) == ([str(good), str(bad)], 1)
    assert document["remarks"][0]["line"] == 5
    assert_refused(project.cli("contract", "lint", tmp_path / "none.yaml"), says="there is no contract", hint="path")
    broken = write(project, "a: [1", "broken.odcs.yaml")
    assert_refused(project.cli("contract", "lint", broken), says=f"`{broken}`:1:", hint="correct the YAML there")
    assert_refused(project.cli("contract", "lint", tmp_path), says="cannot be read")


def test_lint_needs_no_project(tmp_path: Path, project: SmallProject) -> None:
    path = write(project, PROMISE)
    assert project.cli("contract", "lint", path, project=tmp_path).status == 0
    assert_refused(project.cli("contract", "lint", project=tmp_path), says="there is no `tidegate.yml`")


def test_lint_of_nothing_is_not_green(project: SmallProject) -> None:
    assert_refused(project.cli("contract", "lint"), says="there is no contract to look at", hint="name a file")


def test_what_is_exported_is_right_and_kept(project: SmallProject) -> None:
    assert_refused(project.cli("contract", "export"), says="nothing is published")
    project.cli("run")
    told = project.cli("contract", "export")
    assert told.status == 0
    assert told.out.startswith("# Written by `tidegate contract export`")
    path = project.root / "contracts" / "shop.odcs.yaml"
    told = project.cli("contract", "export", "raw.orders", "--output", path)
    assert (told.status, "1 table\n" in told.out) == (0, True)
    again = project.cli("contract", "export", "--output", path)
    assert_refused(again, says="shop.odcs.yaml` exists", hint="--force")
    assert project.cli("contract", "export", "--output", path, "--force").status == 0
    document = project.cli("contract", "export", "--json").document
    assert document["contract"]["schema"][0]["physicalName"] == "raw.orders"
    assert project.cli("contract", "lint").out == "1 file, 0 errors, 0 warnings\n"
    told = project.cli("contract", "test")
    assert told.status == 0
    assert told.out.splitlines()[-1].startswith("KEPT  version 1 against contracts/shop.odcs.yaml: ")
    assert_refused(project.cli("contract", "export", "raw.ordrs"), says="no table `raw.ordrs`", hint="raw.orders")


def test_what_dbt_says_of_a_table_is_exported(project: SmallProject) -> None:
    project.cli("run")
    target = project.root / "warehouse" / "versions" / "000001" / "state" / "dbt" / "transform" / "target"
    target.parents[2].chmod(0o755)
    target.mkdir(parents=True)
    node = {
        "resource_type": "model", "schema": "raw", "name": "o", "alias": "orders", "description": "What was\nordered.",
        "columns": {"AMOUNT": {"description": "In euros."}},
    }  # fmt: skip
    (target / "manifest.json").write_text(json.dumps({"nodes": {"model.o": node}}), encoding="utf-8")
    table = project.cli("contract", "export", "--json").document["contract"]["schema"][0]
    assert table["description"] == "What was ordered."
    assert {p["name"]: p.get("description") for p in table["properties"]}["amount"] == "In euros."
    (target / "manifest.json").write_text("no json", encoding="utf-8")
    assert project.cli("contract", "export", "--json").status == 0


def test_diff(project: SmallProject) -> None:
    old = write(project, PROMISE, "old.yaml")
    wider = write(project, PROMISE.replace("[50, 150]", "[60, 140]"), "wider.yaml")
    broken = write(project, PROMISE.replace("minimum: 0", "minimum: -1").replace("1.0.0", "1.1.0"), "broken.yaml")
    implied = write(project, PROMISE.replace("required: true, ", ""), "implied.yaml")
    assert project.cli("contract", "diff", old, old).out == (
        "nothing that is promised differs\nversion     no bump needed; it went from 1.0.0 to 1.0.0\n"
    )
    told = project.cli("contract", "diff", old, wider)
    assert told.status == 0
    assert "compatible  table `orders`, quality `rowCount`: it was `mustBeBetween [50, 150]`" in told.out
    assert "minor bump needed; it went from 1.0.0 to 1.0.0: write 1.1.0" in told.out
    assert project.cli("contract", "diff", old, implied).out.startswith("nothing that is promised differs")
    told = project.cli("contract", "diff", old, broken)
    assert told.status == 1
    assert told.out.startswith("breaking    column `orders.amount`: `minimum` was `0` and is `-1` (readers meet values")
    document = project.cli("contract", "diff", old, broken, "--json").document
    assert (document["breaking"], document["bump"], document["bumped"]) == (True, "major", "minor")
    assert document["suggested_version"] == "2.0.0"


def test_the_published_version_against_a_contract(project: SmallProject) -> None:
    path = write(project, PROMISE.replace("[50, 150]", "[1, 2]"), "other.yaml")
    assert_refused(project.cli("contract", "test"), says="there is no contract in", hint="tidegate contract export")
    assert_refused(project.cli("contract", "test", path), says="nothing is published")
    project.cli("run")
    before = project.content()
    told = project.cli("contract", "test", path)
    assert told.status == 1
    assert "fail      rowCount on raw.orders: there are 100 rows, expected 1 to 2" in told.out
    assert "carried   `Amounts are in euros.` of `orders` (a text for people)" in told.out
    assert "BROKEN  version 1 against" in told.out
    assert project.content() == before
    assert project.cli("incidents", "--json").document["incidents"] == []
    write(project, PROMISE)
    assert project.cli("contract").status == 0
