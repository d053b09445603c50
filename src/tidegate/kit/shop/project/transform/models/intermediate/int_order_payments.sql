select
    order_id,
    count(*) as payments,
    sum(amount) filter (where status = 'captured') as captured_amount,
    sum(amount) filter (where status = 'refunded') as refunded_amount,
    sum(fee_amount) as fee_amount,
    max(paid_at) as last_paid_at
from {{ ref('stg_payments') }}
group by order_id
