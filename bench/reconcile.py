"""How a comparison grows: CPU seconds and what is moved, for tables of 1×, 10× and 100×, equal and with three keys that differ."""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from tidegate.app.compose import SystemClock
from tidegate.ports import Side
from tidegate.services.reconcile import Asked, Opened, TableComparison, compare
from tidegate.warehouses.sides import FileSides

TIMES = (1, 10, 100)
MADE = (
    "select i as id, 'customer ' || hash(i) as code, (hash(i, 1) % 100000)::decimal(12, 2) / 100 as amount,"
    " timestamp '2026-01-01' + to_seconds((i % 8640000)::bigint) as sold_at, 'note ' || hash(i, 2) as note from range({rows}) r(i)"
)
EDITS = (
    "delete from t where id = 3",
    "update t set note = 'other' where id = {rows} // 2",
    "insert into t select {rows}, 'new', 1, timestamp '2026-06-01', 'new'",
)


def main(argv: list[str]) -> int:
    """Print a table. CPU is that of one comparison; the machine's other work only adds to it."""
    parser = argparse.ArgumentParser(prog="python -m bench reconcile")
    parser.add_argument("--rows", type=int, default=10_000, help="rows of 1×")
    rows = parser.parse_args(argv).rows
    print("| sides | key | rows | differ | CPU s | levels | checksums moved | hashes moved | rows read |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for times in TIMES:
            for line in lines(Path(folder), rows * times):
                print(line, flush=True)
    return 0


def lines(folder: Path, rows: int) -> Iterator[str]:
    """One line for each pair of sides and each key."""
    clock = SystemClock()
    same, other, lite = folder / f"{rows}.duckdb", folder / f"{rows}_other.duckdb", folder / f"{rows}.db"
    for file, edits in ((same, ()), (other, EDITS)):
        with duckdb.connect(str(file)) as database:
            database.execute(f"create table t as {MADE.format(rows=rows)}")
            for edit in edits:
                database.execute(edit.format(rows=rows))
    _as_sqlite(same, lite)
    for left, right, key in ((same, same, "id"), (same, other, "id"), (same, other, "code"), (lite, other, "id")):
        before = clock.cpu_s()
        found = _compare(left, right, key)
        spent, moved = clock.cpu_s() - before, found.moved
        sides = "SQLite, DuckDB" if left is lite else "DuckDB, DuckDB"
        differ = sum(found.counts.values())
        numbers = [f"{rows:,}", str(differ), f"{spent:.2f}", str(moved.levels)]
        numbers += [f"{n:,}" for n in (moved.checksums, moved.hashes, moved.rows)]
        yield f"| {sides} | `{key}` | {' | '.join(numbers)} |"


def _compare(left: Path, right: Path, key: str) -> TableComparison:
    sides = FileSides()
    with sides.open(str(left), Path()) as old, sides.open(str(right), Path()) as new:
        before, after = _opened(old), _opened(new)
        (mine,), (theirs,) = before.catalog.values(), after.catalog.values()
        return compare(before, mine, after, theirs, Asked(key=(key,)))


def _opened(side: Side) -> Opened:
    catalog = {d.ref: d for d in side.catalog()}
    return Opened(words="", reader=side, dialect=side.dialect, version=None, table=None, catalog=catalog)


def _as_sqlite(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(target)) as lite, duckdb.connect(str(source), read_only=True) as database:
        lite.execute("create table t (id integer, code text, amount decimal(12, 2), sold_at timestamp, note text)")
        cursor = database.execute("select id, code, amount::double, sold_at::varchar, note from t")
        while rows := cursor.fetchmany(10_000):
            lite.executemany("insert into t values (?, ?, ?, ?, ?)", rows)
        lite.commit()
