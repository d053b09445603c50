select
    order_item_id,
    order_id,
    product_id,
    quantity,
    unit_price,
    line_amount,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'order_items') }}
