"""The numbered migrations of the state file: which there are, and how a file is brought up to the newest."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from tidegate.state import ledger

FOLDER = Path(__file__).parent / "migrations"
APPLICATION_ID = int.from_bytes(b"TIDG", "big")


def migrations() -> tuple[Path, ...]:
    """The files of the migrations in their order; the first is number 1."""
    return tuple(sorted(FOLDER.glob("[0-9]*.sql")))


def version_of(connection: sqlite3.Connection) -> int:
    """The number of the last migration that was applied to the file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection, replay: Callable[[sqlite3.Connection], None], *, upto: int | None = None
) -> None:
    """Apply what is missing, each migration in its own transaction; safe while another process does the same.

    `replay` fills the projections from the ledger and is called inside the last transaction, because a migration may
    have made new projections of old events.
    """
    files = migrations()[:upto]
    for number, file in enumerate(files, start=1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version_of(connection) < number:
                _apply(connection, file, number)
                if number == len(migrations()):
                    replay(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _apply(connection: sqlite3.Connection, file: Path, number: int) -> None:
    connection.create_function("tidegate_link", 8, ledger.link, deterministic=True)
    for statement in _statements(file.read_text(encoding="utf-8")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    """Split a script whose statements end at the end of a line.

    `executescript` would commit the transaction that the script is to run in.
    """
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
