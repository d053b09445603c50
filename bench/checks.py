"""What 60 checks of one table cost (the workload W): our plan against one touch of every value, and the queries one by one.

CPU seconds of the process, medians of interleaved runs; only ratios within one run count.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from bench.data import write_orders
from bench.scan import CACHES, cpu_s, touch
from tidegate.checks import CHECKS, needs
from tidegate.model import Check, CheckResult, Dataset, DatasetRef, Outcome, Settings, TableSettings, WarehouseSettings
from tidegate.services.measure import Measured, measure
from tidegate.warehouses.duckdb import DuckDBReader

NOW = datetime(2026, 4, 11, tzinfo=UTC)
REF = DatasetRef(namespace="main", name="orders")
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


def workload() -> list[Check]:
    """The 60 checks."""
    made: list[tuple[str, str | None, dict[str, object]]] = [("not_null", c, {}) for c in NOT_NULL]
    made += [("unique", "order_id", {}), ("unique", "external_ref", {})]
    made += [("dbt_utils.unique_combination_of_columns", None, {"combination_of_columns": ["customer_id", "order_id"]})]
    made += [("accepted_values", c, {"values": v}) for c, v in ACCEPTED.items()]
    made += [("rule", None, {"expression": f"{c} between {low} and {high}"}) for c, (low, high) in BETWEEN.items()]
    made += [("rule", None, {"expression": f"regexp_matches({c}, '{p}')"}) for c, p in REGEX.items()]
    made += [("relationships", "product_id", {"to": "main.products", "field": "product_id"})]
    made += [("rule", None, {"expression": f"length({c}) between {a} and {b}"}) for c, (a, b) in LENGTHS.items()]
    made += [("metric", None, {"sql": sql, "min": 0}) for sql in METRICS]
    made += [
        ("freshness", "ordered_at", {"max_age_s": 90 * 86400.0}),
        ("freshness", "updated_at", {"max_age_s": 90 * 86400.0}),
    ]
    made += [("row_count", None, {"min": 1})]
    made += [("rule", None, {"expression": r}) for r in RULES]
    return [
        Check(id=f"w{at}", name=f"w{at}", dataset=REF, kind=kind, column=column, arguments=arguments)
        for at, (kind, column, arguments) in enumerate(made)
    ]


class Silent:
    """Nobody watches."""

    def stage(self, name: str, detail: str = "") -> None: ...
    def advance(self, done: int, total: int, detail: str = "") -> None: ...
    def say(self, line: str) -> None: ...


def planned(connection: duckdb.DuckDBPyConnection, catalog: str, checks: list[Check]) -> Measured:
    """Our plan, from cold caches, without the profile."""
    for cached in CACHES:
        cached.cache_clear()
    settings = Settings(
        root=Path(),
        warehouse=WarehouseSettings(type="duckdb", path=Path(), database="orders.duckdb"),
        steps=(),
        tables={REF: TableSettings(ref=REF, ignore=True)},
    )
    reader = DuckDBReader(connection, catalog)
    return measure(reader, checks, version=1, settings=settings, now=NOW, progress=Silent())


def one_by_one(connection: duckdb.DuckDBPyConnection, checks: list[Check], catalog: dict[DatasetRef, Dataset]) -> None:
    """A bare query for each check, as `dbt test` sends them, without the tool around."""
    for check in checks:
        failing, asked = CHECKS[check.kind].failing, needs(check, catalog)
        if failing is not None:
            connection.execute(f"select count(*) from ({failing(check)})").fetchall()
        for spec in [] if failing is not None or isinstance(asked, CheckResult) else asked:
            item = f'max("{spec.column}")' if spec.metric == "newest" else "count(*)"
            sql = spec.argument if spec.metric == "query" else f"select {item} from orders"
            connection.execute(sql or "").fetchall()


def prepare(path: Path, rows: int) -> None:
    write_orders(path, rows)
    with duckdb.connect(path) as connection:
        connection.execute("create or replace table products as select range::integer as product_id from range(2000)")


def main(argv: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench checks")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder in which the data stays for the next time")
    parser.add_argument("--by-statement", action="store_true", help="say what each statement costs")
    said = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        path = (said.keep or Path(scratch)) / f"orders_{said.rows}.duckdb"
        prepare(path, said.rows)
        _compare(path, said.runs, by_statement=said.by_statement)
    return 0


def _compare(path: Path, runs: int, *, by_statement: bool) -> None:
    checks = workload()
    plain = [c for c in checks if "regexp" not in str(c.arguments)]
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("set threads = 2")
        catalog = {d.ref: d for d in DuckDBReader(connection, path.stem).catalog()}
        found = planned(connection, path.stem, checks)
        wrong = [r for r in found.results if r.outcome is not Outcome.PASS]
        print(
            f"{len(checks)} checks in {len(found.costs)} statements; not passed: {[r.reason for r in wrong] or 'none'}\n"
        )
        if by_statement:
            for cost in sorted(found.costs, key=lambda c: -c.cpu_s):
                print(f"{cost.cpu_s:7.3f} s  {cost.purpose}: {cost.sql[:110]}")
        works: dict[str, Callable[[], object]] = {
            "touch (floor)": lambda: touch(connection, catalog[REF]),
            "60 checks, our plan": lambda: planned(connection, path.stem, checks),
            "… without the 3 regexes": lambda: planned(connection, path.stem, plain),
            "60 bare queries": lambda: one_by_one(connection, checks, catalog),
        }
        taken: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(runs):
            for name, work in works.items():
                taken[name].append(cpu_s(work))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    floor = medians["touch (floor)"]
    print("| | CPU s | ÷ touch |\n|---|--:|--:|")
    for name, value in medians.items():
        print(f"| {name} | {value:.2f} | {value / floor:.1f} |")
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
