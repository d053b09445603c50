"""The append-only ledger: events in one sequence, from 1, without gaps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from tidegate.model import Event
from tidegate.ports.state import NewEvent
from tidegate.state import documents

LEDGER = "SELECT id, at, actor, role, kind, subject, data FROM event WHERE id > :after"


def accept(connection: sqlite3.Connection, new: NewEvent) -> Event:
    """Write one event under the next id, and give it back as any later reader will see it."""
    last = connection.execute("SELECT ifnull(max(id), 0) FROM event").fetchone()[0]
    row = (
        last + 1,
        documents.write_time(new.at),
        *(documents.clean(text) for text in (new.actor, new.role, new.kind, new.subject)),
        documents.dumps(documents.plain(new.data)),
    )
    connection.execute("INSERT INTO event (id, at, actor, role, kind, subject, data) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return _event(row)


def events(
    connection: sqlite3.Connection, *, after: int = 0, subject: str | None = None, limit: int | None = None
) -> Iterator[Event]:
    """The events after an id, ascending; of one subject when it is given."""
    of_subject = "" if subject is None else "AND subject = :subject"
    rows = connection.execute(
        f"{LEDGER} {of_subject} ORDER BY id LIMIT :limit",
        {"after": after, "subject": subject, "limit": -1 if limit is None else limit},
    )
    return map(_event, rows)


def _event(row: tuple[Any, ...]) -> Event:
    number, at, actor, role, kind, subject, data = row
    return Event(
        id=number,
        at=documents.read_time(at),
        actor=actor,
        role=role,
        kind=kind,
        subject=subject,
        data=documents.loads(data),
    )
