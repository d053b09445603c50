"""Which days excuse an even change of volume."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest

from tests.unit.detect.days import SETTINGS, evening, history, shop
from tidegate.detect.excuse import excuse, rests
from tidegate.detect.panel import Panel, build

FOURTH = date(2026, 7, 4)


def panel(days: list) -> Panel:
    built = build(history(days), now=evening(days), settings=SETTINGS)
    assert built is not None
    return built


@pytest.mark.parametrize(
    ("day", "change", "reason"),
    [
        (FOURTH, -1.0, "it is Independence Day"),
        (FOURTH, -math.inf, "it is Independence Day"),
        (FOURTH, 0.7, None),
        (date(2026, 7, 5), -0.3, "it is the weekend of Independence Day"),
        (date(2026, 7, 5), 0.3, "it is the weekend of Independence Day"),
        (date(2026, 7, 5), -0.7, None),
        (date(2026, 7, 3), -0.3, None),
        (date(2026, 7, 18), -0.3, None),
    ],
)
def test_excuses(day, change, reason):
    assert excuse(panel(shop(34)), day, change, SETTINGS) == reason


def test_days_that_the_user_named():
    quiet = replace(SETTINGS, quiet_days=frozenset({date(2026, 7, 15)}), holidays=False)
    assert excuse(panel(shop(34)), date(2026, 7, 15), -1.0, quiet) == "it is one of the quiet days"
    assert excuse(panel(shop(34)), FOURTH, -1.0, quiet) is None


def test_table_that_had_rows_on_every_holiday_is_not_excused_for_having_none():
    days = shop(90)  # Corpus Christi, Independence Day and Assumption Day had rows
    assert not rests(panel(days), SETTINGS)
    assert excuse(panel(days), date(2026, 11, 1), -math.inf, SETTINGS) is None
    days[33] = {}
    assert rests(panel(days), SETTINGS)


def test_months_have_no_holidays():
    assert excuse(replace(panel(shop(34)), grain="month"), FOURTH, -1.0, SETTINGS) is None
