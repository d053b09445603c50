{# Stand-ins for those tests of dbt_expectations that group or order values. #}

{% macro _set(value_set, quote_values=true, as_text=false) %}
{% for value in value_set %}
select {{ "cast('" ~ value ~ "' as varchar)" if quote_values and as_text else "'" ~ value ~ "'" if quote_values else value }} as v
{{ 'union all' if not loop.last }}
{% endfor %}
{% endmacro %}

{% test expect_column_values_to_be_in_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
with here as (select {{ column_name }} as v from {{ model }} {{ dbt_expectations._where(row_condition) }}),
wanted as ({{ dbt_expectations._set(value_set, quote_values, true) }})
select here.v from here left join wanted on here.v = wanted.v where wanted.v is null
{% endtest %}

{% test expect_column_values_to_not_be_in_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
with here as (select {{ column_name }} as v from {{ model }} {{ dbt_expectations._where(row_condition) }}),
unwanted as ({{ dbt_expectations._set(value_set, quote_values, true) }})
select here.v from here join unwanted on here.v = unwanted.v
{% endtest %}

{% macro _sides(model, column_name, value_set, quote_values, row_condition) %}
here as (select distinct {{ column_name }} as v from {{ model }} {{ dbt_expectations._where(row_condition) }}),
wanted as (select distinct v from ({{ dbt_expectations._set(value_set, quote_values) }}))
{% endmacro %}

{% test expect_column_distinct_values_to_be_in_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
with {{ dbt_expectations._sides(model, column_name, value_set, quote_values, row_condition) }}
select here.v from here left join wanted on here.v = wanted.v where wanted.v is null
{% endtest %}

{% test expect_column_distinct_values_to_contain_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
with {{ dbt_expectations._sides(model, column_name, value_set, quote_values, row_condition) }}
select wanted.v from wanted left join here on here.v = wanted.v where here.v is null
{% endtest %}

{% test expect_column_distinct_values_to_equal_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
with {{ dbt_expectations._sides(model, column_name, value_set, quote_values, row_condition) }}
select * from here full outer join wanted on here.v = wanted.v where here.v is null or wanted.v is null
{% endtest %}

{% test expect_column_most_common_value_to_be_in_set(model, column_name, value_set, top_n, quote_values=true, data_type='decimal', row_condition=none) %}
{% set value = column_name if quote_values else 'cast(' ~ column_name ~ ' as ' ~ data_type ~ ')' %}
with counted as (select {{ value }} as v, count(*) as n from {{ model }} {{ dbt_expectations._where(row_condition) }} group by 1),
ranked as (select v, row_number() over (order by n desc) as place from counted),
wanted as (select {{ 'v' if quote_values else 'cast(v as ' ~ data_type ~ ')' }} as v from ({{ dbt_expectations._set(value_set, quote_values) }}))
select v from ranked where place = {{ top_n }} and v not in (select v from wanted)
{% endtest %}

{% test expect_column_values_to_be_unique(model, column_name, row_condition=none) %}
select {{ column_name }} from {{ model }}
where {{ column_name }} is not null {{ 'and (' ~ row_condition ~ ')' if row_condition }}
group by {{ column_name }} having count(*) > 1
{% endtest %}

{% macro _kept(column_list, quote_columns, ignore_row_if) %}
{% set names = [] %}
{% for name in column_list %}{% do names.append(adapter.quote(name) if quote_columns else name) %}{% endfor %}
{{ return(names) }}
{% endmacro %}

{% macro _missing(names, ignore_row_if) %}({{ names | join(' is null and ' if ignore_row_if == 'all_values_are_missing' else ' is null or ') }} is null){% endmacro %}

{% test expect_compound_columns_to_be_unique(model, column_list, quote_columns=false, ignore_row_if='all_values_are_missing', row_condition=none) %}
{% set names = dbt_expectations._kept(column_list, quote_columns) %}
select {{ names | join(', ') }} from {{ model }}
where not {{ dbt_expectations._missing(names, ignore_row_if) }} {{ 'and (' ~ row_condition ~ ')' if row_condition }}
group by {{ names | join(', ') }} having count(*) > 1
{% endtest %}

{% test expect_select_column_values_to_be_unique_within_record(model, column_list, quote_columns=false, ignore_row_if='all_values_are_missing', row_condition=none) %}
{% set names = dbt_expectations._kept(column_list, quote_columns) %}
with numbered as (
    select row_number() over () as n, * from {{ model }}
    where not {{ dbt_expectations._missing(names, ignore_row_if) }} {{ 'and (' ~ row_condition ~ ')' if row_condition }}
),
long as ({% for name in names %} select n, md5(cast({{ name }} as varchar)) as v from numbered {{ 'union all' if not loop.last }}{% endfor %})
select n from long group by n having count(distinct v) < {{ names | length }}
{% endtest %}

{% macro _ordered(model, column_name, sort_column, operator, step, difference, row_condition, group_by) %}
with steps as (
    select {{ column_name }} as v,
        lag({{ column_name }}) over ({{ 'partition by ' ~ group_by | join(', ') if group_by }} order by {{ sort_column or column_name }}) as before
    from {{ model }} {{ dbt_expectations._where(row_condition) }}
)
select * from steps where before is not null
    and not (v {{ operator }} before {{ 'and (' ~ difference ~ ') = ' ~ step if step }})
{% endmacro %}

{% test expect_column_values_to_be_increasing(model, column_name, sort_column=none, strictly=true, row_condition=none, group_by=none, step=none) %}
{{ dbt_expectations._ordered(model, column_name, sort_column, '>' if strictly else '>=', step, 'v - before', row_condition, group_by) }}
{% endtest %}

{% test expect_column_values_to_be_decreasing(model, column_name, sort_column=none, strictly=true, row_condition=none, group_by=none, step=none) %}
{{ dbt_expectations._ordered(model, column_name, sort_column, '<' if strictly else '<=', step, 'before - v', row_condition, group_by) }}
{% endtest %}

{% test expect_column_values_to_have_consistent_casing(model, column_name, display_inconsistent_columns=false) %}
with here as (select distinct {{ column_name }} as v from {{ model }})
{% if display_inconsistent_columns %}
select lower(v) from here group by lower(v) having count(v) > 1
{% else %}
select n from (select count(*) as n, count(distinct lower(v)) as folded from here) where n <> folded
{% endif %}
{% endtest %}

{% test expect_column_values_to_be_within_n_stdevs(model, column_name, group_by=none, sigma_threshold=3) %}
with totals as (
    select sum({{ column_name }}) as total from {{ model }} {{ 'group by ' ~ group_by | join(', ') if group_by }}
)
select total from totals, (select avg(total) as mean, stddev(total) as sd from totals) as s
where abs((total - mean) / nullif(sd, 0)) > {{ sigma_threshold }}
{% endtest %}

{% macro _measure(name, take_logs) %}coalesce({{ 'ln(nullif(' ~ name ~ ', 0))' if take_logs else name }}, 0){% endmacro %}

{% test expect_column_values_to_be_within_n_moving_stdevs(model, column_name, date_column_name, group_by=none, period='day', lookback_periods=1, trend_periods=7, test_periods=14, sigma_threshold=3, sigma_threshold_upper=none, sigma_threshold_lower=none, take_diffs=true, take_logs=true) %}
{% set over = ('partition by ' ~ group_by | join(', ') if group_by else '') ~ ' order by p' %}
{% set today = dbt.date_trunc(period, 'cast(now() as timestamp)') %}
with totals as (
    select {{ dbt.date_trunc(period, date_column_name) }} as p, {{ group_by | join(', ') ~ ',' if group_by }} sum({{ column_name }}) as total
    from {{ model }} group by {{ ([dbt.date_trunc(period, date_column_name)] + (group_by or [])) | join(', ') }}
),
lagged as (select *, lag(total, {{ lookback_periods }}) over ({{ over }}) as before from totals),
tested as (
    select *, {{ dbt_expectations._measure('total', take_logs) }} {{ '- ' ~ dbt_expectations._measure('before', take_logs) if take_diffs }} as x
    from lagged
),
moving as (
    select *, avg(x) over ({{ over }} rows between {{ trend_periods }} preceding and 1 preceding) as mean,
        stddev(x) over ({{ over }} rows between {{ trend_periods }} preceding and 1 preceding) as sd
    from tested
)
select * from moving
where p >= cast({{ dbt.dateadd(period, -test_periods, today) }} as timestamp) and p < {{ today }}
    and not ((x - mean) / nullif(sd, 0) >= {{ sigma_threshold_lower if sigma_threshold_lower else -1 * sigma_threshold }}
        and (x - mean) / nullif(sd, 0) <= {{ sigma_threshold_upper if sigma_threshold_upper else sigma_threshold }})
{% endtest %}

{% test expect_row_values_to_have_data_for_every_n_datepart(model, date_col, date_part='day', interval=none, row_condition=none, exclusion_condition=none, test_start_date=none, test_end_date=none) %}
{% if execute %}
{% set ends = run_query('select min(cast(' ~ date_col ~ ' as date)), max(cast(' ~ date_col ~ ' as date)) from ' ~ model ~ ' ' ~ dbt_expectations._where(row_condition)) %}
{% set start = test_start_date or ends.columns[0].values()[0] %}
{% set end = test_end_date or ends.columns[1].values()[0] %}
{% set column = 'date_' ~ date_part %}
{% set n = interval or 1 %}
with spine as (
    select {{ dbt.dateadd(date_part, 'i', "cast('" ~ start ~ "' as timestamp)") }} as {{ column }}
    from range({{ dbt.datediff("'" ~ start ~ "'", "'" ~ end ~ "'", date_part) }}) as t(i) where i % {{ n }} = 0
),
here as (
    select {{ dbt.dateadd(date_part, '-1 * mod(' ~ dbt.datediff("'" ~ start ~ "'", date_col, date_part) ~ ', ' ~ n ~ ')', 'cast(' ~ dbt.date_trunc(date_part, date_col) ~ ' as timestamp)') }} as bucket
    from {{ model }} {{ dbt_expectations._where(row_condition) }}
)
select spine.{{ column }} from spine left join (select distinct bucket from here) as h on h.bucket = spine.{{ column }}
where h.bucket is null {{ 'and ' ~ exclusion_condition if exclusion_condition }}
{% endif %}
{% endtest %}
