"""A sample of large tables: CPU seconds and peak memory of choosing, masking, writing and searching it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb

from bench import process
from tidegate.model import Check, DatasetRef, PipelineFacts, Settings, WarehouseSettings
from tidegate.services import sample_set
from tidegate.services.sample_set import Origin, Wanted
from tidegate.warehouses.duckdb_workshop import open_workshop

CUSTOMERS, ORDERS = (DatasetRef(namespace="raw", name=name) for name in ("customers", "orders"))
MADE = (
    "create schema raw",
    (
        "create table raw.customers as select i as customer_id, 'Person ' || i as full_name, 'p' || i || '@mail' || (i % 100) || '.example' as"
        " email, '+49 ' || (10000000 + i) as phone, i % 7 as tier from range({rows}) t(i)"
    ),
    (
        "create table raw.orders as select i as order_id, (i * 7919) % {rows} as customer_id, (i % 1000) / 10 as amount, i % 11 as status,"
        " 'x' || (i % 100000) as sku from range(5 * {rows}) t(i)"
    ),
)


class _Silent:
    def stage(self, name: str, detail: str = "") -> None: ...

    def advance(self, done: int, total: int, what: str = "") -> None: ...

    def say(self, line: str) -> None: ...


def main(argv: list[str]) -> int:
    """Print a table; each line is a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench sample")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="customers; five orders each")
    parser.add_argument("--alone", metavar="FILE", help="only sample this database, and print nothing")
    said = parser.parse_args(argv)
    if said.alone:
        _sample(Path(said.alone))
        return 0
    print("| rows | rows of the sample | CPU s | peak MB |\n|--:|--:|--:|--:|")
    for rows in said.rows:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "shop.duckdb"
            with duckdb.connect(str(file)) as database:
                for statement in MADE:
                    database.execute(statement.format(rows=rows))
            spent = process.run(
                process.Command(arguments=[sys.executable, "-m", "bench", "sample", "--alone", str(file)])
            )
            kept = sum(
                duckdb.read_parquet(str(p)).count("*").fetchall()[0][0] for p in Path(folder).glob("s/*.parquet")
            )
        print(f"| {6 * rows:,} | {kept:,} | {spent.cpu_s:.1f} | {1000 * spent.rss_gb:.0f} |", flush=True)
    return 0


def _sample(file: Path) -> None:
    refers = Check(
        id="r", name="r", dataset=ORDERS, kind="relationships", column="customer_id",
        arguments={"to": ["raw", "customers"], "field": "customer_id"},
    )  # fmt: skip
    keys = {CUSTOMERS: ("customer_id",), ORDERS: ("order_id",)}
    place = WarehouseSettings(type="duckdb", path=file.parent, database=file.name)
    settings = Settings(root=file.parent, warehouse=place, steps=())
    with open_workshop(file) as workshop:
        sample_set.make(
            workshop,
            Origin(version=1, facts=PipelineFacts(), checks=(refers,), keys=keys),
            settings,
            Wanted(),
            folder=file.parent / "s",
            secret="a secret of the benchmark",
            progress=_Silent(),
        )
