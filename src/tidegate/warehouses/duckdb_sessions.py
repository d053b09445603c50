"""Instances of DuckDB in memory to attach versions to: private, and used again where they are as they were made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.metrics import literal, quoted

if TYPE_CHECKING:
    import duckdb

ATTACHED = "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"

KEPT_AT_MOST = 2
"""Instances that a process keeps for its next sessions. To make one takes 20 ms of CPU, its first look at a catalog included, and
to use it again 2; a command opens a version up to a dozen times, rarely more than one at once. Chosen, not derived."""

_idle: dict[int, list[duckdb.DuckDBPyConnection]] = {}
"""By process: what a fork inherited is neither used nor closed in it."""

_spoiled: set[int] = set()
"""The ids of open connections whose instance is not to be used again."""


@contextmanager
def session(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private instance in memory to attach versions to: it shares no settings with what else this process opens.

    Its settings, and what is attached to it, are those of a new one. It is closed, with all that it cached, if it spilled
    something, ended with an error, or is spoilt; else only what is attached to it is.
    """
    import duckdb

    made = _taken() or duckdb.connect(
        ":memory:",
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": 1},
    )
    connection, is_sound = made.cursor(), False
    try:
        connection.execute(f"SET temp_directory = {literal(str(spill))}")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
        is_sound = id(connection) not in _spoiled
    finally:
        _spoiled.discard(id(connection))
        connection.close()
        if not (is_sound and _kept(made)):
            made.close()


def spoil(connection: duckdb.DuckDBPyConnection) -> None:
    """Let nobody else have the instance behind a connection: settings of it are changed, but for threads, or it holds something."""
    _spoiled.add(id(connection))


def _taken() -> duckdb.DuckDBPyConnection | None:
    idle = _idle.get(os.getpid(), [])
    try:
        return idle.pop()
    except IndexError:
        return None


def _kept(made: duckdb.DuckDBPyConnection) -> bool:
    """Detach everything and keep it, unless enough are kept or the engine refuses: it does so once it has spilled."""
    import duckdb

    idle = _idle.setdefault(os.getpid(), [])
    if len(idle) >= KEPT_AT_MOST:
        return False
    try:
        for (name,) in made.execute(ATTACHED).fetchall():
            made.execute(f"DETACH {quoted(str(name))}")
        made.execute("RESET temp_directory")
        made.execute("SET threads = 1")
    except duckdb.Error:
        return False
    idle.append(made)
    return True
