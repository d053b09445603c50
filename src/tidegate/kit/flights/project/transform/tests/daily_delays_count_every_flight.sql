-- A day that the incremental model left out, or holds twice, shows here.
with scheduled as (
    select flight_date, origin, count(*) as scheduled_flights
    from {{ ref('stg_flights') }}
    group by flight_date, origin
)

select flight_date, origin, scheduled_flights, mart.flights
from scheduled
full join {{ ref('mart_daily_delays') }} as mart using (flight_date, origin)
where scheduled_flights is distinct from mart.flights
