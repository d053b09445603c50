"""What comes next, and what the past is like: bands that the next bucket lies in, trends and seasons that were put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.detect.days import DATASET, SETTINGS, evening, history, measured, shop, spec, whole
from tidegate.detect import TableHistory, outlook
from tidegate.detect.ahead import season, trend
from tidegate.model import Grid


def past(days: list, **more: object) -> TableHistory:
    """All of it is known, nothing is under test."""
    _, numbers = whole({("row_count", None, None): 9}, version=1)
    plain = TableHistory(
        dataset=DATASET, current=(), base=numbers, known=Grid.of(measured(days)), reopened=frozenset(), **more
    )
    return plain  # noqa: RET504  named for its shape


def test_the_next_day_lies_in_its_bands() -> None:
    days = shop(61)
    found = outlook(past(days[:60]), now=evening(days[:60]), settings=SETTINGS)
    assert (found.unit, found.points, found.following) == ("day", 60, measured(days)[-1].interval)
    bands = {e.spec: e for e in found.expectations}
    rows = bands[spec("row_count")]
    assert rows.band is not None
    assert rows.band.low <= (days[60]["row_count", None, None] or 0) <= rows.band.high
    assert rows.last == days[59]["row_count", None, None]
    coupon = bands[spec("null_count", "coupon")]
    assert coupon.kind == "nulls"
    assert coupon.band is not None
    assert 0.75 < coupon.band.low < coupon.band.high < 0.85
    assert coupon.band.high - coupon.band.low < 0.15, "the noise is that of the expected rows, and not of one"


def test_a_young_table_has_no_bands_and_says_n_of_m() -> None:
    days = shop(5)
    found = outlook(past(days), now=evening(days), settings=SETTINGS)
    assert (found.points, found.needed) == (5, 8)
    assert {e.band for e in found.expectations} == {None}
    assert {(e.points, e.needed) for e in found.expectations if e.spec == spec("row_count")} == {(5, 8)}


def test_what_must_not_teach_does_not() -> None:
    days = shop(30)
    days[20]["mean", "shipping", None] = 500.0
    hidden = past(days, excluded=[(spec("mean", "shipping"), measured(days[:21])[-1].interval)])
    (one,) = (
        e
        for e in outlook(hidden, now=evening(days), settings=SETTINGS).expectations
        if e.spec == spec("mean", "shipping")
    )
    assert one.points == 29
    assert one.band is not None
    assert one.band.high < 7


def test_nothing_known() -> None:
    empty = TableHistory(dataset=DATASET, current=(), known=Grid())
    found = outlook(empty, now=evening([]), settings=SETTINGS)
    assert (found.points, found.expectations, found.following) == (0, (), None)


def test_versions_of_a_table_without_time() -> None:
    versions = [whole({("row_count", None, None): 1000 + n % 3}, version=n) for n in range(1, 12)]
    table = TableHistory(dataset=DATASET, current=versions[-1][1], versions=versions[:-1])
    found = outlook(table, now=versions[-1][1][0].taken_at, settings=SETTINGS)
    assert (found.unit, found.points, found.seasons, found.following) == ("version", 11, (), None)
    (rows,) = found.expectations
    assert rows.band is not None
    assert rows.band.low <= 1001 <= rows.band.high


@pytest.mark.parametrize("growth", [1.0, 1.02, 0.98])
def test_trends(growth: float) -> None:
    rng = np.random.default_rng(4)
    rows = 1000 * growth ** np.arange(60) * rng.lognormal(0, 0.02, 60)
    found = trend(rows)
    assert found is not None
    assert found == pytest.approx(growth**30, rel=0.05)
    rows[10] *= 20
    assert trend(rows) == pytest.approx(found, rel=0.03), "one accident says nothing"
    assert trend(rows[:13]) is None


def test_a_weekday_season_is_found_and_noise_is_none() -> None:
    rng = np.random.default_rng(5)
    week = np.tile([1.0, 0.7, 0.8, 0.9, 1.0, 1.4, 1.3], 8)
    found = season(1000 * week * rng.lognormal(0, 0.02, 56), 7, "weekday")
    assert found.is_found
    assert np.argmax(found.effects) == 5
    assert not season(1000 * rng.lognormal(0, 0.1, 56), 7, "weekday").is_found
    assert season(np.full(20, 5.0), 7, "weekday").strength is None
    assert season(np.full(40, 5.0), 7, "weekday").strength == 0.0


def test_without_seasonality_no_season_is_looked_for() -> None:
    days = shop(40)
    found = outlook(past(days), now=evening(days), settings=replace(SETTINGS, seasonality=False))
    assert found.seasons == ()


def test_it_is_what_the_judge_expects() -> None:
    """The band that is shown for the next day is the one that the next day is judged by."""
    from tidegate.detect import judge_table

    days = shop(41)
    days[40] = {**days[40], ("row_count", None, None): 100}
    (rows,) = (
        e
        for e in outlook(past(days[:40]), now=evening(days[:40]), settings=SETTINGS).expectations
        if e.spec == spec("row_count")
    )
    found = next(
        f for f in judge_table(history(days), now=evening(days), settings=SETTINGS) if f.spec == spec("row_count")
    )
    assert rows.band is not None
    assert found.expected is not None
    assert (found.expected.low, found.expected.high) == (rows.band.low, rows.band.high)
