"""Show one number: the statement with which a person gets it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from tidegate.metrics import METRICS, TIMES, aggregate, kind_of, relation, select
from tidegate.metrics.fragments import conditions, counted
from tidegate.model import Column, Dataset, Interval, MetricSpec
from tidegate.scan.again import again_sql
from tidegate.scan.agreement import split_sql
from tidegate.scan.duplicates import copies_sql
from tidegate.scan.grain import bucket_sql, within_sql
from tidegate.scan.regular import FINER, LONE
from tidegate.scan.related import pairs_sql
from tidegate.scan.sequences import GAPS, missing_sql

Grain = tuple[str, tzinfo | None]
"""How long buckets are, and the zone in which they begin."""

LISTED: Final = frozenset({FINER, LONE})
"""What hardly any row does: shown are the rows that do, all of them, so that they can be counted too."""

OF_A_BUCKET: Final[Mapping[str, Callable[..., str | None]]] = {
    "new_pair_count": pairs_sql,
    "split_count": split_sql,
    **dict.fromkeys(GAPS, missing_sql),
}
"""What is shown of a bucket of time by more than its rows: pairs, keys and gaps."""


def shown(
    dataset: Dataset,
    spec: MetricSpec,
    interval: Interval | None = None,
    *,
    time_column: str | None = None,
    share: bool = False,
    each: Grain | None = None,
    dialect: str = "duckdb",
) -> str | None:
    """One SELECT of one value, or of the pairs that are new, the keys whose rows do not agree, the gaps, the rows that came again, or those that
    break what rows keep to; None for a number that is no plain aggregate, or of a time that no column tells.

    Args:
        interval: the stretch of `time_column` that the number is about; None for the whole table.
        share: what counts rows is shown as a share of them.
        each: the value of every such bucket of the interval, beside its start, instead of one of all.

    Raises:
        ConditionError: the spec's own SQL is not one expression.
    """
    time = dataset.column(time_column) if time_column is not None else None
    if interval is not None and (time is None or kind_of(time) not in TIMES):
        return None
    if interval is not None and time is not None and spec.metric in OF_A_BUCKET:
        return OF_A_BUCKET[spec.metric](dataset, spec, interval, time, dialect=dialect)
    if interval is not None and time is not None and spec.metric == "again_count":
        return again_sql(dataset, interval, time, spec.argument, dialect=dialect)
    where = conditions(spec, dialect=dialect)
    if interval is not None and time is not None:
        where.append(within_sql(time.name, kind_of(time), interval, dialect))
    if spec.metric == "duplicate_rows":
        return copies_sql(dataset, where, share=share, dialect=dialect) if spec.segment is None else None
    column = dataset.column(spec.column) if spec.column is not None else None
    if spec.metric in LISTED and column is not None:
        where.append(counted(spec, column, dialect=dialect))
        return select(["*"], relation(dataset.ref, dialect), where=where, dialect=dialect)
    value = _value(spec, column, share=share, dialect=dialect)
    if value is None:
        return None
    if each is None or time is None:
        return select([value], relation(dataset.ref, dialect), where=where, dialect=dialect)
    return _each(dataset, value, where, time, each, dialect)


def _value(spec: MetricSpec, column: Column | None, *, share: bool, dialect: str) -> str | None:
    """The aggregate; None for what is none."""
    metric = METRICS.get(spec.metric)
    if metric is None or metric.aggregate is None or (metric.families and column is None):
        return None
    if metric.argument and spec.argument is None:
        return None
    value = aggregate(replace(spec, where=None, segment=None), column, dialect=dialect)
    return f"1.0 * ({value}) / NULLIF(COUNT(*), 0)" if share else value


def _each(dataset: Dataset, value: str, where: list[str], time: Column, each: Grain, dialect: str) -> str:
    start = f"TO_TIMESTAMP({bucket_sql(time.name, kind_of(time), each[0], dialect, each[1])})"
    items = [f"{start} AS bucket", f"{value} AS value"]
    return select(items, relation(dataset.ref, dialect), where=where, group=["1"], order=["1"], dialect=dialect)
