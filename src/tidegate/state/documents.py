"""Nouns as JSON and back, exactly: the form of each is derived from its annotations, and nothing unknown is ignored.

- A dataclass is an object of its fields; a field that is None, and is None when left out, is left out.
- Times are ISO 8601 in UTC, enums their value, tuples arrays; NaN and the infinities are the strings below.
- Where the model says `object`, what JSON has no word for is tagged: {"$tuple": [...]}, {"$float": "NaN"}, ...

Writing what has no form raises StateError; reading what was not written here raises ValueError.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from tidegate.errors import StateError

T = TypeVar("T")

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one annotation become JSON, and how they are read again."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def dumps(document: object) -> str:
    """Write JSON as it is kept: compact, in the given order."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def loads(text: object) -> Any:
    """Parse JSON text."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not JSON text")
    return json.loads(text)


def write(value: object) -> str:
    """Write a noun as JSON text."""
    return dumps(write_part(value))


def write_part(value: object) -> Any:
    """Write a noun as the values of JSON: an object of its fields."""
    return form(type(value)).write(value)


def read(noun: type[T], text: str) -> T:
    """Read a noun from JSON text."""
    return read_part(noun, loads(text))


def read_part(noun: type[T], document: object) -> T:
    """Read a noun from parsed JSON."""
    return cast(T, form(noun).read(document))


def read_field(noun: type, name: str, document: object) -> Any:
    """Read the value of one field of a noun from parsed JSON."""
    return form(get_type_hints(noun)[name]).read(document)


def write_loose(value: object) -> str:
    """Write any JSON-like value, with tags for what JSON has no word for."""
    return dumps(_tag(value))


def read_loose(text: str) -> Any:
    """Read what `write_loose` wrote."""
    return _untag(loads(text))


def plain(value: object) -> Any:
    """Turn an event's data into plain JSON values: nouns become objects, times text, tuples arrays; no tags."""
    if is_dataclass(value) and not isinstance(value, type):
        return write_part(value)
    if isinstance(value, Mapping):
        return {clean(_key(name)): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return write_time(value)
    return _scalar(value)


def clean(text: str) -> str:
    """Replace what UTF-8 cannot hold (undecodable bytes of a path or a log) by its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def write_time(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds, so that times sort as text."""
    if moment.tzinfo is None:
        raise StateError(f"`{moment}` has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def read_time(text: object) -> datetime:
    """Read a time; one without a time zone is refused."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a time")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise StateError(f"`{name!r}` cannot be the name of a JSON value")
    return name.value if isinstance(name, Enum) else name


def _scalar(value: object) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return _write_float(value)
    raise StateError(f"`{value!r}` cannot be kept: {type(value).__name__} has no form in JSON")


# --- the form of an annotation ---------------------------------------------------------------------------------------


def form(hint: Any) -> Form:
    """Give the form of an annotation, derived once.

    Raises:
        TypeError: an annotation that has no form yet, such as a union of two nouns.
    """
    return _form(hint)


@cache
def _form(hint: Any) -> Form:
    if hint in SCALARS:
        return SCALARS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _optional(hint, arguments)
    if origin is tuple:
        return _sequence(form(arguments[0])) if arguments[-1] is Ellipsis else _row([form(a) for a in arguments])
    if hint is object or (origin is not None and issubclass(origin, Mapping)):
        return Form(_tag, _untag)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Form(lambda value: _refuse(hint)(value).value, hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _noun(hint)
    raise TypeError(f"no form for {hint!r}")


def _exactly(*kinds: type) -> Callable[[Any], Any]:
    def read_one(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise ValueError(f"{value!r} is not {kinds[0].__name__}")
        return value

    return read_one


def _refuse(read_one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What may not be read may not be written either."""

    def write_one(value: Any) -> Any:
        try:
            return read_one(value)
        except ValueError as error:
            raise StateError(f"cannot be kept: {error}") from error

    return write_one


def _write_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _read_float(value: Any) -> float:
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    return cast(float, _exactly(float, int)(value))


SCALARS: Mapping[Any, Form] = {
    str: Form(lambda value: clean(_refuse(_exactly(str))(value)), _exactly(str)),
    int: Form(_refuse(_exactly(int)), _exactly(int)),
    bool: Form(_refuse(_exactly(bool)), _exactly(bool)),
    float: Form(lambda value: _write_float(_refuse(_exactly(float, int))(value)), _read_float),
    datetime: Form(write_time, read_time),
}


def _optional(hint: Any, arguments: tuple[Any, ...]) -> Form:
    rest = [argument for argument in arguments if argument is not type(None)]
    if len(rest) != 1 or len(rest) == len(arguments):
        raise TypeError(f"no form for {hint!r}: only `X | None` can be told apart in JSON")
    inner = form(rest[0])
    return Form(
        lambda value: None if value is None else inner.write(value),
        lambda document: None if document is None else inner.read(document),
    )


def _sequence(item: Form) -> Form:
    return Form(
        lambda value: [item.write(part) for part in value],
        lambda document: tuple(item.read(part) for part in _exactly(list)(document)),
    )


def _row(items: list[Form]) -> Form:
    def read_row(document: Any) -> tuple[Any, ...]:
        parts = _exactly(list)(document)
        if len(parts) != len(items):
            raise ValueError(f"{len(parts)} values where {len(items)} belong")
        return tuple(item.read(part) for item, part in zip(items, parts, strict=True))

    return Form(lambda value: [item.write(part) for item, part in zip(items, value, strict=True)], read_row)


def _noun(noun: type[Any]) -> Form:
    hints = get_type_hints(noun)
    forms = {part.name: form(hints[part.name]) for part in fields(noun)}
    silent = frozenset(part.name for part in fields(noun) if part.default is None)
    needed = {part.name for part in fields(noun) if _is_needed(part)}

    def write_noun(value: Any) -> dict[str, Any]:
        if type(value) is not noun:
            raise StateError(f"`{value!r}` cannot be kept as {noun.__name__}")
        parts = ((name, part, getattr(value, name)) for name, part in forms.items())
        return {name: part.write(held) for name, part, held in parts if held is not None or name not in silent}

    def read_noun(document: Any) -> Any:
        if not isinstance(document, dict):
            raise ValueError(f"{document!r} is not {noun.__name__}")
        if unknown := document.keys() - forms.keys():
            raise ValueError(f"{noun.__name__} has no {', '.join(sorted(unknown))}")
        if missing := needed - document.keys():
            raise ValueError(f"{noun.__name__} lacks {', '.join(sorted(missing))}")
        return noun(**{name: forms[name].read(held) for name, held in document.items()})

    return Form(write_noun, read_noun)


def _is_needed(part: Field[Any]) -> bool:
    return part.default is MISSING and part.default_factory is MISSING


# --- values whose form the model leaves open -------------------------------------------------------------------------


def _tag(value: object) -> Any:
    if isinstance(value, Mapping):
        if all(isinstance(name, str) and not name.startswith("$") for name in value):
            return {clean(_key(name)): _tag(part) for name, part in value.items()}
        return {"$map": [[_tag(name), _tag(part)] for name, part in value.items()]}
    if isinstance(value, list):
        return [_tag(part) for part in value]
    if isinstance(value, tuple):
        return {"$tuple": [_tag(part) for part in value]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": _write_float(value)}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    return _scalar(value)


def _read_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"{text!r} is not a decimal") from error


TAGS: Mapping[str, Callable[[Any], Any]] = {
    "$map": lambda pairs: {_untag(name): _untag(part) for name, part in pairs},
    "$tuple": lambda parts: tuple(_untag(part) for part in parts),
    "$float": lambda name: NON_FINITE[name],
    "$time": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$decimal": _read_decimal,
}


def _untag(document: Any) -> Any:
    if isinstance(document, list):
        return [_untag(part) for part in document]
    if not isinstance(document, dict):
        return document
    tag = next((name for name in document if name.startswith("$")), None)
    if tag is None:
        return {name: _untag(part) for name, part in document.items()}
    if len(document) != 1 or tag not in TAGS:
        raise ValueError(f"nothing is written as {tag!r}")
    try:
        return TAGS[tag](document[tag])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{document[tag]!r} is not a {tag}") from error
