select
    customers.customer_id,
    customers.country,
    customers.tier,
    count(orders.order_id) as orders,
    coalesce(sum(orders.paid_amount), 0) as revenue,
    min(orders.order_date) as first_order_date,
    max(orders.order_date) as last_order_date
from {{ ref('stg_customers') }} as customers
left join {{ ref('fct_orders') }} as orders using (customer_id)
group by customers.customer_id, customers.country, customers.tier
