"""Forecasts, spreads and rarities, against numbers worked out by hand or from tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tidegate.detect.forecast import forecast, predict, rarity, sorted_median, spread

NO = float("nan")


def row(*values: float) -> np.ndarray:
    return np.array([values], dtype=float)


@pytest.mark.parametrize(
    ("values", "median"),
    [((1, 2, 3), 2), ((1, 2, NO), 1.5), ((4, NO, NO), 4), ((NO, NO, NO), NO), ((), NO), ((1, 2, 3, 8), 2.5)],
)
def test_sorted_median(values, median):
    assert np.array_equal(sorted_median(row(*values)), [median], equal_nan=True)


@pytest.mark.parametrize(
    ("t", "df", "p"),
    [(0, 5, 1.0), (2, 10, 0.07339), (5, 5, 0.004105), (6, 13, 4.43e-5), (20, 4, 3.69e-5), (3, 1000, 0.00277)],
)
def test_rarity_is_the_two_sided_student_tail(t, df, p):
    """The probabilities are from tables of the t distribution."""
    assert rarity(np.array([float(t)]), np.array([float(df)]))[0] == pytest.approx(-math.log10(p), rel=0.04, abs=0.01)


def test_rarity_far_out_is_finite():
    assert np.isfinite(rarity(np.array([1e150]), np.array([3.0]))).all()


def test_spread_forgives_one_accident():
    errors = np.sort(np.abs(np.random.default_rng(1).normal(size=(1, 60))), axis=1)
    honest = spread(errors, np.array([60]))[0]
    errors[0, -1] = 50.0
    assert spread(errors, np.array([60]))[0] == pytest.approx(honest)
    assert 0.8 < honest < 1.5


def test_weekday_pattern_is_predicted():
    week = [5.0, 4, 4, 4, 4, 6, 7]
    y = row(*(week * 10))
    cast = forecast(
        y, predict(y, ((7, "weekday"),), 40), 69, points=30, skip=np.zeros(70, dtype=bool), floor=np.array([0.01])
    )
    assert cast.centre[0] == pytest.approx(7)
    assert cast.methods[0] in ("same weekday", "level and weekday")
    assert cast.points[0] == 30


def test_growth_is_followed():
    y = row(*(0.004 * np.arange(70) + np.tile([0.0, 0, 0, 0, 0, 0.3, 0.5], 10)))
    cast = forecast(
        y, predict(y, ((7, "weekday"),), 40), 69, points=30, skip=np.zeros(70, dtype=bool), floor=np.array([0.01])
    )
    assert cast.centre[0] == pytest.approx(y[0, 69], abs=0.02)


def test_nothing_known_gives_nothing():
    y = np.full((2, 30), NO)
    cast = forecast(
        y, predict(y, ((7, "weekday"),), 20), 29, points=20, skip=np.zeros(30, dtype=bool), floor=np.ones(2)
    )
    assert np.isnan(cast.centre).all()
    assert cast.points.tolist() == [0, 0]
