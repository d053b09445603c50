"""Faults: what standard accidents do to the numbers of one batch, so that it can be told which of them would be caught."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tidegate.model import MetricSpec, Segment, Value
from tidegate.services.replay import Numbers

COUNTS = frozenset(
    {"row_count", "null_count", "true_count", "empty_count", "nan_count", "infinite_count", "duplicate_rows", "sum"}
)
"""Numbers that shrink and grow with the rows."""

SIZES = frozenset({"mean", "sum", "min", "max", "quantile", "stddev"})
"""Numbers that follow a column's unit."""

MIDDLE = (0.05, 0.6)
"""The shares of the rows between which a category is lost: one that somebody would miss, and not nearly the whole table."""

NULLS_ADDED = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of accident. `apply` makes the numbers that would have come, of the batch's `turn`-th column or category;
    None where the batch has nothing that this can happen to.
    """

    name: str
    apply: Callable[[Numbers, int], Numbers | None]


def _floats(numbers: Numbers) -> dict[MetricSpec, float]:
    return {s: float(v) for s, v in numbers.items() if isinstance(v, (int, float))}


def row_count(numbers: Numbers) -> float:
    """The rows of a batch; 0 where they were not counted."""
    found = (v for s, v in _floats(numbers).items() if s.metric == "row_count" and s.segment is None)
    return next(found, 0.0)


def _scaled(
    numbers: Numbers, factor: float, metrics: Iterable[str], column: str | None = None
) -> dict[MetricSpec, Value]:
    """The numbers with those of some metrics (of one column, where it is named) times a factor."""
    chosen = frozenset(metrics)
    times = {s: v * factor for s, v in _floats(numbers).items() if s.metric in chosen and column in {None, s.column}}
    return {**numbers, **times}


def _counted(numbers: Numbers, factor: float) -> dict[MetricSpec, Value]:
    """A random part of the rows, or as many times the rows."""
    return {
        s: round(v) if s.metric in COUNTS and s.metric != "sum" and isinstance(v, float) else v
        for s, v in _scaled(numbers, factor, COUNTS).items()
    }


def half_lost(numbers: Numbers, turn: int) -> Numbers | None:  # noqa: ARG001  it happens to all rows
    """Every second row is missing; no column has more distinct values than rows."""
    rows = row_count(numbers)
    if rows < 2:
        return None
    found = _counted(numbers, 0.5)
    for spec, value in _floats(numbers).items():
        if spec.metric == "distinct_count":
            found[spec] = min(round(value), round(rows / 2))
    return found


def twice(numbers: Numbers, turn: int) -> Numbers | None:  # noqa: ARG001  it happens to all rows
    """All rows came a second time."""
    rows = row_count(numbers)
    if not rows:
        return None
    copies = {s: round(rows) for s in numbers if s.metric == "duplicate_rows" and s.segment is None}
    return {**_counted(numbers, 2.0), **copies}


def category_lost(numbers: Numbers, turn: int) -> Numbers | None:
    """No row of one category came; what else is counted shrinks evenly."""
    rows = row_count(numbers)
    able = sorted(
        ((s.segment.column, s.segment.value or "", s.segment, v) for s, v in _floats(numbers).items()
         if s.metric == "row_count" and s.segment is not None and MIDDLE[0] * rows <= v <= MIDDLE[1] * rows),
        key=lambda one: one[:2],
    )  # fmt: skip
    if not able:
        return None
    *_, segment, lost = able[turn % len(able)]
    return dict(_without(numbers, _counted(numbers, 1 - lost / rows), segment))


def _without(before: Numbers, after: Numbers, segment: Segment) -> Iterator[tuple[MetricSpec, Value]]:
    """The numbers after the loss, without the category; the others of its column are as they were."""
    for spec, value in after.items():
        of_column = spec.segment is not None and spec.segment.column == segment.column
        if spec.segment == segment:
            continue
        elif spec.metric == "distinct_count" and spec.column == segment.column and isinstance(value, (int, float)):
            yield spec, max(value - 1, 0)
        else:
            yield spec, before[spec] if of_column else value


def nulls_added(numbers: Numbers, turn: int) -> Numbers | None:
    """A fifth of the rows has no value in one column any more."""
    rows = row_count(numbers)
    able = sorted(
        (s.column or "", s, v)
        for s, v in _floats(numbers).items()
        if s.metric == "null_count" and s.segment is None and s.where is None and v + NULLS_ADDED * rows <= rows
    ) if rows else []  # fmt: skip
    if not able:
        return None
    _, spec, value = able[turn % len(able)]
    return {**numbers, spec: round(value + NULLS_ADDED * rows)}


def times(factor: float) -> Callable[[Numbers, int], Numbers | None]:
    """All values of one column came so many times as large."""

    def apply(numbers: Numbers, turn: int) -> Numbers | None:
        columns = sorted(
            {
                s.column
                for s, v in _floats(numbers).items()
                if s.metric == "mean" and s.segment is None and s.column and v
            }
        )
        return _scaled(numbers, factor, SIZES, columns[turn % len(columns)]) if columns else None

    return apply


FAULTS: tuple[Fault, ...] = (
    Fault(name="rows −50 %", apply=half_lost),
    Fault(name="rows twice", apply=twice),
    Fault(name="category lost", apply=category_lost),
    Fault(name="nulls +20 points", apply=nulls_added),
    Fault(name="values × 1.5", apply=times(1.5)),
    Fault(name="values × 100", apply=times(100.0)),
)
"""The accidents that are tried; the classes row_loss, dup_load, category_drop, null_spike and unit_change of the benchmark."""
