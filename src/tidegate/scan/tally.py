"""The numbers of one scan as they come in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeVar

from tidegate.metrics import METRICS
from tidegate.model import Column, Dataset, Interval, Measurement, MetricSpec, Segment, Statement
from tidegate.scan.options import ScanOptions

T = TypeVar("T")

LONG: Final = 2**63
"""Integers beyond 64 bits become doubles, so that every store can keep them."""


@dataclass(slots=True)
class Tally:
    """What one scan has measured so far; filled by the parts of the plan, one after the other.

    `filled` are the buckets that have rows, oldest first, once a part has asked for them.
    """

    dataset: Dataset
    options: ScanOptions
    dialect: str
    measured: dict[MetricSpec, Measurement] = field(default_factory=dict)
    bucketed: list[Measurement] = field(default_factory=list)
    unmeasured: dict[MetricSpec, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    filled: Sequence[Interval] | None = None

    def spec(
        self, metric: str, column: str | None = None, *, argument: str | None = None, segment: Segment | None = None
    ) -> MetricSpec:
        """A spec about this dataset."""
        ref = self.dataset.ref
        return MetricSpec(dataset=ref, metric=metric, column=column, argument=argument, segment=segment)

    def statement(
        self,
        purpose: str,
        sql: str,
        *,
        specs: Sequence[MetricSpec] = (),
        repeats: bool = False,
        ascending: bool = False,
    ) -> Statement:
        """A statement about this dataset, and the wanted numbers that it brings."""
        return Statement(
            dataset=self.dataset.ref,
            purpose=purpose,
            sql=sql,
            specs=tuple(specs),
            repeats=repeats,
            ascending=ascending,
        )

    def add(self, spec: MetricSpec, raw: object, *, error: float | None = None) -> None:
        """Keep a whole-table number as it came from the engine."""
        self.measured[spec] = self.measurement(spec, raw, None, error)

    def add_buckets(self, specs: Sequence[MetricSpec], raws: Sequence[object], interval: Interval) -> None:
        """Keep the numbers of one bucket; there are tens of thousands, so they are only listed."""
        for spec, raw in zip(specs, raws, strict=True):
            self.bucketed.append(self.measurement(spec, raw, interval, None))

    def measurement(
        self, spec: MetricSpec, raw: object, interval: Interval | None = None, error: float | None = None
    ) -> Measurement:
        """A number as it came from the engine, which is not kept here."""
        metric, options = METRICS[spec.metric], self.options
        return Measurement(
            spec=spec,
            value=raw if type(raw) is int and -LONG <= raw < LONG else value_of(raw),
            unit=metric.unit,
            version=options.version,
            taken_at=options.taken_at,
            error=metric.error if error is None else error,
            interval=interval,
        )

    def number(self, metric: str, column: str | None = None, *, argument: str | None = None) -> float | None:
        """A whole-table number that was measured before, None when it is unknown or not a number."""
        found = self.measured.get(self.spec(metric, column, argument=argument))
        return found.value if found is not None and isinstance(found.value, int | float) else None

    @property
    def rows(self) -> int:
        """How many rows the dataset has, 0 before that was measured."""
        return int(self.number("row_count") or 0)

    def nulls(self, column: Column) -> int:
        """How many rows have no value in the column."""
        return int(self.number("null_count", column.name) or 0)


def value_of(raw: object) -> int | float | str | None:
    """A value of the engine as a measurement has it; NaN and infinities are unknown, not numbers."""
    match raw:
        case None | str() | bool():
            return int(raw) if isinstance(raw, bool) else raw
        case int():
            return raw if -LONG <= raw < LONG else float(raw)
        case float() | Decimal():
            number = float(raw)
            return number if math.isfinite(number) else None
        case _:
            return str(raw)


def groups(columns: Sequence[T], size: int) -> list[Sequence[T]]:
    """The columns (or what is asked of them) in groups of at most `size`, in their order; one empty group when there are none."""
    return [columns[at : at + size] for at in range(0, len(columns), size)] or [()]
