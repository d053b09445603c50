select
    customer_id,
    email,
    full_name,
    phone,
    country,
    city,
    postal_code,
    tier,
    newsletter as wants_newsletter,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'customers') }}
