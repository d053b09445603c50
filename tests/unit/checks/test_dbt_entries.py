"""The tests of dbt_utils and dbt_expectations as entries: what they ask for, what they refuse, and what they cannot see."""

from __future__ import annotations

import re
from dataclasses import replace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse, parse_one

from tests.unit.checks.now import NOW
from tidegate.checks import CHECKS, blind_spots, judge, needs, refusal, sample_query
from tidegate.checks import dbt_expectations as expectations
from tidegate.checks import dbt_utilities as utilities
from tidegate.metrics import Unmeasured, Vouched
from tidegate.model import Check, CheckResult, Column, Dataset, DatasetRef, Family, MetricSpec, Outcome
from tidegate.scan import ScanOptions, scan_table
from tidegate.warehouses.duckdb import DuckDBReader

T = DatasetRef(namespace="raw", name="orders")
OTHER = DatasetRef(namespace="raw", name="others")
COLUMNS = {"id": ("INTEGER", Family.NUMBER), "label": ("VARCHAR", Family.TEXT), "grp": ("VARCHAR", Family.TEXT)}
COLUMNS |= {
    "made_at": ("TIMESTAMP", Family.TIME),
    "low": ("INTEGER", Family.NUMBER),
    "high": ("INTEGER", Family.NUMBER),
}
CATALOG = {
    ref: Dataset(ref=ref, columns=tuple(Column(name=n, type=t, family=f) for n, (t, f) in COLUMNS.items()))
    for ref in (T, OTHER)
}

PACKAGES = {**utilities.KINDS, **expectations.KINDS}

GIVEN = {
    "to": ["raw", "others"],
    "compare_model": ["raw", "others"],
    "field": "id",
    "compare_column_name": "label",
    "expression": "low < high",
    "values": ["a"],
    "value_set": ["a"],
    "value_pairs_set": [["1", "2"]],
    "value": 3,
    "min_value": 1,
    "at_least": 0.5,
    "quantile": 0.5,
    "regex": "a",
    "regex_list": ["a", "b"],
    "like_pattern": "a%",
    "like_pattern_list": ["a%"],
    "column_A": "low",
    "column_B": "high",
    "column_list": ["low", "high"],
    "combination_of_columns": ["low", "high"],
    "sum_total": 5,
    "lower_bound_column": "low",
    "upper_bound_column": "high",
    "timestamp_column": "made_at",
    "date_column_name": "made_at",
    "date_col": "made_at",
    "datepart": "day",
    "interval": 2,
    "group_by": ["grp"],
    "group_by_columns": ["grp"],
    "top_n": 1,
    "factor": 2,
    "column_type": "INTEGER",
    "column_type_list": ["INTEGER"],
}


TEXTS = re.compile("regex|like|length|_set|casing|string|accepted_values|most_common")


def check(kind, column=None, **more):
    return Check(id="c", name="c", dataset=T, kind=kind, column=column, source="dbt", **more)


def usual(name):
    """A check of that kind with everything that it needs."""
    kind = CHECKS[name]
    chosen = {*kind.required} | ({"min_value"} & kind.arguments.keys())
    column = {"made_at"} if name.endswith("recent_data") else {"label"} if TEXTS.search(name) else {"id"}
    arguments = {key: GIVEN[key] for key in chosen}
    if name == "dbt_utils.recency":
        arguments["field"] = "made_at"
    return check(name, *(column if kind.needs_column or kind.decided else ()), arguments=arguments)


def sql_of(asked):
    """Every piece of SQL that a check asks for, as a whole statement."""
    found = needs(asked, CATALOG)
    specs = found if isinstance(found, tuple) else ()
    for spec in specs:
        if spec.metric == "query":
            yield spec.argument
        elif spec.argument is not None:
            yield f"SELECT {spec.argument}"
    if specs and CHECKS[asked.kind].failing:
        yield CHECKS[asked.kind].failing(asked)


@pytest.mark.parametrize("name", PACKAGES)
def test_an_entry_can_be_evaluated_with_what_it_needs(name):
    asked = usual(name)
    assert refusal(asked) == ""
    found = needs(asked, CATALOG)
    if CHECKS[name].decided is None:
        assert isinstance(found, tuple), found.reason
    else:
        assert found.outcome in {Outcome.PASS, Outcome.FAIL}
    for sql in sql_of(asked):
        assert len(parse(sql, read="duckdb")) == 1


@pytest.mark.parametrize("name", [n for n, k in PACKAGES.items() if k.required and "column_list" not in k.required])
def test_an_entry_says_what_is_missing(name):
    found = needs(check(name, "id"), CATALOG)
    assert found.outcome is Outcome.ERROR
    assert found.reason.startswith("could not be evaluated: ")


def test_all_tests_of_both_packages_have_an_entry():
    assert (len(utilities.KINDS), len(expectations.KINDS)) == (16, 65)


# --- nothing that a manifest says gets out of its place

NASTY = st.one_of(
    st.sampled_from(
        [
            "'; DROP TABLE raw.orders; --",
            "') OR 1=1 --",
            'x" OR "y',
            "1); ATTACH 'x' AS y; --",
            "a' || 'b",
            "/* */ 1",
            "id) FROM raw.others; DELETE FROM raw.orders --",
            "\\'; SELECT 1",
            "(select 1)",
            "id, label",
            "id AS other",
            "*",
            "day'); DROP TABLE raw.orders; --",
        ]
    ),
    st.text(max_size=12),
    st.integers(-9, 9),
    st.booleans(),
    st.none(),
    st.floats(),
)
VALUE = st.one_of(NASTY, st.lists(NASTY, max_size=3), st.lists(st.lists(NASTY, max_size=3), max_size=2))


@st.composite
def nasty_checks(draw):
    asked = usual(draw(st.sampled_from(sorted(PACKAGES))))
    kind = CHECKS[asked.kind]
    names = draw(st.lists(st.sampled_from(sorted({*kind.arguments} or {"x"})), min_size=1, max_size=3))
    changed = {name: draw(VALUE) for name in names}
    column = draw(st.one_of(st.just(asked.column), NASTY.filter(lambda v: isinstance(v, str))))
    where = draw(st.one_of(st.none(), st.sampled_from(["id > 1", "1=1) OR (1=1", "id > 1; DROP TABLE x"])))
    return check(asked.kind, column, arguments={**asked.arguments, **changed}, where=where)


@settings(max_examples=400)
@given(nasty_checks())
def test_arguments_cannot_break_out(asked):
    """Whatever is asked is one SELECT over the tables that the check names, or it is refused."""
    for sql in sql_of(asked):
        (tree,) = parse(sql, read="duckdb")
        assert isinstance(tree, exp.Query)
        assert not list(tree.find_all(exp.DDL, exp.DML, exp.Command, exp.Drop, exp.Attach))
        written = " ".join(str(v) for v in (*asked.arguments.values(), asked.column, asked.where)).casefold()
        if "select" not in written and "from" not in written:
            tables = {(t.db, t.name) for t in tree.find_all(exp.Table) if t.db}
            assert tables <= {("raw", "orders"), ("raw", "others")}
    assert isinstance(refusal(asked), str)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("dbt_utils.recency", {"field": "made_at", "datepart": "day'); DROP TABLE x; --", "interval": 1}),
        ("dbt_utils.accepted_range", {"min_value": "1) OR (1=1"}),
        ("dbt_utils.accepted_range", {"min_value": "1; DROP TABLE x"}),
        ("dbt_expectations.expect_column_most_common_value_to_be_in_set",
         {"value_set": [1], "top_n": 1, "quote_values": False, "data_type": "int) FROM x; --"}),
        ("dbt_expectations.expect_column_values_to_match_regex", {"regex": "a", "flags": "i')--"}),
        ("dbt_expectations.expect_column_quantile_values_to_be_between", {"quantile": "0.5) --", "min_value": 1}),
        ("dbt_expectations.expect_column_values_to_be_within_n_stdevs", {"sigma_threshold": "1 OR 1=1"}),
        ("dbt_expectations.expression_is_true", {"expression": "id", "test_condition": "= 1) UNION (SELECT 1"}),
        ("dbt_utils.mutually_exclusive_ranges", {"lower_bound_column": "low) --", "upper_bound_column": "high"}),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(name, arguments):
    assert refusal(check(name, "id", arguments=arguments)) != ""


def test_a_quote_in_a_value_is_what_dbt_makes_of_it():
    asked = check(
        "dbt_expectations.expect_column_values_to_be_in_set", "label", arguments={"value_set": ["it''s", "it's"]}
    )
    assert refusal(asked) == "`it's` has a quote that is not written twice"
    asked = replace(asked, source="tidegate.yml")
    text = needs(asked, CATALOG)[0].argument
    assert text.count("CAST('it''s' AS TEXT)") == 2
    assert isinstance(text, Vouched)


# --- what they cannot see


def passed(asked, numbers=None, rows=10, before=None):
    """What a check that passes cannot see, by the numbers that are not 0."""
    specs = needs(asked, CATALOG)
    if isinstance(specs, CheckResult):
        return blind_spots(specs, CATALOG, {}, {})
    values = dict.fromkeys(specs, 0) | dict.fromkeys(specs[1:2], rows) | (numbers or {})
    values |= {s: rows for s in specs if s.metric == "row_count" and s not in (numbers or {})}
    result = judge(asked, values, now=NOW)
    assert result.outcome is Outcome.PASS, result.reason
    return blind_spots(result, CATALOG, values, before or {})


@pytest.mark.parametrize(
    ("name", "column", "arguments", "says"),
    [
        ("expect_column_values_to_be_within_n_stdevs", "id", {}, "without `group_by` there is one total"),
        ("expect_column_values_to_be_within_n_stdevs", "id", {"group_by": ["grp"]}, None),
        ("expect_column_values_to_not_match_regex_list", "label", {"regex_list": ["a", "b"]}, "every pattern fails"),
        ("expect_column_values_to_not_match_regex_list", "label", {"regex_list": ["a", "b"], "match_on": "all"}, None),
        ("expect_column_values_to_not_match_regex_list", "label", {"regex_list": ["a"]}, None),
        (
            "expect_column_values_to_not_match_like_pattern_list",
            "label",
            {"like_pattern_list": ["a", "b"]},
            "every pattern",
        ),
        ("expect_column_values_to_be_increasing", "id", {}, "sorted by themselves"),
        ("expect_column_values_to_be_increasing", "id", {"sort_column": "made_at"}, None),
        ("expect_column_most_common_value_to_be_in_set", "id", {"value_set": ["a"], "top_n": 2}, "exactly that place"),
        ("expect_row_values_to_have_data_for_every_n_datepart", None, {"date_col": "made_at"}, "stopped coming passes"),
        ("expect_table_column_count_to_be_between", None, {"min_value": 0}, "a bound of 0 for none"),
        ("expect_column_values_to_be_of_type", "nowhere", {"column_type": "INT"}, "does not exist passes"),
        ("expect_column_values_to_be_of_type", "id", {"column_type": "INTEGER"}, None),
    ],
)
def test_arguments_that_blind_a_test(name, column, arguments, says):
    found = passed(check(f"dbt_expectations.{name}", column, arguments=arguments))
    assert (says is None and found == ()) or (says is not None and says in found[0]), found


def test_a_time_in_the_future_keeps_recency_green():
    asked = check("dbt_utils.recency", arguments={"field": "made_at", "datepart": "day", "interval": 1})
    *_, future = needs(asked, CATALOG)
    assert future.metric == "failing_rows"
    assert passed(asked) == ()
    assert passed(asked, {future: 3}) == ("3 rows lie in the future, and the newest counts",)


def test_a_tolerance_is_no_share_of_nothing():
    given_ = {"expression": "sum(id)", "compare_model": ["raw", "others"], "tolerance_percent": 0.1}
    asked = check("dbt_expectations.expect_table_aggregation_to_equal_other_table", arguments=given_)
    *_, base = needs(asked, CATALOG)
    assert passed(asked) == ()
    assert "which is zero, negative or NULL 2 times" in passed(asked, {base: 2})[0]


def test_old_data_is_not_within_moving_deviations():
    name = "dbt_expectations.expect_column_values_to_be_within_n_moving_stdevs"
    asked = check(name, "id", arguments={"date_column_name": "made_at"})
    *_, untested = needs(asked, CATALOG)
    assert passed(asked) == ()
    assert "none was tested" in passed(asked, {untested: 1})[0]


def test_null_is_not_green_alone():
    asked = check("dbt_utils.accepted_range", "id", arguments={"min_value": 0})
    nulls = MetricSpec(dataset=T, metric="null_count", column="id")
    assert passed(asked, {nulls: 9}) == ()
    assert passed(asked, {nulls: 10}) == ("`id` is NULL in 10 of 10 rows, and NULL passes",)
    mean = check("dbt_expectations.expect_column_mean_to_be_between", "id", arguments={"min_value": 0})
    assert passed(mean, {needs(mean, CATALOG)[0]: None}) == ("what it compares is NULL, which passes",)


def test_a_group_that_is_gone_passes():
    asked = check(
        "dbt_expectations.expect_table_row_count_to_be_between", arguments={"min_value": 1, "group_by": ["grp"]}
    )
    groups = needs(asked, CATALOG)[-1]
    assert "GROUP BY" in groups.argument
    assert passed(asked, {groups: 3}, before={groups: 3}) == ()
    assert passed(asked, {groups: 3}) == ()
    (said,) = passed(asked, {groups: 3}, before={groups: 5})
    assert said.startswith("2 of 5 groups are gone since the version before")


def test_an_empty_table_to_compare_with_is_told():
    asked = check(
        "dbt_utils.equal_rowcount", arguments={"compare_model": ["raw", "others"]}, fail_calc="sum(diff_count)"
    )
    assert passed(asked, {MetricSpec(dataset=OTHER, metric="row_count"): 0}) == (
        "raw.others has no rows to compare with",
    )


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("rule", {"expression": "low < high"}),
        ("dbt_utils.expression_is_true", {"expression": "low < high"}),
        ("dbt_expectations.expect_column_pair_values_to_be_equal", {"column_A": "low", "column_B": "high"}),
        ("dbt_expectations.expect_column_pair_values_A_to_be_greater_than_B", {"column_A": "low", "column_B": "high"}),
    ],
)
def test_a_condition_that_is_unknown_in_every_row_is_told(kind, arguments):
    """A column that is NULL in every row passes every comparison with it."""
    asked = check(kind, arguments=arguments)
    main, rows, known = needs(asked, CATALOG)
    assert main.argument in known.argument
    result = judge(asked, {main: 0, rows: 5}, now=NOW)
    (said,) = blind_spots(result, CATALOG, {main: 0, rows: 5, known: 0}, {})
    assert said == "what it demands is unknown (NULL) in all of 5 rows, and unknown passes"
    assert blind_spots(result, CATALOG, {main: 0, rows: 5, known: 1}, {}) == ()
    assert blind_spots(result, CATALOG, {main: 0, rows: 5}, {}) == ()


def test_a_check_that_failed_is_not_blind():
    asked = check("dbt_expectations.expect_column_values_to_be_increasing", "id")
    result = CheckResult(check=asked, outcome=Outcome.FAIL, reason="", failures=1)
    assert blind_spots(result, CATALOG, {}, {}) == ()
    assert blind_spots(CheckResult(check=check("nope"), outcome=Outcome.PASS, reason=""), CATALOG, {}, {}) == ()


# --- how they are told, and shown


def test_a_failure_names_the_demand_and_its_arguments():
    asked = check("dbt_utils.accepted_range", "id", arguments={"min_value": 0})
    result = judge(asked, {needs(asked, CATALOG)[0]: 3, MetricSpec(dataset=T, metric="row_count"): 1200}, now=NOW)
    assert result.reason == "3 of 1,200 rows fail: every value lies between bounds, NULL aside (min_value: 0)"
    assert result.sql == 'SELECT * FROM "raw"."orders" WHERE NOT ("id" >= 0)'


def test_long_arguments_are_cut():
    asked = check("dbt_utils.not_accepted_values", "label", arguments={"values": [f"value {n}" for n in range(99)]})
    result = judge(asked, {needs(asked, CATALOG)[0]: 3}, now=NOW)
    assert len(result.reason) < 350
    assert "…" in result.reason


def test_a_fail_calc_that_is_null_is_an_error_as_in_dbt():
    asked = check("unique", "id", fail_calc="sum(n_records)")
    assert judge(asked, {needs(asked, CATALOG)[0]: None}, now=NOW).outcome is Outcome.ERROR
    assert (
        judge(check("unique", "id"), {needs(check("unique", "id"), CATALOG)[0]: None}, now=NOW).outcome is Outcome.PASS
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("dbt_utils.accepted_range", True),
        ("dbt_utils.sequential_values", True),
        ("dbt_utils.unique_combination_of_columns", False),
        ("dbt_expectations.expect_column_distinct_values_to_be_in_set", False),
    ],
)
def test_rows_are_shown_only_under_the_names_of_their_columns(name, shown):
    assert (sample_query(usual(name), CATALOG, limit=5) is not None) is shown


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        (check("dbt_utils.expression_is_true", "high", arguments={"expression": ">= 0"}), ["id", "high"]),
        (check("dbt_utils.expression_is_true", arguments={"expression": "low < high"}), ["id", "low", "high"]),
        (
            check(
                "dbt_utils.mutually_exclusive_ranges",
                arguments={"lower_bound_column": "low", "upper_bound_column": "high"},
                where="grp = 'a'",
            ),
            ["id", "low", "high", "grp"],
        ),
        (check("dbt_expectations.expect_select_column_values_to_be_unique_within_record", arguments={"column_list": ["grp", "label"]}), ["id", "grp", "label"]),
    ],
)  # fmt: skip
def test_a_sample_shows_first_what_the_check_is_about(asked, first):
    query = sample_query(asked, CATALOG, limit=5)
    assert list(query.columns[: len(first)]) == first


def test_a_table_to_be_equal_to_has_the_same_columns():
    catalog = {T: CATALOG[T], OTHER: Dataset(ref=OTHER, columns=CATALOG[T].columns[:-1])}
    asked = check("dbt_utils.equality", arguments={"compare_model": ["raw", "others"]})
    assert "raw.others has no column `high`" in needs(asked, catalog).reason
    for more in ({"exclude_columns": ["HIGH"]}, {"compare_columns": ["id"]}):
        assert isinstance(needs(check("dbt_utils.equality", arguments={**asked.arguments, **more}), catalog), tuple)


def test_conditions_on_rows_and_totals_ride_on_one_statement():
    checks = [usual(name) for name in sorted(PACKAGES)]
    light = {"failing_rows", "failing_total"}
    specs = [
        s
        for c in checks
        if isinstance(n := needs(c, CATALOG), tuple)
        for s in n
        if s.dataset == T and s.metric in light
    ]
    assert len(specs) > 25
    plan = scan_table(CATALOG[T], specs, ScanOptions(version=1, taken_at=NOW, profile=False))
    statement = next(plan)
    with pytest.raises(StopIteration):
        plan.send([(0,) * len(parse_one(statement.sql, read="duckdb").expressions)])


def test_of_compiled_sql_only_a_singular_test_is_shown():
    for test, shown in (("singular", True), ("mine.is_even", False)):
        asked = check("compiled", arguments={"sql": "select * from raw.orders", "test": test})
        assert (sample_query(asked, CATALOG, limit=5) is not None) is shown


@pytest.mark.parametrize(
    ("newest", "outcome", "failures"),
    [(30, Outcome.PASS, 0), (90, Outcome.WARN, 1), (300, Outcome.FAIL, 2), (None, Outcome.FAIL, 2)],
)
def test_the_freshness_of_a_source(newest, outcome, failures):
    asked = check(
        "source_freshness",
        "made_at",
        arguments={"warn_after_s": 60, "error_after_s": 200},
        warn_if="> 0",
        error_if="> 1",
    )
    value = None if newest is None else NOW.timestamp() - newest
    result = judge(asked, {needs(asked, CATALOG)[0]: value}, now=NOW)
    assert (result.outcome, result.failures) == (outcome, failures)
    assert ("1 min (warn), 3 min 20 s (error)" in result.reason) or outcome is Outcome.PASS
    only_warns = check("source_freshness", "made_at", arguments={"warn_after_s": 60}, severity="warn", warn_if="> 0")
    assert judge(only_warns, {needs(asked, CATALOG)[0]: None}, now=NOW).outcome is Outcome.WARN


def test_what_elementary_looks_for_is_left_to_learned_bands():
    found = needs(check("elementary.volume_anomalies"), CATALOG)
    assert (found.outcome, found.reason) == (Outcome.PASS, "judged by learned bands: rows per time bucket")
    lost = needs(
        Check(id="c", name="c", dataset=DatasetRef(namespace="a", name="b"), kind="elementary.schema_changes"), {}
    )
    assert lost.outcome is Outcome.ERROR


def test_a_condition_that_the_engine_refuses_is_an_error():
    asked = check("dbt_expectations.expect_column_mean_to_be_between", "label", arguments={"min_value": 0})
    result = judge(asked, {needs(asked, CATALOG)[0]: Unmeasured("no mean of texts")}, now=NOW)
    assert result.outcome is Outcome.ERROR


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_duckdb_runs_what_an_entry_asks_for(name):
    asked = usual(name)
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        columns = ", ".join(f"{n} {t}" for n, (t, _) in COLUMNS.items())
        for table in ("orders", "others"):
            connection.execute(f"create table raw.{table} ({columns})")
            connection.execute(f"insert into raw.{table} values (1, 'a', 'b', now()::timestamp, 1, 2)")
        reader = DuckDBReader(connection, "memory")
        for sql in sql_of(asked):
            if sql.startswith("SELECT ") and " FROM " not in sql:
                sql += ' FROM "raw"."orders"'
            reader.query(sql)
