"""Days that are holidays, against calendars of those years."""

from __future__ import annotations

from datetime import date

import pytest

from tidegate.detect.holidays import easter, holiday


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1961, date(1961, 4, 2)),
        (2000, date(2000, 4, 23)),
        (2024, date(2024, 3, 31)),
        (2026, date(2026, 4, 5)),
        (2038, date(2038, 4, 25)),
    ],
)
def test_easter(year, day):
    assert easter(year) == day


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 4, 6), "Easter Monday"),
        (date(2026, 5, 14), "Ascension Day"),
        (date(2026, 12, 25), "Christmas Day"),
        (date(2013, 11, 28), "Thanksgiving"),
        (date(2013, 11, 29), "the day after Thanksgiving"),
        (date(2019, 11, 29), "the day after Thanksgiving"),
        (date(2024, 11, 29), "the day after Thanksgiving"),
        (date(2013, 9, 2), "Labor Day"),
        (date(2013, 5, 27), "Memorial Day"),
        (date(2013, 5, 6), "the early May bank holiday"),
        (date(2011, 8, 29), "the summer bank holiday"),
        (date(2026, 6, 17), None),
        (date(2024, 11, 22), None),
        (date(1, 1, 2), None),
    ],
)
def test_named_days(day, name):
    assert holiday(day) == name


def test_holidays_are_few():
    days = [date.fromordinal(n) for n in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())]
    assert 20 <= sum(holiday(d) is not None for d in days) <= 27
