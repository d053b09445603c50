"""Budgets and alarms, with numbers worked out by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.model import Indicator, Interval, Objective
from tidegate.slo import Account, Standing, Stretch, Track, account

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
DAY = 24.0


def objective(target: float = 0.99, days: float = 30) -> Objective:
    window = timedelta(days=days)
    return Objective(product="p", indicator=Indicator.FRESHNESS, name="freshness", target=target, window=window)


def track(*parts: tuple[float, float, float, float]) -> Track:
    """Parts as (from hours ago, until hours ago, good, bad)."""
    return tuple(
        Stretch(interval=Interval(start=NOW - timedelta(hours=a), end=NOW - timedelta(hours=b)), good=good, bad=bad)
        for a, b, good, bad in parts
    )


def good_but(*bad: tuple[float, float], since: float = 40 * DAY) -> Track:
    """Good since then, apart from the bad hours."""
    parts, at = [], since
    for start, end in bad:
        parts += [(at, start, 1.0, 0.0), (start, end, 0.0, 1.0)]
        at = end
    return track(*[p for p in (*parts, (at, 0.0, 1.0, 0.0)) if p[0] > p[1]])


def fired(found: Account) -> list[float]:
    return [burn.limit for burn in found.burns if burn.fires]


def test_the_rates_are_those_of_the_workbook() -> None:
    """Table 5-8: 2 % of the budget in an hour is 14.4 times too fast, 5 % in 6 hours 6 times, 10 % in 3 days once."""
    found = account(good_but(), objective(), NOW)
    told = [(b.limit, b.long, b.short, b.pages) for b in found.burns]
    assert told == [
        (pytest.approx(14.4), timedelta(hours=1), timedelta(minutes=5), True),
        (pytest.approx(6.0), timedelta(hours=6), timedelta(minutes=30), True),
        (pytest.approx(1.0), timedelta(days=3), timedelta(hours=6), False),
    ]


def test_all_good_is_met_with_the_whole_budget_left() -> None:
    found = account(good_but(), objective(), NOW)
    assert (found.standing, found.left, found.alarm, found.exhausted_at) == (Standing.MET, 1.0, None, None)
    assert found.is_fine


def test_one_percent_of_thirty_days_are_seven_hours_and_twelve_minutes() -> None:
    assert account(good_but((20, 12.9)), objective(), NOW).standing is Standing.MET
    missed = account(good_but((20, 12.7)), objective(), NOW)
    assert missed.standing is Standing.MISSED
    assert missed.spent == pytest.approx(7.3 / 7.2)
    assert missed.exhausted_at == NOW


def test_bad_time_that_left_the_window_is_forgotten() -> None:
    assert account(good_but((39 * DAY, 30 * DAY)), objective(), NOW).spent == 0


def test_nine_bad_minutes_page_and_eight_do_not() -> None:
    """At 1 % allowed, all bad burns 100 times too fast; 14.4 % of an hour are 8.64 minutes."""
    assert fired(account(good_but((8 / 60, 0)), objective(), NOW)) == []
    assert fired(account(good_but((9 / 60, 0)), objective(), NOW)) == [pytest.approx(14.4)]


def test_an_alarm_ends_soon_after_its_cause() -> None:
    """The hour still burns 25 times too fast, the last five minutes do not."""
    assert fired(account(good_but((0.5, 0.25)), objective(), NOW)) == []


def test_a_slow_burn_is_a_ticket_and_no_page() -> None:
    found = account(good_but((60, 59), (30, 29), (2, 1)), objective(), NOW)
    assert fired(found) == [pytest.approx(1.0)]
    assert found.alarm is not None
    assert not found.alarm.pages


def test_windows_scale_with_the_objective() -> None:
    """In a window of 3 days the page looks at 6 minutes."""
    found = account(good_but((1.3 / 60, 0)), objective(days=3), NOW)
    assert found.burns[0].long == timedelta(minutes=6)
    assert fired(found) == [pytest.approx(14.4)]


def test_unknown_time_is_neither_good_nor_burnt() -> None:
    found = account(track((10 * DAY, 4 * DAY, 1, 0), (DAY, 0, 1, 0)), objective(), NOW)
    assert found.tally.unknown_s == pytest.approx(3 * 86_400)
    assert (found.spent, found.standing) == (0.0, Standing.MET)
    assert found.window.start == NOW - timedelta(days=10)


def test_mostly_unknown_is_unknown() -> None:
    assert account(track((10 * DAY, 9 * DAY, 1, 0), (DAY, 0, 1, 0)), objective(), NOW).standing is Standing.UNKNOWN


def test_an_unknown_present_is_unknown_whatever_was_before() -> None:
    found = account(track((10 * DAY, 1, 1, 0)), objective(), NOW)
    assert (found.standing, found.known_now) == (Standing.UNKNOWN, False)


def test_nothing_known_is_unknown_and_spends_nothing() -> None:
    found = account((), objective(), NOW)
    assert (found.standing, found.spent, found.tally.actual) == (Standing.UNKNOWN, 0.0, None)
    assert all(b.over_long is None and not b.fires for b in found.burns)


def test_missed_is_missed_even_when_the_present_is_unknown() -> None:
    assert account(track((10 * DAY, 9 * DAY, 0, 1)), objective(), NOW).standing is Standing.MISSED


def test_where_nothing_is_allowed_one_bad_second_is_too_much() -> None:
    found = account(good_but((1, 0.999)), objective(target=1.0), NOW)
    assert (found.standing, found.spent, found.left) == (Standing.MISSED, math.inf, 0.0)
    assert account(good_but(), objective(target=1.0), NOW).standing is Standing.MET


def test_the_forecast_goes_on_at_the_pace_of_the_last_tenth() -> None:
    """2 bad hours in 3 days, and 5.2 are left of 7.2: at 2/3 of an hour a day they last 7.8 days, while nothing leaves."""
    found = account(good_but((40, 38)), objective(), NOW)
    assert found.exhausted_at is not None
    assert (found.exhausted_at - NOW) / timedelta(days=1) == pytest.approx(7.8)


def test_what_leaves_the_window_is_given_back() -> None:
    """6 hours are spent, 5 of them leave tomorrow; without that the budget would be gone after 3.6 days."""
    found = account(good_but((29.5 * DAY, 29.5 * DAY - 5), (40, 39)), objective(), NOW)
    assert found.exhausted_at is not None
    assert (found.exhausted_at - NOW) / timedelta(days=1) == pytest.approx((7.2 - 1) * 3)


def test_a_pace_that_the_window_bears_lasts_for_ever() -> None:
    """A quarter of an hour in 3 days are 2.5 hours in 30."""
    assert account(good_but((40, 39.75)), objective(), NOW).exhausted_at is None


def test_since_when_it_is_bad() -> None:
    assert account(good_but((5, 0)), objective(), NOW).bad_since == NOW - timedelta(hours=5)
    assert account(good_but((5, 1)), objective(), NOW).bad_since is None


def test_the_cells_are_the_days_of_the_window_oldest_first() -> None:
    found = account(good_but((30, 26)), objective(), NOW)
    assert len(found.cells) == 30
    assert [round(c.bad_s / 3600, 6) for c in found.cells[-3:]] == [0, 4, 0]
