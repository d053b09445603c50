"""Is what the store holds whole: the ids of its ledger, and its projections against a replay of the ledger?"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping

from tidegate.state import ledger, projections, schema
from tidegate.state.connection import Connection

LEDGER = f"SELECT {ledger.COLUMNS} FROM event ORDER BY id"

TABLES: Mapping[str, str] = {
    "run": "SELECT * FROM run ORDER BY started_event",
    "version": "SELECT * FROM version ORDER BY number",
    "publication": "SELECT * FROM publication ORDER BY event",
    "incident": "SELECT * FROM incident ORDER BY number",
}
"""The projections, each with the statement that reads it in order."""


def problems(connection: Connection) -> tuple[str, ...]:
    """What is wrong with the ledger and its projections, one sentence each; empty when all is well. Reads all of it."""
    count, last = connection.execute("SELECT count(*), coalesce(max(id), 0) FROM event").fetchone()
    gaps = [f"the ledger holds {count} events, but its last id is {last}"] if count != last else []
    return tuple(gaps or _differences(connection))


def _differences(connection: Connection) -> list[str]:
    replayed = _replayed(connection)
    return [
        f"the table `{name}` is not what a replay of the ledger gives"
        for name, query in TABLES.items()
        if connection.execute(query).fetchall() != replayed[name]
    ]


def _replayed(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        schema.migrate(copy, projections.replay)
        copy.executemany(ledger.INSERT, connection.execute(LEDGER))
        projections.replay(copy)
        return {name: copy.execute(query).fetchall() for name, query in TABLES.items()}
