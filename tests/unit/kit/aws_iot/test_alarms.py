"""The alarm evaluator: M of N, missing data, statistics, as CloudWatch documents them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.metrics import MetricStore, datapoints, evaluate, look_at

ALARM = {
    "AlarmName": "a", "Namespace": "n", "MetricName": "m", "Dimensions": [{"Name": "stage", "Value": "dev"}],
    "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing", "StateValue": "OK",
}  # fmt: skip


def state(points: list[float | None], **changed: object) -> str:
    return evaluate(ALARM | changed, points, "OK").state


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([11, 11, 0], "ALARM"),
        ([11, 0, 11], "ALARM"),
        ([11, 0, 0], "OK"),
        ([10, 10, 10], "OK"),
        ([None, None, None], "INSUFFICIENT_DATA"),
        ([None, None, 11], "OK"),
        ([None, 11, 11], "ALARM"),
    ],
)
def test_m_of_n(points: list[float | None], expected: str) -> None:
    assert state(points) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("breaching", "ALARM"), ("notBreaching", "OK"), ("ignore", "OK"), ("missing", "INSUFFICIENT_DATA")],
)
def test_no_data_is_treated_as_the_alarm_says(missing: str, expected: str) -> None:
    assert state([None, None, None], TreatMissingData=missing) == expected


def test_periods_without_data_that_count_are_named() -> None:
    verdict = evaluate(ALARM | {"TreatMissingData": "breaching"}, [None, None, 11], "OK")
    assert verdict.reason == "2 without data, which counts: 3 of the last 3 periods (60 s) breach 10, 2 are needed"
    assert evaluate(ALARM, [11, 0, 0], "OK").reason == "1 of the last 3 periods (60 s) breach 10, 2 are needed"


def test_ignore_keeps_the_state() -> None:
    assert evaluate(ALARM | {"TreatMissingData": "ignore"}, [None] * 3, "ALARM").state == "ALARM"


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("GreaterThanOrEqualToThreshold", 10, "ALARM"),
        ("LessThanThreshold", 9, "ALARM"),
        ("LessThanThreshold", 10, "OK"),
        ("LessThanOrEqualToThreshold", 10, "ALARM"),
    ],
)
def test_every_comparison(operator: str, value: float, expected: str) -> None:
    assert state([value] * 3, ComparisonOperator=operator) == expected


def test_only_periods_that_are_over_count() -> None:
    values = [(0.0, 1.0), (59.9, 2.0), (60.0, 4.0), (180.0, 100.0)]
    assert datapoints(ALARM, values, 185.0) == [3.0, 4.0, None]


@pytest.mark.parametrize(
    ("statistic", "expected"), [("Sum", 9), ("Maximum", 6), ("Minimum", 3), ("Average", 4.5), ("SampleCount", 2)]
)
def test_every_statistic(statistic: str, expected: float) -> None:
    alarm = ALARM | {"Statistic": statistic, "EvaluationPeriods": 1}
    assert datapoints(alarm, [(1.0, 3.0), (2.0, 6.0)], 60.0) == [expected]


def test_metrics_are_taken_out_of_the_log(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "metrics.db")
    about = {"CloudWatchMetrics": [{"Namespace": "n", "Dimensions": [["stage"]], "Metrics": [{"Name": "m"}]}]}
    store.hear(json.dumps({"_aws": about, "stage": "dev", "m": 42}))
    for other in ("no json", "[]", '{"level": "INFO"}'):
        store.hear(other)
    ((at_s, value),) = store.values("n", "m", {"stage": "dev"}, 0, 1e12)
    assert value == 42
    assert look_at(ALARM | {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}, store, at_s + 60).state == "ALARM"
    assert store.by_dimension("n", "m", "stage") == {"dev": 42}
    store.trim(at_s + 1e6)
    assert store.values("n", "m", {"stage": "dev"}, 0, 1e12) == []
    store.close()
