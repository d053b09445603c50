"""Effort: is what a step cost, in time or memory, far more than it ever costs?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tidegate.model import Band

MIN_PAST = 8
"""Fewer past runs than this and nothing is called unusual. Chosen, not derived."""

SIGMAS = 5.0
"""How far above the median, in robust standard deviations (1.4826 times the median absolute deviation, Rousseeuw & Croux
1993). Durations have a long right tail, so this is wider than the usual 3.5. Chosen, not derived.
"""


def unusual(past: Sequence[float], value: float, *, times: float, at_least: float) -> Band | None:
    """The band of what is usual, when a value is far above it; None when it is usual, or nobody can tell.

    Far above means all of it: more than `times` the median, more than the median and SIGMAS robust deviations, and
    `at_least` more than the median, in the value's unit: ten times nothing is nothing. O(n log n).

    Args:
        past: values of past runs in any order, in one unit.
    """
    if len(past) < MIN_PAST:
        return None
    middle = median(past)
    sigma = 1.4826 * median(abs(one - middle) for one in past)
    high = max(times * middle, middle + SIGMAS * sigma, middle + at_least)
    if value <= high:
        return None
    return Band(low=0.0, high=high, centre=middle, method="the median and its robust deviation", points=len(past))
