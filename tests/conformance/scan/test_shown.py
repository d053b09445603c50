"""The statement that shows a number gives the number that the scan gave."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.scan.engine import NOW
from tidegate.model import Interval, MetricSpec, Segment
from tidegate.scan import ScanOptions, scan_table
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
        if sql is None or not isinstance(value, int | float) or spec.metric == "again_count":
            continue  # which shows rows (`test_again`)
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

    assert say("duplicate_rows") is None
    assert say("no_such_metric") is None
    assert say("mean", "no_such_column") is None
    assert say("row_count", interval=DAY) is None
    assert say("row_count", interval=DAY, time="amount") is None
    assert say("row_count", interval=DAY, time="ordered_at").startswith("SELECT ")
