"""The search for dead code finds what is planted. It runs over the project in `make dead`, not as a test."""

from __future__ import annotations

from pathlib import Path

from tests.guards.dead import named_in_pyproject, project_files, unused

PLANTED = '''
from dataclasses import dataclass
from typing import Protocol


@dataclass
class Row:
    read_by_asdict: int


class Port(Protocol):
    def call(self, argument: int) -> None: ...


def dead() -> Row:
    return Row(read_by_asdict=1)


class Dead:
    def method(self, port: Port) -> None:
        port.call(1)


def main() -> None:
    """Named by an entry point."""


def lazy() -> None:
    """Named by a string."""


HANDLERS = ["commands:lazy", "not one: dead"]
print(HANDLERS)
'''


def test_planted_dead_code_is_found(tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(PLANTED, encoding="utf-8")
    found = [line.split("unused ")[1].split(" (")[0] for line in unused([path])]
    assert found == ["function 'dead'", "class 'Dead'", "method 'method'"]


def test_every_file_is_searched() -> None:
    folders = {path.parts[len(Path(__file__).parents[2].parts)] for path in project_files()}
    assert {"src", "tests"} <= folders
    assert {"main", "DuckDBWarehouse"} <= set(named_in_pyproject())
