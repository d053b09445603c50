"""The catalogue of checks: for each kind, what it demands, which numbers it needs, and how a failure is told, as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tidegate.checks import dbt_expectations, dbt_utilities, elementary, failing, freshness
from tidegate.checks.contract import CONTRACT_CHECKS
from tidegate.checks.kind import CheckKind
from tidegate.metrics import is_light, select
from tidegate.metrics import query as checked_query
from tidegate.metrics.fragments import relation
from tidegate.metrics.predicate import ConditionError, condition
from tidegate.model import Check, MetricSpec


def _spec(check: Check, metric: str, *, argument: str | None = None, column: bool = True) -> MetricSpec:
    name = failing.column_name(check) if column else None
    limits = failing.restriction(check)
    return MetricSpec(dataset=check.dataset, metric=metric, column=name, argument=argument, where=limits)


def _orphans(check: Check) -> MetricSpec:
    import json

    ref, field = failing.target(check), failing.field_name(check)
    if field is None:
        query = failing.failures_query(check, failing.relationships(check))
        return MetricSpec(dataset=check.dataset, metric="query", argument=query)
    argument = json.dumps({"to": [ref.namespace, ref.name], "field": field})
    return _spec(check, "orphan_rows", argument=argument)


def _rule(check: Check) -> MetricSpec:
    return _spec(check, "failing_rows", argument=failing.text_argument(check, "expression"), column=False)


def _singular(check: Check) -> MetricSpec:
    return MetricSpec(dataset=check.dataset, metric="query", argument=failing.failures_query(check, failing.sql(check)))


def _metric(check: Check) -> MetricSpec:
    """A query is taken as it is; an aggregate such as `sum(amount)` is asked of the check's own dataset, along with others."""
    text = failing.text_argument(check, "sql")
    if not check.where and is_light(text):
        return _spec(check, "aggregate", argument=text, column=False)
    try:
        sql = checked_query(text)
    except ConditionError:
        try:
            sql = select([condition(text)], relation(check.dataset), where=failing.where(check))
        except ConditionError as error:
            told = str(error).replace("is not a condition on a row", "is neither a query nor an aggregate")
            raise ConditionError(told) from error
    return MetricSpec(dataset=check.dataset, metric="query", argument=sql)


BY_DBT: Final = ("dbt", "compiled")
"""Kinds of checks of which dbt knows the test, `arguments["test"]`: dbt's verdict, or the SQL that it compiled."""

_CHECKS: dict[str, CheckKind] = {
    "not_null": CheckKind(
        says="every row has a value; each row without one is a failure",
        reads="failures",
        number=lambda check: _spec(check, "null_count"),
        told="{failures} of {evaluated} {evaluated:row|rows} {failures:has|have} no `{column}`",
        needs_column=True,
        failing=failing.not_null,
        whole_rows=True,
    ),
    "unique": CheckKind(
        says="no value occurs twice, NULL aside; each repeated value is a failure",
        reads="failures",
        number=lambda check: _spec(check, "repeated_values"),
        told="{failures} {failures:value|values} of `{column}` {failures:occurs|occur} more than once in {evaluated} {evaluated:row|rows}",
        needs_column=True,
        null_passes=True,
        failing=failing.unique,
    ),
    "accepted_values": CheckKind(
        says="every value is in a list, NULL aside; each different value outside it is a failure",
        reads="failures",
        number=lambda check: _spec(check, "unaccepted_values", argument=failing.listed(check)),
        told="{failures} {failures:value|values} of `{column}` {failures:is|are} not among the accepted ones, in {evaluated} {evaluated:row|rows}",
        arguments={
            "values": "the accepted values",
            "quote": "whether the values are texts (the default) or SQL",
        },
        required=("values",),
        needs_column=True,
        null_passes=True,
        failing=failing.accepted_values,
    ),
    "relationships": CheckKind(
        says="every value occurs in a column of another table, NULL aside; each row without a partner is a failure",
        reads="failures",
        number=_orphans,
        told="{failures} of {evaluated} {evaluated:row|rows} {failures:has|have} a `{column}` that {to} lacks in `{field}`",
        arguments={"to": "the other table", "field": "the column in it"},
        required=("to", "field"),
        needs_column=True,
        null_passes=True,
        others={"to": "field"},
        failing=failing.relationships,
    ),
    "rule": CheckKind(
        says="a condition on each row that must not be false; unknown (NULL) passes, as in dbt",
        reads="failures",
        number=_rule,
        told="`{expression}` is false for {failures} of {evaluated} {evaluated:row|rows}",
        arguments={"expression": "the condition, in SQL"},
        required=("expression",),
        demand=lambda check: condition(failing.text_argument(check, "expression")),
        failing=failing.rule,
        whole_rows=True,
    ),
    "sql": CheckKind(
        says="a query that must return no rows, as dbt's singular tests do; each row is a failure",
        reads="failures",
        number=_singular,
        told="the query returned {failures} {failures:row|rows}",
        arguments={"sql": "the query"},
        required=("sql",),
        needs_dataset=False,
        failing=failing.sql,
    ),
    "row_count": CheckKind(
        says="how many rows there are lies between bounds",
        reads="bounds",
        number=lambda check: _spec(check, "row_count", column=False),
        told="there {value:is|are} {value} {value:row|rows}, expected {expected}",
        arguments={"min": "the least number", "max": "the greatest number"},
    ),
    "metric": CheckKind(
        says="the one number that a query (or an aggregate of the table) gives lies between bounds",
        reads="bounds",
        number=_metric,
        told="it is {value}, expected {expected}",
        arguments={
            "sql": "the query, or an aggregate such as `sum(amount)`",
            "min": "the least value",
            "max": "the greatest value",
        },
        required=("sql",),
        needs_dataset=False,
    ),
    "freshness": CheckKind(
        says="the newest time in a column is not too old; times in the future do not count",
        reads="age",
        number=lambda check: _spec(check, "newest"),
        told="the newest `{column}` is {value}, {age} old, expected at most {expected}",
        arguments={"max_age_s": "the greatest age, in seconds"},
        required=("max_age_s",),
        needs_column=True,
    ),
    "source_freshness": CheckKind(
        says="the newest time in a column of a source is not too old, as `dbt source freshness` has it; one in the future"
        " counts, and a source without rows is infinitely old",
        reads="stale",
        number=freshness.number,
        told="the newest time of {column} is {value}, {age} old, expected at most {expected}",
        arguments={
            "warn_after_s": "the age that warns, in seconds",
            "error_after_s": "the age that fails, in seconds",
            "query": "what returns the newest time, where no column has it",
        },
        blind=(freshness.FUTURE,),
    ),
    "compiled": CheckKind(
        says="a dbt test that Tidegate has no entry for: the SQL that dbt compiled must return no rows",
        reads="failures",
        number=_singular,
        told="dbt's test returned {failures} {failures:failure|failures}",
        arguments={"sql": "what dbt compiled", "test": "the test, as dbt calls it", "because": "why it has no entry"},
        required=("sql",),
        needs_dataset=False,
        failing=failing.sql,
    ),
    "dbt": CheckKind(
        says="a test that only dbt can evaluate; its verdict is dbt's",
        reads="nothing",
        number=lambda check: _spec(check, "row_count", column=False),
        told="dbt says so",
        needs_dataset=False,
    ),
}

CHECKS: Final[Mapping[str, CheckKind]] = MappingProxyType(
    _CHECKS | CONTRACT_CHECKS | dbt_utilities.KINDS | dbt_expectations.KINDS | elementary.KINDS
)
"""Every kind of check by name."""
