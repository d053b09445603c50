"""Which tests dbt leaves to Tidegate, and which it is asked for again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tidegate.integrations import dbt_artifacts, dbt_left
from tidegate.integrations.dbt_artifacts import Artifacts
from tidegate.integrations.dbt_left import Left


def declared(name: str, *, namespace: str | None = None, column: str | None = "id", **config: object) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "name": f"{name}_orders",
        "column_name": column,
        "attached_node": "model.shop.orders",
        "test_metadata": {"name": name, "namespace": namespace, "kwargs": {"column_name": column}},
        "depends_on": {"nodes": ["model.shop.orders"], "macros": []},
        "config": config,
    }


def manifest(**tests: Mapping[str, Any]) -> dict[str, Any]:
    orders = {"resource_type": "model", "name": "orders", "schema": "marts"}
    nodes = {f"test.shop.{key}": raw for key, raw in tests.items()}
    return {"metadata": {"project_name": "shop"}, "nodes": {"model.shop.orders": orders, **nodes}}


def left(known: Mapping[str, Any], **more: Any) -> tuple[str, ...]:
    given = {"command": ("build",), "args": (), "settings": {}, "environment": {}} | more
    return dbt_left.left(known, **given).names


KNOWN = manifest(
    a=declared("unique"),
    b=declared("not_null"),
    c=declared("not_constant", namespace="dbt_utils"),
    d=declared("not_null", where="id > {{ var('x') }}"),
    e=declared("is_even"),
    f=declared("volume_anomalies", namespace="elementary", column=None),
)


def test_left_are_the_tests_that_have_an_entry_unless_one_of_the_name_needs_dbt() -> None:
    assert left(KNOWN) == ("unique", "not_constant")


def test_without_a_manifest_the_built_in_tests_are_left() -> None:
    assert left({}) == ("unique", "not_null", "accepted_values", "relationships")


@pytest.mark.parametrize("key", ["store_failures", "store_failures_as"])
def test_what_dbt_is_to_store_it_runs(key: str) -> None:
    assert left(manifest(a=declared("unique", **{key: True}), b=declared("not_null"))) == ("not_null",)


@pytest.mark.parametrize(
    "more",
    [
        {"command": ("test",)},
        {"command": ("run",)},
        {"command": ("build", "--exclude", "a")},
        {"args": ("--selector=nightly",)},
        {"args": ("-s", "orders")},
        {"args": ("--resource-type", "model")},
        {"args": ("--warn-error",)},
        {"environment": {"DBT_WARN_ERROR": "true"}},
        {"environment": {"DBT_ENGINE_WARN_ERROR_OPTIONS": "{error: all}"}},
        {"settings": {"flags": {"warn_error": True}}},
        {"settings": {"flags": {"warn_error_options": {"error": "all"}}}},
    ],
)
def test_nothing_is_left_where_that_could_change_what_dbt_does(more: Mapping[str, Any]) -> None:
    assert left(KNOWN, **more) == ()


def test_other_flags_do_not_matter() -> None:
    more = {
        "args": ("--full-refresh", "--threads=2"),
        "environment": {"DBT_WARN_ERROR": "0"},
        "settings": {"flags": {}},
    }
    assert left(KNOWN, **more) == ("unique", "not_constant")


def artifacts(nodes: Mapping[str, Any], *results: str, compiled: str = "") -> Artifacts:
    with_code = {k: {**v, "compiled_code": compiled} if compiled else v for k, v in nodes["nodes"].items()}
    ran = [{"unique_id": unique_id, "status": "success"} for unique_id in results]
    return Artifacts(manifest={**nodes, "nodes": with_code}, run_results={"results": ran})


def test_a_test_that_only_dbt_can_evaluate_now_is_asked_for_again() -> None:
    asked = Left(names=("unique", "not_null", "not_constant"))
    assert asked.again(artifacts(KNOWN, "model.shop.orders")) == (
        *("--resource-type", "test", "--exclude", "test_name:unique", "test_name:not_constant"),
    )
    assert Left(names=("not_null",)).again(artifacts(KNOWN, "model.shop.orders")) == ("--resource-type", "test")
    assert Left(names=("unique",)).again(artifacts(KNOWN, "model.shop.orders")) is None


def test_a_selection_of_nothing_but_such_tests_is_run_by_dbt_as_it_was_asked_for() -> None:
    assert Left(names=("unique",)).again(artifacts(KNOWN)) == ()
    assert dbt_left.NOTHING.again(artifacts(KNOWN)) is None
    assert Left(names=("unique",)).again(Artifacts(manifest=KNOWN, run_results={})) is None  # dbt did not come that far


def test_two_invocations_are_read_as_one() -> None:
    first = artifacts(KNOWN, "model.shop.orders", "test.shop.e", compiled="select 1")
    second = artifacts(KNOWN, "test.shop.e", "test.shop.d", compiled="select 2")
    both = dbt_left.joined(first, second)
    results = both.run_results["results"]
    assert isinstance(results, list)
    assert [result["unique_id"] for result in results] == ["model.shop.orders", "test.shop.e", "test.shop.d"]
    facts = dbt_artifacts.facts(both)
    assert {n.id: n.code for n in facts.nodes} == {"model.shop.orders": "select 1"}
    assert {c.name: c.arguments.get("sql") for c in facts.checks}["not_null_orders"] == "select 2"
    assert facts.executed_nodes == 3


def test_what_is_left_is_not_missed_among_the_executed() -> None:
    ran = artifacts(manifest(a=declared("unique"), b=declared("not_null")), "model.shop.orders")
    assert dbt_artifacts.facts(ran).notes == ("none of 2 declared dbt tests was executed (`dbt `)",)
    assert dbt_artifacts.facts(ran, left=Left(names=("unique", "not_null")).has).notes == ()
    assert dbt_artifacts.facts(ran, left=Left(names=("unique",)).has).notes == (
        "none of 1 declared dbt test was executed (`dbt `)",
    )
