"""Rows that share a key: which columns agree is chosen from the first days, and what is split is held against numbers worked out row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.scan.engine import Engine, engines
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec
from tidegate.scan import TableScan
from tidegate.scan.agreement import AGREED, Agreement, Shared, agreeing
from tidegate.scan.choice import kept_choice
from tidegate.scan.relations import Pair
from tidegate.scan.shown import shown

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 12
LINES = f"""
create table t as select d * 1000 + i as line, d * 100 + o as "order no", timestamp '2026-03-01 08:00' + to_days(d::int) + to_minutes(o::int) as sold_at,
    'c' || (hash(d, o) % 500) as customer, case when hash(d, o) % 5 > 0 then ['DE', 'FR', 'PL'][1 + (hash(d, o, 1) % 3)::int] end as country,
    'EUR' as currency, 'p' || (hash(d, i) % 90) as product, (hash(d, i, 1) % 9)::int as pieces, (hash(d, i, 2) % 10000) / 100 as amount
from (select d, i, i // 4 as o from range({DAYS}) a(d), range(120) b(i))
"""
CHOSEN = (Pair("order no", "country"), Pair("order no", "customer"), Pair("order no", "sold_at"))
LAST = f"sold_at::date = date '2026-03-{DAYS}'"
FAULTS = {
    "customers of others": f"update t set customer = 'c' || line where {LAST} and line % 10 = 3",
    "some are NULL": f"update t set customer = null where {LAST} and line % 7 = 0",
    "all are NULL": f"update t set customer = null where {LAST}",
    "dates off by a minute": f"update t set sold_at = sold_at + interval 1 minute where {LAST} and line % 9 = 0",
    "the country is filled in": f"update t set country = 'DE' where {LAST} and country is null and line % 2 = 0",
    "orders of one line": f"delete from t where {LAST} and line % 4 > 0",
    "orders without a number": f'update t set "order no" = null where {LAST} and line % 3 = 0',
    "no row": f"delete from t where {LAST}",
}


@pytest.fixture
def lines() -> Iterator[Engine]:
    for engine in engines():
        engine.run(LINES)
        yield engine


def scanned(engine: Engine, known: Grid | None = None, **more: Any) -> TableScan:
    return engine.scan("t", time_column="sold_at", grain="day", known=known, **more).scan


def chosen(scan: TableScan) -> Agreement:
    written = kept_choice(Grid.of(scan.measurements), "agreement")
    assert written is not None
    return Agreement.read(written)


def found(scan: TableScan) -> dict[tuple[str, str, str | None], dict[int, Any]]:
    told: dict[tuple[str, str, str | None], dict[int, Any]] = defaultdict(dict)
    for m in scan.measurements:
        if m.spec.metric in AGREED and m.interval is not None:
            told[m.spec.metric, m.spec.column or "", m.spec.argument][(m.interval.start - START).days] = m.value
    return told


def by_definition(engine: Engine, value: str) -> tuple[dict[int, int], dict[int, int]]:
    """Orders of several lines by day, and those whose lines differ."""
    orders: dict[tuple[int, int], list[object]] = defaultdict(list)
    for day, order, one in engine.run(
        f'select (sold_at::date - date \'2026-03-01\')::int, "order no", {value} from t where "order no" is not null'
    ):
        orders[day, order].append(one)
    shared, split = dict[int, int](), dict[int, int]()
    for (day, _), some in orders.items():
        if len(some) > 1:
            shared[day] = shared.get(day, 0) + 1
            split[day] = split.get(day, 0) + (len(set(some)) > 1)
    return shared, split


def test_what_agrees_is_chosen_and_nothing_is_split(lines: Engine) -> None:
    scan = scanned(lines)
    assert chosen(scan) == Agreement(pairs=CHOSEN), (
        "neither what always agrees, nor what does not, nor a line's own number"
    )
    told = found(scan)
    assert told["shared_key_count", "customer", "order no"] == dict.fromkeys(range(DAYS), 30)
    assert {n for (metric, *_), days in told.items() if metric == "split_count" for n in days.values()} == {0}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_split_is_what_the_rows_say(lines: Engine, fault: str) -> None:
    lines.run(FAULTS[fault])
    told = found(scanned(lines))
    for pair in CHOSEN:
        shared, split = by_definition(lines, pair.value)
        assert told["shared_key_count", pair.value, pair.key] == shared
        assert told["split_count", pair.value, pair.key] == split


def test_faults_are_told_and_whole_changes_are_not(lines: Engine) -> None:
    quiet = {"all are NULL", "orders of one line", "orders without a number", "no row"}
    for fault, sql in FAULTS.items():
        lines.run("create or replace table kept as from t")
        lines.run(sql)
        told = found(scanned(lines))
        assert any(told["split_count", pair.value, pair.key].get(DAYS - 1) for pair in CHOSEN) != (fault in quiet), (
            fault
        )
        lines.run("create or replace table t as from kept; drop table kept")


def test_what_was_chosen_stays_and_only_changed_days_are_read(lines: Engine) -> None:
    first = scanned(lines)
    lines.run(
        "update t set customer = 'c' || line where sold_at::date >= date '2026-03-02' and sold_at::date < date '2026-03-09'"
    )
    again = scanned(lines, Grid.of(first.measurements))
    assert chosen(again) == chosen(first)
    assert found(again)["split_count", "customer", "order no"] == dict.fromkeys(range(1, 8), 30)
    assert not any(
        "first buckets" in statement.purpose for statement in lines.asked if "agreement" in statement.purpose
    )


def test_a_column_that_is_gone_is_chosen_anew(lines: Engine) -> None:
    first = scanned(lines)
    lines.run("alter table t drop column customer")
    again = scanned(lines, Grid.of(first.measurements))
    assert chosen(again).pairs == tuple(pair for pair in CHOSEN if pair.value != "customer")


def test_a_day_that_must_not_teach_chooses_nothing(lines: Engine) -> None:
    lines.run(FAULTS["customers of others"].replace(LAST, "sold_at::date = date '2026-03-04'"))
    assert chosen(scanned(lines)).pairs == tuple(pair for pair in CHOSEN if pair.value != "customer")
    fourth = Interval(start=START.replace(day=4), end=START.replace(day=5))
    assert chosen(scanned(lines, untaught=[fourth])).pairs == CHOSEN


def test_with_few_days_nothing_is_chosen(lines: Engine) -> None:
    lines.run("delete from t where sold_at >= timestamp '2026-03-08'")
    assert not found(scanned(lines))
    lines.run(LINES.replace("create table t as", "insert into t by name"))
    assert found(scanned(lines))


def test_of_many_keys_some_are_looked_at_with_all_of_their_rows(lines: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.scan.agreement.FEW", 100)
    monkeypatch.setattr("tidegate.scan.agreement.MOST_VALUES", 1_000)
    monkeypatch.setattr("tidegate.scan.agreement.thinnest", lambda values: 4)
    lines.run(FAULTS["customers of others"])
    scan = scanned(lines)
    assert chosen(scan).one_in == {"order no": 4}
    told, everything = found(scan), by_definition(lines, "customer")
    rows = lines.run(f'select count(distinct "order no") from t where {LAST} and hash("order no") % 4 = 0')[0][0]
    assert told["shared_key_count", "customer", "order no"][DAYS - 1] == rows < 30
    assert 0 < told["split_count", "customer", "order no"][DAYS - 1] < everything[1][DAYS - 1]
    lines.run("delete from t where line % 1000 > 40")
    assert chosen(scanned(lines, Grid.of(scan.measurements))).one_in == {"order no": 4}, "what was cut stays"


@pytest.mark.parametrize(("room", "one_in", "left"), [(3_000, 8, 3), (6_000, 4, 3), (12_000, 2, 2)])
def test_of_many_rows_some_keys_are_tried_and_what_is_too_much_is_said(
    lines: Engine, monkeypatch: pytest.MonkeyPatch, room: int, one_in: int, left: int
) -> None:
    monkeypatch.setattr("tidegate.scan.agreement.thinnest", lambda values: 8 if values > 20 else 1)
    monkeypatch.setattr("tidegate.scan.agreement.LOOKED_THROUGH", room)
    scan = scanned(lines)
    assert chosen(scan).pairs == CHOSEN, "by some of the orders, which count for all"
    first = [statement.sql for statement in lines.asked if statement.purpose == "agreement: first buckets"]
    assert f'HASH("order no") % {one_in} = 0' in first[0]
    assert [note.partition(": that")[0] for note in scan.notes] == [
        f"main.t: {left} of 4 columns were not tried as keys whose rows agree"
    ]


def test_the_orders_are_shown(lines: Engine) -> None:
    lines.run(FAULTS["customers of others"])
    spec = MetricSpec(dataset=REF, metric="split_count", column="customer", argument="order no")
    told = found(scanned(lines))["split_count", "customer", "order no"][DAYS - 1]
    last = Interval(start=START.replace(day=DAYS), end=START.replace(day=DAYS + 1))
    sql = shown(lines.dataset("t"), spec, last, time_column="sold_at")
    assert sql is not None
    assert len(lines.run(sql)) == told > 0
    assert shown(lines.dataset("t"), spec) is None
    lines.run(FAULTS["some are NULL"])
    told = found(scanned(lines))["split_count", "customer", "order no"][DAYS - 1]
    assert len(lines.run(sql)) == told


def test_names_and_types_are_only_data(lines: Engine) -> None:
    lines.run('''alter table t rename column customer to "it's ""a"" ; --"''')
    lines.run(
        "alter table t add column tags varchar[]; update t set tags = [country]; alter table t alter amount type double"
    )
    assert Pair("order no", 'it\'s "a" ; --') in chosen(scanned(lines)).pairs


def bucket(of: int = 100, keys: int = 20, rows: int = 80, split: int = 0, *, is_various: bool = True) -> Shared:
    return Shared(of, keys, rows, split, is_various)


@pytest.mark.parametrize(
    ("buckets", "is_chosen"),
    [
        ([bucket()] * 7, True),
        ([bucket(split=3), *[bucket()] * 6], False),
        ([bucket(split=2), *[bucket()] * 6], True),
        ([bucket(rows=49)] * 7, False),
        ([bucket(rows=50)] * 7, True),
        ([bucket(keys=2)] * 7, False),
        ([bucket(keys=3)] * 7, True),
        ([bucket(is_various=False)] * 4 + [bucket()] * 3, False),
        ([bucket(is_various=False)] * 3 + [bucket()] * 4, True),
        ([], False),
    ],
)
def test_where_the_choice_ends(buckets: list[Shared], *, is_chosen: bool) -> None:
    assert agreeing({Pair("a", "b"): buckets}) == [Pair("a", "b")] * is_chosen


def test_of_a_column_the_key_with_the_most_values_is_chosen() -> None:
    told = {Pair(key, "v"): [bucket(keys=keys)] * 7 for key, keys in (("a", 10), ("b", 30), ("c", 20))}
    assert agreeing(told) == [Pair("b", "v")]


def test_a_choice_is_read_as_it_was_written() -> None:
    one = Agreement(pairs=CHOSEN, one_in={"order no": 8})
    assert Agreement.read(str(one)) == one
    assert replace(one, one_in={}).by_key == {"order no": ["country", "customer", "sold_at"]}
