"""From numbers to verdicts."""

from datetime import UTC, datetime

import pytest

from tidegate.checks import judge
from tidegate.checks.plan import specs
from tidegate.checks.verdict import duration
from tidegate.metrics import Unmeasured
from tidegate.model import Check, DatasetRef, MetricSpec, Outcome

T = DatasetRef(namespace="raw", name="orders")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def check(kind="not_null", column="x", **more):
    return Check(id="c", name="c", dataset=T, kind=kind, column=column, **more)


def judged(asked, number, rows=100):
    main, *others = specs(asked)
    return judge(asked, {main: number} | dict.fromkeys(others, rows), now=NOW)


@pytest.mark.parametrize(
    ("failures", "more", "outcome"),
    [
        (0, {}, Outcome.PASS),
        (1, {}, Outcome.FAIL),
        (1, {"severity": "warn"}, Outcome.WARN),
        (5, {"error_if": "> 10"}, Outcome.WARN),
        (11, {"error_if": "> 10"}, Outcome.FAIL),
        (5, {"error_if": "> 10", "warn_if": "> 7"}, Outcome.PASS),
        (50, {"severity": "warn", "warn_if": "> 60"}, Outcome.PASS),
        (0, {"error_if": "= 0"}, Outcome.FAIL),
        (None, {}, Outcome.PASS),
        (50, {"limit": 3, "error_if": "> 10"}, Outcome.WARN),
        (1, {"severity": "ERROR"}, Outcome.FAIL),
    ],
)
def test_severity_and_thresholds(failures, more, outcome):
    assert judged(check(**more), failures).outcome is outcome


@pytest.mark.parametrize(
    ("kind", "unit", "number", "outcome", "measured"),
    [
        ("null_values", "percent", 5, Outcome.PASS, "5 %"),
        ("null_values", "percent", 15, Outcome.FAIL, "15 %"),
        ("null_values", "rows", 15, Outcome.FAIL, "15 rows"),
    ],
)
def test_a_number_of_a_contract_is_told_in_its_unit(kind, unit, number, outcome, measured):
    asked = check(kind, arguments={"operator": "mustBeLessThan", "bound": 10, "unit": unit})
    result = judged(asked, number)
    assert (result.outcome, result.measured) == (outcome, measured)


def test_what_no_kind_of_check_stands_for_is_an_error_and_not_dbts():
    result = judge(check("uniqe"), {}, now=NOW)
    assert (result.outcome, result.reason) == (
        Outcome.ERROR,
        "could not be evaluated: there is no kind of check `uniqe`",
    )
    assert judge(check("dbt"), {}, now=NOW).reason == "only dbt can evaluate it"


def test_a_source_without_a_column_of_times_is_told_by_its_query():
    asked = check("source_freshness", column=None, arguments={"query": "select now()", "error_after_s": 60})
    assert judged(asked, None).reason == "`loaded_at_query` has no time at all, expected one at most 1 min (error) old"


def test_a_failure_is_told_with_its_numbers():
    result = judged(check(), 3, 1200)
    assert result.reason == "3 of 1,200 rows have no `x`"
    assert (result.failures, result.evaluated, result.measured, result.expected) == (
        3,
        1200,
        "3 failures",
        "0 failures",
    )
    assert result.sql == 'SELECT * FROM "raw"."orders" WHERE "x" IS NULL'


@pytest.mark.parametrize("number", [0, 5])
def test_nothing_evaluated_is_told(number):
    result = judged(check(), number, 0)
    assert result.outcome is (Outcome.FAIL if number else Outcome.PASS)
    assert "nothing was evaluated: 0 rows" in result.reason
    assert result.evaluated == 0


@pytest.mark.parametrize(
    ("bounds", "rows", "outcome"),
    [
        ({"min": 5}, 5, Outcome.PASS),
        ({"min": 5}, 4, Outcome.FAIL),
        ({"max": 5}, 6, Outcome.FAIL),
        ({"min": 1, "max": 3}, 2, Outcome.PASS),
        ({"min": 0, "max": None}, 0, Outcome.PASS),
    ],
)
def test_row_count(bounds, rows, outcome):
    assert judged(check("row_count", None, arguments=bounds), rows).outcome is outcome


def test_row_count_is_told():
    result = judged(check("row_count", None, arguments={"min": 1000, "max": 2000}), 5)
    assert result.reason == "there are 5 rows, expected 1,000 to 2,000"
    assert result.failures == 1


def test_a_metric_that_is_null():
    asked = check("metric", None, arguments={"sql": "max(x)", "min": 1})
    assert judged(asked, None, 5).outcome is Outcome.ERROR
    assert judged(asked, None, 0).outcome is Outcome.PASS
    assert judged(asked, "12.5", 5).outcome is Outcome.PASS
    assert judged(asked, "twelve", 5).outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("newest", "outcome"),
    [(NOW.timestamp() - 3600, Outcome.PASS), (NOW.timestamp() - 3601, Outcome.FAIL), (None, Outcome.FAIL)],
)
def test_freshness(newest, outcome):
    assert judged(check("freshness", "x", arguments={"max_age_s": 3600}), newest).outcome is outcome


def test_freshness_is_told():
    result = judged(check("freshness", "x", arguments={"max_age_s": 86400}), NOW.timestamp() - 100_000)
    assert result.reason == "the newest `x` is 2026-04-30 08:13 UTC, 1 d 3 h old, expected at most 1 d"


def test_what_was_not_measured_is_an_error():
    assert judge(check(), {}, now=NOW).outcome is Outcome.ERROR
    result = judged(check(), Unmeasured("the view is broken"))
    assert (result.outcome, result.reason) == (Outcome.ERROR, "could not be evaluated: the view is broken")
    assert judge(check("nope"), {}, now=NOW).outcome is Outcome.ERROR
    assert judge(check("dbt"), {}, now=NOW).outcome is Outcome.SKIPPED


def test_a_query_may_have_ridden_on_another_table():
    asked = check("metric", None, arguments={"sql": "select 7", "max": 5})
    moved = MetricSpec(dataset=DatasetRef(namespace="a", name="b"), metric="query", argument="select 7")
    result = judge(asked, {moved: 7}, now=NOW)
    assert (result.outcome, result.evaluated) == (Outcome.FAIL, None)


def test_braces_in_the_users_sql_are_harmless():
    assert judged(check("rule", None, arguments={"expression": "x = '{failures} {nope}'"}), 2).reason.startswith(
        "`x = '{failures} {nope}'` is false"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (3600, "1 h"), (90061, "1 d 1 h"), (-90, "-1 min 30 s")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
