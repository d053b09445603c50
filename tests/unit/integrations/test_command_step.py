"""What is particular to a wrapped command: whatever starts dbt or dlt, the candidate is hit and the facts are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.step.worlds import Quiet, World, dbt_world, dlt_world
from tidegate.errors import ConfigError
from tidegate.integrations.command import CommandStep
from tidegate.integrations.dbt import DbtStep
from tidegate.integrations.dlt import DltStep
from tidegate.model import StepStatus


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A project with a dbt and a dlt step, each with a stand-in for its tool."""
    dbt = dbt_world(tmp_path / "project")
    load = dlt_world(tmp_path / "other")
    (load.folder).rename(dbt.project / "ingest")
    return dbt


def wrap(command: str | list[str], *, load: bool = False, **options: object) -> CommandStep:
    steps = [DbtStep("transform", "transform", {})]
    return CommandStep(
        "wrapped",
        command,
        {"alongside": [*steps, *([DltStep("load", "ingest/load.py", {})] if load else [])]} | options,
    )


def profile(world: World) -> dict[str, object]:
    text = (world.context().work / "wrapped" / "profiles.yml").read_text()
    found = json.loads(text)["shop"]
    assert isinstance(found, dict)
    return found


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ConfigError, match="the command is empty"):
        CommandStep("c", "  ", {})
    with pytest.raises(ConfigError, match="cannot be cut into words"):
        CommandStep("c", "echo 'x", {})


def test_there_is_no_shell(tmp_path: Path) -> None:
    quiet = Quiet()
    world = dbt_world(tmp_path / "p")
    report = CommandStep("c", "echo $HOME * '&&' false", {}).run(world.context(), quiet)
    assert report.status is StepStatus.SUCCESS
    assert quiet.said == ["$HOME * && false"]


@pytest.mark.parametrize("said", ["$TIDEGATE_DATABASE", "${TIDEGATE_DATABASE}"])
def test_the_candidate_may_stand_in_the_command_and_in_env(tmp_path: Path, said: str) -> None:
    quiet = Quiet()
    world = dbt_world(tmp_path / "p")
    step = CommandStep(
        "c",
        f"""sh -c 'echo "$SHOP" "$1" "$TIDEGATE_DATABASE"' x --db={said}""",
        {"env": {"SHOP": "${TIDEGATE_DATABASE}"}},
    )
    step.run(world.context(), quiet)
    file = str(world.context().stable_database)
    assert quiet.said == [f"{file} --db={file} {file}"]


def test_a_name_that_the_environment_lacks_is_told_before_anything_runs(tmp_path: Path) -> None:
    world = dbt_world(tmp_path / "p")
    with pytest.raises(ConfigError, match="`env` needs `NO_SUCH_NAME`"):
        CommandStep("c", "sh -c true", {"env": {"A": "${NO_SUCH_NAME}"}}).prepare(world.project)


def test_the_environment_is_that_of_all_steps_alongside(world: World) -> None:
    context = world.context()
    said = wrap("make", load=True).environment(context)
    assert said["TIDEGATE_DATABASE"] == str(context.stable_database)
    assert said["DESTINATION__DUCKDB__CREDENTIALS"] == str(context.stable_database)
    assert said["DBT_TARGET_PATH"] == str(context.state / "dbt" / "transform" / "target")
    assert said["DBT_PROFILES_DIR"] == str(context.work / "wrapped")
    assert "DBT_LOG_FORMAT" not in said  # the user's own format stands


def test_a_wrapped_dbt_runs_in_its_project_against_the_candidate(world: World) -> None:
    quiet, context = Quiet(), world.context()
    report = wrap("dbt build -s +orders --profiles-dir . --target-path target").run(context, quiet)
    assert report.status is StepStatus.SUCCESS
    assert report.command == (str(world.tool), "build", "-s", "+orders")
    assert context.database.read_text() == "built"
    assert quiet.said[0] == "stand-in build -s +orders"
    assert report.facts.executed_nodes == 2
    assert [c.id for c in report.facts.checks] == ["test.shop.unique_orders"]
    assert report.summary == "1 success, 1 pass"


def test_a_wrapped_dbt_with_another_target_is_redirected_too(world: World) -> None:
    context = world.context()
    step = wrap("dbt run --target prod")
    assert step.run(context, Quiet()).status is StepStatus.SUCCESS
    outputs = profile(world)["outputs"]
    assert isinstance(outputs, dict)
    assert outputs["prod"]["path"] == str(context.stable_database)
    assert world.folder / "prod.duckdb" in step.databases(world.project)


def test_the_profiles_of_a_wrapped_dbts_own_flag_are_used(world: World) -> None:
    (world.folder / "ci").mkdir()
    (world.folder / "ci" / "profiles.yml").write_text("shop: {outputs: {default: {type: duckdb, path: ci.duckdb}}}")
    step, context = wrap("dbt build --profiles-dir ci"), world.context()
    assert step.databases(world.project)[0] == world.folder / "ci.duckdb"
    step.environment(context)
    assert profile(world)["outputs"] == {"default": {"type": "duckdb", "path": str(context.stable_database)}}


def test_a_wrapped_dbt_whose_tests_fail_is_a_finding(world: World) -> None:
    world.behave("findings")
    report = wrap("dbt build").run(world.context(), Quiet())
    assert (report.status, report.exit_code) == (StepStatus.FINDINGS, 1)
    assert report.facts.tests[0].status == "fail"


def test_a_wrapped_dbt_that_fails_says_why(world: World) -> None:
    world.behave("fail")
    report = wrap("dbt build").run(world.context(), Quiet())
    assert report.status is StepStatus.FAILED
    assert "Binder Error" in report.summary


def test_a_wrapped_dbt_that_does_nothing_is_told(world: World) -> None:
    world.behave("nothing")
    report = wrap("dbt build -s x").run(world.context(), Quiet())
    assert report.facts.executed_nodes == 0


def test_dbt_inside_a_script_is_redirected_and_read(world: World) -> None:
    context = world.context()
    report = wrap(["sh", "-c", "cd transform && ../.venv/bin/dbt build && echo finished"]).run(context, Quiet())
    assert report.status is StepStatus.SUCCESS
    assert context.database.read_text() == "built"
    assert [n.id for n in report.facts.nodes] == ["model.shop.orders"]


def test_a_script_that_fails_fails_though_only_dbts_tests_did(world: World) -> None:
    world.behave("findings")
    report = wrap(["sh", "-c", "cd transform && ../.venv/bin/dbt build"]).run(world.context(), Quiet())
    assert report.status is StepStatus.FAILED


def test_artifacts_of_an_earlier_run_are_not_taken_for_this_ones(world: World) -> None:
    wrap("dbt build").run(world.context(), Quiet())
    report = wrap("true").run(world.context(), Quiet())
    assert (report.facts.tests, report.facts.checks, report.facts.executed_nodes) == ((), (), None)


def test_dlt_inside_a_script_is_redirected_and_read(world: World) -> None:
    context = world.context()
    report = wrap(["python3", "ingest/load.py"], load=True).run(context, Quiet())
    assert len(report.facts.load_ids) == 1
    assert [str(n.dataset) for n in report.facts.nodes if n.kind == "table"] == ["raw.orders"]
    (world.project / "ingest" / "behaviour").write_text("failed-job")
    failed = wrap(["python3", "ingest/load.py"], load=True).run(context, Quiet())
    assert failed.status is StepStatus.FAILED
    assert "has failed jobs" in failed.summary


@pytest.fixture
def two(world: World, tmp_path: Path) -> list[DbtStep]:
    """A second dbt project beside the first one, with another profile."""
    second = dbt_world(tmp_path / "second").folder
    second.rename(world.project / "finance")
    (world.project / "finance" / "dbt_project.yml").write_text("name: finance\nprofile: books\n")
    (world.project / "finance" / "profiles.yml").write_text("books: {outputs: {default: {type: duckdb, path: b.db}}}")
    return [DbtStep("transform", "transform", {}), DbtStep("finance", "finance", {})]


BOTH = "cd transform && ../.venv/bin/dbt build && cd ../finance && ../.venv/bin/dbt build"


def test_what_several_dbt_projects_did_is_read_of_all_of_them(world: World, two: list[DbtStep]) -> None:
    context = world.context()
    both = CommandStep("wrapped", ["sh", "-c", BOTH], {"alongside": two})
    report = both.run(context, Quiet())
    assert report.status is StepStatus.SUCCESS, report.summary
    models, tests = (
        ["model.finance.orders", "model.shop.orders"],
        ["test.finance.unique_orders", "test.shop.unique_orders"],
    )
    assert sorted(n.id for n in report.facts.nodes) == models
    assert sorted(t.id for t in report.facts.tests) == sorted(c.id for c in report.facts.checks) == tests
    assert report.facts.executed_nodes == 4
    assert not any("not read" in note for note in report.facts.notes)
    assert sorted(n.id for n in both.facts(world.project, context.state).nodes) == models, (
        "they travel with the version"
    )


def test_of_several_dbt_projects_only_what_ran_now_is_read(world: World, two: list[DbtStep]) -> None:
    CommandStep("wrapped", ["sh", "-c", BOTH], {"alongside": two}).run(world.context(), Quiet())
    one = CommandStep("wrapped", ["sh", "-c", "cd finance && ../.venv/bin/dbt build"], {"alongside": two})
    assert [t.id for t in one.run(world.context(), Quiet()).facts.tests] == ["test.finance.unique_orders"]
    neither = CommandStep("wrapped", ["true"], {"alongside": two}).run(world.context(), Quiet())
    assert (neither.facts.tests, neither.facts.executed_nodes, neither.facts.notes) == ((), None, ())


@pytest.mark.parametrize("said", ["project", "environment"])
def test_a_dbt_project_that_writes_elsewhere_is_read_there(
    world: World, two: list[DbtStep], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    if said == "project":
        project = world.project / "finance" / "dbt_project.yml"
        project.write_text(project.read_text() + "target-path: build\n")
        assert two[1].own_target_folder(world.project) == world.project / "finance" / "build"
    else:
        monkeypatch.setenv("DBT_TARGET_PATH", "out")
        both = CommandStep("wrapped", ["sh", "-c", BOTH], {"alongside": two}).run(world.context(), Quiet())
        assert both.facts.executed_nodes == 4
        assert (world.folder / "out" / "manifest.json").is_file()


def test_two_dbt_projects_share_profiles_and_not_artifacts(world: World, two: list[DbtStep]) -> None:
    steps, context = two, world.context()
    both = CommandStep("wrapped", "make", {"alongside": steps})
    said = both.environment(context)
    assert "DBT_TARGET_PATH" not in said
    written = json.loads((context.work / "wrapped" / "profiles.yml").read_text())
    assert set(written) == {"shop", "books"}
    one = CommandStep("wrapped", "dbt build --project-dir transform", {"alongside": steps})
    assert one.environment(context)["DBT_TARGET_PATH"].endswith("dbt/transform/target")
    assert one.databases(world.project) == steps[0].databases(world.project)


def test_a_command_runs_where_it_is_told(world: World) -> None:
    quiet = Quiet()
    CommandStep("c", "pwd", {"cwd": "transform"}).run(world.context(), quiet)
    assert quiet.said == [str(world.folder)]
