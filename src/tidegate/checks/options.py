"""What the contract standard's `logicalTypeOptions` come to: a condition on a value of a column, or on an element of a list."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from tidegate.checks.contract import is_logical
from tidegate.checks.listed import GREATEST_FLOAT, OF_DAY, among, fixed, instant, limits, number, precision
from tidegate.metrics import Kind, element_of, kind_of, literal
from tidegate.model import Column, ContractColumn, Family

Option = tuple[str, str | None]
"""What is promised, and the condition that it comes to, which passes where it is NULL; None where nobody can tell."""

COMPARISONS: Final[Mapping[str, str]] = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
}
LENGTH_BOUNDS: Final[Mapping[str, str]] = {"minLength": ">=", "maxLength": "<="}
ITEM_BOUNDS: Final[Mapping[str, str]] = {"minItems": ">=", "maxItems": "<="}
WIDTH: Final = re.compile(r"([iu])(8|16|32|64|128)")

CASTS: Final[Mapping[str, Column]] = {
    "date": Column(name="date", type="DATE", family=Family.TIME),
    "timestamp": Column(name="timestamp", type="TIMESTAMP", family=Family.TIME),
    "time": Column(name="time", type="TIME", family=Family.OTHER),
    "integer": Column(name="integer", type="HUGEINT", family=Family.NUMBER),
    "number": Column(name="number", type="DOUBLE", family=Family.NUMBER),
}
"""What a value of another type is read as before it is held against a bound."""

FORMATS: Final[Mapping[str, str]] = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
    "url": r"^https?://\S+$",
    "hostname": r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
    "ipv4": r"^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$",
}
"""Texts that the standard's `format` names, as far as a regular expression can tell them."""

DIGITS: Final = 38
"""How many digits DuckDB's DECIMAL has at most."""

EXACT_DIGITS: Final[Mapping[str, int]] = {"FLOAT": 6, "DOUBLE": 15}
"""A literal of so many characters becomes the nearest number of that type whichever way DuckDB converts it."""

MICROSECONDS: Final = 6
"""Places of a second that a TIMESTAMP keeps."""


def conditions(said: ContractColumn, value: str, column: Column) -> Iterator[Option]:
    """Each logical type option of a column, and each promise about the items of a list, with its condition.

    Args:
        value: the SQL of the value.
        column: its type in the warehouse.
    """
    for name, bound in said.options.items():
        if name == "format":
            yield from _format(str(bound), said.logical_type or "", value, column)
        elif (name, bound) != ("uniqueItems", False):
            yield name, _condition(name, bound, said.logical_type or "", value, column)
    if said.items is not None:
        yield from _of_items(said.items, value, column)


def _condition(name: str, bound: object, logical: str, value: str, column: Column) -> str | None:
    is_list = column.type.endswith("]")
    if name in COMPARISONS:
        read, as_type = _read(value, column, logical)
        return _known(_bounded(read, COMPARISONS[name], bound, as_type), value, read)
    if name == "multipleOf":
        read, as_type = _read(value, column, logical)
        return _known(_multiple(read, bound, as_type), value, read)
    if name in LENGTH_BOUNDS and is_count(bound):
        return f"LENGTH(CAST({value} AS TEXT)) {LENGTH_BOUNDS[name]} {bound}"
    if name == "pattern" and isinstance(bound, str):
        return f"REGEXP_MATCHES(CAST({value} AS TEXT), {literal(bound)})"
    if name in ITEM_BOUNDS and is_list and is_count(bound):
        return f"LEN({value}) {ITEM_BOUNDS[name]} {bound}"
    if name == "uniqueItems" and is_list and bound is True:
        return f"LEN(LIST_DISTINCT({value})) = LEN(LIST_FILTER({value}, LAMBDA item: item IS NOT NULL))"
    return None


def is_count(bound: object) -> bool:
    """Whether an option that bounds a number of things says one."""
    return isinstance(bound, int) and not isinstance(bound, bool) and bound >= 0


def _read(value: str, column: Column, logical: str) -> tuple[str, Column]:
    """The value as its logical type has it, and the type that it has then; as it is where that is a number already."""
    numbers = column.family is Family.NUMBER and logical in ("integer", "number")
    if numbers or logical not in CASTS or is_logical(column, logical):
        return value, column
    return f"TRY_CAST({value} AS {CASTS[logical].type})", CASTS[logical]


def _known(condition: str | None, value: str, read: str) -> str | None:
    """A value that cannot be read as its logical type meets no bound of that; NULL aside."""
    if condition is None or read == value:
        return condition
    return f"COALESCE({condition}, NULLIF({value} IS NULL, TRUE))"


def _bounded(value: str, operator: str, bound: object, column: Column) -> str | None:
    """A comparison with a bound that is exact in the column's type; NaN is beyond every bound."""
    kind = kind_of(column)
    if column.family is Family.NUMBER:
        exact = number(bound)
        if exact is None:
            return None
        if kind is Kind.FLOAT:
            compared = f"{value} {operator} {_floating(exact, column.type)}"
            return compared if "<" in operator else f"{compared} AND NOT ISNAN({value})"
        return f"{value} {_whole(operator, exact, column.type)}"
    if not isinstance(bound, str):
        return None
    if column.family is Family.TIME:
        moment = instant(bound)
        return None if moment is None else f"{value} {operator} CAST({literal(moment)} AS {_type_of(moment, kind)})"
    if column.type == "TIME":
        return f"{value} {operator} CAST({literal(bound)} AS TIME)" if OF_DAY.fullmatch(bound) else None
    return f"CAST({value} AS TEXT) {operator} {literal(bound)}"


def _type_of(moment: str, kind: Kind) -> str:
    if kind is Kind.TIMESTAMP_TZ:
        return "TIMESTAMP WITH TIME ZONE"
    if kind is Kind.DATE and " " not in moment:
        return "DATE"
    return "TIMESTAMP_NS" if len(moment.partition(".")[2]) > MICROSECONDS else "TIMESTAMP"


def _whole(operator: str, exact: Fraction, type_text: str) -> str:
    """A comparison with a bound of whole numbers or decimals, moved to the next number that the type has, so that none of
    its values is on another side of it.
    """
    scale = precision(type_text)[1]
    units = exact * 10**scale
    moved = math.ceil(units) if operator in (">=", "<") else math.floor(units)
    low, high = limits(type_text)
    if high is not None and moved > high:
        operator, moved = ">" if ">" in operator else "<=", high
    elif low is not None and moved < low:
        operator, moved = ">=" if ">" in operator else "<", low
    return f"{operator} {fixed(moved, scale)}"


def _floating(exact: Fraction, type_text: str) -> str:
    """The nearest number of a FLOAT or a DOUBLE; beyond those, of a DOUBLE, which is infinite if need be."""
    places = _places(exact)
    plain = fixed(int(exact * 10**places), places)
    if len(plain) <= EXACT_DIGITS[type_text]:
        return plain
    try:
        nearest = float(exact)
    except OverflowError:
        nearest = math.inf if exact > 0 else -math.inf
    return f"CAST('{nearest!r}' AS {type_text if abs(exact) <= GREATEST_FLOAT else 'DOUBLE'})"


def _places(exact: Fraction) -> int:
    """How many places behind the point a decimal number has."""
    places = 0
    while (exact * 10**places).denominator != 1:
        places += 1
    return places


def _multiple(value: str, bound: object, column: Column) -> str | None:
    """Whether a value is a whole multiple, exactly: of a column with s places the least one that has so many is asked for.

    With a step of n/d in lowest terms a whole number is a multiple of it where it is one of n.
    """
    step = number(bound)
    if step is None or step <= 0:
        return None
    if kind_of(column) is Kind.FLOAT:
        return _multiple_of_float(value, step, column.type)
    scale, greatest = precision(column.type)[1], limits(column.type)[1]
    if greatest is None:
        return None
    units = (step * 10**scale).numerator
    if units > greatest:
        return f"{value} = 0"
    return f"{value} % {fixed(units, scale)} = 0"


def _multiple_of_float(value: str, step: Fraction, type_text: str) -> str | None:
    """A FLOAT or a DOUBLE is the decimal number that it is shown as: it is a multiple where the decimal with as many places
    as the step has is one, and is shown as the same number. What has more digits than a DECIMAL is none.
    """
    places = _places(step)
    units = int(step * 10**places)
    if places > DIGITS or units >= 10**DIGITS:
        return None
    as_type = f"DECIMAL({DIGITS},{places})"
    decimal = f"TRY_CAST(CAST({value} AS TEXT) AS {as_type})"
    divides = f"{decimal} % CAST({literal(fixed(units, places))} AS {as_type}) = 0"
    return (
        f"COALESCE({divides} AND CAST(CAST({decimal} AS TEXT) AS {type_text}) = {value}, NULLIF({value} IS NULL, TRUE))"
    )


def _format(said: str, logical: str, value: str, column: Column) -> Iterator[Option]:
    """A text's format is a pattern, a whole number's a range; a real date has none, so nothing is to be judged."""
    width = WIDTH.fullmatch(said)
    if logical == "string":
        pattern = FORMATS.get(said.casefold())
        yield "format", f"REGEXP_MATCHES(CAST({value} AS TEXT), {literal(pattern)})" if pattern else None
    elif logical == "integer" and width is not None:
        bits = int(width[2])
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if width[1] == "i" else (0, 2**bits - 1)
        read, _ = _read(value, column, logical)
        yield "format", _known(f"{read} BETWEEN {low} AND {high}", value, read)
    elif not (is_logical(column, logical) and logical in {"date", "timestamp", "time"}):
        yield "format", None


def _of_items(said: ContractColumn, value: str, column: Column) -> Iterator[Option]:
    """What is promised of each element, as a condition on the list: none is against it, NULL aside."""
    item = f"item{len(column.type)}"  # shorter with each list that it lies in, so that none hides another
    element = element_of(column, item)
    found = _of_element(said, item, element) if element is not None else _unheld(said)
    for name, sql in found:
        inside = None if sql is None else f"LEN(LIST_FILTER({value}, LAMBDA {item}: NOT ({sql}))) = 0"
        yield f"{name} of the items", inside


def _of_element(said: ContractColumn, item: str, element: Column) -> Iterator[Option]:
    if said.required:
        yield "required", f"{item} IS NOT NULL"
    if said.enum:
        yield "enum", among(item, said.enum, element)
    yield from conditions(said, item, element)
    yield from ((name, None) for name in _others(said))


def _unheld(said: ContractColumn) -> Iterator[Option]:
    """Everything that is promised of items which the warehouse does not hold as a list."""
    named = ("required",) * said.required + ("enum",) * bool(said.enum) + tuple(said.options) + tuple(_others(said))
    yield from ((name, None) for name in named)
    if said.items is not None:
        yield from ((f"{name} of the items", None) for name, _ in _unheld(said.items))


def _others(said: ContractColumn) -> Iterator[str]:
    """What is promised of an item and cannot be told by looking at one."""
    if said.unique or said.primary_key is not None:
        yield "unique"
    if said.references:
        yield "relationships"
    yield from (f"quality `{quality.name}`" for quality in said.quality)
