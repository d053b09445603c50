"""Those tests of dbt_expectations that are a condition on aggregates, of the table or of each group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.checks.arguments import NOW, between, column, date_part, expression, expression_of, given, items, later
from tidegate.checks.failing import ArgumentError, subject
from tidegate.checks.families import BOUNDS, GROUP_BY, ROW_CONDITION, by, on_totals
from tidegate.checks.kind import CheckKind
from tidegate.model import Check

AGGREGATES: Final[dict[str, tuple[str, str, bool]]] = {
    "expect_column_max_to_be_between": ("MAX({0})", "the greatest value", False),
    "expect_column_min_to_be_between": ("MIN({0})", "the least value", False),
    "expect_column_mean_to_be_between": ("AVG({0})", "the mean", False),
    "expect_column_sum_to_be_between": ("SUM({0})", "the sum", False),
    "expect_column_stdev_to_be_between": ("STDDEV({0})", "the standard deviation (of a sample)", False),
    "expect_column_median_to_be_between": ("QUANTILE_CONT({0}, 0.5)", "the median", True),
    "expect_column_unique_value_count_to_be_between": ("COUNT(DISTINCT {0})", "the number of different values", True),
    "expect_column_proportion_of_unique_values_to_be_between": (
        "(CASE WHEN COUNT({0}) = 0 THEN 1 ELSE COUNT(DISTINCT {0}) * 1.0 / COUNT({0}) END)",
        "the share of different values among all values",
        True,
    ),
    "expect_table_row_count_to_be_between": ("COUNT(*)", "the number of rows", False),
}
"""Aggregates that lie between bounds: the SQL, what it is, and whether it holds all values in memory."""

EXACT: Final[dict[str, tuple[str, str, str]]] = {
    "expect_column_distinct_count_to_equal": (
        "COUNT(DISTINCT {0})",
        "=",
        "the number of different values is one number",
    ),
    "expect_column_distinct_count_to_be_greater_than": (
        "COUNT(DISTINCT {0})",
        ">",
        "the number of different values is greater than a number",
    ),
    "expect_column_distinct_count_to_be_less_than": (
        "COUNT(DISTINCT {0})",
        "<",
        "the number of different values is less than a number",
    ),
    "expect_table_row_count_to_equal": ("COUNT(*)", "=", "the number of rows is one number"),
}
"""Aggregates that are compared with the argument `value`: the SQL, the operator, and what is demanded."""


def _named(name: str) -> bool:
    return name.startswith("expect_column_")


def _bounded(name: str, sql: str, what: str, in_memory: bool) -> CheckKind:
    return on_totals(
        lambda check: between(_of(sql, name)(check), check, strict=bool(given(check, "strictly"))),
        says=f"{what} lies between bounds",
        arguments=BOUNDS | GROUP_BY | ROW_CONDITION,
        column=_named(name),
        groups=by("group_by"),
        in_memory=in_memory,
    )


def _compared(name: str, sql: str, sign: str, says: str) -> CheckKind:
    return on_totals(
        lambda check: f"{_of(sql, name)(check)} {sign} {expression_of(check, 'value')}",
        says=says,
        arguments={"value": "the number"} | GROUP_BY | ROW_CONDITION,
        required=("value",),
        column=_named(name),
        groups=by("group_by"),
        in_memory="DISTINCT" in sql,
    )


def _of(sql: str, name: str) -> Callable[[Check], str]:
    return lambda check: sql.replace("{0}", subject(check)) if _named(name) else sql


def _quantile(check: Check) -> str:
    share = given(check, "quantile")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ArgumentError(f"`quantile` is `{share}`, not a number from 0 to 1")
    value = f"QUANTILE_CONT({subject(check)}, {share})"
    return between(value, check, strict=bool(given(check, "strictly")))


def _sums(check: Check) -> str:
    parts = [f"SUM({column(name)})" for name in items(check, "column_list")]
    if not parts:
        raise ArgumentError("`column_list` is empty")
    total = given(check, "sum_total")
    whole = expression(total) if isinstance(total, int | float) else f"SUM({expression(total)})"
    return f"{' + '.join(parts)} = {whole}"


def _recent(check: Check) -> str:
    """The newest time that is not in the future; none at all is not recent."""
    moment = f"CAST({subject(check)} AS TIMESTAMP)"
    newest = f"MAX(CASE WHEN {moment} <= {NOW} THEN {moment} END)"
    oldest = later(NOW, f"-1 * {expression_of(check, 'interval')}", date_part(check, "datepart"))
    return f"COALESCE({newest} >= CAST({oldest} AS TIMESTAMP), FALSE)"


KINDS: Final[dict[str, CheckKind]] = {
    **{name: _bounded(name, *entry) for name, entry in AGGREGATES.items()},
    **{name: _compared(name, *entry) for name, entry in EXACT.items()},
    "expect_column_quantile_values_to_be_between": on_totals(
        _quantile,
        says="a quantile lies between bounds",
        arguments={"quantile": "the share of the values below it"} | BOUNDS | GROUP_BY | ROW_CONDITION,
        required=("quantile",),
        groups=by("group_by"),
        in_memory=True,
    ),
    "expect_multicolumn_sum_to_equal": on_totals(
        _sums,
        says="the totals of several columns add up to a number, or to the total of another",
        arguments={"column_list": "the columns", "sum_total": "a number, or a column"} | GROUP_BY | ROW_CONDITION,
        required=("column_list", "sum_total"),
        column=False,
        groups=by("group_by"),
    ),
    "expect_row_values_to_have_recent_data": on_totals(
        _recent,
        says="the newest time that is not in the future is not older than an interval",
        arguments={"datepart": "the unit of the interval", "interval": "how many units"} | ROW_CONDITION,
        required=("datepart", "interval"),
    ),
}
"""Each test by its name in dbt_expectations."""
