"""Every command that a message, a runbook or a page names is there, with the options that it is named with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.guards.source import PACKAGE, ROOT, package_sources
from tidegate.cli.command import Command
from tidegate.cli.parser import COMMANDS, SWITCHES

NAMED = re.compile(r"(?:`|next  ?)tidegate ([a-z][^`\n]*)")
"""A command between backticks, or after the word that ends what a command says."""

EVERYWHERE = frozenset({"--project", "--environment", "--help", "--version", *(f"--{name}" for name in SWITCHES)})


def texts() -> Iterator[tuple[str, str]]:
    """Every text that a person may be shown, with where it is; what is filled in is the word `filled`."""
    for source in package_sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.JoinedStr):
                parts = [str(v.value) if isinstance(v, ast.Constant) else "filled" for v in node.values]
                yield f"{source.path}:{node.lineno}", "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{source.path}:{node.lineno}", node.value
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / PACKAGE / "kit").rglob("*.md")]
    for page in pages:
        yield str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")


def wrong(said: str) -> str | None:
    """What of a command there is not; None when it is right as far as it goes."""
    words = said.partition(" -- ")[0].partition("#")[0].split()
    known: dict[str, Command] = {command.name: command for command in COMMANDS}
    name = words[0].strip(":.,")
    if name == "filled" or name not in known:
        return None if name == "filled" else name
    command = known[name]
    nested = {c.name: c for c in command.commands}
    chosen = nested.get(words[1], command) if len(words) > 1 else command
    if nested and chosen is command and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]) and words[1] != "filled":
        return f"{name} {words[1]}"
    options = EVERYWHERE | {n for c in (command, chosen) for names, _ in c.options for n in names}
    used = {option for word in words for option in re.findall(r"^\[?(--[a-z-]+)", word)}
    return next(iter(sorted(used - options)), None)


def test_every_command_that_is_named_is_there() -> None:
    found = [(where, m[1]) for where, text in texts() for m in NAMED.finditer(text)]
    assert len(found) > 300
    assert [f"{where}: tidegate {said}" for where, said in found if wrong(said)] == []


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("observe", "observe"),
        ("recover N --way accept", "--way"),
        ("incidents close 3", "incidents close"),
        ("incidents filled", None),
        ("incidents resolve N --as fixed", None),
        ("run -- dbt build --select x", None),
        ("check: 3 findings", None),
    ],
)
def test_the_guard_sees(said: str, missing: str | None) -> None:
    assert wrong(said) == missing
