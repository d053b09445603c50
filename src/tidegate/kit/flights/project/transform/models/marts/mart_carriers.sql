select
    flights.carrier,
    any_value(airlines.carrier_name) as carrier_name,
    count(*) as flights,
    count(distinct flights.destination) as destinations,
    count(distinct flights.tail_number) as aircraft,
    avg(planes.seats) as avg_seats,
    avg(flights.is_cancelled::int) as cancelled_share,
    avg(flights.departure_delay_min) as avg_departure_delay_min,
    avg(flights.arrival_delay_min) as avg_arrival_delay_min,
    avg(flights.is_late::int) as late_share
from {{ ref('stg_flights') }} as flights
left join {{ ref('stg_airlines') }} as airlines
    on flights.carrier = airlines.carrier
left join {{ ref('stg_planes') }} as planes
    on flights.tail_number = planes.tail_number
group by flights.carrier
