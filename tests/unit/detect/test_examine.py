"""Several buckets under test: what one of them teaches the next, series by series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.detect.days import SETTINGS, evening, history, measured, scaled, shop, without
from tidegate.detect import story
from tidegate.detect.excuse import quiet
from tidegate.detect.forecast import forecast, predict
from tidegate.detect.judge import examine, taught
from tidegate.detect.panel import build, numbers
from tidegate.detect.score import Scored, chances, score
from tidegate.detect.series import Aspect, Series, series
from tidegate.model import Grid

NEW = 5


@pytest.mark.parametrize("fault", ["none", "rows", "country", "nulls"])
def test_after_something_strange_its_series_are_forecast_without_it(fault):
    """As if every series were forecast again before every bucket."""
    days = shop(70)
    if fault == "rows":
        scaled(days[-4], 0.4)
        scaled(days[-3], 0.4)
    if fault == "country":
        without(days[-4], "DE")
    if fault == "nulls":
        days[-4]["null_count", "coupon", None] = 5
    told = history(days, before=days[:-NEW])
    panel = build(told, now=evening(days), settings=SETTINGS)
    assert panel is not None
    assert panel.new == tuple(range(70 - NEW, 70))
    made = series(panel, panel.values, panel.new[0])
    y = np.concatenate([taught(one, panel.values) for one in made])
    struck = 0
    for look in examine(panel, told, SETTINGS):
        said = predict(y, panel.seasons, NEW + SETTINGS.most_points)
        floor = np.concatenate([one.noise(look.at) for one in made])
        cast = forecast(y, said, look.at, points=SETTINGS.most_points, skip=quiet(panel, SETTINGS), floor=floor)
        found = list(look.scores.values())
        assert [s.aspect for s in found] == [one.aspect for one in made]
        assert np.array_equal(np.concatenate([s.centre for s in found]), cast.centre, equal_nan=True)
        assert np.array_equal(np.concatenate([s.points for s in found]), cast.points)
        strange = np.concatenate([s.rarity > story.threshold(SETTINGS, s.aspect) for s in found])
        y[strange, look.at] = np.nan
        struck += int(strange.sum())
    assert (struck > 0) == (fault != "none")


def test_only_the_aspects_that_are_asked_for_are_made():
    days = shop(30)
    panel = build(history(days), now=evening(days), settings=SETTINGS)
    assert panel is not None
    every = {one.aspect: one for one in series(panel, panel.values, 29)}
    some = series(panel, panel.values, 29, (Aspect.NULLS, Aspect.VOLUME))
    assert [one.aspect for one in some] == [Aspect.VOLUME, Aspect.NULLS]
    assert {Aspect.SEGMENT, Aspect.LOCATION, Aspect.DISTINCT} < set(every)
    for one in some:
        assert np.array_equal(one.y, every[one.aspect].y, equal_nan=True)


@pytest.mark.parametrize("fault", [0.3, 1.3])
def test_an_aspect_among_others_is_scored_as_by_itself(fault):
    """A young bucket after ones that were first said otherwise, whose rows are off, and with them some of its other numbers."""
    days = shop(60)
    scaled(days[-1], fault)
    days[-1]["mean", "total", None] = 70.0 * fault
    days[-1]["distinct_count", "country", None] = 9
    words = [dict(day) for day in days[:-1]]
    for day in words[30:]:
        scaled(day, 0.97)
    told = history(days, first=Grid.of(measured(words)))
    panel = build(told, now=evening(days), settings=SETTINGS)
    assert panel is not None
    at, skip = panel.new[0], quiet(panel, SETTINGS)
    assert at in panel.young
    every = series(panel, panel.values, at)

    def scores(made: Sequence[Series]) -> dict[Aspect, Scored]:
        y = np.concatenate([taught(one, panel.values) for one in made])
        said = predict(y, panel.seasons, 61)
        cast = forecast(y, said, at, points=60, skip=skip, floor=np.concatenate([one.noise(at) for one in made]))
        divided = [chances(one, every) for one in made]
        judged = np.ones(len(y), dtype=bool)
        plain = said.values[0, :, at - said.first]
        return score(
            made, y, cast, panel, at, plain=plain, judged=judged, skip=skip, chances=divided, settings=SETTINGS
        )

    together = scores(every)
    assert [*together] == [one.aspect for one in every]
    for one in every:
        (alone,) = scores((one,)).values()
        for name in ("centre", "scale", "error", "rarity", "points", "methods", "own"):
            assert np.array_equal(
                getattr(together[one.aspect], name), getattr(alone, name), equal_nan=name != "methods"
            )
    assert together[Aspect.LOCATION].rarity.any()
    assert together[Aspect.VOLUME].rarity.any()


def test_what_was_published_and_first_said_is_on_the_scale_of_what_is_now():
    days = shop(30)
    before = [{name: None if value is None else 0.9 * value for name, value in day.items()} for day in days]
    told = history(days, before=before[:-1], first=Grid.of(measured(before[5:])))
    panel = build(told, now=evening(days), settings=SETTINGS)
    assert panel is not None
    for values, said in ((panel.base, Series.published), (panel.first, Series.first)):
        assert np.isfinite(values).any()
        assert not np.array_equal(values, panel.values, equal_nan=True)
        for one, other in zip(
            series(panel, panel.values, 29), series(replace(panel, values=values), panel.values, 29), strict=True
        ):
            assert np.array_equal(said(one, slice(None)), other.y, equal_nan=True)
            assert np.array_equal(said(one, slice(7, 9)), other.y[:, 7:9], equal_nan=True)


@pytest.mark.parametrize("values", [[1, 2.5, float("inf"), float("nan")], [1, 2.5, "12", None], [True, 2.5, "x", None]])
def test_what_is_no_finite_number_is_not_known(values):
    assert np.array_equal(numbers(values), [1.0, 2.5, np.nan, np.nan], equal_nan=True)
