"""The demo's source system: a shop's database and a payment provider's daily files, put in the state of any day.

`write_project` writes the team's project into a folder; `deliver` plays the source beside it. What the source holds is
a function of the day, the fault and the seed alone, so delivering a day again without its fault repairs it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from tidegate.kit.shop import world
from tidegate.kit.shop.world import DAYS, FIRST_DAY, Customer, Order, OrderItem, Payment, Product, Purchase, day
from tidegate.kit.source import Delivery, Fault, copy_project

__all__ = ["DAYS", "FAULTS", "FIRST_DAY", "Delivery", "Fault", "day", "deliver", "write_project"]

DATABASE: Final = "shop.db"
LOST_COUNTRY: Final = "DE"
CENTS_CHANNEL: Final = "app"
CENTS: Final = 100

SCHEMA: Final = """
create table customers (
    customer_id integer primary key, email text not null, full_name text not null, phone text, country text not null,
    city text not null, postal_code text not null, tier text not null, newsletter boolean not null,
    created_at timestamp not null, updated_at timestamp not null
);
create table products (
    product_id integer primary key, sku text not null, name text not null, category text not null,
    price decimal not null, is_active boolean not null, created_at timestamp not null, updated_at timestamp not null
);
create table orders (
    order_id integer primary key, customer_id integer not null, country text not null, channel text not null,
    status text not null, coupon_code text, discount_amount decimal not null, shipping_amount decimal not null,
    total_amount decimal not null, is_gift boolean not null, customer_note text, created_at timestamp not null,
    recorded_at timestamp not null, updated_at timestamp not null
);
create table order_items (
    order_item_id integer primary key, order_id integer not null, product_id integer not null,
    quantity integer not null, unit_price decimal not null, line_amount decimal not null, updated_at timestamp not null
);
create table delivered (seed integer not null, sound_through integer not null, through integer not null);
"""
"""The shop's database. `delivered` is the demo's note to itself: what was delivered, and how far it is sound."""

COUNTS: Final = """
select 'customers', count(*) from customers union all select 'products', count(*) from products
union all select 'orders', count(*) from orders union all select 'order_items', count(*) from order_items
"""

ROWS: Final[Mapping[str, type[Customer | Product | Order | OrderItem]]] = MappingProxyType(
    {"customers": Customer, "products": Product, "orders": Order, "order_items": OrderItem}
)
MONEY: Final = frozenset(
    {"price", "discount_amount", "shipping_amount", "total_amount", "unit_price", "line_amount", "amount", "fee_amount"}
)
NEVER: Final = 10 * DAYS

Row = TypeVar("Row")
Amounts = TypeVar("Amounts", Order, OrderItem, Payment)


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            Fault(
                name="missing_country",
                day=82,
                title="Germany moved to a new checkout, and its orders of the day never reached the shop's database.",
            ),
            Fault(
                name="cents",
                day=84,
                title="A release of the app sent its amounts in cents where the shop expects euros.",
            ),
            Fault(
                name="delivered_twice",
                day=86,
                title="The payment provider delivered the file of the day a second time, under another name.",
            ),
        )
    }
)


def write_project(folder: Path) -> None:
    """Write the team's project into `folder`, over files of the same names."""
    copy_project(__package__, folder)


def deliver(folder: Path, *, through: int, fault: str | None = None, seed: int = 7) -> Delivery:
    """Put the source in `folder`/source in the state at the end of day `through`.

    Goes on from the state that it finds, so one more day costs little; it starts afresh for an earlier day, another
    seed, or a fault on a day already delivered. Killed at any point, it is put right by the next call.

    Args:
        folder: the project's folder.
        through: the last day that the source knows of, 1 to `DAYS`.
        fault: a name in `FAULTS`, played on day `through`; None for a sound source.
        seed: of everything random.

    Raises:
        ValueError: for a day or a fault that there is not.
    """
    if not 1 <= through <= DAYS:
        raise ValueError(f"no day `{through}` in this shop\nhint: choose a day from 1 to {DAYS}")
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"no fault `{fault}` in this shop\nhint: choose one of {', '.join(FAULTS)}")
    payments = folder / "source" / "payments"
    payments.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "source" / DATABASE, isolation_level=None)) as database:
        database.execute("begin immediate")
        after = _sound_through(database, payments, through=through, fault=fault, seed=seed)
        payments_by_day = _deliver_days(database, _Span(seed=seed, after=after, through=through), fault)
        _deliver_files(payments, payments_by_day, through, fault)
        database.execute("delete from delivered")
        database.execute("insert into delivered values (?, ?, ?)", [seed, through - (fault is not None), through])
        database.execute("commit")
        rows: dict[str, int] = dict(database.execute(COUNTS))
    rows["payments"] = sum(path.read_bytes().count(b"\n") for path in payments.glob("*.jsonl"))
    return Delivery(through=through, date=day(through), fault=fault, rows=MappingProxyType(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The days of a seed that are to be delivered: those after `after`, up to and with `through`.

    Day 0 is all that was before day 1, so a fresh source is delivered after day -1.
    """

    seed: int
    after: int
    through: int


def _sound_through(database: sqlite3.Connection, payments: Path, *, through: int, fault: str | None, seed: int) -> int:
    """The last day that need not be delivered again; -1 after starting the database afresh."""
    known: tuple[int, int, int] | None = None
    if database.execute("select 1 from sqlite_master where name = 'delivered'").fetchone():
        known = database.execute("select seed, sound_through, through from delivered").fetchone()
    if known is None or known[0] != seed or known[2] > through - (fault is not None):
        for table in (*ROWS, "delivered"):
            database.execute(f"drop table if exists {table}")
        for statement in SCHEMA.split(";"):
            database.execute(statement)
        return -1
    missing = (n for n in range(1, known[1] + 1) if not (payments / _file_name(n)).exists())
    return next(missing, known[1] + 1) - 1


def _deliver_days(database: sqlite3.Connection, span: _Span, fault: str | None) -> Mapping[int, list[Payment]]:
    """Write what changed in the database in these days; return the payments of each of them."""
    _upsert(database, "customers", _changed(world.customers_at(span.seed, span.through), span))
    _upsert(database, "products", _changed(world.products_at(span.seed, span.through), span))
    payments: dict[int, list[Payment]] = {n: [] for n in range(max(1, span.after + 1), span.through + 1)}
    for n in range(max(1, span.after + 1 - max(world.RETURN_DAYS)), span.through + 1):
        struck = fault if n == span.through else None
        made = [_strike(purchase, struck, n) for purchase in world.purchases(span.seed, n)]
        _upsert(database, "orders", _changed((_order_at(p, span.through) for p in made), span))
        _upsert(database, "order_items", _changed(((p.record_day, item) for p in made for item in p.items), span))
        for purchase in made:
            if n in payments:
                payments[n].extend(purchase.payments)
            if purchase.refund and purchase.return_day in payments:
                payments[purchase.return_day].append(purchase.refund)
    return payments


def _order_at(purchase: Purchase, n: int) -> tuple[int, Order]:
    """The order at the end of day `n`, with the day of its last change."""
    if purchase.returned and purchase.return_day is not None and purchase.return_day <= n:
        return purchase.return_day, purchase.returned
    return purchase.record_day, purchase.order


def _changed(rows: Iterable[tuple[int, Row]], span: _Span) -> Iterator[Row]:
    return (row for changed, row in rows if span.after < changed <= span.through)


def _upsert(database: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    values = ", ".join("? / 100.0" if column in MONEY else "?" for column in ROWS[table]._fields)
    statement = f"insert or replace into {table} values ({values})"
    database.executemany(statement, rows)


def _strike(purchase: Purchase, fault: str | None, n: int) -> Purchase:
    """What a fault makes of an order made on day `n`. An order that is recorded late is not touched."""
    order = purchase.order
    if purchase.record_day != n:
        return purchase
    if fault == "missing_country" and order.country == LOST_COUNTRY:
        return purchase._replace(record_day=NEVER)
    if fault == "cents" and order.channel == CENTS_CHANNEL:
        return purchase._replace(
            order=_in_cents(order),
            items=tuple(_in_cents(item) for item in purchase.items),
            payments=tuple(_in_cents(payment) for payment in purchase.payments),
        )
    return purchase


def _in_cents(row: Amounts) -> Amounts:
    return row._replace(**{column: getattr(row, column) * CENTS for column in row._fields if column in MONEY})


def _deliver_files(folder: Path, payments: Mapping[int, list[Payment]], through: int, fault: str | None) -> None:
    """Write the files of these days, and take away all that the provider has not delivered by day `through`."""
    for n, made in payments.items():
        lines = map(_line, sorted(made, key=lambda payment: (payment.paid_at, payment.payment_id)))
        _write(folder / _file_name(n), "".join(lines).encode())
    expected = {_file_name(n) for n in range(1, through + 1)}
    if fault == "delivered_twice":
        again = _file_name(through).replace(".jsonl", "_redelivery.jsonl")
        expected.add(again)
        _write(folder / again, (folder / _file_name(through)).read_bytes())
    for path in list(folder.iterdir()):
        if path.name not in expected:
            path.unlink()


def _file_name(n: int) -> str:
    return f"{day(n)}.jsonl"


def _line(payment: Payment) -> str:
    fields: dict[str, object] = {
        **payment._asdict(),
        "currency": "EUR",
        "paid_at": f"{payment.paid_at.replace(' ', 'T')}Z",
    }
    return json.dumps({**fields, "amount": _euros(payment.amount), "fee_amount": _euros(payment.fee_amount)}) + "\n"


def _euros(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _write(path: Path, content: bytes) -> None:
    """Write the whole file or nothing; leave a file that has this content already as it is."""
    if path.exists() and path.read_bytes() == content:
        return
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)
