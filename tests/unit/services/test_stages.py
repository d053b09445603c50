"""Which stages a project has, and when a tool that ended well is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.unit.doctor.test_rules import project
from tidegate.model import Outcome, StepSettings
from tidegate.services.stages import STAGES, TOOLS, Plan, StageOutcome, Task, judged, plan, shortened

STEP = StepSettings(name="transform", kind="dbt", target="transform", timeout=timedelta(hours=1))
LOAD = {"ingest/load.py": "import dlt\n"}
DBT = {"transform/dbt_project.yml": "name: shop\nprofile: shop\n", "transform/models/a.sql": "select 1 as id"}


def planned(files: Mapping[str, str], *, has_steps: bool = True) -> Plan:
    return plan(project(files), [STEP] if has_steps else ())


def tools(files: Mapping[str, str], stage: str) -> list[str]:
    found = planned(files).stage(stage)
    return [t.name for t in found.tasks] if found else []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": "[tool.ruff]\n"}, ["ruff check", "ruff format"]),
        ({"ruff.toml": ""}, ["ruff check", "ruff format"]),
        ({"pyproject.toml": "[tool.ruff]\n[tool.black]\n"}, ["ruff check", "black"]),
        ({"setup.cfg": "[flake8]\nmax-line-length = 100\n", "requirements.txt": "black==25.1\n"}, ["flake8", "black"]),
        ({".flake8": "", ".sqlfluff": "[sqlfluff]\n"}, ["flake8", "sqlfluff"]),
        (
            {
                ".pre-commit-config.yaml": "repos:\n  - repo: x\n    rev: v1\n    hooks: [{id: ruff-format}, {id: sqlfluff-lint}]\n"
            },
            ["ruff check", "ruff format", "sqlfluff"],
        ),
        ({"requirements-dev.txt": "ruff>=0.6\n"}, ["ruff check", "ruff format"]),
        ({"requirements-ci.txt": "ruff==0.6\n"}, []),
        ({"pyproject.toml": "this is no toml ["}, []),
        ({}, []),
    ],
)
def test_the_linters_are_those_that_the_project_has_chosen(files: Mapping[str, str], expected: list[str]) -> None:
    assert tools({**LOAD, **files}, "lint") == expected


def test_a_formatter_of_python_is_no_linter_where_there_is_no_python() -> None:
    assert tools({**DBT, "pyproject.toml": "[tool.ruff]\n", ".sqlfluff": ""}, "lint") == ["sqlfluff"]


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"pyproject.toml": "[tool.mypy]\nstrict = true\n"}, ("mypy", "--cache-dir", "X", ".")),
        ({"pyproject.toml": '[tool.mypy]\nfiles = ["ingest"]\n'}, ("mypy", "--cache-dir", "X")),
        ({"mypy.ini": "[mypy]\nfiles = ingest\n"}, ("mypy", "--cache-dir", "X")),
        ({"pyrightconfig.json": "{}"}, ("pyright", "--stats")),
    ],
)
def test_mypy_is_told_what_to_check_once(files: Mapping[str, str], command: tuple[str, ...]) -> None:
    stage = planned({**LOAD, **files}).stage("types")
    assert stage is not None
    assert [t.command("X") for t in stage.tasks] == [command]


def test_a_project_without_tests_has_the_stage_all_the_same() -> None:
    assert tools(LOAD, "unit") == ["pytest"]


def test_what_does_not_apply_is_left_out_with_its_reason() -> None:
    found = planned(DBT)
    assert [s.name for s in found.stages] == ["secrets", "parse", "build", "checks", "diff", "deploy"]
    assert found.left_out["unit"] == "there is no Python file"
    nothing = planned(LOAD, has_steps=False)
    assert set(nothing.left_out) == {"lint", "types", "parse", "build", "checks", "diff", "deploy"}
    assert {s.name for s in nothing.stages} | set(nothing.left_out) == set(STAGES)


def test_each_dbt_project_is_parsed_in_its_folder() -> None:
    other = {"marketing/dbt_project.yml": "name: marketing\nprofile: shop\n"}
    stage = planned({**DBT, **other}).stage("parse")
    assert stage is not None
    assert sorted(t.folder for t in stage.tasks) == ["marketing", "transform"]


def ended(
    tool: str, code: int | None, output: str = "", *, listed: str = "", report: str = ""
) -> tuple[Outcome, int | None]:
    task = Task(name=tool, tool=TOOLS[tool])
    outcome, _, did = judged(task, exit_code=code, output=output, listed=listed, report=report)
    return outcome, did


MANIFEST = {
    "metadata": {"project_name": "shop"},
    "nodes": {"model.shop.a": {"package_name": "shop"}, "model.other.b": {"package_name": "other"}},
}
SUITE = '<testsuites><testsuite tests="{}" skipped="{}"/></testsuites>'


@pytest.mark.parametrize(
    ("tool", "output", "count"),
    [
        ("ruff format", "3 files already formatted", 3),
        ("ruff format", "1 file would be reformatted, 5 files already formatted", 6),
        ("ruff format", "warning: No Python files found under the given path(s)", 0),
        ("black", "All done!\n4 files would be left unchanged.", 4),
        ("black", "No Python files are present to be formatted. Nothing to do", 0),
        ("flake8", "58         total logical lines processed\n2          total files processed", 2),
        ("sqlfluff", "== [models/a.sql] PASS\n== [models/b.sql] FAIL\n", 2),
        ("sqlfluff", "All Finished!", 0),
        ("mypy", "Success: no issues found in 7 source files", 7),
        ("mypy", "Found 1 error in 1 file (checked 12 source files)", 12),
        ("mypy", "There are no .py[i] files in directory '.'", 0),
        ("pyright", "Found 9 source files", 9),
        ("pyright", "No source files found.", 0),
    ],
)
def test_what_a_tool_looked_at_is_counted(tool: str, output: str, count: int) -> None:
    assert ended(tool, 0, output) == (Outcome.PASS if count else Outcome.ERROR, count)


def test_what_is_in_a_report_is_counted() -> None:
    assert ended("pytest", 0, report=SUITE.format(3, 1)) == (Outcome.PASS, 2)
    assert ended("pytest", 0, report=SUITE.format(3, 3)) == (Outcome.ERROR, 0)
    assert ended("pytest", 0) == (Outcome.ERROR, None)
    assert ended("pytest", 5, report=SUITE.format(0, 0)) == (Outcome.ERROR, 0)
    assert ended("pytest", 1, report=SUITE.format(3, 0)) == (Outcome.FAIL, 3)
    assert ended("dbt parse", 0, report=json.dumps(MANIFEST)) == (Outcome.PASS, 1)
    assert ended("dbt parse", 0, report=json.dumps({**MANIFEST, "nodes": {}})) == (Outcome.ERROR, 0)
    assert ended("dbt parse", 2) == (Outcome.FAIL, None)
    assert ended("ruff check", 0, "All checks passed!", listed="a.py\nb.py\n") == (Outcome.PASS, 2)
    assert ended("ruff check", 0, "All checks passed!", listed="") == (Outcome.ERROR, 0)


@pytest.mark.parametrize("code", [2, 127, -9, None])
def test_a_tool_that_could_not_run_is_an_error(code: int | None) -> None:
    assert ended("ruff check", code, listed="a.py")[0] is Outcome.ERROR


def test_a_stage_without_a_case_is_an_error() -> None:
    assert StageOutcome(stage="unit", cases=(), seconds=0.0).outcome is Outcome.ERROR


def test_only_the_last_lines_that_say_something_are_kept() -> None:
    assert shortened(["a  ", "", "b", "c"], most=2) == ("b", "c")
