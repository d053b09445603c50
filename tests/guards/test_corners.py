"""`make test` leaves out the corners that conftest.py lists, and nothing else; CI leaves out none."""

from __future__ import annotations

import ast
import itertools
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests import conftest
from tests.conftest import CORNERS

ROOT = Path(__file__).parents[2]
IN_CI = (".ci/run", ".github/workflows/ci.yml")


def functions(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def selected(target: str) -> list[str]:
    """What the target asks pytest for with `-m`."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if "-m pytest" in line]
    words = shlex.split(line.partition("-m pytest")[2])
    return [after for word, after in itertools.pairwise(words) if word == "-m"]


@pytest.mark.parametrize("start", CORNERS)
def test_every_corner_is_there_and_says_what_is_left_without_it(start: str) -> None:
    name, _, function = start.partition("::")
    assert [test for test in functions(ROOT / name) if test.startswith(function)]
    assert len(CORNERS[start].split()) >= 5


def test_only_make_test_leaves_them_out() -> None:
    assert selected("test") == ["not soak and not corner"]
    assert selected("test-all") == []
    for name in IN_CI:
        lines = [line.strip(" -") for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
        called = {line.removeprefix("run: ") for line in lines if line.removeprefix("run: ").startswith("make test")}
        assert called == {"make test-all"}, name


def test_the_marker_is_theirs_and_of_no_other(pytester: pytest.Pytester) -> None:
    """Under the project's own conftest.py: a whole module, and one test of another."""
    text = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(f'{text}\nCORNERS = {{"test_far.py": "planted", "test_near.py::test_far": "planted"}}\n')
    pytester.makepyfile(test_far="def test_a(): pass\ndef test_b(): pass\n")
    pytester.makepyfile(test_near="def test_far_away(): pass\ndef test_here(): pass\n")
    said = pytester.runpytest_subprocess("-m", "not corner", "-v")
    said.assert_outcomes(passed=1, deselected=3)
    said.stdout.fnmatch_lines(["*test_near.py::test_here PASSED*"])
    pytester.runpytest_subprocess().assert_outcomes(passed=4)


def test_scratch_lies_in_memory_only_where_a_whole_run_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "ROOM_BYTES", 1)
    assert conftest.has_room(tmp_path)
    assert not conftest.has_room(tmp_path / "missing")
    monkeypatch.setattr(conftest, "ROOM_BYTES", 1 << 60)
    assert not conftest.has_room(tmp_path)


def test_scratch_does_not_lie_where_no_program_may_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "ROOM_BYTES", 1)
    there = os.statvfs(tmp_path)
    words = [*there[:8], there.f_flag | os.ST_NOEXEC, there.f_namemax]
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(words))
    assert not conftest.has_room(tmp_path)
