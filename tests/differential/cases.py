"""The tests that dbt and Tidegate both evaluate, each on every data set: name, column, arguments, configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

COLUMNS = [
    "id", "seq", "label", "code", "grp", "amount", "price", "made_at", "made_on", "low", "high", "big", "flag", "old_at",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One declared test; `{other}` in an argument stands for the table that it is compared with.

    `on` names the data sets that it is for; without any it is for those that `data.on` chooses. With `compiled` it is
    evaluated by dbt's SQL, for its arguments are not what the test is there for.
    """

    test: str
    column: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    on: tuple[str, ...] = ()
    compiled: bool = False


def u(test: str, column: str | None = None, config: Mapping[str, Any] | None = None, **arguments: Any) -> Case:
    return Case(test=f"dbt_utils.{test}", column=column, arguments=arguments, config=config or {})


def e(test: str, column: str | None = None, config: Mapping[str, Any] | None = None, **arguments: Any) -> Case:
    return Case(test=f"dbt_expectations.{test}", column=column, arguments=arguments, config=config or {})


def b(test: str, column: str, config: Mapping[str, Any] | None = None, **arguments: Any) -> Case:
    return Case(test=test, column=column, arguments=arguments, config=config or {})


OTHER = "source('raw', '{other}')"

BUILT_IN = [
    b("unique", "id"),
    b("unique", "label"),
    b("not_null", "id"),
    b("not_null", "label", config={"where": "id > 3", "severity": "warn"}),
    b("accepted_values", "grp", values=["a", "b"]),
    b("accepted_values", "id", values=[1, 2, 3], quote=False),
    b("relationships", "id", to=OTHER, field="id"),
    b("unique", "code", config={"fail_calc": "sum(n_records)"}),
    b("not_null", "label", config={"limit": 1}),
    b("not_null", "grp", config={"warn_if": ">0", "error_if": ">2"}),
]

UTILS = [
    u("accepted_range", "amount", min_value=0, max_value=100),
    u("accepted_range", "id", min_value=1, inclusive=False),
    u("accepted_range", "id", max_value="low + 3"),
    u("accepted_range", "big", max_value=9007199254740992),
    u("accepted_range", "amount"),
    u("at_least_one", "label"),
    u("at_least_one", "label", group_by_columns=["grp"]),
    u("at_least_one", "grp", group_by_columns=["grp"]),
    u("cardinality_equality", "grp", to=OTHER, field="grp"),
    u("equal_rowcount", compare_model=OTHER),
    u("equal_rowcount", compare_model=OTHER, group_by_columns=["grp"]),
    u("equality", compare_model=OTHER),
    u("equality", compare_model=OTHER, compare_columns=["id", "grp"]),
    u("equality", compare_model=OTHER, exclude_columns=["amount", "price"]),
    u("expression_is_true", expression="low <= high"),
    u("expression_is_true", "amount", expression=">= 0"),
    u("expression_is_true", expression="low <= high", config={"where": "id is not null", "limit": 2}),
    u("fewer_rows_than", compare_model=OTHER),
    u("fewer_rows_than", compare_model=OTHER, group_by_columns=["grp"]),
    u("mutually_exclusive_ranges", lower_bound_column="low", upper_bound_column="high"),
    u("mutually_exclusive_ranges", lower_bound_column="low", upper_bound_column="high", partition_by="grp", gaps="required"),
    u("mutually_exclusive_ranges", lower_bound_column="low", upper_bound_column="high", gaps="not_allowed", zero_length_range_allowed=True),
    u("not_accepted_values", "grp", values=["a", "z"]),
    u("not_accepted_values", "id", values=[1, 2], quote=False),
    u("not_constant", "grp"),
    u("not_constant", "label", group_by_columns=["grp"]),
    u("not_empty_string", "label"),
    u("not_empty_string", "label", trim_whitespace=False),
    u("not_null_proportion", "label", at_least=0.9),
    u("not_null_proportion", "label", at_least=0.1, at_most=0.6, group_by_columns=["grp"]),
    u("recency", field="made_at", datepart="day", interval=2),
    u("recency", field="old_at", datepart="week", interval=1),
    u("recency", field="made_on", datepart="day", interval=1, ignore_time_component=True),
    u("recency", field="made_at", datepart="hour", interval=30, group_by_columns=["grp"]),
    u("relationships_where", "id", to=OTHER, field="id", from_condition="grp = 'a'", to_condition="id < 5"),
    u("relationships_where", "grp", to=OTHER, field="grp"),
    u("sequential_values", "seq"),
    u("sequential_values", "seq", interval=2, group_by_columns=["grp"]),
    u("sequential_values", "made_on", interval=1, datepart="day"),
    u("unique_combination_of_columns", combination_of_columns=["grp", "label"]),
    u("unique_combination_of_columns", combination_of_columns=["id", "seq"], quote_columns=True, config={"where": "id > 1"}),
]  # fmt: skip

SHAPE = [
    e("expect_column_to_exist", "label"),
    e("expect_column_to_exist", "id", column_index=1),
    e("expect_column_to_exist", "label", column_index=2, transform="lower"),
    e("expect_column_to_exist", "nowhere"),
    e("expect_table_column_count_to_be_between", min_value=3, max_value=20),
    e("expect_table_column_count_to_be_between", min_value=0, max_value=5),
    e("expect_table_column_count_to_equal", value=14),
    e("expect_table_column_count_to_equal", value=3, config={"severity": "warn"}),
    e("expect_table_column_count_to_equal_other_table", compare_model=OTHER),
    e("expect_table_column_count_to_equal_other_table", compare_model="source('raw', 'pairs')"),
    e("expect_table_columns_to_contain_set", column_list=["ID", "label"]),
    e("expect_table_columns_to_contain_set", column_list=["id", "one", "two"]),
    e("expect_table_columns_to_match_ordered_list", column_list=COLUMNS),
    e("expect_table_columns_to_match_ordered_list", column_list=["seq", "id", *COLUMNS[2:]]),
    e("expect_table_columns_to_match_set", column_list=COLUMNS[::-1]),
    e("expect_table_columns_to_match_set", column_list=["id", "extra", "more"], transform="lower"),
    e("expect_table_columns_to_not_contain_set", column_list=["one"]),
    e("expect_table_columns_to_not_contain_set", column_list=["id", "label", "one"]),
    e("expect_column_values_to_be_of_type", "id", column_type="integer"),
    e("expect_column_values_to_be_of_type", "price", column_type="decimal(18,2)"),
    e("expect_column_values_to_be_of_type", "label", column_type="integer"),
    e("expect_column_values_to_be_of_type", "nowhere", column_type="integer"),
    e("expect_column_values_to_be_in_type_list", "made_at", column_type_list=["date", "timestamp"]),
    e("expect_column_values_to_be_in_type_list", "made_at", column_type_list=["date"], config={"error_if": ">1"}),
]

ROWS = [
    e("expect_column_values_to_be_null", "label"),
    e("expect_column_values_to_be_null", "label", row_condition="id is null"),
    e("expect_column_values_to_not_be_null", "label"),
    e("expect_column_values_to_not_be_null", "label", row_condition="id > 2 or grp = 'a'", config={"where": "low > 0 or low is null"}),
    e("expect_column_values_to_be_in_set", "grp", value_set=["a", "b"]),
    e("expect_column_values_to_be_in_set", "id", value_set=[1, 2, 3], quote_values=False, row_condition="id is not null"),
    e("expect_column_values_to_be_in_set", "id", value_set=["1", "2"]),
    e("expect_column_values_to_be_in_set", "label", value_set=["it''s", "Ärger", "日本"]),
    e("expect_column_values_to_not_be_in_set", "grp", value_set=["a", "a", "b"]),
    e("expect_column_values_to_not_be_in_set", "id", value_set=[1, 5], quote_values=False),
    e("expect_column_values_to_be_between", "amount", min_value=0, max_value=50),
    e("expect_column_values_to_be_between", "amount", min_value=0, strictly=True, row_condition="grp = 'a'"),
    e("expect_column_values_to_be_between", "made_at", min_value="current_date - 10"),
    e("expect_column_value_lengths_to_be_between", "label", min_value=1, max_value=4),
    e("expect_column_value_lengths_to_equal", "grp", value=1),
    e("expect_column_value_lengths_to_equal", "label", value=4, row_condition="label <> ''"),
    e("expect_column_values_to_match_regex", "label", regex="^[a-z]+$"),
    e("expect_column_values_to_match_regex", "label", regex="^[a-z]*$", flags="i", is_raw=True),
    e("expect_column_values_to_not_match_regex", "label", regex="[0-9 ]"),
    e("expect_column_values_to_match_regex_list", "label", regex_list=["a", "b"]),
    e("expect_column_values_to_match_regex_list", "label", regex_list=["a", "l"], match_on="all"),
    e("expect_column_values_to_not_match_regex_list", "label", regex_list=["a", "zzz"]),
    e("expect_column_values_to_not_match_regex_list", "label", regex_list=["a", "zzz"], match_on="all"),
    e("expect_column_values_to_match_like_pattern", "label", like_pattern="a%"),
    e("expect_column_values_to_not_match_like_pattern", "label", like_pattern="%a%"),
    e("expect_column_values_to_match_like_pattern_list", "label", like_pattern_list=["a%", "%"]),
    e("expect_column_values_to_match_like_pattern_list", "label", like_pattern_list=["a%", "%a"], match_on="all"),
    e("expect_column_values_to_not_match_like_pattern_list", "label", like_pattern_list=["a%", "b%"]),
    e("expect_column_values_to_not_match_like_pattern_list", "label", like_pattern_list=["a%", "b%"], match_on="all"),
    e("expect_column_pair_values_A_to_be_greater_than_B", column_A="high", column_B="low"),
    e("expect_column_pair_values_A_to_be_greater_than_B", column_A="high", column_B="low", or_equal=True, row_condition="grp = 'a'"),
    e("expect_column_pair_values_to_be_equal", column_A="id", column_B="seq"),
    e("expect_column_pair_values_to_be_in_set", column_A="grp", column_B="flag", value_pairs_set=[["'a'", True], ["'b'", False]]),
    e("expect_select_column_values_to_be_unique_within_record", column_list=["id", "seq"]),
    e("expect_select_column_values_to_be_unique_within_record", column_list=["id", "low", "high"], ignore_row_if="any_value_is_missing"),
    e("expect_select_column_values_to_be_unique_within_record", column_list=["label", "grp"], quote_columns=True, row_condition="id > 1"),
]  # fmt: skip

TOTALS = [
    e("expect_column_max_to_be_between", "amount", min_value=0, max_value=50),
    e("expect_column_max_to_be_between", "big", max_value=9007199254740992),
    e("expect_column_max_to_be_between", "made_at", min_value="current_date - 3", group_by=["grp"]),
    e("expect_column_min_to_be_between", "amount", min_value=0, row_condition="grp = 'a'"),
    e("expect_column_min_to_be_between", "id", min_value=1, strictly=True),
    e("expect_column_mean_to_be_between", "amount", min_value=5, max_value=20),
    e("expect_column_mean_to_be_between", "price", min_value=5, max_value=20, group_by=["grp"]),
    e("expect_column_sum_to_be_between", "price", min_value=10),
    e("expect_column_sum_to_be_between", "id", max_value=20, group_by=["grp", "flag"]),
    e("expect_column_stdev_to_be_between", "amount", max_value=4),
    e("expect_column_stdev_to_be_between", "id", min_value=2, strictly=True, row_condition="id < 100"),
    e("expect_column_median_to_be_between", "amount", min_value=3, max_value=10),
    e("expect_column_median_to_be_between", "id", max_value=4, group_by=["grp"]),
    e("expect_column_quantile_values_to_be_between", "id", quantile=0.9, max_value=5),
    e("expect_column_quantile_values_to_be_between", "amount", quantile=0.25, min_value=1, row_condition="id > 1"),
    e("expect_column_unique_value_count_to_be_between", "grp", min_value=2, max_value=2),
    e("expect_column_proportion_of_unique_values_to_be_between", "id", min_value=1),
    e("expect_column_proportion_of_unique_values_to_be_between", "grp", max_value=0.5, row_condition="grp is not null"),
    e("expect_column_distinct_count_to_equal", "grp", value=2),
    e("expect_column_distinct_count_to_equal", "label", value=1, group_by=["grp"]),
    e("expect_column_distinct_count_to_be_greater_than", "id", value=3),
    e("expect_column_distinct_count_to_be_less_than", "label", value=4),
    e("expect_table_row_count_to_be_between", min_value=1, max_value=10),
    e("expect_table_row_count_to_be_between", min_value=2, group_by=["grp"]),
    e("expect_table_row_count_to_equal", value=0),
    e("expect_table_row_count_to_equal", value=3, row_condition="grp = 'a'", config={"where": "id > 0"}),
    e("expect_multicolumn_sum_to_equal", column_list=["low", "id"], sum_total="high"),
    e("expect_multicolumn_sum_to_equal", column_list=["low", "high"], sum_total=0, group_by=["grp"]),
    e("expect_row_values_to_have_recent_data", "made_at", datepart="day", interval=2),
    e("expect_row_values_to_have_recent_data", "old_at", datepart="month", interval=1, row_condition="id > 0"),
    e("expect_row_values_to_have_recent_data", "made_on", datepart="hour", interval=60),
]

QUERIES = [
    e("expect_column_values_to_be_unique", "id"),
    e("expect_column_values_to_be_unique", "label", row_condition="grp = 'a' or id > 3"),
    e("expect_table_aggregation_to_equal_other_table", expression="sum(id)", compare_model=OTHER),
    e("expect_table_aggregation_to_equal_other_table", expression="max(id)", compare_model=OTHER, group_by=["grp"], tolerance=1),
    e("expect_table_aggregation_to_equal_other_table", expression="sum(amount)", compare_model=OTHER, tolerance_percent=0.1),
    e("expect_table_aggregation_to_equal_other_table", expression="count(*)", compare_model=OTHER, compare_expression="count(id)", row_condition="id > 2", compare_row_condition="id > 3"),
    e("expect_table_row_count_to_equal_other_table", compare_model=OTHER),
    e("expect_table_row_count_to_equal_other_table", compare_model=OTHER, group_by=["grp"], row_condition="id > 2"),
    e("expect_table_row_count_to_equal_other_table_times_factor", compare_model=OTHER, factor=2),
    e("expect_column_distinct_count_to_equal_other_table", "grp", compare_model=OTHER, compare_column_name="grp"),
    e("expect_column_distinct_count_to_equal_other_table", "id", compare_model=OTHER, compare_column_name="seq", row_condition="id < 4"),
    e("equal_expression", expression="sum(low)", compare_expression="sum(high)"),
    e("equal_expression", expression="count(*)", compare_model=OTHER, group_by=["grp"], compare_group_by=["label"]),
    e("expression_is_true", expression="low < high", row_condition="id > 1"),
    e("expression_is_true", expression="count(*) > 1", group_by_columns=["grp"]),
    e("expression_is_true", expression="low", test_condition="> 2"),
    e("expression_between", expression="sum(id)", min_value=3, max_value=30, group_by_columns=["grp"]),
    e("expression_between", expression="id + low", max_value=6, strictly=True),
    e("expect_grouped_row_values_to_have_recent_data", group_by=["grp"], timestamp_column="made_at", datepart="day", interval=2),
    e("expect_grouped_row_values_to_have_recent_data", group_by=["grp", "flag"], timestamp_column="old_at", datepart="day", interval=2),
    e("expect_column_values_to_be_increasing", "seq"),
    e("expect_column_values_to_be_increasing", "id", sort_column="seq", strictly=False),
    e("expect_column_values_to_be_increasing", "low", sort_column="seq", group_by=["grp"], step=1),
    e("expect_column_values_to_be_decreasing", "seq"),
    e("expect_column_values_to_be_decreasing", "id", sort_column="-seq", row_condition="seq > 1"),
    e("expect_column_values_to_have_consistent_casing", "label"),
    e("expect_column_values_to_have_consistent_casing", "label", display_inconsistent_columns=True),
    e("expect_column_distinct_values_to_be_in_set", "grp", value_set=["a", "b"]),
    e("expect_column_distinct_values_to_be_in_set", "id", value_set=[1, 2, 3], quote_values=False, row_condition="id > 0"),
    e("expect_column_distinct_values_to_contain_set", "grp", value_set=["a", "z", "y"]),
    e("expect_column_distinct_values_to_equal_set", "grp", value_set=["a", "b"]),
    e("expect_column_distinct_values_to_equal_set", "grp", value_set=["a", "q"], row_condition="grp is not null"),
    e("expect_column_most_common_value_to_be_in_set", "code", value_set=["x", "y"], top_n=1),
    e("expect_column_most_common_value_to_be_in_set", "code", value_set=["x"], top_n=2),
    e("expect_column_most_common_value_to_be_in_set", "low", value_set=[1], top_n=1, quote_values=False, data_type="bigint", row_condition="low = 3"),
    e("expect_compound_columns_to_be_unique", column_list=["grp", "label"]),
    e("expect_compound_columns_to_be_unique", column_list=["id", "label"], ignore_row_if="any_value_is_missing", quote_columns=True, row_condition="id > 0"),
    e("expect_column_values_to_be_within_n_stdevs", "amount", sigma_threshold=0.1),
    e("expect_column_values_to_be_within_n_stdevs", "id", group_by=["grp"], sigma_threshold=0.5),
    e("expect_column_values_to_be_within_n_moving_stdevs", "price", date_column_name="made_on", sigma_threshold=1),
    e("expect_column_values_to_be_within_n_moving_stdevs", "id", date_column_name="made_at", sigma_threshold_upper=0.5, sigma_threshold_lower=-2, take_logs=False, take_diffs=False, trend_periods=3),
    e("expect_column_values_to_be_within_n_moving_stdevs", "price", date_column_name="made_at", group_by=["grp"], period="hour", test_periods=500, lookback_periods=2, take_logs=False, sigma_threshold=0.7),
    e("expect_row_values_to_have_data_for_every_n_datepart", date_col="made_on"),
    e("expect_row_values_to_have_data_for_every_n_datepart", date_col="made_at", interval=2, test_end_date="2026-01-20", test_start_date="2026-01-01", exclusion_condition="date_day <> '2026-01-05'"),
    e("expect_row_values_to_have_data_for_every_n_datepart", date_col="old_at", date_part="month", test_start_date="2020-01-01", test_end_date="2020-09-01", row_condition="id > 0"),
]  # fmt: skip


def at_the_bound(test: str, column: str | None, low: float, **arguments: Any) -> list[Case]:
    """A bound that the clean data meets exactly, from below and from above, with and without it."""
    return [
        Case(
            test=f"dbt_expectations.{test}",
            column=column,
            arguments={name: low, "strictly": strictly} | arguments,
            on=("good",),
        )
        for name in ("min_value", "max_value")
        for strictly in (False, True)
    ]


def at_the_value(test: str, column: str | None, value: int, **arguments: Any) -> list[Case]:
    """A number that the clean data has exactly, and the one beside it."""
    return [
        Case(test=f"dbt_expectations.{test}", column=column, arguments={"value": n} | arguments, on=("good",))
        for n in (value, value + 1)
    ]


BOUNDARIES = [
    *at_the_bound("expect_column_max_to_be_between", "id", 9),
    *at_the_bound("expect_column_min_to_be_between", "id", 1),
    *at_the_bound("expect_column_mean_to_be_between", "id", 5),
    *at_the_bound("expect_column_sum_to_be_between", "id", 45),
    *at_the_bound("expect_column_median_to_be_between", "id", 5),
    *at_the_bound("expect_column_quantile_values_to_be_between", "id", 3, quantile=0.25),
    *at_the_bound("expect_column_stdev_to_be_between", "id", 2.7386127875258306),
    *at_the_bound("expect_column_unique_value_count_to_be_between", "grp", 2),
    *at_the_bound("expect_column_proportion_of_unique_values_to_be_between", "id", 1),
    *at_the_bound("expect_table_row_count_to_be_between", None, 9),
    *at_the_bound("expect_column_values_to_be_between", "id", 1),
    *at_the_bound("expect_column_values_to_be_between", "id", 9),
    *at_the_bound("expect_column_value_lengths_to_be_between", "grp", 1),
    *at_the_bound("expression_between", None, 45, expression="sum(id)"),
    *at_the_value("expect_column_distinct_count_to_equal", "grp", 2),
    *at_the_value("expect_column_distinct_count_to_be_greater_than", "grp", 1),
    *at_the_value("expect_column_distinct_count_to_be_less_than", "grp", 2),
    *at_the_value("expect_table_row_count_to_equal", None, 9),
    *(
        Case(test="dbt_utils.not_null_proportion", column="id", arguments={"at_least": low, "at_most": high}, on=("good",))
        for low, high in ((1, 1), (0, 0.99))
    ),
    *(
        e("expect_column_pair_values_A_to_be_greater_than_B", column_A="id", column_B="seq", or_equal=equal)
        for equal in (True, False)
    ),
    *(
        Case(
            test="dbt_expectations.expect_table_row_count_to_equal_other_table_times_factor",
            arguments={"compare_model": OTHER, "factor": factor},
            on=("good",),
        )
        for factor in (0.5, 1)
    ),
    Case(test="dbt_utils.cardinality_equality", column="grp", arguments={"to": "source('raw', 'good')", "field": "grp"}, on=("good",)),
    Case(test="dbt_utils.equality", arguments={"compare_model": "source('raw', 'pairs')"}, on=("good",)),
    Case(test="dbt_utils.equality", arguments={"compare_model": "source('raw', 'good')"}, on=("good",)),
    Case(test="dbt_utils.not_constant", column="grp", config={"where": "grp = 'a'"}, on=("good",)),
    Case(test="relationships", column="id", arguments={"to": "source('raw', 'alone')", "field": "id"}, on=("good",)),
    Case(
        test="dbt_expectations.expect_column_distinct_values_to_contain_set",
        column="grp",
        arguments={"value_set": ["a", "b", "a"]},
        on=("good",),
    ),
    Case(
        test="dbt_expectations.expect_column_distinct_values_to_equal_set",
        column="grp",
        arguments={"value_set": ["a", "b"]},
        on=("good",),
    ),
]  # fmt: skip
"""Numbers right at a bound, where an operator that is a little wrong shows."""


def on_odd(*cases: Case) -> list[Case]:
    return [replace(case, on=("odd",)) for case in cases]


MOST_COMMON = "expect_column_most_common_value_to_be_in_set"

ODD = [
    *on_odd(
        e(MOST_COMMON, "doc", value_set=['{"a": 0}', "no JSON"], top_n=1),
        e(MOST_COMMON, "doc", value_set=["no JSON"], top_n=1),
        e(MOST_COMMON, "raw", value_set=["x"], top_n=1),
        e(MOST_COMMON, "number", value_set=["1"], top_n=1),
        b("accepted_values", "label", values=["it''s"]),
        e("expect_column_values_to_be_in_set", "label", value_set=["it''s"], row_condition="label is not null"),
        e("expect_column_to_exist", '"Big Name"'),
        e("expect_column_to_exist", "Big Name"),
        e("expect_column_values_to_be_of_type", '"Big Name"', column_type="text"),
        e("expect_column_values_to_be_in_type_list", '"Big Name"', column_type_list=["text"]),
        b("not_null", '"Big Name"', config={"limit": -1}),
        e("expect_table_column_count_to_equal", value=3, config={"limit": -1}),
        e("expect_table_column_count_to_equal", value=3, config={"limit": 0}),
    ),
    *(
        replace(case, compiled=True)
        for case in on_odd(
            b("accepted_values", "label", values=["it's"]),
            e("expect_column_values_to_not_be_in_set", "label", value_set=["it's"]),
            e("expect_column_values_to_not_match_regex", "label", regex="t's"),
            e("expect_table_column_count_to_equal", value="2 + 3"),
            e("expect_table_column_count_to_be_between", min_value=5.5),
            e("expect_column_to_exist", "label", column_index=1.5),
            b("accepted_values", "number", values=[1, 1.5], quote=None),
            e("expect_column_distinct_values_to_be_in_set", "number", value_set=[1.5], quote_values=None),
            u("accepted_range", "number", min_value=1, inclusive=None),
            e("expect_column_values_to_be_increasing", "number", sort_column="raw", strictly=None),
        )
    ),
]
"""Arguments and columns that few tests have."""

CASES = [*BUILT_IN, *UTILS, *SHAPE, *ROWS, *TOTALS, *QUERIES, *BOUNDARIES, *ODD]
