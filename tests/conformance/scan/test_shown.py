"""The statement that shows a number gives the number that the scan gave."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.scan.engine import NOW
from tidegate.model import Interval, MetricSpec, Segment
from tidegate.scan import ScanOptions, scan_table
from tidegate.scan.sequences import GAPS
from tidegate.scan.shown import shown

DAY = Interval(start=datetime(2026, 4, 3, tzinfo=UTC), end=datetime(2026, 4, 3, tzinfo=UTC) + timedelta(days=1))
OPTIONS = ScanOptions(version=1, taken_at=NOW, time_column="ordered_at")


@pytest.fixture
def orders(engine):
    engine.run(
        """create table orders as select timestamp '2026-04-01' + to_minutes(i::int * 15) as ordered_at,
        ['DE', 'FR', null][1 + i % 3] as "my country", i / 7 as amount, case when i % 8 = 0 then null else i end as coupon
        from range(960) t(i)"""
    )
    return engine


def numbers(orders, interval):
    scan = orders.drive(scan_table(orders.dataset("orders"), [], OPTIONS))
    return scan, {m.spec: m.value for m in scan.measurements if m.interval == interval}


@pytest.mark.parametrize("interval", [None, DAY])
def test_it_is_the_number_of_the_scan(orders, interval):
    scan, known = numbers(orders, interval)
    checked = 0
    for spec, value in known.items():
        sql = shown(scan.dataset, spec, interval, time_column=scan.time_column)
        if sql is None or not isinstance(value, int | float) or spec.metric in ("again_count", *GAPS):
            continue  # which show rows (`test_again`), and gaps (`test_sequences`)
        ((again,),) = orders.run(sql)
        if isinstance(again, datetime):
            again = again.replace(tzinfo=UTC).timestamp()
        assert float(again) == pytest.approx(value, rel=0.02 if spec.metric == "distinct_count" else 1e-9), (spec, sql)
        checked += 1
    assert checked > (8 if interval else 12)
    assert any(spec.segment == Segment(column="my country", value=None) for spec in known)


def test_what_is_no_plain_aggregate_is_not_shown(orders):
    dataset = orders.dataset("orders")

    def say(metric, column=None, interval=None, time=None):
        return shown(dataset, MetricSpec(dataset=dataset.ref, metric=metric, column=column), interval, time_column=time)

    assert say("no_such_metric") is None
    assert say("mean", "no_such_column") is None
    assert say("row_count", interval=DAY) is None
    assert say("row_count", interval=DAY, time="amount") is None
    assert say("row_count", interval=DAY, time="ordered_at").startswith("SELECT ")


def test_copies_and_shares_of_the_rows(orders):
    orders.run("insert into orders select * from orders where amount < 24")
    dataset = orders.dataset("orders")

    def ask(metric, column=None, **more):
        spec = MetricSpec(dataset=dataset.ref, metric=metric, column=column)
        return orders.run(shown(dataset, spec, time_column="ordered_at", **more))[0][0]

    assert ask("duplicate_rows") == 168
    assert ask("duplicate_rows", share=True) == pytest.approx(168 / 1128)
    assert ask("duplicate_rows", interval=DAY, share=True) == 0
    assert ask("null_count", "coupon", share=True) == pytest.approx((120 + 21) / 1128)


def test_a_number_bucket_by_bucket(orders):
    dataset = orders.dataset("orders")
    spec = MetricSpec(dataset=dataset.ref, metric="null_count", column="coupon")
    three = Interval(start=DAY.start - timedelta(days=2), end=DAY.end)
    sql = shown(dataset, spec, three, time_column="ordered_at", share=True, each=("day", None))
    rows = orders.run(sql)
    assert [start.astimezone(UTC).day for start, _ in rows] == [1, 2, 3]
    assert [value for _, value in rows] == [0.125] * 3
