"""Compatibility: what a change of a contract takes from those who rely on it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from tidegate.checks.contract import meets, plain_type, same_type
from tidegate.checks.promises import AGES, seconds
from tidegate.model import Contract, ContractChange, ContractColumn, ContractQuality, ContractTable, SlaProperty

T = TypeVar("T")

UPPER: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
LOWER: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
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
    was, now = old.status.casefold() in GONE, new.status.casefold() in GONE
    if was is not now:
        said = f"its status was `{old.status}` and is `{new.status}`"
        yield _lost("contract", said, "readers are to leave") if now else _gained("contract", said, "it is kept again")
    yield from _named(
        {t.name: t for t in old.tables}, {t.name: t for t in new.tables}, _table, lambda name: f"table `{name}`"
    )
    yield from _named(_promises(old), _promises(new), _sla, lambda name: f"service level `{name}`")


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
        _column,
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


def _column(where: str, old: ContractColumn, new: ContractColumn) -> Iterator[ContractChange]:
    if old.physical_name != new.physical_name:
        said = f"it was called `{old.physical_name}` and is `{new.physical_name}`"
        yield _lost(where, said, "readers query it by that name")
    yield from _types(where, old, new)
    for what, before, after in (
        ("required", old.required, new.required),
        ("unique", old.unique, new.unique),
    ):
        if before and not after:
            yield _lost(where, f"it is not {what} any more", _WHY[what])
        elif after and not before:
            yield _gained(where, f"it is {what} now")
    yield from _enum(where, old, new)
    for name in dict.fromkeys((*old.options, *new.options)):
        yield from _option(where, name, old.options.get(name), new.options.get(name))
    yield from _named(_qualities(old.quality), _qualities(new.quality), _quality, _quality_of(where))
    before_refs, after_refs = ({f"the reference to {_list(r.to)}" for r in c.references} for c in (old, new))
    yield from _sets(where, before_refs, after_refs)


_WHY: Final = {
    "required": "readers meet rows without a value",
    "unique": "joins of readers multiply rows",
}


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


def _option(where: str, name: str, old: object, new: object) -> Iterator[ContractChange]:
    if old == new:
        return
    said = f"`{name}` was `{_told(old)}` and is `{_told(new)}`"
    if old is None:
        yield _gained(where, f"`{name}` is `{new}` now")
    elif new is None:
        yield _lost(where, f"`{name}` is not promised any more")
    elif _tighter(name, old, new):
        yield _gained(where, said)
    else:
        yield _lost(where, said, "readers meet values that they do not know")


def _told(value: object) -> str:
    return "not said" if value is None else str(value)


def _tighter(name: str, old: object, new: object) -> bool:
    """Whether a bound leaves fewer values than before; of another option nobody can tell."""
    pair = isinstance(old, int | float) and isinstance(new, int | float) and not isinstance(old, bool)
    if not pair and not (isinstance(old, str) and isinstance(new, str) and name in UPPER | LOWER):
        return False
    left, right = (old, new) if name in UPPER else (new, old)
    return name in UPPER | LOWER and right < left  # type: ignore[operator]  # both are numbers, or both texts


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
        yield _gained(where, said) if _stricter(old, new) else _lost(where, said)


def _subject(quality: ContractQuality) -> tuple[object, ...]:
    """What is measured, without what it is held against."""
    own = [(c.kind, c.column, sorted(c.arguments.items(), key=str), c.where) for c in quality.checks]
    arguments = sorted(quality.arguments.items(), key=str)
    return quality.type, quality.metric, arguments, quality.unit, quality.query, quality.engine, str(own)


def _stricter(old: ContractQuality, new: ContractQuality) -> bool:
    """Whether every number that meets the new demand met the old one, as far as the operators tell."""
    if new.operator == "mustBe" and old.operator is not None and isinstance(new.bound, int | float):
        return meets(new.bound, old.operator, old.bound)
    if new.operator == old.operator == "mustBeBetween" and isinstance(new.bound, list):
        return all(meets(number, "mustBeBetween", old.bound) for number in new.bound)
    left, right = old.bound, new.bound
    if new.operator != old.operator or not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    return right < left if "Less" in str(new.operator) else "Greater" in str(new.operator) and right > left


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
