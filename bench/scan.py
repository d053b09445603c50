"""What a scan costs: our full profile against the same SQL by hand, `SUMMARIZE`, and one touch of every value.

CPU seconds of the process, medians of interleaved runs; the table is read from a DuckDB file, read-only. Only ratios
within one run count: a loaded machine inflates the seconds.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from bench.data import write_orders
from tidegate.checks import threshold
from tidegate.metrics import atoms, fragments, predicate
from tidegate.model import Column, Dataset, DatasetRef, Family
from tidegate.scan import ScanOptions, TableScan, scan_table
from tidegate.warehouses.duckdb import DuckDBReader

FAMILIES = {"VARCHAR": Family.TEXT, "BOOLEAN": Family.BOOLEAN, "DATE": Family.TIME, "TIMESTAMP": Family.TIME}
CACHED_IN = (fragments, atoms, predicate, threshold)
GOALS = {"by hand": 1.15, "SUMMARIZE": 0.5}


def orders(connection: duckdb.DuckDBPyConnection) -> Dataset:
    described = connection.execute("describe orders").fetchall()
    columns = tuple(Column(name=r[0], type=r[1], family=FAMILIES.get(r[1], Family.NUMBER)) for r in described)
    return Dataset(ref=DatasetRef(namespace="main", name="orders"), columns=columns)


def touch(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Decode every value once: the floor of any scan."""
    read = {Family.TEXT: "sum(strlen({}))", Family.BOOLEAN: "count_if({})", Family.TIME: "sum(epoch_us({}))"}
    parts = [read.get(c.family, "sum({})").replace("{}", f'"{c.name}"') for c in dataset.columns]
    connection.execute(f"select {', '.join(parts)} from orders").fetchall()


def profile(reader: DuckDBReader, dataset: Dataset, statements: list[str], *, history: bool = True) -> TableScan:
    """Our scan, planner and reading of the answers included, from cold caches."""
    clear_caches()
    options = ScanOptions(version=1, taken_at=datetime(2026, 4, 11, tzinfo=UTC), history=history)
    plan = scan_table(dataset, (), options)
    try:
        statement = next(plan)
        while True:
            statements.append(statement.sql)
            statement = plan.send(reader.query(statement.sql).rows)
    except StopIteration as stop:
        result: TableScan = stop.value
        return result


def clear_caches() -> None:
    """Forget what planning remembers, as a new process would."""
    for value in (value for module in CACHED_IN for value in vars(module).values()):
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def by_hand(connection: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    for sql in statements:
        connection.execute(sql).fetchall()


def cpu_s(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(path: Path, runs: int) -> dict[str, list[float]]:
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("set threads = 2")
        dataset, reader = orders(connection), DuckDBReader(connection, path.stem)
        statements: list[str] = []
        scan = profile(reader, dataset, statements)
        print(f"{len(statements)} statements, {len(scan.measurements):,} numbers, history by `{scan.time_column}`\n")
        works: dict[str, Callable[[], object]] = {
            "touch (floor)": lambda: touch(connection, dataset),
            "full profile through the planner": lambda: profile(reader, dataset, []),
            "… of it without the history": lambda: profile(reader, dataset, [], history=False),
            "by hand": lambda: by_hand(connection, statements),
            "SUMMARIZE": lambda: connection.execute("summarize orders").fetchall(),
        }
        spent: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(runs):
            for name, work in works.items():
                spent[name].append(cpu_s(work))
        return spent


def report(spent: dict[str, list[float]]) -> str:
    ours = statistics.median(spent["full profile through the planner"])
    lines = ["| | CPU s, median | spread | ours ÷ it | goal |", "|---|--:|--:|--:|--:|"]
    for name, seconds in spent.items():
        median = statistics.median(seconds)
        spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
        goal = f"≤ {GOALS[name]}" if name in GOALS else ""
        lines.append(f"| {name} | {median:.2f} | {spread} | {ours / median:.2f} | {goal} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench scan", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where the table's file is kept; default: the system's temporary folder"
    )
    said = parser.parse_args(arguments)
    folder = said.folder or Path(tempfile.gettempdir()) / "tidegate-bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"orders_{said.rows}.duckdb"
    write_orders(path, said.rows)
    print(f"{said.rows:,} rows, 23 columns, {said.runs} interleaved runs, DuckDB {duckdb.__version__}, 2 threads")
    print(report(measure(path, said.runs)))
    return 0
