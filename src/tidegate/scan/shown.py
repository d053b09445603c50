"""Show one number: the statement with which a person gets it again."""

from __future__ import annotations

from dataclasses import replace

from tidegate.metrics import METRICS, TIMES, aggregate, kind_of, relation, select
from tidegate.metrics.fragments import conditions
from tidegate.model import Dataset, Interval, MetricSpec
from tidegate.scan.again import again_sql
from tidegate.scan.grain import within_sql
from tidegate.scan.related import pairs_sql


def shown(
    dataset: Dataset,
    spec: MetricSpec,
    interval: Interval | None = None,
    *,
    time_column: str | None = None,
    dialect: str = "duckdb",
) -> str | None:
    """One SELECT of one value, or of the pairs that are new, or the rows that came again; None for a number that is no plain aggregate, or of a time that no column tells.

    Args:
        interval: the stretch of `time_column` that the number is about; None for the whole table.

    Raises:
        ConditionError: the spec's own SQL is not one expression.
    """
    column = dataset.column(spec.column) if spec.column is not None else None
    time = dataset.column(time_column) if time_column is not None else None
    metric = METRICS.get(spec.metric)
    if spec.metric == "new_pair_count" and interval is not None and time is not None and kind_of(time) in TIMES:
        return pairs_sql(dataset, spec, interval, time, dialect=dialect)
    if spec.metric == "again_count" and interval is not None and time is not None and kind_of(time) in TIMES:
        return again_sql(dataset, interval, time, spec.argument, dialect=dialect)
    if metric is None or metric.aggregate is None or (metric.families and column is None):
        return None
    if (metric.argument and spec.argument is None) or (
        interval is not None and (time is None or kind_of(time) not in TIMES)
    ):
        return None
    where = conditions(spec, dialect=dialect)
    if interval is not None and time is not None:
        where.append(within_sql(time.name, kind_of(time), interval, dialect))
    value = aggregate(replace(spec, where=None, segment=None), column, dialect=dialect)
    return select([value], relation(dataset.ref, dialect), where=where, dialect=dialect)
