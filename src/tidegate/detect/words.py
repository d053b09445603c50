"""The words of findings: numbers as people write them, buckets by their names."""

from __future__ import annotations

import math

from tidegate.detect.panel import middle
from tidegate.model import Band, Interval

SHARES = {"true_count": "true", "empty_count": "empty", "nan_count": "NaN", "infinite_count": "infinite"}
"""What the values are that a metric counts."""


def count(value: float) -> str:
    """A number of rows: `1,180`."""
    return f"{round(value):,}"


def number(value: float) -> str:
    """A value with three or four significant digits, without an exponent where that is readable."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}" if size < 1e15 else f"{value:.3g}"
    if size >= 100 or value == int(value):
        return f"{value:.0f}"
    digits = 2 if size >= 1 else min(8, 2 - math.floor(math.log10(size)))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share: `31 %`, `0.4 %`."""
    value = 100 * share
    if value == 0 or value >= 9.95:
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value >= 0.1 else "under 0.1 %"


def span(band: Band) -> str:
    """Expected rows: `1,180 to 1,420`, or the one number where both ends look the same."""
    low, high = count(band.low), count(band.high)
    return low if low == high else f"{low} to {high}"


def span_share(band: Band) -> str:
    """An expected share."""
    low, high = percent(band.low), percent(band.high)
    if band.high < 0.0005:
        return "none"
    if band.low < 0.0005:
        return f"at most {high}"
    return low if low == high else f"{low} to {high}"


def span_value(band: Band) -> str:
    """An expected value."""
    low, high = number(band.low), number(band.high)
    return low if low == high else f"{low} to {high}"


def change(observed: float, expected: float) -> str:
    """How far from the expected: `47 % fewer than usual`, `2.1 times as many as usual`."""
    if expected <= 0:
        return "none is usual"
    ratio = observed / expected
    if ratio < 1:
        return f"{percent(1 - ratio)} fewer than usual"
    return f"{percent(ratio - 1)} more than usual" if ratio < 1.8 else f"{ratio:.1f} times as many as usual"


def factor(observed: float, expected: float) -> str:
    """How many times the usual value: `about 100 times its usual value`."""
    if observed == 0 or expected == 0:
        return "as good as zero" if observed == 0 else "usually it is as good as zero"
    if observed / expected < 0:
        return "with another sign than usual"
    ratio = observed / expected
    if ratio >= 1:
        return f"about {number(round(ratio, 1 if ratio < 10 else 0 if ratio < 30 else -1))} times its usual value"
    return (
        f"about {percent(ratio)} of its usual value"
        if ratio > 0.1
        else f"about 1/{count(1 / ratio)} of its usual value"
    )


def after(hours: float) -> str:
    """How long after something, or before it: `5 h 12 min after`, `40 s after`, `3.5 days before`."""
    side, seconds = "before" if hours < 0 else "after", round(abs(hours) * 3600)
    if seconds < 60 or seconds >= 2 * 86_400:
        return f"{seconds} s {side}" if seconds < 60 else f"{number(round(seconds / 86_400, 1))} days {side}"
    whole, minutes = divmod(round(seconds / 60), 60)
    told = [f"{n} {unit}" for n, unit in ((whole, "h"), (minutes, "min")) if n]
    return f"{' '.join(told)} {side}"


def bucket(interval: Interval, grain: str) -> str:
    """Name a bucket: `Sunday 2026-08-23`, `2026-08-23 14:00 UTC`, `the week of 2026-08-17`, `August 2026`."""
    at = middle(interval)
    if grain == "hour":
        return f"{interval.start:%Y-%m-%d %H:%M} UTC"
    if grain == "day":
        return f"{at:%A} {at:%Y-%m-%d}"
    return f"the week of {interval.start:%Y-%m-%d}" if grain == "week" else f"{at:%B %Y}"


def buckets(grain: str, n: int) -> str:
    """Count buckets: `1 day`, `3 hours`."""
    return f"{n} {grain}" if n == 1 else f"{n} {grain}s"


def listed(names: list[str], most: int = 4) -> str:
    """Some names: `a, b and 2 more`."""
    if len(names) <= most:
        return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
