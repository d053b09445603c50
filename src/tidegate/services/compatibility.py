"""Compatibility: what a change of a contract takes from those who rely on it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar

from tidegate.checks.contract import plain_type, same_type
from tidegate.checks.promises import AGES, DRAFTS, MILD, seconds
from tidegate.model import Contract, ContractChange, ContractColumn, ContractQuality, ContractTable, SlaProperty
from tidegate.services.narrower import (
    EXCLUSIVE,
    is_narrower_bound,
    is_narrower_demand,
    is_narrower_option,
    is_same_option,
)

T = TypeVar("T")

GONE: Final = frozenset({"retired", "deprecated"})
LOST: Final = "readers could rely on it"
GAINED: Final = "it promises more than before"
BUMPS: Final = ("none", "patch", "minor", "major")


def changes(old: Contract, new: Contract) -> tuple[ContractChange, ...]:
    """Every difference in what is promised, in the order of the files.

    Breaking is what takes away: a table, a column, a type, or a promise about values, such as that none is missing.
    Compatible is what adds: a column, a promise, a narrower range. Empty for a contract and itself.
    """
    return tuple(_contract(old, new))


def bump(found: tuple[ContractChange, ...], old: Contract, new: Contract) -> str:
    """How the version must move, in semantic versioning: `major` when something breaks, `minor` when something is added,
    `patch` when only words changed, else `none`.
    """
    if any(change.breaking for change in found):
        return "major"
    if found:
        return "minor"
    return "none" if _words(old) == _words(new) else "patch"


def bumped(old: str, new: str) -> str:
    """How a version did move from one to the other: `none`, `patch`, `minor` or `major`; `none` where it went back."""
    before, after = _numbers(old), _numbers(new)
    for name, left, right in zip(("major", "minor", "patch"), before, after, strict=True):
        if right != left:
            return name if right > left else "none"
    return "none"


def next_version(old: str, move: str) -> str:
    """The version after such a move: `1.2.3` and minor give `1.3.0`."""
    major, minor, patch = _numbers(old)
    moved = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}
    return ".".join(map(str, moved.get(move, (major, minor, patch))))


def _numbers(version: str) -> tuple[int, int, int]:
    parts = version.removeprefix("v").split("-")[0].split("+")[0].split(".")
    found = [int(part) if part.isdecimal() else 0 for part in (*parts, "0", "0", "0")]
    return found[0], found[1], found[2]


def _words(contract: Contract) -> list[object]:
    """What is for people."""
    tables = [(t.name, t.description, [(c.name, c.description) for c in t.columns]) for t in contract.tables]
    return [contract.name, contract.description, tables]


def _contract(old: Contract, new: Contract) -> Iterator[ContractChange]:
    if old.id != new.id:
        yield _lost("contract", f"its id was `{old.id}` and is `{new.id}`", "readers name the contract by its id")
    yield from _status(old.status, new.status)
    if old.schema != new.schema and any("." not in table.physical_name for table in old.tables):
        said = f"its schema was `{old.schema or 'not said'}` and is `{new.schema or 'not said'}`"
        yield _lost("contract", said, "readers look for its tables there")
    yield from _named(
        {t.name: t for t in old.tables}, {t.name: t for t in new.tables}, _table, lambda name: f"table `{name}`"
    )
    yield from _named(_promises(old), _promises(new), _sla, lambda name: f"service level `{name}`")


def _status(old: str, new: str) -> Iterator[ContractChange]:
    """How much may be relied on: all of it, nothing yet (what is not kept holds no version), or nothing for long."""
    before, after = (1 if s.casefold() in DRAFTS else 0 if s.casefold() in GONE else 2 for s in (old, new))
    said = f"its status was `{old}` and is `{new}`"
    if after > before:
        yield _gained("contract", said, "it is kept now")
    elif after < before:
        yield _lost("contract", said, "readers are to leave" if not after else "what is not kept holds no version now")


def _named(
    old: Mapping[str, T],
    new: Mapping[str, T],
    compare: Callable[[str, T, T], Iterator[ContractChange]],
    call: Callable[[str], str],
) -> Iterator[ContractChange]:
    """Parts that are told apart by name: removed, added, or compared."""
    for name, part in old.items():
        if name not in new:
            yield _lost(call(name), "it is removed")
        else:
            yield from compare(call(name), part, new[name])
    for name in new:
        if name not in old:
            yield _gained(call(name), "it is new")


def _table(where: str, old: ContractTable, new: ContractTable) -> Iterator[ContractChange]:
    if old.physical_name != new.physical_name:
        said = f"it was called `{old.physical_name}` and is `{new.physical_name}`"
        yield _lost(where, said, "readers query it by that name")
    name = where.removeprefix("table ").strip("`")
    yield from _named(
        {c.name: c for c in old.columns},
        {c.name: c for c in new.columns},
        partial(_column, sole=(len(old.key) == 1, len(new.key) == 1)),
        lambda column: f"column `{name}.{column}`",
    )
    before, after = (tuple(c.name for c in t.key) for t in (old, new))
    if before != after and before:
        yield _lost(where, f"its primary key was {_list(before)} and is {_list(after)}", "readers join on it")
    elif before != after:
        yield _gained(where, f"its primary key is {_list(after)}")
    yield from _named(_qualities(old.quality), _qualities(new.quality), _quality, _quality_of(where))
    yield from _sets(where, _references(old), _references(new))


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _column(
    where: str, old: ContractColumn, new: ContractColumn, *, sole: tuple[bool, bool] = (False, False)
) -> Iterator[ContractChange]:
    """`sole` tells of both whether the primary key has one column. A column of the key is required, and the sole one
    unique; that the key changes is told of the table.
    """
    if old.physical_name != new.physical_name:
        said = f"it was called `{old.physical_name}` and is `{new.physical_name}`"
        yield _lost(where, said, "readers query it by that name")
    yield from _types(where, old, new)
    in_key = [column.primary_key is not None for column in (old, new)]
    for what, before, after, implied in (
        ("required", old.required, new.required, in_key),
        ("unique", old.unique, new.unique, [key and alone for key, alone in zip(in_key, sole, strict=True)]),
    ):
        if before and not (after or implied[1]):
            yield _lost(where, f"it is not {what} any more", _WHY[what])
        elif after and not (before or implied[0]):
            yield _gained(where, f"it is {what} now")
    yield from _enum(where, old, new)
    yield from _options(where, old.options, new.options)
    yield from _items(f"items of {where}", old.items, new.items)
    yield from _named(_qualities(old.quality), _qualities(new.quality), _quality, _quality_of(where))
    before_refs, after_refs = ({f"the reference to {_list(r.to)}" for r in c.references} for c in (old, new))
    yield from _sets(where, before_refs, after_refs)


_WHY: Final = {
    "required": "readers meet rows without a value",
    "unique": "joins of readers multiply rows",
}


def _items(where: str, old: ContractColumn | None, new: ContractColumn | None) -> Iterator[ContractChange]:
    if old is not None and new is not None:
        yield from _column(where, old, new)
    elif old is not None:
        yield _lost(where, "nothing is promised of them any more")
    elif new is not None:
        yield _gained(where, "they are described now")


def _types(where: str, old: ContractColumn, new: ContractColumn) -> Iterator[ContractChange]:
    for what, before, after in (
        ("logical type", old.logical_type, new.logical_type),
        ("physical type", old.physical_type, new.physical_type),
    ):
        alike = bool(before and after) and what == "physical type" and _same(str(before), str(after))
        if before == after or alike:
            continue
        said = f"its {what} was `{before or 'not said'}` and is `{after or 'not said'}`"
        yield _gained(where, said) if before is None else _lost(where, said, "readers get values of another type")


def _same(old: str, new: str) -> bool:
    return same_type(old, new) and plain_type(old) == plain_type(new)


def _enum(where: str, old: ContractColumn, new: ContractColumn) -> Iterator[ContractChange]:
    before, after = ({repr(value) for value in column.enum} for column in (old, new))
    if before == after:
        return
    if not before:
        yield _gained(where, "its values are listed now")
    elif not after:
        yield _lost(where, "its values are not listed any more")
    else:
        if added := sorted(after - before):
            yield _lost(where, f"{', '.join(added)} may occur now", "readers meet values that they do not know")
        if removed := sorted(before - after):
            yield _gained(where, f"{', '.join(removed)} no longer occurs")


def _options(where: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[ContractChange]:
    """Options by name; a bound that is in the range on one side and not on the other is one that moved."""
    told: set[str] = set()
    for pair in EXCLUSIVE.items():
        before, after = ([name for name in pair if name in options] for options in (old, new))
        if len(before) == len(after) == 1 and before != after:
            (was,), (now,) = before, after
            said = f"`{was}` was `{old[was]}` and `{now}` is `{new[now]}`"
            narrower = is_narrower_bound((was, old[was]), (now, new[now]))
            yield _gained(where, said) if narrower else _lost(where, said, "readers meet values that they do not know")
            told |= {was, now}
    for name in dict.fromkeys((*old, *new)):
        if name not in told:
            yield from _option(where, name, old.get(name), new.get(name))


def _option(where: str, name: str, old: object, new: object) -> Iterator[ContractChange]:
    if is_same_option(name, old, new):
        return
    said = f"`{name}` was `{_told(old)}` and is `{_told(new)}`"
    if old is None:
        yield _gained(where, f"`{name}` is `{new}` now")
    elif new is None:
        yield _lost(where, f"`{name}` is not promised any more")
    elif is_narrower_option(name, old, new):
        yield _gained(where, said)
    else:
        yield _lost(where, said, "readers meet values that they do not know")


def _told(value: object) -> str:
    return "not said" if value is None else str(value)


def _qualities(said: tuple[ContractQuality, ...]) -> dict[str, ContractQuality]:
    """What is demanded, by the words that name it."""
    found: dict[str, ContractQuality] = {}
    for quality in said:
        name, number = quality.name, 2
        while name in found:
            name, number = f"{quality.name} ({number})", number + 1
        found[name] = quality
    return found


def _quality_of(where: str) -> Callable[[str], str]:
    return lambda name: f"{where}, quality `{name}`"


def _quality(where: str, old: ContractQuality, new: ContractQuality) -> Iterator[ContractChange]:
    if _subject(old) != _subject(new):
        yield _lost(where, "it demands something else", "it may promise less; nobody can tell in general")
    elif (old.operator, old.bound) != (new.operator, new.bound):
        said = f"it was `{old.operator} {old.bound}` and is `{new.operator} {new.bound}`"
        narrower = is_narrower_demand((old.operator, old.bound), (new.operator, new.bound))
        yield _gained(where, said) if narrower else _lost(where, said)
    was, now = _is_mild(old), _is_mild(new)
    if was and not now:
        yield _gained(where, "it holds a version now")
    elif now and not was:
        yield _lost(where, "it is told, and holds no version any more")


def _is_mild(quality: ContractQuality) -> bool:
    """Whether what is not kept is told and holds nothing."""
    own = any(check.severity == "warn" or not check.blocking for check in quality.checks)
    return own or (quality.severity or "").casefold() in MILD


def _subject(quality: ContractQuality) -> tuple[object, ...]:
    """What is measured, without what it is held against."""
    own = [
        (
            str(c.dataset),
            c.kind,
            c.column,
            sorted(c.arguments.items(), key=str),
            c.where,
            c.warn_if,
            c.error_if,
            c.quarantine,
        )
        for c in quality.checks
    ]
    arguments = sorted(quality.arguments.items(), key=str)
    return quality.type, quality.metric, arguments, quality.unit, quality.query, quality.engine, str(own)


def _references(table: ContractTable) -> set[str]:
    return {f"the reference of {_list(r.columns)} to {_list(r.to)}" for r in table.references}


def _sets(where: str, old: set[str], new: set[str]) -> Iterator[ContractChange]:
    for name in sorted(old - new):
        yield _lost(where, f"{name} is removed", "readers find rows without a partner")
    for name in sorted(new - old):
        yield _gained(where, f"{name} is new")


def _promises(contract: Contract) -> dict[str, SlaProperty]:
    return {" of ".join(filter(None, (p.property, ", ".join(p.elements)))): p for p in contract.sla}


def _sla(where: str, old: SlaProperty, new: SlaProperty) -> Iterator[ContractChange]:
    if (old.value, old.unit) == (new.value, new.unit):
        return
    before, after = (seconds(p.value, p.unit) if p.property in AGES else None for p in (old, new))
    if before is not None and before == after:
        return
    said = f"it was `{_length(old)}` and is `{_length(new)}`"
    if before is not None and after is not None and after < before:
        yield _gained(where, said, "data comes earlier")
    else:
        yield _lost(where, said, "readers may have to wait longer, or get less")


def _length(promise: SlaProperty) -> str:
    return f"{promise.value} {promise.unit or ''}".strip()


def _lost(where: str, what: str, reason: str = LOST) -> ContractChange:
    return ContractChange(where=where, what=what, breaking=True, reason=reason)


def _gained(where: str, what: str, reason: str = GAINED) -> ContractChange:
    return ContractChange(where=where, what=what, breaking=False, reason=reason)
