select tailnum as tail_number, manufacturer, model, year as built_in, seats
from {{ source('raw', 'planes') }}
