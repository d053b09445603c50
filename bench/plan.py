"""What planning costs by itself: 1,000 checks over 200 tables with answers that were noted before, and no engine.

Also what the full profile of a table of 1,000 columns costs, in its own process: CPU seconds and peak memory.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from bench import process
from bench.data import ORDERS
from bench.ours import NOW, Silent, workload
from bench.scan import clear_caches, cpu_s
from tidegate.model import Check, Dataset, DatasetRef, Outcome, Settings, TableSettings, WarehouseSettings
from tidegate.ports import Answer
from tidegate.services.measure import Measured, measure
from tidegate.warehouses.duckdb import DuckDBReader

ROWS = 100
WIDE = (
    "(hash(i, {n}) % 1000000)::bigint", "((hash(i, {n}) % 100000) / 100.0)::decimal(12, 2)",
    "case when hash(i, {n}) % 10 > 0 then (hash(i, {n}) % 1000) / 7.0 end", "'v' || hash(i, {n}) % 20",
    "'text ' || hash(i, {n})", "timestamp '2026-01-01' + to_seconds((hash(i, {n}) % 8640000)::bigint)",
    "hash(i, {n}) % 3 = 0", "date '2026-01-01' + (hash(i, {n}) % 100)::integer",
)  # fmt: skip


class Noting:
    """Passes statements on to a reader and notes the answers."""

    def __init__(self, reader: DuckDBReader) -> None:
        self._reader = reader
        self.tables = reader.catalog()
        self.answers: dict[str, Answer] = {}

    def catalog(self) -> tuple[Dataset, ...]:
        return self.tables

    def query(self, sql: str) -> Answer:
        return self.answers.setdefault(sql, self._reader.query(sql))

    def repeats(self, sql: str) -> Answer:
        return self.answers.setdefault(sql, self._reader.repeats(sql))


class Canned:
    """Gives the noted answers."""

    def __init__(self, noted: Noting) -> None:
        self._noted = noted

    def catalog(self) -> tuple[Dataset, ...]:
        return self._noted.tables

    def query(self, sql: str) -> Answer:
        return self._noted.answers[sql]

    repeats = query


def checks_over(tables: int, checks: int) -> list[Check]:
    """The 60 checks in turn, as many a table as makes that many in all; no two conditions are the same."""
    refs = [DatasetRef(namespace="main", name=f"orders_{n}") for n in range(tables)]
    sixty = [workload(ref) for ref in refs]
    picked = [sixty[at % tables][(at // tables + 7 * (at % tables)) % 60] for at in range(checks)]
    return [_unlike(check, at) for at, check in enumerate(picked)]


def _unlike(check: Check, at: int) -> Check:
    """The check with a condition of its own, so that nothing that was parsed for another one helps."""
    said, harmless = dict(check.arguments), {"expression": f" or order_id = -{at}", "sql": f" + 0 * {at}"}
    changed = {name: f"({said[name]}){more}" for name, more in harmless.items() if name in said}
    return replace(check, id=f"w{at}", name=f"w{at}", arguments=said | changed)


def write_tables(connection: duckdb.DuckDBPyConnection, tables: int) -> None:
    """Small tables of orders, and their products."""
    connection.execute(ORDERS.format(rows=ROWS, days=100))
    connection.execute("create table products as select range::integer as product_id from range(2000)")
    for n in range(tables):
        connection.execute(f"create table orders_{n} as from orders")
    connection.execute("drop table orders")


def write_wide(path: Path, *, columns: int, rows: int) -> None:
    """A table called orders of that many columns, of eight kinds in turn."""
    path.unlink(missing_ok=True)
    items = [f"{WIDE[n % len(WIDE)].replace('{n}', str(n))} as c{n}" for n in range(columns)]
    with duckdb.connect(path) as connection:
        connection.execute(f"create table orders as select {', '.join(items)} from range({rows}) as t(i)")


def _settings(refs: Sequence[DatasetRef], *, ignore: bool) -> Settings:
    return Settings(
        root=Path(),
        warehouse=WarehouseSettings(type="duckdb", path=Path(), database="memory.duckdb"),
        steps=(),
        tables={ref: TableSettings(ref=ref, ignore=ignore) for ref in refs},
    )


def planned(reader: Noting | Canned, checks: Sequence[Check], *, profile: bool) -> Measured:
    """From the checks to their verdicts, from cold caches."""
    clear_caches()
    settings = _settings([d.ref for d in reader.catalog()], ignore=not profile)
    return measure(reader, checks, version=1, settings=settings, now=NOW, progress=Silent())


def planning(tables: int, checks: int, runs: int) -> Iterator[tuple[str, float]]:
    """What is planned, and the CPU seconds it took."""
    asked = checks_over(tables, checks)
    with duckdb.connect() as connection:
        write_tables(connection, tables)
        noting = Noting(DuckDBReader(connection, "memory"))
        for what, profile in (("planning and judging", False), ("… with the full profile of every table", True)):
            found = planned(noting, asked, profile=profile)
            wrong = [r.reason for r in found.results if r.outcome is not Outcome.PASS]
            canned = Canned(noting)
            once = partial(planned, canned, asked, profile=profile)
            taken = [cpu_s(once) for _ in range(runs)]
            name = f"{what}: {checks:,} checks, {tables} tables, {len(found.costs):,} statements"
            yield name + (f", {len(wrong)} not passed: {wrong[0]}" if wrong else ""), statistics.median(taken)


def main(argv: list[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench plan", description=__doc__)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100_000, help="of the table of many columns")
    parser.add_argument("--runs", type=int, default=3)
    said = parser.parse_args(argv)
    _wide(said.columns, said.rows, said.runs)
    print("\n| | CPU s |\n|---|--:|")
    for name, seconds in planning(said.tables, said.checks, said.runs):
        print(f"| {name} | {seconds:.2f} |")
    return 0


def _wide(columns: int, rows: int, runs: int) -> None:
    works = {"touch": "touch", "full profile": "profile-plain", "… and history": "profile", "SUMMARIZE": "summarize"}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "wide.duckdb"
        written = process.run(process.alone("prepare-wide", path, str(columns), str(rows))).output.strip()
        spent = process.interleaved({name: process.alone(work, path) for name, work in works.items()}, runs)
    print(
        f"| {columns:,} columns × {rows:,} rows, a file of {written} | CPU s | peak memory, GB | |\n|---|--:|--:|---|"
    )
    for name, each in spent.items():
        print(f"| {name} | {process.cpu(each):.2f} | {process.rss(each):.2f} | {each[0].output.strip()} |")
