"""Days, weeks and months of a time zone: an hour longer or shorter twice a year, and none of it for dates and hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tidegate.model import Interval

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def intervals(scan) -> list[Interval]:
    return sorted({m.interval for m in scan.scan.measurements if m.interval is not None})


def rows(scan) -> dict[datetime, int]:
    counted = (m for m in scan.scan.measurements if m.interval and m.spec.metric == "row_count" and not m.spec.segment)
    return {m.interval.start: m.value for m in counted}


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_a_day_of_berlin_through_the_change_of_clocks(engine, kind):
    engine.run("set timezone = 'UTC'")
    engine.run(
        f"create table t as select (timestamp '2026-03-20' + to_minutes(i::int * 30))::{kind} as created_at from range(48 * 20) t(i)"
    )
    scan = engine.scan("t", zone=BERLIN)
    days = intervals(scan)
    assert all(one.end == following.start for one, following in pairwise(days))
    assert [d for d in days if d.end - d.start == timedelta(hours=23)] == [
        Interval(start=datetime(2026, 3, 28, 23, tzinfo=UTC), end=datetime(2026, 3, 29, 22, tzinfo=UTC))
    ]
    by_hand = engine.run(
        "select epoch(timezone('Europe/Berlin', date_trunc('day', timezone('Europe/Berlin', created_at::timestamptz)))), count(*)"
        " from t group by 1 order by 1"
    )
    assert [(at.timestamp(), n) for at, n in rows(scan).items()] == by_hand
    assert sum(rows(scan).values()) == 48 * 20


def test_the_long_day_in_autumn(engine):
    engine.run(
        "create table t as select timestamptz '2026-10-20 00:00+00' + to_hours(i::int) as created_at from range(24 * 20) t(i)"
    )
    assert timedelta(hours=25) in {i.end - i.start for i in intervals(engine.scan("t", zone=BERLIN))}


@pytest.mark.parametrize(
    ("grain", "start"), [("week", datetime(2026, 3, 2, 5, tzinfo=UTC)), ("month", datetime(2026, 3, 1, 5, tzinfo=UTC))]
)
def test_weeks_and_months_begin_at_its_midnight(engine, grain, start):
    engine.run(
        "create table t as select timestamptz '2026-03-03 12:00+00' + to_days(i::int) as created_at from range(60) t(i)"
    )
    found = intervals(engine.scan("t", zone=NEW_YORK, grain=grain))
    assert found[0].start == start
    assert all(one.end == following.start for one, following in pairwise(found))


def test_dates_and_hours_have_no_zone(engine):
    engine.run("create table d as select date '2026-03-20' + i::int as day, i as n from range(20) t(i)")
    engine.run(
        "create table h as select timestamptz '2026-03-28 00:00+00' + to_minutes(i::int) as created_at from range(1440 * 3) t(i)"
    )
    for name in ("d", "h"):
        assert rows(engine.scan(name, zone=BERLIN)) == rows(engine.scan(name))


def test_another_zone_reads_all_buckets_again_and_the_same_none(engine):
    from tidegate.model import Grid

    engine.run(
        "create table t as select timestamptz '2026-03-01 00:00+00' + to_hours(i::int) as created_at, i % 7 as n from range(24 * 30) t(i)"
    )
    first = engine.scan("t", zone=BERLIN)
    known = Grid.of(first.scan.measurements)
    assert engine.scan("t", zone=BERLIN, known=known).scan.reopened == frozenset()
    assert engine.scan("t", known=known).scan.reopened is None
