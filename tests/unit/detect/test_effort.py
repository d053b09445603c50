"""What a step's cost must be to be called unusual: far above its own past, by ratio, by spread and in absolute terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.detect.effort import MIN_PAST, unusual

STEADY = [100.0, 98, 102, 101, 99, 100, 103, 97, 100]


def judged(past: list[float], value: float) -> bool:
    return unusual(past, value, times=3.0, at_least=60.0) is not None


@pytest.mark.parametrize(
    ("past", "value", "strange"),
    [
        (STEADY, 301, True),
        (STEADY, 299, False),
        (STEADY[: MIN_PAST - 1], 1e9, False),
        ([2.0] * 20, 50, False),
        ([2.0] * 20, 63, True),
        ([0.0] * 20, 61, True),
        ([100.0, 900, 100, 800, 100, 700, 100, 900, 100, 850], 2000, False),
        ([*STEADY, 5000], 400, True),
    ],
    ids=["3 times", "less", "no past", "seconds", "a minute more", "from nothing", "volatile", "one accident before"],
)
def test_what_is_unusual(past: list[float], value: float, strange: bool) -> None:
    assert judged(past, value) == strange


def test_the_band_says_what_is_usual() -> None:
    band = unusual(STEADY, 1000, times=3.0, at_least=60.0)
    assert band is not None
    assert (band.low, band.centre, band.high, band.points) == (0.0, 100.0, 300.0, 9)


@given(st.lists(st.floats(0, 1e6), min_size=MIN_PAST, max_size=30), st.floats(0, 1e7))
def test_more_is_never_less_unusual_and_the_order_of_the_past_does_not_matter(past: list[float], value: float) -> None:
    assert judged(past, value) <= judged(past[::-1], value + 1)
    assert judged(past, max(past)) is False or judged(past, max(past) * 2 + 60)
