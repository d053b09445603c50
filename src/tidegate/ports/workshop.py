"""What making a sample asks of a warehouse: a version that is only read, and a place beside it where tables can be made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from tidegate.model import Column, Dataset

Rows: TypeAlias = Sequence[tuple[object, ...]]

ASIDE = "tidegate_aside"
"""The database in which tables can be made: `tidegate_aside.main.NAME`. It is gone when the workshop is closed."""


class Workshop(Protocol):
    """One session; statements are in DuckDB's SQL. What does not fit into memory goes to a folder that is removed."""

    def catalog(self) -> tuple[Dataset, ...]:
        """Every table and view of the version, ordered by name; empty when there is none."""

    def ask(self, sql: str) -> Rows:
        """Run one statement and return its rows: one that reads, or one that makes something in `ASIDE`.

        Raises:
            QueryError: the engine refused it.
        """

    def remember(self, name: str, value: str) -> None:
        """Keep a text as `getvariable(NAME)`, so that a secret stands in no statement and in no error."""

    def columns_of(self, file: Path) -> tuple[Column, ...]:
        """The columns of a file of rows.

        Raises:
            QueryError: it is none.
        """

    def rows_of(self, file: Path) -> str:
        """A file of rows as a relation in SQL."""

    def write(self, sql: str, file: Path) -> int:
        """Write the rows of a statement to a Parquet file, in their order and by one thread; returns its bytes.

        The same rows give the same bytes in one release of DuckDB.
        """

    def digest(self, file: Path) -> str | None:
        """The SHA-256 of a file's bytes in hexadecimal digits; None when it is not there."""
