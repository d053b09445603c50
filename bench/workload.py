"""The 60 checks W as plain data: what Tidegate and its peers are all asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

NOT_NULL = "order_id customer_id product_id store_id ordered_at status channel country quantity total_amount".split()
BETWEEN = {
    "quantity": (1, 5), "unit_price": (5, 205), "discount_amount": (0, 5), "shipping_amount": (0, 10),
    "total_amount": (5, 1005), "store_id": (0, 49), "product_id": (0, 1999), "customer_id": (0, 10**9),
}  # fmt: skip
REGEX = {
    "email": "^[a-z0-9.]+@[a-z]+[.]com$", "phone": "^[+][0-9]{2} [0-9]{3} [0-9]{7}$", "external_ref": "^R-[0-9a-f]{10}-[0-9]+$",
}  # fmt: skip
ACCEPTED = {
    "status": ["new", "paid", "shipped", "delivered", "returned", "cancelled"],
    "channel": ["web", "app", "store", "partner"],
    "currency": ["EUR", "CHF", "PLN"],
}
LENGTHS = {"external_ref": (10, 40), "email": (10, 60), "country": (2, 2)}
METRICS = [
    "avg(case when discount_amount is null then 1.0 else 0.0 end)", "avg(case when phone is null then 1.0 else 0.0 end)",
    "avg(case when note is null then 1.0 else 0.0 end)", "avg(case when payment_method is null then 1.0 else 0.0 end)",
    "avg(total_amount)", "avg(quantity)", "avg(unit_price)", "avg(shipping_amount)",
    "stddev_samp(total_amount)", "stddev_samp(quantity)", "stddev_samp(unit_price)",
    "sum(total_amount)", "sum(quantity)", "sum(shipping_amount)",
    "approx_count_distinct(customer_id)", "approx_count_distinct(product_id)", "approx_count_distinct(store_id)",
    "approx_count_distinct(country)",
]  # fmt: skip
RULES = [
    "total_amount >= unit_price", "shipped_at >= ordered_at", "updated_at >= ordered_at", "discount_amount <= total_amount + 5",
    "order_date = cast(ordered_at as date)", "quantity * unit_price >= total_amount - 1", "currency <> country",
    "status <> 'returned' or total_amount > 0",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One check: what it is about (the group), on which column or expression, and its bounds or list."""

    group: str
    column: str = ""
    sql: str = ""
    values: tuple[str, ...] = ()
    bounds: tuple[int, int] = (0, 0)
    columns: tuple[str, ...] = field(default=())


def entries() -> list[Entry]:
    """The 60 checks."""
    return [
        *(Entry(group="not_null", column=c) for c in NOT_NULL),
        *(Entry(group="unique", column=c) for c in ("order_id", "external_ref")),
        Entry(group="unique_together", columns=("customer_id", "order_id")),
        *(Entry(group="accepted", column=c, values=tuple(v)) for c, v in ACCEPTED.items()),
        *(Entry(group="between", column=c, bounds=b) for c, b in BETWEEN.items()),
        *(Entry(group="regex", column=c, sql=p) for c, p in REGEX.items()),
        Entry(group="relationships", column="product_id", values=("products", "product_id")),
        *(Entry(group="length", column=c, bounds=b) for c, b in LENGTHS.items()),
        *(Entry(group="metric", sql=sql) for sql in METRICS),
        *(Entry(group="freshness", column=c) for c in ("ordered_at", "updated_at")),
        Entry(group="row_count"),
        *(Entry(group="rule", sql=r) for r in RULES),
    ]


def as_data() -> list[dict[str, object]]:
    """The checks as JSON holds them, for a peer in an environment of its own."""
    return [asdict(e) for e in entries()]
