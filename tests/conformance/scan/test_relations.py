"""What rows tell of others: which columns are chosen as keys, and what buckets break, held against numbers worked out row by row."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.conformance.scan.engine import Engine
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec
from tidegate.scan import Relations, TableScan, kept, relations, thinning
from tidegate.scan.related import RELATED
from tidegate.scan.relations import Pair
from tidegate.scan.shown import shown

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 20
ORDERS = f"""
create table t as select d * 1000 + i as order_id, timestamp '2026-03-01 08:00' + to_days(d::int) + to_minutes(i::int) as sold_at,
    'S' || case when i < 20 then i else (hash(d, i) % 20)::int end as shop, 'city ' || ((case when i < 20 then i else (hash(d, i) % 20)::int end) % 6) as city,
    ['a', 'b', 'c'][1 + (hash(i, d) % 3)::int] as channel, (hash(d, i, 1) % 9)::int as pieces, (hash(d, i, 2) % 10000) / 100 as amount
from range({DAYS}) a(d), range(120) b(i)
"""


class Row(NamedTuple):
    day: int
    key: Any
    value: Any


def scanned(engine: Engine, known: Grid | None = None, *, table: str = "t", **more: Any) -> TableScan:
    return engine.scan(table, time_column="sold_at", grain="day", known=known, **more).scan


def chosen(scan: TableScan) -> Relations | None:
    return kept(Grid.of(scan.measurements))


def found(scan: TableScan) -> dict[tuple[str, str, str | None], dict[int, Any]]:
    """What was measured of keys and pairs, by bucket."""
    told: dict[tuple[str, str, str | None], dict[int, Any]] = defaultdict(dict)
    for m in scan.measurements:
        if m.spec.metric in RELATED and m.interval is not None:
            day = (m.interval.start - START).days
            assert day not in told[m.spec.metric, m.spec.column or "", m.spec.argument], "two numbers for one bucket"
            told[m.spec.metric, m.spec.column or "", m.spec.argument][day] = m.value
    return told


def of_key(rows: Sequence[Row]) -> dict[str, dict[int, int]]:
    """The same of a key, by the definitions alone."""
    days = sorted({r.day for r in rows})
    keys = {day: {r.key for r in rows if r.day == day and r.key is not None} for day in days}
    told: dict[str, dict[int, int]] = {"unknown_count": {}, "regular_count": {}, "gone_count": {}}
    for place, day in enumerate(days):
        came = set().union(*(keys[d] for d in days[:place]))
        if place >= 3 and keys[day]:
            told["unknown_count"][day] = sum(r.day == day and r.key is not None and r.key not in came for r in rows)
        before = days[max(0, place - 8) : place]
        regular = set.intersection(*(keys[d] for d in before)) if before else set()
        if place >= 4 and len(regular) >= 3:
            told["regular_count"][day], told["gone_count"][day] = len(regular), len(regular - keys[day])
    return told


def of_pair(rows: Sequence[Row]) -> dict[str, dict[int, int]]:
    """The same of a pair."""
    days = sorted({r.day for r in rows})
    told: dict[str, dict[int, int]] = {"known_key_count": {}, "new_pair_count": {}}
    for place, day in enumerate(days[3:], start=3):
        before = [r for r in rows if r.day in days[:place]]
        keys, pairs = {r.key for r in before}, {(r.key, r.value) for r in before if r.value is not None}
        here = [r for r in rows if r.day == day and None not in r and r.key in keys]
        if here:
            told["known_key_count"][day] = len(here)
            told["new_pair_count"][day] = sum((r.key, r.value) not in pairs for r in here)
    return told


def rows_of(engine: Engine, key: str, value: str) -> list[Row]:
    return [
        Row(*r)
        for r in engine.run(
            f"select sold_at::date - date '2026-03-01', {key}, {value} from t where sold_at is not null"
        )
    ]


@pytest.fixture
def orders(engine: Engine) -> Engine:
    engine.run(ORDERS)
    return engine


def test_keys_come_again_and_only_what_goes_with_them_is_a_pair(orders: Engine) -> None:
    found_now = chosen(scanned(orders))
    assert found_now is not None
    assert found_now.keys == ("shop", "city", "channel"), (
        "an order's id comes once; pieces go with nothing, so they are a measure"
    )
    assert found_now.pairs == (Pair("city", "shop"), Pair("shop", "city")), (
        "by chance a city would have a new shop more often"
    )


def test_a_key_that_stands_alone_is_measured_unless_its_values_are_counted_one_by_one(orders: Engine) -> None:
    orders.run("alter table t add column sku text; update t set sku = 'P' || (hash(order_id, 5) % 50)")
    scan = scanned(orders)
    told = chosen(scan)
    assert told is not None
    assert (set(told.keys), len(told.pairs)) == ({"shop", "city", "channel", "sku"}, 2)
    assert "channel" in scan.segment_columns
    assert {column for metric, column, _ in found(scan) if metric == "unknown_count"} == {"shop", "city", "sku"}
    rows = [Row(day, key, None) for day, key, _ in rows_of(orders, "sku", "sku")]
    assert {m: found(scan)[m, "sku", None] for m in ("unknown_count", "regular_count", "gone_count")} == of_key(rows)


CHANGES = {
    "as it is": "select 1",
    "cities are dealt out anew": "update t set city = 'city ' || (hash(order_id) % 6) where sold_at::date = date '2026-03-15'",
    "shops never heard of": "update t set shop = shop || '!' where sold_at::date = date '2026-03-12' and order_id % 3 = 0",
    "a regular shop is gone": "delete from t where shop in ('S3', 'S4') and sold_at::date >= date '2026-03-14'",
    "nothing there": "update t set shop = null, city = null where sold_at::date in (date '2026-03-16', date '2026-03-03')",
    "nothing beside it": "update t set city = null where order_id % 4 = 0",
    "days without rows": "delete from t where sold_at::date in (date '2026-03-11', date '2026-03-12')",
    "one row a day": "delete from t where order_id % 1000 > 0 and sold_at::date >= date '2026-03-10'",
    "rows without a time": "update t set sold_at = null where order_id % 7 = 0",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_bucket_breaks_is_counted_by_what_came_before_it(orders: Engine, change: str) -> None:
    orders.run(CHANGES[change])
    told = found(scanned(orders))
    for key, value in (("shop", "city"), ("city", "shop")):
        rows = rows_of(orders, key, value)
        assert {m: told[m, key, None] for m in ("unknown_count", "regular_count", "gone_count")} == of_key(rows)
        assert {m: told[m, value, key] for m in ("known_key_count", "new_pair_count")} == of_pair(rows)


def test_a_broken_pair_leaves_its_marks_in_its_bucket_alone(orders: Engine) -> None:
    clean = found(scanned(orders))
    orders.run(CHANGES["cities are dealt out anew"])
    broken = found(scanned(orders))
    new, usual = broken["new_pair_count", "city", "shop"], clean["new_pair_count", "city", "shop"]
    assert {day for day in new if new[day] != usual[day]} == {14}
    assert new[14] > 80
    assert set(usual.values()) == {0}


def test_what_comes_later_changes_nothing_of_what_was(orders: Engine) -> None:
    """The future is poisoned: values at random, shops that are gone, new ones, all at once."""
    before = scanned(orders)
    orders.run(
        "update t set shop = 'X' || hash(order_id) % 7, city = 'city ' || hash(order_id) % 50, channel = shop, pieces = 1"
        " where sold_at >= timestamp '2026-03-13'"
    )
    after = scanned(orders)
    assert chosen(after) == chosen(before)
    for name, values in found(before).items():
        assert {d: v for d, v in values.items() if d < 12} == {d: v for d, v in found(after)[name].items() if d < 12}
    assert found(after)["unknown_count", "shop", None][12] == 120


def test_a_scan_in_part_measures_the_changed_bucket_against_the_same_past(orders: Engine) -> None:
    known = Grid.of(scanned(orders).measurements)
    orders.run(CHANGES["cities are dealt out anew"])
    orders.run("update t set shop = 'new' where sold_at::date = date '2026-03-19' and order_id % 9 = 0")
    part, whole = scanned(orders, known), scanned(orders)
    assert {i.start.day for i in part.reopened or ()} == {15, 19}
    assert {name: {d: v for d, v in values.items() if d in (14, 18)} for name, values in found(whole).items()} == found(
        part
    )


def test_what_was_chosen_is_kept_whatever_comes(orders: Engine) -> None:
    known = Grid.of(scanned(orders).measurements)
    orders.run("update t set channel = city, city = 'city ' || hash(order_id) % 40")
    assert chosen(scanned(orders)) != kept(known), "it would have been chosen otherwise"
    assert chosen(scanned(orders, known)) == kept(known)
    assert "relations: pairs" not in orders.purposes


def test_it_is_chosen_again_when_a_column_is_no_more(orders: Engine) -> None:
    known = Grid.of(scanned(orders).measurements)
    orders.run("alter table t drop column channel")
    again = chosen(scanned(orders, known))
    assert again is not None
    assert again.keys == ("shop", "city")


@pytest.mark.parametrize("days", range(5, 11))
def test_seven_buckets_that_are_not_under_test_choose(orders: Engine, days: int) -> None:
    orders.run(f"delete from t where sold_at >= timestamp '2026-03-01' + to_days({days})")
    assert (chosen(scanned(orders)) is not None) == (days > 7)


def test_what_the_published_version_does_not_know_chooses_nothing(orders: Engine) -> None:
    """Ten more days at once, all of them under test."""
    orders.run("create table whole as from t; delete from t where sold_at >= timestamp '2026-03-06'")
    known = Grid.of(scanned(orders).measurements)
    orders.run("insert into t from whole where sold_at >= timestamp '2026-03-06' and sold_at < timestamp '2026-03-16'")
    assert chosen(scanned(orders, known)) is None
    assert chosen(scanned(orders)) is not None


def test_an_open_incident_teaches_nothing(orders: Engine) -> None:
    orders.run(CHANGES["cities are dealt out anew"])
    orders.run("update t set city = 'city ' || (hash(order_id - 1000) % 6) where sold_at::date = date '2026-03-16'")
    orders.run("delete from t where sold_at::date = date '2026-03-15' and shop = 'S3'")
    day = Interval(start=START + timedelta(days=14), end=START + timedelta(days=15))
    taught, untaught = found(scanned(orders)), found(scanned(orders, untaught=[day]))
    without = [r for r in rows_of(orders, "shop", "city") if r.day != 14]
    for name, expected in of_pair(without).items():
        assert {d: v for d, v in untaught[name, "city", "shop"].items() if d != 14} == expected
    for name, expected in of_key(without).items():
        assert {d: v for d, v in untaught[name, "shop", None].items() if d != 14} == expected
    assert untaught["new_pair_count", "city", "shop"][15] > taught["new_pair_count", "city", "shop"][15]
    assert untaught["new_pair_count", "city", "shop"][14] == taught["new_pair_count", "city", "shop"][14], (
        "itself is asked"
    )


def test_a_bucket_of_an_open_incident_does_not_choose(orders: Engine) -> None:
    day = Interval(start=START, end=START + timedelta(days=1))
    orders.run("delete from t where sold_at >= timestamp '2026-03-10'")
    assert chosen(scanned(orders, untaught=[day])) is not None, "seven are left, and the newest"
    orders.run("delete from t where sold_at >= timestamp '2026-03-09'")
    assert chosen(scanned(orders, untaught=[day])) is None
    assert chosen(scanned(orders)) is not None


@pytest.mark.parametrize(
    "table",
    [
        "select order_id, sold_at, order_id::text as shop, amount from whole",  # nothing ever comes again
        "select order_id, sold_at, 'S' as shop, null::text as city, amount from whole",  # constant, and nothing at all
        "select order_id, sold_at, amount from whole",  # no key
        "select order_id, sold_at, repeat(shop, 100) as shop, repeat(city, 100) as city, amount from whole",  # prose
        "select order_id, sold_at, shop as _dlt_load_id, city as source_file, amount from whole",  # the loader's own
        "select sold_at from whole",
    ],
)
def test_where_nothing_goes_together_nothing_is_measured_and_that_is_kept(orders: Engine, table: str) -> None:
    orders.run("alter table t rename to whole")
    orders.run(f"create table t as {table}")
    scan = scanned(orders)
    assert chosen(scan) == Relations()
    assert not found(scan)
    assert scan.notes == ()
    scanned(orders, Grid.of(scan.measurements))
    assert not [p for p in orders.purposes if p.startswith("relations")]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_tiny_table_has_no_relations(orders: Engine, rows: int) -> None:
    orders.run(f"delete from t where order_id >= {rows}")
    scan = scanned(orders)
    assert chosen(scan) is None
    assert not found(scan)


def test_names_and_values_are_quoted(engine: Engine) -> None:
    engine.run(ORDERS)
    engine.run(
        """create table odd as select sold_at, shop as "it's a ""key"" ; --", city || ''';drop' as "SELECT", city as "v", amount as k from t"""
    )
    scan = scanned(engine, table="odd")
    told = chosen(scan)
    assert told is not None
    assert {'it\'s a "key" ; --', "SELECT", "v"} == set(told.keys)
    assert set(found(scan)["new_pair_count", "SELECT", 'it\'s a "key" ; --'].values()) == {0}


@pytest.mark.parametrize("kind", ["date", "timestamptz", "timestamp_s"])
def test_every_kind_of_time_is_cut_alike(orders: Engine, kind: str) -> None:
    orders.run("set timezone = 'Asia/Tokyo'")
    orders.run(CHANGES["cities are dealt out anew"])
    plain = found(scanned(orders))
    made = "timezone('UTC', sold_at)" if kind == "timestamptz" else f"sold_at::{kind}"
    orders.run(f"alter table t alter sold_at type {kind} using {made}")
    assert found(scanned(orders)) == plain


def test_days_of_a_time_zone_are_held_against_days_of_it(orders: Engine) -> None:
    from zoneinfo import ZoneInfo

    orders.run(
        "update t set sold_at = sold_at - interval 9 hours"
    )  # from 23:00 UTC on, so that most rows of a day in Berlin
    told = found(scanned(orders, zone=ZoneInfo("Europe/Berlin")))  # are of the UTC day before
    assert set(told["new_pair_count", "city", "shop"].values()) == {0}
    assert Counter(told["known_key_count", "city", "shop"].values())[120] >= DAYS - 4


class TestLimits:
    @pytest.mark.parametrize(("room", "pairs", "keys"), [(2, 0, {"shop"}), (3, 1, {"city"}), (5, 1, {"shop", "city"})])
    def test_what_does_not_fit_is_left_out_by_worth_and_said(
        self, orders: Engine, monkeypatch: pytest.MonkeyPatch, room: int, pairs: int, keys: set[str]
    ) -> None:
        monkeypatch.setattr(thinning, "MOST_READ", room * DAYS * 120)
        scan = scanned(orders)
        told = found(scan)
        assert sum(metric == "new_pair_count" for metric, _, _ in told) == pairs
        assert {column for metric, column, _ in told if metric == "unknown_count"} == keys
        left = 4 - pairs - len(keys)
        assert scan.notes == (
            f"main.t: {left} of 4 keys and pairs are not measured, for it has about 2,400 rows since 2026-03-01",
        )
        assert chosen(scan) == Relations(
            keys=("shop", "city", "channel"), pairs=(Pair("city", "shop"), Pair("shop", "city"))
        ), "what was chosen stays, for when there is room"

    def test_only_the_rows_of_the_window_count(self, orders: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        orders.run(
            f"insert into t select * replace (sold_at - to_days({DAYS}) as sold_at) from t; update t set sold_at ="
            " timestamp '1970-01-01' where order_id = 5"
        )
        monkeypatch.setattr(thinning, "MOST_READ", 7 * 2_500)
        assert not scanned(orders, history_buckets=DAYS).notes
        assert scanned(orders).notes

    @pytest.mark.parametrize(("limit", "most"), [("LOOKED_THROUGH", 2 * 7 * 120), ("MOST_TRIED", 2)])
    def test_pairs_that_were_not_tried_are_counted(
        self, orders: Engine, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
    ) -> None:
        monkeypatch.setattr(relations, limit, most)
        (note,) = scanned(orders).notes
        assert re.fullmatch(
            r"main\.t: (\d+) of (\d+) pairs of columns were not tried as values that go together:"
            r" that is too many for 840 rows in its first buckets",
            note,
        )


def test_the_rows_of_a_broken_pair_can_be_seen(orders: Engine) -> None:
    orders.run(CHANGES["cities are dealt out anew"])
    count = found(scanned(orders))["new_pair_count", "city", "shop"][14]
    spec = MetricSpec(dataset=REF, metric="new_pair_count", column="city", argument="shop")
    day = Interval(start=START + timedelta(days=14), end=START + timedelta(days=15))
    sql = shown(orders.dataset("t"), spec, day, time_column="sold_at")
    assert sql is not None
    rows = orders.run(sql)
    assert sum(n for _, _, n in rows) == count
    known = {(r.key, r.value) for r in rows_of(orders, "shop", "city") if r.day < 14}
    assert not known & {(shop, city) for shop, city, _ in rows}
    assert shown(orders.dataset("t"), replace(spec, metric="gone_count"), day, time_column="sold_at") is None


def test_the_run_that_chooses_measures_what_was_before(orders: Engine) -> None:
    """So does the first run of a release that knows how to; afterwards the parent's numbers stand."""
    orders.run("create table whole as from t; delete from t where sold_at >= timestamp '2026-03-08'")
    young = scanned(orders)
    assert chosen(young) is None
    orders.run("insert into t from whole where sold_at >= timestamp '2026-03-08' and sold_at < timestamp '2026-03-10'")
    scan = scanned(orders, Grid.of(young.measurements))
    assert chosen(scan) is not None
    assert scan.reopened is None
    assert set(found(scan)["new_pair_count", "city", "shop"]) == set(range(3, 9))
