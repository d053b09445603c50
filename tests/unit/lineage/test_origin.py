"""Which source column a model's column is: followed through renames, casts and CTEs, and never guessed."""

from __future__ import annotations

import pytest

from tidegate import lineage
from tidegate.model import DatasetRef, Node

RAW = DatasetRef(namespace="raw", name="orders")
OTHER = DatasetRef(namespace="raw", name="customers")
STAGED = DatasetRef(namespace="analytics", name="stg_orders")
MART = DatasetRef(namespace="analytics", name="fct_orders")


def found(code: str, column: str = "order_id", mart: str | None = None) -> tuple[DatasetRef, str] | None:
    nodes = [
        Node(id="s", kind="source", name="orders", dataset=RAW),
        Node(id="c", kind="source", name="customers", dataset=OTHER),
        Node(id="m", kind="model", name="stg_orders", dataset=STAGED, code=code),
        Node(id="f", kind="model", name="fct_orders", dataset=MART, code=mart or "select 1 as x"),
    ]
    edges = [("s", "m"), ("m", "f")] + ([("c", "m")] if "customers" in code else [])
    graph = lineage.build(nodes, edges)
    return lineage.origin(graph, {RAW, OTHER}, (MART if mart else STAGED, column))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("select order_id from raw.orders", "order_id"),
        ("select id as order_id from raw.orders", "id"),
        ('select o."Id" as ORDER_ID from raw.orders o', "Id"),
        ("select cast(id as bigint) as order_id from raw.orders", "id"),
        ("select id::text as order_id from raw.orders", "id"),
        ("select * from raw.orders", "order_id"),
        ("with a as (select * from raw.orders), b as (select id as order_id from a) select order_id from b", "id"),
        ("with a as (select id as order_id from raw.orders) select a.* from a", "id"),
    ],
)
def test_a_column_that_is_passed_on(code: str, name: str) -> None:
    assert found(code) == (RAW, name)


@pytest.mark.parametrize(
    "code",
    [
        "select id + 1 as order_id from raw.orders",
        "select coalesce(id, 0) as order_id from raw.orders",
        "select o.id as order_id from raw.orders o join raw.customers c on c.id = o.id",
        "select {{ key() }} as order_id from raw.orders",
        "select from where",
    ],
)
def test_a_column_that_is_made_or_that_nobody_can_follow(code: str) -> None:
    assert found(code) is None


def test_through_several_models() -> None:
    assert found("select id as oid from raw.orders", mart="select oid as order_id from analytics.stg_orders") == (
        RAW,
        "id",
    )
    assert (
        found("select id + 1 as oid from raw.orders", mart="select oid as order_id from analytics.stg_orders") is None
    )


def test_what_is_a_source_itself_and_what_nobody_knows() -> None:
    graph = lineage.build((), ())
    assert lineage.origin(graph, {RAW}, (RAW, "x")) == (RAW, "x")
    assert lineage.origin(graph, {RAW}, (MART, "x")) is None
