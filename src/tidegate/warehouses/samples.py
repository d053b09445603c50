"""Make a database of a folder of Parquet files, a table each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import QueryError, WarehouseError
from tidegate.metrics import literal, quoted
from tidegate.model import DatasetRef

if TYPE_CHECKING:
    import duckdb


def sample_files(folder: Path) -> dict[DatasetRef, Path]:
    """The Parquet files below a folder, by the table that each holds: `SCHEMA/TABLE.parquet` or `SCHEMA.TABLE.parquet`."""
    found: dict[DatasetRef, Path] = {}
    for file in sorted(folder.rglob("*.parquet")):
        schema, dot, name = file.stem.rpartition(".")
        found[DatasetRef(namespace=schema if dot else file.parent.name, name=name)] = file
    return found


def load_samples(folder: Path, database: Path) -> dict[DatasetRef, int]:
    """Write the files of a folder as tables into a new database; the rows of each. Empty when there is no file.

    Raises:
        WarehouseError: the database is there already, or cannot be made.
        QueryError: a file is no Parquet file.
    """
    import duckdb

    if database.exists():
        raise WarehouseError(f"`{database}` is there already", hint="remove it")
    files = sample_files(folder)
    if not files:
        return {}
    database.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(database)) as connection:
        return {ref: _loaded(connection, ref, file) for ref, file in files.items()}


def _loaded(connection: duckdb.DuckDBPyConnection, ref: DatasetRef, file: Path) -> int:
    import duckdb

    table = f"{quoted(ref.namespace)}.{quoted(ref.name)}"
    sql = f"CREATE TABLE {table} AS FROM read_parquet({literal(str(file))})"
    try:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(ref.namespace)}")
        connection.execute(sql)
        counted = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  the name is quoted
    except duckdb.Error as error:
        hint = "make the samples anew"
        raise QueryError(f"`{file}` cannot be loaded: {error}", sql=sql, hint=hint) from error
    return int(counted[0]) if counted else 0
