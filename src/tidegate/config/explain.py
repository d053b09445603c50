"""Explain: why a file is refused, with the exact place, what was found there and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, ValidationError
from msgspec.structs import FieldInfo, fields

from tidegate.config.schema import Part, ProjectPart, convert
from tidegate.errors import ConfigError, UnknownKeyError

Loc = tuple[str | int, ...]
"""The keys and, from 0, the indexes that lead to a place in the file."""

WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "`true` or `false`", list: "a list"}
"""How an error calls the types; every other one is a mapping in YAML."""


def explain(plain: object, where: Callable[..., str], kind: type[Part] = ProjectPart) -> ConfigError:
    """The first unknown key, because it is the usual cause; else the first value that is wrong or missing.

    Args:
        plain: the content of the file, which `convert` refused.
        where: the file, line and column of a place.
        kind: what the file should be.
    """
    for loc, known in _unknown_keys(plain, kind, ()):
        return unknown_key(where(*loc), str(loc[-1]), known)
    return _refusal(plain, kind, (), where) or ConfigError(f"{where()}: the file is not what is allowed")


def unknown_key(where: str, key: str, known: Iterable[str]) -> UnknownKeyError:
    """A key that nothing reads; its hint names the nearest known one."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
    return UnknownKeyError(f"{where}: unknown key `{key}`", hint=hint)


def _unknown_keys(value: object, kind: Any, loc: Loc) -> Iterator[tuple[Loc, Sequence[str]]]:
    """The place of each unknown key, and the keys that are known there."""
    part = _part(kind)
    if part and isinstance(value, dict) and part.__struct_config__.forbid_unknown_fields:
        known = part.__struct_fields__
        yield from (((*loc, key), known) for key in value if key not in known)
    for key, inner, of in _inside(value, kind):
        yield from _unknown_keys(inner, of, (*loc, key))


def _refusal(value: object, kind: Any, loc: Loc, where: Callable[..., str]) -> ConfigError | None:
    """Why `convert` refuses a value, told at the deepest place; None when it does not."""
    for key, inner, of in _inside(value, kind):
        if refusal := _refusal(inner, of, (*loc, key), where):
            return refusal
    if isinstance(value, dict) and (missing := _missing(value, kind)):
        return ConfigError(f"{where(*loc)}: `{_dotted(*loc, missing)}` is missing", hint=f"add `{missing}:`")
    try:
        convert(value, kind)
    except ValidationError as error:
        place = f"{where(*loc)}: `{_dotted(*loc)}`"
        if isinstance(error.__cause__, ValueError):  # a rule across keys, which says it itself
            return ConfigError(f"{place}: {error.__cause__}")
        return ConfigError(f"{place}: {_unlike(value, kind)}", hint=_way_out(value, kind))
    return None


def _missing(value: Mapping[str, object], kind: Any) -> str | None:
    part = _part(kind)
    return next((f.name for f in _fields(part) if f.required and f.name not in value), None) if part else None


def _dotted(*loc: str | int) -> str:
    return ".".join(map(str, loc))


def _inside(value: object, kind: Any) -> Iterator[tuple[str | int, object, Any]]:
    """What a value holds: the key or index, the inner value and its type. The keys of a mapping have a type as well."""
    for option in _options(kind):
        of = get_args(option)
        if isinstance(value, list) and get_origin(option) is list:
            yield from ((place, inner, of[0]) for place, inner in enumerate(value))
        elif isinstance(value, dict) and get_origin(option) is dict:
            yield from ((key, key, of[0]) for key in value)
            yield from ((key, inner, of[1]) for key, inner in value.items())
        elif isinstance(value, dict) and (part := _part(option)):
            kinds = {field.name: field.type for field in _fields(part)}
            yield from ((key, inner, kinds[key]) for key, inner in value.items() if key in kinds)


def _options(kind: Any) -> tuple[Any, ...]:
    """The alternatives of a type, without annotations: `str | list[str] | None` has three."""
    if get_origin(kind) is Annotated:
        return _options(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return tuple(option for inner in get_args(kind) for option in _options(inner))
    return (kind,)


def _part(kind: Any) -> type[Part] | None:
    return next((o for o in _options(kind) if isinstance(o, type) and issubclass(o, Part)), None)


@cache
def _fields(part: type[Part]) -> tuple[FieldInfo, ...]:
    return fields(part)


def _unlike(value: object, kind: Any) -> str:
    """What was found and what is allowed."""
    if isinstance(value, str) and str in _options(kind):
        return f"`{value}` is not {_allowed(kind)}"
    return f"{_allowed(kind)} is expected (found {_found(value)})"


def _found(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return f"`{str(value).lower()}`"
        case str() | int() | float() | date():
            return f"`{value}`"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a mapping"
        case _:
            return "a value with a YAML tag"


def _allowed(kind: Any) -> str:
    """What a type allows, in words."""
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        called = [note.extra["called"] for note in notes if note.extra]
        return called[0] if called else _allowed(inner) + "".join(_bounds(note) for note in notes)
    if get_origin(kind) in {Union, UnionType}:
        return _either([_allowed(option) for option in get_args(kind) if option is not NoneType])
    if get_origin(kind) is Literal:
        return _either([f"`{word}`" for word in get_args(kind)])
    return WORDS.get(get_origin(kind) or kind, "a mapping")


def _either(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _bounds(note: Meta) -> str:
    if note.ge is not None and note.le is not None:
        return f" from {note.ge} to {note.le}"
    if note.gt is not None:
        return f" above {note.gt}"
    if note.min_length is not None:
        return f" with {note.min_length} or more entries"
    return "" if note.ge is None else f" of {note.ge} or more"


def _way_out(value: object, kind: Any) -> str | None:
    """A hint where one helps more than the JSON Schema does."""
    if value is None:
        return "give it a value, or remove it"
    if isinstance(value, (bool, int, float, date)) and _fits(str(value), kind):
        return "put quotes around it, if it is meant as a text"
    if isinstance(value, (str, int, float)) and _fits([value], kind):
        return f"write it as a list: `[{value}]`"
    part = _part(kind)
    return f"known here: {', '.join(sorted(part.__struct_fields__))}" if part else None


def _fits(value: object, kind: Any) -> bool:
    try:
        convert(value, kind)
    except ValidationError:
        return False
    return True
