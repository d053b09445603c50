"""Drills: faults that are put into a copy on purpose, to see whether the gate notices."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.model.dataset import DatasetRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill: the `fault` (a registered name) that happens to the new rows of a table.

    Without a `column` the fault takes one that it can happen to. `where` is a SQL predicate; only rows for which it is true
    are hit. `value` is the category that is lost. `magnitude` is the fault's own number (a share, a factor, ...), None for
    its default. `because` says why there is such a drill.
    """

    name: str
    fault: str
    table: DatasetRef
    column: str | None = None
    where: str | None = None
    value: str | None = None
    magnitude: float | None = None
    because: str | None = None
