"""Time buckets: where they start and end, in Python and in SQL; weeks start on Monday.

Buckets are intervals in UTC. Days, weeks and months begin at midnight of a time zone, of UTC where none is given; a date has no
zone and a time without one is UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from tidegate.metrics import Kind, literal, quoted
from tidegate.model import Interval

SECONDS: Final = {"hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_629_746}
"""The length of a bucket; of a month, on average."""

TIMES_AS_MANY: Final = {"hour": 2}
"""Hours are looked at for twice as many buckets: ten days instead of five."""

GRAINS: Final = tuple(SECONDS)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)


def moment(seconds: float) -> datetime | None:
    """Seconds since 1970 as a time; None outside the years 1 to 9999."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def floor(at: datetime, grain: str, zone: tzinfo | None = None) -> datetime:
    """The start of the bucket that `at` lies in."""
    if zone is not None:
        return _utc_of(floor(at.astimezone(zone).replace(tzinfo=UTC), grain), zone)
    if grain == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == "month" else day


def shift(start: datetime, grain: str, buckets: int, zone: tzinfo | None = None) -> datetime:
    """The start of the bucket that lies `buckets` after `start` (before it when negative), held within years 1 to 9998."""
    try:
        if zone is not None:
            return _utc_of(shift(start.astimezone(zone).replace(tzinfo=UTC), grain, buckets), zone)
        if grain != "month":
            return start + timedelta(seconds=SECONDS[grain] * buckets)
        months = start.year * 12 + start.month - 1 + buckets
        return start.replace(year=months // 12, month=months % 12 + 1)
    except (OverflowError, ValueError):
        return FIRST if buckets < 0 else datetime(9999, 12, 31, tzinfo=UTC)


def _utc_of(wall: datetime, zone: tzinfo) -> datetime:
    """The moment at which clocks in the zone show what `wall` says."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def bucket(start: datetime, grain: str, zone: tzinfo | None = None) -> Interval:
    """The interval of the bucket that starts there."""
    return Interval(start=start, end=shift(start, grain, 1, zone))


def bucket_sql(column: str, kind: Kind, grain: str, dialect: str, zone: tzinfo | None = None) -> str:
    """The start of a row's bucket, in whole seconds since 1970; the column must be finite there."""
    if zone is None:
        return f"CAST(EPOCH(DATE_TRUNC('{grain.upper()}', {_utc(column, kind, dialect)})) AS BIGINT)"
    name, time = literal(str(zone), dialect), quoted(column, dialect)
    moment_of = time if kind is Kind.TIMESTAMP_TZ else f"TIMEZONE('UTC', CAST({time} AS TIMESTAMP))"
    start = f"DATE_TRUNC('{grain.upper()}', TIMEZONE({name}, {moment_of}))"
    return f"CAST(EPOCH(TIMEZONE({name}, {start})) AS BIGINT)"


def hours_sql(column: str, since: str, dialect: str) -> str:
    """By how many hours a row's time lies after `since`, in seconds since 1970; NULL of no time, and of an infinite one."""
    return f"(EPOCH({quoted(column, dialect)}) - {since}) / 3600.0"


def within_sql(column: str, kind: Kind, interval: Interval, dialect: str) -> str:
    """The condition that a row's time lies in the interval; written on the bare column, so that blocks can be skipped."""
    zone, of_type = ("+00:00", "TIMESTAMPTZ") if kind is Kind.TIMESTAMP_TZ else ("", "TIMESTAMP")
    start, end = (f"CAST({literal(_text(at) + zone, dialect)} AS {of_type})" for at in (interval.start, interval.end))
    time = quoted(column, dialect)
    return f"{time} >= {start} AND {time} < {end}"


def _text(at: datetime) -> str:
    """A time as engines read it; `strftime` would drop the zeros of years before 1000."""
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _utc(column: str, kind: Kind, dialect: str) -> str:
    """The time without a zone, in UTC, whatever the session's zone; a date as the midnight that it starts with."""
    time = quoted(column, dialect)
    return f"MAKE_TIMESTAMP(EPOCH_US({time}))" if kind is Kind.TIMESTAMP_TZ else f"CAST({time} AS TIMESTAMP)"
