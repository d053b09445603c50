"""The append-only ledger: events in one sequence, from 1, without gaps, each chained to the one before by its hash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tidegate.model import Event, LedgerBreak
from tidegate.ports.state import NewEvent
from tidegate.state import documents
from tidegate.state.connection import EVERYTHING, Connection

COLUMNS = "id, at, actor, role, kind, subject, data, hash"
LEDGER = f"SELECT {COLUMNS} FROM event WHERE id > :after"
INSERT = f"INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
HEAD = "SELECT id, hash FROM event ORDER BY id DESC LIMIT 1"
NOTHING = (0, "")
"""The head of an empty ledger: no event, no hash."""


def link(previous: str, *event: object) -> str:
    """The hash of an event: SHA-256, in hex, over a JSON array of the hash of the event before (empty for the first) and of
    the event's id, at, actor, role, kind, subject and data, each as it is kept, in UTF-8, without spaces.
    """
    whole = json.dumps([previous, *event], ensure_ascii=False, separators=(",", ":"), default=repr)
    return sha256(whole.encode("utf-8", "backslashreplace")).hexdigest()


def head(connection: Connection) -> tuple[int, str]:
    """The id and the hash of the last event; 0 and nothing when there is none."""
    number, hashed = connection.execute(HEAD).fetchone() or NOTHING
    return int(number), str(hashed)


def accept(connection: Connection, new: NewEvent) -> Event:
    """Write one event under the next id, and give it back as any later reader will see it."""
    last, previous = head(connection)
    told = (
        last + 1,
        documents.write_time(new.at),
        *(documents.clean(text) for text in (new.actor, new.role, new.kind, new.subject)),
        documents.dumps(documents.plain(new.data)),
    )
    row = (*told, link(previous, *told))
    connection.execute(INSERT, row)
    connection.execute("UPDATE ledger_head SET id = ?, hash = ?", (row[0], row[-1]))
    return _event(row)


def events(
    connection: Connection,
    *,
    after: int = 0,
    subject: str | None = None,
    since: str | None = None,
    limit: int | None = None,
) -> Iterator[Event]:
    """The events after an id, ascending; of one subject, and of a moment or later, when these are given."""
    wanted = "" if subject is None else " AND subject = :subject"
    wanted += "" if since is None else " AND at >= :since"
    rows = connection.execute(
        f"{LEDGER}{wanted} ORDER BY id LIMIT :limit",
        {"after": after, "subject": subject, "since": since, "limit": EVERYTHING if limit is None else limit},
    )
    return map(_event, rows)


def breaks(connection: Connection) -> Iterator[LedgerBreak]:
    """Every place at which the chain does not hold, in its order. Reads all of the ledger, and keeps none of it."""
    last, previous = NOTHING
    for number, *rest, hashed in connection.execute(f"SELECT {COLUMNS} FROM event ORDER BY id"):
        if number != last + 1:
            yield LedgerBreak(event=last + 1, what=_missing(last, number))
        if hashed != link(previous, number, *rest):
            after = f"does not follow event {last}" if last else "is not the first that was written"
            yield LedgerBreak(
                event=number,
                what=f"event {number} {after}: one of the two was altered, inserted or moved"
                if last
                else f"event {number} {after}: it was altered, inserted or moved",
            )
        last, previous = number, hashed
    kept = connection.execute("SELECT id, hash FROM ledger_head").fetchone() or NOTHING
    if kept[0] > last:
        yield LedgerBreak(event=last + 1, what=_missing(last, kept[0] + 1))
    elif tuple(kept) != (last, previous):
        yield LedgerBreak(
            event=last, what=f"event {last} is not what was written last: the head of the chain is another"
        )


def _missing(last: int, following: int) -> str:
    if following <= last:
        return f"event {following} stands after event {last}"
    one, many = f"event {last + 1} is missing", f"the events {last + 1} to {following - 1} are missing"
    return one if following == last + 2 else many


def _event(row: tuple[Any, ...]) -> Event:
    number, at, actor, role, kind, subject, data, hashed = row
    return Event(
        id=number,
        at=documents.read_time(at),
        actor=actor,
        role=role,
        kind=kind,
        subject=subject,
        data=documents.loads(data),
        hash=hashed,
    )
