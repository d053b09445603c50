"""Deliveries: loads and source files as parts of a bucket, each held against those before it that are like it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from tidegate.model import Family, MetricSpec
from tidegate.scan import LOAD_COLUMNS, SliceRow, TableScan

FILE_NAME: Final = re.compile(
    r"^_*((sdc|dlt|metadata|meta|src)_+)?((source|src|input|origin|load|loaded_from)_*)?_*(file|filename|filepath|object_key)"
    r"(_*(name|path|uri|url|key))?$|^_+source$",
    re.IGNORECASE,
)
"""How columns are called that name the file a row came from: `source_file`, `_file`, `file_name`, `_sdc_source_file`."""

MOST_DELIVERIES: Final = 10_000
"""A column with more different values than this is not asked for deliveries. Chosen, not derived."""

LEAST_ROWS: Final = 2
"""So many rows a delivery must have on average, else its column is a key. Chosen, not derived."""


def deliveries(scan: TableScan) -> list[str]:
    """The columns that say with what a row came: the load column, and text columns that are called like a file.

    Left out is what has too many values, or nearly as many as rows, where the scan counted them.
    """
    named = [c.name for c in scan.dataset.columns if c.family is Family.TEXT and FILE_NAME.match(c.name)]
    if scan.load_column is not None:
        named.insert(0, scan.load_column)
    numbers, ref = scan.values, scan.dataset.ref
    rows = numbers.get(MetricSpec(dataset=ref, metric="row_count"))
    counted = {name: numbers.get(MetricSpec(dataset=ref, metric="distinct_count", column=name)) for name in named}
    return [name for name, distinct in counted.items() if _is_coarse(distinct, rows)]


def is_delivery(column: str) -> bool:
    """Whether a column is called like one that names loads or files."""
    return column in LOAD_COLUMNS or FILE_NAME.match(column) is not None


def _is_coarse(distinct: object, rows: object) -> bool:
    if not isinstance(distinct, int | float) or not isinstance(rows, int | float):
        return True
    return distinct <= MOST_DELIVERIES and distinct * LEAST_ROWS <= rows


def compared(rows: Iterable[SliceRow], buckets: int, *, adds_up: bool) -> list[SliceRow]:
    """The deliveries that one column names in the bucket, each with what is usual for one of its kind.

    A delivery comes once, so what it brought before says nothing of it. It is held against those of the baseline whose names
    differ from its own in digits alone, or against all if none do: the median of their rows and values, and no more than a
    bucket has, as one that brought many buckets at once would. One that lasts over the whole baseline is its own measure. Where more came than usual, nothing is expected of the newest ones,
    and least of those that are called like none before. Where all of the baseline came with what has ended since (a first load of everything), the
    others are held against that, and its last rows in the bucket are left out.

    Args:
        rows: of one column, with the rows per bucket of the baseline.
        buckets: how many buckets the baseline has.
        adds_up: the value grows with the rows, and is per bucket of the baseline as they are.

    Returns:
        By name, the oldest first, those called like none before last. O(n log n).
    """
    found = list(rows)
    past = [r for r in found if r.expected_rows and not r.observed_rows]
    forms = {_form(r) for r in past}
    here = sorted((r for r in found if r.observed_rows), key=lambda r: (_form(r) not in forms, _order(r.segment.value)))
    whole = sum(r.expected_rows for r in found)
    usual = max(round(len(past) / buckets), 1)
    fresh = [r for r in here if not _lasts(r, whole)]
    if (
        fresh
        and not past
        and (ended := [r for r in here if _lasts(r, whole) and r.observed_rows < r.expected_rows / 2])
    ):
        return [_after(ended, row, len(fresh), adds_up=adds_up) for row in fresh]
    surplus = {r.segment for r in fresh[usual:]} if past else set()
    told = []
    for row in here:
        alike = [r for r in past if _form(r) == _form(row)] or past
        if row.segment in surplus:
            row = dataclasses.replace(row, expected_rows=0.0, expected_value=_value(past, 0 if adds_up else 1))
        elif alike and not _lasts(row, whole):
            a_bucket = median(r.expected_rows for r in alike)
            usual_rows = min(whole, buckets * a_bucket)
            row = dataclasses.replace(
                row, expected_rows=usual_rows, expected_value=_value(alike, usual_rows / a_bucket if adds_up else 1)
            )
        told.append(row)
    return told


def _after(ended: Sequence[SliceRow], row: SliceRow, parts: int, *, adds_up: bool) -> SliceRow:
    """One of several deliveries, held against what those brought that have ended: its part of their rows, and their values."""
    rows = sum(max(r.expected_rows - r.observed_rows, 0.0) for r in ended) / parts
    return dataclasses.replace(row, expected_rows=rows, expected_value=_value(ended, 1 / parts if adds_up else 1))


def _order(name: str | None) -> tuple[object, ...]:
    """Names with their numbers as numbers, so that load 10 comes after load 9."""
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name or ""))


def _lasts(row: SliceRow, whole: float) -> bool:
    """Whether a delivery brought rows to most buckets of the baseline too."""
    return whole > 0 and row.expected_rows >= whole / 2


def _value(past: Sequence[SliceRow], times: float) -> float | None:
    values = [r.expected_value for r in past if r.expected_value is not None]
    return times * median(values) if values else None


def _form(row: SliceRow) -> str:
    return re.sub(r"\d+", "#", row.segment.value or "")
