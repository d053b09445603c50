"""Which columns refer to which: by tests, contracts, dlt's nested tables and names, each once, followed to what is sampled."""

from __future__ import annotations

import dataclasses

from tests.sampled import ref, refers, unique
from tidegate import lineage
from tidegate.model import Check, Column, Dataset, DatasetRef, Family, Node
from tidegate.services.references import references, unique_columns

EMPTY = lineage.build((), ())


def table(name: str, *columns: str) -> Dataset:
    """Columns as `name` or `name:type`."""
    made = [column.partition(":") for column in columns]
    return Dataset(
        ref=ref(name), columns=tuple(Column(name=n, type=t or "BIGINT", family=Family.NUMBER) for n, _, t in made)
    )


def told(checks: list[Check], *tables: Dataset, graph: lineage.Graph = EMPTY) -> list[tuple[str, bool]]:
    found = references(checks, {t.ref: t for t in tables}, graph)
    return [(str(r), r.strict) for r in found]


CUSTOMERS = table("customers", "customer_id", "Region", "No")
ORDERS = table("orders", "order_id", "customer_id", "region", "no")


def test_a_test_and_a_contract() -> None:
    checks = [
        refers("orders", "customer_id", "customers", "CUSTOMER_ID"),
        refers("orders", "region,no", "customers", "region,no"),
    ]
    assert told(checks, CUSTOMERS, ORDERS) == [
        ("raw.orders (customer_id) → raw.customers (customer_id)", True),
        ("raw.orders (region, no) → raw.customers (Region, No)", True),
    ]


def test_what_holds_for_some_rows_or_another_place_is_none() -> None:
    narrowed = dataclasses.replace(refers("orders", "customer_id", "customers", "customer_id"), where="region = 1")
    elsewhere = refers("orders", "customer_id", "people", "id")
    unknown = refers("orders", "customer_id", "customers", "nothing")
    itself = refers("orders", "order_id", "orders", "order_id")
    assert told([narrowed, elsewhere, unknown, itself], CUSTOMERS, ORDERS) == []


def test_a_test_of_models_holds_for_what_they_are_made_from() -> None:
    staged = {name: DatasetRef(namespace="analytics", name=f"stg_{name}") for name in ("orders", "customers")}
    nodes = [Node(id=f"s.{n}", kind="source", name=n, dataset=ref(n)) for n in staged]
    nodes += [
        Node(
            id="m.orders",
            kind="model",
            name="o",
            dataset=staged["orders"],
            code="select customer_id as buyer from raw.orders",
        ),
        Node(id="m.customers", kind="model", name="c", dataset=staged["customers"], code="select * from raw.customers"),
    ]
    graph = lineage.build(nodes, [("s.orders", "m.orders"), ("s.customers", "m.customers")])
    check = refers("analytics.stg_orders", "buyer", "analytics.stg_customers", "customer_id")
    assert told([check], CUSTOMERS, ORDERS, graph=graph) == [
        ("raw.orders (customer_id) → raw.customers (customer_id)", True)
    ]


def test_nested_tables_of_dlt() -> None:
    tables = [
        table("orders", "_dlt_id"),
        table("orders__items", "_dlt_id", "_dlt_parent_id", "_dlt_root_id"),
        table("orders__items__taxes", "_dlt_id", "_dlt_parent_id", "_dlt_root_id"),
        table("lonely__part", "_dlt_parent_id"),
    ]
    assert told([], *tables) == [
        ("raw.orders__items (_dlt_parent_id) → raw.orders (_dlt_id)", True),
        ("raw.orders__items (_dlt_root_id) → raw.orders (_dlt_id)", True),
        ("raw.orders__items__taxes (_dlt_parent_id) → raw.orders__items (_dlt_id)", True),
        ("raw.orders__items__taxes (_dlt_root_id) → raw.orders (_dlt_id)", True),
    ]


def test_names_tell_where_nobody_else_does() -> None:
    payments = table("payments", "payment_id", "order_id")
    checks = [unique("orders", "order_id"), unique("customers", "customer_id")]
    assert told(checks, CUSTOMERS, ORDERS, payments) == [
        ("raw.orders (customer_id) → raw.customers (customer_id)", False),
        ("raw.payments (order_id) → raw.orders (order_id)", False),
    ]
    said = [*checks, refers("orders", "customer_id", "customers", "customer_id")]
    assert told(said, CUSTOMERS, ORDERS, payments)[0][1], "a test says more than a name"


def test_names_that_could_mean_several_or_another_type_tell_nothing() -> None:
    checks = [unique("orders", "order_id"), unique("archive", "order_id")]
    archive = table("archive", "order_id")
    assert told(checks, ORDERS, archive, table("payments", "order_id")) == [
        ("raw.payments (order_id) → raw.orders (order_id)", False)
    ], "the table that is called like the key"
    both = [unique("a", "order_id"), unique("b", "order_id")]
    assert told(both, table("a", "order_id"), table("b", "order_id"), table("payments", "order_id")) == []
    assert told(checks, ORDERS, table("payments", "order_id:VARCHAR")) == []
    assert told([unique("a", "id")], table("a", "id"), table("b", "id")) == []


def test_columns_that_are_unique() -> None:
    narrowed = dataclasses.replace(unique("orders", "no"), where="region = 1")
    checks = [unique("orders", "ORDER_ID"), unique("orders", "order_id"), narrowed, unique("nowhere", "x")]
    assert unique_columns(checks, {ORDERS.ref: ORDERS}) == {ORDERS.ref: ("order_id",)}
