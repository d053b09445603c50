"""When clocks change, which buckets are around that, and rows in which times are an hour off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tidegate.detect import others
from tidegate.detect.clocks import changes
from tidegate.model import Column, Family, Interval
from tidegate.scan.clocks import Around, around, hours

YEARS = Interval(start=datetime(2007, 1, 1, tzinfo=UTC), end=datetime(2036, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "where"),
    [("Europe/Berlin", "Europe"), ("Europe/Lisbon", "Europe"), ("Europe/Athens", "Europe"), ("America/New_York", "the United States"),
     ("America/Los_Angeles", "the United States"), ("America/Anchorage", "the United States")],
)  # fmt: skip
def test_the_common_changes_are_those_of_the_zones(zone: str, where: str) -> None:
    own, common = changes(YEARS, ZoneInfo(zone)), [c for c in changes(YEARS, None) if c.where == where]
    assert len(own) == len(common) == 2 * 29
    assert {c.where for c in own} == {zone}
    for mine, theirs in zip(own, common, strict=True):
        assert theirs.span.start <= mine.span.end <= theirs.span.end
        assert mine.span.end - mine.span.start == timedelta(hours=1)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Australia/Lord_Howe"])
def test_a_zone_whose_clocks_do_not_move_by_an_hour_has_no_changes(zone: str) -> None:
    assert changes(YEARS, ZoneInfo(zone)) == []
    assert changes(YEARS, ZoneInfo("UTC")) == changes(YEARS, None)


def test_the_edge_of_the_calendar_has_no_changes() -> None:
    first = Interval(start=datetime(1, 1, 1, tzinfo=UTC), end=datetime(1, 1, 9, tzinfo=UTC))
    assert changes(first, ZoneInfo("America/New_York")) == changes(first, None) == []


FIRST = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = [Interval(start=FIRST + timedelta(days=n), end=FIRST + timedelta(days=n + 1)) for n in range(90)]
EUROPE, AMERICA = 54, 61
"""25 October and 1 November."""


def near(at: int, zone: str | None = None, first: int = 0) -> Around | None:
    return around(ZoneInfo(zone) if zone else None, DAYS, {at: range(first, at)}).get(at)


def test_a_bucket_long_before_or_after_a_change_is_not_around_it() -> None:
    assert near(EUROPE - 1) is None
    assert near(AMERICA + 15) is None
    assert near(AMERICA + 14) == (list(range(AMERICA + 1, AMERICA + 14)), None)
    assert near(EUROPE, "Asia/Tokyo") is None
    assert around(None, DAYS, {}) == {}


@pytest.mark.parametrize("later", range(5))
def test_a_bucket_is_held_against_those_before_the_change_until_there_are_enough_since(later: int) -> None:
    told = near(EUROPE + later, "Europe/Berlin")
    assert told is not None
    assert list(told.past) == list(range(EUROPE - 14, EUROPE))
    assert told.change is not None
    assert told.change.where == "Europe/Berlin"
    assert near(EUROPE + 5, "Europe/Berlin") == (list(range(EUROPE + 1, EUROPE + 5)), None)


def test_of_two_changes_what_lies_between_counts_where_that_is_enough() -> None:
    told = near(AMERICA + 1)
    assert told is not None
    assert list(told.past) == list(range(EUROPE + 1, AMERICA))
    short = near(AMERICA + 1, first=AMERICA - 3)
    assert short is None, "three buckets are too few"
    few = around(None, DAYS, {AMERICA + 1: [*range(40, EUROPE), AMERICA - 2, AMERICA - 1]})[AMERICA + 1]
    assert list(few.past) == [*range(42, EUROPE), AMERICA - 2, AMERICA - 1]


def test_an_hour_is_one_of_a_time_and_none_of_a_number_or_a_date() -> None:
    columns = [
        Column(name="at", type="TIMESTAMP", family=Family.TIME),
        Column(name="on", type="DATE", family=Family.TIME),
        Column(name="hour", type="INTEGER", family=Family.NUMBER),
    ]
    assert hours(columns, ["hour", "at", "on"], np.array([4.0, 8.0, 2.0])).tolist() == [0.0, 0.125, 0.0]


HOURS = np.array([0.0, 1.0, 1.0, 0.0])
"""Of a local hour, two times in UTC that follow from it, and minutes."""


def rows(count: int = 200, seed: int = 4) -> np.ndarray:
    dice = np.random.default_rng(seed)
    hour, minute = dice.integers(6, 22, count).astype(float), dice.integers(0, 60, count).astype(float)
    return np.column_stack([hour, hour + 4, hour + 4 + minute / 60, minute])


def weighed() -> tuple[list[np.ndarray], list[float]]:
    square = others.products(rows(seed=3))
    return [others.solved(square, at) for at in range(3)], [0.01, 0.01, 0.01]


@pytest.mark.parametrize(
    ("column", "off", "moved"),
    [(0, 1.0, (1, 2)), (0, -1.0, (1, 2)), (1, 1.0, (1,)), (2, -1.0, (2,))],
)
def test_rows_are_put_right_where_times_are_an_hour_off(column: int, off: float, moved: tuple[int, ...]) -> None:
    late = rows()
    late[60:, column] += off
    put, said = others.without_hour(late, *weighed(), HOURS)
    assert said == moved
    assert others.burden(late, *weighed())[60:].min() > 2 * others.FAR
    assert others.burden(put, *weighed()).max() < others.FAR
    assert np.array_equal(put[:60], late[:60]), "rows from before the change stay as they are"


@pytest.mark.parametrize("off", [0.0, 0.5, 2.0])
def test_rows_that_are_not_an_hour_off_stay_as_they_are(off: float) -> None:
    late = rows()
    late[:, 0] += off
    put, said = others.without_hour(late, *weighed(), HOURS)
    assert said == ()
    assert np.array_equal(put, late)


def test_a_row_that_cannot_be_judged_weighs_nothing() -> None:
    late = rows()
    late[0, 3] = np.nan
    assert others.burden(late, *weighed())[0] == 0.0
