"""JSON Schema: hold plain values against the keywords that the Open Data Contract Standard's schema uses.

A small interpreter instead of a package: what it adds is the place and a hint for every fault, and it needs neither
`jsonschema` with its packages nor pydantic. `tests/unit/integrations/test_json_schema.py` compares both verdicts.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Loc = tuple[str | int, ...]
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a schema does not allow, and where: the keys and indexes, from 0, that lead there."""

    loc: Loc
    message: str
    hint: str | None = None


@dataclass(slots=True)
class _Seen:
    """What a schema says of one value: faults, the keys that it knows, and those that it has looked at."""

    faults: list[Fault] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def take(self, other: _Seen) -> None:
        self.faults += other.faults
        self.known |= other.known


TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda v: isinstance(v, Mapping),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: (isinstance(v, int) or (isinstance(v, float) and v.is_integer())) and not isinstance(v, bool),
}
WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "boolean": "`true` or `false`",
    "null": "nothing",
    "number": "a number",
    "integer": "a whole number",
}


def faults(value: object, schema: Schema) -> tuple[Fault, ...]:
    """Everything that the schema does not allow, in the order of the file; empty when the value is valid."""
    return tuple(dict.fromkeys(_Judge(schema).look(value, schema, ()).faults))


class _Judge:
    """Looks at values with the definitions of one schema at hand."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def look(self, value: object, schema: Schema, loc: Loc) -> _Seen:
        seen = _Seen(_plain(value, schema, loc))
        if seen.faults:
            return seen  # a value of another type has nothing else to be said of it
        if "$ref" in schema:
            seen.take(self.look(value, self._target(schema["$ref"]), loc))
        seen.faults += _sized(value, schema, loc)
        if isinstance(value, Mapping):
            seen.take(self._object(value, schema, loc))
        if isinstance(value, list) and "items" in schema:
            for place, item in enumerate(value):
                seen.faults += self.look(item, schema["items"], (*loc, place)).faults
        self._combined(value, schema, loc, seen)
        if isinstance(value, Mapping) and schema.get("unevaluatedProperties") is False:
            seen.faults += _unknown(value, seen.known, loc)
            seen.known |= set(value)
        return seen

    def _target(self, ref: str) -> Schema:
        found: Any = self._root
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
        target: Schema = found
        return target

    def _object(self, value: Mapping[str, object], schema: Schema, loc: Loc) -> _Seen:
        parts: Mapping[str, Schema] = schema.get("properties", {})
        seen = _Seen(known=set(parts))
        for name in schema.get("required", ()):
            if name not in value:
                seen.faults.append(Fault(loc, f"`{name}` is missing{_inside(loc)}", f"add `{name}:`"))
        for name, said in value.items():
            if name in parts:
                seen.faults += self.look(said, parts[name], (*loc, name)).faults
        if schema.get("additionalProperties") is False:
            seen.faults += _unknown(value, parts, loc)
        return seen

    def _combined(self, value: object, schema: Schema, loc: Loc, seen: _Seen) -> None:
        for part in schema.get("allOf", ()):
            seen.take(self.look(value, part, loc))
        if "if" in schema and not self.look(value, schema["if"], loc).faults:
            seen.take(self.look(value, schema.get("then", {}), loc))
        if "anyOf" in schema:
            seen.take(self._any(value, schema["anyOf"], loc))
        if "oneOf" in schema:
            seen.take(self._one(value, schema["oneOf"], loc))
        if "not" in schema and not self.look(value, schema["not"], loc).faults:
            seen.faults.append(_refused(schema["not"], loc))

    def _any(self, value: object, options: Sequence[Schema], loc: Loc) -> _Seen:
        looks = [self.look(value, option, loc) for option in options]
        fitting = [seen for seen in looks if not seen.faults]
        return fitting[0] if fitting else self._nearest(value, options, looks, loc)

    def _one(self, value: object, options: Sequence[Schema], loc: Loc) -> _Seen:
        looks = [self.look(value, option, loc) for option in options]
        fitting = [seen for seen in looks if not seen.faults]
        if len(fitting) == 1:
            return fitting[0]
        names = [name for option in options for name in option.get("required", ())]
        if isinstance(value, Mapping) and len(names) == len(options):
            return self._operator(value, names, options, loc)
        if fitting:
            return _Seen([Fault(loc, "it fits more than one of the shapes that are allowed")])
        return self._nearest(value, options, looks, loc)

    def _operator(self, value: Mapping[str, object], names: list[str], options: Sequence[Schema], loc: Loc) -> _Seen:
        """Alternatives that are told apart by one key each, as the standard's operators are."""
        given = [name for name in names if name in value]
        if len(given) == 1:
            seen = self.look(value, options[names.index(given[0])], loc)
            return _Seen(seen.faults, seen.known | set(names))
        found = f"found {', '.join(f'`{name}`' for name in given)}" if given else "found none"
        hint = f"write one of: {', '.join(names)}"
        return _Seen([Fault(loc, f"exactly one operator is expected ({found})", hint)], set(names))

    def _nearest(self, value: object, options: Sequence[Schema], looks: Sequence[_Seen], loc: Loc) -> _Seen:
        """The faults of the alternative that is meant: the one that has the value's type, else what all allow."""
        fitting = [seen for option, seen in zip(options, looks, strict=True) if self._has_type(value, option)]
        if fitting:
            return min(fitting, key=lambda seen: len(seen.faults))
        allowed = {word for option in options for word in self._types(option)}
        wanted = " or ".join(WORDS[w] for w in WORDS if w in allowed and not (w == "integer" and "number" in allowed))
        return _Seen([Fault(loc, f"{_named(loc)}{wanted} is expected (found {told(value)})")])

    def _types(self, schema: Schema) -> tuple[str, ...]:
        if "$ref" in schema:
            return self._types(self._target(schema["$ref"]))
        inner = (t for key in ("anyOf", "oneOf") for option in schema.get(key, ()) for t in self._types(option))
        return tuple(dict.fromkeys([*_listed(schema.get("type", ())), *inner]))

    def _has_type(self, value: object, schema: Schema) -> bool:
        return any(TYPES[word](value) for word in self._types(schema))


def _plain(value: object, schema: Schema, loc: Loc) -> list[Fault]:
    """Type, enum, const and pattern."""
    wanted = _listed(schema.get("type", ()))
    if wanted and not any(TYPES[word](value) for word in wanted):
        words = " or ".join(WORDS[word] for word in wanted)
        quotes = "string" in wanted and isinstance(value, bool | int | float)
        hint = "put quotes around it, if it is meant as a text" if quotes else None
        return [Fault(loc, f"{_named(loc)}{words} is expected (found {told(value)})", hint)]
    if "enum" in schema and not any(same(value, option) for option in schema["enum"]):
        hint = nearest(str(value), map(str, schema["enum"])) or f"allowed: {', '.join(map(str, schema['enum']))}"
        return [Fault(loc, f"{_named(loc)}{told(value)} is not allowed", hint)]
    if "const" in schema and not same(value, schema["const"]):
        return [Fault(loc, f"{_named(loc)}{told(value)} is not `{schema['const']}`")]
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return [Fault(loc, f"{_named(loc)}{told(value)} does not match `{schema['pattern']}`")]
    return []


def _sized(value: object, schema: Schema, loc: Loc) -> list[Fault]:
    """Bounds of numbers and of the length of lists."""
    found: list[str] = []
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            found.append(f"{told(value)} is below {schema['minimum']}")
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            found.append(f"{told(value)} is not above {schema['exclusiveMinimum']}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"a list of {schema['minItems']} or more is expected (found {len(value)})")
        if len(value) > schema.get("maxItems", len(value)):
            found.append(f"a list of at most {schema['maxItems']} is expected (found {len(value)})")
        if schema.get("uniqueItems") and any(same(a, b) for n, a in enumerate(value) for b in value[:n]):
            found.append("a value stands in the list twice")
    return [Fault(loc, f"{_named(loc)}{message}") for message in found]


def _unknown(value: Mapping[str, object], known: Iterable[str], loc: Loc) -> list[Fault]:
    names = sorted(known)
    return [
        Fault(
            (*loc, name),
            f"unknown key `{name}`{_inside(loc)}",
            nearest(name, names) or f"known here: {', '.join(names)}",
        )
        for name in value
        if name not in names
    ]


def _refused(schema: Schema, loc: Loc) -> Fault:
    names = ", ".join(f"`{name}`" for name in schema.get("required", ()))
    return Fault(loc, f"{names or 'this'} is not allowed{_inside(loc)}", f"remove {names}" if names else None)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """`did you mean X?` for the most similar known name."""
    names = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return f"did you mean `{names[close[0]]}`?" if close else None


def same(left: object, right: object) -> bool:
    """JSON's equality: 1 is 1.0, and neither is true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def told(value: object) -> str:
    """A value as a message calls it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"`{str(value).lower()}`"
        case list():
            return "a list" if value else "an empty list"
        case Mapping():
            return "a mapping"
        case _:
            return f"`{value}`"


def _listed(said: object) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(str(word) for word in said) if isinstance(said, list) else ()


def _named(loc: Loc) -> str:
    names = [part for part in loc if isinstance(part, str)]
    return f"`{names[-1]}`: " if names else ""


def _inside(loc: Loc) -> str:
    names = [part for part in loc if isinstance(part, str)]
    return f" in `{names[-1]}`" if names else ""
