"""What arithmetic a column's type allows: finer than its family, still without the engine's own names."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from tidegate.model import Column, Family

EXACT_DIGITS: Final = 18
"""Sums of decimals up to this precision fit in 38 digits for any table that fits on a disk."""


class Kind(StrEnum):
    """How a column's values are added, compared and cut into buckets; a LABEL (enum, UUID) becomes text first."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    WIDE = "wide"
    FLOAT = "float"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"
    TEXT = "text"
    LABEL = "label"
    BOOLEAN = "boolean"
    OTHER = "other"


NUMBERS: Final = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.WIDE, Kind.FLOAT})
TIMES: Final = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})

_INTEGERS: Final = frozenset(
    f"{sign}{name}" for sign in ("", "U") for name in ("TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT")
) | {"INT1", "INT2", "INT4", "INT8", "SERIAL", "BIGSERIAL"}
_FLOATS: Final = frozenset({"FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"})
_TEXTS: Final = ("VARCHAR", "TEXT", "CHAR", "STRING", "BPCHAR", "CLOB", "NVARCHAR")
_DECIMAL: Final = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)")


_OF_NUMBERS: Final = frozenset(
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT"
    " BIGNUM VARINT DECIMAL FLOAT DOUBLE".split()
)
_OF_TEXTS: Final = frozenset({"VARCHAR", "ENUM", "UUID"})
_OF_TIMES: Final = frozenset(
    {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
)
_LIST: Final = re.compile(r"\[\d*\]$")


def family_of(type_text: str) -> Family:
    """What can be measured of a column of that type of DuckDB's. A list, a struct, an interval, JSON or a time of day is OTHER."""
    name = type_text.partition("(")[0]
    if _LIST.search(type_text):
        return Family.OTHER
    if name in _OF_NUMBERS:
        return Family.NUMBER
    if name in _OF_TEXTS:
        return Family.TEXT
    if name in _OF_TIMES:
        return Family.TIME
    return Family.BOOLEAN if name == "BOOLEAN" else Family.OTHER


def element_of(column: Column, name: str) -> Column | None:
    """An element of a list column, under a name; None where the column holds no lists."""
    found = _LIST.search(column.type)
    if found is None:
        return None
    inner = column.type[: found.start()]
    return Column(name=name, type=inner, family=family_of(inner))


def kind_of(column: Column) -> Kind:
    """The kind of a column, from its family and the engine's text of its type; an unknown number counts as WIDE."""
    text = column.type.strip().upper()
    if column.family is Family.NUMBER:
        return _number(text)
    if column.family is Family.TIME:
        return _time(text)
    if column.family is Family.TEXT:
        return Kind.TEXT if text.startswith(_TEXTS) else Kind.LABEL
    return Kind.BOOLEAN if column.family is Family.BOOLEAN else Kind.OTHER


def _number(text: str) -> Kind:
    if text in _INTEGERS:
        return Kind.INTEGER
    if text in _FLOATS:
        return Kind.FLOAT
    decimal = _DECIMAL.match(text)
    return Kind.DECIMAL if decimal and int(decimal[1]) <= EXACT_DIGITS else Kind.WIDE


def _time(text: str) -> Kind:
    if text.startswith("DATE") and not text.startswith("DATETIME"):
        return Kind.DATE
    if text.startswith("TIME") and not text.startswith("TIMESTAMP"):
        return Kind.OTHER
    return Kind.TIMESTAMP_TZ if "WITH TIME ZONE" in text or text.endswith("TZ") else Kind.TIMESTAMP
