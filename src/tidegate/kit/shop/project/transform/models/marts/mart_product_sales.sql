select
    order_date,
    product_id,
    category,
    sum(quantity) as units,
    sum(line_amount) as sales_amount
from {{ ref('int_order_lines') }}
where status = 'paid'
group by order_date, product_id, category
