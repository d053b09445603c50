"""The project's own tools, run for real: each passes, finds, and is not believed when it looked at nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.ci_project import write
from tests.e2e.small_project import SmallProject

SETTINGS = "version: 1\nsteps: []\n"
SOUND = 'def one() -> int:\n    return 1\n\n\nprint("it is", one())\n'
SQL = "select id from {{ ref('orders') }}\n"
CONFIGURED: Mapping[str, tuple[str, str]] = {
    "ruff check": ("ruff.toml", ""),
    "ruff format": ("ruff.toml", ""),
    "flake8": (".flake8", "[flake8]\n"),
    "black": ("pyproject.toml", "[tool.black]\n"),
    "sqlfluff": (".sqlfluff", "[sqlfluff]\ndialect = duckdb\n"),
    "mypy": ("mypy.ini", "[mypy]\nstrict = true\n"),
}
WRONG: Mapping[str, tuple[str, str]] = {
    "ruff check": ("load.py", "import os\n"),
    "ruff format": ("load.py", "x = {  'a':1 }\n"),
    "flake8": ("load.py", "import os\n"),
    "black": ("load.py", "x = {  'a':1 }\n"),
    "sqlfluff": ("models/a.sql", "SELECT  id from orders"),
    "mypy": ("load.py", "def one() -> int:\n    return 'one'\n"),
}
NOTHING: Mapping[str, tuple[str, str]] = {
    "ruff check": ("ruff.toml", 'exclude = ["*.py"]\n'),
    "ruff format": ("ruff.toml", 'exclude = ["*.py", "*.md"]\n'),
    "flake8": (".flake8", "[flake8]\nexclude = load.py\n"),
    "black": ("pyproject.toml", "[tool.black]\nforce-exclude = '.*'\n"),
    "sqlfluff": (".sqlfluffignore", "models\n"),
    "mypy": ("mypy.ini", "[mypy]\nexclude = load\n"),
}


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    for name, text in {"tidegate.yml": SETTINGS, "load.py": SOUND, "models/a.sql": SQL}.items():
        write(tmp_path, name, text)
    copies = {"x.py": "import os\nx = {  'a':1 }\ny: int = 'one'\n", "x.sql": "SELECT  id from orders"}
    for name, text in copies.items():
        write(tmp_path, f".tidegate/ci/build/project/{name}", text)
    return SmallProject(root=tmp_path)


def ended(project: SmallProject, tool: str) -> tuple[int, str, int | None]:
    """The status of the stage, and how the tool ended: outcome and how many files it looked at."""
    told = project.cli("ci", "run", "types" if tool == "mypy" else "lint", "--json", "--quiet")
    (stage,) = told.document["stages"]
    (case,) = [c for c in stage["cases"] if c["name"] == tool]
    return told.status, case["outcome"], case["did"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", CONFIGURED)
def test_a_tool_passes_finds_and_looks_at_something(project: SmallProject, tool: str) -> None:
    write(project.root, *CONFIGURED[tool])
    assert ended(project, tool) == (0, "pass", 1), "what a build copied is not looked at"
    write(project.root, *WRONG[tool])
    assert ended(project, tool) == (1, "fail", 1)
    write(project.root, "load.py", SOUND)
    write(project.root, "models/a.sql", SQL)
    write(project.root, *NOTHING[tool])
    status, outcome, did = ended(project, tool)
    assert (status, outcome, did) == (2, "error", 0)


def test_a_tool_that_is_not_installed_is_an_error(project: SmallProject) -> None:
    write(project.root, "pyrightconfig.json", "{}")
    told = project.cli("ci", "run", "types", "--quiet")
    assert told.status == 2
    assert "`pyright` is not installed" in told.out


def test_the_tools_are_those_of_the_projects_own_environment(project: SmallProject) -> None:
    write(project.root, "ruff.toml", "")
    program = project.root / ".venv" / "bin" / "ruff"
    program.parent.mkdir(parents=True)
    (project.root / ".venv" / "pyvenv.cfg").write_text("", encoding="utf-8")
    program.write_text("#!/bin/sh\necho its own ruff\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    told = project.cli("ci", "run", "lint", "--quiet")
    assert told.status != 0
    assert "its own ruff" in told.out
