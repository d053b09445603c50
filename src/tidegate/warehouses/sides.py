"""Open what a comparison reads beside the warehouse: DuckDB, SQLite, Parquet and CSV files, and PostgreSQL."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.errors import DatabaseNotFoundError
from tidegate.ports import Side
from tidegate.warehouses.duckdb import open_file, open_postgres, open_rows
from tidegate.warehouses.sqlite import MAGIC, open_sqlite

POSTGRES = ("postgres://", "postgresql://")

ROWS_IN = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".csv.gz": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
"""The DuckDB function that reads a file of rows, by its ending."""

DUCKDB_MAGIC = slice(8, 12)


class FileSides:
    """Opens files and PostgreSQL URLs. What a file is, its first bytes tell; of a file of rows its ending."""

    @contextmanager
    def open(self, place: str, root: Path) -> Iterator[Side]:
        with tempfile.TemporaryDirectory(prefix="tidegate-") as spill:
            if place.startswith(POSTGRES):
                with open_postgres(place, Path(spill)) as side:
                    yield side
                return
            pattern = (root / place).expanduser()
            reads = next((function for ending, function in ROWS_IN.items() if place.lower().endswith(ending)), None)
            if reads is not None:
                if not glob.glob(str(pattern)):  # noqa: PTH207  an absolute pattern, which Path.glob refuses
                    raise DatabaseNotFoundError(f"there is no file `{pattern}`", hint="correct the path of the side")
                with open_rows(reads, str(pattern), _name(pattern), Path(spill)) as side:
                    yield side
                return
            with self._database(pattern, Path(spill)) as side:
                yield side

    @contextmanager
    def _database(self, file: Path, spill: Path) -> Iterator[Side]:
        if not file.is_file():
            raise DatabaseNotFoundError(f"there is no file `{file}`", hint="correct the path of the side")
        with file.open("rb") as opened:
            head = opened.read(16)
        if head == MAGIC:
            with open_sqlite(file.absolute()) as side:
                yield side
        elif head[DUCKDB_MAGIC] == b"DUCK":
            with open_file(file.absolute(), spill) as side:
                yield side
        else:
            known = ", ".join(ROWS_IN)
            raise DatabaseNotFoundError(
                f"`{file}` is neither a DuckDB nor a SQLite database",
                hint=f"name such a file, or a file of rows that ends in one of {known}",
            )


def _name(file: Path) -> str:
    return file.name.partition(".")[0].strip("*") or "rows"
