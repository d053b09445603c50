"""The orders table that the measurements run on: 23 columns, 100 days, as many rows as asked for."""

from __future__ import annotations

from pathlib import Path

import duckdb

DAYS = 100

ORDERS = """
create table orders as
with made as (
    select
        i,
        timestamp '2026-01-01' + to_microseconds((i * {days}.0 * 86400e6 / {rows})::bigint) as ordered_at,
        (hash(i, 1) >> 1)::bigint as h1, (hash(i, 2) >> 1)::bigint as h2,
        (hash(i, 3) >> 1)::bigint as h3, (hash(i, 4) >> 1)::bigint as h4
    from range({rows}) as t(i)
)
select
    i + 1 as order_id,
    printf('R-%010x', h1 % 1099511627776) || '-' || i as external_ref,
    (h1 % ({rows} // 20 + 1))::integer as customer_id,
    (h2 % 2000)::integer as product_id,
    (h3 % 50)::smallint as store_id,
    ordered_at,
    ordered_at + to_seconds((h4 % 864000)::bigint) as shipped_at,
    ordered_at + to_seconds((h2 % 1728000)::bigint) as updated_at,
    ordered_at::date as order_date,
    ['new', 'paid', 'shipped', 'delivered', 'returned', 'cancelled'][1 + h1 % 6] as status,
    ['web', 'app', 'store', 'partner'][1 + h2 % 4] as channel,
    ['DE', 'FR', 'NL', 'AT', 'CH', 'PL', 'ES', 'IT'][1 + h3 % 8] as country,
    ['EUR', 'CHF', 'PLN'][1 + h3 % 3] as currency,
    ['card', 'invoice', 'paypal', null][1 + h4 % 4] as payment_method,
    (1 + h1 % 5)::integer as quantity,
    (5 + (h2 % 20000) / 100.0)::decimal(12, 2) as unit_price,
    case when h3 % 10 < 3 then ((h4 % 500) / 100.0)::decimal(12, 2) end as discount_amount,
    ((h4 % 1000) / 100.0)::decimal(12, 2) as shipping_amount,
    (5 + (h2 % 20000) / 100.0 * (1 + h1 % 5))::decimal(12, 2) as total_amount,
    'customer' || (h1 % ({rows} // 20 + 1)) || '@example.com' as email,
    case when h3 % 5 > 0 then printf('+49 %03d %07d', (h3 % 1000)::integer, (h4 % 10000000)::integer) end as phone,
    case when h4 % 3 = 0 then 'please leave parcel ' || (h4 % 100000) || ' at the door, ring ' || (h1 % 7) end as note,
    h2 % 20 = 0 as is_gift
from made
"""


def write_orders(path: Path, rows: int) -> None:
    """Write the table into a DuckDB file, unless the file is there already."""
    if path.exists():
        return
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with duckdb.connect(partial) as connection:
        connection.execute("set threads = 2")
        connection.execute(ORDERS.format(rows=rows, days=DAYS))
        connection.execute("checkpoint")
    partial.replace(path)
