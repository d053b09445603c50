"""Tests of packages in a manifest become entries of the catalogue; what cannot is evaluated by its compiled SQL, and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.integrations import test_dbt_artifacts as dbt
from tidegate.integrations import dbt_artifacts
from tidegate.integrations.dbt_artifacts import Artifacts
from tidegate.model import Check, DatasetRef, TestRun


def declared(namespace: str | None, name: str, column: str | None = "id", **more: Any) -> dict[str, Any]:
    """A test of a package on the model `orders`, as dbt's manifest has it."""
    kwargs = more.pop("kwargs", {})
    made = dbt.generic_test(name, **more)
    made["column_name"] = column
    made["test_metadata"]["namespace"] = namespace
    made["test_metadata"]["kwargs"] = {"model": "{{ get_where_subquery(ref('orders')) }}", **kwargs}
    made["depends_on"] = {
        "nodes": ["model.shop.orders", "model.shop.customers"],
        "macros": more.get("macros", [f"macro.{namespace or 'dbt'}.test_{name}", "macro.dbt.get_where_subquery"]),
    }
    return made


def read(test: Mapping[str, Any], **parts: Any) -> Check:
    found = dbt.read(dbt.ORDERS, dbt.CUSTOMERS, test, **parts)
    return next(c for c in found.checks if c.id == test["unique_id"])


def test_a_test_of_a_package_has_its_arguments() -> None:
    config = {"where": "id > 1", "fail_calc": "sum(coalesce(diff_count, 0))", "severity": "warn"}
    kwargs = {"compare_model": "ref('customers')", "group_by_columns": ["id"], "precision": None}
    found = read(declared("dbt_utils", "equal_rowcount", column=None, kwargs=kwargs, config=config))
    assert found.kind == "dbt_utils.equal_rowcount"
    assert found.arguments == {"compare_model": ["core", "dim_customers"], "group_by_columns": ["id"]}
    assert (found.where, found.severity, found.fail_calc) == ("id > 1", "warn", "sum(coalesce(diff_count, 0))")
    assert found.dataset == DatasetRef(namespace="marts", name="orders")


@pytest.mark.parametrize(
    ("test", "because"),
    [
        (declared("dbt_utils", "accepted_range", kwargs={"min_value": "{{ var('x') }}"}), "its argument `min_value` is Jinja"),
        (declared("dbt_utils", "accepted_range", kwargs={"max": 3}), "does not know its argument `max`"),
        (declared("dbt_utils", "accepted_range", None, kwargs={"max_value": 3}), "it names no column"),
        (declared("dbt_utils", "relationships_where", kwargs={"to": "ref('x')", "field": "id"}), "`to` is no table"),
        (declared("dbt_utils", "recency", kwargs={"field": "id"}), "has no argument `datepart`"),
        (
            declared("dbt_utils", "recency", kwargs={"field": "id", "datepart": "fortnight", "interval": 1}),
            "`datepart` is `fortnight`",
        ),
        (
            declared("dbt_expectations", "expect_table_columns_to_match_set", None, kwargs={"column_list": ["{{ x }}"]}),
            "its argument `column_list` is Jinja",
        ),
        (
            declared("dbt_expectations", "expect_column_pair_values_to_be_in_set", None,
                     kwargs={"column_A": "a", "column_B": "b", "value_pairs_set": {"a": "{% x %}"}}),
            "is Jinja",
        ),
        (declared("dbt_utils", "not_constant", config={"where": "id > {{ var('x') }}"}), "its `where` or `fail_calc` is Jinja"),
        (declared("mine", "recency", kwargs={}), "Tidegate has no entry for this test"),
        (declared("dbt_utils", "brand_new", kwargs={}), "Tidegate has no entry for this test"),
        (declared("dbt_utils", "not_constant", macros=["macro.shop.test_not_constant"]), "its own macro"),
    ],
    ids=["jinja", "argument", "column", "table", "required", "value", "list", "mapping", "where", "package", "new", "macro"],
)  # fmt: skip
def test_what_has_no_entry_goes_through_its_compiled_sql(test: dict[str, Any], because: str) -> None:
    found = read(test)
    assert found.kind == "dbt"
    assert because in str(found.arguments["because"])
    test["compiled_code"] = "select 1 as x"
    test["config"] = {"where": test["config"].get("where") or "id > 1"}
    found = read(test)
    assert (found.kind, found.arguments["sql"], found.where) == ("compiled", "select 1 as x", None)


def test_a_macro_of_the_project_that_is_dispatched_to_replaces_a_test() -> None:
    test = declared("dbt_utils", "not_constant")
    assert read(test).kind == "dbt_utils.not_constant"
    assert read(test, macros={"macro.shop.default__test_not_constant": {}}).kind == "dbt"
    assert read(test, macros={"macro.other.default__test_not_constant": {}}).kind == "dbt_utils.not_constant"
    assert read(dbt.generic_test("unique"), macros={"macro.shop.default__test_unique": {}}).kind == "dbt"


def test_compiled_sql_may_stand_in_the_results_alone() -> None:
    test = dbt.node("test.shop.no_debt", depends_on={"nodes": ["model.shop.orders"]}, config={})
    run = dbt.results(("test.shop.no_debt", "pass"))
    run["results"][0]["compiled_code"] = "select 1"
    found = dbt.read(dbt.ORDERS, test, run=run)
    assert [(c.kind, c.arguments) for c in found.checks] == [("compiled", {"test": "singular", "sql": "select 1"})]
    assert found.notes == ()


@pytest.mark.parametrize("name", ["warn_if", "error_if"])
@pytest.mark.parametrize("condition", ["> (select 2)", "> 8 / failures", "> '1'"])
def test_a_threshold_that_is_no_comparison_with_numbers_is_left_to_dbt(name: str, condition: str) -> None:
    test = declared("dbt_utils", "not_constant", config={name: condition})
    test["compiled_code"] = "select 1 as x"
    found = read(test)
    because = f"its `{name}` is more than a comparison with numbers"
    assert (found.kind, found.arguments) == ("dbt", {"test": "dbt_utils.not_constant", "because": because})
    assert read(declared("dbt_utils", "not_constant", config={name: "> 2"})).kind == "dbt_utils.not_constant"


def test_tests_without_an_entry_are_told_by_reason() -> None:
    tests = [declared("mine", f"t{n}") for n in range(2)] + [declared("dbt_utils", "recency", kwargs={"field": "id"})]
    tests[0]["compiled_code"] = "select 1"
    notes = dbt.read(dbt.ORDERS, dbt.CUSTOMERS, *tests).notes
    assert notes == (
        "1 dbt test is evaluated by the SQL that dbt compiled, because Tidegate has no entry for this test: t0_orders_id",
        "1 dbt test is evaluated by dbt alone, because Tidegate has no entry for this test, and dbt compiled no SQL: t1_orders_id",
        "1 dbt test is evaluated by dbt alone, because it has no argument `datepart`, and dbt compiled no SQL: recency_orders_id",
    )


def test_anomaly_tests_of_elementary_are_recognised() -> None:
    found = read(declared("elementary", "volume_anomalies", None, kwargs={"time_bucket": {"period": "day"}}))
    assert (found.kind, found.arguments) == ("elementary.volume_anomalies", {})


def test_a_unit_test_is_a_check_when_dbt_ran_it() -> None:
    unit = {
        "resource_type": "unit_test",
        "name": "adds_up",
        "depends_on": {"nodes": ["model.shop.orders"]},
        "config": {},
    }
    parts = {"unit_tests": {"unit_test.shop.orders.adds_up": unit}}
    assert dbt.read(dbt.ORDERS, **parts).checks == ()
    run = dbt.results(("unit_test.shop.orders.adds_up", "Fail", 1, "no"))
    (found,) = dbt.read(dbt.ORDERS, run=run, **parts).checks
    assert (found.kind, found.name, found.arguments) == ("dbt", "adds_up", {"test": "unit test"})
    assert found.dataset == DatasetRef(namespace="marts", name="orders")


FRESHNESS = {
    "warn_after": {"count": 2, "period": "hour"},
    "error_after": {"count": 1, "period": "day"},
    "filter": "id > 1",
}


@pytest.mark.parametrize(
    ("said", "arguments", "severity"),
    [
        ({"freshness": FRESHNESS, "loaded_at_field": "at"}, {"warn_after_s": 7200, "error_after_s": 86400}, "error"),
        ({"config": {"freshness": FRESHNESS, "loaded_at_field": "at"}}, {"warn_after_s": 7200, "error_after_s": 86400}, "error"),
        (
            {"freshness": {"warn_after": {"count": 5, "period": "minute"}, "error_after": {}}, "loaded_at_field": "at"},
            {"warn_after_s": 300},
            "warn",
        ),
        ({"freshness": {"warn_after": {"count": None, "period": None}}, "loaded_at_field": "at"}, None, ""),
        ({"freshness": None, "loaded_at_field": "at"}, None, ""),
        ({"freshness": "soon", "loaded_at_field": "at"}, None, ""),
    ],
)  # fmt: skip
def test_the_freshness_of_a_source(said: dict[str, Any], arguments: dict[str, float] | None, severity: str) -> None:
    found = dbt.read({**dbt.RAW, **said}).checks
    if arguments is None:
        assert found == ()
    else:
        (check,) = found
        assert (check.kind, check.column, check.arguments, check.severity) == (
            "source_freshness", "at", arguments, severity
        )  # fmt: skip
        assert check.dataset == DatasetRef(namespace="raw", name="ORDERS")


def test_a_freshness_that_only_dbt_can_tell_is_told() -> None:
    run = dbt.results(("model.shop.orders", "success"))
    found = dbt.read({**dbt.RAW, "freshness": FRESHNESS}, run=run)
    (check,) = found.checks
    assert (check.kind, check.severity) == ("dbt", "warn")
    (note,) = found.notes
    assert note.endswith("by dbt alone, because it has no `loaded_at_field`: freshness of raw.ORDERS")


def test_what_dbt_said_of_a_source_is_a_run_of_that_check() -> None:
    sources = {"results": [
        {"unique_id": "source.shop.raw.orders", "status": "Warn"},
        {"unique_id": "source.shop.raw.lost", "status": "runtime error", "error": "no such table"},
    ]}  # fmt: skip
    found = dbt_artifacts.facts(Artifacts(manifest={}, run_results={}, sources=sources))
    assert found.tests == (
        TestRun(
            id="source.shop.raw.orders/freshness", status="warn", failures=None, message="dbt source freshness: warn"
        ),
        TestRun(
            id="source.shop.raw.lost/freshness",
            status="error",
            failures=None,
            message="dbt source freshness: no such table",
        ),
    )


@pytest.mark.parametrize(
    ("said", "blocking", "quarantine", "notes"),
    [
        (None, True, False, 0),
        ("hold", True, False, 0),
        ("warn", False, False, 0),
        ("quarantine", True, True, 0),
        ("quarentine", True, False, 1),
    ],
)
def test_meta_says_what_becomes_of_rows_that_fail(
    said: str | None, blocking: bool, quarantine: bool, notes: int
) -> None:
    config = {"meta": {"owner": "x", "tidegate": {"on_fail": said}}} if said else {}
    test = declared(None, "not_null", config=config)
    found = read(test)
    assert (found.blocking, found.quarantine) == (blocking, quarantine)
    told = [n for n in dbt.read(dbt.ORDERS, dbt.CUSTOMERS, test).notes if "on_fail" in n]
    assert len(told) == notes
    assert all("`quarentine`, which is none of hold, warn, quarantine" in n for n in told)
