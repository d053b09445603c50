"""Numbers that follow from a category of their row: what is chosen, and what is left, held against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from tidegate.detect import given

BATCHES, SIZE = 20, 90


def lab(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three tests in turn, each with values of its own; codes, values, batches."""
    dice, size = np.random.default_rng(seed), BATCHES * SIZE
    codes = np.arange(size) % 3
    values = dice.normal(np.array([95.0, 140.0, 14.0])[codes], np.array([12.0, 3.0, 1.2])[codes])
    return codes, values, np.repeat(np.arange(BATCHES), SIZE)


def early(codes: np.ndarray, values: np.ndarray, batch: np.ndarray) -> given.Given | None:
    return given.follows(codes[batch < 7], values[batch < 7], batch[batch < 7])


def left(codes: np.ndarray, values: np.ndarray, batch: np.ndarray, at: int, size: float = 0.0) -> given.Told:
    """What is left of a batch by the 14 before it."""
    even = given.bent(values, size)
    past, now = (batch < at) & (batch >= at - 14), batch == at
    usual = given.usual(codes[past], even[past], int(codes.max()) + 1, least=given.LEAST_BEFORE, size=size)
    return given.left_of(codes[now], even[now], usual)


def test_a_value_follows_from_its_test_and_from_nothing_that_chance_deals_out() -> None:
    codes, values, batch = lab()
    told = early(codes, values, batch)
    assert told is not None
    assert told.share < 0.15
    assert early(np.random.default_rng(2).permutation(codes), values, batch) is None


def test_small_categories_beside_a_large_one_are_told_apart() -> None:
    dice = np.random.default_rng(4)
    codes = dice.choice(4, 700, p=[0.85, 0.05, 0.05, 0.05])
    values = dice.normal(np.array([100.0, 5.0, 900.0, 9_000.0])[codes], np.array([20.0, 1.0, 90.0, 900.0])[codes])
    assert early(codes, values, np.repeat(np.arange(7), 100)) is not None


def test_what_differs_less_than_its_own_noise_is_not_chosen() -> None:
    dice = np.random.default_rng(5)
    codes = dice.integers(0, 3, 700)
    values = dice.normal(np.array([100.0, 104.0, 96.0])[codes], 10.0)
    assert early(codes, values, np.repeat(np.arange(7), 100)) is None


@pytest.mark.parametrize(
    ("codes", "rows"),
    [(np.zeros(700, dtype=int), 700), (np.full(700, -1), 700), (np.arange(700), 700), (np.arange(10) % 2, 10)],
)
def test_one_category_none_as_many_as_rows_and_too_few_rows_tell_nothing(codes: np.ndarray, rows: int) -> None:
    values = np.random.default_rng(1).normal(10.0 * (codes % 2), 1.0)
    assert early(codes, values, np.arange(rows) * 7 // rows) is None


@pytest.mark.parametrize("at", [5, 12, 19])
def test_what_is_left_is_the_distance_from_the_category_in_its_spreads(at: int) -> None:
    codes, values, batch = lab()
    now = batch == at
    values[now & (codes == 0)] /= 18
    told = left(codes, values, batch, at)
    assert told.left is not None
    rest = []
    for code, value in zip(codes[now], values[now], strict=True):
        past = values[(codes == code) & (batch < at) & (batch >= at - 14)]
        low, high = np.quantile(past, (0.25, 0.75))
        rest.append((value - np.median(past)) / ((high - low) / 1.35))
    assert told.left.rows == SIZE
    assert told.left.median == pytest.approx(np.median(rest))
    assert told.left.far == sum(abs(r) > 4 for r in rest) == SIZE // 3
    assert told.left.most == pytest.approx(max(map(abs, rest)))
    assert told.left.wide == pytest.approx(np.subtract(*np.quantile(rest, (0.75, 0.25))))
    assert told.unjudged == 0


def test_a_factor_downwards_is_far_where_values_have_a_long_tail() -> None:
    dice = np.random.default_rng(6)
    codes = dice.integers(0, 3, BATCHES * SIZE)
    values = dice.lognormal(3.0, 0.7, len(codes)) * np.array([1.0, 150.0, 20_000.0])[codes]
    batch = np.repeat(np.arange(BATCHES), SIZE)
    told = early(codes, values, batch)
    assert told is not None
    assert told.size > 0, "positive numbers are looked at as logarithms"
    values[(batch == 15) & (codes == 1)] /= 100
    bent, plain = (left(codes, values, batch, 15, size).left for size in (told.size, 0.0))
    assert bent is not None
    assert plain is not None
    assert bent.far >= (codes[batch == 15] == 1).sum() > plain.far


def test_numbers_of_both_signs_are_looked_at_as_they_are() -> None:
    codes, values, batch = lab()
    told = early(codes, values - 100, batch)
    assert told is not None
    assert told.size == 0


def test_new_rare_and_missing_categories_are_counted_and_not_judged() -> None:
    codes, values, batch = lab()
    now = np.flatnonzero(batch == 12)
    codes[now[:5]], codes[now[5:8]] = 7, -1
    codes[np.flatnonzero(batch == 4)[:9]] = 5
    codes[now[8:10]] = 5
    values[now[10]] = np.nan
    told = left(codes, values, batch, 12)
    assert told.left is not None
    assert (told.left.rows, told.unjudged) == (SIZE - 11, 10)
    nothing = given.left_of(np.array([9, -1]), np.array([1.0, 2.0]), given.Usual(np.ones(3), np.ones(3)))
    assert nothing == given.Told(None, 2)


def test_constant_categories_are_far_from_two_percent_on() -> None:
    codes = np.repeat([0, 1, 2], 30)
    values = np.array([0.0, 9.99, 500.0])[codes]
    usual = given.usual(codes, values, 3, least=10, size=0.0)
    for factor, far in ((1.0, 0), (1.01, 0), (1.03, 60)):
        told = given.left_of(codes, values * factor, usual).left
        assert told is not None
        assert told.far == far
    far = pytest.approx(19.98, rel=0.1)
    told = given.left_of(np.array([0]), np.array([1.0]), usual).left
    assert told == given.Left(rows=1, median=far, far=1, most=far, wide=0.0)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, 1e308, -1e308, 1e-308, 0.0, -0.0])
@pytest.mark.parametrize("size", [0.0, 1e-100, 5.0])
def test_hostile_numbers_are_far_or_no_values_and_harm_no_other_row(odd: float, size: float) -> None:
    codes, values, batch = lab()
    values[np.flatnonzero(batch < 12)[::50]] = odd
    values[np.flatnonzero(batch == 12)[:4]] = odd
    told = left(codes, values, batch, 12, size)
    assert told.left is not None
    assert told.left.far <= 4
    assert told.left.rows == (SIZE if np.isfinite(odd) else SIZE - 4)
    early(codes, values, batch)


@drawn(
    st.lists(st.tuples(st.integers(-1, 4), st.floats(-1e12, 1e12) | st.just(7.0)), min_size=12, max_size=80),
    st.sampled_from([0.0, 0.5]),
)
def test_a_batch_like_all_before_it_has_few_rows_that_are_far(rows: list[tuple[int, float]], size: float) -> None:
    """Where every batch is the same, a category's rows lie about its own middle: at least half of them within one and a half spreads."""
    codes = np.array([code for code, _ in rows] * 14)
    even = given.bent(np.array([value for _, value in rows] * 14), size)
    usual = given.usual(codes, even, 5, least=given.LEAST_BEFORE, size=size)
    told = given.left_of(codes[: len(rows)], even[: len(rows)], usual)
    assert told.unjudged == sum(code < 0 for code, _ in rows)
    if told.left is not None:
        assert told.left.rows + told.unjudged == len(rows)
        assert told.left.far <= told.left.rows / 2


@drawn(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9)), min_size=1, max_size=40))
def test_quantiles_by_category_are_those_of_its_rows(rows: list[tuple[int, int]]) -> None:
    codes, values = np.array([code for code, _ in rows]), np.array([float(value) for _, value in rows])
    found, count = given.by_category(codes, values, (0.0, 0.25, 0.5, 1.0))
    for code in range(int(codes.max()) + 1):
        mine = values[codes == code]
        assert count[code] == len(mine)
        if len(mine):
            assert found[:, code] == pytest.approx(np.quantile(mine, (0.0, 0.25, 0.5, 1.0)))
        else:
            assert np.isnan(found[:, code]).all()
