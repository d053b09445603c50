"""What a contract means: promises that contradict each other, name what is not there, or cannot be evaluated."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

from tidegate.checks import contract as kinds
from tidegate.checks import promises as demands
from tidegate.checks.listed import OF_DAY, instant, number
from tidegate.checks.options import COMPARISONS, is_count
from tidegate.integrations.json_schema import nearest
from tidegate.metrics import ConditionError, query, quoted
from tidegate.model import (
    Contract,
    ContractColumn,
    ContractQuality,
    ContractReference,
    ContractTable,
    SlaProperty,
)
from tidegate.model.words import counted

Said = tuple[str, str, str, str | None]
"""How grave it is, where, what, and what to do."""

SEMVER: Final = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
STATUSES: Final = ("proposed", "draft", "active", "deprecated", "retired")
UNITS: Final = ("rows", "percent")
ELSEWHERE: Final = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]")
"""Look-around and back references, which the regular expressions of DuckDB (RE2) do not have."""

BOUNDS: Final = (
    ("minimum", "maximum"),
    ("exclusiveMinimum", "maximum"),
    ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
COUNTS: Final = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
TIMES: Final = frozenset({"date", "timestamp"})

ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}
"""What each metric of the library is told."""

PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "date": (str,),
    "timestamp": (str,),
    "time": (str,),
}
FAMILIES: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"VARCHAR", "UUID", "ENUM"}),
    "integer": frozenset(
        "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT DECIMAL".split()
    ),
    "number": frozenset("DECIMAL FLOAT DOUBLE TINYINT SMALLINT INTEGER BIGINT HUGEINT".split()),
    "boolean": frozenset({"BOOLEAN"}),
    "date": frozenset({"DATE"}),
    "timestamp": frozenset({"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}),
    "time": frozenset({"TIME"}),
}
"""The physical types that a logical one can be kept in without being converted."""


def remarks(contract: Contract) -> Iterator[Said]:
    """Everything that is to be said of a contract whose shape is right, table by table."""
    top = f"{contract.file}:1:1"
    if not SEMVER.fullmatch(contract.version):
        yield "warning", top, f"the version `{contract.version}` is not semantic", "write it as 1.0.0"
    if contract.status.casefold() not in STATUSES:
        hint = nearest(contract.status, STATUSES) or f"the standard's are: {', '.join(STATUSES)}"
        unknown = f"the status `{contract.status}` is not one of the standard's"
        said = unknown if contract.status else "there is no `status`"
        yield "warning", top, said, hint
    if not contract.tables:
        yield "warning", top, "it promises nothing about any table", "list the tables under `schema:`"
    yield from _twice(((t.name, t.place) for t in contract.tables), "table")
    for table in contract.tables:
        yield from _table(contract, table)
    for promise in contract.sla:
        yield from _sla(contract, promise)


def _twice(named: Iterable[tuple[str, str]], what: str) -> Iterator[Said]:
    seen: Counter[str] = Counter()
    for name, place in named:
        seen[name.casefold()] += 1
        if seen[name.casefold()] > 1:
            yield "error", place, f"there are two {what}s called `{name}`", "give each its own name, or remove one"


def _table(contract: Contract, table: ContractTable) -> Iterator[Said]:
    yield from _twice(((c.name, c.place) for c in table.columns), "column")
    yield from _key(table)
    for reference in chain(table.references, *(c.references for c in table.columns)):
        yield from _reference(contract, table, reference)
    for quality in table.quality:
        yield from _quality(table, None, quality)
    for column in table.columns:
        yield from chain.from_iterable(_column(part) for part in _with_items(column))
        for quality in column.quality:
            yield from _quality(table, column, quality)


def _with_items(column: ContractColumn) -> Iterator[ContractColumn]:
    """A column, and what its lists hold."""
    yield column
    if column.items is not None:
        yield from _with_items(column.items)


def _key(table: ContractTable) -> Iterator[Said]:
    places = Counter(c.primary_key for c in table.key)
    for column in table.key:
        if column.primary_key and places[column.primary_key] > 1:
            hint = "number the columns of the key with `primaryKeyPosition`, from 1"
            yield "error", column.place, f"two columns of the primary key have the place {column.primary_key}", hint
            return


def _column(column: ContractColumn) -> Iterator[Said]:
    logical, place = column.logical_type or "", column.place
    if not logical:
        hint = "add `logicalType:`; the standard's own JSON Schema 3.2.0 refuses a property without it"
        yield "warning", place, f"`{column.name}` has no `logicalType`", hint
    physical = kinds.plain_type(column.physical_type or "")[0]
    if logical in FAMILIES and physical in kinds.KNOWN and physical not in FAMILIES[logical]:
        said = f"`{column.name}` is `{logical}`, and its physical type `{column.physical_type}` is not"
        yield "warning", place, said, "only the physical type is judged; make the two agree"
    yield from _options(column)
    if wrong := _unfitting(column, column.enum):
        yield "error", place, f"`{wrong[0]}` in `enum` is no {logical}", "write it as the column's type"
    if len(set(map(str, column.enum))) < len(column.enum):
        yield "error", place, f"a value stands twice in the `enum` of `{column.name}`", "remove one"
    if column.required and None in column.enum:
        yield "error", place, f"`{column.name}` is required, and its `enum` has nothing in it", "remove one of the two"


def _unfitting(column: ContractColumn, values: Iterable[object]) -> list[object]:
    """The listed values that are not of the column's logical type."""
    return [value for value in values if value is not None and not _is_a(value, column.logical_type or "")]


def _is_a(value: object, logical: str) -> bool:
    kinds = PYTHON_TYPES.get(logical)
    if logical in TIMES:
        return instant(value) is not None
    return kinds is None or (isinstance(value, kinds) and (logical == "boolean" or not isinstance(value, bool)))


def _options(column: ContractColumn) -> Iterator[Said]:
    wrong = dict(_unusable(column))
    for name, hint in wrong.items():
        said = f"`{column.name}`: `{name}` cannot be `{column.options[name]}`"
        yield "error", column.place, said, hint
    options = {name: bound for name, bound in column.options.items() if name not in wrong}
    yield from _contradictions(column, options)
    if isinstance(pattern := options.get("pattern"), str):
        yield from _pattern(pattern, column.place)


def _unusable(column: ContractColumn) -> Iterator[tuple[str, str]]:
    """The options whose value is not what they are held against, each with what to write."""
    logical = column.logical_type or ""
    for name, bound in column.options.items():
        if name in COUNTS and not is_count(bound):
            yield name, "write a whole number, 0 or more"
        elif name == "multipleOf" and not (isinstance(bound, int | float) and (number(bound) or 0) > 0):
            yield name, "write a number above 0"
        elif name == "uniqueItems" and not isinstance(bound, bool):
            yield name, "write `true` or `false`"
        elif name in ("pattern", "format") and not isinstance(bound, str):
            yield name, "write a text"
        elif name in COMPARISONS and not _is_bound(bound, logical):
            kind = {"date": "a date", "timestamp": "a time", "time": "a time of day"}.get(logical, "a number")
            yield name, f"write {kind}" if kind != "a number" else "write a number that is finite, or leave it out"


def _is_bound(bound: object, logical: str) -> bool:
    if logical in TIMES:
        return instant(bound) is not None
    if isinstance(bound, str):
        return bool(OF_DAY.fullmatch(bound)) if logical == "time" else logical not in ("integer", "number")
    return number(bound) is not None and logical != "time"


def _contradictions(column: ContractColumn, options: Mapping[str, object]) -> Iterator[Said]:
    """Bounds that leave no value: the lower one above the upper one, or the same where that is not in the range."""
    for least, most in BOUNDS:
        if least not in options or most not in options:
            continue
        low, high = (options[name] for name in (least, most))
        left, right = _comparable(low, high)
        shown = f"`{column.name}`: `{least}` {low} is %s `{most}` {high}"
        if left is not None and right is not None and left > right:
            yield "error", column.place, shown % "above", "swap them"
        elif left is not None and left == right and "exclusive" in f"{least} {most}":
            yield "error", column.place, f"{shown % 'as great as'}, so no value is left", "widen one of them"


def _comparable(low: object, high: object) -> tuple[Any, Any]:
    """Two bounds as numbers, as times or as texts, whichever both are; None and None where they are not alike."""
    for read in (number if not isinstance(low, str) else instant, lambda bound: bound):
        pair = read(low), read(high)
        if None not in pair and type(pair[0]) is type(pair[1]):
            return pair
    return None, None


def _pattern(pattern: str, place: str) -> Iterator[Said]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield "error", place, f"`{pattern}` is no regular expression: {error}", "correct it"
        return
    if ELSEWHERE.search(pattern):
        said = f"`{pattern}` uses look-around or a back reference, which DuckDB does not have"
        yield "error", place, said, "write it without, or as `type: sql`"


def _reference(contract: Contract, table: ContractTable, reference: ContractReference) -> Iterator[Said]:
    if len(reference.columns) != len(reference.fields):
        said = f"{counted(len(reference.columns), 'column refers', 'columns refer')} to {len(reference.fields)}"
        yield "error", reference.place, said, "name as many under `from` as under `to`"
        return
    for name in reference.columns:
        if table.column(name) is None:
            hint = nearest(name, (c.name for c in table.columns)) or "correct `from`"
            yield "error", reference.place, f"`{table.name}` has no column `{name}`", hint
    other = contract.table(reference.table) if reference.table else None
    if other is None or other.columns == ():
        return  # a table that is promised elsewhere
    for name in reference.fields:
        if other.column(name) is None:
            hint = nearest(name, (c.name for c in other.columns)) or "correct `to`"
            yield "error", reference.place, f"`{other.name}` has no column `{name}`", hint


def _quality(table: ContractTable, column: ContractColumn | None, quality: ContractQuality) -> Iterator[Said]:
    place = quality.place
    if quality.unit not in UNITS and quality.type == "library":
        hint = nearest(quality.unit, UNITS) or f"known are: {', '.join(UNITS)}"
        yield "error", place, f"the unit `{quality.unit}` is not known", hint
    if quality.operator is not None:
        yield from _operator(quality)
    if quality.type == "library":
        yield from _metric(table, column, quality)
    if quality.type == "sql" and quality.query is not None:
        try:
            query(demands.filled(quality.query, quoted(table.name), quoted(column.name) if column else None))
        except (ConditionError, demands.PlaceError) as error:
            yield "error", place, f"the query of `{quality.name}` cannot be used: {error}", "write one SELECT"


def _operator(quality: ContractQuality) -> Iterator[Said]:
    name, bound = quality.operator, quality.bound
    bounds = bound if isinstance(bound, list) else [bound]
    numbers = [b for b in bounds if isinstance(b, int | float) and math.isfinite(b)]
    if len(numbers) != len(bounds) or (name in kinds.RANGES) is not isinstance(bound, list):
        hint = "write a number" if name not in kinds.RANGES else "write two numbers: `[1, 5]`"
        yield "error", quality.place, f"`{name}`: `{bound}` cannot be compared with a number", hint
    elif name in kinds.RANGES and numbers[0] > numbers[-1]:
        yield "error", quality.place, f"`{name}`: {numbers[0]} is above {numbers[-1]}", "write the smaller number first"
    elif quality.unit == kinds.PERCENT and not all(0 <= number <= 100 for number in numbers):
        yield "warning", quality.place, f"`{name}`: {bound} is no share of 100 percent", "write 0 to 100"


def _metric(table: ContractTable, column: ContractColumn | None, quality: ContractQuality) -> Iterator[Said]:
    name, said, place = quality.metric, quality.arguments, quality.place
    if name == "rowCount" and column is not None:
        yield "error", place, "`rowCount` is a number of the whole table", "move it to the `quality` of the table"
    elif name not in {"rowCount", "duplicateValues"} and column is None:
        yield "error", place, f"`{name}` is a number of one column", "move it to the `quality` of the column"
    if name == "rowCount" and quality.unit == kinds.PERCENT:
        yield "error", place, "`rowCount` has no share of the rows", "remove `unit: percent`"
    if name == "invalidValues" and not {"validValues", "pattern"} & set(said):
        hint = "add `arguments: {validValues: [...]}` or `arguments: {pattern: ...}`"
        yield "error", place, "`invalidValues` does not say what is valid", hint
    if name == "missingValues" and not said:
        hint = "add `arguments: {missingValues: [...]}`, or call it `nullValues`"
        yield "warning", place, "`missingValues` does not say what stands for a missing value; NULL does", hint
    yield from _arguments(column, quality)
    if name == "duplicateValues" and column is None:
        yield from _columns_of(table, quality)


def _arguments(column: ContractColumn | None, quality: ContractQuality) -> Iterator[Said]:
    """Arguments of a metric of the library that it does not have, or that are not what it is told with them."""
    place, metric = quality.place, quality.metric or ""
    known = ARGUMENTS.get(metric, ())
    if metric == "duplicateValues" and column is not None:
        known = ()
    for name, said in quality.arguments.items():
        if name not in known:
            hint = nearest(name, known) or (f"known are: {', '.join(known)}" if known else "remove it")
            at = " of a column" if metric == "duplicateValues" and column is not None else ""
            yield "error", place, f"`{metric}`{at} has no argument `{name}`", hint
        elif name == "pattern":
            if isinstance(said, str):
                yield from _pattern(said, place)
            else:
                yield "error", place, f"`pattern` cannot be `{said}`", "write a regular expression as a text"
        elif name == "properties":
            continue  # `_columns_of` tells what is wrong with them
        elif not isinstance(said, list) or not said:
            yield "error", place, f"`{name}` is not a list of values", f"write `{name}: [...]`"
        elif name == "validValues" and column is not None and (wrong := _unfitting(column, said)):
            hint = "write it as the column's type; a value that the type cannot hold is none of its values"
            yield "warning", place, f"`{wrong[0]}` in `{name}` is no {column.logical_type}", hint


def _columns_of(table: ContractTable, quality: ContractQuality) -> Iterator[Said]:
    names = quality.arguments.get("properties")
    if not isinstance(names, list) or not names:
        hint = "add `arguments: {properties: [...]}`"
        yield "error", quality.place, "`duplicateValues` of a table does not say of which columns", hint
        return
    for name in map(str, names):
        if table.column(name) is None:
            hint = nearest(name, (c.name for c in table.columns)) or "correct `properties`"
            yield "error", quality.place, f"`{table.name}` has no column `{name}`", hint


def _sla(contract: Contract, promise: SlaProperty) -> Iterator[Said]:
    if promise.property in demands.AGES and demands.seconds(promise.value, promise.unit) is None:
        length = " ".join(filter(None, (str(promise.value), promise.unit)))
        hint = f"write a number, and a unit of: {', '.join(demands.LENGTHS)}"
        yield "error", promise.place, f"`{promise.property}`: `{length}` is no length of time", hint
    for element in promise.elements:
        table, column = demands.element(contract, element)
        above, _, last = element.rpartition(".")
        if table is None:
            near = nearest(above, (t.name for t in contract.tables)) or "write `table.column`"
            yield "warning", promise.place, f"`{element}` names no table of the contract", near
        elif column is None and table.columns and element not in (table.name, table.physical_name):
            near = nearest(last, (c.name for c in table.columns)) or "write `table.column`"
            yield "warning", promise.place, f"`{table.name}` has no column `{last}`", near
