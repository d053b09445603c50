select
    product_id,
    sku,
    name as product_name,
    category,
    price,
    is_active,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'products') }}
