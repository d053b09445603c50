"""Load the shop's database and the payment provider's daily files into the warehouse's `raw` schema."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt

SOURCE = Path(__file__).resolve().parent.parent / "source"
ROWS_AT_ONCE = 5_000

Rows = Iterator[list[dict[str, Any]]]


def utc(value: bytes) -> datetime:
    return datetime.fromisoformat(value.decode()).replace(tzinfo=timezone.utc)


sqlite3.register_converter("boolean", lambda value: value == b"1")
sqlite3.register_converter("decimal", lambda value: Decimal(value.decode()))
sqlite3.register_converter("timestamp", utc)


def money(*columns: str) -> Any:
    return {column: {"data_type": "decimal", "precision": 12, "scale": 2} for column in columns}


def read(table: str, changed: dlt.sources.incremental[datetime]) -> Rows:
    """The rows of a table of the shop's database that changed since the last load."""
    since = f"{changed.last_value:%Y-%m-%d %H:%M:%S}" if changed.last_value else ""
    uri = f"{(SOURCE / 'shop.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, detect_types=sqlite3.PARSE_DECLTYPES)) as database:
        cursor = database.execute(f"select * from {table} where updated_at >= ? order by updated_at", [since])
        columns = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield [dict(zip(columns, row)) for row in rows]


@dlt.resource(primary_key="customer_id", write_disposition="merge")
def customers(changed: dlt.sources.incremental[datetime] = dlt.sources.incremental("updated_at")) -> Rows:
    yield from read("customers", changed)


@dlt.resource(primary_key="product_id", write_disposition="merge", columns=money("price"))
def products(changed: dlt.sources.incremental[datetime] = dlt.sources.incremental("updated_at")) -> Rows:
    yield from read("products", changed)


@dlt.resource(
    primary_key="order_id",
    write_disposition="merge",
    columns=money("discount_amount", "shipping_amount", "total_amount"),
)
def orders(changed: dlt.sources.incremental[datetime] = dlt.sources.incremental("updated_at")) -> Rows:
    yield from read("orders", changed)


@dlt.resource(primary_key="order_item_id", write_disposition="merge", columns=money("unit_price", "line_amount"))
def order_items(changed: dlt.sources.incremental[datetime] = dlt.sources.incremental("updated_at")) -> Rows:
    yield from read("order_items", changed)


@dlt.resource(write_disposition="append", columns=money("amount", "fee_amount"))
def payments() -> Rows:
    """The provider drops a file a day. A file that has been loaded is known by its name and not loaded again."""
    loaded = dlt.current.resource_state().setdefault("files", [])
    for path in sorted((SOURCE / "payments").glob("*.jsonl")):
        if path.name not in loaded:
            with path.open(encoding="utf-8") as lines:
                yield [{**json.loads(line), "source_file": path.name} for line in lines]
            loaded.append(path.name)


# New columns come through, for Tidegate's gate to judge; a column never silently splits in two because its type changed.
@dlt.source(schema_contract={"columns": "evolve", "data_type": "freeze"})
def shop() -> Any:
    return customers, products, orders, order_items, payments


if __name__ == "__main__":
    pipeline = dlt.pipeline(pipeline_name="shop", destination="duckdb", dataset_name="raw")
    # DuckDB reads JSON lines many times faster than the INSERT statements that are dlt's default for it.
    print(pipeline.run(shop(), loader_file_format="jsonl"))
