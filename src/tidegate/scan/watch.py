"""What is watched of every batch of a table: which numbers of which columns, told from their kinds and first values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.metrics import METRICS, Kind, kind_of, quoted
from tidegate.model import Column, DatasetRef, Family, MetricSpec

SHARES: Final = ("0.05", "0.25", "0.5", "0.75", "0.95")
"""The quantiles that are watched."""

WATCHED: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.NUMBER: (
        *("null_count", "distinct_count", "top_count", "min", "max", "mean", "stddev"),
        *("zero_count", "negative_count", "whole_count"),
    ),
    Family.TEXT: (
        *("null_count", "distinct_count", "top_count", "min_length", "max_length", "mean_length", "mean_digits"),
        *("upper_count", "lower_count", "padded_count", "non_ascii_count", "empty_count", "placeholder_count"),
    ),
    Family.TIME: ("null_count", "distinct_count", "top_count", "min", "max", "epoch_count", "off_hour_count"),
    Family.BOOLEAN: ("null_count", "true_count"),
    Family.OTHER: ("null_count",),
}
"""The metrics that are watched, by the family of a column; those that do not apply to its kind are left out."""

NEIGHBOURS: Final = 2
"""A number is compared with so many of the next larger ones: of numbers alike in size the order tells something."""


def of_column(ref: DatasetRef, column: Column) -> list[MetricSpec]:
    """The numbers of one column."""
    fitting = [m for m in WATCHED[column.family] if METRICS[m].applies_to(kind_of(column), column.family)]
    specs = [MetricSpec(dataset=ref, metric=metric, column=column.name) for metric in fitting]
    if column.family in (Family.NUMBER, Family.TIME):
        specs += [MetricSpec(dataset=ref, metric="quantile", column=column.name, argument=q) for q in SHARES]
    return specs


IN_BUCKETS: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.NUMBER: ("min", "max", "zero_count", "negative_count", "whole_count"),
    Family.TEXT: (
        *("min_length", "max_length", "mean_length", "mean_digits", "upper_count", "lower_count"),
        *("padded_count", "non_ascii_count", "empty_count", "placeholder_count"),
    ),
    Family.TIME: ("min", "max", "epoch_count", "off_hour_count"),
}
"""What a scan asks of every bucket beside what `scan.history` asks anyway: what one pass over the rows gives.

What holds rows against others is asked beside it (`scan.related`, `scan.beside`, `scan.again`). Quantiles, the most frequent value and
sketches of values need memory for every value, and are left to who can afford it; so is which of two numbers is the larger, which found nothing.
"""


def in_buckets(ref: DatasetRef, column: Column) -> list[MetricSpec]:
    """What is watched of one column in every bucket of a table's history."""
    asked = IN_BUCKETS.get(column.family, ())
    fitting = [m for m in asked if METRICS[m].applies_to(kind_of(column), column.family)]
    return [MetricSpec(dataset=ref, metric=metric, column=column.name) for metric in fitting]


OF_A_CLOCK: Final = ("min", "off_hour_count")
"""What is asked of the time that cuts the buckets, beside its newest: when the first row came, and how many came off the full hour."""


def of_clock(ref: DatasetRef, column: Column, grain: str) -> list[MetricSpec]:
    """What is watched of the time that cuts the buckets; a date is the first of its own day, which tells nothing."""
    kind = kind_of(column)
    asked = [m for m in OF_A_CLOCK if METRICS[m].applies_to(kind, column.family)]
    if kind is Kind.DATE and grain == "day":
        asked.remove("min")
    return [MetricSpec(dataset=ref, metric=metric, column=column.name) for metric in asked]


def of_pairs(ref: DatasetRef, means: Mapping[str, float]) -> list[MetricSpec]:
    """Which of two numbers is the larger, for neighbours in size. `means` are those of the first batches."""
    order = sorted(means, key=lambda name: (means[name], name))
    pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 : i + 1 + NEIGHBOURS]]
    return [
        MetricSpec(dataset=ref, metric=metric, column=a, argument=b)
        for a, b in pairs
        for metric in ("both_count", "less_count", "equal_count")
    ]


def values_sketch_sql(column: Column, size: int) -> str:
    """The least hashes of a column's different values, as a list."""
    name = quoted(column.name)
    return f"MIN(DISTINCT CASE WHEN {name} IS NOT NULL THEN HASH(CAST({name} AS TEXT)) END, {size})"


def rows_sketch_sql(columns: Sequence[Column], size: int) -> str:
    """The least hashes of the rows without their times, as a list; of a table of times alone, of the times."""
    telling = [c for c in columns if c.family is not Family.TIME] or list(columns)
    return f"MIN(HASH({', '.join(quoted(c.name) for c in telling)}), {size})"


def copies_sql(columns: Sequence[Column]) -> str:
    """Further copies of rows that agree in every column, by a 64-bit hash."""
    return f"COUNT(*) - COUNT(DISTINCT HASH({', '.join(quoted(c.name) for c in columns)}))"
