"""What probes answered: one row each, by product, probe and time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidegate.model import Probed
from tidegate.state.connection import Connection
from tidegate.state.measurements import EPOCH, MICROSECOND

COLUMNS = "product, name, at, answered, latency_s, timed_out, error"


def save(connection: Connection, probed: Iterable[Probed]) -> None:
    """Keep answers; the same probe at the same instant is kept once, as it was told last."""
    connection.executemany(
        f"INSERT INTO probe ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (product, name, at) DO UPDATE SET answered = excluded.answered, latency_s = excluded.latency_s,"
        " timed_out = excluded.timed_out, error = excluded.error",
        [
            (p.product, p.probe, (p.at - EPOCH) // MICROSECOND, p.answered, p.latency_s, p.timed_out, p.error)
            for p in probed
        ],
    )


def forget(connection: Connection, before: datetime) -> int:
    """Remove the answers before a moment; returns how many."""
    return connection.execute("DELETE FROM probe WHERE at < ?", ((before - EPOCH) // MICROSECOND,)).rowcount


def since(connection: Connection, moment: datetime) -> tuple[Probed, ...]:
    """The answers of an instant and later, by product, probe and time."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM probe WHERE at >= ? ORDER BY product, name, at", ((moment - EPOCH) // MICROSECOND,)
    )
    return tuple(
        Probed(
            product=product,
            probe=name,
            at=EPOCH + at * MICROSECOND,
            answered=bool(answered),
            latency_s=latency_s,
            timed_out=bool(timed_out),
            error=error,
        )
        for product, name, at, answered, latency_s, timed_out, error in rows
    )
