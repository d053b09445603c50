{# Stand-ins for the generic tests of dbt_utils, written from their documented meaning for the differential tests. #}

{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}
select * from {{ model }} where false
{% if min_value is not none %} or not ({{ column_name }} {{ '>=' if inclusive else '>' }} {{ min_value }}) {% endif %}
{% if max_value is not none %} or not ({{ column_name }} {{ '<=' if inclusive else '<' }} {{ max_value }}) {% endif %}
{% endtest %}

{% test at_least_one(model, column_name, group_by_columns=[]) %}
{% set keys = group_by_columns | reject('equalto', column_name) | list %}
select {{ keys | join(', ') ~ ',' if keys }} count({{ column_name }}) as n
from {{ model }} {{ 'group by ' ~ keys | join(', ') if keys }} having count({{ column_name }}) = 0
{% endtest %}

{% test expression_is_true(model, expression, column_name=none) %}
select * from {{ model }} where not ({{ column_name or '' }} {{ expression }})
{% endtest %}

{% test not_empty_string(model, column_name, trim_whitespace=true) %}
select * from {{ model }} where {{ 'trim(' ~ column_name ~ ')' if trim_whitespace else column_name }} = ''
{% endtest %}

{% test not_accepted_values(model, column_name, values, quote=true) %}
select distinct {{ column_name }} as v from {{ model }}
where {{ column_name }} in ({% for value in values %}{{ "'" ~ value ~ "'" if quote else value }}{{ ',' if not loop.last }}{% endfor %})
{% endtest %}

{% test not_constant(model, column_name, group_by_columns=[]) %}
select {{ group_by_columns | join(', ') ~ ',' if group_by_columns }} count(distinct {{ column_name }}) as n
from {{ model }} {{ 'group by ' ~ group_by_columns | join(', ') if group_by_columns }}
having count(distinct {{ column_name }}) = 1
{% endtest %}

{% test not_null_proportion(model, column_name, at_least, at_most=1, group_by_columns=[]) %}
with shares as (
    select {{ group_by_columns | join(', ') ~ ',' if group_by_columns }}
        sum(case when {{ column_name }} is null then 0 else 1 end) / cast(count(*) as {{ dbt.type_numeric() }}) as share
    from {{ model }} {{ 'group by ' ~ group_by_columns | join(', ') if group_by_columns }}
)
select * from shares where share < {{ at_least }} or share > {{ at_most }}
{% endtest %}

{% test recency(model, field, datepart, interval, ignore_time_component=false, group_by_columns=[]) %}
{% set type = 'date' if ignore_time_component else 'timestamp' %}
with newest as (
    select {{ group_by_columns | join(', ') ~ ',' if group_by_columns }} max({{ field }}) as most_recent
    from {{ model }} {{ 'group by ' ~ group_by_columns | join(', ') if group_by_columns }}
)
select * from newest
where most_recent is null
    or {{ 'cast(most_recent as date)' if ignore_time_component else 'most_recent' }}
        < cast({{ dbt.dateadd(datepart, interval * -1, dbt.current_timestamp()) }} as {{ type }})
{% endtest %}

{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=false) %}
{% set keys = [] %}
{% for key in combination_of_columns %}{% do keys.append(adapter.quote(key) if quote_columns else key) %}{% endfor %}
select {{ keys | join(', ') }} from {{ model }} group by {{ keys | join(', ') }} having count(*) > 1
{% endtest %}

{% test sequential_values(model, column_name, interval=1, datepart=none, group_by_columns=[]) %}
with steps as (
    select {{ column_name }} as v, lag({{ column_name }}) over (
        {{ 'partition by ' ~ group_by_columns | join(', ') if group_by_columns }} order by {{ column_name }}
    ) as before
    from {{ model }}
)
{% if datepart %}
select * from steps where cast(v as timestamp) <> cast({{ dbt.dateadd(datepart, interval, 'before') }} as timestamp)
{% else %}
select * from steps where v <> before + {{ interval }}
{% endif %}
{% endtest %}

{% test mutually_exclusive_ranges(model, lower_bound_column, upper_bound_column, partition_by=none, gaps='allowed', zero_length_range_allowed=false) %}
{% set partition = 'partition by ' ~ partition_by if partition_by else '' %}
{% set operator = {'allowed': '<=', 'not_allowed': '=', 'required': '<'}[gaps] %}
with ranges as (
    select {{ lower_bound_column }} as low, {{ upper_bound_column }} as high,
        lead({{ lower_bound_column }}) over ({{ partition }} order by {{ lower_bound_column }}, {{ upper_bound_column }}) as next_low,
        row_number() over (
            {{ partition }} order by {{ lower_bound_column }} desc, {{ upper_bound_column }} desc
        ) = 1 as is_last
    from {{ model }}
)
select * from ranges
where not coalesce(low {{ '<=' if zero_length_range_allowed else '<' }} high, false)
    or not coalesce(high {{ operator }} next_low, is_last, false)
{% endtest %}
