"""Measurements as arrays: one row for each number, one column for each bucket of time up to the newest closed one."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import compress
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import Flags, Floats
from tidegate.detect.history import LOAD_COLUMN, WIDTHS, DetectSettings, TableHistory, age_of, ages, infer_grain
from tidegate.model import Grid, Interval, MetricSpec, Segment, Value

Key = tuple[str, str, str, str, str, str]
Seasons = tuple[tuple[int, str], ...]
Places = NDArray[np.int64]

SEASONS: dict[str, Seasons] = {
    "hour": ((24, "hour of the day"), (168, "hour of the week")),
    "day": ((7, "weekday"),),
    "week": (),
    "month": ((12, "month of the year"),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The bucketed numbers of one table.

    `values` and `base` are (spec, bucket): the candidate's, and the published version's where it knew the bucket; NaN
    where nothing is known, rows of missing buckets zero. `first` is what was said of a bucket when it was as young.
    `intervals` are the buckets. `new` are the columns that no published version has judged, `young` those that
    ended just now or are as old as the newest one that came, `unseen` new ones that are too many to be judged, and teach nothing. `open` tells that a bucket
    that has not ended was left out. `versions` are the numbers of the versions, where these are the columns. `seasons` are (length in columns, name).
    """

    grain: str
    specs: tuple[MetricSpec, ...]
    values: Floats
    base: Floats
    first: Floats
    intervals: tuple[Interval, ...]
    new: tuple[int, ...]
    first_known: int
    open: bool
    young: tuple[int, ...] = ()
    unseen: tuple[int, ...] = ()
    offset: int = 0
    versions: tuple[int, ...] = ()
    seasons: Seasons = ()

    def row(self, metric: str, column: str | None = None, segment: Segment | None = None) -> int | None:
        """Find a number without argument and predicate; None when it was not measured."""
        for i, spec in enumerate(self.specs):
            if spec.metric == metric and spec.column == column and spec.segment == segment:
                return i
        return None

    def days(self) -> tuple[date, ...]:
        """The day in which the middle of each bucket lies."""
        return tuple(middle(i).date() for i in self.intervals)


def middle(interval: Interval) -> datetime:
    """The instant halfway; it names the day also where a local day starts at 22:00 or 23:00 UTC."""
    return interval.start + (interval.end - interval.start) / 2


def place(interval: Interval, grain: str, offset: int = 0) -> int:
    """Number a bucket so that neighbours differ by one, through clock changes, leap days and months."""
    if grain == "hour":
        return int(interval.start.timestamp() // 3600)
    at = middle(interval)
    if grain == "month":
        return at.year * 12 + at.month - 1
    return at.toordinal() if grain == "day" else (at.toordinal() - offset) // 7


COUNTS = (
    "row_count",
    "null_count",
    "true_count",
    "empty_count",
    "nan_count",
    "infinite_count",
    "duplicate_rows",
    "distinct_count",
)

UNJUDGED = frozenset({"content", "relations", "agreement", "beside", "regular", "sequences", "rest_unknown_count"})
"""What tells buckets apart, or what is looked at in them, and measures nothing."""

NOWHERE = -(2**40)
"""The place of a bucket that does not belong to the grain."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Measurements as three arrays of one length: row, place, value (NaN where it is no number)."""

    row: Places
    place: Places
    value: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was read of a table; `again` are the places that were scanned again, None for all from the oldest on."""

    current: Cells
    base: Cells
    first: Cells
    again: Places | None

    def oldest(self) -> int | None:
        """The oldest place that the scan brought or the base knows; None when there is none."""
        known = [int(cells.place.min()) for cells in (self.current, self.base) if cells.place.size]
        return min(known, default=None)

    def scanned(self, start: int, newest: int) -> Flags:
        """Which of the places from `start` to `newest` were scanned."""
        places = np.arange(start, newest + 1)
        if self.again is not None:
            return np.isin(places, self.again)
        return np.asarray(places >= self.current.place.min())


class Reader:
    """Gives every spec a row and every bucket a place; an object is looked at once, which makes it fast.

    `known` has by its id what was said of an object, and keeps the object, so that no other one gets its id.
    """

    def __init__(self, grain: str, offset: int) -> None:
        self.grain = grain
        self.offset = offset
        self.keys: dict[Key, int] = {}
        self.specs: list[MetricSpec] = []
        self.intervals: dict[int, Interval] = {}
        self.known: dict[int, tuple[MetricSpec | Interval, int]] = {}

    def read(self, grid: Grid) -> Cells:
        """Read what is judged by time. No loop in Python over all numbers, unless some of them are none."""
        rows = np.array([self.row(spec) for spec in grid.specs], dtype=np.int64)
        places = np.array([self.place(one) for one in grid.intervals], dtype=np.int64)
        row = rows[np.asarray(grid.series, dtype=np.int64)]
        at = places[np.asarray(grid.buckets, dtype=np.int64)]
        if (rows >= 0).all() and (places != NOWHERE).all():
            return Cells(row, at, numbers(grid.values))
        judged = (row >= 0) & (at != NOWHERE)
        return Cells(row[judged], at[judged], numbers(list(compress(grid.values, judged.tolist()))))

    def row(self, spec: MetricSpec) -> int:
        """The row of a spec, a new one if it is new; -1 for what is not judged by time."""
        seen = self.known.get(id(spec))
        if seen is None:
            seen = self.known[id(spec)] = (spec, self._row(spec))
        return seen[1]

    def _row(self, spec: MetricSpec) -> int:
        if spec.where is not None or spec.metric in UNJUDGED or (spec.segment and spec.segment.column == LOAD_COLUMN):
            return -1
        row = self.keys.setdefault(key_of(spec), len(self.specs))
        if row == len(self.specs):
            self.specs.append(spec)
        return row

    def place(self, interval: Interval) -> int:
        """The number of a bucket; NOWHERE for one of another grain."""
        seen = self.known.get(id(interval))
        if seen is None:
            seen = self.known[id(interval)] = (interval, self._place(interval))
        return seen[1]

    def _place(self, interval: Interval) -> int:
        if infer_grain(interval) != self.grain:
            return NOWHERE
        at = place(interval, self.grain, self.offset)
        self.intervals.setdefault(at, interval)
        return at


def numbers(values: Sequence[Value]) -> Floats:
    """Values as floats; NaN for what is no finite number."""
    try:
        found = np.frombuffer(array("d", cast("Sequence[float]", values)))
    except TypeError:  # not all of them are numbers
        found = np.frombuffer(array("d", [math.nan if v is None or isinstance(v, str) else v for v in values]))
    return np.where(np.isfinite(found), found, np.nan)


def key_of(spec: MetricSpec) -> Key:
    """What tells two numbers of one table apart, sortable; NULL sorts before every value."""
    segment = spec.segment
    value = "" if segment is None or segment.value is None else "=" + segment.value
    name = (spec.metric, spec.column or "", spec.argument or "", spec.where or "")
    return (*name, "" if segment is None else segment.column, value)


def build(history: TableHistory, *, now: datetime, settings: DetectSettings) -> Panel | None:
    """Arrange the bucketed numbers; None when no bucket with rows has ended.

    O(measurements).
    """
    came, known = Grid.of(history.current), history.known if history.known is not None else Grid.of(history.base)
    some = next(iter(came.intervals if history.reopened is None else (*came.intervals, *known.intervals)), None)
    if some is None:
        return None
    grain = history.grain or infer_grain(some)
    reader = Reader(grain, middle(some).toordinal())
    current, base = reader.read(came), reader.read(known)
    first = reader.read(history.first)
    closed = np.array([at for at, interval in reader.intervals.items() if interval.end <= now], dtype=np.int64)
    again = None if history.reopened is None else np.array([reader.place(i) for i in history.reopened], dtype=np.int64)
    newest = [last_filled(current, closed)]
    newest += [] if again is None else [last_filled(base, closed[~np.isin(closed, again)])]
    if max(newest) == NOWHERE:
        return None
    read = Readings(current=current, base=base, first=first, again=again)
    return arrange(history, reader, read, newest=max(newest), now=now, settings=settings)


def last_filled(cells: Cells, among: Places) -> int:
    """The last of the given places in which something is there; NOWHERE when there is none."""
    if not among.size or not cells.place.size:
        return NOWHERE
    there = np.isfinite(cells.value) & (cells.value != 0)
    low = int(cells.place.min())
    some = np.zeros(int(cells.place.max()) - low + 1, dtype=bool)
    some[cells.place[there] - low] = True
    inside = among[(among >= low) & (among < low + some.size)]
    return int(inside[some[inside - low]].max(initial=NOWHERE))


def arrange(
    history: TableHistory,
    reader: Reader,
    read: Readings,
    *,
    newest: int,
    now: datetime,
    settings: DetectSettings,
) -> Panel:
    """Lay the readings out on one axis of time that ends with `newest`, fill zeros, and mark what is new."""
    oldest = read.oldest()
    start = max(newest - WIDTHS[reader.grain] + 1, newest if oldest is None else oldest)
    order = [row for _, row in sorted(reader.keys.items())]
    specs = tuple(reader.specs[i] for i in order)
    now_values, base_values, first_values = (
        believable(specs, matrix(cells, (len(specs), newest - start + 1), start)[order])
        for cells in (read.current, read.base, read.first)
    )
    intervals = tuple(axis(reader, start, newest))
    new = unjudged(history, base_values, intervals)
    values = overlaid(specs, now_values, base_values, scanned=read.scanned(start, newest), new=new)
    _, oldest_young = ages(age_of(intervals[-1], now))
    return Panel(
        grain=reader.grain,
        specs=specs,
        values=values,
        base=zero_filled(specs, base_values),
        first=zero_filled(specs, first_values, gaps=False),
        intervals=intervals,
        new=new[-settings.most_buckets :],
        unseen=new[: -settings.most_buckets],
        first_known=int(np.isnan(values).all(axis=0).cumprod().sum()),
        open=any(i.end > now for i in reader.intervals.values()),
        young=tuple(t for t, i in enumerate(intervals) if age_of(i, now) <= oldest_young),
        offset=reader.offset,
        seasons=SEASONS.get(reader.grain, ()) if settings.seasonality else (),
    )


def overlaid(specs: Sequence[MetricSpec], now: Floats, base: Floats, *, scanned: Flags, new: Sequence[int]) -> Floats:
    """The candidate's numbers; where it did not scan, and where it looks at newer buckets only (duplicates), the base's.

    A number that the scan did not ask for this time is forgotten, so that it does not look like zero rows: it has no
    value in the candidate, and one in the base for a bucket that was scanned again.
    """
    values = now.copy()
    values[:, ~scanned] = base[:, ~scanned]
    recent = np.array([s.metric == "duplicate_rows" for s in specs], dtype=bool)
    values[recent] = np.where(np.isnan(now[recent]), base[recent], now[recent])
    values = zero_filled(specs, values)
    again = scanned.copy()
    again[list(new)] = False
    absent = np.isnan(now).all(axis=1)
    had = ((base != 0) & ~np.isnan(base) & again).any(axis=1)
    values[absent & had] = np.nan
    return values


def matrix(cells: Cells, shape: tuple[int, int], first: int) -> Floats:
    """Scatter cells; of two values for one cell the larger counts, in any order."""
    out = np.full(shape, np.nan)
    column = cells.place - first
    inside = (column >= 0) & (column < shape[1])
    flat, value = cells.row * shape[1] + column, cells.value
    if not inside.all():
        flat, value = flat.compress(inside), value.compress(inside)
    if flat.size and np.bincount(flat).max() > 1:
        order = np.argsort(value, kind="stable")
        flat, value = flat[order], value[order]
    out.ravel()[flat] = value
    return out


def believable(specs: Sequence[MetricSpec], values: Floats) -> Floats:
    """Without numbers that cannot be: negative or astronomic counts, and values at the edge of what a float holds."""
    counts = np.array([s.metric in COUNTS for s in specs], dtype=bool)[:, None]
    low, high = np.where(counts, 0.0, -1e300), np.where(counts, 1e15, 1e300)
    with np.errstate(invalid="ignore"):
        return np.where((values >= low) & (values <= high), values, np.nan)


def axis(reader: Reader, first: int, newest: int) -> Iterator[Interval]:
    """Every bucket from `first` to `newest`, those without rows worked out from the grain."""
    for at in range(first, newest + 1):
        yield reader.intervals.get(at) or made_up(at, reader.grain, reader.offset)


def made_up_after(panel: Panel, last: Interval) -> Interval:
    """The bucket after `last`."""
    return made_up(place(last, panel.grain, panel.offset) + 1, panel.grain, panel.offset)


def made_up(at: int, grain: str, offset: int) -> Interval:
    """The bucket of a place at which nothing was measured."""
    if grain == "hour":
        start = datetime.fromtimestamp(at * 3600, tz=UTC)
        return Interval(start=start, end=start + timedelta(hours=1))
    if grain == "month":
        following = divmod(at + 1, 12)
        return Interval(
            start=datetime(at // 12, at % 12 + 1, 1, tzinfo=UTC),
            end=datetime(following[0], following[1] + 1, 1, tzinfo=UTC),
        )
    day = at if grain == "day" else at * 7 + offset - 3
    start = datetime.fromordinal(day).replace(tzinfo=UTC)
    return Interval(start=start, end=start + timedelta(days=1 if grain == "day" else 7))


def unjudged(history: TableHistory, base: Floats, intervals: Sequence[Interval]) -> tuple[int, ...]:
    """Columns after the base's newest, and those that were still open when the base was measured.

    Without a base only the newest: the rest is the past to learn from.
    """
    known = np.flatnonzero(~np.isnan(base).all(axis=0))
    if not known.size:
        return (len(intervals) - 1,)
    scanned_at = max((m.taken_at for m in history.base), default=None)
    return tuple(
        t
        for t, i in enumerate(intervals)
        if t > known[-1] or (scanned_at is not None and i.end > scanned_at and t >= known[0])
    )


def zero_filled(specs: Sequence[MetricSpec], values: Floats, *, gaps: bool = True) -> Floats:
    """Fill in zero rows: for buckets without rows between the oldest and the newest, and for categories that a bucket
    does not list although it lists others of the same column.

    Without `gaps` not for buckets: of one that no run saw while it was young, nobody said that it had no rows.
    """
    known = np.flatnonzero(~np.isnan(values).all(axis=0))
    out = values.copy()
    if not known.size:
        return out
    inside = np.zeros(values.shape[1], dtype=bool)
    inside[known[0] : known[-1] + 1] = True
    empty = inside & np.isnan(values).all(axis=0) & gaps
    groups: dict[str | None, list[int]] = {}
    counts = ((i, spec.segment) for i, spec in enumerate(specs) if spec.metric == "row_count")
    for i, segment in counts:
        groups.setdefault(segment.column if segment else None, []).append(i)
    for rows in groups.values():
        listed = ~np.isnan(values[rows]).all(axis=0) | empty
        out[rows] = np.where(np.isnan(values[rows]) & listed[None, :], 0.0, values[rows])
    return out


def excluded(panel: Panel, exclusions: Sequence[tuple[MetricSpec | None, Interval | None]]) -> Flags:
    """Cells (spec, bucket) that must not teach, unseen buckets among them; an excluded number takes its segments, or its whole, along."""
    out = np.zeros(panel.values.shape, dtype=bool)
    out[:, list(panel.unseen)] = True
    for spec, interval in exclusions:
        if interval is None:
            continue
        hit = np.array([interval.overlaps(i) for i in panel.intervals], dtype=bool)
        same = [spec is None or (s.metric, s.column) == (spec.metric, spec.column) for s in panel.specs]
        out |= np.array(same, dtype=bool)[:, None] & hit[None, :]
    return out
