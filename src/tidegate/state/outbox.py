"""The outbox: which events people must still be told of, and the messages on their way, in the file of the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tidegate.model import Delivery, DeliveryState, Event, Notice
from tidegate.ports.state import NewEvent, Outbox, Planned
from tidegate.state import documents, ledger, projections
from tidegate.state.connection import EVERYTHING, Connection, Database

WAITING, SENDING, SENT, DEAD = DeliveryState

DELIVERY = """
SELECT d.key, d.target, d.notice, d.state, d.attempts, d.due_at, d.next_at, d.error, r.receipt
FROM delivery d LEFT JOIN receipt r ON r.target = d.target AND r.thread = d.thread
"""

NEXT = f"""
{DELIVERY}
WHERE d.state IN ('waiting', 'sending') AND d.next_at <= ? AND d.target NOT IN (SELECT value FROM json_each(?))
AND NOT EXISTS (
    SELECT 1 FROM delivery e
    WHERE e.target = d.target AND e.thread = d.thread AND e.id < d.id AND e.state IN ('waiting', 'sending')
)
ORDER BY d.id LIMIT 1
"""
"""Of a thread, only the first message that is not through yet."""

OF = "incident IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"


class StateOutbox(Outbox):
    """The outbox beside the ledger; several processes may empty it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh = False

    @property
    def fresh(self) -> bool:
        return self._fresh

    def enter(self, connection: Connection, event: Event) -> None:
        """Take an event in, inside the transaction that accepts it; one that is of no incident is nobody's business."""
        noun, _, number = event.subject.partition(":")
        if noun == "incident" and event.kind.startswith("incident."):
            connection.execute("INSERT INTO outbox (event, incident) VALUES (?, ?)", (event.id, int(number)))
            self._fresh = True

    def waiting(self) -> tuple[tuple[int, int], ...]:
        with self._database.reading() as connection:
            return tuple(connection.execute("SELECT event, incident FROM outbox ORDER BY event"))

    def told(self, incidents: Collection[int]) -> Mapping[tuple[str, int], Collection[str]]:
        found: dict[tuple[str, int], set[str]] = {}
        with self._database.reading() as connection:
            for target, incident, moment in connection.execute(
                f"SELECT target, incident, moment FROM told WHERE {OF}", (json.dumps(sorted(incidents)),)
            ):
                found.setdefault((target, incident), set()).add(moment)
        return found

    def threads(self, incidents: Collection[int]) -> Mapping[tuple[str, int], str]:
        query = f"SELECT target, incident, name FROM thread WHERE {OF}"
        with self._database.reading() as connection:
            rows = connection.execute(query, (json.dumps(sorted(incidents)),))
            return {(target, incident): name for target, incident, name in rows}

    def members(self, target: str, thread: str) -> tuple[int, ...]:
        query = "SELECT incident FROM thread WHERE target = ? AND name = ? ORDER BY incident"
        with self._database.reading() as connection:
            return tuple(row[0] for row in connection.execute(query, (target, thread)))

    def recent(self, since: datetime) -> Mapping[str, int]:
        query = "SELECT target, count(*) FROM delivery WHERE planned_at > ? AND counts GROUP BY target"
        with self._database.reading() as connection:
            return dict(connection.execute(query, (documents.write_time(since),)).fetchall())

    def plan(
        self,
        planned: Sequence[Planned],
        *,
        waived: Sequence[tuple[str, int, str]],
        settled: Collection[int],
        now: datetime,
    ) -> int:
        with self._database.writing() as connection:
            new = sum(_plan(connection, one, now) for one in planned)
            connection.executemany(
                "INSERT INTO told (target, incident, moment) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", waived
            )
            connection.executemany("DELETE FROM outbox WHERE event = ?", [(event,) for event in settled])
            return new

    def claim(self, now: datetime, *, lease_s: float, without: Collection[str]) -> Delivery | None:
        with self._database.writing() as connection:
            row = connection.execute(NEXT, (documents.write_time(now), json.dumps(sorted(without)))).fetchone()
            if row is None:
                return None
            found, until = _delivery(row), now + timedelta(seconds=lease_s)
            connection.execute(
                "UPDATE delivery SET state = ?, attempts = attempts + 1, next_at = ? WHERE key = ?",
                (SENDING.value, documents.write_time(until), found.key),
            )
            return replace(found, state=SENDING, attempts=found.attempts + 1, next_at=until)

    def sent(self, key: str, *, receipt: Mapping[str, str], now: datetime, events: Sequence[NewEvent]) -> None:
        with self._database.writing() as connection:
            if not _finish(connection, key, SENT, now, None):
                return
            connection.execute(
                "INSERT INTO receipt (target, thread, receipt) SELECT target, thread, ? FROM delivery WHERE key = ?"
                " ON CONFLICT (target, thread) DO UPDATE SET receipt = excluded.receipt",
                (documents.dumps(dict(receipt)), key),
            )
            _accept(connection, events)

    def failed(self, key: str, *, error: str, next_at: datetime | None, events: Sequence[NewEvent] = ()) -> None:
        with self._database.writing() as connection:
            if _finish(connection, key, WAITING if next_at else DEAD, next_at, error):
                _accept(connection, events)

    def deliveries(self, states: Sequence[DeliveryState], *, limit: int | None = None) -> tuple[Delivery, ...]:
        query = f"{DELIVERY} WHERE d.state IN (SELECT value FROM json_each(?)) ORDER BY d.id LIMIT ?"
        chosen = json.dumps([state.value for state in states])
        with self._database.reading() as connection:
            rows = connection.execute(query, (chosen, EVERYTHING if limit is None else limit))
            return tuple(map(_delivery, rows))

    def forget(self, before: datetime) -> int:
        with self._database.writing() as connection:
            return connection.execute(
                "DELETE FROM delivery WHERE planned_at < ? AND state IN ('sent', 'dead')",
                (documents.write_time(before),),
            ).rowcount

    def revive(self, now: datetime) -> int:
        query = "UPDATE delivery SET state = ?, attempts = 0, next_at = ? WHERE state = ?"
        with self._database.writing() as connection:
            return connection.execute(query, (WAITING.value, documents.write_time(now), DEAD.value)).rowcount


def _plan(connection: Connection, planned: Planned, now: datetime) -> bool:
    notice, target = planned.notice, planned.target
    told = "SELECT 1 FROM told WHERE target = ? AND incident = ? AND moment = ?"
    if any(connection.execute(told, (target, *moment)).fetchone() for moment in planned.moments):
        return False
    at = documents.write_time(now)
    row = (
        notice.key,
        target,
        notice.thread,
        WAITING.value,
        planned.counts,
        documents.write_time(planned.due_at),
        at,
        at,
    )
    made = connection.execute(
        "INSERT INTO delivery (key, target, thread, state, counts, attempts, due_at, planned_at, next_at, notice)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?) RETURNING id",
        (*row, documents.write(notice)),
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO told (target, incident, moment, delivery) VALUES (?, ?, ?, ?)",
        [(target, incident, moment, made) for incident, moment in planned.moments],
    )
    connection.executemany(
        "INSERT INTO thread (target, incident, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(target, incident, notice.thread) for incident in notice.incidents],
    )
    return True


def _finish(connection: Connection, key: str, state: DeliveryState, at: datetime | None, error: str | None) -> bool:
    """Whether it was still to be answered for: one that another process took over meanwhile may be through."""
    return bool(
        connection.execute(
            "UPDATE delivery SET state = ?, next_at = coalesce(?, next_at), error = ? WHERE key = ? AND state = ?",
            (state.value, None if at is None else documents.write_time(at), error, key, SENDING.value),
        ).rowcount
    )


def _accept(connection: Connection, events: Sequence[NewEvent]) -> None:
    for new in events:
        projections.project(connection, ledger.accept(connection, new))


def _delivery(row: Sequence[Any]) -> Delivery:
    key, target, notice, state, attempts, due_at, next_at, error, receipt = row
    return Delivery(
        key=key,
        target=target,
        notice=documents.read(Notice, notice),
        state=DeliveryState(state),
        attempts=attempts,
        due_at=documents.read_time(due_at),
        next_at=documents.read_time(next_at),
        error=error,
        receipt={} if receipt is None else documents.loads(receipt),
    )
