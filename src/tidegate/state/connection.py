"""What the statements of this folder need of an engine: a transaction that runs them, whichever database it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]

EVERYTHING = 2**62
"""A `LIMIT` that limits nothing: SQLite has -1 for it and PostgreSQL NULL, and neither has the other's."""


class Rows(Protocol):
    """What a statement gave, each row a tuple."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Runs statements inside one transaction.

    They are written once, in what SQLite and PostgreSQL share: `?` or `:name` for a value, `coalesce`, `ON CONFLICT`,
    `RETURNING`; and `value FROM json_each(?)` for the members of a JSON list, as text where nothing casts them. A
    statement that must differ is spelled again by the engine that needs it (`state/postgres.py`).
    """

    def execute(self, statement: str, values: Values = ..., /) -> Rows: ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> object: ...


class Database(Protocol):
    """Where the transactions come from. Threads may share one: they take turns."""

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view for all statements in the block.

        Raises:
            StateCorruptError: the store, or a value in it, cannot be read.
        """

    def writing(self) -> AbstractContextManager[Connection]:
        """One transaction, one writer at a time: all of the block, or nothing of it when it raises. Durable when it ends.

        Raises:
            StateError: another process wrote for longer than the timeout, or there is no store to write to.
        """

    def damage(self, connection: Connection) -> Sequence[str]:
        """What the engine itself finds broken in the store that is being read, one sentence each."""

    def copy_to(self, path: Path) -> None:
        """Copy what is committed into a new SQLite file, beside which no log is left.

        Raises:
            StateError: this engine cannot do that.
            DiskFullError, ReadOnlyError: the file cannot be written.
        """

    def close(self) -> None:
        """Give the connection back."""
