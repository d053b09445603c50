"""Find code that nothing uses, with vulture: `make dead` prints it and fails.

What only tests use counts as used. Left out is what vulture cannot judge: fields of records, which are read when a record
is written out whole, and the arguments of a Protocol's methods.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from vulture import Vulture

from tests.guards.source import ROOT, is_template, pyproject

FOLDERS = ("src", "tests", "bench", "scripts")
KINDS = frozenset({"class", "function", "import", "method", "property", "unreachable_code"})
MIN_CONFIDENCE = 60
CALLED_BY_TOOLS = (
    "pytest_*",
    "pytestmark",
    "visit_*",
    "teardown",
    "_print_message",
    "do_GET",
    "do_POST",
    "log_message",
    "handle_*",
    "_create_server",
)
REGISTERED = (
    "@pytest.fixture",
    "@rule",
    "@invariant",
    "@precondition",
    "@initialize",
    "@register",
)
"""Decorators of pytest, hypothesis and the detection harness that hand a function over to be called by name or kind."""


TARGET = re.compile(r"[a-z_]\w*(?:\.\w+)*:(?P<name>[A-Za-z_]\w*)")


def named_in_pyproject() -> Iterator[str]:
    """What entry points load by name."""
    project = pyproject()["project"]
    for group in (project["scripts"], *project["entry-points"].values()):
        for target in group.values():
            yield re.split(r"[:.]", target)[-1]


def named_in_strings(text: str) -> Iterator[str]:
    """What is loaded lazily by a string such as `demo:main`, the way entry points write it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (target := TARGET.fullmatch(node.value)):
            yield target["name"]


def unused(files: Sequence[Path]) -> list[str]:
    """One line for each piece of code that nothing in `files` uses, by path and line."""
    lazy = {name for path in files for name in named_in_strings(path.read_text(encoding="utf-8"))}
    vulture = Vulture(ignore_names=[*CALLED_BY_TOOLS, *named_in_pyproject(), *lazy], ignore_decorators=list(REGISTERED))
    vulture.scavenge(str(path) for path in files)
    assert not vulture.exit_code, "a file could not be parsed"
    return [item.get_report() for item in vulture.get_unused_code(MIN_CONFIDENCE) if item.typ in KINDS]


def project_files() -> list[Path]:
    return [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*.py")) if not is_template(p)]


if __name__ == "__main__":
    lines = unused(project_files())
    print(*lines, sep="\n") if lines else print("nothing is unused")
    sys.exit(bool(lines))
