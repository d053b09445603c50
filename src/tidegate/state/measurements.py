"""Numbers in little space: whole-table numbers per version, bucketed numbers only where a version changed them.

A number of a time bucket is written by the versions that saw another value (beyond a relative 1e-9, integers beyond
nothing) than the nearest ancestor that wrote it; what a version says of a bucket is the newest word in its lineage,
whatever became of the ancestors since.

A bucket that an ancestor has and a scan has not has *vanished*, and that is written too, as a row without a value,
if the scan looked there. Where it looked follows from what it brought, per family of series (all segment values of one
metric): from the earliest bucket of the family in the scan, without an end. A scan of the newest buckets thus leaves
the closed ones before them alone, and a load of today that was taken back is noticed; a scan that needs the emptiness
of its first bucket known brings a number for it (a row count of 0). A scan in part, of buckets here and there, says
itself what has vanished. A row count of 0 for the whole table empties every bucket.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from tidegate.errors import StateError
from tidegate.model import DatasetRef, Interval, Measurement, MetricSpec, Segment
from tidegate.state.connection import Connection
from tidegate.state.documents import clean
from tidegate.state.lineage import as_json, lineage
from tidegate.state.series import Catalogue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SAME = 1e-9
LARGEST = 2**63
NOTHING: Mapping[DatasetRef, Collection[tuple[MetricSpec, Interval]]] = MappingProxyType({})

# Beside a max(), SQLite takes the other columns from the row that has it.
WORDS = """
SELECT dataset, bucket_start, bucket_end, series, max(version), value, text, unit, error, taken_at, vanished
FROM bucket
WHERE dataset = :dataset AND bucket_start {which} AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage))
GROUP BY dataset, bucket_start, bucket_end, series
"""
SINCE = WORDS.format(which=">= :start")
OF_BUCKETS = WORDS.format(which="IN (SELECT CAST(value AS BIGINT) FROM json_each(:starts))")
NEAREST_SCANNED_DESCENDANTS = """
WITH RECURSIVE below(number, scanned) AS (
    SELECT number, number IN (SELECT version FROM scan) FROM version WHERE parent = :version
    UNION ALL
    SELECT version.number, version.number IN (SELECT version FROM scan)
    FROM below JOIN version ON version.parent = below.number
    WHERE NOT below.scanned
)
SELECT number FROM below WHERE scanned
"""


class Word(NamedTuple):
    """What a version says of one number: the value columns of a row."""

    value: int | float | str | None
    text: str | None
    unit: str | None
    error: float
    taken_at: int
    vanished: int = 0


WholeKey: TypeAlias = tuple[int, int]
"""Dataset, series."""
BucketKey: TypeAlias = tuple[int, int, int, int]
"""Dataset, start, end, series."""
Words: TypeAlias = Mapping[BucketKey, Word]


def save(
    connection: Connection,
    version: int,
    measurements: Sequence[Measurement],
    vanished: Mapping[DatasetRef, Collection[tuple[MetricSpec, Interval]]] = NOTHING,
) -> None:
    """Replace what a version said by what it says now, inside the caller's transaction.

    What its descendants say stays as it is: where they relied on the old words, these become their own. A dataset in
    `vanished` was scanned in part: besides the numbers that came, only the ones listed there changed.
    """
    descendants = _words_of_descendants(connection, version)
    forget(connection, version)
    catalogue = Catalogue(connection)
    whole, buckets = _rows(catalogue, version, measurements)
    connection.executemany(
        "INSERT INTO measurement (dataset, series, version, value, text, unit, error, taken_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((*key, version, *whole[key][:5]) for key in sorted(whole)),
    )
    gone = {catalogue.dataset(dataset): _keys(catalogue, cells) for dataset, cells in vanished.items()}
    _write(connection, version, _changes(connection, catalogue, version, whole, buckets, gone))
    for descendant, before in descendants.items():
        _write(connection, descendant, _difference(before, _words(connection, descendant, _everything(connection))))


def forget(connection: Connection, version: int) -> None:
    """Remove what a version said, as if it had never been scanned."""
    connection.execute("DELETE FROM measurement WHERE version = ?", (version,))
    if connection.execute("SELECT 1 FROM scan WHERE version = ?", (version,)).fetchone():
        connection.execute("DELETE FROM bucket WHERE version = ?", (version,))


def _rows(
    catalogue: Catalogue, version: int, measurements: Sequence[Measurement]
) -> tuple[dict[WholeKey, Word], dict[BucketKey, Word]]:
    whole: dict[WholeKey, Word] = {}
    buckets: dict[BucketKey, Word] = {}
    found: dict[int, tuple[int, int, str]] = {}  # by identity: hashing 50,000 specs would take half of the time here
    for measured in measurements:
        if measured.version != version:
            raise StateError(f"a number of version {measured.version} cannot be kept with version {version}")
        spec = measured.spec
        if id(spec) not in found:
            found[id(spec)] = catalogue.series(spec, measured.unit)
        dataset, series, unit = found[id(spec)]
        value, text = _cell(measured.value)
        own_unit = None if measured.unit == unit else measured.unit
        word = Word(value, text, own_unit, measured.error, micros(measured.taken_at))
        if measured.interval is None:
            whole[dataset, series] = word
        else:
            start, end = micros(measured.interval.start), micros(measured.interval.end)
            buckets[dataset, start, end, series] = word
    return whole, buckets


def _cell(value: object) -> tuple[int | float | None, str | None]:
    """A value as a column of numbers holds it, or else as text beside it: NaN, a huge integer, or a JSON string."""
    if value is None:
        return None, None
    if isinstance(value, str):
        return None, json.dumps(clean(value))
    if isinstance(value, float):
        return (None, "NaN") if math.isnan(value) else (float(value), None)
    if not isinstance(value, int):
        raise StateError(f"`{value!r}` cannot be kept as a number: it is {type(value).__name__}")
    return (int(value), None) if -LARGEST <= value < LARGEST else (None, str(value))


@lru_cache(maxsize=4096)
def micros(moment: datetime) -> int:
    """A time as the store keeps it: microseconds since 1970.

    Raises:
        StateError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise StateError(f"`{moment}` has no time zone")
    return (moment - EPOCH) // MICROSECOND


def _keys(catalogue: Catalogue, cells: Collection[tuple[MetricSpec, Interval]]) -> frozenset[BucketKey]:
    found = []
    for spec, interval in cells:
        dataset, series, _ = catalogue.series(spec, "")
        found.append((dataset, micros(interval.start), micros(interval.end), series))
    return frozenset(found)


def _changes(
    connection: Connection,
    catalogue: Catalogue,
    version: int,
    whole: Mapping[WholeKey, Word],
    buckets: Words,
    gone: Mapping[int, frozenset[BucketKey]],
) -> dict[BucketKey, Word]:
    """What a version says that its ancestors do not."""
    starts = dict.fromkeys(_emptied(catalogue, whole), -LARGEST)
    emptied = frozenset(starts)
    in_part = gone.keys() - emptied
    touched: dict[int, set[int]] = {dataset: {key[1] for key in gone[dataset]} for dataset in in_part}
    for dataset, start, _, _ in buckets:
        if dataset in in_part:
            touched[dataset].add(start)
        else:
            starts[dataset] = min(start, starts.get(dataset, start))
    scanned_from = _scanned_from(catalogue, buckets)
    looked_from = {series: scanned_from.get(_family(spec), LARGEST) for series, spec in catalogue.specs.items()}
    before = {
        key: word
        for key, word in _words(connection, version, starts).items()
        if key[0] in emptied or key[1] >= looked_from[key[3]]
    }
    known = _words_of_buckets(connection, version, touched)
    before |= {key: word for key, word in known.items() if key in buckets or key in gone[key[0]]}
    return _difference(buckets, before)


def _emptied(catalogue: Catalogue, whole: Mapping[WholeKey, Word]) -> list[int]:
    """The datasets without a row."""
    specs = ((dataset, catalogue.specs[series]) for (dataset, series), word in whole.items() if word.value == 0)
    return [dataset for dataset, spec in specs if spec == MetricSpec(dataset=spec.dataset, metric="row_count")]


def _scanned_from(catalogue: Catalogue, buckets: Words) -> dict[MetricSpec, int]:
    starts: dict[int, int] = {}
    for _, start, _, series in buckets:
        if start < starts.get(series, LARGEST):
            starts[series] = start
    found: dict[MetricSpec, int] = {}
    for series, start in starts.items():
        family = _family(catalogue.specs[series])
        found[family] = min(start, found.get(family, start))
    return found


def _family(spec: MetricSpec) -> MetricSpec:
    """The series that one statement brings together: the segments of a column, whatever their values."""
    if spec.segment is None:
        return spec
    return MetricSpec(
        dataset=spec.dataset,
        metric=spec.metric,
        column=spec.column,
        argument=spec.argument,
        where=spec.where,
        segment=Segment(column=spec.segment.column, value=None),
    )


def _difference(wanted: Words, before: Words) -> dict[BucketKey, Word]:
    """What has to be written on top of `before` so that it reads as `wanted`."""
    changed = {key: word for key, word in wanted.items() if key not in before or not _same(word, before[key])}
    for key, word in before.items():
        if key not in wanted and not word.vanished:
            changed[key] = Word(None, None, None, 0.0, word.taken_at, 1)
    return changed


def _same(one: Word, other: Word) -> bool:
    if one[1:4] != other[1:4] or one.vanished != other.vanished:
        return False
    a, b = one.value, other.value
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=SAME)
    return type(a) is type(b) and a == b


def _write(connection: Connection, version: int, words: Words) -> None:
    connection.executemany(
        "INSERT INTO bucket (dataset, bucket_start, bucket_end, series, version,"
        " value, text, unit, error, taken_at, vanished) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (dataset, bucket_start, bucket_end, series, version) DO UPDATE SET value = excluded.value,"
        " text = excluded.text, unit = excluded.unit, error = excluded.error, taken_at = excluded.taken_at,"
        " vanished = excluded.vanished",
        ((*key, version, *words[key]) for key in sorted(words)),
    )


def _words(connection: Connection, version: int, starts: Mapping[int, int]) -> dict[BucketKey, Word]:
    """What the lineage of a version says of the buckets of each dataset, from a start on."""
    ancestors = as_json(lineage(connection, version))
    words: dict[BucketKey, Word] = {}
    for dataset, start in starts.items():
        rows = connection.execute(SINCE, {"dataset": dataset, "start": start, "lineage": ancestors})
        words.update((row[:4], Word._make(row[5:])) for row in rows)
    return words


def _words_of_buckets(
    connection: Connection, version: int, starts: Mapping[int, Collection[int]]
) -> dict[BucketKey, Word]:
    """What the lineage of a version says of some buckets of each dataset, by their starts."""
    ancestors = as_json(lineage(connection, version))
    words: dict[BucketKey, Word] = {}
    for dataset, chosen in starts.items():
        parameters = {"dataset": dataset, "starts": json.dumps(sorted(chosen)), "lineage": ancestors}
        words.update((row[:4], Word._make(row[5:])) for row in connection.execute(OF_BUCKETS, parameters))
    return words


def _words_of_descendants(connection: Connection, version: int) -> dict[int, dict[BucketKey, Word]]:
    """All that the nearest scanned descendants say; almost always there are none."""
    numbers = connection.execute(NEAREST_SCANNED_DESCENDANTS, {"version": version}).fetchall()
    return {number: _words(connection, number, _everything(connection)) for (number,) in numbers}


def _everything(connection: Connection) -> dict[int, int]:
    return {dataset: -LARGEST for (dataset,) in connection.execute("SELECT id FROM dataset")}
