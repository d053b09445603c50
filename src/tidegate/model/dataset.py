"""What there is to look at: datasets, their columns, and half-open intervals of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

AUDIT_SUFFIX = "_dbt_test__audit"
"""How the schema ends in which dbt stores the rows that failed a test."""

QUARANTINE = "tidegate_quarantine"
"""The schema of the tables that keep quarantined rows; it is Tidegate's own, so that nobody measures or judges it."""


class Family(StrEnum):
    """What can be measured of a column, whatever the engine calls its type."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    BOOLEAN = "boolean"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DatasetRef:
    """The name of a table or view: `namespace` is its schema."""

    namespace: str
    name: str

    def __hash__(self) -> int:
        """The name's alone, which a text remembers: references are looked up millions of times."""
        return hash(self.name)

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `type` is the engine's own text, such as `DECIMAL(18,2)`."""

    name: str
    type: str
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A table or view as the catalogue has it; `columns` in their order, `rows` the engine's estimate or None.

    `collated` tells that texts may be equal there that are not the same (upper and lower case, say).
    """

    ref: DatasetRef
    columns: tuple[Column, ...]
    is_view: bool = False
    rows: int | None = None
    collated: bool = False

    def column(self, name: str) -> Column | None:
        """Find a column by its exact name, else by its name without regard to case; None when there is none."""
        by_name: Mapping[str, Column] = {c.name: c for c in self.columns}
        if name in by_name:
            return by_name[name]
        folded = name.casefold()
        return next((c for c in self.columns if c.name.casefold() == folded), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a table's rows that can be told unchanged: another part, of this version or another one, has the same
    `name` only if it holds the same rows. `first` and `end` are the row numbers that it lies between, half-open.
    """

    name: str
    rows: int
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Interval:
    """A half-open stretch of time [start, end), both aware and in UTC.

    Raises:
        ValueError: a bound without a time zone, or an end before the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            raise ValueError("an interval's bounds are aware and in UTC")
        if self.end < self.start:
            raise ValueError(f"the interval ends ({self.end}) before it starts ({self.start})")

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, datetime) and self.start <= moment < self.end

    def overlaps(self, other: Interval) -> bool:
        """Whether some instant lies in both."""
        return self.start < other.end and other.start < self.end
