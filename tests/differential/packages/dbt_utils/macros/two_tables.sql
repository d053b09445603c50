{# Stand-ins for those tests of dbt_utils that compare two tables. #}

{% test cardinality_equality(model, column_name, to, field) %}
with here as (select {{ column_name }} as v, count(*) as n from {{ model }} group by {{ column_name }}),
there as (select {{ field }} as v, count(*) as n from {{ to }} group by {{ field }}),
missing as (select * from here except select * from there),
extra as (select * from there except select * from here)
select * from missing union all select * from extra
{% endtest %}

{% macro _counts(relation, keys, name) %}
select {{ keys | join(', ') ~ ',' if keys }} 1 as one, count(*) as {{ name }}
from {{ relation }} group by {{ (['one'] + keys) | join(', ') }}
{% endmacro %}

{% test equal_rowcount(model, compare_model, group_by_columns=[]) %}
{{ config(fail_calc='sum(coalesce(diff_count, 0))') }}
with a as ({{ dbt_utils._counts(model, group_by_columns, 'n_a') }}), b as ({{ dbt_utils._counts(compare_model, group_by_columns, 'n_b') }})
select n_a, n_b, abs(n_a - n_b) as diff_count
from a full join b on a.one = b.one {% for key in group_by_columns %} and a.{{ key }} = b.{{ key }} {% endfor %}
{% endtest %}

{% test fewer_rows_than(model, compare_model, group_by_columns=[]) %}
{{ config(fail_calc='sum(coalesce(row_count_delta, 0))') }}
with a as ({{ dbt_utils._counts(model, group_by_columns, 'n_a') }}), b as ({{ dbt_utils._counts(compare_model, group_by_columns, 'n_b') }})
select n_a, n_b, case when n_a > n_b then n_a - n_b when n_a = n_b then 1 else 0 end as row_count_delta
from a full join b on a.one = b.one {% for key in group_by_columns %} and a.{{ key }} = b.{{ key }} {% endfor %}
{% endtest %}

{% test equality(model, compare_model, compare_columns=none, exclude_columns=none, precision=none) %}
{{ config(fail_calc="count(*) + coalesce(abs(sum(case when which_diff = 'a_minus_b' then 1 else 0 end) - sum(case when which_diff = 'b_minus_a' then 1 else 0 end)), 0)") }}
{% if execute %}
{% if not compare_columns %}
    {% set excluded = (exclude_columns or []) | map('lower') | list %}
    {% set compare_columns = [] %}
    {% for column in adapter.get_columns_in_relation(model) if column.name | lower not in excluded %}
        {% do compare_columns.append(column.quoted) %}
    {% endfor %}
{% endif %}
{% set names = compare_columns | join(', ') %}
select 'a_minus_b' as which_diff, * from (select {{ names }} from {{ model }} except select {{ names }} from {{ compare_model }})
union all
select 'b_minus_a' as which_diff, * from (select {{ names }} from {{ compare_model }} except select {{ names }} from {{ model }})
{% endif %}
{% endtest %}

{% test relationships_where(model, column_name, to, field, from_condition='1=1', to_condition='1=1') %}
with child as (select {{ column_name }} as v from {{ model }} where {{ column_name }} is not null and {{ from_condition }}),
parent as (select distinct {{ field }} as v from {{ to }} where {{ field }} is not null and {{ to_condition }})
select child.v from child left join parent on child.v = parent.v where parent.v is null
{% endtest %}
