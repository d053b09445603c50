"""The stretch of time whose buckets are looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from tidegate.metrics import Kind, kind_of
from tidegate.model import Column, Interval
from tidegate.scan import infer
from tidegate.scan.grain import SECONDS, TIMES_AS_MANY, bucket, bucket_sql, floor, moment, shift, within_sql
from tidegate.scan.tally import Tally


@dataclass(frozen=True, slots=True)
class Window:
    """The buckets that are looked at: by which column, how long each, from when to when, and in whose days."""

    column: Column
    grain: str
    interval: Interval
    zone: tzinfo | None = None

    @property
    def buckets(self) -> int:
        """How many buckets there are, about; those without rows among them."""
        return 1 + int((self.interval.end - self.interval.start).total_seconds() / SECONDS[self.grain])

    def key(self, dialect: str) -> str:
        """The SQL of a row's bucket."""
        return bucket_sql(self.column.name, kind_of(self.column), self.grain, dialect, self.zone)

    def condition(self, dialect: str) -> str:
        """The SQL condition that a row lies in the window."""
        return within_sql(self.column.name, kind_of(self.column), self.interval, dialect)

    def last(self, buckets: int) -> Window:
        """The same window, cut to its newest buckets."""
        return self.since(shift(self.interval.end, self.grain, -buckets, self.zone))

    def since(self, start: datetime) -> Window:
        """The same window, cut to what begins at that bucket's start."""
        return self.cut(Interval(start=max(self.interval.start, start), end=self.interval.end))

    def cut(self, interval: Interval) -> Window:
        """The same buckets, of that interval."""
        return replace(self, interval=interval)

    def bucket(self, start: datetime) -> Interval:
        """The bucket that starts there."""
        return bucket(start, self.grain, self.zone)

    def floor(self, at: datetime) -> datetime:
        """The start of the bucket that `at` lies in."""
        return floor(at, self.grain, self.zone)


def window(tally: Tally, column: Column, grain: str) -> Window | None:
    """The newest buckets of the time column, ending with the newest row that is not in the future."""
    newest, oldest = infer.newest_time(tally, column), tally.number("min", column.name)
    last = moment(newest) if newest is not None else None
    first = moment(oldest) if oldest is not None else None
    if last is None:
        return None
    zone = None if grain == "hour" or kind_of(column) is Kind.DATE else tally.options.zone
    end = shift(floor(last, grain, zone), grain, 1, zone)
    start = shift(end, grain, -tally.options.history_buckets * TIMES_AS_MANY.get(grain, 1), zone)
    if first is not None:
        start = max(start, floor(first, grain, zone))
    return Window(column, grain, Interval(start=start, end=end), zone) if start < end else None


def rows_within(tally: Tally, span: Window) -> int:
    """About how many rows lie in the window, as if they came evenly from the table's early rows on."""
    first, last = (
        tally.number("quantile", span.column.name, argument=infer.EARLY),
        infer.newest_time(tally, span.column),
    )
    if first is None or last is None:
        return tally.rows
    covered = (last - first) / (1 - float(infer.EARLY))
    length = (span.interval.end - span.interval.start).total_seconds()
    return tally.rows if covered <= length else round(tally.rows * length / covered)
