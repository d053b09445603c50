"""Which part of the rows a strange bucket's difference lies in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.scan.engine import NOW
from tidegate.model import Interval, MetricSpec, Segment
from tidegate.scan import ScanOptions, slice_table

DAY = timedelta(days=1)
OPTIONS = ScanOptions(version=1, taken_at=NOW, time_column="ordered_at")


def day(number):
    start = datetime(2026, 4, number, tzinfo=UTC)
    return Interval(start=start, end=start + DAY)


@pytest.fixture
def orders(engine):
    engine.run(
        "create table orders as select timestamp '2026-04-01' + to_minutes(i::int * 15) as ordered_at, ['DE', 'FR', null][1 + i % 3] as country,"
        " ['web', 'app'][1 + i % 2] as channel, 10::double as amount, case when i % 8 = 0 then null else i end as coupon,"
        " '1' || (i // 96) as _dlt_load_id from range(960) t(i)"
    )
    engine.run("delete from orders where ordered_at >= '2026-04-10' and country = 'DE'")
    engine.run("update orders set amount = 1000 where ordered_at >= '2026-04-10' and channel = 'app'")
    return engine


def sliced(
    engine, metric, column=None, *, columns=("country", "channel"), options=OPTIONS, baseline=range(2, 10), part=None
):
    dataset = engine.dataset("orders")
    spec = MetricSpec(dataset=dataset.ref, metric=metric, column=column)
    plan = slice_table(dataset, spec, day(10), [day(n) for n in baseline], columns, options, part=part)
    return {(row.segment.column, row.segment.value): row for row in engine.drive(plan)}


def test_rows_that_are_missing(orders):
    rows = sliced(orders, "row_count")
    assert (rows["country", "DE"].observed_rows, rows["country", "DE"].expected_rows) == (0, 32)
    assert (rows["country", "FR"].observed_rows, rows["country", "FR"].expected_rows) == (32, 32)
    assert (rows["country", None].observed_rows, rows["country", None].expected_value) == (32, 32)
    assert next(iter(rows)) == ("country", "DE"), "the largest difference comes first"


def test_a_mean_that_moved(orders):
    rows = sliced(orders, "mean", "amount")
    assert (rows["channel", "app"].observed_value, rows["channel", "app"].expected_value) == (1000, 10)
    assert (rows["channel", "web"].observed_value, rows["channel", "web"].expected_value) == (10, 10)


def test_counts_are_per_bucket(orders):
    rows = sliced(orders, "null_count", "coupon")
    assert rows["channel", "web"].expected_value == 12
    assert rows["channel", "app"].expected_value == 0


def test_loads(orders):
    rows = sliced(orders, "row_count", columns=("_dlt_load_id",))
    assert (rows["_dlt_load_id", "19"].observed_rows, rows["_dlt_load_id", "19"].expected_rows) == (64, 0)
    assert rows["_dlt_load_id", "12"].expected_rows == 96 / 8


def test_one_statement_reads_the_named_buckets_only(orders):
    orders.asked.clear()
    sliced(orders, "row_count", baseline=(2, 3, 8))
    assert len(orders.asked) == 1
    assert orders.asked[0].sql.count("2026-04-03") == 0, "days 2 and 3 are one stretch"


def test_a_segments_own_number_is_cut_as_a_whole(orders):
    dataset = orders.dataset("orders")
    spec = MetricSpec(dataset=dataset.ref, metric="row_count", segment=Segment(column="country", value="DE"))
    rows = orders.drive(slice_table(dataset, spec, day(10), [day(2)], ["country"], OPTIONS))
    assert {row.segment.value for row in rows} == {"DE", "FR", None}


def test_within_one_category(orders):
    rows = sliced(orders, "row_count", columns=("channel",), part=Segment(column="country", value="FR"))
    assert {at: (row.observed_rows, row.expected_rows) for at, row in rows.items()} == {
        ("channel", "app"): (16, 16),
        ("channel", "web"): (16, 16),
    }
    rows = sliced(orders, "row_count", columns=("channel",), part=Segment(column="country", value=None))
    assert sum(row.observed_rows for row in rows.values()) == 32
    assert sliced(orders, "row_count", part=Segment(column="nowhere", value="x")) == {}


@pytest.mark.parametrize("options", [replace(OPTIONS, time_column=None), replace(OPTIONS, time_column="country")])
def test_nothing_is_asked_without_buckets(orders, options):
    orders.asked.clear()
    assert sliced(orders, "row_count", options=options) == {}
    assert sliced(orders, "row_count", columns=()) == {}
    assert sliced(orders, "row_count", baseline=()) == {}
    assert orders.asked == []


def test_what_is_no_aggregate_compares_rows(orders):
    rows = sliced(orders, "duplicate_rows")
    assert rows["country", "DE"].observed_value is None
    assert rows["country", "DE"].expected_rows == 32
