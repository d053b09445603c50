"""What is particular to dlt: which Python, which folder, which variables, and what escapes the candidate."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conformance.step.worlds import Quiet, World, dlt_world, executable
from tidegate.errors import ConfigSyntaxError, ExecutableNotFoundError
from tidegate.integrations import dlt
from tidegate.integrations.dlt import DltStep, explain, find_python
from tidegate.model import DatasetRef, StepReport, StepStatus


@pytest.fixture
def world(tmp_path: Path) -> World:
    return dlt_world(tmp_path / "project")


def step(world: World, **options: object) -> DltStep:
    made = world.make(options)
    assert isinstance(made, DltStep)
    return made


def run(world: World, **options: object) -> StepReport:
    return step(world, **options).run(world.context(), Quiet())


def script(world: World, call: str) -> None:
    """Put one pipeline into the stand-in script."""
    file = world.folder / "load.py"
    text = file.read_text()
    old = next(line for line in text.splitlines() if "dlt.pipeline" in line)
    file.write_text(text.replace(old.strip(), call))


def settings(world: World, text: str, folder: Path | None = None) -> None:
    place = (folder or world.project) / ".dlt"
    place.mkdir()
    (place / "config.toml").write_text(text)


def test_python_is_searched_in_order(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_venv = tmp_path / "elsewhere"
    no_venv.mkdir()
    monkeypatch.setattr(dlt.importlib.util, "find_spec", lambda _: None)
    path = tmp_path / "path"
    env = {"PATH": str(path)}
    with pytest.raises(ExecutableNotFoundError, match="no Python with dlt"):
        find_python(None, no_venv, no_venv, env)
    executable(path / "python3", "exit 1", interpreter="sh")
    with pytest.raises(ExecutableNotFoundError, match="no Python with dlt"):
        find_python(None, no_venv, no_venv, env)
    able = executable(path / "python", "exit 0", interpreter="sh")
    assert find_python(None, no_venv, no_venv, env) == str(able)
    monkeypatch.setattr(dlt.importlib.util, "find_spec", lambda _: object())
    assert find_python(None, no_venv, no_venv, env) == sys.executable
    assert find_python(None, world.project, world.folder, env) == str(world.tool)
    assert find_python(str(able), world.project, world.folder, env) == str(able)


def test_it_runs_where_dlt_finds_its_configuration(world: World) -> None:
    assert step(world).folder(world.project) == world.folder
    settings(world, "")
    assert step(world).folder(world.project) == world.project


def test_every_place_where_dlt_looks_first_gets_the_candidate(world: World) -> None:
    settings(
        world,
        '[destination.wh]\ndestination_type = "duckdb"\ncredentials = "wh.duckdb"\n'
        '[shop.destination.wh]\ncredentials = "own.duckdb"\n',
    )
    script(world, 'dlt.pipeline("shop", destination="wh")')
    context = world.context()
    said = step(world, pipelines=["late"]).environment(context)
    database, state = str(context.stable_database), str(context.state / "dlt")
    for pipeline in ("", "SHOP__", "LATE__"):
        for destination in ("DUCKDB", "WH"):
            assert said[f"{pipeline}DESTINATION__{destination}__CREDENTIALS"] == database
    for name in ("PIPELINES_DIR", "PIPELINES__PIPELINES_DIR", "PIPELINES__SHOP__PIPELINES_DIR"):
        assert said[name] == state
    assert said["RUNTIME__DLTHUB_TELEMETRY"] == "false"
    assert "DLT_DATA_DIR" not in said  # before dlt 1.0 it also moved the user's configuration


def test_another_kind_of_destination_is_left_alone(world: World) -> None:
    script(world, 'dlt.pipeline("shop", destination="postgres")')
    said = step(world).environment(world.context())
    assert not any("POSTGRES" in name for name in said)


def test_the_users_choice_to_keep_loaded_files_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert step(world).environment(world.context())["LOAD__DELETE_COMPLETED_JOBS"] == "true"
    monkeypatch.setenv("LOAD__DELETE_COMPLETED_JOBS", "false")
    assert "LOAD__DELETE_COMPLETED_JOBS" not in step(world).environment(world.context())


def test_the_databases_are_those_of_files_environment_script_and_dlts_default(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(world, '[destination.duckdb]\ncredentials = "configured.duckdb"\n')
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "/abs/said.duckdb")
    script(world, 'dlt.pipeline("shop", destination=dlt.destinations.duckdb("coded.duckdb", destination_name="wh"))')
    assert step(world).databases(world.project) == (
        world.project / "configured.duckdb",
        Path("/abs/said.duckdb"),
        world.project / "coded.duckdb",
        world.project / "shop.duckdb",
        world.project / "wh.duckdb",
    )


def test_a_pipeline_without_a_name_is_named_after_the_script(world: World) -> None:
    script(world, 'dlt.pipeline(destination="duckdb")')
    assert "DLT_LOAD__DESTINATION__DUCKDB__CREDENTIALS" in step(world).environment(world.context())


def test_a_hard_coded_file_of_the_versions_name_is_redirected(world: World) -> None:
    script(world, 'dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"))')
    context = world.context()
    assert step(world).environment(context)["DLT_LOCAL_DIR"] == str(context.stable_database.parent)
    assert step(world).run(context, Quiet()).facts.notes == ()


@pytest.mark.parametrize(
    ("call", "note"),
    [
        ('dlt.pipeline("shop", destination=dlt.destinations.duckdb("data/shop.duckdb"))', "has the database `data/shop"),
        ('dlt.pipeline("shop", destination="duckdb", credentials="x.duckdb")', "has the database `x.duckdb` in the code"),
        ('dlt.pipeline("shop", destination=dlt.destinations.duckdb(path()))', "passes credentials in the code"),
        ('dlt.pipeline("shop", destination="bigquery")', "loads into `bigquery`"),
        ('dlt.pipeline("shop", destination=choose())', "builds its destination at run time"),
        ('dlt.pipeline("shop", pipelines_dir=".state")', "its cursors do not travel with the version"),
        ('dlt.pipeline("shop", dev_mode=True)', "every run loads into a new dataset"),
        ("print()", "has no `dlt.pipeline(...)` that can be read"),
    ],
    ids=str,
)  # fmt: skip
def test_what_escapes_is_said_before_the_run_and_kept(call: str, note: str, world: World) -> None:
    script(world, call)
    context, quiet = world.context(), Quiet()
    said = step(world).run(context, quiet).facts.notes
    assert any(note in n and n.startswith("ingest/load.py") for n in said)
    assert quiet.said == [n for n in said if n in quiet.said] != []


def test_the_loads_and_tables_of_this_run_are_told(world: World) -> None:
    first, second = run(world), run(world)
    assert first.summary == "1 load"
    assert len(first.facts.load_ids) == len(second.facts.load_ids) == 1
    assert first.facts.load_ids != second.facts.load_ids
    assert [(n.kind, n.dataset, n.path) for n in first.facts.nodes] == [
        ("table", DatasetRef(namespace="raw", name="orders"), "ingest/load.py")
    ]


def test_a_load_with_failed_jobs_is_a_failure_though_the_script_ends_well(world: World) -> None:
    world.behave("failed-job")
    report = run(world)
    assert (report.status, report.exit_code) == (StepStatus.FAILED, 0)
    assert "has failed jobs: orders" in report.summary
    assert report.summary in report.facts.notes


def test_a_run_that_loaded_nothing_is_told(world: World) -> None:
    (world.folder / "load.py").write_text("import sys\nif False:\n    dlt.pipeline('shop', destination='duckdb')\n")
    report = run(world)
    assert report.status is StepStatus.SUCCESS
    assert report.facts.notes == ("dlt loaded nothing: it made no load package",)


def test_arguments_reach_the_script(world: World) -> None:
    report = run(world, args="--day 2026-01-01")
    assert "stand-in --day 2026-01-01" in Path(report.log).read_text()


def test_a_script_or_settings_that_cannot_be_read_are_found_before_anything_is_copied(world: World) -> None:
    settings(world, "[broken")
    with pytest.raises(ConfigSyntaxError, match=r"config\.toml"):
        step(world).prepare(world.project)
    (world.folder / "load.py").write_text("def broken(:")
    with pytest.raises(ConfigSyntaxError, match=r"load\.py"):
        step(world).prepare(world.project)


@pytest.mark.parametrize(
    ("tail", "cause"),
    [
        (["Traceback (most recent call last):", '  File "x"', "ValueError: bad", ""], "ValueError: bad"),
        (
            [
                "dlt.pipeline.exceptions.PipelineStepFailed: Pipeline execution failed at `step=sync` with exception:",
                "",
                "<class 'dlt.destinations.exceptions.DestinationConnectionError'>",
                "Connection failed.",
                "",
                "Note: the package is left",
            ],
            "DestinationConnectionError: Connection failed.",
        ),
        (["KeyboardInterrupt"], "KeyboardInterrupt:"),
        (["all good", "bye"], "bye"),
        (["", " "], None),
    ],
    ids=["plain", "dlt", "bare", "no exception", "silent"],
)
def test_the_cause_is_found_in_the_last_lines(tail: list[str], cause: str | None) -> None:
    said = explain(tail)
    assert (said.strip() if said else said) == cause
