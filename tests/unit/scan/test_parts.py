"""Small pure parts of the plan."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model import Interval
from tidegate.scan.categories import grouped
from tidegate.scan.sample import rank_error
from tidegate.scan.slices import merged
from tidegate.scan.tally import groups, value_of


@pytest.mark.parametrize(
    ("raw", "value"),
    [(None, None), (True, 1), (False, 0), (7, 7), (2**63, float(2**63)), (-(2**63), -(2**63)), (1.5, 1.5), (Decimal("1.25"), 1.25),
     (math.nan, None), (math.inf, None), (Decimal("NaN"), None), ("x", "x"), (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00+00:00")],
)  # fmt: skip
def test_value_of(raw, value):
    assert value_of(raw) == value
    assert type(value_of(raw)) is type(value)


@pytest.mark.parametrize("size", [1, 2, 5, 50, 63])
def test_grouped_finds_the_one_zero(size):
    for at in range(size):
        mask = sum(1 << (size - 1 - other) for other in range(size) if other != at)
        assert grouped(mask, size) == at


@given(st.lists(st.integers(), max_size=30), st.integers(1, 10))
def test_groups_lose_nothing(columns, size):
    made = groups(columns, size)
    assert [c for group in made for c in group] == columns
    assert all(len(group) <= size for group in made)


def test_the_rank_error_shrinks_with_the_sample():
    assert rank_error(0) == 1.0
    assert rank_error(100_000) == pytest.approx(0.00616, abs=1e-5)
    assert rank_error(1e4) > rank_error(1e5)


def test_merged_intervals():
    def day(a, b):
        return Interval(start=datetime(2026, 1, a, tzinfo=UTC), end=datetime(2026, 1, b, tzinfo=UTC))

    assert merged([day(3, 4), day(1, 2), day(2, 3), day(6, 8), day(7, 9), day(6, 7)]) == [day(1, 4), day(6, 9)]
    assert merged([]) == []
