"""Stores for tests that make hundreds: they do not wait for the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tidegate.state.sqlite import SQLiteStateStore


@contextmanager
def hasty_store() -> Iterator[SQLiteStateStore]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SQLiteStateStore(Path(folder) / "s.db", create=True)) as store,
    ):
        store._database._connection.execute("PRAGMA synchronous = OFF")
        yield store
