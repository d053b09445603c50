"""No file of the project names the machine it was written on, or an address to install from."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.guards.source import ROOT

ADDRESS = re.compile(
    r"--(?:extra-)?index-url[ =]|UV_(?:DEFAULT_)?INDEX(?:_URL)?=|PIP_(?:EXTRA_)?INDEX_URL=|/simple/?[\"'\s]"
)


def machine_paths() -> set[str]:
    """Where this checkout, its interpreter and the user's home are, as far as such a path could not be a general one."""
    places = {ROOT, Path(sys.prefix), Path(sys.base_prefix), Path.home()}
    return {str(p) for p in places if len(p.parts) > 2 and not p.is_relative_to("/usr")}


def project_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def leaks(text: str, paths: set[str]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if any(path in line for path in paths) or ADDRESS.search(line):
            yield f"{number}: {line.strip()[:120]}"


def test_no_file_names_this_machine_or_an_index() -> None:
    files = [path for path in project_files() if path != Path(__file__)]
    assert len(files) > 20
    found = []
    for path in files:
        data = path.read_bytes()
        if b"\0" not in data:
            lines = leaks(data.decode("utf-8"), machine_paths())
            found += [f"{path.relative_to(ROOT)}:{line}" for line in lines]
    assert found == []


def test_planted_leaks_are_found() -> None:
    assert machine_paths()
    for path in machine_paths():
        assert list(leaks(f"see {path}/notes.txt", machine_paths()))
    for text in (
        "pip install --index-url https://mirror",
        "UV_INDEX_URL=https://mirror",
        "url = 'https://mirror/simple'",
    ):
        assert list(leaks(text, set())), text
    assert not list(leaks("a simple thing: uv pip compile --no-emit-index-url", set()))
