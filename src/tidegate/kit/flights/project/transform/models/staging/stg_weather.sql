select
    concat_ws('-', origin, strftime(observed_at, '%Y%m%dT%H')) as observation_id,
    observed_at,
    cast(observed_at as date) as observed_date,
    origin,
    temp as temperature_f,
    wind_speed as wind_mph,
    wind_gust as gust_mph,
    precip as precipitation_in,
    visib as visibility_miles,
    _dlt_load_id as load_id
from {{ source('raw', 'weather') }}
