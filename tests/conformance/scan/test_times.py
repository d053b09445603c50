"""Times beside the rest of their row: hours from the beginning of their bucket, that follow from numbers and from other times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.conformance.scan.engine import NOW, Engine
from tidegate.model import DatasetRef, Grid, Interval
from tidegate.scan import Beside, ScanOptions, TableScan, history, kept_beside
from tidegate.scan.drawn import Asked
from tidegate.scan.rest import LEFT
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window

REF = DatasetRef(namespace="main", name="t")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, ROWS = 20, 144
READINGS = f"""
create table t as select d * 1000 + i as reading_id, timestamp '2026-03-01' + to_days(d::int) + to_hours(hour) + to_minutes(minute) as taken_at,
    hour, minute, (hash(d, i, 1) % 900) / 10.0 as warmth
from (select d, i, (i // 6)::int as hour, (i % 6 * 10)::int as minute from range({DAYS}) a(d), range({ROWS}) b(i))
"""


@pytest.fixture
def readings(engine: Engine) -> Engine:
    engine.run(READINGS)
    return engine


def scanned(engine: Engine, known: Grid | None = None, **more: Any) -> TableScan:
    return engine.scan("t", time_column="taken_at", grain="day", known=known, **more).scan


def chosen(scan: TableScan) -> Beside:
    told = kept_beside(Grid.of(scan.measurements))
    assert told is not None
    return told


def measured(scan: TableScan, column: str, metrics: Sequence[str] = LEFT) -> dict[int, list[Any]]:
    """What is left of a time or number, by day."""
    told: dict[int, dict[str, Any]] = {}
    for m in scan.measurements:
        if m.spec.metric in metrics and m.spec.column == column and m.interval is not None:
            told.setdefault((m.interval.start - START).days, {})[m.spec.metric] = m.value
    return {day: [of.get(metric) for metric in metrics] for day, of in told.items()}


OF_THAT_DAY = "taken_at >= timestamp '2026-03-20'"


def test_a_time_and_the_hour_that_it_is_written_with_hold_each_other(readings: Engine) -> None:
    told = chosen(scanned(readings))
    assert (told.follow, told.names) == ({}, ()), "no number follows from the others without the time"
    assert told.times is not None
    assert set(told.times.follow) == {"taken_at", "hour", "minute"}
    assert told.times.names == ("hour", "minute", "warmth", "taken_at"), "numbers first"
    assert Beside.read(str(told)) == told


def test_times_that_moved_by_an_hour_are_far_beside_their_hour(readings: Engine) -> None:
    whole = measured(scanned(readings), "taken_at")
    assert [whole[day][2] for day in range(4, DAYS)] == [0] * (DAYS - 4)
    readings.run(f"update t set taken_at = taken_at + interval 1 hour where {OF_THAT_DAY} and hour < 23")
    moved = measured(scanned(readings), "taken_at")
    assert {day: row for day, row in moved.items() if day < 19} == {d: row for d, row in whole.items() if d < 19}
    rows, median, far, most, _ = moved[19]
    assert (rows, far) == (ROWS, ROWS - 6)
    assert 4 < median <= most


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("timestamp '2026-03-05 06:30'", 6.5),
        ("timestamp '2026-03-04 22:00'", -2.0),
        ("timestamptz '2026-03-05 03:00+02'", 1.0),
        ("timestamp_ns '2026-03-05 12:00:00.000000001'", 12.0),
        ("date '2026-03-07'", 48.0),
        ("null::timestamp", None),
        ("timestamp 'infinity'", None),
        ("date '-infinity'", None),
        ("timestamptz 'infinity'", None),
    ],
)
@pytest.mark.parametrize("session", ["UTC", "America/New_York"])
def test_a_time_is_hours_from_the_beginning_of_its_rows_bucket(
    engine: Engine, written: str, hours: float | None, session: str
) -> None:
    engine.run(f"set timezone = '{session}'")
    assert read(engine, written, "day") == hours


def test_buckets_begin_where_they_are_cut(engine: Engine) -> None:
    assert read(engine, "date '2026-03-05'", "month") == 4 * 24
    assert read(engine, "timestamp '2026-03-05 08:00'", "day", ZoneInfo("Europe/Berlin")) == 9.0, (
        "a day in Berlin began at 23:00 UTC"
    )


def read(engine: Engine, written: str, grain: str, zone: ZoneInfo | None = None) -> float | None:
    """What is read of a time in a row of 5 March."""
    engine.run(f"create or replace table t as select timestamp '2026-03-05 07:00' as taken_at, {written} as other")
    dataset = engine.dataset("t")
    tally = Tally(dataset, ScanOptions(version=1, taken_at=NOW, time_column="taken_at", zone=zone), "duckdb")
    span = Window(dataset.columns[0], grain, Interval(start=START, end=START + timedelta(days=30)), zone)
    (row,) = engine.run(f"select {', '.join(Asked(['other'], []).cells(tally, span))} from t")
    told: float | None = row[1]
    return told


def test_of_a_time_that_is_written_again_and_of_the_loaders_own_nothing_is_said(readings: Engine) -> None:
    for name in ("updated_at", "last_seen_at", "_loaded_at", "sent_at"):
        readings.run(f"alter table t add column {name} timestamp; update t set {name} = taken_at + interval 5 minute")
    told = chosen(scanned(readings)).times
    assert told is not None
    assert set(told.names) == {"hour", "minute", "warmth", "taken_at", "sent_at"}


@pytest.mark.parametrize("odd", ["null", "timestamp 'infinity'"])
def test_a_row_without_a_time_is_not_judged_by_it(readings: Engine, odd: str) -> None:
    readings.run("alter table t add column sent_at timestamp; update t set sent_at = taken_at + interval 5 minute")
    readings.run(f"update t set sent_at = {odd} where reading_id % 12 = 0")
    left = measured(scanned(readings), "sent_at")
    assert {row[0] for row in left.values()} == {ROWS - 12}
    assert {row[2] for row in left.values()} == {0}


def test_numbers_that_follow_from_numbers_do_not_wait_for_a_time(readings: Engine) -> None:
    """A time that comes later is NULL in the newest rows, of which sums are to hold all the same."""
    readings.run("alter table t add column cold double; update t set cold = 100 - warmth + hash(reading_id) % 5 / 10.0")
    readings.run("alter table t add column sent_at timestamp; update t set sent_at = taken_at + interval 5 minute")
    readings.run(f"update t set sent_at = null, cold = 3 where {OF_THAT_DAY}")
    scan = scanned(readings)
    assert set(chosen(scan).follow) == {"warmth", "cold"}
    assert measured(scan, "cold")[19][0] == ROWS
    assert measured(scan, "cold")[19][2] > ROWS / 2
    assert 19 not in measured(scan, "taken_at")


def test_a_choice_of_before_stays_and_what_follows_with_times_is_added_once(readings: Engine) -> None:
    readings.run("alter table t add column cold double; update t set cold = 100 - warmth + hash(reading_id) % 5 / 10.0")
    first = scanned(readings)
    old = replace(chosen(first), times=None)
    assert "times" not in json.loads(str(old))
    assert Beside.read(str(old)) == old
    written = [
        replace(m, spec=replace(m.spec, argument=str(old))) if m.spec.metric == "beside" else m
        for m in first.measurements
        if m.spec.metric not in {"content", "rest_most", "rest_wide"}
        and not (m.spec.metric in LEFT and m.spec.column in {"taken_at", "hour", "minute"})
    ]
    later = scanned(readings, Grid.of(written))
    assert chosen(later) == chosen(first)
    assert all(measured(later, name) == measured(first, name) for name in ("cold", "taken_at"))
    assert scanned(readings, Grid.of(later.measurements)).reopened == frozenset()


def test_a_time_that_is_looked_at_opens_its_day_again(readings: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "DISTINCT_VALUES", 0)
    readings.run("alter table t add column sent_at timestamp; update t set sent_at = taken_at + interval 5 minute")
    known = Grid.of(scanned(readings).measurements)
    readings.run(f"update t set sent_at = sent_at + interval 1 hour where {OF_THAT_DAY}")
    later = scanned(readings, known)
    assert [i.start.day for i in later.reopened or ()] == [20]
    assert measured(later, "sent_at")[19][2] == ROWS
