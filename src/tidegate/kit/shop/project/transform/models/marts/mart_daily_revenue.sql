select
    order_date,
    country,
    count(*) as orders,
    count(distinct customer_id) as customers,
    count(*) filter (where status = 'cancelled') as cancelled_orders,
    sum(total_amount) filter (where status != 'cancelled') as order_amount,
    sum(paid_amount) as revenue,
    sum(fee_amount) as payment_fees
from {{ ref('fct_orders') }}
group by order_date, country
