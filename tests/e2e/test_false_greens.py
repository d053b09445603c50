"""Nothing is green that was not looked at: what is declared and does not run is told, and holds where it would block."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, Told

# --- real dbt: one project, one database, and a run for each way in which dbt's own green would deceive

DBT_PROJECT = """
name: shop
version: '1.0'
profile: shop
models: {+materialized: table}
"""
DBT_PROFILES = """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: ../shop.duckdb, schema: analytics}
"""
CUSTOMERS = """
select i as customer_id, 'person' || i || '@example.com' as email, case when i < 5 then null else 'DE' end as country
from range(50) as t(i)
"""
TWICE = CUSTOMERS.replace("i as customer_id", "case when i < 3 then 7 else i end as customer_id")
ORDERS = "select i as order_id, i % 50 as customer_id, i * 1.5 as amount from range(100) as t(i)"
REVENUE = """
select country, sum(amount) as amount from {{ ref('orders') }} join {{ ref('customers') }} using (customer_id) group by all
"""
SOUND = """
models:
  - name: customers
    columns:
      - {name: customer_id, data_tests: [unique, not_null]}
      - {name: email, data_tests: [not_null]}
      - name: country
        data_tests: [{not_null: {config: {severity: warn}}}]
  - name: nobody
    columns:
      - {name: id, data_tests: [not_null]}
"""
DECEIVED = """
models:
  - name: customers
    columns:
      - {name: customer_id, data_tests: [unique, not_null]}
  - name: orders
    columns:
      - name: customer_id
        data_tests: [{relationships: {arguments: {to: ref('nowhere'), field: customer_id}}}]
      - {name: amuont, data_tests: [not_null]}
  - name: nowhere
    columns:
      - {name: id, data_tests: [not_null]}
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, by its document."""

    told: Told

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        return {r["check"]["name"]: r for r in self.told.document["results"]}

    @property
    def findings(self) -> list[dict[str, Any]]:
        return self.told.document["findings"]

    @property
    def notes(self) -> str:
        return "\n".join(self.told.document["notes"])

    def finding(self, part: str) -> dict[str, Any]:
        (found,) = (f for f in self.findings if part in f["sentence"])
        return found


def write_dbt(project: SmallProject, *, customers: str, schema: str) -> None:
    folder = project.root / "transform"
    for name, text in {
        "dbt_project.yml": DBT_PROJECT,
        "profiles.yml": DBT_PROFILES,
        "models/customers.sql": customers,
        "models/orders.sql": ORDERS,
        "models/revenue.sql": REVENUE,
        "models/nobody.sql": "select 1 as id where false",
        "models/schema.yml": schema,
        "tests/no_debt.sql": "select * from {{ ref('revenue') }} where amount < 0",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Nothing has run yet; the fixtures below run one after the other, each from what is published."""
    project = small_project.make(tmp_path_factory.mktemp("green") / "shop")
    project.configure(step="- {name: transform, dbt: transform}")
    write_dbt(project, customers=CUSTOMERS, schema=SOUND)
    return project


@pytest.fixture(scope="module")
def sound(shop: SmallProject) -> Run:
    return Run(told=shop.cli("run", "--json"))


@pytest.fixture(scope="module")
def nothing_selected(shop: SmallProject, sound: Run) -> Run:
    return Run(told=shop.cli("run", "--json", "--", "dbt", "build", "-s", "nothing"))


@pytest.fixture(scope="module")
def by_hand(shop: SmallProject, nothing_selected: Run) -> Run:
    """A command that writes what dbt's tests forbid, in a run in which dbt does not run at all."""
    shop.load("update analytics.customers set email = null where customer_id < 7")
    return Run(told=shop.cli("run", "--json", "--", sys.executable, "load.py"))


@pytest.fixture(scope="module")
def deceived(shop: SmallProject, by_hand: Run) -> Run:
    write_dbt(shop, customers=TWICE, schema=DECEIVED)
    shop.configure(step="- {name: transform, dbt: transform, tests: dbt}")
    return Run(told=shop.cli("run", "--json"))


@pytest.mark.slow
def test_a_failing_test_of_severity_warn_is_published_and_told(shop: SmallProject, sound: Run) -> None:
    assert sound.told.status == 0, sound.told
    country = sound.results["not_null_customers_country"]
    assert (country["outcome"], country["failures"], country["evaluated"]) == ("warn", 5, 50)
    assert not sound.finding("not_null_customers_country")["holds"]
    assert sound.told.document["incidents"] == []


@pytest.mark.slow
def test_a_test_that_looked_at_no_row_is_told(sound: Run) -> None:
    nobody = sound.results["not_null_nobody_id"]
    assert (nobody["outcome"], nobody["failures"], nobody["evaluated"]) == ("pass", 0, 0)
    finding = sound.finding("not_null_nobody_id")
    assert "nothing was evaluated: 0 rows" in finding["sentence"]
    assert not finding["holds"]


@pytest.mark.slow
def test_zero_nodes_hold(shop: SmallProject, nothing_selected: Run) -> None:
    assert nothing_selected.told.status == 1
    assert nothing_selected.told.document["decision"]["action"] == "hold"
    assert nothing_selected.finding("executed 0 nodes")["holds"]
    assert "'nothing' does not match any enabled nodes" in nothing_selected.notes
    assert "none of 6 declared dbt tests was executed" in nothing_selected.notes
    assert nothing_selected.results["no_debt"]["outcome"] == "skipped"
    assert shop.versions()[2] == "held"


@pytest.mark.slow
def test_declared_tests_count_when_dbt_does_not_run(shop: SmallProject, by_hand: Run) -> None:
    assert by_hand.told.status == 1
    email = by_hand.results["not_null_customers_email"]
    assert (email["outcome"], email["failures"]) == ("fail", 7)
    no_debt = by_hand.results["no_debt"]
    assert (no_debt["check"]["kind"], no_debt["outcome"], no_debt["failures"]) == ("compiled", "pass", 0)
    assert shop.versions()[3] == "held"


@pytest.mark.slow
def test_tests_that_dbt_cannot_run_hold(deceived: Run) -> None:
    assert deceived.told.status == 1
    results = deceived.results
    for name, says in {
        "not_null_orders_amuont": "analytics.orders has no column `amuont`; did you mean `amount`?",
        "not_null_nowhere_id": "there is no table `analytics.nowhere`",
        "relationships_orders_customer_id__customer_id__ref_nowhere_": "there is no table `analytics.nowhere`",
    }.items():
        assert results[name]["outcome"] == "error"
        assert says in results[name]["reason"]
        assert deceived.finding(f"{name} on")["holds"]
    for name in ("not_null_nowhere_id", "relationships_orders_customer_id__customer_id__ref_nowhere_"):
        assert f"dbt never runs test `{name}`" in deceived.notes
    assert "2 of 6 declared dbt tests were not executed" in deceived.notes


@pytest.mark.slow
def test_what_dbt_skipped_is_told(deceived: Run) -> None:
    assert deceived.results["no_debt"]["outcome"] == "skipped"
    assert "dbt skipped this test" in deceived.finding("no_debt on")["sentence"]
    assert "model.shop.revenue" in deceived.notes


@pytest.mark.slow
def test_a_failing_test_holds_and_its_rows_are_masked(shop: SmallProject, deceived: Run) -> None:
    twice = deceived.results["unique_customers_customer_id"]
    assert (twice["outcome"], twice["failures"], twice["evaluated"]) == ("fail", 1, 50)
    assert twice["sample"]["columns"] == ["customer_id", "email", "country"]
    assert {row[0] for row in twice["sample"]["rows"]} == {"7"}
    assert twice["sample"]["masked"] == ["email"]
    numbers = [i["number"] for i in deceived.told.document["incidents"]]
    shown = "\n".join(shop.cli("incidents", "show", str(n)).out for n in numbers)
    assert "1 value of `customer_id` occurs more than once in 50 rows" in shown
    assert "masked: email" in shown
    assert "@example.com" not in shown
    assert "person" not in shown
    assert "@example.com" not in str(twice)
    assert '"analytics"."customers"' in shown
    assert "transform/models/schema.yml" in shown


# --- checks of tidegate.yml: one table, one run for all kinds

CHECKED = """
create schema if not exists raw;
create or replace table raw.orders as
select
    i as order_id, i % 20 as customer_id, case when i < 4 then null else 'x' end as code,
    case when i = 0 then -1.0 else i * 1.5 end as amount, case i % 3 when 0 then 'paid' when 1 then 'open' else 'lost' end as status,
    'person' || i || '@example.com' as email,
    timestamp '2020-01-01' + to_days(i::int) as old_at, now()::timestamp - to_minutes(i::int) as new_at
from range(100) as t(i);
create or replace table raw.customers as select i as customer_id from range(18) as t(i);
create or replace table raw.nobody as select 1 as id, 'x' as name, now()::timestamp as at where false;
"""

KINDS = """
checks:
  - {name: rule, table: raw.orders, rule: "amount >= 0"}
  - {name: rule where, table: raw.orders, rule: "amount >= 0", where: "order_id > 0"}
  - {name: unique, table: raw.orders, unique: order_id}
  - {name: not unique, table: raw.orders, unique: customer_id}
  - {name: nulls, table: raw.orders, not_null: code}
  - {name: some nulls, table: raw.orders, not_null: code, error_if: "> 10", warn_if: "> 3"}
  - {name: few nulls, table: raw.orders, not_null: code, error_if: "> 10", warn_if: "> 4"}
  - {name: nulls warn, table: raw.orders, not_null: code, severity: warn}
  - {name: nulls told, table: raw.orders, not_null: code, on_fail: warn}
  - {name: values, table: raw.orders, accepted_values: {column: status, values: [paid, open]}}
  - {name: all values, table: raw.orders, accepted_values: {column: status, values: [paid, open, lost]}}
  - {name: partners, table: raw.orders, relationships: {column: customer_id, to: raw.customers, field: customer_id}}
  - {name: packaged, table: raw.orders, test: dbt_utils.accepted_range, column: amount, arguments: {min_value: 0}}
  - {name: packaged groups, table: raw.orders, test: dbt_utils.not_constant, column: status, arguments: {group_by_columns: [customer_id]}}
  - {name: packaged shape, table: raw.orders, test: dbt_expectations.expect_table_column_count_to_equal, arguments: {value: 3}}
  - {name: packaged pair, table: raw.orders, test: dbt_utils.equal_rowcount, arguments: {compare_model: raw.customers}}
  - {name: packaged equals, table: raw.orders, test: dbt_utils.equal_rowcount, arguments: {compare_model: raw.orders}}
  - {name: no packaged pair, table: raw.orders, test: dbt_utils.equal_rowcount, arguments: {compare_model: raw.customer}}
  - {name: enough, table: raw.orders, row_count: {min: 100, max: 100}}
  - {name: more, table: raw.orders, row_count: {min: 101}}
  - {name: old, table: raw.orders, freshness: {column: old_at, max_age: 1h}}
  - {name: new, table: raw.orders, freshness: {column: new_at, max_age: 1h}}
  - {name: total, metric: "select sum(amount) from raw.orders", min: 7000, max: 8000}
  - {name: too much, metric: "select sum(amount) from raw.orders", max: 7000}
  - {name: aggregate, table: raw.orders, metric: "avg(amount)", min: 70, max: 80}
  - {name: no row, table: raw.nobody, not_null: id}
  - {name: no match, table: raw.orders, rule: "amount >= 0", where: "order_id > 1000"}
  - {name: no rows at all, table: raw.nobody, row_count: {min: 1}}
  - {name: never fresh, table: raw.nobody, freshness: {column: at, max_age: 1h}}
  - {name: no table, table: raw.ordres, not_null: order_id}
  - {name: no column, table: raw.orders, not_null: order_idd}
  - {name: no parent, table: raw.orders, relationships: {column: customer_id, to: raw.customer, field: customer_id}}
  - {name: no parent column, table: raw.orders, relationships: {column: customer_id, to: raw.customers, field: cust_id}}
  - {name: no sense, table: raw.orders, rule: "amount >= >= 0"}
  - {name: no such thing, table: raw.orders, rule: "amuont >= 0"}
  - {name: no condition, table: raw.orders, rule: "amount >= 0", where: "no_such_column = 1"}
  - {name: no function, table: raw.orders, rule: "no_such_function(amount)"}
  - {name: no time, table: raw.orders, freshness: {column: code, max_age: 1h}}
  - {name: no number, metric: "select status from raw.orders limit 1", min: 1}
  - {name: no value, metric: "select null::int", min: 1}
  - {name: many values, metric: "select count(*) from raw.orders group by status", min: 1}
  - {name: no query, metric: "select sum(amuont) from raw.orders", min: 1}
  - {name: no reading query, metric: "drop table raw.orders", min: 1}
  - {name: no threshold, table: raw.orders, not_null: code, error_if: "many"}
  - {name: drops, table: raw.orders, rule: "true); drop table raw.orders; select (true"}
"""

EXPECTED = {
    "rule": ("fail", 1, 100),
    "rule where": ("pass", 0, 99),
    "unique": ("pass", 0, 100),
    "not unique": ("fail", 20, 100),
    "nulls": ("fail", 4, 100),
    "some nulls": ("warn", 4, 100),
    "few nulls": ("pass", 4, 100),
    "nulls warn": ("warn", 4, 100),
    "nulls told": ("fail", 4, 100),
    "values": ("fail", 1, 100),
    "all values": ("pass", 0, 100),
    "partners": ("fail", 10, 100),
    "packaged": ("fail", 1, 100),
    "packaged groups": ("pass", 0, 100),
    "packaged shape": ("fail", 1, None),
    "packaged pair": ("fail", 82, 100),
    "packaged equals": ("pass", 0, 100),
    "enough": ("pass", 0, 100),
    "more": ("fail", 1, 100),
    "old": ("fail", 1, 100),
    "new": ("pass", 0, 100),
    "total": ("pass", 0, None),
    "too much": ("fail", 1, None),
    "aggregate": ("pass", 0, 100),
    "no row": ("pass", 0, 0),
    "no match": ("pass", 0, 0),
    "no rows at all": ("fail", 1, 0),
    "never fresh": ("fail", 1, 0),
}
"""Name: outcome, failures, rows looked at; all others of KINDS end as `error`."""

REASONS = {
    "no table": "`raw.ordres`; did you mean `raw.orders`?",
    "no column": "`order_idd`; did you mean `order_id`?",
    "no parent": "`raw.customer`; did you mean `raw.customers`?",
    "no packaged pair": "`raw.customer`; did you mean `raw.customers`?",
    "no parent column": "`cust_id`; did you mean `customer_id`?",
    "no sense": "amount >= >= 0",
    "no such thing": "amuont",
    "no condition": "no_such_column",
    "no function": "no_such_function",
    "no time": "`code` is VARCHAR, not a time",
    "no number": "not a number",
    "no value": "NULL",
    "many values": "more than one row, and one number is wanted",
    "no query": "amuont",
    "no reading query": "`drop table raw.orders` is neither a query nor an aggregate",
    "no threshold": "`many`",
    "drops": "",
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallProject, Run]:
    project = small_project.make(tmp_path_factory.mktemp("checks") / "shop", KINDS, sql=CHECKED)
    return project, Run(told=project.cli("run", "--json"))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_kind_of_check(kinds: tuple[SmallProject, Run], name: str) -> None:
    result = kinds[1].results[name]
    evaluated = EXPECTED[name][2]
    if evaluated is None:  # a query of its own names no rows that it looks at
        result = {**result, "evaluated": None}
    assert (result["outcome"], result["failures"], result["evaluated"]) == (*EXPECTED[name][:2], evaluated), result


@pytest.mark.parametrize("name", REASONS)
def test_a_check_that_cannot_be_evaluated_holds_and_says_why(kinds: tuple[SmallProject, Run], name: str) -> None:
    run = kinds[1]
    result = run.results[name]
    assert result["outcome"] == "error"
    assert result["failures"] is None
    assert "could not be evaluated: " in result["reason"]
    assert REASONS[name] in result["reason"]
    finding = run.finding(f"{name} on ")
    assert finding["holds"]
    assert finding["kind"] == "unchecked"
    assert "repair the check" in finding["hint"]
    assert "tidegate.yml:" in finding["sentence"]


def test_every_check_is_expected_here(kinds: tuple[SmallProject, Run]) -> None:
    assert set(kinds[1].results) == {*EXPECTED, *REASONS}
    assert kinds[1].told.status == 1


def test_what_looked_at_no_row_is_told_in_text_and_document(kinds: tuple[SmallProject, Run]) -> None:
    project, run = kinds
    for name in ("no row", "no match"):
        finding = run.finding(f"{name} on ")
        assert finding["kind"] == "unchecked"
        assert not finding["holds"]
        assert "nothing was evaluated: 0 rows" in finding["sentence"]
    text = project.cli("run").out
    assert f"checks    {len(EXPECTED) + len(REASONS)}: " in text
    assert "; 4 of them looked at 0 rows" in text
    number = next(i["number"] for i in run.told.document["incidents"] if "rule on raw.orders" in str(i["findings"]))
    shown = project.cli("incidents", "show", str(number)).out
    assert "unchecked  no match on raw.orders: nothing was evaluated: 0 rows" in shown


@pytest.mark.parametrize("name", ["some nulls", "nulls warn", "nulls told"])
def test_what_only_warns_is_told_and_does_not_hold(kinds: tuple[SmallProject, Run], name: str) -> None:
    finding = kinds[1].finding(f"{name} on ")
    assert not finding["holds"]
    assert finding["affected_rows"] == 4


def test_on_fail_warn_publishes_and_tells(tmp_path: Path) -> None:
    lines = [line for line in KINDS.splitlines() if any(f"{{name: {n}," in line for n in ("nulls told", "nulls warn"))]
    project = small_project.make(tmp_path / "shop", "checks:", *lines, sql=CHECKED)
    run = project.cli("run")
    assert run.status == 0, run
    assert run.out.startswith("PUBLISHED")
    assert "told      nulls told on raw.orders: 4 of 100 rows have no `code` (tidegate.yml:" in run.out
    assert "2 warned" in run.out
    assert project.cli("incidents").out == "no open incident\n"


def test_what_cannot_fail_is_told_and_holds_where_that_is_wanted(tmp_path: Path) -> None:
    """A rule on a column that is NULL throughout, beside one that is not, and a query over a table without rows."""
    checks = [
        "{name: blind, table: raw.orders, rule: 'discount <= amount'}",
        "{name: sees, table: raw.orders, rule: 'amount >= -1'}",
        "{name: partly, table: raw.orders, rule: \"code <> 'y'\"}",
        "{name: no row, table: raw.nobody, rule: 'id > 0'}",
    ]
    sql = CHECKED.replace("i as order_id,", "i as order_id, null::int as discount,", 1)
    project = small_project.make(tmp_path / "shop", "checks:", *(f"  - {c}" for c in checks), sql=sql)
    run = Run(told=project.cli("run", "--json"))
    assert (run.told.status, {r["outcome"] for r in run.results.values()}) == (0, {"pass"})
    said = {f["sentence"].partition(" on ")[0]: f["holds"] for f in run.findings}
    assert said == {"blind": False, "no row": False}
    assert "unknown (NULL) in all of 100 rows" in run.finding("blind")["sentence"]
    project.configure("strict: true", "checks:", *(f"  - {c}" for c in checks))
    run = Run(told=project.cli("run", "--json"))
    assert run.told.status == 1
    assert {f["sentence"].partition(" on ")[0]: f["holds"] for f in run.findings} == {"blind": True, "no row": True}


def test_checks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    checks = [
        "{name: same, table: raw.orders, not_null: gone, on_fail: warn}",
        "{name: same, table: raw.orders, not_null: code}",
        '{metric: "select 1", min: 0}',
        '{metric: "select 1", min: 2}',
        "{table: raw.orders, row_count: {min: 1}}",
        "{table: raw.orders, row_count: {max: 1}}",
    ]
    project = small_project.make(tmp_path / "shop", "checks:", *(f"  - {c}" for c in checks), sql=CHECKED)
    run = Run(told=project.cli("run", "--json"))
    assert run.told.status == 1
    ends = [(r["outcome"], r["check"]["blocking"]) for r in run.told.document["results"]]
    assert ends == [("error", False), ("fail", True), ("pass", True), ("fail", True), ("pass", True), ("fail", True)]
    assert len({r["check"]["id"] for r in run.told.document["results"]}) == 6
    assert len({f["key"] for f in run.findings}) == 4


def test_nothing_at_all_to_look_at_holds(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop", sql="create schema if not exists raw")
    told = project.cli("run")
    assert told.status == 1, told
    assert "no table was measured" in told.out
    assert project.versions() == {1: "held"}
