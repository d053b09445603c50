"""Packages whose names are loaded when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def on_demand(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a package (PEP 562): it imports the module that a name is at home in when the name is first asked for.

    `homes` has the names of each module, apart by spaces. A command needs few of the nouns, and Python takes up to half a
    millisecond to make each of their classes; type checkers and readers are told by imports under `TYPE_CHECKING`, and a guard
    compares the two.
    """
    home = {name: f"{package}.{module}" for module, names in homes.items() for name in names.split()}

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module `{package}` has no attribute `{name}`")
        return getattr(import_module(home[name]), name)

    return load
