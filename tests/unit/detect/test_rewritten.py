"""A past that was published and is another one now: a model that was rebuilt is wrong in every day alike."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.detect.days import (
    SETTINGS,
    START,
    Name,
    bucket,
    evening,
    history,
    judged,
    scaled,
    shop,
    spec,
    whole,
    without,
)
from tidegate.detect import TableHistory, judge_table

ROWS = ("row_count", None, None)
Days = list[dict[Name, float | None]]


def rebuilt(days: Days, published: Days, *, rows: tuple[float, ...] | None = None, **more: object) -> TableHistory:
    """The newest day is new and all others are built again; `rows` are those of the whole table, version after version."""
    plain = history(days, before=published, **more)
    sizes = rows or (sum(d[ROWS] or 0 for d in published), sum(d[ROWS] or 0 for d in days))
    versions = [whole({ROWS: size}, version=n + 1, at=START + timedelta(days=60)) for n, size in enumerate(sizes)]
    return replace(
        plain,
        current=[*plain.current, *versions[-1][1]],
        base=[*plain.base, *versions[-2][1]],
        versions=versions[:-1],
    )


def told(given: TableHistory, days: Days) -> list[str]:
    found = judge_table(given, now=evening(days), settings=SETTINGS)
    return [f.sentence for f in found if "was rewritten" in f.sentence]


def changed(change) -> tuple[Days, Days]:
    """All days but the newest as they were published, and all of them with a change."""
    days = shop()
    published = copy.deepcopy(days[:-1])
    for day in days:
        change(day)
    return days, published


def test_a_past_that_stayed_says_nothing():
    days, published = changed(lambda _: None)
    assert judge_table(rebuilt(days, published), now=evening(days), settings=SETTINGS) == ()


def test_a_join_that_fans_out_in_every_day_holds():
    days, published = changed(lambda day: scaled(day, 1.8))
    (found,) = judge_table(rebuilt(days, published), now=evening(days), settings=SETTINGS)
    before = sum(d[ROWS] or 0 for d in published[:-1])
    assert (found.key, found.kind, found.holds) == ("raw.orders/volume/past", "volume", True)
    assert found.sentence.startswith("the past of raw.orders was rewritten: ")
    assert f"rows in the 58 days that had {before:,.0f} in version 1, 80 % more" in found.sentence
    assert found.expected.centre == before
    assert "a join that finds several rows for one multiplies them" in found.hint
    assert "`tidegate diff 1 2`" in found.hint


def test_a_tenth_of_the_rows_filtered_out_everywhere_is_told():
    days, published = changed(lambda day: scaled(day, 0.9))
    (found,) = judge_table(rebuilt(days, published), now=evening(days), settings=SETTINGS)
    assert (found.kind, found.holds) == ("volume", False)
    assert "10 % fewer" in found.sentence


def test_a_country_that_is_gone_from_every_day_explains_the_rows():
    days, published = changed(lambda day: without(day, "FR"))
    (found,) = judge_table(rebuilt(days, published), now=evening(days), settings=SETTINGS)
    assert (found.key, found.holds) == ("raw.orders/segment/past/country=FR", True)
    assert "country = FR has 0 rows in the 58 days that had " in found.sentence


def test_a_unit_that_changed_in_every_day_holds():
    days, published = changed(
        lambda day: day.update({("mean", "total", None): 100 * (day["mean", "total", None] or 0)})
    )
    (sentence,) = told(rebuilt(days, published), days)
    assert "the mean of total is 6,967 in the 58 days, 69.67 in version 1" in sentence
    assert sentence.endswith(": about 100 times what it was")


@pytest.mark.parametrize(("times", "matters"), [(1.24, False), (1.36, True), (0.8, False), (0.68, True)])
def test_a_mean_that_moved_by_less_than_a_third_is_left_alone(times, matters):
    days, published = changed(
        lambda day: day.update({("mean", "total", None): times * (day["mean", "total", None] or 0)})
    )
    assert bool(told(rebuilt(days, published), days)) is matters


def test_a_column_that_is_null_in_every_day_holds():
    days, published = changed(lambda day: day.update({("null_count", "total", None): day[ROWS]}))
    (sentence,) = told(rebuilt(days, published), days)
    assert "total is NULL in 100 % of the rows of the 58 days, 0 % in version 1" in sentence


@pytest.mark.parametrize("share", [0.4, 0.6])
def test_most_of_the_days_must_be_others(share):
    days = shop()
    published = copy.deepcopy(days[:-1])
    for day in days[: round(60 * share)]:
        scaled(day, 1.8)
    assert bool(told(rebuilt(days, published), days)) is (share > 0.5)


def test_days_that_moved_either_way_have_no_direction():
    days = shop()
    published = copy.deepcopy(days[:-1])
    for n, day in enumerate(days):
        scaled(day, 2.0 if n % 5 < 2 else 0.9)
    sizes = (sum(d[ROWS] or 0 for d in published), 10 * sum(d[ROWS] or 0 for d in days))
    assert not told(rebuilt(days, published, rows=sizes), days)


def test_rows_that_moved_to_other_days_are_not_lost():
    """Times at which rows were last seen: the days before lose them, and the newest one has them."""
    days, published = changed(lambda day: scaled(day, 0.8))
    total = sum(d[ROWS] or 0 for d in published)
    assert told(rebuilt(days, published), days)
    assert not told(rebuilt(days, published, rows=(total, total)), days)


def test_what_was_multiplied_and_is_repaired_is_no_news():
    days, published = changed(lambda day: scaled(day, 0.5))
    now = sum(d[ROWS] or 0 for d in days)
    assert told(rebuilt(days, published, rows=(1.9 * now, 2 * now, now)), days)
    assert not told(rebuilt(days, published, rows=(0.98 * now, 2 * now, now)), days)


def test_days_that_an_unanswered_incident_is_about_are_no_measure():
    days, published = changed(lambda day: scaled(day, 1.8))
    known = [(spec("row_count"), bucket(at)) for at in range(60)]
    assert not told(rebuilt(days, published, excluded=known), days)


def test_a_young_table_is_left_alone():
    days = shop(6)
    published = copy.deepcopy(days[:-1])
    for day in days:
        scaled(day, 1.8)
    assert not [f for f in judged(days, before=published) if "was rewritten" in f.sentence]
