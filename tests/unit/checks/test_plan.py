"""What a check needs, and what is told when it cannot be evaluated."""

import pytest

from tidegate.checks import CHECKS, needs
from tidegate.model import Check, CheckResult, Column, Dataset, DatasetRef, Family, MetricSpec, Outcome

ORDERS = DatasetRef(namespace="raw", name="orders")
CUSTOMERS = DatasetRef(namespace="raw", name="customers")


def dataset(ref, **columns):
    families = {"int": ("INTEGER", Family.NUMBER), "text": ("VARCHAR", Family.TEXT), "time": ("TIMESTAMP", Family.TIME)}
    return Dataset(
        ref=ref, columns=tuple(Column(name=n, type=families[f][0], family=families[f][1]) for n, f in columns.items())
    )


CATALOG = {
    ORDERS: dataset(ORDERS, order_id="int", customer_id="int", status="text", ordered_at="time"),
    CUSTOMERS: dataset(CUSTOMERS, customer_id="int"),
}


def check(kind, column=None, ref=ORDERS, **more):
    return Check(id="c", name="c", dataset=ref, kind=kind, column=column, **more)


def spec(metric, column=None, **more):
    return MetricSpec(dataset=ORDERS, metric=metric, column=column, **more)


ROWS = spec("row_count")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (check("not_null", "status"), (spec("null_count", "status"), ROWS)),
        (check("unique", "order_id"), (spec("repeated_values", "order_id"), ROWS, spec("null_count", "order_id"))),
        (check("row_count", arguments={"min": 1}), (ROWS,)),
        (
            check("rule", arguments={"expression": "order_id > 0"}),
            (spec("failing_rows", argument="order_id > 0"), ROWS, spec("known_rows", argument="order_id > 0")),
        ),
        (check("freshness", "ordered_at", arguments={"max_age_s": 60}), (spec("newest", "ordered_at"), ROWS)),
        (
            check("accepted_values", "status", arguments={"values": ["a", 1, True]}),
            (
                spec("unaccepted_values", "status", argument='{"values": ["a", "1", "True"], "quote": true}'),
                ROWS,
                spec("null_count", "status"),
            ),
        ),
        (
            check("relationships", "customer_id", arguments={"to": "customers", "field": "customer_id"}),
            (
                spec("orphan_rows", "customer_id", argument='{"to": ["raw", "customers"], "field": "customer_id"}'),
                ROWS,
                MetricSpec(dataset=CUSTOMERS, metric="row_count"),
                spec("null_count", "customer_id"),
            ),
        ),
        (
            check("metric", arguments={"sql": "sum(order_id)", "max": 3}),
            (spec("aggregate", argument="sum(order_id)"), ROWS),
        ),
        (
            check("metric", arguments={"sql": "median(order_id)", "max": 3}),
            (spec("query", argument='SELECT median(order_id) FROM "raw"."orders"'), ROWS),
        ),
        (
            check("sql", arguments={"sql": "select 1;"}, limit=5),
            (spec("query", argument="SELECT count(*) FROM (SELECT * FROM (select 1) AS failing LIMIT 5) AS dbt_internal_test"), ROWS),
        ),
    ],
)  # fmt: skip
def test_needs(asked, expected):
    assert needs(asked, CATALOG) == expected


def test_where_narrows_both_numbers():
    found = needs(check("not_null", "status", where="order_id > 1"), CATALOG)
    assert found == (spec("null_count", "status", where="order_id > 1"), spec("row_count", where="order_id > 1"))


def test_another_fail_calc_is_asked_of_the_failing_rows():
    found = needs(check("unique", "order_id", fail_calc="sum(n_records)"), CATALOG)
    assert found[0].metric == "query"
    assert found[0].argument.startswith("SELECT sum(n_records) FROM (SELECT ")


@pytest.mark.parametrize("to", [CUSTOMERS, "raw.customers", "customers", ["raw", "customers"]])
def test_ways_to_name_the_other_table(to):
    found = needs(check("relationships", "customer_id", arguments={"to": to, "field": "customer_id"}), CATALOG)
    assert found[0].argument == '{"to": ["raw", "customers"], "field": "customer_id"}'


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (check("uniqe", "order_id"), "no kind of check `uniqe`; did you mean `unique`?"),
        (check("unique", "ordr_id"), "raw.orders has no column `ordr_id`; did you mean `order_id`?"),
        (check("unique"), "it names no column"),
        (
            check("unique", "x", ref=DatasetRef(namespace="raw", name="order")),
            "no table `raw.order`; did you mean `raw.orders`?",
        ),
        (
            check("rule", ref=DatasetRef(namespace="zzz", name="q"), arguments={"expression": "1 = 1"}),
            "there is no table `zzz.q`",
        ),
        (check("rule"), "`rule` needs `expression`"),
        (check("rule", arguments={"expression": "a >"}), "does not parse"),
        (check("rule", arguments={"expression": "a > 1; drop table t"}), "more than one expression"),
        (check("rule", arguments={"expression": "a > 1"}, where="select"), "where"),
        (check("accepted_values", "status"), "needs `values`"),
        (check("accepted_values", "status", arguments={"values": "a"}), "not a list"),
        (check("accepted_values", "status", arguments={"values": []}), "not a list"),
        (check("accepted_values", "order_id", arguments={"values": ["1; 2"], "quote": False}), ""),
        (check("relationships", "customer_id", arguments={"field": "x"}), "needs `to`"),
        (
            check("relationships", "customer_id", arguments={"to": "raw.customer", "field": "x"}),
            "did you mean `raw.customers`?",
        ),
        (
            check("relationships", "customer_id", arguments={"to": CUSTOMERS, "field": "customerid"}),
            "did you mean `customer_id`?",
        ),
        (check("row_count"), "needs `min`, `max` or both"),
        (check("metric", arguments={"sql": "select 1"}), "needs `min`, `max` or both"),
        (check("metric", arguments={"sql": "drop table t", "min": 1}), "neither a query nor an aggregate"),
        (check("sql", arguments={"sql": "delete from t"}), "not one SELECT"),
        (check("freshness", "status", arguments={"max_age_s": 1}), "`status` is VARCHAR, not a time"),
        (check("unique", "order_id", error_if="> many"), "not a condition on the number of failures"),
        (check("unique", "order_id", fail_calc="count(*) from x"), "does not parse"),
    ],
)
def test_what_cannot_be_evaluated_says_why(asked, words):
    result = needs(asked, CATALOG)
    assert isinstance(result, CheckResult)
    assert result.outcome is Outcome.ERROR
    assert result.reason.startswith("could not be evaluated: ")
    assert words.replace("where", "") in result.reason


def test_a_listed_number_that_the_column_cannot_hold_is_not_rounded():
    def told(values, **more):
        return needs(check("accepted_values", "order_id", arguments={"values": values, **more}), CATALOG)

    for value in (1.5, "new", 2**40):
        result = told([1, value])
        assert result.outcome is Outcome.ERROR
        assert f"`{value}` in `values` can be no value of `order_id`, which is INTEGER" in result.reason
    assert not isinstance(told([1, "2", 3.0]), CheckResult)
    assert not isinstance(told(["1 + 0.5"], quote=False), CheckResult)
    by_dbt = check("accepted_values", "order_id", source="dbt", arguments={"values": [1.5]})
    assert not isinstance(needs(by_dbt, CATALOG), CheckResult)


def test_a_metric_without_a_table_rides_on_one_that_it_reads():
    loose = DatasetRef(namespace="project", name="metric")
    found = needs(
        check("metric", ref=loose, arguments={"sql": "select count(*) from raw.customers", "min": 1}), CATALOG
    )
    assert found == (MetricSpec(dataset=CUSTOMERS, metric="query", argument="select count(*) from raw.customers"),)
    assert isinstance(needs(check("metric", ref=loose, arguments={"sql": "select 1", "min": 1}), {}), CheckResult)


def test_what_only_dbt_can_evaluate_is_skipped():
    assert needs(check("dbt", ref=DatasetRef(namespace="x", name="y")), CATALOG).outcome is Outcome.SKIPPED


@pytest.mark.parametrize("name", CHECKS)
def test_an_entry_says_what_it_is(name):
    kind = CHECKS[name]
    assert kind.says[0].islower()
    assert not kind.says.endswith(".")
    assert kind.reads in {"failures", "bounds", "age", "stale", "limit", "nothing"}
    assert set(kind.required) <= set(kind.arguments)


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "rule", "arguments": {"expression": "order_idd > 0"}},
        {"kind": "rule", "arguments": {"expression": "abs(order_idd) > 0"}},
        {"kind": "row_count", "arguments": {"min": 1}, "where": "order_idd > 0"},
        {"kind": "metric", "arguments": {"sql": "sum(order_idd)", "min": 1}},
    ],
)
def test_a_column_that_an_expression_misspells_is_named_before_anything_runs(more):
    kind = more.pop("kind")
    found = needs(check(kind, **more), CATALOG)
    assert found.outcome is Outcome.ERROR
    assert "has no column `order_idd`; did you mean `order_id`?" in found.reason
