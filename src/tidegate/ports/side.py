"""What a comparison asks of its two sides, and of whoever opens them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tidegate.model import Dataset
from tidegate.ports.warehouse import Answer


class Side(Protocol):
    """A place that holds tables, opened for reading; closed by whoever opened it.

    Column types are told in words that `scan.segments.form_of` reads, times without a zone are UTC.
    """

    @property
    def dialect(self) -> str:
        """Which SQL it takes: a name in `scan.segments.ENGINES`."""

    def catalog(self) -> tuple[Dataset, ...]:
        """List every table and view outside the engine's own schemas, ordered by name. Reads no data."""

    def query(self, sql: str) -> Answer:
        """Run one statement that only reads.

        Raises:
            QueryError: the engine refused it.
        """


class Sides(Protocol):
    """Opens what is no version of the warehouse."""

    def open(self, place: str, root: Path) -> AbstractContextManager[Side]:
        """Open a file (DuckDB, SQLite, Parquet, CSV; relative to `root`) or a PostgreSQL URL, without writing to it.

        A Parquet or CSV file, or a pattern of them, holds one table with the name of the file without its endings.

        Raises:
            DatabaseNotFoundError: no such file, or it is none of these.
            ComparisonError: this machine lacks what it takes to read it.
        """
