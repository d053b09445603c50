"""`python -m bench.alone WORK PATH`: one work on one DuckDB file in this process, which is what others then measure."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.cli import OBJECTS_BETWEEN_COLLECTIONS

if TYPE_CHECKING:
    import duckdb


def _checks(path: Path, *, regexes: bool) -> str:
    from bench.ours import plain, planned, verdict, workload

    checks = workload() if regexes else plain(workload())
    with _opened(path) as connection:
        return verdict(planned(connection, path.stem, checks))


def _bare(path: Path) -> str:
    from bench.checks import one_by_one
    from bench.ours import workload
    from tidegate.warehouses.duckdb import DuckDBReader

    with _opened(path) as connection:
        catalog = {d.ref: d for d in DuckDBReader(connection, path.stem).catalog()}
        one_by_one(connection, workload(), catalog)
    return "60 bare queries"


def _touch(path: Path) -> str:
    from bench.scan import orders, touch

    with _opened(path) as connection:
        touch(connection, orders(connection))
    return "touched"


def _profile(path: Path, *, history: bool) -> str:
    from bench.scan import profile
    from tidegate.warehouses.duckdb import DuckDBReader

    statements: list[str] = []
    with _opened(path) as connection:
        reader = DuckDBReader(connection, path.stem)
        (dataset,) = (found for found in reader.catalog() if found.ref.name == "orders")
        scan = profile(reader, dataset, statements, history=history)
    return f"{len(statements)} statements, {len(scan.measurements):,} numbers"


def _summarize(path: Path) -> str:
    with _opened(path) as connection:
        return f"{len(connection.execute('summarize orders').fetchall())} columns"


def _prepare(path: Path) -> str:
    from bench.checks import prepare

    path.parent.mkdir(parents=True, exist_ok=True)
    prepare(path, int(sys.argv[3]))
    return "written"


def _prepare_wide(path: Path) -> str:
    from bench.plan import write_wide

    write_wide(path, columns=int(sys.argv[3]), rows=int(sys.argv[4]))
    return f"{path.stat().st_size / 1e9:.2f} GB"


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(path, read_only=True, config={"threads": 2})


WORKS: Mapping[str, Callable[[Path], str]] = {
    "w": lambda path: _checks(path, regexes=True),
    "w-plain": lambda path: _checks(path, regexes=False),
    "bare": _bare,
    "touch": _touch,
    "profile": lambda path: _profile(path, history=True),
    "profile-plain": lambda path: _profile(path, history=False),
    "summarize": _summarize,
    "prepare": _prepare,
    "prepare-wide": _prepare_wide,
}

if __name__ == "__main__":
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)  # as the command does
    print(WORKS[sys.argv[1]](Path(sys.argv[2])))
