"""Explanation on demand: between which values most of each category's numbers usually lie, and which rows of a bucket do not.

What is judged is a sample (`scan.rest`); what a person reads is asked of all rows of the bucket and of the buckets before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.metrics import TIMES, in_segment, kind_of, quoted, relation, select
from tidegate.model import Dataset, Interval, Measurement, MetricSpec, Segment, Statement
from tidegate.scan.beside import Beside, ByCategory
from tidegate.scan.grain import within_sql
from tidegate.scan.options import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one category: its numbers in a bucket and their median; between `low` and `high` they usually lie."""

    segment: Segment
    values: int
    median: float | None
    low: float
    high: float


def by_category(spec: MetricSpec, measurements: Iterable[Measurement]) -> ByCategory | None:
    """How the number follows from a category, by the choice that is among the numbers of a scan; None where it does not."""
    if spec.argument is None or spec.column is None:
        return None
    written = next((m.spec.argument for m in measurements if m.spec.metric == "beside"), None)
    return None if written is None else Beside.read(written).by_category.get(spec.column)


def limits(
    dataset: Dataset,
    number: str,
    by: ByCategory,
    interval: Interval,
    *,
    time_column: str,
    dialect: str = "duckdb",
) -> Plan[tuple[Limits, ...]]:
    """Ask what each category usually has, as the judgement has it: its middle and four spreads to both sides, of the buckets before.

    One statement that reads the bucket and the stretch of fourteen such before it. Categories that are too rare have no limits.
    """
    from tidegate.detect.given import LEAST_BEFORE
    from tidegate.detect.others import BACK

    time = dataset.column(time_column)
    if time is None or kind_of(time) not in TIMES:
        return ()
    length = interval.end - interval.start
    past = Interval(start=interval.start - BACK * length, end=interval.start)
    before, inside = (within_sql(time.name, kind_of(time), span, dialect) for span in (past, interval))
    value, known = f"CAST({quoted(number, dialect)} AS DOUBLE)", f"{quoted(number, dialect)} IS NOT NULL"
    quantiles = [f"QUANTILE_CONT({value}, {share}) FILTER ({before})" for share in (0.25, 0.5, 0.75)]
    counts = [f"COUNT(*) FILTER ({inside})", f"MEDIAN({value}) FILTER ({inside})", f"COUNT(*) FILTER ({before})"]
    sql = select(
        [f"CAST({quoted(by.column, dialect)} AS TEXT)", *counts, *quantiles],
        relation(dataset.ref, dialect),
        where=[f"(({inside}) OR ({before}))", known, f"{quoted(by.column, dialect)} IS NOT NULL"],
        group=["1"],
        order=["1"],
        dialect=dialect,
    )
    rows = yield Statement(dataset=dataset.ref, purpose="usual by category", sql=sql)
    told = (_limits(by, row) for row in rows if int(str(row[3])) >= LEAST_BEFORE)
    return tuple(one for one in told if math.isfinite(one.low) and math.isfinite(one.high))


def _limits(by: ByCategory, row: Sequence[object]) -> Limits:
    from tidegate.detect.given import STANDS_STILL
    from tidegate.detect.others import FAR

    category, values, median, _, *quantiles = row
    low, middle, high = (_bent(float(str(q)), by.size) for q in quantiles)
    still = STANDS_STILL * (1.0 if by.size > 0 else abs(middle))
    spread = max((high - low) / 1.35, still, 1e-9)
    return Limits(
        segment=Segment(column=by.column, value=str(category)),
        values=int(str(values)),
        median=None if median is None else float(str(median)),
        low=_straight(middle - FAR * spread, by.size),
        high=_straight(middle + FAR * spread, by.size),
    )


def _bent(value: float, size: float) -> float:
    return math.asinh(value / size) if size > 0 else value


def _straight(value: float, size: float) -> float:
    """The value again, with as many digits as a person reads."""
    return float(f"{math.sinh(min(max(value, -300.0), 300.0)) * size if size > 0 else value:.6g}")


def beyond(number: str, known: Sequence[Limits], dialect: str = "duckdb") -> str:
    """The condition that a row's number lies beyond the limits of its category."""
    name = quoted(number, dialect)
    parts = [
        f"({in_segment(one.segment, dialect)} AND ({name} < {one.low!r} OR {name} > {one.high!r}))" for one in known
    ]
    return f"({' OR '.join(parts)})"


def far_sql(
    dataset: Dataset,
    number: str,
    known: Sequence[Limits],
    interval: Interval,
    *,
    time_column: str,
    dialect: str = "duckdb",
) -> str | None:
    """The rows of a bucket whose number lies beyond the limits of its category; None where there are none, or no time."""
    time = dataset.column(time_column)
    if time is None or not known:
        return None
    inside = within_sql(time.name, kind_of(time), interval, dialect)
    source = relation(dataset.ref, dialect)
    return select(["*"], source, where=[inside, beyond(number, known, dialect)], dialect=dialect)
