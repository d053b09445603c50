"""Freshness: closed buckets without rows, beside how late rows were at earlier runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.unit.detect.days import SETTINGS, START, history, measured, shop, whole
from tidegate.detect import judge_table
from tidegate.model import Finding, Grid

NEWEST = ("max", "created_at", None)


def run(days: list, *, now: datetime, seen: list[tuple[datetime, datetime]]) -> tuple[Finding, ...]:
    """`seen` are the earlier runs: when, and the newest row that they saw."""
    versions = [whole({NEWEST: newest.timestamp()}, version=n, at=at) for n, (at, newest) in enumerate(seen)]
    given = history(days, before=days, versions=versions, time_column="created_at")
    return judge_table(given, now=now, settings=SETTINGS)


def nightly(days: int, runs: int, *, late: int = 0) -> list[tuple[datetime, datetime]]:
    ends = [START + timedelta(days=days - back) for back in range(runs, 0, -1)]
    return [(end + timedelta(hours=5), end - timedelta(days=late, minutes=3)) for end in ends]


def test_a_day_without_rows_holds():
    days = shop(40)
    (found,) = run(days, now=START + timedelta(days=41, hours=5), seen=nightly(41, 20))
    assert (found.kind, found.holds, found.key) == ("freshness", True, "raw.orders/freshness")
    assert (
        "has no rows after Friday 2026-07-10: 1 day that is over has none, at 20 earlier runs it was none"
        in found.sentence
    )
    assert found.since == "Saturday 2026-07-11"


def test_rows_on_time_say_nothing():
    assert run(shop(40), now=START + timedelta(days=40, hours=5), seen=nightly(40, 20)) == ()


def test_table_that_is_always_two_days_late():
    days = shop(40)
    assert run(days, now=START + timedelta(days=42, hours=5), seen=nightly(42, 20, late=2)) == ()
    (found,) = run(days, now=START + timedelta(days=43, hours=5), seen=nightly(43, 20, late=2))
    assert "at 20 earlier runs it was at most 2" in found.sentence


def test_first_run_cannot_know():
    assert run(shop(40), now=START + timedelta(days=400), seen=[]) == ()


def test_a_day_of_which_the_rows_are_not_known_hides_no_missing_day():
    days = shop(40)
    days[20][("row_count", None, None)] = float("inf")
    (found,) = run(days, now=START + timedelta(days=41, hours=5), seen=nightly(41, 20))
    assert (found.kind, found.holds) == ("freshness", True)


def test_old_data_that_is_played_back_is_not_stale():
    days = shop(40)
    past = [(START + timedelta(days=3000 + n), START + timedelta(days=20 + n, minutes=-3)) for n in range(20)]
    assert run(days, now=START + timedelta(days=3020), seen=past) == ()


def test_table_that_rests_at_weekends():
    days = [d if at % 7 < 5 else {} for at, d in enumerate(shop(40))]  # the newest is Friday
    friday = START + timedelta(days=40, hours=5)
    assert run(days, now=friday + timedelta(days=2), seen=nightly(40, 3)) == ()
    assert [f.kind for f in run(days, now=friday + timedelta(days=3), seen=nightly(40, 3))] == ["freshness"]


def resting(at: int) -> bool:
    return at % 7 >= 5  # START is a Monday


def weekdays(runs: int, *, until: int) -> list[tuple[datetime, datetime]]:
    """A run every night, weekends included, that saw the rows of the last weekday."""
    seen = []
    for at in range(until - runs + 1, until + 1):
        newest = next(d for d in range(at - 1, -1, -1) if not resting(d))
        seen.append((START + timedelta(days=at, hours=2), START + timedelta(days=newest, hours=23)))
    return seen


@pytest.mark.parametrize("runs", [2, 9, 20])
def test_a_weekday_without_rows_is_missed_at_once_by_a_table_that_rests_at_weekends(runs):
    days = [{} if resting(at) else d for at, d in enumerate(shop(44))]  # the newest is Tuesday 14 July
    assert run(days, now=START + timedelta(days=44, hours=2), seen=weekdays(runs, until=43)) == ()
    (found,) = run(days, now=START + timedelta(days=45, hours=2), seen=weekdays(runs, until=44))
    assert found.holds
    assert "1 day that is over and usually has rows has none" in found.sentence


@pytest.mark.parametrize("runs", [2, 9, 20])
def test_a_monday_without_rows_after_a_resting_weekend(runs):
    days = [{} if resting(at) else d for at, d in enumerate(shop(40))]  # the newest is Friday 10 July
    for silent in (41, 42):
        assert run(days, now=START + timedelta(days=silent, hours=2), seen=weekdays(runs, until=40)) == ()
    (found,) = run(days, now=START + timedelta(days=43, hours=2), seen=weekdays(runs, until=40))
    assert found.since == "Monday 2026-07-13"


def test_without_seasonality_every_day_counts():
    days = [{} if resting(at) else d for at, d in enumerate(shop(44))]
    settings = replace(SETTINGS, seasonality=False)
    versions = [
        whole({NEWEST: newest.timestamp()}, version=n, at=at) for n, (at, newest) in enumerate(weekdays(20, until=44))
    ]
    given = history(days, before=days, versions=versions, time_column="created_at")
    assert judge_table(given, now=START + timedelta(days=45, hours=2), settings=settings) == ()


def test_one_missing_holiday_is_told_and_does_not_hold():
    days = shop(33)  # Saturday 4 July is missing
    (found,) = run(days, now=START + timedelta(days=34, hours=5), seen=nightly(33, 20))
    assert not found.holds
    assert "Independence Day" in found.sentence


def test_newest_row_in_the_open_day_is_fresh():
    days = shop(40)
    open_day = measured([*days, {("row_count", None, None): 30}])
    versions = [whole({NEWEST: n.timestamp()}, version=v, at=a) for v, (a, n) in enumerate(nightly(40, 20))]
    given = history(days, before=days, current=open_day, versions=versions, time_column="created_at")
    assert judge_table(given, now=START + timedelta(days=40, hours=5), settings=SETTINGS) == ()


FAR = datetime(2099, 12, 31, tzinfo=START.tzinfo)


def test_a_row_of_the_future_hides_no_missing_day():
    days, seen = shop(40), nightly(40, 20)
    given = history(
        days, before=days, versions=[whole({NEWEST: t.timestamp()}, version=n, at=at) for n, (at, t) in enumerate(seen)]
    )
    (_, future) = whole({NEWEST: FAR.timestamp()}, version=99, at=START + timedelta(days=41))
    given = replace(given, time_column="created_at", current=[*given.current, *future])
    assert judge_table(given, now=START + timedelta(days=40, hours=5), settings=SETTINGS) == ()
    (found,) = judge_table(given, now=START + timedelta(days=41, hours=5), settings=SETTINGS)
    assert "1 day that is over has none, at 20 earlier runs it was none" in found.sentence


def test_where_rows_of_the_future_hide_how_late_a_table_was_its_own_gaps_tell():
    days, seen = shop(40), [(at, FAR) for at, _ in nightly(40, 20)]
    (found,) = run(days, now=START + timedelta(days=41, hours=5), seen=seen)
    assert "1 day that is over has none, in a row before it was none; usual are" in found.sentence
    days[20] = {}
    assert run(days, now=START + timedelta(days=41, hours=5), seen=seen) == ()
    assert [f.kind for f in run(days, now=START + timedelta(days=42, hours=5), seen=seen)] == ["freshness"]


def test_the_published_version_is_one_run():
    days = shop(40)
    versions = [
        whole({NEWEST: newest.timestamp()}, version=n, at=at) for n, (at, newest) in enumerate(nightly(41, 2), 1)
    ]
    given = history(days, before=days, versions=versions, base=[*measured(days, version=2), *versions[-1][1]])
    (found,) = judge_table(
        replace(given, time_column="created_at"), now=START + timedelta(days=41, hours=5), settings=SETTINGS
    )
    assert "at 2 earlier runs it was none" in found.sentence


@pytest.mark.parametrize("away", [timedelta(days=36500), timedelta(days=-20000)])
def test_rows_that_all_moved_to_other_times_hold(away):
    days = shop(40)
    given = history(days, before=days, current=measured(days, start=START + away))
    (found,) = judge_table(given, now=START + timedelta(days=40, hours=5), settings=SETTINGS)
    assert (found.key, found.holds) == ("raw.orders/freshness", True)
    assert "has rows in none of the 40 days up to Friday 2026-07-10" in found.sentence


def test_a_table_that_keeps_its_newest_day_alone_has_not_moved_away():
    days = shop(40)
    given = history(days, before=days[:30], current=measured(days[39:], start=START + timedelta(days=39)))
    found = judge_table(given, now=START + timedelta(days=40, hours=5), settings=SETTINGS)
    assert "freshness" not in {f.kind for f in found}


@pytest.mark.parametrize(("oldest", "away"), [(START, False), (START + timedelta(days=40), True)])
def test_a_scan_of_the_day_that_goes_on_leaves_the_others_where_they_were(oldest, away):
    """A second run of the day reads what came since; the other days are still there, unless the oldest row says that none is."""
    days = shop(41)
    today = measured(days[40:], start=START + timedelta(days=40))
    (_, ends) = whole({("min", "created_at", None): oldest.timestamp()}, version=2, at=START + timedelta(days=40))
    given = history(days[:40], before=days[:40], current=[*today, *ends])
    given = replace(
        given,
        time_column="created_at",
        known=Grid.of(measured(days[:40])),
        reopened=frozenset({today[0].interval}),
    )
    found = judge_table(given, now=START + timedelta(days=40, hours=12), settings=SETTINGS)
    assert ("freshness" in {f.kind for f in found}) is away
