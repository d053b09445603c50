select
    orders.order_id,
    orders.total_amount,
    sum(items.line_amount) as lines_amount
from {{ ref('stg_orders') }} as orders
join {{ ref('stg_order_items') }} as items using (order_id)
group by orders.order_id, orders.total_amount, orders.discount_amount, orders.shipping_amount
having orders.total_amount != sum(items.line_amount) - orders.discount_amount + orders.shipping_amount
