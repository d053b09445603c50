"""Make samples with DuckDB: a version or nothing is read, tables are made in memory beside it, Parquet files are written and loaded."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.metrics import family_of, literal, quoted
from tidegate.model import Column, Dataset, DatasetRef
from tidegate.ports import ASIDE, Rows
from tidegate.warehouses.duckdb import DuckDBReader, asking, entered
from tidegate.warehouses.duckdb_sessions import session
from tidegate.warehouses.storage import refusals

if TYPE_CHECKING:
    import duckdb

ROW_GROUP = 122_880
"""DuckDB's own; written out, because the bytes of a file depend on it."""


class DuckDBWorkshop:
    """A session over a version, or over files alone; `catalog` is the database's name in it."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        ask: Callable[[str], list[tuple[object, ...]]],
        catalog: str | None,
    ) -> None:
        self._connection = connection
        self._ask = ask
        self._catalog = catalog

    def catalog(self) -> tuple[Dataset, ...]:
        return () if self._catalog is None else DuckDBReader(self._connection, self._catalog).catalog()

    def ask(self, sql: str) -> Rows:
        return self._ask(sql)

    def remember(self, name: str, value: str) -> None:
        self._connection.execute(f"SET VARIABLE {quoted(name)} = {literal(value)}")

    def columns_of(self, file: Path) -> tuple[Column, ...]:
        told = self._ask(f"DESCRIBE SELECT * FROM {self.rows_of(file)}")  # noqa: S608 only quoted names
        return tuple(Column(name=str(r[0]), type=str(r[1]), family=family_of(str(r[1]))) for r in told)

    def rows_of(self, file: Path) -> str:
        return f"read_parquet({literal(str(file))})"

    def write(self, sql: str, file: Path) -> int:
        with refusals(f"write `{file}`"):
            file.parent.mkdir(parents=True, exist_ok=True)
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
        self._ask("SET threads = 1")
        self._ask(f"COPY ({sql}) TO {literal(str(file))} ({options})")
        self._ask("RESET threads")
        return file.stat().st_size

    def digest(self, file: Path) -> str | None:
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def open_workshop(database: Path | None) -> Iterator[DuckDBWorkshop]:
    """A workshop over a database file, or over none.

    Raises:
        WarehouseError: the file cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-") as spill, session(Path(spill)) as connection:
        name = entered(connection, database) if database is not None else None
        ask = asking(connection)
        ask("RESET threads")
        ask(f"ATTACH ':memory:' AS {ASIDE}")
        yield DuckDBWorkshop(connection, ask, name)


def load(database: Path, tables: Sequence[tuple[DatasetRef, Path, Sequence[Column]]]) -> dict[DatasetRef, int]:
    """Write files of rows as tables into a database that is made where it is not there; returns the rows of each.

    A table that is there already is replaced. All of them come in one transaction.

    Raises:
        QueryError: a file cannot be read, or a value of it is not of its column's type.
        WarehouseError: the database cannot be opened for writing.
    """
    with refusals(f"write `{database}`"):
        database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tidegate-") as spill, session(Path(spill)) as connection:
        name = entered(connection, database.absolute(), mode="READ_WRITE")
        ask = asking(connection)
        ask("BEGIN TRANSACTION")
        found = {ref: _loaded(ask, name, ref, file, columns) for ref, file, columns in tables}
        ask("COMMIT")
    return found


def _loaded(
    ask: Callable[[str], list[tuple[object, ...]]],
    catalog: str,
    ref: DatasetRef,
    file: Path,
    columns: Sequence[Column],
) -> int:
    schema = f"{quoted(catalog)}.{quoted(ref.namespace)}"
    table = f"{schema}.{quoted(ref.name)}"
    made = ", ".join(f"{quoted(c.name)} {c.type}" for c in columns)
    cast = ", ".join(f"CAST({quoted(c.name)} AS {c.type})" for c in columns)
    ask(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    ask(f"CREATE OR REPLACE TABLE {table} ({made})")
    ((count,),) = ask(f"INSERT INTO {table} SELECT {cast} FROM read_parquet({literal(str(file))})")  # noqa: S608 only quoted names
    return int(str(count))
