"""What is in the checkout arrives at the user: every file in the wheel, every entry point loadable."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.guards.source import PACKAGE, ROOT, pyproject

LEFT_OUT = {"__pycache__", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling import build; build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    package = ROOT / PACKAGE
    wanted = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.parts)
    }
    assert "tidegate/py.typed" in wanted
    packed = {name for name in wheel.namelist() if name.startswith("tidegate/")}
    assert wanted - packed == set(), "ignored by .gitignore or left out by pyproject.toml"
    assert packed - wanted == set()


def test_the_wheel_says_who_wrote_it_and_what_it_needs(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = wheel.read(name).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert [n for n in wheel.namelist() if n.endswith("licenses/LICENSE")]


def entry_points() -> list[EntryPoint]:
    project = pyproject()["project"]
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    return [EntryPoint(name, value, group) for group, names in groups.items() for name, value in names.items()]


@pytest.mark.parametrize("entry_point", entry_points(), ids=lambda e: f"{e.group}-{e.name}")
def test_every_entry_point_loads(entry_point: EntryPoint) -> None:
    loaded = entry_point.load()
    assert callable(loaded) or callable(getattr(loaded, "select", None)), "a class, a function, or a fault"


def test_the_version_is_written_once() -> None:
    source = (ROOT / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    assert '__version__ = "' in source
    assert '\nversion = "' not in (Path(ROOT) / "pyproject.toml").read_text(encoding="utf-8")
