"""Which days excuse an even change of volume."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest

from tests.unit.detect.days import SETTINGS, evening, history, scaled, shop
from tidegate.detect import DetectSettings, judge_table
from tidegate.detect.excuse import excuse, rests
from tidegate.detect.judge import examine
from tidegate.detect.panel import Panel, build
from tidegate.detect.series import Aspect

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


def test_the_holidays_of_a_country_are_the_only_ones():
    german = replace(SETTINGS, named_days={date(2026, 7, 15): "a feast"})
    assert excuse(panel(shop(34)), date(2026, 7, 15), -1.0, german) == "it is a feast"
    assert excuse(panel(shop(34)), FOURTH, -1.0, german) is None


def test_weekends_that_lie_elsewhere():
    friday = date(2026, 7, 3)
    assert excuse(panel(shop(34)), friday, -0.3, SETTINGS) is None
    gulf = replace(SETTINGS, weekend=frozenset({4, 5}))
    assert excuse(panel(shop(34)), friday, -0.3, gulf) == "it is the weekend of Independence Day"


def test_without_seasonality_a_weekday_is_not_compared_with_its_like():
    days = shop(40)
    for at, day in enumerate(days):
        scaled(day, 0.3 if at % 7 == 5 else 1.0)
    spring = replace(SETTINGS, seasonality=False, budget=0.05)
    with_seasons, without = (
        judge_table(history(days), now=evening(days), settings=s) for s in (replace(SETTINGS, budget=0.05), spring)
    )
    methods = [scored_method(days, s) for s in (SETTINGS, spring)]
    assert "weekday" in methods[0]
    assert "weekday" not in methods[1]
    assert with_seasons == without == ()


def scored_method(days: list, settings: DetectSettings) -> str:
    """How the rows of the newest day were forecast."""
    table = history(days)
    built = build(table, now=evening(days), settings=settings)
    assert built is not None
    (look,) = examine(built, table, settings)
    return look.scores[Aspect.VOLUME].methods[0]
