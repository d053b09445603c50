"""Numbers that follow from a category of their row, held against plain Python: what is chosen, measured and shown."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.conformance.scan.engine import Engine
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec
from tidegate.scan import (
    Beside,
    ByCategory,
    TableScan,
    by_category,
    far_sql,
    kept_beside,
    limits,
    rest,
)
from tidegate.scan.rest import LEFT, UNJUDGED

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, ROWS = 20, 90
RESULTS = f"""
create table t as select d * 1000 + i as result_id, ['glucose', 'sodium', 'it''s hb'][1 + i % 3] as test,
    timestamp '2026-03-01 07:00' + to_days(d::int) + to_minutes(i::int) as taken_at, (hash(d, i, 5) % 2 = 0) as fasting,
    round([95, 140, 14][1 + i % 3] + [12, 3, 1.2][1 + i % 3] * ((hash(d, i) % 1000 + hash(i, d, 1) % 1000 + hash(d, i, 2) % 1000) / 500.0 - 3), 2)::double
    as value
from range({DAYS}) a(d), range({ROWS}) b(i)
"""


@pytest.fixture
def results(engine: Engine) -> Engine:
    engine.run(RESULTS)
    return engine


def scanned(engine: Engine, known: Grid | None = None, **more: Any) -> TableScan:
    return engine.scan("t", time_column="taken_at", grain="day", known=known, **more).scan


def measured(scan: TableScan, column: str = "value") -> dict[int, list[Any]]:
    """Rows, median, far and unjudged rows of a number that follows from a category, by day."""
    told: dict[int, dict[str, Any]] = defaultdict(dict)
    for m in scan.measurements:
        if m.spec.metric in (*LEFT, UNJUDGED) and m.spec.column == column and m.interval is not None:
            assert m.spec.argument is not None
            told[(m.interval.start - START).days][m.spec.metric] = m.value
    return {day: [of.get(metric) for metric in (*LEFT, UNJUDGED)] for day, of in told.items()}


def chosen(scan: TableScan) -> Beside:
    told = kept_beside(Grid.of(scan.measurements))
    assert told is not None
    return told


def plain(engine: Engine, day: int, by: str = "test") -> tuple[int, float, int, float, float]:
    """The same of a day by its rows and those of the 14 days before: on a straight scale, all categories frequent."""
    rows = engine.run(f"select taken_at::date - date '2026-03-01', {by}, value from t where value is not null")
    days = [d for d in sorted({d for d, *_ in rows}) if d < day][-14:]
    left = []
    for at, category, value in rows:
        if at == day:
            past = [v for d, c, v in rows if d in days and c == category]
            low, high = np.quantile(past, (0.25, 0.75))
            left.append((value - np.median(past)) / ((high - low) / 1.35))
    low, high = np.quantile(left, (0.25, 0.75))
    return len(left), float(np.median(left)), sum(abs(one) > 4 for one in left), max(map(abs, left)), float(high - low)


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No logarithms."""
    monkeypatch.setattr("tidegate.detect.given.ONE_SIGNED", 2.0)


WRONG = "update t set value = value / 18 where test = 'glucose' and taken_at::date = date '2026-03-20'"


@pytest.mark.usefixtures("straight")
def test_what_is_left_of_a_value_is_its_distance_from_its_category(results: Engine) -> None:
    results.run(WRONG)
    scan = scanned(results)
    assert chosen(scan).by_category == {"value": ByCategory("test", 0.0)}
    left = measured(scan)
    assert min(left) == 4
    for day in (4, 11, 19):
        rows, *told = plain(results, day)
        assert left[day] == [rows, *(pytest.approx(one, abs=1e-9) for one in told), 0]
    assert [left[day][2] for day in (11, 18, 19)] == [0, 0, ROWS // 3]


def test_a_choice_is_kept_and_reads_as_it_was_written(results: Engine) -> None:
    before = scanned(results)
    results.run(
        "insert into t by name select * replace (taken_at + to_days(1) as taken_at, result_id + 1000 as result_id)"
        " from t where taken_at::date = date '2026-03-20'"
    )
    later, whole = scanned(results, Grid.of(before.measurements)), scanned(results)
    assert chosen(later) == chosen(before)
    assert Beside.read(str(chosen(before))) == chosen(before)
    assert list(measured(later)) == [20]
    assert measured(later)[20] == measured(whole)[20]


def test_a_choice_of_before_stays_and_what_follows_from_categories_is_added_once(results: Engine) -> None:
    results.run("alter table t add column net double; update t set net = hash(result_id) % 1000")
    results.run("alter table t add column gross double; update t set gross = net * 1.2 + hash(result_id, 1) % 10")
    first = scanned(results)
    assert set(chosen(first).follow) == {"net", "gross"}
    old = replace(chosen(first), given=None)
    assert "given" not in json.loads(str(old))
    assert Beside.read(str(old)) == old
    written = [
        replace(m, spec=replace(m.spec, argument=str(old))) if m.spec.metric == "beside" else m
        for m in first.measurements
        if m.spec.argument != "test" and m.spec.metric != "content"
    ]
    later = scanned(results, Grid.of(written))
    assert chosen(later) == chosen(first)
    assert measured(later) == measured(first)
    assert scanned(results, Grid.of(later.measurements)).reopened == frozenset()


def test_a_choice_of_before_stays_where_nothing_more_can_follow(
    results: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scanned(results)
    old = replace(chosen(first), times=None)
    written = [
        replace(m, spec=replace(m.spec, argument=str(old))) if m.spec.metric == "beside" else m
        for m in first.measurements
        if m.spec.metric != "content"
    ]
    monkeypatch.setattr("tidegate.scan.beside.MOST_VALUES", 1)
    monkeypatch.setattr("tidegate.scan.infer.times", lambda tally: [])
    later = scanned(results, Grid.of(written))
    assert chosen(later) == chosen(first)
    assert measured(later) == measured(first)


def test_nothing_of_later_days_or_of_the_day_itself_is_what_it_is_held_against(results: Engine) -> None:
    before = scanned(results)
    results.run("update t set value = value * 7, test = 'x' || test where taken_at >= date '2026-03-13'")
    after = scanned(results)
    assert chosen(after) == chosen(before)
    one, other = measured(before), measured(after)
    assert [one[day] for day in range(4, 12)] == [other[day] for day in range(4, 12)]
    assert other[12] == [*[None] * len(LEFT), ROWS], "categories that are new are counted, and not judged"


def test_an_untaught_day_teaches_no_category(results: Engine) -> None:
    results.run("update t set value = value / 18 where taken_at::date between date '2026-03-08' and date '2026-03-19'")
    bad = Interval(start=START + timedelta(days=7), end=START + timedelta(days=19))
    taught, untaught = (measured(scanned(results, untaught=more))[19][2] for more in ([], [bad]))
    assert untaught == 0 < taught


@pytest.mark.parametrize(
    "change",
    [
        "alter table t alter test type integer using (result_id % 1000 % 3)::integer",
        "delete from t where test = 'sodium'; alter table t alter test type boolean using test = 'glucose'",
        'alter table t rename column test to \'a "test"\'; alter table t rename column "a ""test""" to test'.replace(
            "'a \"test\"'", '"a ""test"""'
        ),
        "update t set test = null where result_id % 10 = 3",
    ],
    ids=["numbers", "yes and no", "renamed", "some without"],
)
def test_categories_of_all_kinds(results: Engine, change: str) -> None:
    for statement in change.split("; "):
        results.run(statement)
    scan = scanned(results)
    assert chosen(scan).by_category["value"].column == "test"
    assert measured(scan)[15][-1] == results.run("select count(*) from t where test is null")[0][0] // DAYS


def test_a_sample_of_a_large_day_tells_about_the_same(results: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    results.run(WRONG)
    monkeypatch.setattr(rest, "ROWS_OF_A_BUCKET", 30)
    rows, _, far, *_ = measured(scanned(results))[19]
    assert 10 < rows < 60
    assert 0.15 < far / rows < 0.55


def test_rows_that_are_alike_are_drawn_apart_by_their_keys(results: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    results.run("update t set value = 5.3 where test = 'glucose' and taken_at::date = date '2026-03-20'")
    results.run("update t set taken_at = taken_at::date")
    monkeypatch.setattr(rest, "ROWS_OF_A_BUCKET", 30)
    rows, _, far, *_ = measured(scanned(results))[19]
    assert 0.15 < far / rows < 0.55, "not all of them, and not none"


@pytest.mark.parametrize("size", ["straight", "bent"])
def test_the_limits_and_the_rows_beyond_them_are_those_that_were_judged(
    results: Engine, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "straight":
        monkeypatch.setattr("tidegate.detect.given.ONE_SIGNED", 2.0)
    results.run(WRONG)
    scan, dataset = scanned(results), results.dataset("t")
    spec = MetricSpec(dataset=REF, metric="rest_far_count", column="value", argument="test")
    by = by_category(spec, scan.measurements)
    assert by is not None
    assert (by.size > 0) == (size == "bent")
    day = Interval(start=START + timedelta(days=19), end=START + timedelta(days=20))
    told = {one.segment.value: one for one in results.drive(limits(dataset, "value", by, day, time_column="taken_at"))}
    assert {name: one.values for name, one in told.items()} == dict.fromkeys(("glucose", "sodium", "it's hb"), 30)
    glucose = told["glucose"]
    assert glucose.median is not None
    assert glucose.median < 7 < 40 < glucose.low < 75 < 115 < glucose.high < 180
    sql = far_sql(dataset, "value", list(told.values()), day, time_column="taken_at")
    assert sql is not None
    assert {row[1] for row in results.run(sql)} == {"glucose"}
    assert len(results.run(sql)) == measured(scan)[19][2] == 30
    assert by_category(replace(spec, column="net"), scan.measurements) is None
    assert by_category(replace(spec, argument=None), scan.measurements) is None


@pytest.mark.parametrize(
    ("columns", "looks"),
    [
        ("'x' || i as name", False),
        ("(hash(i, d) % 100000) / 7.0 as value", True),
        ("['a', 'b', 'c'][1 + i % 3] as test, ['x', 'y'][1 + i % 2] as kind", False),
        ("(hash(i, d) % 100000) / 7.0 as value, ['a', 'b', 'c'][1 + i % 3] as test", True),
    ],
    ids=["a time alone", "a number beside it", "categories alone", "both"],
)
def test_rows_are_fetched_only_where_something_may_follow(engine: Engine, columns: str, looks: bool) -> None:
    engine.run(
        f"create table t as select timestamp '2026-03-01 07:00' + to_days(d::int) as taken_at, {columns}"
        f" from range({DAYS}) a(d), range({ROWS}) b(i)"
    )
    scanned(engine)
    assert ("numbers: first buckets" in engine.purposes) is looks
