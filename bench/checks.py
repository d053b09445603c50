"""What 60 checks of one table cost (the workload W): our plan against one touch of every value, and the queries one by one.

CPU seconds of the process, medians of interleaved runs; only ratios within one run count. With `--alone` each work is a
process of its own, from the start of Python to the verdicts, so that the peak memory is that work's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from bench import process
from bench.data import write_orders
from bench.ours import REF, plain, planned, verdict, workload
from bench.scan import clear_caches, cpu_s, touch
from tidegate.checks import CHECKS, needs
from tidegate.model import Check, CheckResult, Dataset, DatasetRef
from tidegate.services.measure import Measured
from tidegate.warehouses.duckdb import DuckDBReader

FLOOR = "touch (floor)"
ALONE = {
    FLOOR: "touch",
    "60 checks, our plan": "w",
    "… without the 3 regexes": "w-plain",
    "60 bare queries": "bare",
    "full profile": "profile-plain",
    "full profile and history": "profile",
    "DuckDB `SUMMARIZE`": "summarize",
}


def _cold(connection: duckdb.DuckDBPyConnection, path: Path, checks: list[Check]) -> Measured:
    clear_caches()
    return planned(connection, path.stem, checks)


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
    """The orders and their products, unless the file is there already."""
    if path.exists():
        return
    write_orders(path, rows)
    with duckdb.connect(path) as connection:
        connection.execute("create or replace table products as select range::integer as product_id from range(2000)")


def main(argv: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench checks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder in which the data stays for the next time")
    parser.add_argument("--by-statement", action="store_true", help="say what each statement costs")
    parser.add_argument("--alone", action="store_true", help="each work in a process of its own")
    parser.add_argument("--only", nargs="*", default=list(ALONE), help="with --alone: works whose names contain these")
    said = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        path = (said.keep or Path(scratch)).absolute() / f"orders_{said.rows}.duckdb"
        process.run(process.alone("prepare", path, str(said.rows)))
        if said.alone:
            _alone(path, said.runs, {n: w for n, w in ALONE.items() if n == FLOOR or any(o in n for o in said.only)})
        else:
            _compare(path, said.runs, by_statement=said.by_statement)
    return 0


def _alone(path: Path, runs: int, works: Mapping[str, str]) -> None:
    spent = process.interleaved({name: process.alone(work, path) for name, work in works.items()}, runs)
    floor = process.cpu(spent[FLOOR])
    print("| each in its own process | CPU s | wall s | ÷ touch | peak memory, GB |\n|---|--:|--:|--:|--:|")
    for name, each in spent.items():
        cpu = process.cpu(each)
        print(f"| {name} | {cpu:.2f} | {process.wall(each):.2f} | {cpu / floor:.1f} | {process.rss(each):.2f} |")
    print("\n" + "; ".join(each[0].output.strip() for each in spent.values()))


def _compare(path: Path, runs: int, *, by_statement: bool) -> None:
    checks = workload()
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("set threads = 2")
        catalog = {d.ref: d for d in DuckDBReader(connection, path.stem).catalog()}
        _describe(planned(connection, path.stem, checks), by_statement=by_statement)
        works: dict[str, Callable[[], object]] = {
            FLOOR: lambda: touch(connection, catalog[REF]),
            "60 checks, our plan": lambda: _cold(connection, path, checks),
            "… without the 3 regexes": lambda: _cold(connection, path, plain(checks)),
            "60 bare queries": lambda: one_by_one(connection, checks, catalog),
        }
        taken: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(runs):
            for name, work in works.items():
                taken[name].append(cpu_s(work))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    floor = medians[FLOOR]
    print("| | CPU s | ÷ touch |\n|---|--:|--:|")
    for name, value in medians.items():
        print(f"| {name} | {value:.2f} | {value / floor:.1f} |")


def _describe(found: Measured, *, by_statement: bool) -> None:
    print(verdict(found), "\n")
    if by_statement:
        for cost in sorted(found.costs, key=lambda c: -c.cpu_s):
            print(f"{cost.cpu_s:7.3f} s  {cost.purpose}: {cost.sql[:110]}")
