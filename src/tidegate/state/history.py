"""What is remembered of numbers: as of a version, over the published versions, and when they were first seen."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tidegate.model import DatasetRef, Interval, Measurement
from tidegate.state.lineage import as_json, lineage
from tidegate.state.measurements import EPOCH
from tidegate.state.series import Catalogue

WHOLE = "SELECT series, version, value, text, unit, error, taken_at FROM measurement WHERE version = ? AND dataset = ?"

# Beside a max() or min(), SQLite takes the other columns from the row that has it.
LATEST = """
SELECT bucket_start, bucket_end, series, max(version), value, text, unit, error, taken_at, vanished
FROM bucket
WHERE dataset = :dataset AND version IN (SELECT value FROM json_each(:lineage))
GROUP BY bucket_start, bucket_end, series
HAVING NOT vanished
"""
FIRST = """
SELECT bucket_start, bucket_end, series, min(version), value, text, unit, error, taken_at, vanished
FROM bucket
WHERE dataset = :dataset AND NOT vanished AND version IN (SELECT value FROM json_each(:lineage))
    AND (:within IS NULL OR taken_at BETWEEN bucket_end AND bucket_end + :within * (bucket_end - bucket_start))
GROUP BY bucket_start, bucket_end, series
"""
PUBLISHED = """
SELECT number FROM version
WHERE was_published AND number IN (SELECT value FROM json_each(:lineage))
ORDER BY number DESC LIMIT :limit
"""


def as_of(connection: sqlite3.Connection, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
    """The whole-table numbers of a version, then what its lineage says of each bucket, oldest bucket first."""
    shelf = Shelf(connection, dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version))}
    return (
        *shelf.whole(connection.execute(WHOLE, (version, shelf.dataset))),
        *shelf.bucketed(connection.execute(LATEST, parameters)),
    )


def first_seen(
    connection: sqlite3.Connection, version: int, dataset: DatasetRef, within: float | None
) -> tuple[Measurement, ...]:
    """The first word in the lineage on each bucketed number, oldest bucket first; also of buckets that vanished."""
    shelf = Shelf(connection, dataset)
    parameters = {"dataset": shelf.dataset, "lineage": as_json(lineage(connection, version)), "within": within}
    return tuple(shelf.bucketed(connection.execute(FIRST, parameters)))


def published(
    connection: sqlite3.Connection, version: int, dataset: DatasetRef, limit: int
) -> tuple[tuple[int, tuple[Measurement, ...]], ...]:
    """The whole-table numbers of the newest `limit` versions of the lineage that were ever published, oldest first.

    A version that has no number of the dataset is there with an empty tuple.
    """
    shelf = Shelf(connection, dataset)
    parameters = {"lineage": as_json(lineage(connection, version)), "limit": limit}
    numbers = [number for (number,) in connection.execute(PUBLISHED, parameters)]
    return tuple(
        (number, tuple(shelf.whole(connection.execute(WHOLE, (number, shelf.dataset))))) for number in reversed(numbers)
    )


class Shelf:
    """Makes the measurements of one dataset from rows; each time and interval is made once."""

    def __init__(self, connection: sqlite3.Connection, dataset: DatasetRef) -> None:
        catalogue = Catalogue(connection)
        self.dataset = catalogue.load(dataset)
        self._specs, self._units = catalogue.specs, catalogue.units
        self._moments: dict[int, datetime] = {}
        self._intervals: dict[tuple[int, int], Interval] = {}

    def whole(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Measurement]:
        """Make one from each (series, version, value, text, unit, error, taken_at)."""
        return (self._measurement(row, None) for row in rows)

    def bucketed(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Measurement]:
        """Make one from each (start, end, series, version, value, text, unit, error, taken_at, vanished)."""
        for row in rows:
            interval = self._intervals.get(row[:2])
            if interval is None:
                interval = Interval(start=self._moment(row[0]), end=self._moment(row[1]))
                self._intervals[row[:2]] = interval
            yield self._measurement(row[2:9], interval)

    def _measurement(self, row: tuple[Any, ...], interval: Interval | None) -> Measurement:
        series, version, value, text, unit, error, taken_at = row
        return Measurement(
            spec=self._specs[series],
            value=value if text is None else _number(text),
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


def _number(text: str) -> int | float:
    return math.nan if text == "NaN" else int(text)
