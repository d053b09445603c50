"""What takes longest is begun first, and every other module in a random order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LONG

ROOT = Path(__file__).parents[2]


def test_every_long_module_is_there() -> None:
    assert [name for name in LONG if not (ROOT / name).is_file()] == []
    assert len(set(LONG)) == len(LONG)


def test_they_come_first(pytester: pytest.Pytester) -> None:
    """Under the project's own conftest.py, whatever the seed."""
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    for name in (*LONG[:2], "tests/e2e/test_a.py", "tests/unit/test_b.py"):
        place = pytester.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("def test_one(): pass\ndef test_two(): pass\n", encoding="utf-8")
    for seed in ("1", "2"):
        said = pytester.runpytest_subprocess("-v", f"--randomly-seed={seed}")
        order = [line.partition("::")[0] for line in said.outlines if "::test_" in line]
        assert order[:4] == [LONG[0], LONG[0], LONG[1], LONG[1]]
        assert sorted(order[4:]) == ["tests/e2e/test_a.py"] * 2 + ["tests/unit/test_b.py"] * 2
