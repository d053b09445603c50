{{ config(materialized='incremental', unique_key='order_id', incremental_strategy='delete+insert') }}

select
    orders.order_id,
    orders.customer_id,
    cast(orders.created_at as date) as order_date,
    orders.country,
    orders.channel,
    orders.status,
    orders.coupon_code,
    orders.discount_amount,
    orders.shipping_amount,
    orders.total_amount,
    coalesce(payments.captured_amount, 0) + coalesce(payments.refunded_amount, 0) as paid_amount,
    coalesce(payments.fee_amount, 0) as fee_amount,
    orders.created_at,
    orders.recorded_at,
    orders.updated_at
from {{ ref('stg_orders') }} as orders
left join {{ ref('int_order_payments') }} as payments using (order_id)
{% if is_incremental() %}
where orders.updated_at >= (select coalesce(max(updated_at), timestamp '1970-01-01') from {{ this }})
{% endif %}
