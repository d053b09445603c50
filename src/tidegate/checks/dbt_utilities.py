"""The generic tests of dbt_utils as entries of the catalogue, with that package's meaning of NULL, empty and duplicates."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from tidegate.checks.arguments import (
    NOW,
    choice,
    column_of,
    columns,
    date_part,
    expression,
    expression_of,
    given,
    items,
    later,
    other,
    source,
    texts,
    values,
)
from tidegate.checks.failing import PLAIN_NAME, ArgumentError, subject, text_argument, where
from tidegate.checks.families import GROUP_BY_COLUMNS, by, failures, on_rows, on_totals, selected, spec
from tidegate.checks.kind import Blind, CheckKind
from tidegate.metrics import condition, quoted, relation, select
from tidegate.model import Check, MetricSpec

TO: Final = {"to": "the other table", "field": "the column in it"}
COMPARED: Final = {"compare_model": "the other table"}
GAPS: Final = {"allowed": "<=", "not_allowed": "=", "required": "<"}


def _in_range(check: Check) -> str:
    strict = not given(check, "inclusive", True)
    bounds = ((">" if strict else ">=", "min_value"), ("<" if strict else "<=", "max_value"))
    parts = [f"{subject(check)} {sign} {expression_of(check, name)}" for sign, name in bounds if _has(check, name)]
    return " AND ".join(parts) or "TRUE"


def _has(check: Check, name: str) -> bool:
    return given(check, name) is not None


def _is_true(check: Check) -> str:
    """The expression, after the column where there is one: `> 0` of a column is `column > 0`."""
    text = text_argument(check, "expression")
    if check.column is None:
        return condition(text)
    condition(f"tidegate_column {text}")
    return condition(f"{subject(check)} {text}")


def _not_empty(check: Check) -> str:
    value = subject(check)
    return f"TRIM({value}) <> ''" if given(check, "trim_whitespace", True) else f"{value} <> ''"


def _some_values(check: Check) -> str:
    return f"COUNT({subject(check)}) > 0"


def _other_groups(check: Check) -> list[str]:
    """The groups of `at_least_one`, which leaves the column itself out of them."""
    return [key for key in columns(check, "group_by_columns") if key != subject(check)]


def _varies(check: Check) -> str:
    return f"COUNT(DISTINCT {subject(check)}) <> 1"


def _share(check: Check) -> str:
    """NULL for no rows, as a sum is."""
    share = f"SUM(CASE WHEN {subject(check)} IS NULL THEN 0 ELSE 1 END) / CAST(COUNT(*) AS DOUBLE)"
    at_most = expression(given(check, "at_most", 1))
    return f"{share} >= {expression_of(check, 'at_least')} AND {share} <= {at_most}"


def _recent(check: Check) -> str:
    part, interval = date_part(check, "datepart"), expression_of(check, "interval")
    kind = "DATE" if given(check, "ignore_time_component") else "TIMESTAMP"
    newest = f"MAX({column_of(check, 'field')})"
    if kind == "DATE":
        newest = f"CAST({newest} AS DATE)"
    oldest = f"CAST({later('NOW()', f'-1 * {interval}', part)} AS {kind})"
    return f"{newest} IS NOT NULL AND {newest} >= {oldest}"


def _unlike_counts(check: Check) -> str:
    def counts(value: str, rows: str) -> str:
        return select([f"{value} AS v", "COUNT(*) AS n"], rows, group=[value])

    here = counts(subject(check), source(check))
    there = counts(column_of(check, "field"), other(check, "to"))
    return f"(({here}) EXCEPT ({there})) UNION ALL (({there}) EXCEPT ({here}))"


def _both_counts(check: Check, number: str) -> str:
    """Rows here and there, group by group; a side without rows has no row to be joined, as in dbt_utils."""
    keys = columns(check, "group_by_columns")
    names = [f"k{place}" for place, _ in enumerate(keys)]
    shown = [f"{key} AS {name}" for key, name in zip(keys, names, strict=True)]

    def counts(rows: str) -> str:
        return select([*shown, "COUNT(*) AS n"], rows, group=keys, having=None if keys else "COUNT(*) > 0")

    on = " AND ".join(f"a.{name} = b.{name}" for name in names) or "TRUE"
    pairs = f"({counts(source(check))}) AS a FULL JOIN ({counts(other(check, 'compare_model'))}) AS b ON {on}"
    return select(["a.n AS count_here", "b.n AS count_there", number], pairs)


def _row_counts(check: Check) -> str:
    return _both_counts(check, "ABS(a.n - b.n) AS diff_count")


def _row_delta(check: Check) -> str:
    return _both_counts(check, "CASE WHEN a.n > b.n THEN a.n - b.n WHEN a.n = b.n THEN 1 ELSE 0 END AS row_count_delta")


def _unequal(check: Check) -> str:
    """Rows that one side has and the other lacks, compared by the names of their columns."""
    if _has(check, "compare_columns") and _has(check, "exclude_columns"):
        raise ArgumentError("both `compare_columns` and `exclude_columns` are given")
    if _has(check, "compare_columns"):
        items_ = columns(check, "compare_columns")
        here, there = (select(items_, rows) for rows in (source(check), other(check, "compare_model")))
    else:
        left_out = ", ".join(quoted(name) for name in texts(check, "exclude_columns"))
        shown = f"* EXCLUDE ({left_out})" if left_out else "*"
        here, ordered = select([shown], source(check)), select([shown], source(check), where=["FALSE"])
        there = f"({ordered}) UNION ALL BY NAME ({select([shown], other(check, 'compare_model'))})"
    sides = (("a_minus_b", here, there), ("b_minus_a", there, here))
    return " UNION ALL ".join(
        select([f"'{name}' AS which_diff", "*"], f"(({one}) EXCEPT ({two})) AS {name}") for name, one, two in sides
    )


def _overlapping(check: Check) -> str:
    """Ranges that do not end after they begin, or end after the next one of their partition begins."""
    low, high = column_of(check, "lower_bound_column"), column_of(check, "upper_bound_column")
    partition = f"PARTITION BY {column_of(check, 'partition_by')} " if given(check, "partition_by") else ""
    gaps = GAPS[choice(check, "gaps", "allowed", tuple(GAPS))]
    length = "<=" if given(check, "zero_length_range_allowed") else "<"
    following = f"LEAD({low}) OVER ({partition}ORDER BY {low}, {high})"
    last = f"ROW_NUMBER() OVER ({partition}ORDER BY {low} DESC, {high} DESC) = 1"
    shown = ["*", f"{low} AS tidegate_low", f"{high} AS tidegate_high", f"{following} AS tidegate_next"]
    ranges = select([*shown, f"{last} AS tidegate_last"], source(check))
    sound = f"COALESCE(tidegate_low {length} tidegate_high, FALSE)"
    apart = f"COALESCE(tidegate_high {gaps} tidegate_next, tidegate_last, FALSE)"
    return select(["*"], f"({ranges}) AS tidegate_ranges", where=[f"NOT ({sound} AND {apart})"])


def _unwanted(check: Check) -> str:
    value = subject(check)
    listed = ", ".join(values(check, "values", quote="quote"))
    distinct = select([f"DISTINCT {value} AS value_field"], source(check))
    return select(["value_field"], f"({distinct}) AS tidegate_values", where=[f"value_field IN ({listed})"])


def _orphans(check: Check) -> str:
    limits = [
        condition(text_argument(check, n)) if _has(check, n) else None for n in ("from_condition", "to_condition")
    ]
    kept = [f"{subject(check)} IS NOT NULL", *([f"({limits[0]})"] if limits[0] else [])]
    child = select(["*", f"{subject(check)} AS tidegate_value"], source(check), where=kept)
    field = column_of(check, "field")
    parent = select([f"{field} AS tidegate_field"], other(check, "to"), where=[f"({limits[1]})"] if limits[1] else [])
    partner = select(["1"], f"({parent}) AS parent", where=["parent.tidegate_field = child.tidegate_value"])
    return select(["*"], f"({child}) AS child", where=[f"NOT EXISTS ({partner})"])


def _out_of_sequence(check: Check) -> str:
    value, keys = subject(check), columns(check, "group_by_columns")
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    before = f"LAG({value}) OVER ({partition}ORDER BY {value})"
    shown = ["*", f"{value} AS tidegate_value", f"{before} AS tidegate_before"]
    steps = select(shown, source(check))
    step = expression(given(check, "interval", 1))
    if given(check, "datepart"):
        following = later("tidegate_before", step, date_part(check, "datepart"))
        right = f"CAST(tidegate_value AS TIMESTAMP) = CAST({following} AS TIMESTAMP)"
    else:
        right = f"tidegate_value = tidegate_before + {step}"
    return select(["*"], f"({steps}) AS tidegate_steps", where=[f"NOT ({right})"])


def _repeated_tuples(check: Check) -> str:
    items(check, "combination_of_columns")
    keys = columns(check, "combination_of_columns")
    return select(
        [*keys, "COUNT(*) AS n_records"], relation(check.dataset), where=where(check), group=keys, having="COUNT(*) > 1"
    )


def _combination(check: Check) -> MetricSpec:
    """Plain columns may be proved to have no repeats; expressions are grouped."""
    names = texts(check, "combination_of_columns")
    if not all(PLAIN_NAME.fullmatch(name) for name in names):
        return failures(check, _repeated_tuples(check))
    return spec(check, "repeated_rows", argument=json.dumps(names), where=check.where)


_SIDES: Final = [f"sum(case when which_diff = '{side}' then 1 else 0 end)" for side in ("a_minus_b", "b_minus_a")]
_BOTH_WAYS: Final = f"count(*) + coalesce(abs({' - '.join(_SIDES)}), 0)"
"""How dbt_utils counts rows that differ: those of both sides, and those that one side has more of once more."""

_KINDS: dict[str, CheckKind] = {
    "accepted_range": on_rows(
        _in_range,
        says="every value lies between bounds, NULL aside",
        arguments={
            "min_value": "the least value, a number or SQL",
            "max_value": "the greatest value, a number or SQL",
            "inclusive": "whether the bounds themselves are inside (the default)",
        },
        blind=(Blind(says="no bound is given", when=lambda c: not _has(c, "min_value") and not _has(c, "max_value")),),
    ),
    "at_least_one": on_totals(
        _some_values,
        says="there is a value, in the table or in each group",
        arguments=GROUP_BY_COLUMNS,
        groups=_other_groups,
    ),
    "cardinality_equality": selected(
        _unlike_counts,
        says="each value occurs as often as in a column of another table, NULL too; each difference is a failure",
        arguments=TO,
        required=("to", "field"),
        others={"to": "field"},
    ),
    "equal_rowcount": selected(
        _row_counts,
        says="another table has as many rows, in all or in each group; failures are the rows that differ",
        arguments=COMPARED | GROUP_BY_COLUMNS,
        required=("compare_model",),
        column=False,
        others={"compare_model": None},
        fail_calc="sum(coalesce(diff_count, 0))",
    ),
    "equality": selected(
        _unequal,
        says="another table has the same rows, however often each",
        arguments=COMPARED
        | {"compare_columns": "the columns to compare", "exclude_columns": "the columns to leave out"},
        required=("compare_model",),
        column=False,
        others={"compare_model": None},
        same_columns=True,
        fail_calc=_BOTH_WAYS,
    ),
    "expression_is_true": on_rows(
        _is_true,
        says="a condition on each row is not false; unknown (NULL) passes",
        arguments={"expression": "the condition; after a column, what follows it"},
        required=("expression",),
        column=False,
    ),
    "fewer_rows_than": selected(
        _row_delta,
        says="another table has more rows, in all or in each group; failures are the rows that are too many",
        arguments=COMPARED | GROUP_BY_COLUMNS,
        required=("compare_model",),
        column=False,
        others={"compare_model": None},
        fail_calc="sum(coalesce(row_count_delta, 0))",
    ),
    "mutually_exclusive_ranges": selected(
        _overlapping,
        says="ranges begin before they end and do not overlap; a bound that is NULL is a failure",
        arguments={
            "lower_bound_column": "where a range begins",
            "upper_bound_column": "where it ends",
            "partition_by": "only ranges with the same value here are compared",
            "gaps": "between ranges: allowed, not_allowed or required",
            "zero_length_range_allowed": "whether a range may end where it begins",
        },
        required=("lower_bound_column", "upper_bound_column"),
        column=False,
        whole_rows=True,
    ),
    "not_accepted_values": selected(
        _unwanted,
        says="no value is in a list; each different value in it is a failure",
        arguments={"values": "the values", "quote": "whether they are texts (the default) or SQL"},
        required=("values",),
        null_passes=True,
    ),
    "not_constant": on_totals(
        _varies,
        says="there is not one value alone, in the table or in each group",
        arguments=GROUP_BY_COLUMNS,
        groups=by("group_by_columns"),
        in_memory=True,
    ),
    "not_empty_string": on_rows(
        _not_empty,
        says="no text is empty, NULL aside",
        arguments={"trim_whitespace": "whether blanks alone are empty (the default)"},
    ),
    "not_null_proportion": on_totals(
        _share,
        says="the share of rows with a value lies between bounds",
        arguments={"at_least": "the least share", "at_most": "the greatest share"} | GROUP_BY_COLUMNS,
        required=("at_least",),
        groups=by("group_by_columns"),
    ),
    "recency": on_totals(
        _recent,
        says="the newest time is not older than an interval",
        arguments={
            "field": "the time",
            "datepart": "the unit of the interval",
            "interval": "how many units",
            "ignore_time_component": "whether days are compared",
        }
        | GROUP_BY_COLUMNS,
        required=("field", "datepart", "interval"),
        column=False,
        groups=by("group_by_columns"),
        blind=(
            Blind(
                says="{rows} {rows:row lies|rows lie} in the future, and the newest counts",
                rows=lambda check: f"{column_of(check, 'field')} > {NOW}",
            ),
        ),
    ),
    "relationships_where": selected(
        _orphans,
        says="every value occurs in a column of another table, NULL aside, among the rows that conditions leave",
        arguments=TO | {"from_condition": "a condition on the rows here", "to_condition": "a condition on those there"},
        required=("to", "field"),
        whole_rows=True,
        null_passes=True,
        others={"to": "field"},
    ),
    "sequential_values": selected(
        _out_of_sequence,
        says="each value is the one before it plus an interval, the first one and NULL aside",
        arguments={"interval": "the step", "datepart": "its unit, if the values are times"} | GROUP_BY_COLUMNS,
        whole_rows=True,
        null_passes=True,
    ),
    "unique_combination_of_columns": replace(
        selected(
            _repeated_tuples,
            says="no combination of values occurs twice, NULL being a value; each repeated one is a failure",
            arguments={"combination_of_columns": "the columns", "quote_columns": "whether they are names as they are"},
            required=("combination_of_columns",),
            column=False,
        ),
        number=_combination,
    ),
}

KINDS: Final = {f"dbt_utils.{name}": kind for name, kind in _KINDS.items()}
"""Every generic test of dbt_utils by its full name."""
