"""The doctor on real folders: what `--fix` repairs is gone the next time, and nothing looked at is never green."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.doctor.corpus import FAULTS, build
from tidegate.app import doctor
from tidegate.cli.progress import StderrProgress
from tidegate.doctor import RULES
from tidegate.errors import ConfigSyntaxError, NothingCheckedError, PathNotFoundError, UsageError
from tidegate.services.doctor import Diagnosis

QUIET = StderrProgress(quiet=True)
Examine = Callable[..., Diagnosis]
FIXED = ("telemetry left on", "a script calls main() at its end without a guard", "requirements written by PowerShell",
         "retired artifact action", "no permissions", "data_test instead of data_tests",
         "COPY . . with the secrets beside it", "COPY . . without a .dockerignore")  # fmt: skip


def examine(folder: Path, **said: object) -> Diagnosis:
    asked: dict[str, object] = {"deep": False, "fix": False, "history": True, "ignore": None, **said}
    return doctor.examine(folder, QUIET, **asked)  # type: ignore[arg-type]  # the arguments as one mapping


@pytest.mark.parametrize("name", FIXED)
def test_what_is_mechanical_is_repaired(name: str, tmp_path: Path) -> None:
    (case,) = [c for c in FAULTS if c.name == name]
    build(case, tmp_path)
    assert case.code is not None
    assert RULES[case.code].mechanical
    before = examine(tmp_path)
    assert case.code in {b.code for b in before.breaches if b.fixable}
    told = examine(tmp_path, fix=True)
    assert case.code in {b.code for b in told.fixed}
    assert case.code not in {b.code for b in told.breaches}
    assert {b.code for b in told.breaches} <= {b.code for b in before.breaches}
    assert examine(tmp_path, fix=True).fixed == ()


def test_data_in_git_is_ignored_and_stays_a_finding_until_it_is_taken_out(tmp_path: Path) -> None:
    (case,) = [c for c in FAULTS if c.name == "the database is in git"]
    build(case, tmp_path)
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    told = examine(tmp_path, fix=True)
    assert "*.duckdb" in (tmp_path / ".gitignore").read_text(encoding="utf-8")
    assert "git-data" in {b.code for b in told.breaches}
    subprocess.run(["git", "rm", "--quiet", "--cached", "shop.duckdb"], cwd=tmp_path, check=True)
    assert "git-data" not in {b.code for b in examine(tmp_path).breaches}


def test_nothing_to_look_at_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n", encoding="utf-8")
    with pytest.raises(NothingCheckedError):
        examine(tmp_path)
    with pytest.raises(PathNotFoundError):
        examine(tmp_path / "nowhere")


def test_without_detect_secrets_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "load.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr("tidegate.integrations.secret_scan.is_installed", lambda: False)
    assert "tidegate[doctor]" in examine(tmp_path).unchecked["secret-in-tree"]
    with pytest.raises(NothingCheckedError, match="doctor"):
        examine(tmp_path, only=("secret-in-tree",))


def test_only_names_rules_that_exist(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\n", encoding="utf-8")
    told = examine(tmp_path, only=("docker-root",))
    assert {b.code for b in told.breaches} == {"docker-root"}
    with pytest.raises(UsageError) as wrong:
        examine(tmp_path, only=("docker-rot",))
    assert wrong.value.hint == "did you mean `docker-root`?"


def test_the_ignore_file_is_read_and_a_broken_one_stops(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\n", encoding="utf-8")
    file = tmp_path / ".tidegate-ignore.yml"
    file.write_text("- {code: docker-root, reason: a toolbox, until: 2999-01-01}\n", encoding="utf-8")
    told = examine(tmp_path)
    assert (told.breaches, [i.reason for i in told.ignored]) == ((), ["a toolbox"])
    with pytest.raises(PathNotFoundError):
        examine(tmp_path, ignore=str(tmp_path / "other.yml"))
    file.write_text("code: docker-root\n", encoding="utf-8")
    with pytest.raises(ConfigSyntaxError):
        examine(tmp_path)
