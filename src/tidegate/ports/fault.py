"""What Tidegate asks of a fault, and of a warehouse in which faults can be tried on a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from tidegate.model import Column, DatasetRef, Family
from tidegate.ports.warehouse import Warehouse

HIT = "tidegate_hit"
"""The further column, true where a row is hit, of the relation that a fault reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What a fault is to do: `rows` names a relation with the table's `columns` and HIT, in DuckDB's SQL.

    `column` is the one that it happens to, None for a fault of rows; `magnitude` is its number.
    """

    rows: str
    columns: tuple[Column, ...]
    column: Column | None
    magnitude: float


class Fault(Protocol):
    """An accident that can happen to a table.

    `suits` are the kinds of column that it happens to, empty when it happens to rows. `magnitude` is the default, and
    `unit` says what that number is; of a `share`, so large a part of the rows is hit, the others are left alone. With
    `loses_category`, the rows that are hit are those of one value of the column.
    """

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def suits(self) -> tuple[Family, ...]: ...

    @property
    def magnitude(self) -> float: ...

    @property
    def unit(self) -> str: ...

    @property
    def loses_category(self) -> bool: ...

    def select(self, damage: Damage) -> str:
        """A SELECT over `damage.rows` that gives the whole table as it is after the accident, without HIT."""


@runtime_checkable
class Rehearsing(Protocol):
    """A warehouse that can make a throw-away one from its own versions. Not every engine can."""

    def sandbox(self, folder: Path, versions: Sequence[int], *, published: int) -> Warehouse:
        """A warehouse in an empty folder that shows these versions of this one, `published` to its readers. Their data is
        read where it is; nothing that is done to the sandbox changes it. A version that is pruned meanwhile is missing.

        Raises:
            VersionNotFoundError: one is not kept.
        """

    def fill(self, number: int, old: int, new: int, tables: Mapping[DatasetRef, str | None]) -> None:
        """Replace tables of a candidate by those of version `new`: as they are there (None), or as a SELECT gives them that
        reads the catalogs `old` and `new`, versions of that number. What is missing in the candidate is made.

        Raises:
            QueryError: the engine refused a statement.
            WarehouseError: the version is no candidate any more.
        """
