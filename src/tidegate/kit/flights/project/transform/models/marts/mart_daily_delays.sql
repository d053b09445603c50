{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['flight_date', 'origin'],
) }}

with flights as (
    select * from {{ ref('stg_flights') }}
),

weather as (
    select * from {{ ref('stg_weather') }}
),

-- Load ids grow with time, so a day whose flights or weather came late is built again too.
changed_days as (
    select distinct flight_date from (
        select flight_date, load_id from flights
        union all
        select observed_date, load_id from weather
    )
    {% if is_incremental() %}
    where load_id > (select coalesce(max(last_load_id), '') from {{ this }})
    {% endif %}
),

daily_flights as (
    select
        flight_date,
        origin,
        count(*) as flights,
        count(*) filter (where is_cancelled) as cancelled,
        avg(departure_delay_min) as avg_departure_delay_min,
        median(departure_delay_min) as median_departure_delay_min,
        avg(is_late::int) as late_share,
        max(load_id) as load_id
    from flights
    where flight_date in (select flight_date from changed_days)
    group by flight_date, origin
),

daily_weather as (
    select
        observed_date,
        origin,
        max(wind_mph) as max_wind_mph,
        sum(precipitation_in) as precipitation_in,
        min(visibility_miles) as min_visibility_miles,
        max(load_id) as load_id
    from weather
    where observed_date in (select flight_date from changed_days)
    group by observed_date, origin
)

select
    daily_flights.flight_date,
    daily_flights.origin,
    daily_flights.flights,
    daily_flights.cancelled,
    daily_flights.cancelled / daily_flights.flights as cancelled_share,
    daily_flights.avg_departure_delay_min,
    daily_flights.median_departure_delay_min,
    daily_flights.late_share,
    daily_weather.max_wind_mph,
    daily_weather.precipitation_in,
    daily_weather.min_visibility_miles,
    greatest(daily_flights.load_id, coalesce(daily_weather.load_id, '')) as last_load_id
from daily_flights
left join daily_weather
    on daily_flights.flight_date = daily_weather.observed_date
    and daily_flights.origin = daily_weather.origin
