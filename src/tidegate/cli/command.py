"""A command as data: its name, its help, its handler and its options."""

from __future__ import annotations

from dataclasses import dataclass

Options = tuple[tuple[tuple[str, ...], dict[str, object]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: `handler` is `module:function` below `tidegate.cli.commands`, `options` are argparse's arguments.

    A group has `commands`, and a handler for when none of them is named.
    """

    name: str
    help: str
    handler: str
    options: Options = ()
    commands: tuple[Command, ...] = ()


def option(*names: str, **said: object) -> tuple[tuple[str, ...], dict[str, object]]:
    """One argparse argument as data."""
    return names, said
