{# Stand-ins for those tests of dbt_expectations that are about columns, other tables, and how new the data is. #}

{% macro _names(model, transform) %}
{% set found = [] %}
{% for column in adapter.get_columns_in_relation(model) %}{% do found.append(column.name | upper if transform == 'upper' else column.name | lower) %}{% endfor %}
{{ return(found) }}
{% endmacro %}

{% macro _listed(column_list, transform) %}{{ return(column_list | map(transform) | list) }}{% endmacro %}

{% macro _rows(names) %}
select * from (values (0, ''){% for name in names %}, ({{ loop.index }}, '{{ name }}'){% endfor %}) as t(place, name) where place > 0
{% endmacro %}

{% test expect_column_to_exist(model, column_name, column_index=none, transform='upper') %}
{% if execute %}
{% set names = dbt_expectations._names(model, transform) %}
{% set name = column_name | upper if transform == 'upper' else column_name | lower %}
{% set at = names.index(name) if name in names else -1 %}
{% set is_there = at >= 0 and (not column_index or at == [column_index - 1, 0] | max) %}
select 1 as missing where {{ 'false' if is_there else 'true' }}
{% endif %}
{% endtest %}

{% test expect_table_column_count_to_be_between(model, min_value=none, max_value=none) %}
{% if execute %}
{% set n = adapter.get_columns_in_relation(model) | length %}
select 1 as wrong where not (1=1 {{ 'and ' ~ n ~ ' >= ' ~ min_value if min_value }} {{ 'and ' ~ n ~ ' <= ' ~ max_value if max_value }})
{% endif %}
{% endtest %}

{% test expect_table_column_count_to_equal(model, value) %}
{% if execute %} select 1 as wrong where {{ adapter.get_columns_in_relation(model) | length }} <> {{ value }} {% endif %}
{% endtest %}

{% test expect_table_column_count_to_equal_other_table(model, compare_model) %}
{% if execute %}
select 1 as wrong
where {{ adapter.get_columns_in_relation(model) | length }} <> {{ adapter.get_columns_in_relation(compare_model) | length }}
{% endif %}
{% endtest %}

{% test expect_table_columns_to_contain_set(model, column_list, transform='upper') %}
{% if execute %}
with has as ({{ dbt_expectations._rows(dbt_expectations._names(model, transform)) }}),
listed as ({{ dbt_expectations._rows(dbt_expectations._listed(column_list, transform)) }})
select * from listed where name not in (select name from has)
{% endif %}
{% endtest %}

{% test expect_table_columns_to_not_contain_set(model, column_list, transform='upper') %}
{% if execute %}
with has as ({{ dbt_expectations._rows(dbt_expectations._names(model, transform)) }}),
listed as ({{ dbt_expectations._rows(dbt_expectations._listed(column_list, transform)) }})
select listed.name from listed join has on listed.name = has.name
{% endif %}
{% endtest %}

{% test expect_table_columns_to_match_set(model, column_list, transform='upper') %}
{% if execute %}
with has as ({{ dbt_expectations._rows(dbt_expectations._names(model, transform)) }}),
listed as ({{ dbt_expectations._rows(dbt_expectations._listed(column_list, transform)) }})
select * from has full join listed on has.name = listed.name where has.name is null or listed.name is null
{% endif %}
{% endtest %}

{% test expect_table_columns_to_match_ordered_list(model, column_list, transform='upper') %}
{% if execute %}
with has as ({{ dbt_expectations._rows(dbt_expectations._names(model, transform)) }}),
listed as ({{ dbt_expectations._rows(dbt_expectations._listed(column_list, transform)) }})
select * from has full join listed on has.name = listed.name and has.place = listed.place
where has.name is null or listed.name is null
{% endif %}
{% endtest %}

{% macro _of_types(model, column_name, types) %}
{% set wrong = [] %}
{% for column in adapter.get_columns_in_relation(model) %}
    {% if column.name | upper == column_name | upper and column.dtype | upper not in types | map('upper') | list %}{% do wrong.append(1) %}{% endif %}
{% endfor %}
select 1 as wrong where {{ 'true' if wrong else 'false' }}
{% endmacro %}

{% test expect_column_values_to_be_of_type(model, column_name, column_type) %}
{% if execute %}{{ dbt_expectations._of_types(model, column_name, [column_type]) }}{% endif %}
{% endtest %}

{% test expect_column_values_to_be_in_type_list(model, column_name, column_type_list) %}
{% if execute %}{{ dbt_expectations._of_types(model, column_name, column_type_list) }}{% endif %}
{% endtest %}

{% macro _numbers(relation, expression, group_by, row_condition) %}
select {% for key in group_by or [] %}{{ key }} as key_{{ loop.index }}, {% endfor %} {{ expression }} as number
from {{ relation }} {{ dbt_expectations._where(row_condition) }} {{ 'group by ' ~ group_by | join(', ') if group_by }}
{% endmacro %}

{% macro _same(model, expression, compare_model=none, compare_expression=none, group_by=none, compare_group_by=none, row_condition=none, compare_row_condition=none, tolerance=0.0, tolerance_percent=none) %}
with a as ({{ dbt_expectations._numbers(model, expression, group_by, row_condition) }}),
b as ({{ dbt_expectations._numbers(compare_model or model, compare_expression or expression, compare_group_by or group_by, compare_row_condition or row_condition) }}),
pairs as (
    select a.number as here, b.number as there, abs(coalesce(a.number, 0) - coalesce(b.number, 0)) as difference
    from a {% if group_by %} full outer join b on 1=1 {% for key in group_by %} and a.key_{{ loop.index }} = b.key_{{ loop.index }} {% endfor %}
    {% else %} cross join b {% endif %}
)
select * from pairs where
{% if tolerance_percent %} difference / nullif(here * 1.0, 0) > {{ tolerance_percent }} {% else %} difference > {{ tolerance }} {% endif %}
{% endmacro %}

{% test equal_expression(model, expression, compare_model=none, compare_expression=none, group_by=none, compare_group_by=none, row_condition=none, compare_row_condition=none, tolerance=0.0, tolerance_percent=none) %}
{{ dbt_expectations._same(model, expression, compare_model, compare_expression, group_by, compare_group_by, row_condition, compare_row_condition, tolerance, tolerance_percent) }}
{% endtest %}

{% test expect_table_aggregation_to_equal_other_table(model, expression, compare_model, compare_expression=none, group_by=none, compare_group_by=none, row_condition=none, compare_row_condition=none, tolerance=0.0, tolerance_percent=none) %}
{{ dbt_expectations._same(model, expression, compare_model, compare_expression, group_by, compare_group_by, row_condition, compare_row_condition, tolerance, tolerance_percent) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table(model, compare_model, group_by=none, compare_group_by=none, factor=1, row_condition=none, compare_row_condition=none) %}
{{ dbt_expectations._same(model, 'count(*)', compare_model, 'count(*) * ' ~ factor, group_by, compare_group_by, row_condition, compare_row_condition) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table_times_factor(model, compare_model, factor, group_by=none, compare_group_by=none, row_condition=none, compare_row_condition=none) %}
{{ dbt_expectations._same(model, 'count(*)', compare_model, 'count(*) * ' ~ factor, group_by, compare_group_by, row_condition, compare_row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_equal_other_table(model, compare_model, column_name, compare_column_name, row_condition=none, compare_row_condition=none) %}
{{ dbt_expectations._same(model, 'count(distinct ' ~ column_name ~ ')', compare_model, 'count(distinct ' ~ compare_column_name ~ ')', none, none, row_condition, compare_row_condition) }}
{% endtest %}

{% test expect_row_values_to_have_recent_data(model, column_name, datepart, interval, row_condition=none) %}
with newest as (
    select max(cast({{ column_name }} as timestamp)) as newest from {{ model }}
    where cast({{ column_name }} as timestamp) <= cast(now() as timestamp) {{ 'and ' ~ row_condition if row_condition }}
)
select * from newest
where newest is null or newest < cast({{ dbt.dateadd(datepart, interval * -1, 'cast(now() as timestamp)') }} as timestamp)
{% endtest %}

{% test expect_grouped_row_values_to_have_recent_data(model, group_by, timestamp_column, datepart, interval, row_condition=none) %}
with newest as (
    select {{ group_by | join(', ') }}, max(cast({{ timestamp_column }} as timestamp)) as newest from {{ model }}
    where cast({{ timestamp_column }} as timestamp) <= cast(now() as timestamp) {{ 'and ' ~ row_condition if row_condition }}
    group by {{ group_by | join(', ') }}
),
old as (select * from newest where newest < cast({{ dbt.dateadd(datepart, interval * -1, 'cast(now() as timestamp)') }} as timestamp))
select newest.* from newest join old on 1=1 {% for key in group_by %} and newest.{{ key }} = old.{{ key }} {% endfor %}
{% endtest %}
