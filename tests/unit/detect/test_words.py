"""How numbers and buckets are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.detect import words
from tidegate.model import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (1234567, "1,234,567"),
        (0.04567, "0.0457"),
        (12.345, "12.35"),
        (123.4, "123"),
        (-5.5, "-5.5"),
        (1e16, "1e+16"),
    ],
)
def test_number(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.00001, "under 0.1 %"), (0.0042, "0.4 %"), (0.31, "31 %"), (1, "100 %")]
)
def test_percent(share, text):
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 s after"),
        (0.011, "40 s after"),
        (0.9999, "1 h after"),
        (0.2, "12 min after"),
        (5.2, "5 h 12 min after"),
        (-5, "5 h before"),
        (47.99, "47 h 59 min after"),
        (84, "3.5 days after"),
    ],
)
def test_how_long_after(hours, text):
    assert words.after(hours) == text


@pytest.mark.parametrize(
    ("observed", "expected", "text"),
    [
        (53, 100, "47 % fewer than usual"),
        (130, 100, "30 % more than usual"),
        (205, 100, "2.0 times as many as usual"),
        (5, 0, "none is usual"),
    ],
)
def test_change(observed, expected, text):
    assert words.change(observed, expected) == text


@pytest.mark.parametrize(
    ("observed", "expected", "text"),
    [
        (7000, 70.7, "about 100 times its usual value"),
        (141, 70, "about 2 times its usual value"),
        (35, 70, "about 50 % of its usual value"),
        (0.7, 70, "about 1/100 of its usual value"),
        (-70, 70, "with another sign than usual"),
        (0, 70, "as good as zero"),
        (70, 0, "usually it is as good as zero"),
    ],
)
def test_factor(observed, expected, text):
    assert words.factor(observed, expected) == text


def at(start: datetime, **length: float) -> Interval:
    return Interval(start=start, end=start + timedelta(**length))


@pytest.mark.parametrize(
    ("interval", "grain", "text"),
    [
        (at(datetime(2026, 8, 23, tzinfo=UTC), days=1), "day", "Sunday 2026-08-23"),
        (at(datetime(2026, 8, 22, 22, tzinfo=UTC), days=1), "day", "Sunday 2026-08-23"),
        (at(datetime(2026, 8, 23, 14, tzinfo=UTC), hours=1), "hour", "2026-08-23 14:00 UTC"),
        (at(datetime(2026, 8, 17, tzinfo=UTC), days=7), "week", "the week of 2026-08-17"),
        (at(datetime(2026, 8, 1, tzinfo=UTC), days=31), "month", "August 2026"),
    ],
)
def test_bucket(interval, grain, text):
    assert words.bucket(interval, grain) == text


def test_listed():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b"]) == "a and b"
    assert words.listed(list("abcdef")) == "a, b, c, d and 2 more"
