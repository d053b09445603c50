select
    order_id,
    customer_id,
    country,
    channel,
    status,
    coupon_code,
    discount_amount,
    shipping_amount,
    total_amount,
    is_gift,
    customer_note,
    created_at at time zone 'UTC' as created_at,
    recorded_at at time zone 'UTC' as recorded_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'orders') }}
