"""In CI a skipped test fails the session, unless conftest.py lists it with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SUITE = """
import pytest

def test_passes(): pass

@pytest.mark.skip(reason="planted")
def test_skipped(): pass

@pytest.mark.xfail(reason="planted", strict=True)
def test_known_bug(): assert False
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite with one skip and one expected failure, under the project's own conftest.py, as in CI."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(test_suite=SUITE)
    monkeypatch.setenv("CI", "true")
    return pytester


@pytest.mark.parametrize("workers", [0, 2])
def test_a_skip_fails_the_session_and_says_which(suite: pytest.Pytester, workers: int) -> None:
    result = suite.runpytest_subprocess("-n", str(workers))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        ["*skipped, though CI must run it*", "test_suite.py::test_skipped: *planted*", "hint: *"]
    )
    result.stdout.no_fnmatch_line("test_suite.py::test_known_bug*")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_module_that_skips_itself_fails_the_session(suite: pytest.Pytester, workers: int) -> None:
    suite.makepyfile(test_suite="import pytest\npytest.importorskip('no_such_module')\ndef test_a(): pass")
    suite.makepyfile(test_other="def test_b(): pass")
    result = suite.runpytest_subprocess("-n", str(workers))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped, though CI must run it*", "test_suite.py: *no_such_module*"])


def test_a_skip_that_is_listed_passes(suite: pytest.Pytester) -> None:
    with suite.path.joinpath("conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write('\nMAY_SKIP["test_suite.py::test_skipped"] = "planted"\n')
    assert suite.runpytest_subprocess("-n", "0").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_outside_ci_a_skip_passes(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    assert suite.runpytest_subprocess("-n", "0").ret == pytest.ExitCode.OK


def test_the_list_gives_reasons() -> None:
    namespace: dict[str, object] = {}
    exec(compile(CONFTEST.read_text(encoding="utf-8"), str(CONFTEST), "exec"), namespace)
    listed = namespace["MAY_SKIP"]
    assert all(len(reason.split()) >= 3 for reason in listed.values())
