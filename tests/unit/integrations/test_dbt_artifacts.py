"""dbt's artifacts become facts; what is stale, cut off or of another dbt version does no harm."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tidegate.integrations import dbt_artifacts
from tidegate.integrations.dbt_artifacts import Artifacts
from tidegate.model import Check, DatasetRef, PipelineFacts, StepStatus


def node(unique_id: str, **more: Any) -> dict[str, Any]:
    kind, package, name = unique_id.split(".", 2)
    base = {
        "unique_id": unique_id,
        "resource_type": kind,
        "package_name": package,
        "name": name,
        "alias": name,
        "schema": "marts",
        "original_file_path": f"models/{name}.sql",
        "config": {"materialized": "table"},
        "depends_on": {"nodes": [], "macros": []},
        "columns": {},
    }
    return base | more


def generic_test(name: str, model: str = "orders", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": None, "kwargs": {"column_name": "id", "model": _where(model)}}
    metadata["kwargs"] |= more.pop("kwargs", {})
    base = {
        "schema": "marts_dbt_test__audit",
        "original_file_path": "models/schema.yml",
        "column_name": "id",
        "attached_node": f"model.shop.{model}",
        "refs": [{"name": model, "package": None, "version": None}],
        "sources": [],
        "depends_on": {"nodes": [f"model.shop.{model}"], "macros": [f"macro.dbt.test_{name}"]},
        "test_metadata": metadata,
        "config": {"severity": "ERROR", "materialized": "test"},
    }
    return node(f"test.shop.{name}_{model}_id", **(base | more))


def _where(model: str) -> str:
    return f"{{{{ get_where_subquery(ref('{model}')) }}}}"


def manifest(*nodes: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "metadata": {"project_name": "shop", "invocation_id": "now"},
        "nodes": {n["unique_id"]: n for n in nodes if n["resource_type"] != "source"},
        "sources": {n["unique_id"]: n for n in nodes if n["resource_type"] == "source"},
    } | parts


def results(*ended: tuple[str, str] | tuple[str, str, int | None, str | None], which: str = "build") -> dict[str, Any]:
    rows = [(*e, None, None)[:4] for e in ended]
    return {
        "metadata": {"invocation_id": "now"},
        "args": {"which": which},
        "results": [{"unique_id": i, "status": s, "failures": f, "message": m} for i, s, f, m in rows],
    }


def read(*nodes: Mapping[str, Any], run: Mapping[str, Any] | None = None, **parts: Any) -> PipelineFacts:
    artifacts = Artifacts(manifest=manifest(*nodes, **parts), run_results=run or {})
    return dbt_artifacts.facts(artifacts, prefix="transform")


def check(test: Mapping[str, Any], *others: Mapping[str, Any]) -> Check:
    orders = node("model.shop.orders")
    return next(c for c in read(orders, *others, test).checks if c.id == test["unique_id"])


ORDERS = node("model.shop.orders")
CUSTOMERS = node("model.shop.customers", schema="core", alias="dim_customers")
RAW = node(
    "source.shop.raw.orders", name="orders", source_name="raw", identifier="ORDERS", schema="raw", alias=None, config={}
)


def test_a_node_has_its_table_file_owner_columns_and_code() -> None:
    model = node(
        "model.shop.orders",
        schema="marts",
        alias="fct_orders",
        columns={"id": {}, "amount": {}},
        raw_code="select {{ 1 }}",
        compiled_code="select 1",
        config={"materialized": "incremental", "meta": {"owner": "data@example.com"}},
    )
    found = read(model).nodes[0]
    assert (found.id, found.kind, found.name) == ("model.shop.orders", "model", "orders")
    assert found.dataset == DatasetRef(namespace="marts", name="fct_orders")
    assert found.path == "transform/models/orders.sql"
    assert (found.code, found.owner, found.columns) == ("select 1", "data@example.com", ("id", "amount"))
    assert found.materialized == "incremental"


@pytest.mark.parametrize(
    ("more", "owner"),
    [
        ({"config": {"meta": {"owner": "a"}}}, "a"),
        ({"meta": {"owner": ["b", "c"]}}, "b"),
        ({"owner": {"name": "Ann", "email": "d"}}, "d"),
        ({"owner": {"name": "Ann", "email": None}}, "Ann"),
        ({"group": "finance"}, "e"),
        ({"config": {"group": "nobody"}}, None),
        ({}, None),
    ],
    ids=str,
)
def test_owners_are_found_where_people_write_them(more: dict[str, Any], owner: str | None) -> None:
    groups = {"group.shop.finance": {"name": "finance", "owner": {"email": "e"}}}
    assert read(node("model.shop.orders", **more), groups=groups).nodes[0].owner == owner


def test_sources_use_their_identifier_and_ephemeral_models_have_no_table() -> None:
    ephemeral = node("model.shop.step", config={"materialized": "ephemeral"})
    by_id = {n.id: n.dataset for n in read(RAW, ephemeral).nodes}
    assert by_id == {
        "source.shop.raw.orders": DatasetRef(namespace="raw", name="ORDERS"),
        "model.shop.step": None,
    }


def test_a_file_of_a_package_is_where_dbt_installs_it() -> None:
    assert read(node("model.utils.calendar")).nodes[0].path == "transform/dbt_packages/utils/models/calendar.sql"


def test_edges_join_tables_and_exposures_and_leave_tests_out() -> None:
    orders = node("model.shop.orders", depends_on={"nodes": ["source.shop.raw.orders", "source.shop.raw.orders"]})
    exposure = node("exposure.shop.dash", depends_on={"nodes": ["model.shop.orders"]}, config={})
    found = read(RAW, orders, generic_test("unique"), exposures={"exposure.shop.dash": exposure})
    assert set(found.edges) == {
        ("source.shop.raw.orders", "model.shop.orders"),
        ("model.shop.orders", "exposure.shop.dash"),
    }
    assert [n.kind for n in found.nodes if n.dataset is None] == ["exposure"]


def test_a_built_in_test_keeps_everything_that_dbt_knows_of_it() -> None:
    config = {
        "severity": "WARN",
        "where": "id > 0",
        "limit": 5,
        "fail_calc": "sum(n)",
        "warn_if": ">10",
        "error_if": ">100",
    }
    found = check(generic_test("unique", config=config))
    assert found == Check(
        id="test.shop.unique_orders_id",
        name="unique_orders_id",
        dataset=DatasetRef(namespace="marts", name="orders"),
        kind="unique",
        column="id",
        arguments={},
        where="id > 0",
        severity="warn",
        warn_if=">10",
        error_if=">100",
        fail_calc="sum(n)",
        limit=5,
        source="dbt",
        declared_in="transform/models/schema.yml",
    )


def test_accepted_values_and_relationships_have_their_arguments() -> None:
    values = check(generic_test("accepted_values", kwargs={"values": ["a", 1, None], "quote": False}))
    assert values.arguments == {"values": ["a", 1, None], "quote": False}
    relation = generic_test(
        "relationships",
        kwargs={"to": "ref('customers')", "field": "customer_id"},
        refs=[{"name": "customers"}, {"name": "orders"}],
        depends_on={"nodes": ["model.shop.customers", "model.shop.orders"], "macros": []},
    )
    found = check(relation, CUSTOMERS)
    assert found.dataset == DatasetRef(namespace="marts", name="orders")
    assert (found.kind, found.arguments) == ("relationships", {"to": ["core", "dim_customers"], "field": "customer_id"})


def test_relationships_to_a_source_and_of_a_source() -> None:
    to_source = generic_test(
        "relationships",
        kwargs={"to": "source('raw', 'orders')", "field": "id"},
        depends_on={"nodes": ["source.shop.raw.orders", "model.shop.orders"], "macros": []},
    )
    assert check(to_source, RAW).arguments == {"to": ["raw", "ORDERS"], "field": "id"}
    of_source = generic_test(
        "not_null",
        attached_node=None,
        refs=[],
        sources=[["raw", "orders"]],
        kwargs={"model": "{{ get_where_subquery(source('raw', 'orders')) }}"},
        depends_on={"nodes": ["source.shop.raw.orders"], "macros": []},
    )
    assert check(of_source, RAW).dataset == DatasetRef(namespace="raw", name="ORDERS")


@pytest.mark.parametrize(
    ("test", "called"),
    [
        (generic_test("recency", kwargs={"datepart": "day"}), "recency"),
        (
            generic_test("unique") | {"test_metadata": {"name": "unique", "namespace": "mine", "kwargs": {}}},
            "mine.unique",
        ),
        (node("test.shop.no_orphans", depends_on={"nodes": ["model.shop.orders"]}, config={}), "singular"),
        (
            generic_test("unique", depends_on={"nodes": ["model.shop.orders"], "macros": ["macro.shop.test_unique"]}),
            "unique",
        ),
        (
            generic_test(
                "unique", depends_on={"nodes": ["model.shop.orders"], "macros": ["macro.shop.get_where_subquery"]}
            ),
            "unique",
        ),
        (generic_test("accepted_values", kwargs={"values": "{{ var('x') }}"}), "accepted_values"),
        (generic_test("unique", column_name=None, kwargs={"column_name": None}), "unique"),
    ],
    ids=["custom", "package", "singular", "macro replaced", "where replaced", "values in Jinja", "no column"],
)
def test_what_only_dbt_understands_is_left_to_dbt(test: Mapping[str, Any], called: str) -> None:
    found = check(test)
    assert (found.kind, found.arguments["test"]) == ("dbt", called)
    assert found.dataset == DatasetRef(namespace="marts", name="orders")


def test_a_query_that_reads_several_tables_is_about_the_one_that_is_made_from_the_others() -> None:
    """Whatever is wrong in one of them is upstream of it, thus in one incident with it."""
    staged = node("model.shop.staged", name="staged", depends_on={"nodes": ["source.shop.raw.orders"]})
    orders = {**ORDERS, "depends_on": {"nodes": ["model.shop.staged"]}}
    for reads in itertools.permutations(["source.shop.raw.orders", "model.shop.orders", "model.shop.staged"]):
        test = node("test.shop.adds_up", depends_on={"nodes": list(reads)}, config={})
        (found,) = read(orders, staged, RAW, test).checks
        assert found.dataset == DatasetRef(namespace="marts", name="orders"), reads


def test_of_unrelated_tables_a_query_is_about_the_first() -> None:
    other = node("model.shop.other", name="other", schema="marts")
    for reads in (["model.shop.other", "model.shop.orders"], ["model.shop.orders", "model.shop.other"]):
        (found,) = read(ORDERS, other, node("test.shop.t", depends_on={"nodes": reads}, config={})).checks
        assert found.dataset.name == reads[0].rsplit(".", 1)[-1]


def test_a_test_that_reads_no_table_is_about_itself() -> None:
    found = check(node("test.shop.alone", schema="marts_dbt_test__audit", config={}))
    assert found.dataset == DatasetRef(namespace="marts", name="alone")


def test_a_test_on_what_does_not_exist_is_told_and_keeps_its_name() -> None:
    ghost = generic_test("not_null", "ghost", attached_node=None, depends_on={"nodes": [], "macros": []})
    lost = generic_test(
        "relationships", kwargs={"to": "ref('missing')", "field": "id"}, refs=[{"name": "missing"}, {"name": "orders"}]
    )
    assert check(ghost).dataset == DatasetRef(namespace="marts", name="ghost")
    assert check(lost).arguments == {"to": ["marts", "missing"], "field": "id"}
    about_ghost, about_missing = read(ORDERS, ghost, lost).notes
    assert about_ghost == (
        "dbt never runs test `not_null_ghost_id` (transform/models/schema.yml): it names `ghost`, which does not exist"
    )
    assert "`relationships_orders_id`" in about_missing
    assert "`missing`, which does not exist" in about_missing


def test_a_test_of_what_is_disabled_is_none_as_in_dbt() -> None:
    """dbt keeps it in the manifest and never runs it; a run that held because its table is not there would hold for ever."""
    off = {"disabled": {"model.shop.off": [node("model.shop.off")]}}
    own = generic_test("not_null", "off", attached_node=None, depends_on={"nodes": [], "macros": []})
    refs = [{"name": "off"}, {"name": "orders"}]
    other = generic_test("relationships", kwargs={"to": "ref('off')", "field": "id"}, refs=refs)
    typo = generic_test("unique", refs=[{"name": "off"}, {"name": "ghost"}])
    found = read(ORDERS, own, other, **off)
    assert found.checks == ()
    assert found.notes == ("dbt leaves out 1 test, because it names what is disabled: relationships_orders_id",)
    found = read(ORDERS, own, typo, **off)
    assert [c.name for c in found.checks] == ["unique_orders_id"]
    assert "`ghost`" in found.notes[0]


def test_a_test_of_an_ephemeral_model_goes_through_its_compiled_sql() -> None:
    """There is no such table to look at, and dbt writes the model into the test."""
    inner = node("model.shop.inner", config={"materialized": "ephemeral"}, depends_on={"nodes": ["model.shop.orders"]})
    test = generic_test("unique", "inner", compiled_code="with x as (select 1) select * from x")
    found = read(ORDERS, CUSTOMERS, inner, test)
    (made,) = found.checks
    assert (made.kind, made.dataset) == ("compiled", DatasetRef(namespace="marts", name="orders"))
    assert "because its model is ephemeral" in found.notes[0]
    orphans = generic_test("relationships", kwargs={"to": "ref('inner')", "field": "id"},
                           depends_on={"nodes": ["model.shop.orders", "model.shop.inner"], "macros": []})  # fmt: skip
    assert check(orphans, inner).kind == "dbt"


def test_what_was_executed_is_counted_and_what_was_not_is_named() -> None:
    first, second = generic_test("unique"), generic_test("not_null")
    run = results(
        ("model.shop.orders", "success"),
        ("model.shop.customers", "skipped"),
        ("test.shop.unique_orders_id", "Fail", 3, "Got 3 results"),
    )
    found = read(ORDERS, CUSTOMERS, first, second, run=run)
    assert found.executed_nodes == 2
    assert [(t.id, t.status, t.failures, t.message) for t in found.tests] == [
        ("test.shop.unique_orders_id", "fail", 3, "Got 3 results")
    ]
    assert found.notes == (
        "1 of 2 declared dbt tests was not executed: not_null_orders_id",
        "dbt did not build 1 node because of what failed before them: model.shop.customers",
    )


def test_many_names_are_cut() -> None:
    tests = [generic_test("unique", f"m{i}") for i in range(12)]
    models = [node(f"model.shop.m{i}") for i in range(13)]
    run = results(("test.shop.unique_m0_id", "pass"))
    assert "and 1 more" in read(*models, *tests, run=run).notes[0]


def test_zero_nodes_and_zero_tests_are_told() -> None:
    assert read(ORDERS, run=results()).executed_nodes == 0
    assert read(ORDERS, run=results()).notes == ("dbt executed 0 nodes",)
    ran = read(ORDERS, generic_test("unique"), run=results(("model.shop.orders", "success"), which="run"))
    assert ran.notes == ("none of 1 declared dbt test was executed (`dbt run`)",)


def test_models_that_are_files_outside_the_version_are_told() -> None:
    note = read(node("model.shop.export", config={"materialized": "external"})).notes[0]
    assert "1 model writes files outside the version" in note
    assert "model.shop.export" in note


@pytest.mark.parametrize(
    ("exit_code", "ended", "expected"),
    [
        (0, [("model.a.b", "success")], StepStatus.SUCCESS),
        (1, [("model.a.b", "success"), ("test.a.c", "fail")], StepStatus.FINDINGS),
        (1, [("test.a.c", "error")], StepStatus.FINDINGS),
        (1, [("unit_test.a.c", "fail"), ("model.a.b", "skipped")], StepStatus.FINDINGS),
        (1, [("model.a.b", "Error"), ("test.a.c", "fail")], StepStatus.FAILED),
        (1, [("model.a.b", "partial success")], StepStatus.FAILED),
        (1, [("operation.a.hook", "error"), ("test.a.c", "pass")], StepStatus.FAILED),
        (1, [("test.a.c", "pass")], StepStatus.FAILED),
        (1, [], StepStatus.FAILED),
        (2, [("test.a.c", "fail")], StepStatus.FAILED),
        (-9, [("test.a.c", "fail")], StepStatus.FAILED),
        (None, [], StepStatus.FAILED),
    ],
    ids=str,
)
def test_status(exit_code: int | None, ended: list[tuple[str, str]], expected: StepStatus) -> None:
    assert dbt_artifacts.status(exit_code, results(*ended)) is expected


def test_the_first_error_has_node_file_and_message() -> None:
    run = results(
        ("test.shop.t", "fail", 1, "Got 1 result"),
        ("model.shop.orders", "error", None, "Runtime Error in model orders\n  Binder Error: no column `x`\n"),
    )
    said = dbt_artifacts.first_error(run, manifest(ORDERS))
    assert said == ("model.shop.orders (models/orders.sql): Runtime Error in model orders Binder Error: no column `x`")
    assert dbt_artifacts.first_error(results(("model.a.b", "success"))) is None
    assert dbt_artifacts.summary(run) == "1 fail, 1 error"
    assert dbt_artifacts.summary({}) == "no node was executed"


def write(folder: Path, name: str, invocation: str, **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"metadata": {"invocation_id": invocation}} | more))


def test_artifacts_of_an_earlier_run_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    write(tmp_path, "manifest.json", "old")
    write(tmp_path, "run_results.json", "old", results=[])
    stale = dbt_artifacts.note_stale(tmp_path)
    assert not (tmp_path / "run_results.json").exists()
    assert dbt_artifacts.read_new(stale) == Artifacts(manifest={}, run_results={})
    write(tmp_path, "manifest.json", "new", nodes={})
    found = dbt_artifacts.read_new(stale)
    assert found.manifest["nodes"] == {}
    assert found.run_results == {}


def test_retry_keeps_the_results_that_it_starts_from(tmp_path: Path) -> None:
    write(tmp_path, "run_results.json", "old", results=[])
    stale = dbt_artifacts.note_stale(tmp_path, remove=False)
    assert (tmp_path / "run_results.json").exists()
    assert dbt_artifacts.read_new(stale).run_results == {}


def test_what_was_cut_off_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    stale = dbt_artifacts.note_stale(tmp_path)
    (tmp_path / "manifest.json").write_text('{"metadata": {"invocation_id": "n')
    (tmp_path / "run_results.json").write_text("[]")
    assert dbt_artifacts.read_new(stale) == Artifacts(manifest={}, run_results={})
    assert dbt_artifacts.facts(dbt_artifacts.read_new(stale)) == PipelineFacts()


def test_strange_artifacts_do_no_harm() -> None:
    strange = {
        "metadata": None,
        "nodes": {"model.a.b": {"columns": None, "config": None, "depends_on": None}, "test.a.c": {"refs": "x"}},
        "sources": [],
        "exposures": None,
        "groups": {"g": None},
        "unheard_of": 1,
    }
    run = {"results": [None, {"unique_id": "test.a.c", "status": "Pass", "failures": "many", "new": 1}]}
    found = dbt_artifacts.facts(Artifacts(manifest=strange, run_results=run))
    assert [n.id for n in found.nodes] == ["model.a.b"]
    assert found.tests[0].status == "pass"
    assert found.tests[0].failures is None
