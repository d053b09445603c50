"""Windows sorted side by side, against each of them sorted by itself."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from tests.unit.detect import plain
from tidegate.detect.forecast import predict
from tidegate.detect.panel import SEASONS
from tidegate.detect.sliding import Sevens, last, level, merged, middle, ordered, smallest, summed
from tidegate.detect.walk import Walk, walk

LENGTHS = {"hour": 410, "day": 150, "week": 60, "month": 90}
"""Of the hours more than two weeks, so that the longer season tells something."""


def drawn(seed: int, batches: int) -> np.ndarray:
    """Series of many kinds: noise, steps, a week, ties, one that stands still; with gaps, late beginnings and holes."""
    dice = np.random.default_rng(seed)
    time = np.arange(batches)
    y = np.stack(
        [
            dice.normal(5, 1, batches),
            dice.integers(0, 3, batches).astype(float),
            np.sin(time * 2 * np.pi / 7) + dice.standard_t(3, batches) / 10,
            np.where(time < batches // 2, 1.0, 2.0),
            np.full(batches, 4.0),
            time / 50 + dice.exponential(0.1, batches),
            dice.normal(0, 1e-3, batches),
            np.full(batches, np.nan),
        ]
    )
    y[5, : batches // 3] = np.nan
    y[6, dice.random(batches) < 0.3] = np.nan
    y[:, batches // 2 + 4 : batches // 2 + 4 + int(dice.integers(0, 12))] = np.nan
    y[2, 3 * batches // 4] = 40.0
    return y


@pytest.mark.parametrize("grain", SEASONS)
@pytest.mark.parametrize("span", [1, 17, None])
def test_predictors_say_what_one_window_after_the_other_says(grain, span):
    y = drawn(1, LENGTHS[grain])
    said = predict(y, SEASONS[grain], span or y.shape[1])
    expected = np.stack([plain.predictors(one, SEASONS[grain]) for one in y], axis=1)
    assert said.first == y.shape[1] - (span or y.shape[1])
    assert len(said.names) == len(expected)
    assert np.array_equal(said.values, expected[:, :, said.first :], equal_nan=True)


@pytest.mark.parametrize("batches", [1, 2, 8, 20, 62, 150])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_walk_is_that_of_one_series_and_batch_after_the_other(batches, seed):
    y = drawn(seed, batches)
    fast, slow = walk(y, SEASONS["day"]), plain.walk(y, SEASONS["day"])
    for field in fields(Walk):
        assert np.array_equal(getattr(fast, field.name), getattr(slow, field.name), equal_nan=True), field.name


@pytest.mark.parametrize("batches", [3, 30])
def test_series_do_not_see_one_another(batches):
    y = drawn(4, batches)
    together = walk(y, SEASONS["day"])
    for i in range(len(y)):
        alone = walk(y[i : i + 1], SEASONS["day"])
        for field in fields(Walk):
            assert np.array_equal(getattr(together, field.name)[i], getattr(alone, field.name)[0], equal_nan=True)


@pytest.mark.parametrize("sizes", [(0, 3), (1, 1), (1, 6), (2, 5), (7, 7), (14, 7), (3, 8)])
def test_merged_lists_are_sorted(sizes):
    dice = np.random.default_rng(sum(sizes))
    one, other = (list(np.sort(dice.integers(0, 9, (n, 50)).astype(float), axis=0)) for n in sizes)
    everything = np.sort([*one, *other], axis=0)
    assert np.array_equal(merged(one, other), everything)
    for place in range(sum(sizes)):
        assert np.array_equal(smallest(one, other, place), everything[place])


@pytest.mark.parametrize("width", range(1, 16))
def test_arrays_are_sorted_place_by_place(width):
    values = np.random.default_rng(width).normal(size=(width, 40))
    assert np.array_equal(ordered(list(values)), np.sort(values, axis=0))


@pytest.mark.parametrize("beside", [(), (1.0, 1.0, 1.0)], ids=["short", "short beside full"])
def test_the_median_of_nothing_is_not_known(beside):
    """Each window is a time of its own, where all are short or one of two is full."""
    inf = np.inf
    windows = np.array([[1, 2, 4.0], [1, 3, inf], [5, inf, inf], [inf, inf, inf]])
    series = np.stack([windows, *([np.tile(beside, (4, 1))] if beside else [])], axis=2)
    assert np.array_equal(middle(list(series.swapaxes(0, 1).copy()))[:, 0], [2, 2, 5, np.nan], equal_nan=True)


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 14, 15, 24, 48, 127, 128])
def test_a_sum_is_the_one_that_each_window_gives_by_itself(width):
    values = np.random.default_rng(width).normal(size=(width, 500)) * 10.0 ** np.arange(-5, 5).repeat(50)
    alone = np.array([np.ascontiguousarray(window).sum() for window in values.T])
    assert np.array_equal(summed(values), alone)


def test_the_last_value_skips_what_is_unknown():
    y = np.array([[1, 5], [np.nan, 6], [3, 7], [np.nan, 8], [np.nan, 9]])
    expected = [[np.nan, np.nan], [1, 5], [1, 6], [3, 7], [3, 8]]
    assert np.array_equal(last(y, 0), expected, equal_nan=True)
    assert np.array_equal(last(y, 3), expected[3:], equal_nan=True)


def test_a_level_leaves_out_the_extremes():
    assert level(np.array([[1.0, 1, 1, 1, 1, 1, 100, 0]]).T, 7, 7)[0, 0] == 1


def test_an_infinite_value_is_a_value():
    y = np.array([[1.0, np.inf, 2, 3, 4, 5, 6, 7, 8]]).T
    assert Sevens(y, 7).median()[:, 0].tolist() == [4, 5]
    assert last(y, 2)[0, 0] == np.inf
