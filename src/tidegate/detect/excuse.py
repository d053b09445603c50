"""Days that excuse an even change of volume: it is told, and does not hold."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np

from tidegate.detect.forecast import Flags
from tidegate.detect.history import DetectSettings
from tidegate.detect.holidays import holiday
from tidegate.detect.panel import Panel

MODERATE = math.log(1 / 0.65)
"""On a weekend beside a holiday a change of up to 35 % is excused. Chosen, not derived."""
HOLIDAYS_SEEN = 2


def quiet(panel: Panel, settings: DetectSettings) -> Flags:
    """Columns that are holidays or days the user named; longer buckets average over them."""
    if panel.grain not in ("day", "hour"):
        return np.zeros(len(panel.intervals), dtype=bool)
    days = panel.days()
    named = {day: named_day(day, settings) is not None for day in set(days)}
    return np.array([named[day] for day in days], dtype=bool)


def named_day(day: date, settings: DetectSettings) -> str | None:
    """The name of a holiday or of a day that the user named."""
    if day in settings.quiet_days:
        return "one of the quiet days"
    if not settings.holidays:
        return None
    return holiday(day) if settings.named_days is None else settings.named_days.get(day)


def excuse(panel: Panel, day: date, change: float, settings: DetectSettings) -> str | None:
    """What day excuses a change of the rows by a factor of exp(`change`), which is -inf for no rows at all.

    A table that had rows on every holiday that it has seen, and on two at least, is not excused for having none.
    """
    if panel.grain not in ("day", "hour"):
        return None
    if name := named_day(day, settings):
        excused = change < 0 and (change > -math.inf or rests(panel, settings))
        return f"it is {name}" if excused else None
    if day.weekday() not in settings.weekend or abs(change) > MODERATE:
        return None
    near = (named_day(day + timedelta(days=apart), settings) for apart in (1, -1, 2, -2))
    name = next((n for n in near if n), None)
    return f"it is the weekend of {name}" if name else None


def rests(panel: Panel, settings: DetectSettings) -> bool:
    """Whether some past holiday had no rows, or fewer than two have been seen."""
    total = panel.row("row_count")
    if total is None:
        return True
    until = min(panel.new, default=len(panel.intervals))
    seen = panel.values[total, :until][quiet(panel, settings)[:until]]
    seen = seen[~np.isnan(seen)]
    return seen.size < HOLIDAYS_SEEN or bool((seen == 0).any())
