"""What rows keep to exactly: decimals by type, against numbers worked out by hand, and NULLs that go together; chosen from the first days, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.scan.engine import Engine, engines
from tidegate.metrics import aggregate
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec
from tidegate.scan import Regular, TableScan, kept_regular
from tidegate.scan.regular import FINER, LONE, decimals_of, finer_items, finest_of, together
from tidegate.scan.shown import shown

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 12
TRIPS = f"""
create table t as select d * 1000 + i as trip, timestamp '2026-03-01 08:00' + to_days(d::int) + to_minutes(i::int) as sold_at,
    (hash(d, i) % 9000)::double / 100 as price, (hash(d, i, 1) % 9000)::float / 10 as weight, ((hash(d, i, 2) % 5000) / 1000)::decimal(12, 4) as rate,
    (hash(d, i, 3) % 10000 / 100)::decimal(12, 2) as paid, (hash(d, i, 4) % 50)::double as pieces, hash(d, i, 5)::double / 1.7e19 as score,
    (hash(d, i, 6)::double / 1.7e16)::float as heat, case when gone then null else i end as "left at", case when gone then null else 'g' || i end as gate,
    case when gone or i % 7 = 0 then null else i % 60 end as delay, case when hash(d, i, 8) % 10 < 3 then null else 'x' end as note,
    case when false then 'a' end as nothing
from (select d, i, hash(d, i, 7) % 4 = 0 as gone from range({DAYS}) a(d), range(150) b(i))
"""
CHOSEN = Regular(
    decimals={"price": 2, "weight": 1, "rate": 3},
    nulls={"left at": "gate", "gate": "left at"},
)
LAST = f"sold_at::date = date '2026-03-{DAYS}'"


@pytest.fixture
def trips() -> Iterator[Engine]:
    for engine in engines():
        engine.run(TRIPS)
        yield engine


def scanned(engine: Engine, known: Grid | None = None, **more: Any) -> TableScan:
    return engine.scan("t", time_column="sold_at", grain="day", known=known, **more).scan


def chosen(scan: TableScan) -> Regular:
    found = kept_regular(Grid.of(scan.measurements))
    assert found is not None
    return found


def counted(scan: TableScan) -> dict[tuple[str, str | None, str | None], dict[int, Any]]:
    """By number, what was counted of each day."""
    told: dict[tuple[str, str | None, str | None], dict[int, Any]] = {}
    for m in scan.measurements:
        if m.spec.metric in (FINER, LONE) and m.interval is not None:
            told.setdefault((m.spec.metric, m.spec.column, m.spec.argument), {})[(m.interval.start - START).days] = (
                m.value
            )
    return told


def finer(engine: Engine, type_text: str, values: str, digits: int) -> int:
    """How many of some values have more decimals, and no error on the way."""
    engine.run(f"create or replace table v as select unnest([{values}])::{type_text} as v")
    column = engine.dataset("v").columns[0]
    spec = MetricSpec(dataset=REF, metric=FINER, column="v", argument=str(digits))
    narrowed = replace(spec, where="v is not null")
    ((all_rows, some),) = engine.run(f"select {aggregate(spec, column)}, {aggregate(narrowed, column)} from v")
    assert all_rows == some
    return int(all_rows)


@pytest.mark.parametrize(
    ("type_text", "values", "digits", "expected"),
    [
        ("double", "1.25, 1.255, -3.141, null, 7, -0.01, 0", 2, 2),
        ("double", "1.25, 1.255, -3.141, null, 7, -0.01, 0", 1, 4),
        ("double", "1.25, 1.255, -3.141, null, 7, -0.01, 0", 0, 4),
        ("double", "1.25, 1.255, -3.141, null, 7, -0.01, 0", 3, 0),
        ("double", "'nan', 'inf', '-inf', '1e308', '-1e308', '1.7976931348623157e308', '5e-324'", 6, 0),
        ("double", "'nan', 'inf', '-inf', '1e308', '1e15', '1e14', '4503599627370496.5'", 0, 0),
        ("double", "'0.30000000000000004', '0.1', '99999999.99', '-99999999.99', '99999999.994'", 2, 1),
        ("double", "'1e-7', '1e-6', '-2.5e-6', '1.5'", 6, 2),
        ("double", "null", 2, 0),
        ("float", "1.25, 123.45, 123.456, -0.01, 999.99, null", 2, 1),
        ("float", "'nan', 'inf', '-inf', '3.4028235e38', '-3.4028235e38', '1e-45'", 6, 0),
        ("decimal(9, 4)", "1.25, 1.255, -1.2501, 0, null", 2, 2),
        ("decimal(18, 18)", "'0.999999999999999999', '-0.999', '0.5'", 2, 2),
        ("decimal(18, 1)", "'99999999999999999.9', '-99999999999999999.5', '3'", 0, 2),
        ("decimal(38, 38)", "'0.99999999999999999999999999999999999999', '0.125', '0.12'", 2, 1),
        ("decimal(38, 4)", "'9999999999999999999999999999999999.9999', '1.2345', '-1.25'", 2, 1),
        ("hugeint", "'170141183460469231731687303715884105727', '5', null", 2, 0),
    ],
)
def test_more_decimals_are_counted_by_hand(type_text: str, values: str, digits: int, expected: int) -> None:
    for engine in engines():
        assert finer(engine, type_text, values, digits) == expected


def test_no_value_is_none_of_them() -> None:
    for engine in engines():
        engine.run("create table v (v double)")
        spec = MetricSpec(dataset=REF, metric=FINER, column="v", argument="2")
        sql = f"select {aggregate(spec, engine.dataset('v').columns[0])} from v"
        assert engine.run(sql) == [(0,)]


def test_lone_nulls_are_counted_by_hand() -> None:
    for engine in engines():
        engine.run("create table v as from (values (null, 1), (null, null), (2, null), (3, 4), (null, 5)) s(v, w)")
        spec = MetricSpec(dataset=REF, metric=LONE, column="v", argument="w")
        assert engine.run(f"select {aggregate(spec, engine.dataset('v').columns[0])} from v") == [(2,)]


def test_what_rows_keep_to_is_chosen_and_nothing_breaks_it(trips: Engine) -> None:
    scan = scanned(trips)
    assert chosen(scan) == CHOSEN, (
        "neither whole numbers, nor what the type says, nor what is never round, nor a NULL by chance"
    )
    told = counted(scan)
    assert set(told) == {(s.metric, s.column, s.argument) for s in CHOSEN.asked(REF)}
    assert all(days == dict.fromkeys(range(DAYS), 0) for days in told.values())


def test_what_breaks_it_is_counted(trips: Engine) -> None:
    trips.run(f"update t set price = price * 1.19 where {LAST} and trip % 10 = 3")
    trips.run(f"update t set rate = rate + 0.0005 where {LAST} and trip % 10 = 4")
    trips.run(f"""update t set "left at" = null where {LAST} and trip % 9 = 3""")
    told = counted(scanned(trips))
    day = f"from t where {LAST}"
    by_hand = {
        (FINER, "price", "2"): f"select count(*) filter (price::decimal(18, 6) % 0.01 <> 0) {day}",
        (FINER, "rate", "3"): f"select count(*) filter (rate % 0.001 <> 0) {day}",
        (LONE, "left at", "gate"): f"""select count(*) filter ("left at" is null and gate is not null) {day}""",
    }
    for number, sql in by_hand.items():
        assert told[number][DAYS - 1] == trips.run(sql)[0][0] > 5, number
        assert {n for at, n in told[number].items() if at < DAYS - 1} == {0}, number
    assert told[LONE, "gate", "left at"][DAYS - 1] == 0


def test_what_is_shown_are_the_rows_that_break_it(trips: Engine) -> None:
    trips.run(f"update t set price = price * 1.19 where {LAST} and trip % 10 = 3")
    trips.run(f"update t set rate = rate + 0.0005 where {LAST} and trip % 10 = 4")
    trips.run(f"""update t set "left at" = null where {LAST} and trip % 9 = 3""")
    trips.run(f"update t set price = price / 3 where sold_at::date = date '2026-03-{DAYS - 1}'")
    told, dataset = counted(scanned(trips)), trips.dataset("t")
    last = Interval(start=START.replace(day=DAYS), end=START.replace(day=DAYS + 1))
    by_hand = {
        (FINER, "price", "2"): "price::decimal(18, 6) % 0.01 <> 0",
        (FINER, "rate", "3"): "rate % 0.001 <> 0",
        (LONE, "left at", "gate"): """"left at" is null and gate is not null""",
    }
    for (metric, column, argument), breaks in by_hand.items():
        spec = MetricSpec(dataset=REF, metric=metric, column=column, argument=argument)
        for share in (False, True):
            rows = trips.run(shown(dataset, spec, last, time_column="sold_at", share=share) or "")
            assert sorted(map(str, rows)) == sorted(map(str, trips.run(f"from t where {LAST} and {breaks}"))), column
            assert len(rows) == told[metric, column, argument][DAYS - 1]


def test_what_was_chosen_stays_and_an_unchanged_past_is_not_read(trips: Engine) -> None:
    first = scanned(trips)
    trips.run("update t set price = price / 3 where sold_at < timestamp '2026-03-09'")
    again = scanned(trips, Grid.of(first.measurements))
    assert chosen(again) == CHOSEN
    assert not [s for s in trips.asked if s.purpose.startswith("regular")]
    assert again.reopened is not None
    assert {i.start.day for i in again.reopened} == set(range(1, 9))
    assert counted(again)[FINER, "price", "2"][0] > 100


def test_what_an_older_release_left_is_added_to(trips: Engine) -> None:
    first = scanned(trips)
    older = {m: replace(m.spec, argument="older") for m in first.measurements if m.spec.metric == "content"}
    kept = [m for m in first.measurements if m.spec.metric not in {"regular", FINER, LONE}]
    again = scanned(trips, Grid.of([replace(m, spec=older.get(m, m.spec)) for m in kept]))
    assert chosen(again) == CHOSEN
    assert counted(again) == counted(first)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("alter table t drop column price", replace(CHOSEN, decimals={"weight": 1, "rate": 3})),
        ("alter table t drop column gate", replace(CHOSEN, nulls={"left at": "delay"})),
        ("alter table t alter price type decimal(12, 2)", replace(CHOSEN, decimals={"weight": 1, "rate": 3})),
        ("alter table t alter price type integer", replace(CHOSEN, decimals={"weight": 1, "rate": 3})),
        ("alter table t alter price type varchar", replace(CHOSEN, decimals={"weight": 1, "rate": 3})),
        ("alter table t alter rate type double", CHOSEN),
    ],
)
def test_of_columns_that_changed_it_is_chosen_anew(trips: Engine, change: str, expected: Regular) -> None:
    first = scanned(trips)
    trips.run(change)
    again = scanned(trips, Grid.of(first.measurements))
    assert chosen(again) == expected
    assert set(counted(again)) == {(s.metric, s.column, s.argument) for s in expected.asked(REF)}


def test_a_day_that_must_not_teach_chooses_nothing(trips: Engine) -> None:
    trips.run("update t set price = price / 3, gate = null where sold_at::date = date '2026-03-04'")
    bad = chosen(scanned(trips))
    assert "price" not in bad.decimals
    assert "gate" not in bad.nulls
    fourth = Interval(start=START.replace(day=4), end=START.replace(day=5))
    assert chosen(scanned(trips, untaught=[fourth])) == CHOSEN


def test_with_few_days_nothing_is_chosen(trips: Engine) -> None:
    trips.run("delete from t where sold_at >= timestamp '2026-03-08'")
    assert not counted(scanned(trips))
    trips.run(TRIPS.replace("create table t as", "insert into t by name"))
    assert counted(scanned(trips))


def test_the_loaders_own_columns_and_odd_names_are_only_data(trips: Engine) -> None:
    trips.run("""alter table t rename column price to "it's ""a"" ; --"; alter table t drop column delay""")
    trips.run("alter table t rename column gate to _dlt_gate")
    found = chosen(scanned(trips))
    assert found.decimals['it\'s "a" ; --'] == 2
    assert not found.nulls
    trips.run("alter table t rename column _dlt_gate to gate; alter table t add column tags varchar[]")
    trips.run("update t set tags = [gate] where gate is not null")
    assert chosen(scanned(trips)).nulls["tags"] == "gate"


def test_of_many_columns_the_first_are_looked_at_and_that_is_said() -> None:
    for engine in engines():
        columns = ", ".join(
            f"case when hash(i, {at // 2}) % 5 = 0 then null else i end as c{at:02}" for at in range(64)
        )
        days = "timestamp '2026-03-01' + to_days(d::int)"
        engine.run(
            f"create table t as select {days} as sold_at, {columns} from (select d, d * 40 + i as i from range(12) a(d), range(40) b(i))"
        )
        scan = scanned(engine)
        assert chosen(scan).nulls == {f"c{at:02}": f"c{at ^ 1:02}" for at in range(60)}
        assert [n for n in scan.notes if "NULLs" in n] == [
            "main.t: NULLs of 4 of 64 columns are not held against those of other columns, which is done for the first 60"
        ]


def test_too_many_patterns_of_nulls_are_left_and_that_is_said(trips: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.scan.regular.MOST_PATTERNS", 3)
    scan = scanned(trips)
    assert chosen(scan) == replace(CHOSEN, nulls={})
    assert [n for n in scan.notes if "NULLs" in n] == [
        "main.t: NULLs are not held against those of other columns: there are more than 3 patterns of them"
    ]


@pytest.mark.parametrize(
    ("type_text", "values", "expected"),
    [
        ("double", "i / 100", 2),
        ("double", "i / 100 + case when i % 100 = 7 then 0.001 else 0 end", 2),
        ("double", "i / 100 + case when i % 50 = 7 then 0.001 else 0 end", 3),
        ("double", "i", None),
        ("double", "case when i % 3 = 0 then 'nan'::double when i % 3 = 1 then 'inf'::double else i / 10 end", 1),
        ("double", "case when i % 2 = 0 then i / 8 end", 2),
        ("double", "i / 1000000", 6),
        ("double", "i / 10000000", None),
        ("double", "i * 1e9 + i / 7", None),
        ("double", "null", None),
        ("float", "i / 10", 1),
        ("float", "1000 + i / 7", None),
        ("decimal(10, 3)", "i / 100", 2),
        ("decimal(10, 2)", "i / 100", None),
        ("decimal(38, 10)", "i / 100", 2),
        ("bigint", "i", None),
    ],
)
def test_the_least_decimals_that_hold_are_chosen(type_text: str, values: str, expected: int | None) -> None:
    for engine in engines():
        engine.run(f"create table v as select ({values})::{type_text} as v from range(1, 1001) s(i)")
        column = engine.dataset("v").columns[0]
        if finest_of(column) == 0:
            assert expected is None
        else:
            (cells,) = engine.run(f"select {', '.join(finer_items(REF, column))} from v")
            assert decimals_of([column], cells).get("v") == expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([(0b00, 900), (0b11, 100)], {"a": "b", "b": "a"}),
        ([(0b00, 900), (0b10, 50), (0b11, 100)], {"a": "b"}),
        ([(0b00, 900), (0b01, 2), (0b11, 98)], {"a": "b", "b": "a"}),
        ([(0b00, 900), (0b01, 3), (0b11, 97)], {"b": "a"}),
        ([(0b00, 997), (0b11, 3)], {"a": "b", "b": "a"}),
        ([(0b00, 998), (0b11, 2)], {}),
        ([(0b00, 80), (0b11, 20)], {"a": "b", "b": "a"}),
        ([(0b00, 20), (0b10, 30), (0b11, 8)], {}),
        ([(0b00, 90), (0b11, 910)], {}),
        ([(0b00, 100), (0b11, 900)], {"a": "b", "b": "a"}),
        ([(0b00, 1000)], {}),
        ([], {}),
    ],
)
def test_where_the_choice_of_nulls_ends(patterns: list[tuple[int, int]], expected: dict[str, str]) -> None:
    assert together(["a", "b"], patterns) == expected


def test_of_several_columns_the_one_with_the_fewest_nulls_is_chosen() -> None:
    patterns = [(0b0000, 800), (0b1111, 100), (0b1110, 50), (0b1000, 10), (0b0100, 10)]
    assert together(["a", "d", "c", "b"], patterns) == {"a": "d", "d": "b"}


def test_a_choice_is_read_as_it_was_written() -> None:
    assert Regular.read(str(CHOSEN)) == CHOSEN
    assert CHOSEN.size == 5
