"""Days on which trade and traffic are unlike themselves in many countries, worked out from the date alone."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

FIXED = {
    (1, 1): "New Year's Day",
    (1, 6): "Epiphany",
    (5, 1): "Labour Day",
    (7, 4): "Independence Day",
    (8, 15): "Assumption Day",
    (11, 1): "All Saints' Day",
    (12, 24): "Christmas Eve",
    (12, 25): "Christmas Day",
    (12, 26): "Boxing Day",
    (12, 31): "New Year's Eve",
}
AFTER_EASTER = {
    -2: "Good Friday",
    0: "Easter Sunday",
    1: "Easter Monday",
    39: "Ascension Day",
    49: "Whit Sunday",
    50: "Whit Monday",
    60: "Corpus Christi",
}


@cache
def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, after Meeus, Jones and Butcher ("Nature", 1876)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * weekday) // 433
    month = (h + weekday - 7 * m + 90) // 25
    return date(year, month, (h + weekday - 7 * m + 33 * month + 19) % 32)


def holiday(day: date) -> str | None:
    """Name the holiday that `day` is in a good part of Europe or in the United States, None on an ordinary day."""
    if name := FIXED.get((day.month, day.day)):
        return name
    try:
        after = (day - easter(day.year)).days
    except ValueError:  # a year at the edge of the calendar
        return None
    return AFTER_EASTER.get(after) or american(day) or bank_holiday(day)


def american(day: date) -> str | None:
    """The holidays of the United States that fall on a weekday of a month."""
    week = (day.day - 1) // 7 + 1
    if day.month == 11 and (day - timedelta(days=1)).month == 11 and day.weekday() == 4 and (day.day - 2) // 7 == 3:
        return "the day after Thanksgiving"
    if day.month == 11 and day.weekday() == 3 and week == 4:
        return "Thanksgiving"
    if day.month == 9 and day.weekday() == 0 and week == 1:
        return "Labor Day"
    return None


def bank_holiday(day: date) -> str | None:
    """The Mondays on which Britain rests; the last of May is Memorial Day in the United States too."""
    if day.weekday() != 0 or day.month not in (5, 8):
        return None
    if day.month == 5 and day.day <= 7:
        return "the early May bank holiday"
    last = (day + timedelta(days=7)).month != day.month
    return ("Memorial Day" if day.month == 5 else "the summer bank holiday") if last else None
