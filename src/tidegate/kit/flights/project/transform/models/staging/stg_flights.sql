select
    concat_ws('-', carrier, flight, origin, strftime(scheduled_at, '%Y%m%dT%H%M')) as flight_id,
    scheduled_at,
    cast(scheduled_at as date) as flight_date,
    carrier,
    flight as flight_number,
    tailnum as tail_number,
    origin,
    dest as destination,
    distance as distance_miles,
    dep_delay as departure_delay_min,
    arr_delay as arrival_delay_min,
    air_time as air_time_min,
    dep_delay is null as is_cancelled,
    dep_delay > 15 as is_late,
    _dlt_load_id as load_id
from {{ source('raw', 'flights') }}
