"""Columns that count up: which do is chosen from the first days, and gaps are held against numbers worked out value by value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.conformance.scan.engine import Engine, engines
from tidegate.model import Column, CountsUp, DatasetRef, Family, Grid, Interval, MetricSpec
from tidegate.scan import Sequences, TableScan, kept_sequences
from tidegate.scan.sequences import GAPS, Told, Tried, counting
from tidegate.scan.shown import shown

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 12
ORDERS = f"""
create table t as select 'ORD-' || lpad((d * 60 + o + 1)::text, 6, '0') as "order no", l as line, d * 240 + i as id,
    timestamp '2026-03-01 08:00' + to_days(d::int) + to_minutes((hash(d, o) % 600)::int) as sold_at, (hash(d, i) % 90)::int as pieces,
    'p' || (hash(d, i, 1) % 40) as product, 1_700_000_000_000 + (hash(d, o, 2) % 1_000_000_000) as reference
from (select d, i, i // 4 as o, i % 4 + 1 as l from range({DAYS}) a(d), range(240) b(i))
"""
ID, LINE, ORDER = CountsUp("id"), CountsUp("line", None, "order no"), CountsUp("order no")
CHOSEN = (ID, LINE, ORDER)
READINGS = f"""
create table t as select 'sensor ' || s as sensor, timestamp '2026-03-01' + to_days(d::int) + to_seconds(i * 300 + (hash(s, d, i) % 20)::int) as read_at,
    (hash(s, d, i, 1) % 100) / 10 as celsius, (hash(s, d, i, 2) % 4)::int as battery
from range({DAYS}) a(d), range(5) b(s), range(96) c(i)
"""
LAST = f"::date = date '2026-03-{DAYS}'"


@pytest.fixture
def orders() -> Iterator[Engine]:
    for engine in engines():
        engine.run(ORDERS)
        yield engine


@pytest.fixture
def readings() -> Iterator[Engine]:
    for engine in engines():
        engine.run(READINGS)
        yield engine


def scanned(engine: Engine, known: Grid | None = None, **more: Any) -> TableScan:
    time = next(c.name for c in engine.dataset("t").columns if c.family is Family.TIME)
    return engine.scan("t", time_column=time, grain="day", known=known, **more).scan


def chosen(scan: TableScan) -> tuple[CountsUp, ...]:
    found = kept_sequences(Grid.of(scan.measurements))
    assert found is not None
    return found.counting


def found(scan: TableScan, one: CountsUp) -> dict[int, tuple[Any, ...]]:
    """By day the numbers of a column, as in `GAPS`."""
    told: dict[int, dict[str, Any]] = defaultdict(dict)
    for m in scan.measurements:
        if m.interval is not None and m.spec.metric in GAPS and CountsUp.of(m.spec) == one:
            told[(m.interval.start - START).days][m.spec.metric] = m.value
    return {day: tuple(cells[metric] for metric in GAPS) for day, cells in told.items()}


def by_definition(engine: Engine, value: str, key: str = "0", step: float = 1) -> dict[int, tuple[int, ...]]:
    (time,) = (c.name for c in engine.dataset("t").columns if c.family is Family.TIME)
    values: dict[int, dict[object, set[float]]] = defaultdict(lambda: defaultdict(set))
    for day, of, n in engine.run(f"select ({time}::date - date '2026-03-01')::int, {key}, {value} from t"):
        if n is not None:
            values[day][of].add(float(n))
    told = {}
    for day, by in values.items():
        steps = [max(round((b - a) / step), 1) for some in by.values() for a, b in pairwise(sorted(some))]
        if steps:
            told[day] = (sum(steps), sum(steps) - len(steps), len(steps), sum(n > 1 for n in steps))
    return told


FAULTS = {
    "a third of the rows are lost": "delete from t where hash(id) % 3 = 0 and sold_at" + LAST,
    "a third of the orders are lost": 'delete from t where hash("order no") % 3 = 0 and sold_at' + LAST,
    "numbers of nowhere": 'update t set "order no" = \'ORD-9\' || right("order no", 5) where hash("order no") % 20 = 0 and sold_at'
    + LAST,
    "numbers are NULL": 'update t set "order no" = null, id = null where id % 2 = 0 and sold_at' + LAST,
    "numbers without digits": "update t set \"order no\" = 'none' where id % 3 = 0 and sold_at" + LAST,
    "everything twice": "insert into t from t where sold_at" + LAST,
    "one row": "delete from t where id % 240 > 0 and sold_at" + LAST,
    "no row": "delete from t where sold_at" + LAST,
}


def test_what_counts_up_is_chosen_and_nothing_is_missing(orders: Engine) -> None:
    scan = scanned(orders)
    assert chosen(scan) == CHOSEN, "neither a hash that is called a reference, nor pieces, nor a product"
    assert found(scan, ID) == dict.fromkeys(range(DAYS), (239, 0, 239, 0))
    assert found(scan, ORDER) == dict.fromkeys(range(DAYS), (59, 0, 59, 0))
    assert found(scan, LINE) == dict.fromkeys(range(DAYS), (180, 0, 180, 0))


@pytest.mark.parametrize("fault", FAULTS)
def test_gaps_are_what_the_rows_say(orders: Engine, fault: str) -> None:
    orders.run(FAULTS[fault])
    scan = scanned(orders)
    number = 'try_cast(right("order no", 6) as int)'
    assert found(scan, ID) == by_definition(orders, "id")
    assert found(scan, ORDER) == by_definition(orders, number)
    lines = by_definition(orders, 'case when "order no" is null then line end', "0")
    named = by_definition(orders, 'case when "order no" is not null then line end', '"order no"')
    both = {day: tuple(a + b for a, b in zip(named[day], lines.get(day, (0,) * 4), strict=True)) for day in named}
    assert found(scan, LINE) == both, "rows without a key are a key of their own"


def test_lost_rows_are_gaps_and_copies_are_none(orders: Engine) -> None:
    quiet = {"everything twice", "one row", "no row"}
    for fault, sql in FAULTS.items():
        orders.run("create or replace table kept as from t")
        orders.run(sql)
        scan = scanned(orders)
        gaps = [found(scan, one).get(DAYS - 1, (0, 0, 0, 0)) for one in CHOSEN]
        assert any(missing for _, missing, _, _ in gaps) != (fault in quiet), fault
        orders.run("create or replace table t as from kept; drop table kept")


def test_a_reading_every_five_minutes_for_each_sensor(readings: Engine) -> None:
    ((one, *others),) = [chosen(scanned(readings))]
    assert (one.column, one.key, others) == ("read_at", "sensor", [])
    assert one.every == pytest.approx(300, abs=1)
    assert found(scanned(readings), one) == dict.fromkeys(range(DAYS), (475, 0, 475, 0))
    readings.run("delete from t where hash(sensor, read_at) % 10 = 0 and read_at" + LAST)
    told = found(scanned(readings), one)
    assert told == by_definition(readings, "epoch(read_at)", "sensor", one.step)
    assert told[DAYS - 1][1] > 30
    assert told[DAYS - 2][1] == 0


def test_readings_that_come_twice_within_a_second_are_no_steps(readings: Engine) -> None:
    (one,) = chosen(scanned(readings))
    twice = "insert into t select * replace (read_at + interval 1 second as read_at) from t where hash(sensor, read_at) % 10 < 7"
    readings.run("create table kept as from t")
    readings.run(f"{twice} and read_at{LAST}")
    told = found(scanned(readings), one)
    assert told == by_definition(readings, "epoch(read_at)", "sensor", one.step)
    assert told[DAYS - 1][1] == 0
    readings.run(f"create or replace table t as from kept; {twice}")
    assert chosen(scanned(readings)) == (), "of times, a tenth at most may come out of step"


def test_a_few_rows_for_each_key_that_comes_again(orders: Engine) -> None:
    orders.run(
        "create or replace table t as select timestamp '2026-03-01 08:00' + to_days(d::int) as sold_at, ['north', 'south', 'west', 'east'][1 + s] as station, visit"
        f" from range({DAYS}) a(d), range(4) b(s), range(3) c(visit)"
    )
    assert chosen(scanned(orders)) == (CountsUp("visit", None, "station"),)


def test_a_first_day_of_which_only_the_end_is_there(readings: Engine) -> None:
    readings.run("delete from t where read_at < timestamp '2026-03-01 07:55'")
    assert [one.column for one in chosen(scanned(readings))] == ["read_at"]


def test_what_some_rows_have_not_does_not_count_up(orders: Engine) -> None:
    orders.run("update t set id = null where hash(id) % 8 = 0")
    assert "id" not in {one.column for one in chosen(scanned(orders))}


def test_prose_the_loaders_own_and_times_without_end_are_left_alone(orders: Engine) -> None:
    orders.run(
        "alter table t add column remark varchar; update t set remark = repeat('x', 250) || id; alter table t add column _dlt_id bigint;"
        " update t set _dlt_id = id; alter table t add column ended_at timestamp; update t set ended_at = 'infinity'"
    )
    assert chosen(scanned(orders)) == CHOSEN
    (asked,) = (statement.sql for statement in orders.asked if statement.purpose == "sequences: columns")
    assert '"ended_at"' in asked
    assert "remark" not in asked
    assert "_dlt_id" not in asked


def test_a_day_is_read_again_that_changed_in_what_counts_up_alone(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large table neither texts nor keys are looked at otherwise."""
    monkeypatch.setattr("tidegate.scan.history.DISTINCT_VALUES", 0)
    orders.run("alter table t drop column product")
    first = scanned(orders)
    orders.run("update t set id = id + 100000 where id % 240 = 100 and sold_at" + LAST)
    again = scanned(orders, Grid.of(first.measurements))
    assert {day for day, (_, missing, *_) in found(again, ID).items() if missing} == {DAYS - 1}


def test_numbers_that_go_on_may_have_gaps_that_come_and_go(orders: Engine) -> None:
    orders.run('delete from t where hash("order no") % 3 > 0')
    assert CountsUp("order no") in chosen(scanned(orders))
    orders.run(
        ORDERS.replace("create table", "create or replace table").replace("d * 60 + o + 1", "hash(d, o) % 100_000")
    )
    assert "order no" not in {one.column for one in chosen(scanned(orders))}, "dealt out by chance they do not go on"


def test_what_was_chosen_stays_and_only_changed_days_are_read(orders: Engine) -> None:
    first = scanned(orders)
    orders.run("delete from t where hash(\"order no\") % 3 = 0 and sold_at < timestamp '2026-03-09'")
    again = scanned(orders, Grid.of(first.measurements))
    assert chosen(again) == CHOSEN
    assert {day for day, (_, missing, *_) in found(again, ORDER).items() if missing} == set(range(8))
    assert set(found(again, ORDER)) == set(range(8))
    assert "sequences: columns" not in orders.purposes


def test_a_column_that_is_gone_is_chosen_anew(orders: Engine) -> None:
    first = scanned(orders)
    orders.run("alter table t drop column id")
    assert chosen(scanned(orders, Grid.of(first.measurements))) == CHOSEN[1:]


def test_a_day_that_must_not_teach_chooses_nothing(orders: Engine) -> None:
    orders.run("update t set id = 0 where sold_at::date = date '2026-03-04'")
    assert chosen(scanned(orders)) == CHOSEN[1:]
    fourth = Interval(start=START.replace(day=4), end=START.replace(day=5))
    assert chosen(scanned(orders, untaught=[fourth])) == CHOSEN


def test_with_few_days_nothing_is_chosen(orders: Engine) -> None:
    orders.run("delete from t where sold_at >= timestamp '2026-03-08'")
    assert kept_sequences(Grid.of(scanned(orders).measurements)) is None


def test_a_table_without_anything_that_could_count(orders: Engine) -> None:
    orders.run("create or replace table t as select sold_at::date as day, pieces / 3 as amount from t")
    assert chosen(scanned(orders)) == ()


@pytest.mark.parametrize(
    ("room", "asked", "not_tried"), [(8_400, 9, ["2 of 7", "9 of 14"]), (3_400, 4, ["5 of 7", "3 of 5"])]
)
def test_what_is_too_much_is_not_tried_which_is_said(
    orders: Engine, monkeypatch: pytest.MonkeyPatch, room: int, asked: int, not_tried: list[str]
) -> None:
    monkeypatch.setattr("tidegate.scan.sequences.LOOKED_THROUGH", room)
    scan = scanned(orders)
    assert orders.purposes.count("sequences: first buckets") == asked, (
        "each of one day, and of seven what counts up on that"
    )
    said = [note for note in scan.notes if "tried as ones that count up" in note]
    assert [note.removeprefix("main.t: ").partition(" columns")[0] for note in said] == not_tried


def test_of_many_rows_the_newest_days_are_looked_at(orders: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scanned(orders)
    monkeypatch.setattr("tidegate.scan.sequences.LOOKED_THROUGH", 240 * 3 * 4)
    orders.run("update t set pieces = pieces + 1")
    scan = scanned(orders, Grid.of(first.measurements))
    assert chosen(scan) == CHOSEN
    assert set(found(scan, ID)) == set(range(DAYS - 4, DAYS))
    assert scan.notes == (
        "main.t: gaps in what counts up are looked for since 2026-03-09, for before that are more than 960 rows",
    )
    monkeypatch.setattr("tidegate.scan.sequences.LOOKED_THROUGH", 1)
    orders.run("update t set pieces = pieces + 1 where sold_at" + LAST)
    scan = scanned(orders, Grid.of(first.measurements))
    assert set(found(scan, ID)) == {DAYS - 1}, "the newest is looked at whatever it takes"


def test_the_gaps_are_shown_the_widest_first(orders: Engine) -> None:
    orders.run("delete from t where id % 240 in (5, 6, 100) and sold_at" + LAST)
    last = Interval(start=START.replace(day=DAYS), end=START.replace(day=DAYS + 1))

    def listed(one: CountsUp, metric: str = "gap_count") -> list[tuple[Any, ...]]:
        spec = MetricSpec(dataset=REF, metric=metric, column=one.column, argument=one.argument)
        assert shown(orders.dataset("t"), spec) is None
        sql = shown(orders.dataset("t"), spec, last, time_column="sold_at")
        assert sql is not None
        return orders.run(sql)

    assert listed(ID) == [(2644, 2647, 2), (2739, 2741, 1)] == listed(ID, "break_count")
    assert listed(ORDER) == []
    assert listed(LINE) == [("ORD-000662", 1, 4, 2)], "the first line of an order is no gap"
    orders.run("alter table t drop column id")
    spec = MetricSpec(dataset=REF, metric="gap_count", column="id", argument="1")
    assert shown(orders.dataset("t"), spec, last, time_column="sold_at") is None


def test_names_and_types_are_only_data(orders: Engine) -> None:
    orders.run(
        """alter table t rename column "order no" to "it's by ""a"" ; --"; alter table t add column b varchar[]; update t set b = [product];
        alter table t alter id type utinyint using id % 240; alter table t alter sold_at type timestamptz"""
    )
    assert CountsUp("line", None, 'it\'s by "a" ; --') in chosen(scanned(orders))


def told(rows: int = 240, keys: int = 7, followed: int = 233, regular: int = 233, due: int = 233) -> Told:
    return Told(rows, keys, followed, 1.0, regular, due)


@pytest.mark.parametrize(
    ("one", "goes_on", "is_chosen"),
    [
        (told(), False, True),
        (told(due=258), False, True),
        (told(due=260), False, False),
        (told(due=4_600), True, True),
        (told(due=4_700), True, False),
        (told(rows=266), False, False),
        (told(rows=265), False, True),
        (told(rows=2_000), True, True),
        (told(regular=210), False, True),
        (told(regular=209), False, False),
        (told(rows=40, keys=21, followed=19, regular=19, due=21), False, False),
        (told(rows=40, keys=19, followed=21, regular=21, due=21), False, True),
        (told(rows=27, keys=7, followed=20, regular=20, due=20), False, False),
        (told(rows=27, keys=7, followed=20, regular=20, due=22), True, False),
    ],
)
def test_where_the_choice_ends(one: Told, *, goes_on: bool, is_chosen: bool) -> None:
    column = Column(name="id", type="BIGINT", family=Family.NUMBER)
    assert counting({Tried(column, goes_on=goes_on): one}) == [CountsUp("id")] * is_chosen


def test_of_two_that_tell_the_same_one_is_chosen() -> None:
    def tried(name: str, key: str | None = None) -> Tried:
        column, of = (Column(name=n or "", type="BIGINT", family=Family.NUMBER) for n in (name, key))
        return Tried(column, of if key else None)

    assert counting({tried("b"): told(), tried("a"): told(due=240)}) == [CountsUp("b")]
    assert counting({tried("b"): told(), tried("a"): told(due=250)}) == [CountsUp("b"), CountsUp("a")]
    assert counting({tried("b"): told(), tried("a", "k"): told(due=240)}) == [CountsUp("b"), CountsUp("a", None, "k")]
    assert counting({tried("b", "l"): told(), tried("b", "k"): told(due=240)}) == [CountsUp("b", None, "l")]
    many = {tried(f"c{n}", f"k{n}"): told() for n in range(6)}
    assert counting(many) == [CountsUp(f"c{n}", None, f"k{n}") for n in range(4)]


@pytest.mark.parametrize(
    ("one", "argument", "said"),
    [
        (CountsUp("a"), "1", "by one"),
        (CountsUp("a", None, "order by no"), "1 by order by no", "by one for each order by no"),
        (CountsUp("a", 300.0, "device"), "300 s by device", "every 5 minutes for each device"),
        (CountsUp("a", 3_600.0), "3600 s", "every hour"),
        (CountsUp("a", 86_400.0), "86400 s", "every day"),
        (CountsUp("a", 90.0), "90 s", "every 90 seconds"),
        (CountsUp("a", 0.25), "0.25 s", "every 0.25 seconds"),
        (CountsUp("a", 300.0004), "300.0004 s", "every 300.0004 seconds"),
    ],
)
def test_a_step_is_read_as_it_was_written(one: CountsUp, argument: str, said: str) -> None:
    assert (one.argument, str(one)) == (argument, said)
    assert CountsUp.of(MetricSpec(dataset=REF, metric="gap_count", column="a", argument=argument)) == one
    assert Sequences.read(str(Sequences((one,)))) == Sequences((one,))
