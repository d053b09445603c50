with ordered as (
    select
        order_date as day,
        count(*) filter (where status != 'cancelled') as paid_orders,
        sum(total_amount) filter (where status != 'cancelled') as order_amount
    from {{ ref('fct_orders') }}
    group by order_date
),

charged as (
    select
        cast(paid_at as date) as day,
        count(*) as payments,
        count(*) filter (where orders.order_id is null) as payments_without_order,
        sum(payments.amount) as captured_amount
    from {{ ref('stg_payments') }} as payments
    left join {{ ref('stg_orders') }} as orders using (order_id)
    where payments.status = 'captured'
    group by cast(paid_at as date)
)

select
    day,
    coalesce(ordered.paid_orders, 0) as paid_orders,
    coalesce(charged.payments, 0) as payments,
    coalesce(charged.payments_without_order, 0) as payments_without_order,
    coalesce(ordered.order_amount, 0) as order_amount,
    coalesce(charged.captured_amount, 0) as captured_amount,
    coalesce(charged.captured_amount, 0) - coalesce(ordered.order_amount, 0) as difference
from ordered
full join charged using (day)
