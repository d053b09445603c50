"""The workflows of the template, as GitHub, actionlint and zizmor judge them; what their shell does is tested in e2e."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.iot import PROJECT
from tools.drift import changed, told

BIN = Path(sys.executable).parent
JUDGES = {
    "schema": ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
    "actionlint": ["actionlint", "-no-color"],
    "zizmor": ["zizmor", "--offline", "--no-progress", "--quiet", "--config", ".github/zizmor.yml"],
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the template's workflows, where they are on GitHub."""
    shutil.copytree(PROJECT / "dot_github", tmp_path / ".github")
    (tmp_path / ".git").mkdir()
    return tmp_path


def judged(repository: Path, judge: str) -> subprocess.CompletedProcess[str]:
    program, *words = JUDGES[judge]
    files = [str(p.relative_to(repository)) for p in sorted(repository.glob(".github/workflows/*.yml"))]
    return subprocess.run(
        [str(BIN / program), *words, *files],
        cwd=repository,
        env={"PATH": os.environ["PATH"], "HOME": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("judge", JUDGES)
def test_nobody_finds_anything(repository: Path, judge: str) -> None:
    done = judged(repository, judge)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("judge", "file", "old", "new"),
    [
        ("schema", "stage.yml", "runs-on: ubuntu-latest", "runs_on: ubuntu-latest"),
        ("actionlint", "drift.yml", "matrix.stage }}\n      TF", "matrix.stages }}\n      TF"),
        ("zizmor", "ci.yml", '--stage "$STAGE" > comment.md', "--stage ${{ github.head_ref }} > comment.md"),
    ],
    ids=["schema", "actionlint", "zizmor"],
)
def test_each_judge_finds_what_is_its_to_find(repository: Path, judge: str, file: str, old: str, new: str) -> None:
    path = repository / ".github" / "workflows" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert judged(repository, judge).returncode != 0


def test_dependabot_knows_every_folder_with_a_lock(repository: Path) -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    said = (repository / ".github" / "dependabot.yml").read_text(encoding="utf-8")
    assert "/infra/bootstrap" in said
    assert "/infra/environments/*" in said


def test_drift_is_told_by_resource() -> None:
    def change(address: str, *actions: str) -> dict[str, object]:
        return {"address": address, "change": {"actions": list(actions)}}

    plan = [
        change("a.table", "update"),
        change("a.alarm", "create"),
        change("a.same", "no-op"),
        change("data.x", "read"),
    ]
    found = changed({"resource_changes": plan})
    assert found == ["update `a.table`", "create `a.alarm`"]
    assert told("prod", found).startswith("2 resources of prod are not what the code says.")
