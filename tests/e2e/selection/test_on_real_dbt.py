"""A dbt project behind the gate, and `tidegate check --select` where its team would say `dbt test --select`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import small_project
from tests.e2e.selection import project
from tests.e2e.small_project import SmallProject

pytestmark = pytest.mark.slow

RAW = """
create schema if not exists raw; create schema if not exists crm;
create or replace table raw.orders as select i as order_id, i % 7 as customer_id, i * 1.5 + 1 as amount from range(50) t(i);
create or replace table raw.customers as select i as customer_id, 'n' || i as name, 'DE' as country from range(7) t(i);
create or replace table crm.accounts as select i as id from range(5) t(i);
"""
STEPS = """\
  - {name: transform, dbt: transform, tests: dbt}
checks:
  - {table: analytics.fct_orders, rule: "order_id < 40", name: few orders, tags: [money]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    root = tmp_path_factory.mktemp("real") / "shop"
    made = small_project.make(root, sql=RAW)
    project.write(root / "transform")
    for name in (
        "fct_orders.sql",
        "marts.yml",
    ):  # without the unit test, which needs a model that is no view of another
        path = root / "transform/models/marts" / name
        text = path.read_text(encoding="utf-8").partition("unit_tests:")[0]
        exposures = (
            "\nexposures:\n  - {name: board, type: dashboard, owner: {name: ann}, depends_on: [ref('fct_orders')]}\n"
        )
        path.write_text(text + (exposures if name == "marts.yml" else ""), encoding="utf-8")
    made.configure(STEPS.rstrip().partition("checks:")[0].rstrip())
    told = made.cli("run", "--json", "--quiet")
    assert told.status == 0, [told.document.get(k) for k in ("decision", "findings", "steps")]
    made.configure(*STEPS.rstrip().splitlines())
    return made


def check(shop: SmallProject, *words: str | Path) -> tuple[int, dict[str, Any]]:
    told = shop.cli("check", "--json", "--quiet", *words)
    return told.status, told.document


def ids(document: dict[str, Any]) -> list[str]:
    return sorted(r["check"]["name"] for r in document["results"])


@pytest.mark.parametrize(
    ("words", "names", "status"),
    [
        (["--select", "fct_orders"], ["few orders", "not_null_fct_orders_order_id", "orders_add_up", "unique_fct_orders_order_id"], 1),
        (["--select", "fct_orders", "--exclude", "tag:money,package:tidegate"],
         ["not_null_fct_orders_order_id", "orders_add_up", "unique_fct_orders_order_id"], 0),
        (["--select", "stg_orders,test_name:unique", "package:geo,test_name:not_null"],
         ["not_null_countries_code", "unique_stg_orders_order_id"], 0),
        (["--select", "1+exposure:board,test_name:unique"], ["unique_fct_orders_order_id"], 0),
        (["--selector", "both"], ["relationships_stg_customers_country__code__ref_geo_countries_",
          "relationships_stg_orders_customer_id__customer_id__ref_stg_customers_"], 0),
        (["--select", "path:transform/models/marts/marts.yml,test_name:unique"], ["unique_fct_orders_order_id"], 0),
    ],
)  # fmt: skip
def test_what_is_selected_and_how_it_ends(
    shop: SmallProject, words: list[str], names: Sequence[str], status: int
) -> None:
    found, document = check(shop, *words)
    assert (ids(document), found) == (names, status)
    assert document["counts"]["declared"] > document["counts"]["selected"] == len(names)


def test_the_verdicts_are_dbts_and_say_the_line(shop: SmallProject) -> None:
    _, document = check(shop)
    (results,) = shop.root.glob("warehouse/versions/000001/state/dbt/transform/target/run_results.json")
    theirs = {r["unique_id"]: r["status"] for r in json.loads(results.read_text(encoding="utf-8"))["results"]}
    ours = {r["check"]["id"]: r for r in document["results"] if r["check"]["source"] == "dbt"}
    judged = {i: r["outcome"] for i, r in ours.items() if r["outcome"] != "skipped"}
    assert len(judged) > 10
    assert judged == {i: theirs[i] for i in judged}
    for result in ours.values():
        file, _, line = result["check"]["declared_in"].partition(":")
        text = (shop.root / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert file.endswith(".sql") or any(
            word in text for word in ("data_tests", "is_positive", "not_null", "unique", "accepted", "relation")
        )


def test_what_changed_since_a_state(shop: SmallProject, tmp_path: Path) -> None:
    (target,) = shop.root.glob("warehouse/versions/000001/state/dbt/transform/target")
    state = Path(shutil.copytree(target, tmp_path / "state"))
    status, document = check(shop, "--select", "state:modified", "--state", state)
    assert (status, document["counts"]["selected"], document["results"]) == (0, 0, [])
    assert "nothing that has one differs" in document["notes"][0]
    assert shop.cli("check", "--quiet", "--plan", "--select", "state:modified", "--state", state).status == 0
    manifest = json.loads((state / "manifest.json").read_text(encoding="utf-8"))
    manifest["nodes"]["model.shop.fct_orders"]["raw_code"] += " -- as it was"
    (state / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    _, document = check(shop, "--select", "state:modified", "--state", state, "--exclude", "test_type:singular")
    assert ids(document) == ["few orders", "not_null_fct_orders_order_id", "unique_fct_orders_order_id"]


def test_dbts_results_are_written(shop: SmallProject, tmp_path: Path) -> None:
    path = tmp_path / "target" / "run_results.json"
    shop.cli("check", "--quiet", "--select", "fct_orders", "--exclude", "test_type:singular", "--run-results", path)
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert {r["unique_id"].rpartition(".")[0] for r in results} == {
        "test.shop.not_null_fct_orders_order_id",
        "test.shop.unique_fct_orders_order_id",
    }
