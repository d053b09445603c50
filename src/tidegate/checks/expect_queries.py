"""Those tests of dbt_expectations that need a statement of their own: groups, windows, other tables, calendars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.checks.arguments import (
    NOW,
    between,
    column_of,
    columns,
    date_part,
    expression,
    expression_of,
    given,
    later,
    other,
    parts_between,
    pasted,
    source,
    values,
)
from tidegate.checks.expect_rows import COLUMNS, SET, ignored
from tidegate.checks.failing import ArgumentError, column_name, restriction, subject, unique, where
from tidegate.checks.families import BOUNDS, GROUP_BY, GROUP_BY_COLUMNS, ROW_CONDITION, selected, spec
from tidegate.checks.kind import Blind, CheckKind
from tidegate.metrics import condition, relation, select
from tidegate.model import Check

TOLERANCES: Final = {
    "tolerance": "the greatest difference",
    "tolerance_percent": "the greatest difference as a share of the number here, instead",
}
OTHER_GROUPS: Final = {"compare_group_by": "the same for the other table, if its columns have other names"}
OTHER_ROWS: Final = {"compare_row_condition": "the same for the other table, if it is not the same condition"}
COMPARED: Final = {"compare_model": "the other table"}


def _number(check: Check, name: str, default: float) -> str:
    value = given(check, name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(f"`{name}` is `{value}`, not a number")
    return str(value)


def _differing(check: Check, here: str, there: str, *, rows: str | None = None) -> str:
    """Numbers here and there that differ by more than the tolerance, group by group; a number that is NULL is 0."""
    keys = columns(check, "group_by")
    others = columns(check, "compare_group_by") or keys
    if len(others) != len(keys):
        raise ArgumentError("`group_by` and `compare_group_by` differ in length")
    condition_there = given(check, "compare_row_condition") or given(check, "row_condition")
    limits = condition(str(condition_there)) if condition_there else None
    names = [f"col_{place}" for place, _ in enumerate(keys, 1)]

    def numbers(value: str, keys_: list[str], table: str) -> str:
        shown = [f"{key} AS {name}" for key, name in zip(keys_, names, strict=True)]
        return f"({select([*shown, f'{value} AS expression'], table, group=keys_)})"

    on = " AND ".join(f"a.{name} = b.{name}" for name in names)
    left, right = (
        numbers(here, keys, source(check)),
        numbers(there, others, rows or other(check, "compare_model", limits)),
    )
    pairs = f"{left} AS a FULL JOIN {right} AS b ON {on}" if names else f"{left} AS a CROSS JOIN {right} AS b"
    difference = "ABS(COALESCE(a.expression, 0) - COALESCE(b.expression, 0))"
    share = f"{difference} / NULLIF(a.expression * 1.0, 0)"
    shown = [*(f"COALESCE(a.{name}, b.{name}) AS {name}" for name in names), "a.expression AS expression"]
    exceeded = f"{difference} > {_number(check, 'tolerance', 0.0)}"
    if given(check, "tolerance_percent"):
        exceeded = f"{share} > {_number(check, 'tolerance_percent', 0)}"
    return select([*shown, "b.expression AS compare_expression"], pairs, where=[exceeded])


def _expressions(check: Check) -> str:
    here = expression_of(check, "expression")
    there = expression(given(check, "compare_expression", check.arguments["expression"]))
    itself = None
    if given(check, "compare_model") is None:
        limits = given(check, "compare_row_condition") or given(check, "row_condition")
        both = [f"({condition(str(text))})" for text in (check.where, limits) if text]
        itself = f"({select(['*'], relation(check.dataset), where=both)}) AS tidegate_others"
    return _differing(check, here, there, rows=itself)


def _not_above_zero(check: Check) -> str:
    """How many of the numbers here are no base for a percentage."""
    keys = columns(check, "group_by")
    numbers = select([f"{expression_of(check, 'expression')} AS number"], source(check), group=keys)
    return select(["COUNT(*)"], f"({numbers}) AS tidegate_numbers", where=["COALESCE(number, 0) <= 0"])


FROM_ZERO: Final = Blind(
    says="the tolerance is a share of the number here, which is zero, negative or NULL {rows} {rows:time|times}, and then passes",
    when=lambda check: bool(given(check, "tolerance_percent")),
    counted=_not_above_zero,
)


def _row_counts(check: Check) -> str:
    return _differing(check, "COUNT(*)", f"COUNT(*) * {expression(given(check, 'factor', 1))}")


def _distinct_counts(check: Check) -> str:
    there = column_of(check, "compare_column_name")
    return _differing(check, f"COUNT(DISTINCT {subject(check)})", f"COUNT(DISTINCT {there})")


def _true(check: Check) -> str:
    tested = str(given(check, "test_condition", "= true"))
    condition(f"expression {tested}")
    return _false(check, expression_of(check, "expression"), f"NOT (expression {tested})")


def _false(check: Check, value: str, unmet: str) -> str:
    keys = columns(check, "group_by_columns")
    shown = [*(f"{key} AS col_{place}" for place, key in enumerate(keys, 1)), f"{value} AS expression"]
    inner = select(shown, relation(check.dataset), where=where(check), group=keys)
    return select(["*"], f"({inner}) AS tidegate_expressions", where=[unmet])


def _in_bounds(check: Check) -> str:
    strict = bool(given(check, "strictly"))
    value = between(expression_of(check, "expression"), check, strict=strict)
    return _false(check, f"({value})", "NOT expression")


def _stale_groups(check: Check) -> str:
    """Groups whose newest time that is not in the future is too old; a group of NULL is in none, as in dbt."""
    moment = f"CAST({column_of(check, 'timestamp_column')} AS TIMESTAMP)"
    keys = columns(check, "group_by")
    if not keys:
        raise ArgumentError("`group_by` is empty")
    inner = select(
        [*keys, f"MAX({moment}) AS latest_timestamp_column"],
        relation(check.dataset),
        where=[*where(check), f"{moment} <= {NOW}", *(f"{key} IS NOT NULL" for key in keys)],
        group=keys,
    )
    oldest = later(NOW, f"-1 * {expression_of(check, 'interval')}", date_part(check, "datepart"))
    return select(["*"], f"({inner}) AS tidegate_groups", where=[f"latest_timestamp_column < {oldest}"])


def _step(sign: str, strict_sign: str, *, down: bool) -> Callable[[Check], str]:
    """Values that do not go on from the one before them, in the order of `sort_column`."""

    def rows(check: Check) -> str:
        keys = columns(check, "group_by")
        partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
        order = column_of(check, "sort_column") if given(check, "sort_column") else subject(check)
        before = f"LAG({subject(check)}) OVER ({partition}ORDER BY {order})"
        steps = select(["*", f"{subject(check)} AS tidegate_value", f"{before} AS tidegate_before"], source(check))
        right = f"tidegate_value {strict_sign if given(check, 'strictly', True) else sign} tidegate_before"
        if given(check, "step"):
            difference = "tidegate_before - tidegate_value" if down else "tidegate_value - tidegate_before"
            right = f"({right}) AND ({difference}) = {expression_of(check, 'step')}"
        unmet = ["tidegate_before IS NOT NULL", f"NOT ({right})"]
        return select(["*"], f"({steps}) AS tidegate_steps", where=unmet)

    return rows


def _casings(check: Check) -> str:
    distinct = f"({select([f'DISTINCT {subject(check)} AS v'], source(check))}) AS tidegate_values"
    if given(check, "display_inconsistent_columns"):
        return select(["LOWER(v) AS v", "COUNT(v) AS n"], distinct, group=["LOWER(v)"], having="COUNT(v) > 1")
    counts = select(["COUNT(1) AS set_count", "COUNT(DISTINCT LOWER(v)) AS folded"], distinct)
    return select(["*"], f"({counts}) AS tidegate_counts", where=["set_count <> folded"])


def _set(check: Check) -> str:
    listed = ", ".join(f"({value})" for value in values(check, "value_set"))
    return f"({select(['DISTINCT v'], f'(VALUES {listed}) AS listed(v)')}) AS s"


def _distinct(check: Check) -> str:
    return f"({select([f'DISTINCT {subject(check)} AS v'], source(check))}) AS d"


def _values_outside(check: Check) -> str:
    return select(
        ["d.v AS value_field"], f"{_distinct(check)} LEFT JOIN {_set(check)} ON d.v = s.v", where=["s.v IS NULL"]
    )


def _values_lacking(check: Check) -> str:
    return select(
        ["s.v AS value_field"], f"{_set(check)} LEFT JOIN {_distinct(check)} ON d.v = s.v", where=["d.v IS NULL"]
    )


def _values_unequal(check: Check) -> str:
    pairs = f"{_distinct(check)} FULL JOIN {_set(check)} ON d.v = s.v"
    return select(["d.v AS column_value", "s.v AS value_field"], pairs, where=["(d.v IS NULL OR s.v IS NULL)"])


def _most_common(check: Check) -> str:
    """The value at exactly the rank `top_n`; which of two equally frequent ones that is, the engine chooses."""
    data_type = str(given(check, "data_type", "decimal"))
    quote = given(check, "quote_values", True)

    def typed(value: str) -> str:
        return value if quote else condition(f"CAST({value} AS {data_type})")

    value = typed(subject(check))
    counted = select([f"{value} AS v", "COUNT(*) AS n"], source(check), group=[value])
    ranked = select(["v", "ROW_NUMBER() OVER (ORDER BY n DESC) AS place"], f"({counted}) AS tidegate_counts")
    listed = ", ".join(f"({typed(one)})" for one in values(check, "value_set"))
    unmet = [f"place = {expression_of(check, 'top_n')}", f"v NOT IN ({select(['s.v'], f'(VALUES {listed}) AS s(v)')})"]
    return select(["v AS value_field"], f"({ranked}) AS tidegate_ranks", where=unmet)


def _repeated_tuples(check: Check) -> str:
    keys = columns(check, "column_list")
    if not keys:
        raise ArgumentError("`column_list` is empty")
    kept = [*where(check), f"NOT ({ignored(check)})"]
    return select(
        [*keys, "COUNT(*) AS n_records"], relation(check.dataset), where=kept, group=keys, having="COUNT(*) > 1"
    )


def _far_totals(check: Check) -> str:
    """Totals of groups that lie far from the others' mean; one total has no deviation, so nothing is far."""
    keys = columns(check, "group_by")
    totals = select([*keys, f"SUM({subject(check)}) AS total"], source(check), group=keys)
    spread = select(
        ["*", "AVG(total) OVER () AS mean", "STDDEV(total) OVER () AS sd"], f"({totals}) AS tidegate_totals"
    )
    far = f"ABS((total - mean) / NULLIF(sd, 0)) > {_number(check, 'sigma_threshold', 3)}"
    return select(["*"], f"({spread}) AS tidegate_spread", where=[far])


def _recent_sigmas(check: Check) -> str:
    """Totals of periods against the periods before them: logs and differences, then the distance in deviations."""
    period, keys = date_part(check, "period", "day"), columns(check, "group_by")
    partition = f"PARTITION BY {', '.join(keys)} ORDER BY metric_period" if keys else "ORDER BY metric_period"
    start = f"DATE_TRUNC('{period}', {column_of(check, 'date_column_name')})"
    totals = select(
        [f"{start} AS metric_period", *keys, f"SUM({subject(check)}) AS total"], source(check), group=[start, *keys]
    )
    lag = _whole(check, "lookback_periods", 1)
    shown = ["*", f"LAG(total, {lag}) OVER ({partition}) AS before"]
    value = _metric(check, "total")
    if given(check, "take_diffs", True):
        value = f"{value} - {_metric(check, 'before')}"
    tested = select(["*", f"{value} AS tested"], f"({select(shown, f'({totals}) AS t0')}) AS t1")
    frame = f"({partition} ROWS BETWEEN {_whole(check, 'trend_periods', 7)} PRECEDING AND 1 PRECEDING)"
    moving = select(
        ["*", f"AVG(tested) OVER {frame} AS mean", f"STDDEV(tested) OVER {frame} AS sd"], f"({tested}) AS t2"
    )
    today, periods = f"DATE_TRUNC('{period}', {NOW})", _whole(check, "test_periods", 14)
    since = f"CAST({later(today, f'-{periods}', period)} AS TIMESTAMP)"
    recent = [f"metric_period >= {since}", f"metric_period < {today}"]
    return select(["*", "(tested - mean) / NULLIF(sd, 0) AS sigma"], f"({moving}) AS t3", where=recent)


def _moving(check: Check) -> str:
    low, high = _thresholds(check)
    return select(["*"], f"({_recent_sigmas(check)}) AS t4", where=[f"NOT (sigma >= {low} AND sigma <= {high})"])


def _no_sigma(check: Check) -> str:
    """1 where no period can be told from the ones before it."""
    return select(["CAST(COUNT(sigma) = 0 AS INT)"], f"({_recent_sigmas(check)}) AS t4")


def _metric(check: Check, name: str) -> str:
    return f"COALESCE(LN(NULLIF({name}, 0)), 0)" if given(check, "take_logs", True) else f"COALESCE({name}, 0)"


def _whole(check: Check, name: str, default: int) -> int:
    value = given(check, name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ArgumentError(f"`{name}` is `{value}`, not a whole number")
    return value


def _thresholds(check: Check) -> tuple[str, str]:
    """A threshold of 0 counts as not given, as in dbt."""
    sigma = _number(check, "sigma_threshold", 3)
    low = _number(check, "sigma_threshold_lower", 0) if given(check, "sigma_threshold_lower") else f"-1 * {sigma}"
    return low, _number(check, "sigma_threshold_upper", 0) if given(check, "sigma_threshold_upper") else sigma


def _gaps(check: Check) -> str:
    """Buckets without a row, from the first day of the data to before its last one, or between the days given."""
    part, moment = date_part(check, "date_part", "day"), column_of(check, "date_col")
    borders = f"({select(_borders(check, moment), source(check))}) AS borders"
    bucket = f"CAST(DATE_TRUNC('{part}', {moment}) AS TIMESTAMP)"
    kept = []
    if given(check, "interval"):
        step = f"CAST({expression_of(check, 'interval')} AS INT)"
        since = parts_between(f"({select(['s'], borders)})", f"CAST({moment} AS TIMESTAMP)", part)
        bucket = later(bucket, f"MOD({since}, {step}) * (-1)", part)
        kept = [f"MOD({parts_between('s', 'bucket', part)}, {step}) = 0"]
    steps = select(["s", f"UNNEST(RANGE({parts_between('s', 'e', part)})) AS i"], borders)
    spine = select(["s", f"{later('s', 'i', part)} AS bucket"], f"({steps}) AS steps")
    partner = select(["1"], f"({select([f'{bucket} AS b'], source(check))}) AS m", where=["m.b = d.bucket"])
    shown = [f"bucket AS date_{part}", "TRUE AS is_missing", "0 AS row_cnt"]
    empty = select(shown, f"({spine}) AS d", where=[*kept, f"NOT EXISTS ({partner})"])
    excluded = given(check, "exclusion_condition")
    limits = [f"({condition(str(excluded))})"] if excluded else []
    return select(["*"], f"({empty}) AS tidegate_gaps", where=limits)


def _borders(check: Check, moment: str) -> list[str]:
    """Where the calendar starts and ends: a day that was given, or that of the oldest and the newest row.

    Without a row there is none, which is an error to dbt too. The count makes one row of them in any case.
    """
    ends = (("s", "MIN", given(check, "test_start_date")), ("e", "MAX", given(check, "test_end_date")))
    found = ["COUNT(*) AS tidegate_count"]
    for name, aggregate, day in ends:
        own = f"{aggregate}(CAST({moment} AS DATE))"
        border = (
            pasted(check, day)
            if day
            else f"CASE WHEN {own} IS NULL THEN ERROR('there is no day to start from') ELSE {own} END"
        )
        found.append(f"CAST({border} AS TIMESTAMP) AS {name}")
    return found


def _repeated_values() -> CheckKind:
    made = selected(
        unique, says="no value occurs twice, NULL aside; each repeated value is a failure", arguments=ROW_CONDITION
    )
    return CheckKind(
        says=made.says,
        reads=made.reads,
        number=lambda check: spec(check, "repeated_values", column=column_name(check), where=restriction(check)),
        told=made.told,
        arguments=made.arguments,
        needs_column=True,
        null_passes=True,
        failing=unique,
    )


ITSELF: Final = Blind(
    says="without `sort_column` the values are sorted by themselves, so only equal ones can fail",
    when=lambda check: not given(check, "sort_column"),
)
STEPS: Final = {
    "sort_column": "what the rows are sorted by; by default the column itself",
    "strictly": "whether equal values fail (the default)",
    "step": "the exact difference",
}

KINDS: Final[dict[str, CheckKind]] = {
    "expect_column_values_to_be_unique": _repeated_values(),
    "expect_table_aggregation_to_equal_other_table": selected(
        _expressions,
        says="an aggregate is the same in another table, in all or group by group; NULL counts as 0",
        arguments={"expression": "the aggregate", "compare_expression": "the same for the other table"}
        | COMPARED
        | GROUP_BY
        | OTHER_GROUPS
        | ROW_CONDITION
        | OTHER_ROWS
        | TOLERANCES,
        required=("expression", "compare_model"),
        column=False,
        others={"compare_model": None},
        blind=(FROM_ZERO,),
    ),
    "equal_expression": selected(
        _expressions,
        says="an expression is the same in another table, in all or group by group; NULL counts as 0",
        arguments={"expression": "the expression", "compare_expression": "the same for the other table"}
        | COMPARED
        | GROUP_BY
        | OTHER_GROUPS
        | ROW_CONDITION
        | OTHER_ROWS
        | TOLERANCES,
        required=("expression",),
        column=False,
        others={"compare_model": None},
        blind=(FROM_ZERO,),
    ),
    "expression_is_true": selected(
        _true,
        says="an expression is not false, in the rows or in each group; unknown (NULL) passes",
        arguments={"expression": "the expression", "test_condition": "what follows it, by default `= true`"}
        | GROUP_BY_COLUMNS
        | ROW_CONDITION,
        required=("expression",),
        column=False,
    ),
    "expression_between": selected(
        _in_bounds,
        says="an expression lies between bounds, in the rows or in each group",
        arguments={"expression": "the expression"} | BOUNDS | GROUP_BY_COLUMNS | ROW_CONDITION,
        required=("expression",),
        column=False,
    ),
    "expect_table_row_count_to_equal_other_table": selected(
        _row_counts,
        says="another table has as many rows, in all or group by group",
        arguments=COMPARED | {"factor": "times so many"} | GROUP_BY | OTHER_GROUPS | ROW_CONDITION | OTHER_ROWS,
        required=("compare_model",),
        column=False,
        others={"compare_model": None},
    ),
    "expect_table_row_count_to_equal_other_table_times_factor": selected(
        _row_counts,
        says="there are so many times the rows of another table, in all or group by group",
        arguments=COMPARED | {"factor": "how many times"} | GROUP_BY | OTHER_GROUPS | ROW_CONDITION | OTHER_ROWS,
        required=("compare_model", "factor"),
        column=False,
        others={"compare_model": None},
    ),
    "expect_column_distinct_count_to_equal_other_table": selected(
        _distinct_counts,
        says="a column of another table has as many different values",
        arguments=COMPARED | {"compare_column_name": "the column there"} | ROW_CONDITION | OTHER_ROWS,
        required=("compare_model", "compare_column_name"),
        others={"compare_model": "compare_column_name"},
    ),
    "expect_grouped_row_values_to_have_recent_data": selected(
        _stale_groups,
        says="the newest time of each group that is not in the future is not older than an interval",
        arguments=GROUP_BY
        | {
            "timestamp_column": "the time",
            "datepart": "the unit of the interval",
            "interval": "how many units",
        }
        | ROW_CONDITION,
        required=("group_by", "timestamp_column", "datepart", "interval"),
        column=False,
        blind=(
            Blind(
                says="a group with nothing but times in the future is not looked at; {rows} {rows:row is|rows are} in the future",
                rows=lambda check: f"CAST({column_of(check, 'timestamp_column')} AS TIMESTAMP) > {NOW}",
            ),
        ),
    ),
    "expect_column_values_to_be_increasing": selected(
        _step(">=", ">", down=False),
        says="each value is greater than the one before it, NULL aside",
        arguments=STEPS | GROUP_BY | ROW_CONDITION,
        whole_rows=True,
        null_passes=True,
        blind=(ITSELF,),
    ),
    "expect_column_values_to_be_decreasing": selected(
        _step("<=", "<", down=True),
        says="each value is less than the one before it, NULL aside",
        arguments=STEPS | GROUP_BY | ROW_CONDITION,
        whole_rows=True,
        null_passes=True,
    ),
    "expect_column_values_to_have_consistent_casing": selected(
        _casings,
        says="no two values differ in upper and lower case alone; a NULL counts as such a value",
        arguments={"display_inconsistent_columns": "whether each of them is a failure"},
    ),
    "expect_column_distinct_values_to_be_in_set": selected(
        _values_outside,
        says="every different value is in a set; NULL is not; each one outside is a failure",
        arguments=SET,
        required=("value_set",),
    ),
    "expect_column_distinct_values_to_contain_set": selected(
        _values_lacking,
        says="every value of a set occurs; each one that does not is a failure",
        arguments=SET,
        required=("value_set",),
    ),
    "expect_column_distinct_values_to_equal_set": selected(
        _values_unequal,
        says="the different values are those of a set; each one on one side alone is a failure, NULL too",
        arguments=SET,
        required=("value_set",),
    ),
    "expect_column_most_common_value_to_be_in_set": selected(
        _most_common,
        says="the value at one place among the most frequent is in a set",
        arguments=SET | {"top_n": "the place, from 1", "data_type": "the type of values that are no texts"},
        required=("value_set", "top_n"),
        null_passes=True,
        blind=(
            Blind(
                says="with `top_n` above 1 only the value at exactly that place is looked at, not those before it",
                when=lambda check: given(check, "top_n") != 1,
            ),
        ),
    ),
    "expect_compound_columns_to_be_unique": selected(
        _repeated_tuples,
        says="no combination of values occurs twice, a NULL beside values being one; each repeated one is a failure",
        arguments=COLUMNS | ROW_CONDITION,
        required=("column_list",),
        column=False,
    ),
    "expect_column_values_to_be_within_n_stdevs": selected(
        _far_totals,
        says="the total of each group lies within so many deviations of the totals' mean",
        arguments=GROUP_BY | {"sigma_threshold": "how many deviations, 3 by default"},
        null_passes=True,
        blind=(
            Blind(
                says="without `group_by` there is one total, and one number has no deviation",
                when=lambda check: not given(check, "group_by"),
            ),
        ),
    ),
    "expect_column_values_to_be_within_n_moving_stdevs": selected(
        _moving,
        says="the total of each recent period lies within so many deviations of the periods before it",
        arguments={
            "date_column_name": "the time",
            "period": "day (the default) or another part of a date",
            "lookback_periods": "how far back a difference is taken",
            "trend_periods": "how many periods make mean and deviation",
            "test_periods": "how many complete periods before today are tested",
            "sigma_threshold": "how many deviations, 3 by default",
            "sigma_threshold_upper": "the same upwards",
            "sigma_threshold_lower": "the same downwards, negative",
            "take_diffs": "whether differences are tested (the default)",
            "take_logs": "whether logarithms are taken (the default)",
        }
        | GROUP_BY,
        required=("date_column_name",),
        null_passes=True,
        blind=(
            Blind(
                says="no complete period before today has enough different ones before it, so none was tested",
                counted=_no_sigma,
            ),
        ),
    ),
    "expect_row_values_to_have_data_for_every_n_datepart": selected(
        _gaps,
        says="there is a row in every day, or in every so many parts of a date; each empty one is a failure",
        arguments={
            "date_col": "the time",
            "date_part": "day (the default) or another part of a date",
            "interval": "every how many of them",
            "exclusion_condition": "a condition on `date_day` (or `date_hour`, ...): only such empty ones fail",
            "test_start_date": "where to start, by default on the day of the oldest row",
            "test_end_date": "where to end, by default on the day of the newest row",
        }
        | ROW_CONDITION,
        required=("date_col",),
        column=False,
        blind=(
            Blind(
                says="without `test_end_date` it ends with the newest row, so data that stopped coming passes",
                when=lambda check: not given(check, "test_end_date"),
            ),
        ),
    ),
}
"""Each test by its name in dbt_expectations."""
