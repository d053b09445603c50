select
    payment_id,
    order_id,
    method,
    status,
    amount,
    fee_amount,
    currency,
    paid_at at time zone 'UTC' as paid_at,
    source_file
from {{ source('raw', 'payments') }}
