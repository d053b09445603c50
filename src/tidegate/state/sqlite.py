"""The state store in one SQLite file."""

from __future__ import annotations

from pathlib import Path

from tidegate.state import projections
from tidegate.state.database import SQLiteDatabase
from tidegate.state.store import DatabaseStateStore


class SQLiteStateStore(DatabaseStateStore):
    """A state store in the file `path`.

    With `create` the folder and the file are made when they are missing. Without it a missing file reads as an empty
    store and nothing is made on disk, so that a command that only reads leaves no trace in a project that was never
    run; writing to it raises StateError. Threads may share a store; they take turns.

    Raises:
        StateCorruptError: the file is not a whole SQLite database, or not one of Tidegate's; it is left as it is.
        StateTooNewError: a later release wrote it.
        ReadOnlyError, DiskFullError: it cannot be made, or brought up to date.
    """

    def __init__(self, path: Path, *, create: bool = False, busy_timeout_s: float = 10.0) -> None:
        super().__init__(SQLiteDatabase(path, create=create, busy_timeout_s=busy_timeout_s, replay=projections.replay))
        self.path = path
