"""A program that reads the live database again and again, as a dashboard does, until its standard input is closed.

Usage: `python -m tests.e2e.harness.reader FILE MODE`. It prints one JSON object a line: what it read, or the error.
MODE `reopen` opens the file anew for each look. `hold` keeps one connection open until the file behind the name has been
another one three times, and looks at it all the while.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

SWAPS_OUTLIVED = 3
PAUSE_S = 0.03

QUERIES = (
    "SELECT batch, version FROM a ORDER BY ALL",
    "SELECT batch, version, bad FROM b ORDER BY ALL",
    "SELECT batch FROM latest",
)


def look(connection: duckdb.DuckDBPyConnection) -> list[list[tuple[object, ...]]]:
    return [connection.execute(query).fetchall() for query in QUERIES]


def is_over() -> bool:
    """Whether nobody listens any more; leaves the others some time."""
    return bool(select.select([sys.stdin], [], [], PAUSE_S)[0])


def reopening(path: Path) -> Iterator[dict[str, object]]:
    while not is_over():
        with duckdb.connect(str(path), read_only=True) as connection:
            yield {"seen": look(connection)}


def holding(path: Path) -> Iterator[dict[str, object]]:
    while not is_over():
        with duckdb.connect(str(path), read_only=True) as connection:
            first, looks, swaps, file = look(connection), 1, 0, None
            while swaps < SWAPS_OUTLIVED and not is_over():
                now = path.stat().st_ino
                swaps += file not in {None, now}
                file = now
                assert look(connection) == first, "an open connection saw another version"
                looks += 1
            yield {"seen": first, "looks": looks, "swaps": swaps}


def main() -> None:
    path, mode = Path(sys.argv[1]), sys.argv[2]
    try:
        for fact in {"reopen": reopening, "hold": holding}[mode](path):
            print(json.dumps(fact), flush=True)
    except (duckdb.Error, OSError, AssertionError) as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    main()
