"""What is remembered of numbers: as of a version, over the published versions, and when they were first seen."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

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
    AND (:within IS NULL OR taken_at BETWEEN bucket_end AND bucket_end + :within * (bucket_end - bucket_start))
GROUP BY bucket_start, bucket_end, series
"""
NEWEST = """
SELECT bucket_start, bucket_end
FROM bucket
WHERE dataset = :dataset AND NOT vanished AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
ORDER BY bucket_start DESC, bucket_end DESC LIMIT 1
"""
EVERY_WORD = """
SELECT series, bucket_start, bucket_end, value, text, vanished
FROM bucket
WHERE dataset = :dataset AND bucket_start >= :since AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
ORDER BY bucket_start, bucket_end, series, version
"""
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


def grid(connection: Connection, version: int, dataset: DatasetRef, since: datetime | None) -> Grid:
    """What the lineage of a version says of each bucket that starts at `since` or later, oldest bucket first."""
    shelf = Shelf(connection, dataset)
    parameters = {
        "dataset": shelf.dataset,
        "lineage": as_json(lineage(connection, version)),
        "since": -LARGEST if since is None else micros(since),
    }
    last = {row[:3]: row for row in connection.execute(EVERY_WORD, parameters)}  # the newest version's comes last
    return shelf.grid([row for row in last.values() if not row[5]])


def newest_bucket(connection: Connection, version: int, dataset: DatasetRef) -> Interval | None:
    """The last bucket that the lineage of a version ever had a number of."""
    shelf = Shelf(connection, dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version))}
    row = connection.execute(NEWEST, parameters).fetchone()
    return None if row is None else shelf.interval(*row)


def first_seen(
    connection: Connection, version: int, dataset: DatasetRef, within: float | None, since: datetime | None
) -> tuple[Measurement, ...]:
    """The first word in the lineage on each bucketed number, oldest bucket first; also of buckets that vanished."""
    shelf = Shelf(connection, dataset)
    return tuple(shelf.bucketed(_first_words(connection, shelf, version, within, since)))


def first_grid(
    connection: Connection, version: int, dataset: DatasetRef, within: float | None, since: datetime | None
) -> Grid:
    """The same in columns."""
    shelf = Shelf(connection, dataset)
    found = _first_words(connection, shelf, version, within, since)
    return shelf.grid([(row[2], row[0], row[1], row[4], row[5]) for row in found])


def _first_words(
    connection: Connection, shelf: Shelf, version: int, within: float | None, since: datetime | None
) -> Iterable[tuple[Any, ...]]:
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version)), "within": within}
    parameters["since"] = -LARGEST if since is None else micros(since)
    return connection.execute(FIRST, parameters)


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
) -> tuple[tuple[int, tuple[Measurement, ...]], ...]:
    """The whole-table numbers of the newest `limit` versions of the lineage that were ever published, oldest first.

    A version that has no number of the dataset is there with an empty tuple.
    """
    shelf = Shelf(connection, dataset)
    parameters = {"lineage": as_json(lineage(connection, version)), "limit": limit}
    numbers = [number for (number,) in connection.execute(PUBLISHED, parameters)]
    chosen = json.dumps(shelf.chosen(metrics, segments=segments))
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

    def chosen(self, metrics: Collection[str] | None, *, segments: bool) -> list[int]:
        """The series of some metrics (None for all), with or without those of categories."""
        wanted = ((number, spec) for number, spec in self._specs.items() if segments or spec.segment is None)
        return [number for number, spec in wanted if metrics is None or spec.metric in metrics]

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

    def grid(self, rows: Sequence[tuple[Any, ...]]) -> Grid:
        """Make columns from each (series, start, end, value, text, …)."""
        series = {number: at for at, number in enumerate(dict.fromkeys(row[0] for row in rows))}
        buckets = {key: at for at, key in enumerate(dict.fromkeys(row[1:3] for row in rows))}
        return Grid(
            specs=tuple(self._specs[number] for number in series),
            intervals=tuple(self.interval(start, end) for start, end in buckets),
            series=array("q", [series[row[0]] for row in rows]),
            buckets=array("q", [buckets[row[1:3]] for row in rows]),
            values=[row[3] if row[4] is None else _beside(row[4]) for row in rows],
        )

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


def _beside(text: str) -> int | float | str:
    """What a column of numbers cannot hold, from the text that stands for it."""
    if text.startswith('"'):
        return str(json.loads(text))
    return math.nan if text == "NaN" else int(text)
