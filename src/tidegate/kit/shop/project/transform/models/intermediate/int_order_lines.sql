select
    items.order_item_id,
    items.order_id,
    items.product_id,
    products.category,
    orders.country,
    orders.status,
    cast(orders.created_at as date) as order_date,
    items.quantity,
    items.line_amount
from {{ ref('stg_order_items') }} as items
join {{ ref('stg_orders') }} as orders using (order_id)
join {{ ref('stg_products') }} as products using (product_id)
