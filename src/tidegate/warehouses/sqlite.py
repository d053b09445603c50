"""Read a SQLite database as one side of a comparison, with the functions that write its values as DuckDB writes its own."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import cache, lru_cache
from pathlib import Path

from tidegate.errors import DatabaseNotFoundError, QueryError
from tidegate.model import Column, Dataset, DatasetRef, Family
from tidegate.ports import Answer

MAGIC = b"SQLite format 3\x00"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_WITHOUT_A_ZONE = EPOCH.replace(tzinfo=None)
MICROSECOND = timedelta(microseconds=1)

EXACT = Context(prec=60)
"""Decimals are rounded in more digits than any number here has."""

TABLES = "SELECT name, type = 'view' FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"


class SQLiteSide:
    """One SQLite file. A column without a declared type is a text; a declared type is only a promise in SQLite, so a value
    of another kind is written as it is and never taken for NULL.
    """

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def catalog(self) -> tuple[Dataset, ...]:
        return tuple(
            Dataset(
                ref=DatasetRef(namespace="main", name=name),
                columns=tuple(
                    Column(name=row[1], type=str(row[2]).upper() or "TEXT", family=Family.OTHER)
                    for row in self._connection.execute("SELECT * FROM pragma_table_info(?)", [name])
                ),
                is_view=bool(is_view),
            )
            for name, is_view in self._connection.execute(TABLES).fetchall()
        )

    def query(self, sql: str) -> Answer:
        cpu_s, wall_s = _cpu_s(), time.perf_counter()
        try:
            cursor = self._connection.execute(sql)
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise QueryError(f"SQLite: {error}", sql=sql) from error
        return Answer(
            columns=tuple(str(column[0]) for column in cursor.description or ()),
            rows=tuple(map(tuple, rows)),
            cpu_s=_cpu_s() - cpu_s,
            wall_s=time.perf_counter() - wall_s,
        )


@contextmanager
def open_sqlite(file: Path) -> Iterator[SQLiteSide]:
    """Open a SQLite file for reading.

    Raises:
        DatabaseNotFoundError: it cannot be opened.
    """
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise DatabaseNotFoundError(f"`{file}` cannot be opened: {error}") from error
    with closing(connection):
        connection.execute("PRAGMA query_only = on")
        connection.create_function("tidegate_form", 3, form, deterministic=True)
        connection.create_function("tidegate_quantum", 2, quantum, deterministic=True)
        connection.create_function("tidegate_raw", 1, raw, deterministic=True)
        connection.create_function("tidegate_micros", 1, micros, deterministic=True)
        connection.create_function("tidegate_hash", 1, hashed, deterministic=True)
        connection.create_aggregate("tidegate_sum", 1, _Sum)  # type: ignore[arg-type]  # the stubs want `step` to take an int
        yield SQLiteSide(connection)


def form(value: object, kind: str, scale: int | None) -> str | None:
    """A value as a text of that kind; one that is not of the kind as it is."""
    if value is None:
        return None
    match kind:
        case "integer":
            return _integer(value)
        case "decimal":
            return _decimal(value, scale or 0)
        case "double":
            number = _float(value)
            return raw(value) if number is None else f"{number + 0.0:.11e}"
        case "time":
            at = micros(value)
            return raw(value) if at is None else str(at)
        case _:
            return raw(value)


def quantum(value: object, size: float) -> str | None:
    """A number in multiples of `size`, halves away from zero, as DuckDB rounds."""
    number = _float(value)
    if number is None:
        return raw(value)
    units = number / size
    return str(int(Decimal(units).quantize(Decimal(1), rounding=ROUND_HALF_UP)))


def raw(value: object) -> str | None:
    """A value as text, with every digit; bytes in hexadecimal."""
    if value is None or isinstance(value, str):
        return value
    return "\\x" + value.hex() if isinstance(value, bytes) else repr(value)


def micros(value: object) -> int | None:
    """Microseconds since 1970 of a time as SQLite keeps it: a text in ISO 8601, read as UTC without a zone; None for what is
    none. A number is none, because it could be seconds, milliseconds or a Julian day.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment - (EPOCH_WITHOUT_A_ZONE if moment.tzinfo is None else EPOCH)) // MICROSECOND


def hashed(text: str) -> int:
    """60 bits of the text's MD5; the statement for DuckDB takes the same ones."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:15], 16)


class _Sum:
    """Adds up 60-bit numbers without SQLite's limit of 64 bits."""

    def __init__(self) -> None:
        self._sum = 0

    def step(self, value: int) -> None:
        self._sum += value

    def finalize(self) -> str:
        return str(self._sum)


def _integer(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        try:
            return str(int(value))
        except ValueError:
            return value
    return raw(value)


@lru_cache(maxsize=1 << 15, typed=True)
def _decimal(value: object, scale: int) -> str | None:
    """At that many digits, halves away from zero. Prices and amounts come again and again, so the last ones are kept."""
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
        rounded = number.quantize(_unit(scale), rounding=ROUND_HALF_UP, context=EXACT)
    except InvalidOperation:
        return raw(value)
    return f"{abs(rounded) if rounded.is_zero() else rounded:f}"


@cache
def _unit(scale: int) -> Decimal:
    """The smallest number of so many digits."""
    return Decimal(1).scaleb(-scale)


def _float(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
