"""The warehouses that the suite runs against: one line in ADAPTERS adds one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidegate.ports import Candidate, Warehouse
from tidegate.warehouses.duckdb import DuckDBWarehouse


class House(Protocol):
    """A warehouse as the suite sees it, and what stands around it: steps that write and readers of the live data."""

    def open(self) -> Warehouse:
        """A new object over the same warehouse, as another process has one."""

    def write(self, candidate: Candidate, *statements: str) -> None:
        """What a step does: run statements against a candidate through the path that it was given, and end."""

    def write_behind(self, candidate: Candidate, *statements: str) -> None:
        """What somebody does who opens a version's own file: run statements against it, sealed or not."""

    def read_live(self, sql: str) -> list[tuple[object, ...]]:
        """What a reader sees that knows nothing of versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBHouse:
    """Picklable, so that a process of a test can have it."""

    folder: Path

    def open(self) -> Warehouse:
        return DuckDBWarehouse(self.folder, database="shop.duckdb")

    def write(self, candidate: Candidate, *statements: str) -> None:
        self._write(candidate.stable_database, statements)

    def write_behind(self, candidate: Candidate, *statements: str) -> None:
        candidate.database.chmod(0o644)
        self._write(candidate.database, statements)

    def _write(self, database: Path, statements: Sequence[str]) -> None:
        import duckdb

        with duckdb.connect(str(database)) as connection:
            for statement in statements:
                connection.execute(statement).fetchall()

    def read_live(self, sql: str) -> list[tuple[object, ...]]:
        import duckdb

        with duckdb.connect(str(self.open().public_path()), read_only=True) as connection:
            return connection.execute(sql).fetchall()


ADAPTERS: dict[str, Callable[[Path], House]] = {
    "duckdb": lambda folder: DuckDBHouse(folder=folder / "ware house"),
}
