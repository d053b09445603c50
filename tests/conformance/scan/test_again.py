"""Rows that come again under new dates, and numbers beside the others of their row, held against plain SQL and plain arithmetic."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.conformance.scan.engine import Engine
from tidegate.metrics import quoted
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec
from tidegate.scan import Beside, TableScan, Together, again, beside, kept_beside, rest
from tidegate.scan.again import AGAIN
from tidegate.scan.rest import LEFT
from tidegate.scan.shown import shown

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 20
ORDERS = f"""
create table t as select d * 1000 + i as order_id, timestamp '2026-03-01 08:00' + to_days(d::int) + to_minutes(i::int) as sold_at,
    'S' || (hash(d, i) % 20) as shop, (20 + hash(i, d, 1) % 50000 / 100.0)::decimal(18, 2) as net,
    (500 - 0.9 * (20 + hash(i, d, 1) % 50000 / 100.0) + hash(i, d, 2) % 2000 / 100.0) as rest,
    (hash(d, i, 3) % 900)::int as pieces, 'load' || (d % 3) as _dlt_load_id
from range({DAYS}) a(d), range(120) b(i)
"""


def scanned(engine: Engine, known: Grid | None = None, **more: Any) -> TableScan:
    return engine.scan("t", time_column="sold_at", grain="day", known=known, **more).scan


def found(scan: TableScan, metrics: Sequence[str]) -> dict[tuple[str, str | None, str | None], dict[int, Any]]:
    """What was measured of some metrics, by day."""
    told: dict[tuple[str, str | None, str | None], dict[int, Any]] = defaultdict(dict)
    for m in scan.measurements:
        if m.spec.metric in metrics and m.interval is not None:
            day = (m.interval.start - START).days
            assert day not in told[m.spec.metric, m.spec.column, m.spec.argument], "two numbers for one bucket"
            told[m.spec.metric, m.spec.column, m.spec.argument][day] = m.value
    return dict(told)


def shares(scan: TableScan) -> dict[int, float | None]:
    """The share of the rows that came shortly before, by day."""
    told = found(scan, AGAIN)
    size, came = told["sampled_count", None, None], told["again_count", None, None]
    return {day: came[day] / n for day, n in size.items()}


def rows_by_day(engine: Engine, columns: Sequence[str]) -> dict[int, list[tuple[Any, ...]]]:
    listed = ", ".join(f"CAST({quoted(c)} AS TEXT)" for c in columns)
    told: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for day, *row in engine.run(f"select sold_at::date - date '2026-03-01', {listed} from t where sold_at is not null"):
        told[day].append(tuple(row))
    return told


def plain_shares(engine: Engine, columns: Sequence[str]) -> dict[int, float]:
    """The same by the rows themselves; good for days of up to 256 different rows."""
    by_day, told = rows_by_day(engine, columns), {}
    days = sorted(by_day)
    for place, day in enumerate(days):
        now = set(by_day[day])
        before = (set(by_day[d]) for d in days[max(0, place - 3) : place])
        told[day] = max((len(now & one) / len(now) for one in before), default=0.0)
    return told


@pytest.fixture
def orders(engine: Engine) -> Engine:
    engine.run(ORDERS)
    return engine


DAY = "sold_at::date = date '2026-03-{:02}'"
CHANGES = {
    "as it is": "select 1",
    "the day before under new dates": "delete from t where sold_at::date = date '2026-03-15'; insert into t by name"
    " select * replace (sold_at + to_days(1) as sold_at) from t where sold_at::date = date '2026-03-14'",
    "half of it, with other times of the day": "insert into t by name select * replace (sold_at + to_hours(35) as sold_at,"
    " 'again' as _dlt_load_id) from t where sold_at::date = date '2026-03-14' and order_id % 2 = 0",
    "what came four days before": "insert into t by name select * replace (sold_at + to_days(4) as sold_at) from t"
    " where sold_at::date = date '2026-03-10'",
    "days without rows": "delete from t where sold_at::date in (date '2026-03-11', date '2026-03-12'); insert into t by name"
    " select * replace (sold_at + to_days(3) as sold_at) from t where sold_at::date = date '2026-03-10'",
    "one row a day, the same each day": "delete from t where order_id % 1000 > 0; update t set order_id = 1, shop = null,"
    " net = 2, rest = 'nan', pieces = null",
    "nothing there": "update t set shop = null, net = null, rest = null, pieces = null where sold_at::date > date '2026-03-12'",
    "hostile numbers": "update t set rest = case order_id % 4 when 0 then 'nan' when 1 then 'inf' when 2 then '-inf'"
    " else 1e308 end::double where sold_at::date in (date '2026-03-05', date '2026-03-16')",
    "a mark of the loader's own": "insert into t by name select * replace (sold_at + to_days(1) as sold_at) from t where"
    " sold_at::date = date '2026-03-14'; alter table t add column _fivetran_deleted boolean; update t set"
    " _fivetran_deleted = hash(sold_at) % 2 = 0",
    "rows without a time": "update t set sold_at = null where order_id % 7 = 0",
    "every row twice": "insert into t select * from t",
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_came_again_are_those_that_shortly_before_were_there(orders: Engine, change: str) -> None:
    for statement in CHANGES[change].split("; "):
        orders.run(statement)
    scan = scanned(orders)
    columns = ("order_id", "shop", "net", "rest", "pieces")
    assert shares(scan) == pytest.approx(plain_shares(orders, columns))
    assert {m.spec.metric for m in scan.measurements} >= {*AGAIN}


def test_a_sample_of_a_large_day_tells_the_share_about(orders: Engine) -> None:
    orders.run("insert into t by name select t.* replace (order_id * 50 + n as order_id) from t, range(1, 30) as r(n)")
    orders.run(
        "insert into t by name select * replace (sold_at + to_days(1) as sold_at) from t"
        " where sold_at::date = date '2026-03-14' and hash(order_id) % 10 < 4"
    )
    told, exact = shares(scanned(orders)), plain_shares(orders, ("order_id", "shop", "net", "rest", "pieces"))
    assert 0.25 < exact[14] < 0.35
    assert told == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("back", [1, 3])
def test_a_later_scan_reads_few_buckets_and_tells_the_same(orders: Engine, back: int) -> None:
    before = scanned(orders)
    orders.run(
        f"insert into t by name select * replace (sold_at + to_days({back}) as sold_at) from t"
        f" where sold_at::date = date '2026-03-20' - {back - 1}"
    )
    later, whole = scanned(orders, Grid.of(before.measurements)), scanned(orders)
    assert shares(later) == {20: 1.0}
    assert shares(whole)[20] == 1.0
    assert kept_beside(Grid.of(later.measurements)) == kept_beside(Grid.of(before.measurements))
    asked = {s.purpose: s.sql for s in orders.asked}
    assert {"rows again", "numbers"} <= set(asked)
    of_new, of_all = found(later, LEFT), found(whole, LEFT)
    assert {name: days[20] for name, days in of_new.items()} == {name: days[20] for name, days in of_all.items()}
    assert all(days.keys() == {20} for days in of_new.values())


def test_nothing_of_later_buckets_or_of_the_bucket_itself_is_what_it_is_held_against(orders: Engine) -> None:
    before = scanned(orders)
    orders.run(
        "update t set net = -net, rest = 5, order_id = 7, shop = 'x', pieces = 3 where sold_at >= date '2026-03-13'"
    )
    after = scanned(orders)
    assert kept_beside(Grid.of(after.measurements)) == kept_beside(Grid.of(before.measurements))
    for metrics in (AGAIN, LEFT):
        one, other = found(before, metrics), found(after, metrics)
        assert {k: {d: v for d, v in days.items() if d < 12} for k, days in one.items()} == {
            k: {d: v for d, v in days.items() if d < 12} for k, days in other.items()
        }


def chosen(scan: TableScan) -> Beside:
    told = kept_beside(Grid.of(scan.measurements))
    assert told is not None
    return told


def test_numbers_that_follow_from_others_are_chosen_and_chance_is_not(orders: Engine) -> None:
    told = chosen(scanned(orders))
    assert set(told.follow) == {"net", "rest"}
    assert told.names == ("net", "rest", "pieces")
    assert told.times == Together(), "the time of an order follows from nothing, and helps nothing"
    assert Beside.read(str(told)) == told


def test_too_few_buckets_choose_nothing_and_two_numbers_are_what_it_takes(orders: Engine) -> None:
    orders.run("delete from t where sold_at >= date '2026-03-07'")
    assert kept_beside(Grid.of(scanned(orders).measurements)) is None
    orders.run("drop table t")
    orders.run(ORDERS)
    orders.run("alter table t drop column rest; alter table t drop column pieces")
    assert chosen(scanned(orders)) == Beside(times=Together(), given={})


def plain_left(engine: Engine, told: Together, name: str, day: int) -> tuple[int, float, int, float, float]:
    """What is left of a number on a day by the rows of up to 14 days before, by numpy's own least squares."""
    names = list(told.names)
    rows = engine.run(f"select sold_at::date - date '2026-03-01', {', '.join(f'{n}::double' for n in names)} from t")
    table = np.array(rows, dtype=float)
    at, others = names.index(name), [i for i in range(len(names)) if names[i] != name]
    even = (table[:, 1:] - told.middle) / told.wide
    days = [d for d in sorted(set(table[:, 0])) if d < day][-14:]
    weight = {d: (table[:, 0] == d).sum() for d in days}
    past = np.isin(table[:, 0], days)
    design = np.c_[np.ones(past.sum()), even[past][:, others]]
    root = np.array([1 / np.sqrt(weight[d]) for d in table[past, 0]])
    fit = np.linalg.lstsq(design * root[:, None], even[past, at] * root, rcond=None)[0]
    now = table[:, 0] == day
    left = (even[now, at] - np.c_[np.ones(now.sum()), even[now][:, others]] @ fit) / told.follow[name]
    low, high = np.quantile(left, (0.25, 0.75))
    return (
        left.size,
        float(np.median(left)),
        int((np.abs(left) > 4).sum()),
        float(np.abs(left).max()),
        float(high - low),
    )


@pytest.mark.parametrize("day", [4, 9, 19])
def test_what_is_left_of_a_number_is_what_least_squares_leaves(orders: Engine, day: int) -> None:
    orders.run(
        "update t set net = other.net from t as other where t.sold_at::date = date '2026-03-20' and"
        " other.order_id = t.order_id - t.order_id % 1000 + (t.order_id % 1000 + 37) % 120"
    )
    scan = scanned(orders)
    told, left = chosen(scan), found(scan, LEFT)
    assert min(left["rest_count", "net", None]) == 4
    for name in told.follow:
        measured = [left[metric, name, None][day] for metric in LEFT]
        expected = plain_left(orders, told, name, day)
        assert measured[0] == expected[0] == 120
        assert measured[1] == pytest.approx(expected[1], abs=0.01)
        assert abs(measured[2] - expected[2]) <= 1
        assert measured[3:] == pytest.approx(expected[3:], rel=0.01)
        assert (measured[2] > 60) == (day == 19)


@pytest.mark.parametrize("value", ["'nan'", "'inf'", "1e308", "-1e308", "null", "5", "1e-308"])
def test_numbers_that_are_none_harm_nothing(orders: Engine, value: str) -> None:
    orders.run(f"update t set rest = {value}::double where sold_at::date = date '2026-03-16'")
    orders.run(f"update t set rest = {value}::double where order_id % 50 = 3")
    scan = scanned(orders)
    left = found(scan, LEFT)
    assert "net" in chosen(scan).follow
    counted = left["rest_count", "net", None]
    assert counted[9] >= 110
    assert left["rest_far_count", "net", None][9] <= 4, "a few odd rows do not bend the relation"
    if value in ("'nan'", "'inf'", "null"):
        assert 15 not in counted, "a day whose rows all have a gap says nothing"


def test_an_untaught_day_bends_no_relation(orders: Engine) -> None:
    orders.run("update t set rest = net where sold_at::date between date '2026-03-08' and date '2026-03-19'")
    bad = Interval(start=START + timedelta(days=7), end=START + timedelta(days=19))
    taught, untaught = (
        found(scanned(orders, untaught=more), LEFT)["rest_far_count", "net", None][19] for more in ([], [bad])
    )
    assert untaught <= 2 < taught


def test_of_a_large_table_the_newest_days_are_looked_at_and_that_is_said(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five columns, 120 rows a day: seven days are asked, of which the first three are only what the others are held against."""
    whole = shares(scanned(orders))
    monkeypatch.setattr(again, "MOST_VALUES", 7 * 120 * 5 + 100)
    scan = scanned(orders)
    assert shares(scan) == {day: whole[day] for day in range(16, 20)}
    (note,) = (note for note in scan.notes if "come again" in note)
    assert note == (
        "main.t: whether rows come again under new dates is looked at since 2026-03-17, for before that are more than 860 rows"
    )


@pytest.mark.parametrize("most", [0, 7 * 120 * 5])
def test_a_new_day_is_always_looked_at_however_large_the_table_is(
    orders: Engine, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(again, "MOST_VALUES", most)
    known = Grid.of(scanned(orders).measurements)
    orders.run(
        "insert into t by name select * replace (sold_at + to_days(1) as sold_at) from t where sold_at >= timestamp '2026-03-20'"
    )
    scan = scanned(orders, known)
    assert shares(scan) == {20: 1.0}
    assert scan.notes == ()


def test_numbers_beyond_the_first_ones_are_not_looked_at_and_that_is_said(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MOST_NUMBERS", 2)
    scan = scanned(orders)
    assert chosen(scan).measured == ["net", "rest"]
    assert (
        "main.t: 2 of 4 numbers and times are not looked at beside the others of their row, which is done for the first 2"
        in scan.notes
    )


def test_a_sample_of_rows_tells_about_the_same_of_a_number(orders: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = found(scanned(orders), LEFT)
    monkeypatch.setattr(rest, "ROWS_OF_A_BUCKET", 40)
    few = found(scanned(orders), LEFT)
    assert all(15 < n < 80 for n in few["rest_count", "net", None].values())
    for day, n in few["rest_median", "net", None].items():
        assert abs(n - exact["rest_median", "net", None][day]) < 1


def test_the_statement_shows_the_rows(orders: Engine) -> None:
    orders.run(CHANGES["the day before under new dates"].split("; ")[0])
    orders.run(CHANGES["the day before under new dates"].split("; ")[1])
    interval = Interval(start=START + timedelta(days=14), end=START + timedelta(days=15))
    spec = MetricSpec(dataset=REF, metric="again_count")
    sql = shown(orders.dataset("t"), spec, interval, time_column="sold_at")
    assert sql is not None
    assert len(orders.run(sql)) == 120
    earlier = Interval(start=START + timedelta(days=12), end=START + timedelta(days=13))
    assert orders.run(shown(orders.dataset("t"), spec, earlier, time_column="sold_at") or "") == []


RENUMBERED = """
delete from t where sold_at::date = date '2026-03-15';
insert into t by name select * replace (sold_at + interval 1 day as sold_at, order_id + 900000 as order_id, 'load99' as _dlt_load_id)
from t where sold_at::date = date '2026-03-14'
"""
"""The rows of a day again, under new dates and new ids."""


def test_rows_that_come_again_with_new_ids(orders: Engine) -> None:
    ids = '["order_id"]'
    clean = found(scanned(orders), AGAIN)
    assert set(clean) == {(metric, None, left_out) for metric in AGAIN for left_out in (None, ids)}
    assert set(clean["again_count", None, ids].values()) == {0}
    for statement in RENUMBERED.split(";"):
        orders.run(statement)
    told = found(scanned(orders), AGAIN)
    assert told["again_count", None, None][14] == 0, "whole rows are others"
    assert told["again_count", None, ids] == {**clean["again_count", None, ids], 14: 120}
    assert told["sampled_count", None, ids][14] == 120


def test_the_statement_shows_the_rows_that_have_new_ids(orders: Engine) -> None:
    for statement in RENUMBERED.split(";"):
        orders.run(statement)
    interval = Interval(start=START + timedelta(days=14), end=START + timedelta(days=15))
    for left_out, rows in ((None, 0), ('["order_id"]', 120)):
        spec = MetricSpec(dataset=REF, metric="again_count", argument=left_out)
        sql = shown(orders.dataset("t"), spec, interval, time_column="sold_at")
        assert sql is not None
        assert len(orders.run(sql)) == rows


@pytest.mark.parametrize("name", ["order_id", 'an "id" it_id'])
def test_a_key_that_comes_again_and_again_is_no_id(orders: Engine, name: str) -> None:
    """A customer's number tells rows apart like any other value, however it is called."""
    orders.run(f"alter table t rename column order_id to {quoted(name)}")
    assert {left_out for _, _, left_out in found(scanned(orders), AGAIN)} == {None, json.dumps([name])}
    orders.run(f"update t set {quoted(name)} = {quoted(name)} % 300")
    assert {left_out for _, _, left_out in found(scanned(orders), AGAIN)} == {None}


def test_names_that_must_be_quoted(orders: Engine) -> None:
    orders.run(
        """alter table t rename column net to 'a "net" it''s'""".replace("'a", '"a').replace(
            "\"net\" it''s'", '""net"" it\'s"'
        )
    )
    told = chosen(scanned(orders))
    assert 'a "net" it\'s' in told.follow
