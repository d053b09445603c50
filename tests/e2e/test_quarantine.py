"""`on_fail: quarantine` with real dbt and real DuckDB: rows that fail are moved, the rest is published, nothing is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.small_project import SmallProject, Told, make

ORDERS = """
create schema if not exists raw;
create or replace table raw.orders as
select i as order_id, case when i < 3 then -1.0 when i = 5 then null else i end as amount from range(100) as t(i)
"""
QUARANTINE = '  - {table: raw.orders, rule: "amount >= 0", on_fail: quarantine}'
KEPT = "tidegate_quarantine.raw__orders"
COUNTS = f"select (select count(*) from raw.orders), (select count(*) from {KEPT})"


def sentences(told: Told, kind: str = "quarantine") -> list[str]:
    return [f["sentence"] for f in told.document["findings"] if f["kind"] == kind]


def plain(root: Path, *checks: str, sql: str = ORDERS, more: tuple[str, ...] = ()) -> SmallProject:
    return make(root, 'learned: "off"', *more, "checks:", *(checks or (QUARANTINE,)), sql=sql)


# --- one step that loads ---------------------------------------------------------------------------------------------


def test_rows_that_fail_are_moved_and_the_rest_is_published(tmp_path: Path) -> None:
    project = plain(tmp_path)
    told = project.cli("run", "--json")
    assert told.status == 0, told
    assert project.query(COUNTS) == [(97, 3)]
    assert project.query("select count(*) from raw.orders where amount is null") == [(1,)], "unknown is not failing"
    marks = project.query(f"select distinct _tidegate_check, _tidegate_version, _tidegate_run from {KEPT}")
    assert marks == [("raw.orders/rule amount >= 0", 1, told.document["run"])]
    (moved,) = told.document["quarantined"]
    assert (moved["rows"], moved["failing"], moved["moved"]) == (100, 3, True)
    assert sentences(told) == [f"3 rows quarantined from raw.orders by `rule amount >= 0`; {KEPT} keeps them"]
    assert told.document["incidents"] == []
    assert "3 rows in quarantine" in told.document["decision"]["because"][0]
    assert [(r["outcome"], r["failures"]) for r in told.document["results"]] == [("pass", 0)]

    again = project.cli("run")
    assert again.status == 0
    assert "3 of them were there already" in again.out
    assert project.query(COUNTS) == [(97, 3)], "the same rows of the same source are not kept twice"
    assert project.cli("check").status == 0
    assert "tidegate_quarantine" not in project.cli("diff", "1", "2").out


def test_rows_are_added_to_what_is_there_and_go_back_with_the_version(tmp_path: Path) -> None:
    project = plain(tmp_path)
    assert project.cli("run").status == 0
    project.load("insert into raw.orders values (200, -5), (201, 5)")
    assert project.cli("run").status == 0
    assert project.query(COUNTS) == [(98, 4)]
    assert project.query(f"select order_id, _tidegate_version from {KEPT} where order_id = 200") == [(200, 2)]
    assert project.cli("rollback").status == 0
    assert project.query(COUNTS) == [(97, 3)]
    assert project.cli("run").status == 0, "what was taken back is loaded again"
    assert project.query(COUNTS) == [(98, 4)]


def test_more_than_the_limit_holds_and_moves_nothing(tmp_path: Path) -> None:
    project = plain(tmp_path, sql=ORDERS.replace("i < 3", "i < 6"))
    told = project.cli("run", "--json")
    assert told.status == 1
    why = "6 of 100 rows fail (6 %), and at most 5 % may go"
    assert sentences(told) == [f"no row of raw.orders was quarantined because of `rule amount >= 0`: {why}"]
    held = project.root / "warehouse" / "versions" / "000001" / "shop.duckdb"
    assert project.query("select count(*) from raw.orders", held) == [(100,)]
    assert project.query("select count(*) from duckdb_tables() where schema_name = 'tidegate_quarantine'", held) == [
        (0,)
    ]
    project.configure('learned: "off"', "quarantine_limit: 0.06", "checks:", QUARANTINE)
    assert project.cli("run").status == 0
    assert project.query(COUNTS) == [(94, 6)]


VIEW = "create schema if not exists raw; create table raw.o as from range(9) as t(i); create view raw.orders as select i - 1 as amount from raw.o"


@pytest.mark.parametrize(
    ("sql", "check", "says"),
    [
        (VIEW, QUARANTINE, "it is a view"),
        (ORDERS, QUARANTINE.replace(">= 0", "> 'x'"), ""),
        (
            ORDERS + "; alter table raw.orders add column rowid integer",
            QUARANTINE,
            "the engine refused: raw.orders has a column",
        ),
        (ORDERS, '  - {table: raw.orders, rule: "amuont >= 0", on_fail: quarantine}', ""),
    ],
    ids=["view", "not comparable", "rowid", "no such column"],
)
def test_what_cannot_be_moved_or_told_holds(tmp_path: Path, sql: str, check: str, says: str) -> None:
    told = plain(tmp_path, check, sql=sql).cli("run", "--json")
    assert told.status == 1, told
    assert told.document["quarantined"] == []
    assert [says in s for s in sentences(told)] == ([True] if says else [])


ODD = """
create schema if not exists "odd ""schema"".x";
create or replace table "odd ""schema"".x"."Größe; -- y" as select i as "semi;colon", i % 4 as k from range(100) as t(i)
"""


def test_checks_by_value_and_odd_names(tmp_path: Path) -> None:
    table = """table: '"odd ""schema"".x".Größe; -- y', on_fail: quarantine"""
    checks = [
        f"""  - {{name: few, {table}, accepted_values: {{column: "semi;colon", values: [{", ".join(map(str, range(2, 100)))}]}}}}""",
        f"""  - {{name: known, {table}, relationships: {{column: "semi;colon", to: raw.known, field: id}}}}""",
        f"""  - {{name: own words, {table}, rule: '"Größe; -- y"."semi;colon" <> 98', where: "k >= 0"}}""",
    ]
    sql = (
        ODD
        + "; create schema if not exists raw; create or replace table raw.known as select i as id from range(1, 100) t(i)"
    )
    project = plain(tmp_path, *checks, sql=sql)
    told = project.cli("run", "--json")
    assert told.status == 0, told
    (moved,) = told.document["quarantined"]
    assert list(moved["by_check"].values()) == [2, 1, 1]
    assert project.query('select count(*) from tidegate_quarantine."odd ""schema"".x__Größe; -- y"') == [(3,)]
    assert "`few` (2), `known` (1), `own words` (1)" in sentences(told)[0]


def test_only_checks_on_rows_may_say_so(tmp_path: Path) -> None:
    told = plain(tmp_path, "  - {table: raw.orders, unique: order_id, on_fail: quarantine}").cli("config", "check")
    assert told.status == 2
    assert "`on_fail: quarantine` is for checks on single rows" in told.err


# --- a load, and dbt behind it ---------------------------------------------------------------------------------------

PROJECT = """
name: shop
version: '1.0'
profile: shop
models: {+materialized: table}
"""
PROFILES = """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: ../shop.duckdb, schema: analytics}
"""
META = "{config: {meta: {tidegate: {on_fail: quarantine}}}}"
SOURCES = "version: 2\nsources:\n  - name: raw\n    tables:\n      - name: orders\n        columns:\n          - name: amount\n"
TESTED_SOURCE = f"{SOURCES}            data_tests: [{{not_null: {META}}}]\n"
TESTED_MODEL = (
    "version: 2\nmodels:\n  - name: MODEL\n    columns:\n      - {name: amount, data_tests: [{not_null: META}]}\n"
)
MODELS = {
    "stg_orders.sql": "{{ config(materialized='view') }} select * from {{ source('raw', 'orders') }}",
    "orders.sql": "select * from {{ ref('stg_orders') }}",
    "revenue.sql": "select sum(amount) as amount, count(*) as orders from {{ ref('orders') }}",
}
NULLS = ORDERS.replace("-1.0", "null").replace("i = 5", "i = 2")
ADDED = """
{{ config(materialized='incremental') }}
select * from {{ source('raw', 'orders') }}
{% if is_incremental() %} where order_id > (select max(order_id) from {{ this }}) {% endif %}
"""


def with_dbt(
    root: Path, *checks: str, sql: str = ORDERS, models: Mapping[str, str] = MODELS, schema: str = SOURCES
) -> SmallProject:
    project = make(root, sql=sql)
    load = json.dumps(f"{sys.executable} load.py")
    steps = f"- {{name: load, run: {load}}}\n  - {{name: transform, dbt: transform}}"
    project.configure('learned: "off"', *(["checks:", *checks] if checks else []), step=steps)
    folder = root / "transform"
    files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILES, "models/schema.yml": schema}
    for name, text in (files | {f"models/{name}": text for name, text in models.items()}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return project


def ran(told: Told) -> list[str]:
    return [step["name"] for step in told.document["steps"]]


def held_back(told: Told) -> list[dict[str, Any]]:
    return [f for f in told.document["findings"] if f["holds"]]


@pytest.mark.slow
def test_dbt_builds_from_what_is_left(tmp_path: Path) -> None:
    project = with_dbt(tmp_path, QUARANTINE)
    told = project.cli("run", "--json")
    assert told.status == 0, told
    assert ran(told) == ["load", "transform"], "the rows went before dbt began"
    assert project.query("select orders from analytics.revenue") == [(97,)]
    assert project.query(COUNTS) == [(97, 3)]


@pytest.mark.slow
def test_a_test_of_a_dbt_source_is_known_only_when_dbt_ran_so_dbt_runs_again(tmp_path: Path) -> None:
    project = with_dbt(tmp_path, sql=NULLS, schema=TESTED_SOURCE)
    told = project.cli("run", "--json")
    assert told.status == 0, told
    assert ran(told) == ["load", "transform", "transform"], "its test failed, and dbt built nothing"
    assert project.query("select orders from analytics.revenue") == [(97,)]
    told = project.cli("run", "--json")
    assert told.status == 0, told
    assert ran(told) == ["load", "transform"], "the manifest of the version before names the test"
    assert project.query("select orders from analytics.revenue") == [(97,)]
    assert project.query(COUNTS) == [(97, 3)]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "holds"), [("orders", True), ("leaf", False)])
def test_a_model_that_others_are_built_from_holds(tmp_path: Path, model: str, holds: bool) -> None:
    """dbt itself skips what is below a test that fails, and to run it again would bring the rows back."""
    models = {**MODELS, "leaf.sql": "select amount from {{ ref('orders') }}"}
    schema = TESTED_MODEL.replace("MODEL", model).replace("META", META) + SOURCES.removeprefix("version: 2\n")
    project = with_dbt(tmp_path, sql=NULLS, models=models, schema=schema)
    told = project.cli("run", "--json")
    assert (told.status, ran(told)) == (int(holds), ["load", "transform"])
    (moved,) = told.document["quarantined"]
    assert (moved["dataset"], moved["failing"], moved["moved"]) == (f"analytics.{model}", 3, True)
    assert [f["key"] for f in held_back(told)] == ([f"analytics.{model}/quarantine/downstream"] if holds else [])
    if holds:
        assert "analytics.leaf, analytics.revenue were not built from what is left" in held_back(told)[0]["sentence"]
    else:
        assert project.query("select count(*) from analytics.leaf") == [(97,)]


@pytest.mark.slow
def test_an_incremental_model_keeps_what_it_took_before_the_check_was_there(tmp_path: Path) -> None:
    project = with_dbt(tmp_path, models={"taken.sql": ADDED})
    assert project.cli("run").status == 0
    configuration = project.root / "tidegate.yml"
    configuration.write_text(configuration.read_text("utf-8") + f"checks:\n{QUARANTINE}\n", encoding="utf-8")
    told = project.cli("run", "--json")
    assert told.status == 1
    assert [f["key"] for f in held_back(told)] == ["raw.orders/quarantine/downstream"]
    assert ran(told) == ["load", "transform"], "to run it again does not help"
