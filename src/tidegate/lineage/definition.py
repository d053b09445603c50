"""Understand one definition of dbt's selectors.yml, as a manifest keeps it, or as a person wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate.errors import UsageError

SETS = ("union", "intersection")

Selectors = Mapping[str, object]
"""Definitions by name, each below `definition` of a mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A `union` or `intersection` of parts, or one `spec`, without what any of `exclude` means.

    `indirect` is how tests are selected indirectly by a spec that says so itself.
    """

    operation: str
    parts: tuple[Definition, ...] = ()
    spec: str = ""
    indirect: str | None = None
    exclude: tuple[Definition, ...] = ()


def find(selectors: Selectors, name: str) -> Definition:
    """The definition of that name.

    Raises:
        UsageError: there is none, or it cannot be understood.
    """
    found = selectors.get(name)
    if not isinstance(found, Mapping):
        known = ", ".join(selectors) or "no selectors.yml that dbt has read"
        raise UsageError(f"there is no selector `{name}`", hint=f"the project has {known}")
    return define(found.get("definition"), selectors)


def define(said: object, selectors: Selectors) -> Definition:
    """Understand one definition; the selectors that it names are among `selectors`.

    Raises:
        UsageError: it cannot be understood.
    """
    if isinstance(said, str):
        return Definition(operation="spec", spec=said)
    if not isinstance(said, Mapping) or not said:
        raise UsageError(
            f"`{said}` in a selector is no definition", hint="a text, or a mapping with `method` and `value`"
        )
    operation = next((name for name in SETS if name in said), None)
    if operation is not None:
        return _set(operation, _list(said, operation), selectors)
    if len(said) == 1:
        ((method, value),) = said.items()
        return Definition(operation="spec", spec=f"{method}:{value}")
    if said.get("method") == "selector":
        return find(selectors, str(said.get("value")))
    return Definition(
        operation="spec",
        spec=_spec(said),
        indirect=str(said["indirect_selection"]) if "indirect_selection" in said else None,
        exclude=tuple(define(part, selectors) for part in _list(said, "exclude")) if "exclude" in said else (),
    )


def _set(operation: str, parts: Sequence[object], selectors: Selectors) -> Definition:
    """Of its parts, that which has `exclude` alone is taken from the others."""
    without = [p for p in parts if isinstance(p, Mapping) and set(p) == {"exclude"}]
    return Definition(
        operation=operation,
        parts=tuple(define(part, selectors) for part in parts if part not in without),
        exclude=tuple(define(part, selectors) for said in without for part in _list(said, "exclude")),
    )


def _list(said: Mapping[str, object], key: str) -> Sequence[object]:
    found = said[key]
    if not isinstance(found, list):
        raise UsageError(f"`{key}` in a selector is `{found}`, not a list", hint="write its parts as a list")
    return found


def _spec(said: Mapping[str, object]) -> str:
    """The same as one spec, such as `2+tag:nightly+`."""
    if "method" not in said or "value" not in said:
        raise UsageError(f"a selector has {', '.join(map(str, said))}", hint="give `method` and `value`")
    around = "@" if said.get("childrens_parents") else ""
    up = f"{said.get('parents_depth') or ''}+" if said.get("parents") else ""
    down = f"+{said.get('children_depth') or ''}" if said.get("children") else ""
    return f"{around}{up}{said['method']}:{said['value']}{down}"
