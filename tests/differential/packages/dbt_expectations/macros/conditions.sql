{# Stand-ins for the generic tests of dbt_expectations, written from their documented meaning for the differential tests:
   those that are a condition on rows, or on aggregates of the table or of groups. #}

{% macro _where(row_condition) %}{{ 'where ' ~ row_condition if row_condition }}{% endmacro %}

{% macro _holds(model, expression, group_by=none, row_condition=none) %}
with told as (
    select {% for key in group_by or [] %}{{ key }} as key_{{ loop.index }}, {% endfor %} {{ expression }} as is_so
    from {{ model }} {{ dbt_expectations._where(row_condition) }}
    {{ 'group by ' ~ group_by | join(', ') if group_by }}
)
select * from told where not (is_so = true)
{% endmacro %}

{% macro _between(value, min_value, max_value, strictly=false) %}
{% if min_value is none and max_value is none %}{{ exceptions.raise_compiler_error('give a bound') }}{% endif %}
( 1=1
{% if min_value is not none %} and {{ value }} {{ '>' if strictly else '>=' }} {{ min_value }}{% endif %}
{% if max_value is not none %} and {{ value }} {{ '<' if strictly else '<=' }} {{ max_value }}{% endif %} )
{% endmacro %}

{% test expression_is_true(model, expression, test_condition='= true', group_by_columns=none, row_condition=none) %}
with told as (
    select {% for key in group_by_columns or [] %}{{ key }} as key_{{ loop.index }}, {% endfor %} {{ expression }} as expression
    from {{ model }} {{ dbt_expectations._where(row_condition) }}
    {{ 'group by ' ~ group_by_columns | join(', ') if group_by_columns }}
)
select * from told where not (expression {{ test_condition }})
{% endtest %}

{% test expression_between(model, expression, min_value=none, max_value=none, group_by_columns=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._holds(model, dbt_expectations._between(expression, min_value, max_value, strictly), group_by_columns, row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_null(model, column_name, row_condition=none) %}
{{ dbt_expectations._holds(model, column_name ~ ' is null', none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_be_null(model, column_name, row_condition=none) %}
{{ dbt_expectations._holds(model, column_name ~ ' is not null', none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_between(model, column_name, min_value=none, max_value=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._holds(model, dbt_expectations._between(column_name, min_value, max_value, strictly), none, row_condition) }}
{% endtest %}

{% test expect_column_value_lengths_to_be_between(model, column_name, min_value=none, max_value=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._holds(model, dbt_expectations._between('length(' ~ column_name ~ ')', min_value, max_value, strictly), none, row_condition) }}
{% endtest %}

{% test expect_column_value_lengths_to_equal(model, column_name, value, row_condition=none) %}
{{ dbt_expectations._holds(model, 'length(' ~ column_name ~ ') = ' ~ value, none, row_condition) }}
{% endtest %}

{% macro _all_or_any(parts, match_on) %}({{ parts | join(' and ' if match_on == 'all' else ' or ') }}){% endmacro %}

{% macro _regex(column_name, regex, flags, positive) %}regexp_matches({{ column_name }}, '{{ regex }}', '{{ flags }}') = {{ 'true' if positive else 'false' }}{% endmacro %}

{% macro _regexes(column_name, regexes, flags, positive, match_on) %}
{% set parts = [] %}
{% for regex in regexes %}{% do parts.append(dbt_expectations._regex(column_name, regex, flags, positive)) %}{% endfor %}
{{ dbt_expectations._all_or_any(parts, match_on) }}
{% endmacro %}

{% test expect_column_values_to_match_regex(model, column_name, regex, row_condition=none, is_raw=false, flags='') %}
{{ dbt_expectations._holds(model, dbt_expectations._regex(column_name, regex, flags, true), none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_regex(model, column_name, regex, row_condition=none, is_raw=false, flags='') %}
{{ dbt_expectations._holds(model, dbt_expectations._regex(column_name, regex, flags, false), none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_regex_list(model, column_name, regex_list, match_on='any', row_condition=none, is_raw=false, flags='') %}
{{ dbt_expectations._holds(model, dbt_expectations._regexes(column_name, regex_list, flags, true, match_on), none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_regex_list(model, column_name, regex_list, match_on='any', row_condition=none, is_raw=false, flags='') %}
{{ dbt_expectations._holds(model, dbt_expectations._regexes(column_name, regex_list, flags, false, match_on), none, row_condition) }}
{% endtest %}

{% macro _likes(column_name, patterns, positive, match_on) %}
{% set parts = [] %}
{% for pattern in patterns %}{% do parts.append(column_name ~ (' like ' if positive else ' not like ') ~ "'" ~ pattern ~ "'") %}{% endfor %}
{{ dbt_expectations._all_or_any(parts, match_on) }}
{% endmacro %}

{% test expect_column_values_to_match_like_pattern(model, column_name, like_pattern, row_condition=none) %}
{{ dbt_expectations._holds(model, dbt_expectations._likes(column_name, [like_pattern], true, 'any'), none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_like_pattern(model, column_name, like_pattern, row_condition=none) %}
{{ dbt_expectations._holds(model, dbt_expectations._likes(column_name, [like_pattern], false, 'any'), none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_like_pattern_list(model, column_name, like_pattern_list, match_on='any', row_condition=none) %}
{{ dbt_expectations._holds(model, dbt_expectations._likes(column_name, like_pattern_list, true, match_on), none, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_like_pattern_list(model, column_name, like_pattern_list, match_on='any', row_condition=none) %}
{{ dbt_expectations._holds(model, dbt_expectations._likes(column_name, like_pattern_list, false, match_on), none, row_condition) }}
{% endtest %}

{% test expect_column_pair_values_A_to_be_greater_than_B(model, column_A, column_B, or_equal=false, row_condition=none) %}
{{ dbt_expectations._holds(model, column_A ~ (' >= ' if or_equal else ' > ') ~ column_B, none, row_condition) }}
{% endtest %}

{% test expect_column_pair_values_to_be_equal(model, column_A, column_B, row_condition=none) %}
{{ dbt_expectations._holds(model, column_A ~ ' = ' ~ column_B, none, row_condition) }}
{% endtest %}

{% test expect_column_pair_values_to_be_in_set(model, column_A, column_B, value_pairs_set, row_condition=none) %}
{% set parts = [] %}
{% for pair in value_pairs_set %}{% do parts.append('(' ~ column_A ~ ' = ' ~ pair[0] ~ ' and ' ~ column_B ~ ' = ' ~ pair[1] ~ ')') %}{% endfor %}
{{ dbt_expectations._holds(model, '(' ~ parts | join(' or ') ~ ')', none, row_condition) }}
{% endtest %}

{% test expect_multicolumn_sum_to_equal(model, column_list, sum_total, group_by=none, row_condition=none) %}
{% set total = sum_total if sum_total is number else 'sum(' ~ sum_total ~ ')' %}
{{ dbt_expectations._holds(model, 'sum(' ~ column_list | join(') + sum(') ~ ') = ' ~ total, group_by, row_condition) }}
{% endtest %}

{% macro _bounded(model, value, min_value, max_value, group_by, row_condition, strictly) %}
{{ dbt_expectations._holds(model, dbt_expectations._between(value, min_value, max_value, strictly), group_by, row_condition) }}
{% endmacro %}

{% test expect_column_max_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'max(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_min_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'min(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_mean_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'avg(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_sum_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'sum(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_stdev_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'stddev_samp(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_median_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'percentile_cont(0.5) within group (order by ' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_quantile_values_to_be_between(model, column_name, quantile, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'percentile_cont(' ~ quantile ~ ') within group (order by ' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_unique_value_count_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'count(distinct ' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_proportion_of_unique_values_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{% set share = 'coalesce(count(distinct ' ~ column_name ~ ') * 1.0 / nullif(count(' ~ column_name ~ '), 0), 1)' %}
{{ dbt_expectations._bounded(model, share, min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_table_row_count_to_be_between(model, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ dbt_expectations._bounded(model, 'count(*)', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_table_row_count_to_equal(model, value, group_by=none, row_condition=none) %}
{{ dbt_expectations._holds(model, 'count(*) = ' ~ value, group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_equal(model, column_name, value, group_by=none, row_condition=none) %}
{{ dbt_expectations._holds(model, 'count(distinct ' ~ column_name ~ ') = ' ~ value, group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_greater_than(model, column_name, value, group_by=none, row_condition=none) %}
{{ dbt_expectations._holds(model, 'count(distinct ' ~ column_name ~ ') > ' ~ value, group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_less_than(model, column_name, value, group_by=none, row_condition=none) %}
{{ dbt_expectations._holds(model, 'count(distinct ' ~ column_name ~ ') < ' ~ value, group_by, row_condition) }}
{% endtest %}
