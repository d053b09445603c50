"""What DuckDB's types and values are in Tidegate's terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

ZONED = "TIMESTAMP WITH TIME ZONE"
STAMPS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", ZONED})


def without_zones(sql: str, types: Sequence[str]) -> str:
    """The same rows with every column that holds a TIMESTAMP WITH TIME ZONE as one that the client can fetch.

    DuckDB's client wants the package pytz for such values. The column itself becomes a TIMESTAMP in the session's
    zone, which is UTC; a list or struct of them becomes text. The statement goes in as DuckDB's `query('...')`, which
    takes it with whatever semicolons and comments are at its end.
    """
    columns = []
    for position, type_text in enumerate(types):
        if type_text == ZONED:
            columns.append(f"CAST(c{position} AS TIMESTAMP)")
        elif ZONED in type_text:
            columns.append(f"CAST(c{position} AS VARCHAR)")
        else:
            columns.append(f"c{position}")
    names = ", ".join(f"c{position}" for position in range(len(types)))
    return f"SELECT {', '.join(columns)} FROM query({literal(sql)}) AS answer({names})"  # noqa: S608 only a quoted text


def literal(text: str) -> str:
    """Text as a string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def aware(rows: Sequence[tuple[object, ...]], types: Sequence[str]) -> tuple[tuple[object, ...], ...]:
    """Rows with the times of every timestamp column marked as UTC, which is how a time without zone is read."""
    stamps = [position for position, type_text in enumerate(types) if type_text in STAMPS]
    if not stamps:
        return tuple(rows)
    return tuple(_aware(row, stamps) for row in rows)


def _aware(row: tuple[object, ...], stamps: Sequence[int]) -> tuple[object, ...]:
    values = list(row)
    for position in stamps:
        value = values[position]
        if isinstance(value, datetime):
            values[position] = value.replace(tzinfo=UTC)
    return tuple(values)
