"""What is remembered of numbers: as of a version, over the published versions, and when they were first seen."""

from __future__ import annotations

import json
import math
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import compress, islice
from typing import Any, TypeAlias

from tidegate.model import DatasetRef, Grid, Interval, Measurement, MetricSpec
from tidegate.state.connection import Connection
from tidegate.state.lineage import as_json, lineage
from tidegate.state.measurements import EPOCH, LARGEST, micros
from tidegate.state.series import Catalogue

CHOSEN = """
SELECT series, version, value, text, unit, error, taken_at
FROM measurement
WHERE version = ? AND dataset = ? AND series IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
"""
WHOLE = "SELECT series, version, value, text, unit, error, taken_at FROM measurement WHERE version = ? AND dataset = ?"

# Beside a max() or min(), SQLite takes the other columns from the row that has it.
LATEST = """
SELECT bucket_start, bucket_end, series, max(version), value, text, unit, error, taken_at, vanished
FROM bucket
WHERE dataset = :dataset AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
GROUP BY bucket_start, bucket_end, series
HAVING NOT vanished
"""
FIRST = """
SELECT bucket_start, bucket_end, series, min(version), value, text, unit, error, taken_at, vanished
FROM bucket
WHERE dataset = :dataset AND bucket_start >= :since AND NOT vanished AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
    AND (:most IS NULL OR taken_at BETWEEN bucket_end + :least * (bucket_end - bucket_start) AND bucket_end + :most * (bucket_end - bucket_start))
GROUP BY bucket_start, bucket_end, series
"""
NEWEST = """
SELECT bucket_start, bucket_end
FROM bucket
WHERE dataset = :dataset AND NOT vanished AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
ORDER BY bucket_start DESC, bucket_end DESC LIMIT 1
"""
GONE = "-"
"""In place of a text, that the number vanished; no text that stands for a value is like it."""

EVERY_WORD = f"""
SELECT bucket_start, bucket_end, series, value, CASE WHEN vanished THEN '{GONE}' ELSE text END,
    NOT vanished AND taken_at BETWEEN bucket_end + CAST(:least AS double precision) * (bucket_end - bucket_start)
    AND bucket_end + CAST(:most AS double precision) * (bucket_end - bucket_start)
FROM bucket
WHERE dataset = :dataset AND bucket_start >= :since AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
ORDER BY bucket_start, bucket_end, series, version
"""
Ages: TypeAlias = tuple[float, float] | None
"""From which age of a bucket to which a word on it counts, in its own lengths since its end; None for any."""

AT_ONCE = 2048
OF_SERIES = """
SELECT bucket_start, bucket_end, series, version, value, text, unit, error, taken_at, vanished
FROM bucket
WHERE dataset = :dataset AND series = :series AND NOT vanished AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
ORDER BY bucket_start, bucket_end, version
"""
PUBLISHED = """
SELECT number FROM version
WHERE was_published AND number IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
ORDER BY number DESC LIMIT :limit
"""


def as_of(connection: Connection, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
    """The whole-table numbers of a version, then what its lineage says of each bucket, oldest bucket first."""
    shelf = Shelf(connection, dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version))}
    return (
        *shelf.whole(connection.execute(WHOLE, (version, shelf.dataset))),
        *shelf.bucketed(connection.execute(LATEST, parameters)),
    )


def whole(connection: Connection, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
    """The whole-table numbers of a version."""
    shelf = Shelf(connection, dataset)
    return tuple(shelf.whole(connection.execute(WHOLE, (version, shelf.dataset))))


def grid(connection: Connection, version: int, dataset: DatasetRef, since: datetime | None, ages: Ages) -> Grid:
    """What the lineage of a version says of each bucket that starts at `since` or later, oldest bucket first; with `ages` also what
    it first said of them while they were young.
    """
    shelf = Shelf(connection, dataset)
    parameters = {
        "dataset": shelf.dataset,
        "lineage": as_json(lineage(connection, version)),
        "since": -LARGEST if since is None else micros(since),
        **_between(ages),
    }
    known, first = shelf.grids(connection.execute(EVERY_WORD, parameters))
    return known if ages is None else replace(known, first=first)


def newest_bucket(connection: Connection, version: int, dataset: DatasetRef) -> Interval | None:
    """The last bucket that the lineage of a version ever had a number of."""
    shelf = Shelf(connection, dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version))}
    row = connection.execute(NEWEST, parameters).fetchone()
    return None if row is None else shelf.interval(*row)


def first_seen(
    connection: Connection, version: int, dataset: DatasetRef, ages: Ages, since: datetime | None
) -> tuple[Measurement, ...]:
    """The first word in the lineage on each bucketed number, oldest bucket first; also of buckets that vanished."""
    shelf = Shelf(connection, dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version)), **_between(ages)}
    parameters["since"] = -LARGEST if since is None else micros(since)
    return tuple(shelf.bucketed(connection.execute(FIRST, parameters)))


def _between(ages: Ages) -> dict[str, float | None]:
    least, most = ages if ages is not None else (None, None)
    return {"least": least, "most": most}


def words(connection: Connection, version: int, spec: MetricSpec) -> tuple[Measurement, ...]:
    """Every word in the lineage on one bucketed number, oldest bucket first, then oldest version first."""
    shelf = Shelf(connection, spec.dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version))}
    number = shelf.number(spec)
    return (
        () if number is None else tuple(shelf.bucketed(connection.execute(OF_SERIES, {**parameters, "series": number})))
    )


def published(
    connection: Connection,
    version: int,
    dataset: DatasetRef,
    limit: int,
    *,
    metrics: Collection[str] | None,
    segments: bool,
    told: Collection[tuple[str, str | None]],
) -> tuple[tuple[int, tuple[Measurement, ...]], ...]:
    """The whole-table numbers of the newest `limit` versions of the lineage that were ever published, oldest first.

    A version that has no number of the dataset is there with an empty tuple.
    """
    shelf = Shelf(connection, dataset)
    parameters = {"lineage": as_json(lineage(connection, version)), "limit": limit}
    numbers = [number for (number,) in connection.execute(PUBLISHED, parameters)]
    chosen = json.dumps(shelf.chosen(metrics, segments=segments, told=told))
    return tuple(
        (number, tuple(shelf.whole(connection.execute(CHOSEN, (number, shelf.dataset, chosen)))))
        for number in reversed(numbers)
    )


class Shelf:
    """Makes the measurements of one dataset from rows; each time and interval is made once."""

    def __init__(self, connection: Connection, dataset: DatasetRef) -> None:
        catalogue = Catalogue(connection)
        self.dataset = catalogue.load(dataset)
        self._specs, self._units = catalogue.specs, catalogue.units
        self._moments: dict[int, datetime] = {}
        self._intervals: dict[tuple[int, int], Interval] = {}

    def chosen(
        self, metrics: Collection[str] | None, *, segments: bool, told: Collection[tuple[str, str | None]]
    ) -> list[int]:
        """The series of some metrics (None for all), with or without those of categories, without what is told already."""
        wanted = ((number, spec) for number, spec in self._specs.items() if segments or spec.segment is None)
        named = ((number, spec) for number, spec in wanted if metrics is None or spec.metric in metrics)
        return [number for number, spec in named if (spec.metric, spec.column) not in told]

    def number(self, spec: MetricSpec) -> int | None:
        """The series of a spec; None when nothing of it is kept."""
        return next((number for number, known in self._specs.items() if known == spec), None)

    def whole(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Measurement]:
        """Make one from each (series, version, value, text, unit, error, taken_at)."""
        return (self._measurement(row, None) for row in rows)

    def bucketed(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Measurement]:
        """Make one from each (start, end, series, version, value, text, unit, error, taken_at, vanished)."""
        for row in rows:
            yield self._measurement(row[2:9], self.interval(row[0], row[1]))

    def grids(self, rows: Iterable[tuple[Any, ...]]) -> tuple[Grid, Grid]:
        """Make columns from each (start, end, series, value, text, is young), in order of bucket, series and version: of the last word
        on each number, and of its first young one, from the first bucket on of which the last words tell something.

        A bucket at a time: there are tens of thousands of numbers, and hundreds of buckets.
        """
        known, first = _Columns(), _Columns()
        for (start, end), words in _by_bucket(rows):
            interval = self.interval(start, end)
            known.add(interval, *_said(words, newest=True))
            if known.intervals:
                first.add(interval, *_said(_young(words), newest=False))
        return known.grid(self._specs), first.grid(self._specs)

    def interval(self, start: int, end: int) -> Interval:
        """One object for each bucket."""
        found = self._intervals.get((start, end))
        if found is None:
            found = self._intervals[start, end] = Interval(start=self._moment(start), end=self._moment(end))
        return found

    def _measurement(self, row: tuple[Any, ...], interval: Interval | None) -> Measurement:
        series, version, value, text, unit, error, taken_at = row
        return Measurement(
            spec=self._specs[series],
            value=value if text is None else _beside(text),
            unit=self._units[series] if unit is None else unit,
            version=version,
            taken_at=self._moment(taken_at),
            error=error,
            interval=interval,
        )

    def _moment(self, micros: int) -> datetime:
        moment = self._moments.get(micros)
        if moment is None:
            moment = self._moments[micros] = EPOCH + timedelta(microseconds=micros)
        return moment


Words: TypeAlias = tuple[list[int], list[Any], list[str | None], list[int]]
"""The series of some words, their values, their texts, and whether they are of a young bucket."""


class _Columns:
    """A grid that is made a bucket after the other."""

    def __init__(self) -> None:
        self.intervals: list[Interval] = []
        self._places: dict[int, int] = {}
        self._series, self._buckets, self._values = array("q"), array("q"), list[Any]()
        self._last: tuple[list[int], array[int]] = ([], array("q"))

    def add(self, interval: Interval, numbers: list[int], values: list[Any]) -> None:
        """Most buckets have the same numbers as the one before."""
        if not numbers:
            return
        if numbers != self._last[0]:
            self._last = numbers, array("q", [self._places.setdefault(one, len(self._places)) for one in numbers])
        self._series.extend(self._last[1])
        self._buckets.extend(array("q", [len(self.intervals)]) * len(numbers))
        self._values += values
        self.intervals.append(interval)

    def grid(self, specs: Mapping[int, MetricSpec]) -> Grid:
        """All of it."""
        return Grid(
            specs=tuple(specs[number] for number in self._places),
            intervals=tuple(self.intervals),
            series=self._series,
            buckets=self._buckets,
            values=self._values,
        )


def _by_bucket(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[int, int], Words]]:
    """Each bucket with its words; the rows are in order of bucket. Few rows are there at a time: all of them would be much to look after."""
    starts, ends, series, values, texts, young = columns = tuple(list[Any]() for _ in range(6))
    unread = iter(rows)
    while part := list(islice(unread, AT_ONCE)):
        for column, more in zip(columns, zip(*part, strict=True), strict=True):
            column.extend(more)
    begin = 0
    while begin < len(starts):
        same_start = bisect_right(starts, starts[begin], begin)
        until = bisect_right(ends, ends[begin], begin, same_start)
        own = slice(begin, until)
        yield (starts[begin], ends[begin]), (series[own], values[own], texts[own], young[own])
        begin = until


def _young(words: Words) -> Words:
    """Those of a young bucket."""
    series, values, texts, young = words
    if all(young):
        return words
    return (
        list(compress(series, young)),
        list(compress(values, young)),
        list(compress(texts, young)),
        list(compress(young, young)),
    )


def _said(words: Words, *, newest: bool) -> tuple[list[int], list[Any]]:
    """What is said of each number of a bucket, without those that vanished."""
    series, values, texts, _ = words
    if len(set(series)) < len(series):
        order = range(len(series)) if newest else range(len(series) - 1, -1, -1)
        kept = sorted({series[at]: at for at in order}.values())
        series, values, texts = [series[at] for at in kept], [values[at] for at in kept], [texts[at] for at in kept]
    odd = [(at, text) for at, text in enumerate(texts) if text is not None]
    for at, text in odd:
        values[at] = None if text == GONE else _beside(text)
    if any(text == GONE for _, text in odd):
        there = [text != GONE for text in texts]
        series, values = list(compress(series, there)), list(compress(values, there))
    return series, values


def _beside(text: str) -> int | float | str:
    """What a column of numbers cannot hold, from the text that stands for it."""
    if text.startswith('"'):
        return str(json.loads(text))
    return math.nan if text == "NaN" else int(text)
