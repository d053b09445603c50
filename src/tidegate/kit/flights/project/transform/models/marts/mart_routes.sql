select
    flights.origin || '-' || flights.destination as route,
    flights.origin,
    flights.destination,
    coalesce(any_value(airports.airport_name), flights.destination) as destination_name,
    any_value(flights.distance_miles) as distance_miles,
    count(*) as flights,
    count(distinct flights.carrier) as carriers,
    avg(flights.is_cancelled::int) as cancelled_share,
    avg(flights.departure_delay_min) as avg_departure_delay_min,
    avg(flights.arrival_delay_min) as avg_arrival_delay_min,
    avg(flights.is_late::int) as late_share,
    median(flights.air_time_min) as median_air_time_min
from {{ ref('stg_flights') }} as flights
left join {{ ref('stg_airports') }} as airports
    on flights.destination = airports.airport
group by flights.origin, flights.destination
