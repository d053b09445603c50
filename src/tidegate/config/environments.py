"""Environments: which one is chosen, what the file says there, and where each value comes from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from tidegate.config.schema import ProjectPart
from tidegate.errors import ConfigError
from tidegate.model.settings import OWN_FOLDER

VARIABLE = "TIDEGATE_ENVIRONMENT"
OPTION = "--environment"
OF_ONE_DATABASE = ("adopt", "link_back")
"""Keys of `warehouse` about the database that was there before: it belongs to one warehouse."""

_CHOSEN: ContextVar[str | None] = ContextVar("environment", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """The file with an environment laid over it; `where` gives the place of a key as `tidegate.yml:LINE:COLUMN`, and
    `is_own` tells whether the environment says it. `own_folder` is where Tidegate's own files are, relative to the file.
    """

    environment: str | None
    plain: Mapping[str, Any]
    part: ProjectPart
    own_folder: str
    where: Callable[..., str]
    is_own: Callable[..., bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value that is in force: its key with dots, and where it comes from: `file`, `environment` or `default`; `place` is
    None for a default.
    """

    key: str
    value: object
    source: str
    place: str | None


@contextmanager
def choose(name: str | None) -> Iterator[None]:
    """Let a name of the command line hold for everything that is loaded meanwhile; None leaves it to the variable."""
    token = _CHOSEN.set(name)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def chosen() -> tuple[str, str | None]:
    """The environment that holds, empty for the file's own settings, and by what: the option goes before the variable."""
    if (said := _CHOSEN.get()) is not None:
        return said, OPTION
    named = os.environ.get(VARIABLE, "")
    return named, VARIABLE if named else None


def unknown(name: str, known: Sequence[str], before: str = "") -> ConfigError:
    """The error for an environment that the file does not have, with the nearest that it has."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(f"`{n}`" for n in known)
    other = f"known are: {listed}" if known else "the file has none; write `environments:` into it"
    hint = f"did you mean `{near[0]}`? {other}" if near else other
    return ConfigError(f"{before}there is no environment `{name}`", hint=hint)


def layered(plain: Mapping[str, Any], name: str, place: Callable[..., str]) -> Layered:
    """Lay an environment over the file. `plain` was accepted as a `ProjectPart`; what comes of it has yet to be.

    Raises:
        ConfigError: there is no such environment, it names a step that there is not, or two share a warehouse.
    """
    others: Mapping[str, Any] = plain.get("environments") or {}
    _demand_apart(plain, others, place)
    if name and name not in others:
        raise unknown(name, tuple(others))
    own: Mapping[str, Any] = _without_nothing(others.get(name) or {})
    merged = {**plain, **_merged(plain, own, partial(place, "environments", name))} if name else dict(plain)
    translated = partial(_own_place, own, merged.get("steps") or ())

    def where(*loc: str | int) -> str:
        here = translated(loc)
        return place(*loc) if here is None else place("environments", name, *here)

    def is_own(*loc: str | int) -> bool:
        return translated(loc) is not None

    return Layered(
        environment=name or None,
        plain=merged,
        part=ProjectPart(version=1),
        own_folder=_own_folder(plain, own, name),
        where=where,
        is_own=is_own,
    )


def _without_nothing(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keys without a value say nothing."""
    return {key: value for key, value in said.items() if value is not None}


def _merged(plain: Mapping[str, Any], own: Mapping[str, Any], place: Callable[..., str]) -> Mapping[str, Any]:
    result = {key: _laid_over(plain.get(key), value) for key, value in own.items() if key != "steps"}
    if _warehouse(plain, own) != _warehouse(plain, {}):
        kept = {k: v for k, v in (plain.get("warehouse") or {}).items() if k not in OF_ONE_DATABASE}
        result["warehouse"] = {**kept, **own["warehouse"]}
    if "steps" in own:
        result["steps"] = _steps(plain.get("steps") or [], own["steps"], place)
    return result


def _laid_over(below: object, above: object) -> object:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}
    return above


def _steps(
    below: Sequence[Mapping[str, Any]], above: Mapping[str, Mapping[str, Any]], place: Callable[..., str]
) -> list[object]:
    names = [str(step["name"]) for step in below]
    for name in above:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"the steps are: {', '.join(names) or 'none'}"
            raise ConfigError(f"{place('steps', name)}: there is no step `{name}`", hint=hint)
    return [_laid_over(step, above.get(str(step["name"])) or {}) for step in below]


def _warehouse(plain: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """The folder of an environment's warehouse, as the file says it."""
    said = (own.get("warehouse") or {}).get("path") or (plain.get("warehouse") or {}).get("path")
    return _plainly(str(said or "warehouse"))


def _own_folder(plain: Mapping[str, Any], own: Mapping[str, Any], name: str) -> str:
    """The folder of Tidegate's own files, which follows the warehouse."""
    return OWN_FOLDER if _warehouse(plain, own) == _warehouse(plain, {}) else f"{OWN_FOLDER}/environments/{name}"


def _ledger(plain: Mapping[str, Any], own: Mapping[str, Any], name: str) -> str:
    """Where the ledger of an environment is: an address, or a folder."""
    return str(own.get("state") or plain.get("state") or _own_folder(plain, own, name))


def _demand_apart(plain: Mapping[str, Any], others: Mapping[str, Any], place: Callable[..., str]) -> None:
    """A ledger tells of one warehouse, and an environment that shares one is none.

    Raises:
        ConfigError: two environments share a warehouse, or two warehouses a ledger.
    """
    taken: dict[str, str] = {}
    ledgers = {_warehouse(plain, {}): _ledger(plain, {}, "")}
    for name, said in others.items():
        own = _without_nothing(said or {})
        warehouse, ledger = _warehouse(plain, own), _ledger(plain, own, name)
        if (other := taken.setdefault(warehouse, name)) != name:
            raise ConfigError(
                f"{place('environments', name)}: `{name}` and `{other}` have the same warehouse `{warehouse}`",
                hint="give each environment a `warehouse.path` of its own",
            )
        known = ledgers.setdefault(warehouse, ledger)
        if known != ledger or any(w != warehouse and held == ledger for w, held in ledgers.items()):
            raise ConfigError(
                f"{place('environments', name)}: the ledger of `{name}` is not that of its warehouse `{warehouse}` alone",
                hint="a warehouse has one ledger: write `state:` where the warehouse has a `path` of its own, and only there",
            )


def _plainly(path: str) -> str:
    return os.path.normpath(path)


def _own_place(
    own: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], loc: Sequence[str | int]
) -> tuple[str | int, ...] | None:
    """Where an environment says what the merged file has at `loc`; None when it does not."""
    here: Any = own
    path = list(loc)
    if len(path) > 1 and path[0] == "steps" and isinstance(path[1], int) and path[1] < len(steps):
        path[1] = str(steps[path[1]].get("name"))
    for key in path:
        inside = isinstance(here, Mapping) and key in here
        within = isinstance(here, list) and isinstance(key, int) and key < len(here)
        if not inside and not within:
            return None
        here = here[key]
    return tuple(path) if path else None


def values(said: Layered) -> tuple[Value, ...]:
    """Every value that is in force, with where it comes from; those that are nothing are left out."""
    tree = msgspec.to_builtins(said.part)
    tree.pop("environments", None)
    return tuple(_values(said, tree, said.plain, ()))


def _values(said: Layered, value: object, written: object, loc: tuple[str | int, ...]) -> Iterator[Value]:
    """`written` is what the file has there, None where it has nothing."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _values(said, inner, written.get(key) if isinstance(written, Mapping) else None, (*loc, key))
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        there = written if isinstance(written, list) else []
        for place, inner in enumerate(value):
            yield from _values(said, inner, there[place] if place < len(there) else None, (*loc, place))
    elif value not in (None, {}, []) or written is not None:
        yield _value(said, value, loc, is_written=written is not None)


def _value(said: Layered, value: object, loc: tuple[str | int, ...], *, is_written: bool) -> Value:
    steps = said.plain.get("steps") or []
    names = [str(steps[p].get("name")) if at == 1 and loc[0] == "steps" and isinstance(p, int) else str(p)
             for at, p in enumerate(loc)]  # fmt: skip
    source = "default" if not is_written else "environment" if said.is_own(*loc) else "file"
    return Value(key=".".join(names), value=value, source=source, place=said.where(*loc) if is_written else None)
