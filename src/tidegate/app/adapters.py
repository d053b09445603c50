"""Adapters: what installed packages register under the entry-point groups; the built-in ones are found the same way."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, cast

from tidegate.errors import AdapterNotFoundError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

AS_WRITTEN = {"command": "run"}
"""Kinds of step that `tidegate.yml` calls otherwise."""


def adapter(group: str, name: str, what: str) -> object:
    """What is registered under a name; `what` is how an error calls it.

    Raises:
        AdapterNotFoundError: nobody registers it.
    """
    found = {e.name: e for e in _registered().select(group=group)}
    if name not in found:
        known = sorted(AS_WRITTEN.get(kind, kind) for kind in found)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"installed are: {', '.join(known) or 'none'}"
        raise AdapterNotFoundError(f"no {what} adapter for `{name}`", hint=hint)
    return found[name].load()


def names(group: str) -> tuple[str, ...]:
    """The names that are registered in a group, sorted."""
    return tuple(sorted({e.name for e in _registered().select(group=group)}))


@cache
def _registered() -> EntryPoints:
    """Everything that installed packages register; finding it means to look into each of them."""
    from importlib.metadata import entry_points

    return cast("EntryPoints", entry_points())  # Python 3.11 says it is something else that can do the same
