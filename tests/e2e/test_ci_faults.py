"""Every fault in every job: exactly one turns red; what needs it is skipped. GitLab's jobs, and the install step for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.notifier.servers import TOKEN
from tests.e2e.ci_project import environment, write
from tests.e2e.ci_runner import Runner
from tests.e2e.test_ci import ALL, DATA_FAULTS, FAULTS, changed, edit, origin, red, told

pytestmark = pytest.mark.soak
__all__ = ["origin"]
ROOT = Path(__file__).parents[2]
MART_AS_MARKDOWN = r"analytics.mart\_daily\_revenue"


@pytest.mark.parametrize("fault", [*FAULTS, *DATA_FAULTS])
def test_exactly_one_job_turns_red(origin: Path, tmp_path: Path, fault: str) -> None:
    change, job = {**FAULTS, **DATA_FAULTS}[fault]
    folder = changed(origin, tmp_path, change)
    runner = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request")
    ended = runner.github()
    assert set(ended) == ALL
    assert red(ended) == {job}, told(ended)
    assert ended["report"].word == ("skipped" if job == "build" else "green")
    assert [c["body"].count("## What this change does") for c in runner.comments.comments] == [1] * (job != "build")
    if job == "diff":
        assert MART_AS_MARKDOWN in runner.comments.comments[0]["body"]


def test_an_announced_change_is_green(origin: Path, tmp_path: Path) -> None:
    change, _ = DATA_FAULTS["a number that changes"]
    folder = changed(origin, tmp_path, change, "Double what is paid\n\nChanges-Data: analytics.*\n")
    ended = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request").github()
    assert red(ended) == set(), told(ended)


def test_packages_are_installed_where_they_are_needed(origin: Path, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        write(folder, "packages/own/dbt_project.yml", "name: own\nversion: '1.0'\n")
        write(folder, "packages/own/macros/one.sql", "{% macro one() %}1{% endmacro %}")
        write(folder, "transform/packages.yml", "packages:\n  - local: ../packages/own\n")
        write(folder, "transform/models/marts/mart_one.sql", "select {{ own.one() }} as one")

    folder = changed(origin, tmp_path, change)
    only = frozenset({"parse", "build", "checks", "diff"})
    ended = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request", only=only).github()
    assert {j.word for j in ended.values()} == {"green"}, told(ended)
    assert all("dbt deps transform: installed" in ended[job].output for job in ("static/parse", "build"))


@pytest.mark.parametrize("fault", [None, "a number that changes", "SQL that does not run"])
def test_gitlab_runs_the_same_stages(origin: Path, tmp_path: Path, fault: str | None) -> None:
    """And notes what the change does where there is a token, a red diff too."""
    change, job = DATA_FAULTS[fault] if fault else (edit("README.md", "# The shop", "# Our shop"), "")
    folder = changed(origin, tmp_path, change)
    runner = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request")
    runner.variables = {} if fault is None else {"GITLAB_TOKEN": TOKEN}
    ended = runner.gitlab()
    assert red(ended) == {job} - {""}, told(ended)
    skipped = {"deploy", *({"report"} if fault is None else {"checks", "diff"} if job == "build" else ())}
    assert {n for n, j in ended.items() if j.word == "skipped"} == skipped, told(ended)
    assert set(ended) == {"lint", "types", "secrets", "parse", "unit", "build", "checks", "diff", "report", "deploy"}
    assert [MART_AS_MARKDOWN in n["body"] for n in runner.notes.notes] == [True] * (job == "diff")


def test_what_the_install_step_installs_is_enough(origin: Path, tmp_path: Path) -> None:
    """In an environment with nothing in it; this checkout's wheel stands in for the release of Tidegate."""
    wheels, fresh = tmp_path / "wheels", tmp_path / "fresh"
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(wheels),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True)
    folder = changed(origin, tmp_path, edit("README.md", "# The shop", "# Our shop"))
    env = environment() | {
        "PATH": f"{fresh / 'bin'}{os.pathsep}/usr/local/bin:/usr/bin:/bin",
        "PIP_FIND_LINKS": str(wheels),
    }
    (line,) = [
        text.strip()
        for text in (folder / ".github/workflows/tidegate.yml").read_text(encoding="utf-8").splitlines()
        if "pip install" in text
    ][:1]
    subprocess.run(["bash", "-ec", line], cwd=folder, env=env, check=True, capture_output=True)
    done = subprocess.run(
        ["bash", "-ec", "tidegate ci run --all"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
