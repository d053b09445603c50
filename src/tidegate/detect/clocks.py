"""When clocks are put forward or back: in a time zone, or in Europe and the United States, worked out from the date alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from tidegate.model import Interval

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

RULES: Final = (
    ("Europe", (3, -1), (10, -1), (1, 1)),
    ("the United States", (3, 2), (11, 1), (6, 11)),
)
"""In spring and in autumn, on which Sunday of which month (-1 is the last), and between which hours of UTC, from the first clock to the last."""


class Change(NamedTuple):
    """Clocks were put forward or back by an hour: where, and in which stretch of time they all were."""

    where: str
    span: Interval


def changes(interval: Interval, zone: tzinfo | None) -> list[Change]:
    """The changes of clocks that begin in an interval, oldest first: of a zone, else (or of UTC) those that are common."""
    found = _common(interval) if zone is None or str(zone) == "UTC" else _of_zone(interval, zone)
    return sorted((c for c in found if c.span.start in interval), key=lambda c: c.span)


def _common(interval: Interval) -> Iterator[Change]:
    for year in range(interval.start.year, interval.end.year + 1):
        for where, spring, autumn, (first, last) in RULES:
            for month, nth in (spring, autumn):
                day = _sunday(year, month, nth)
                yield Change(where, Interval(start=day + first * HOUR, end=day + last * HOUR))


def _sunday(year: int, month: int, nth: int) -> datetime:
    """The first or second Sunday of a month of 31 days (or of a November), or its last one."""
    start = datetime(year, month, 1, tzinfo=UTC)
    first = start + (6 - start.weekday()) * DAY
    if nth > 0:
        return first + (nth - 1) * 7 * DAY
    return first + (31 - first.day) // 7 * 7 * DAY


def _of_zone(interval: Interval, zone: tzinfo) -> Iterator[Change]:
    """Looked for day by day, then hour by hour."""
    day = interval.start
    while day < interval.end:
        if _moved(day, day + DAY, zone):
            hours = (day + hour * HOUR for hour in range(24))
            yield from (
                Change(str(zone), Interval(start=at, end=at + HOUR)) for at in hours if _moved(at, at + HOUR, zone)
            )
        day += DAY


def _moved(start: datetime, end: datetime, zone: tzinfo) -> bool:
    """Whether clocks move by an hour in between."""
    try:
        before, after = (at.astimezone(zone).utcoffset() or timedelta() for at in (start, end))
    except OverflowError:  # a year at the edge of the calendar
        return False
    return abs(after - before) == HOUR
