"""Values that a list names, as a column's own type writes them: numbers are compared as numbers and times as times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from tidegate.metrics import TIMES, Kind, kind_of, literal
from tidegate.model import Column

NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE](?P<exponent>[+-]?[0-9]{1,4}))?")
NOT_FINITE: Final = re.compile(r"[+-]?\.?(?:nan|inf|infinity)", re.IGNORECASE)
FURTHEST: Final = 400
"""The greatest exponent of ten that is read: no column holds a number beyond it."""

TIME: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[Tt ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?P<part>\.\d{1,9})?"
    r" ?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
OF_DAY: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?", re.ASCII)
ENDLESS: Final = frozenset({"infinity", "-infinity"})
UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

DECIMAL: Final = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
BITS: Final = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
PLACES: Final = {"TIMESTAMP_S": 0, "TIMESTAMP_MS": 3, "TIMESTAMP_NS": 9}
"""How many places of a second a type keeps, where it is not six."""

GREATEST_FLOAT: Final = Fraction((2**24 - 1) * 2**104)


def yaml_text(value: object) -> str:
    """A value as it stands in YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: object) -> Fraction | None:
    """A finite number, exactly as it is written; None for anything else. `true` is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = NUMBER.fullmatch(str(value).strip())
    if found is None or abs(int(found["exponent"] or 0)) > FURTHEST:
        return None
    return Fraction(found[0])


def instant(value: object) -> str | None:
    """A date or a time in UTC as DuckDB writes it; a date alone where it is midnight; None for what is none.

    One without a zone is in UTC, as a column without one is read.
    """
    if not isinstance(value, str):
        return None
    said = value.strip()
    if said.casefold() in ENDLESS:
        return said.casefold()
    found = TIME.fullmatch(said)
    if found is None:
        return None
    try:
        local = datetime.fromisoformat(f"{found['day']} {found['minute'] or '00:00'}{found['second'] or ''}")
        moment = local - _offset(found["zone"])
    except (ValueError, OverflowError):
        return None
    part = (found["part"] or "").rstrip("0").rstrip(".")
    midnight = not part and moment == moment.replace(hour=0, minute=0, second=0)
    return f"{moment:%Y-%m-%d}" if midnight else f"{moment:%Y-%m-%d %H:%M:%S}{part}"


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[3:].strip(":") or 0)
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def written(value: object, column: Column) -> str | None:
    """The value as a text that the column's type takes without loss; None where no value of the column is equal to it.

    Texts, and types that are neither numbers, times nor truth, are compared by their text.
    """
    kind = kind_of(column)
    if kind in (Kind.INTEGER, Kind.WIDE, Kind.DECIMAL):
        exact = number(value)
        return _fitting(exact, column.type) if exact is not None else None
    if kind is Kind.FLOAT:
        return _floating(value, column.type)
    if kind in TIMES:
        return _timely(instant(value), column.type)
    if kind is Kind.BOOLEAN:
        return said if (said := yaml_text(value).strip().casefold()) in {"true", "false"} else None
    if column.type == "TIME":
        return yaml_text(value) if OF_DAY.fullmatch(yaml_text(value)) else None
    if column.type == "UUID":
        return yaml_text(value).lower() if UUID.fullmatch(yaml_text(value)) else None
    return yaml_text(value)


def _fitting(exact: Fraction, type_text: str) -> str | None:
    """A number of a column of whole numbers or decimals, which that type can hold."""
    scale = precision(type_text)[1]
    units, (low, high) = exact * 10**scale, limits(type_text)
    inside = (low is None or low <= units) and (high is None or units <= high)
    return fixed(int(units), scale) if inside and units.denominator == 1 else None


def precision(type_text: str) -> tuple[int, int]:
    """Of a DECIMAL how many digits it has, and how many of them behind the point; 0 and 0 of another type."""
    found = DECIMAL.fullmatch(type_text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def limits(type_text: str) -> tuple[int | None, int | None]:
    """The least and the greatest value of a type of whole numbers or decimals, in units of its last place; None where it
    has none.
    """
    if digits := precision(type_text)[0]:
        return 1 - 10**digits, 10**digits - 1
    bits = BITS.get(type_text.removeprefix("U"))
    if bits is None:
        return None, None
    return (0, 2**bits - 1) if type_text.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def fixed(units: int, scale: int) -> str:
    """So many units of the last of `scale` places, without zeros at its end: 150 and 2 are `1.5`."""
    whole, part = divmod(abs(units), 10**scale)
    behind = f"{part:0{scale}d}".rstrip("0") if scale else ""
    return ("-" if units < 0 else "") + f"{whole}" + (f".{behind}" if behind else "")


def _timely(moment: str | None, type_text: str) -> str | None:
    """A time of a column of times, which that type can hold."""
    if moment is None or moment in ENDLESS:
        return moment
    clock = moment.partition(" ")[2]
    if type_text == "DATE":
        return None if clock else moment
    if type_text == "TIMESTAMP_NS" and not "1678" <= moment[:4] <= "2261":
        return None
    return moment if len(clock.partition(".")[2]) <= PLACES.get(type_text, 6) else None


def _floating(value: object, type_text: str) -> str | None:
    exact = number(value)
    if exact is None:
        return yaml_text(value).replace(".", "").lower() if is_not_finite(value) else None
    if abs(exact) > (GREATEST_FLOAT if type_text == "FLOAT" else Fraction(math.nextafter(math.inf, 0))):
        return None
    return repr(float(exact))


def is_not_finite(value: object) -> bool:
    """Whether a value is NaN or infinite."""
    return isinstance(value, float | str) and NOT_FINITE.fullmatch(str(value).strip()) is not None


def among(sql: str, values: Iterable[object], column: Column) -> str:
    """The condition that a value of the column's type is one of a list; NULL is neither in it nor outside."""
    named = [told for value in values if value is not None and (told := written(value, column)) is not None]
    if not named:
        return f"{sql} IS NULL"
    return f"{comparable(sql, column)} IN ({', '.join(map(literal, dict.fromkeys(named)))})"


def comparable(sql: str, column: Column) -> str:
    """A value of the column as it is compared with a text: by its own type where that takes the text, else as one."""
    own = kind_of(column) not in (Kind.LABEL, Kind.OTHER) or column.type in ("TIME", "UUID")
    return sql if own and kind_of(column) is not Kind.TEXT else f"CAST({sql} AS TEXT)"
