"""A dbt project with everything that is not a source's generic test: models, seeds, snapshots, singular, custom, unit, freshness."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.differential import project
from tests.differential.project import PROFILE, PROJECT, evaluate, packages, run_dbt
from tidegate.integrations import dbt_artifacts
from tidegate.integrations.dbt_artifacts import Artifacts
from tidegate.model import CheckResult, Outcome, PipelineFacts, TestRun

NOW = datetime.now(tz=UTC).replace(tzinfo=None)

FRESHNESS = {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 1, "period": "day"}}


def named(test: str, name: str, config: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    return {test: {"name": name, "arguments": arguments, "config": config or {}}}


SCHEMA = {
    "version": 2,
    "models": [
        {
            "name": "orders",
            "data_tests": [
                named("dbt_utils.expression_is_true", "jinja", expression="amount > {{ var('least') }}"),
                named("dbt_utils.equality", "unknown_argument", compare_model="ref('orders')", precision=2),
                named("dbt_utils.fewer_rows_than", "model", compare_model="ref('customers')"),
                named("dbt_expectations.expect_table_columns_to_contain_set", "title", column_list=["ID"], transform="title"),
                named("dbt_expectations.expect_table_columns_to_contain_set", "calculated", config={"fail_calc": "count(*) * 2"},
                      column_list=["nope"]),
            ],
            "columns": [
                {
                    "name": "id",
                    "data_tests": [
                        named("is_even", "custom", config={"where": "id > 1", "severity": "warn"}),
                        named("not_null", "ordered", config={"where": "id > 1 order by id"}),
                        named("unique", "modulo", config={"error_if": "% 2 = 0", "warn_if": "is not null"}),
                        named("dbt_utils.accepted_range", "asked", config={"error_if": "> (select 100)"}, max_value=3),
                        named("relationships", "quoted", to="ref('doubled')", field='"Twice The Id"'),
                        named("relationships", "calculated_field", to="ref('customers')", field="id * 2"),
                        named("not_null", "rendered", config={"where": "id > {{ var('least') }}"}),
                        named("dbt_utils.accepted_range", "told", config={"where": "{{ 'id' }} > 1"}, max_value=3),
                        named("is_even", "limited", config={"limit": 1, "store_failures": True}),
                        named("dbt_utils.accepted_range", "kept", max_value=3, config={"store_failures": True}),
                    ],
                }
            ],
        },
        {"name": "within", "columns": [{"name": "id", "data_tests": ["not_null", named("is_even", "inner_custom"), named("unique", "inner")]}]},
        {"name": "off", "columns": [{"name": "id", "data_tests": ["not_null"]}]},
    ],
    "seeds": [{"name": "customers", "columns": [{"name": "id", "data_tests": [named("dbt_utils.sequential_values", "seed", config={"severity": "warn"})]}]}],
    "snapshots": [
        {
            "name": "kept_customers",
            "relation": "ref('customers')",
            "config": {"unique_key": "id", "strategy": "check", "check_cols": "all"},
            "columns": [
                {"name": "id", "data_tests": [named("dbt_expectations.expect_column_values_to_be_unique", "snapshot")]}
            ],
        }
    ],
    "sources": [
        {
            "name": "raw",
            "tables": [
                {"name": name, "config": {"loaded_at_field": "made_at", "freshness": FRESHNESS}}
                for name in ("fresh", "late", "old", "future", "none")
            ]
            + [
                {"name": name, "config": {**how, "freshness": FRESHNESS}}
                for name, how in {
                    "zoned": {"loaded_at_field": "made_at at time zone 'UTC'"},
                    "dated": {"loaded_at_field": "cast(made_at as date)"},
                    "told": {"loaded_at_field": "cast(made_at as varchar)"},
                    "asked_day": {"loaded_at_query": "select max(cast(made_at as date)) from {{ this }}"},
                    "asked": {"loaded_at_query": "select max(made_at) - interval 2 day from {{ this }}"},
                }.items()
            ],
        }
    ],
    "unit_tests": [
        {
            "name": "adds_up",
            "model": "orders",
            "given": [{"input": "ref('customers')", "rows": [{"id": 1}]}],
            "expect": {"rows": [{"id": 1, "amount": 10}]},
        }
    ],
}  # fmt: skip

FILES = {
    "models/orders.sql": "select id, id * 10 as amount from {{ ref('customers') }} where id is not null",
    "models/doubled.sql": "select id * 2 as \"Twice The Id\" from {{ ref('customers') }}",
    "models/within.sql": "{{ config(materialized='ephemeral') }} select id % 2 as id from {{ ref('customers') }}",
    "models/off.sql": "{{ config(enabled=false) }} select 1 as id",
    "seeds/customers.csv": "id\n1\n2\n3\n5\n",
    "tests/none_above.sql": "-- a comment\nselect * from {{ ref('orders') }} where amount > 20 /* another */",
    "tests/generic/is_even.sql": "{% test is_even(model, column_name) %}\nselect * from {{ model }} where {{ column_name }} % 2 <> 0\n{% endtest %}",
}


def write(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    said = PROJECT | {"packages-install-path": str(packages()), "vars": {"least": 15, "dbt_date:time_zone": "UTC"}}
    (folder / "dbt_project.yml").write_text(json.dumps(said), encoding="utf-8")
    (folder / "profiles.yml").write_text(json.dumps(PROFILE), encoding="utf-8")
    (folder / "models" / "schema.yml").write_text(json.dumps(SCHEMA), encoding="utf-8")
    ages = {
        "fresh": [5, 90],
        "late": [120],
        "old": [3000],
        "future": [-600, 9000],
        "none": [],
        "zoned": [120],
        "dated": [5],
        "told": [5],
        "asked_day": [5],
        "asked": [120],
    }
    with duckdb.connect(str(folder / "data.duckdb")) as database:
        database.execute("create schema raw")
        for name, minutes in ages.items():
            database.execute(f"create table raw.{name} (made_at timestamp)")
            for age in minutes:
                database.execute(f"insert into raw.{name} values (?)", [NOW - timedelta(minutes=age)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("whole")
    write(found)
    return found


@pytest.fixture(scope="module")
def artifacts(folder: Path) -> Artifacts:
    return run_dbt(folder, "build", "--no-fail-fast")


@pytest.fixture(scope="module")
def facts(folder: Path, artifacts: Artifacts) -> PipelineFacts:
    stale = dbt_artifacts.note_stale(folder / "target", remove=False)
    run_dbt(folder, "source", "freshness")
    sources = dbt_artifacts.read_new(stale).sources
    return dbt_artifacts.facts(
        Artifacts(manifest=artifacts.manifest, run_results=artifacts.run_results, sources=sources)
    )


@pytest.fixture(scope="module")
def runs(facts: PipelineFacts) -> dict[str, TestRun]:
    by_id = {run.id: run for run in facts.tests}
    return {check.name: by_id[check.id] for check in facts.checks if check.id in by_id}


@pytest.fixture(scope="module")
def results(folder: Path, facts: PipelineFacts) -> dict[str, CheckResult]:
    return evaluate(folder / "data.duckdb", facts.checks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "ended"),
    [
        ("jinja", "compiled", "fail"),
        ("unknown_argument", "compiled", "pass"),
        ("title", "compiled", "fail"),
        ("model", "dbt_utils.fewer_rows_than", "fail"),
        ("calculated", "compiled", "fail"),
        ("ordered", "compiled", "pass"),
        ("modulo", "unique", "fail"),
        ("quoted", "relationships", "fail"),
        ("calculated_field", "relationships", "fail"),
        ("not_null_within_id", "compiled", "pass"),
        ("inner", "compiled", "fail"),
        ("inner_custom", "compiled", "fail"),
        ("custom", "compiled", "warn"),
        ("rendered", "not_null", "pass"),
        ("told", "dbt_utils.accepted_range", "fail"),
        ("limited", "compiled", "fail"),
        ("kept", "dbt_utils.accepted_range", "fail"),
        ("seed", "dbt_utils.sequential_values", "warn"),
        ("snapshot", "dbt_expectations.expect_column_values_to_be_unique", "pass"),
        ("none_above", "compiled", "fail"),
        ("freshness of raw.fresh", "source_freshness", "pass"),
        ("freshness of raw.late", "source_freshness", "warn"),
        ("freshness of raw.old", "source_freshness", "fail"),
        ("freshness of raw.future", "source_freshness", "pass"),
        ("freshness of raw.none", "source_freshness", "fail"),
        ("freshness of raw.zoned", "source_freshness", "warn"),
        ("freshness of raw.asked", "source_freshness", "fail"),
    ],
)
def test_the_verdict_is_dbts(
    name: str, kind: str, ended: str, results: dict[str, CheckResult], runs: dict[str, TestRun]
) -> None:
    result, run = results[name], runs[name]
    assert (result.check.kind, str(result.outcome)) == (kind, ended), result.reason
    assert run.status == ("error" if kind == "source_freshness" and ended == "fail" else ended)
    if kind != "source_freshness" and ended != "pass":
        assert result.failures == run.failures


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"freshness of raw.{n}" for n in ("dated", "told", "asked_day")])
def test_what_is_no_timestamp_has_no_freshness_to_dbt_either(
    name: str, results: dict[str, CheckResult], runs: dict[str, TestRun]
) -> None:
    assert results[name].outcome is Outcome.ERROR
    assert "is no timestamp, without which dbt tells no freshness" in (results[name].reason or "")
    assert name not in runs


@pytest.mark.slow
def test_where_dbt_keeps_the_failing_rows_is_known(
    folder: Path, facts: PipelineFacts, results: dict[str, CheckResult]
) -> None:
    stored = {check.name: check.stored_in for check in facts.checks if check.stored_in is not None}
    assert stored.keys() == {"limited", "kept"}
    with duckdb.connect(str(folder / "data.duckdb"), read_only=True) as database:
        (rows,) = database.execute(f"select count(*) from {stored['kept']}").fetchone() or (None,)
    assert rows == results["kept"].failures


@pytest.mark.slow
def test_a_unit_test_counts_when_dbt_ran_it(results: dict[str, CheckResult], runs: dict[str, TestRun]) -> None:
    assert results["adds_up"].check.kind == "dbt"
    assert results["adds_up"].outcome is Outcome.SKIPPED
    assert runs["adds_up"].status == "pass"


@pytest.mark.slow
def test_a_threshold_that_asks_the_database_is_left_to_dbt(
    facts: PipelineFacts, results: dict[str, CheckResult], runs: dict[str, TestRun]
) -> None:
    assert (results["asked"].check.kind, results["asked"].outcome) == ("dbt", Outcome.SKIPPED)
    assert (runs["asked"].status, runs["asked"].failures) == ("warn", 1)
    because = "because its `error_if` is more than a comparison with numbers: asked"
    assert any(f"by dbt alone, {because}" in note for note in facts.notes)


@pytest.mark.slow
def test_a_test_of_a_disabled_model_is_none(facts: PipelineFacts) -> None:
    assert not [check.name for check in facts.checks if "off" in check.name]


@pytest.mark.slow
def test_what_has_no_entry_is_told_with_the_reason(facts: PipelineFacts) -> None:
    notes = "\n".join(facts.notes)
    assert "by the SQL that dbt compiled, because its argument `expression` is Jinja: jinja" in notes
    assert "because Tidegate does not know its argument `precision`: unknown_argument" in notes
    assert "because `transform` is `title`, not one of upper, lower: title" in notes
    assert "because Tidegate has no entry for this test: custom, limited" in notes
    assert "none_above" not in notes


@pytest.mark.slow
def test_what_dbt_did_not_compile_is_left_to_dbt(folder: Path, artifacts: Artifacts) -> None:
    nodes = {k: {**v, "compiled_code": None} for k, v in artifacts.manifest["nodes"].items()}  # type: ignore[attr-defined]  # JSON of dbt
    found = dbt_artifacts.facts(Artifacts(manifest={**artifacts.manifest, "nodes": nodes}, run_results={}))
    custom = next(check for check in found.checks if check.name == "custom")
    assert (custom.kind, custom.where) == ("dbt", "id > 1")
    result = evaluate(folder / "data.duckdb", [custom])["custom"]
    assert result.outcome is Outcome.SKIPPED
    assert any("by dbt alone" in note and "dbt compiled no SQL" in note for note in found.notes)
    assert project.packages().is_dir()
