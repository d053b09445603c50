"""What is particular to dbt: which dbt, which profile, which flags, and what its end means."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.conformance.step.worlds import STAND_IN_DBT, Quiet, World, dbt_world, executable
from tidegate.errors import ConfigError, ExecutableNotFoundError, ProfileNotFoundError
from tidegate.integrations.dbt import DbtStep, find_dbt, read_flags, take_flags
from tidegate.model import StepReport, StepStatus


@pytest.fixture
def world(tmp_path: Path) -> World:
    return dbt_world(tmp_path / "project")


def step(world: World, **options: object) -> DbtStep:
    made = world.make(options)
    assert isinstance(made, DbtStep)
    return made


def run(world: World, *, timeout_s: float = 30, **options: object) -> StepReport:
    return step(world, **options).run(world.context(timeout_s=timeout_s), Quiet())


def test_dbt_is_searched_in_order(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.project / ".venv" / "bin" / "dbt").unlink()
    ours = tmp_path / "ours"
    monkeypatch.setattr(sys, "executable", str(ours / "python"))
    path = tmp_path / "path"
    env = {"PATH": str(path)}

    def found() -> str:
        return find_dbt(None, world.project, world.folder, env)

    with pytest.raises(ExecutableNotFoundError, match="dbt is not installed: it is not in"):
        found()
    for place in (path, ours, world.folder / ".venv" / "bin", world.project / ".venv" / "bin"):
        program = executable(place / "dbt", "")
        assert found() == str(program)
    mine = executable(world.project / "tools" / "dbt", "")
    assert find_dbt("tools/dbt", world.project, world.folder, env) == str(mine)


def test_the_command_line_has_what_was_asked_for(world: World) -> None:
    report = run(
        world, command="run", args=["--select", "orders", "--profiles-dir", ".", "--threads=2"], vars={"day": 1}
    )
    said = ("run", "--select", "orders", "--threads=2", "--vars", '{"day": 1}')
    assert report.command == (str(world.tool), *said)
    assert report.log.endswith("transform.log")


def test_the_target_comes_from_the_option_a_flag_or_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def target(**options: object) -> str:
        return step(world, **options).profile(world.project).target

    assert target() == "dev"
    assert target(target="prod") == "prod"
    assert target(args="-t prod") == "prod"
    assert target(args=["--target=prod"]) == "prod"
    assert target(env={"DBT_TARGET": "prod"}) == "prod"
    monkeypatch.setenv("DBT_TARGET", "prod")
    assert target() == "prod"


def test_only_the_chosen_target_is_redirected(world: World) -> None:
    context = world.context()
    said = step(world, target="prod").environment(context)
    written = json.loads((Path(said["DBT_PROFILES_DIR"]) / "profiles.yml").read_text())["shop"]
    assert written["target"] == said["DBT_TARGET"] == "prod"
    assert written["outputs"]["prod"]["path"] == str(context.stable_database)
    assert written["outputs"]["dev"]["path"] == "../shop.duckdb"


def test_newer_names_of_the_same_variables_do_not_win(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_ENGINE_PROFILES_DIR", "/somewhere")
    said = step(world, profiles_dir="transform").environment(world.context())
    assert said["DBT_ENGINE_PROFILES_DIR"] == said["DBT_PROFILES_DIR"]
    assert "DBT_ENGINE_TARGET_PATH" not in said


def test_a_missing_profile_or_target_is_found_before_anything_is_copied(world: World) -> None:
    with pytest.raises(ProfileNotFoundError, match="no profile `shopp`"):
        step(world, profile="shopp").prepare(world.project)
    with pytest.raises(ProfileNotFoundError, match="it has `dev`, `prod`"):
        step(world, target="nope").prepare(world.project)
    with pytest.raises(ProfileNotFoundError, match=r"no profiles\.yml in"):
        step(world, profiles_dir=".").prepare(world.project)


@pytest.mark.parametrize("said", ["", "profile: \"{{ env_var('NOT_SET') }}\""], ids=["none", "Jinja"])
def test_a_profile_without_a_name_is_refused(said: str, world: World) -> None:
    (world.folder / "dbt_project.yml").write_text(f"name: shop\n{said}\n")
    with pytest.raises(ConfigError, match="which is no name"):
        step(world).prepare(world.project)


def test_another_engine_is_refused(world: World) -> None:
    (world.folder / "profiles.yml").write_text("shop: {outputs: {default: {type: snowflake, account: a}}}")
    with pytest.raises(ConfigError, match="of type `snowflake`"):
        step(world).prepare(world.project)


def test_variables_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ConfigError, match="`vars` is"):
        DbtStep("transform", "transform", {"vars": "a: 1"})


def test_the_databases_count_from_both_folders_that_dbt_may_be_started_in(world: World) -> None:
    assert [os.path.relpath(p, world.project) for p in step(world, target="prod").databases(world.project)] == [
        "transform/prod.duckdb",
        "prod.duckdb",
    ]


def test_failing_tests_are_findings(world: World) -> None:
    world.behave("findings")
    report = run(world)
    assert (report.status, report.exit_code, report.summary) == (StepStatus.FINDINGS, 1, "1 success, 1 fail")
    assert [(t.id, t.status, t.failures) for t in report.facts.tests] == [("test.shop.unique_orders", "fail", 2)]
    assert report.facts.executed_nodes == 2


def test_a_failing_model_is_a_failure_with_its_message(world: World) -> None:
    world.behave("fail", "findings")
    report = run(world)
    assert report.status is StepStatus.FAILED
    assert report.summary == "model.shop.orders (models/orders.sql): Binder Error: no `x`"


def test_a_project_that_does_not_parse_is_a_failure_with_dbts_message(world: World) -> None:
    world.behave("succeed")
    run(world)
    world.behave("crash")
    report = run(world)
    assert (report.status, report.exit_code) == (StepStatus.FAILED, 2)
    assert report.summary == "Compilation Error the project is broken"
    assert report.facts.checks == ()  # the first run's artifacts are still there, and are not this run's
    assert report.facts.executed_nodes is None


def test_zero_nodes_are_counted_and_told(world: World) -> None:
    world.behave("nothing")
    report = run(world)
    assert (report.status, report.facts.executed_nodes) == (StepStatus.SUCCESS, 0)
    assert report.facts.notes == (
        "dbt: The selection criterion 'x' does not match any enabled nodes",
        "`dbt build` ended green and executed 0 nodes",
    )


def test_a_command_that_executes_nothing_by_nature_is_not_told(world: World) -> None:
    world.behave("nothing")
    report = run(world, command="deps")
    assert report.facts.executed_nodes is None
    assert not any("0 nodes" in n for n in report.facts.notes)


def test_progress_is_heard_per_node(world: World) -> None:
    quiet = Quiet()
    step(world).run(world.context(), quiet)
    assert quiet.advances == [(1, 2, "model.shop.orders"), (2, 2, "test.shop.unique_orders")]


def test_a_database_of_another_name_is_told(world: World) -> None:
    notes = run(world, target="prod").facts.notes
    assert notes == ("the profile's database is `prod`, the version's is `shop`: SQL that names it will not find it",)


def test_the_log_is_for_people(world: World) -> None:
    assert Path(run(world, tests="dbt").log).read_text().splitlines()[0] == "  stand-in build"


def test_flags_are_taken_and_read() -> None:
    words = ("build", "--profiles-dir", "x", "-s", "a", "--target-path=y", "--profiles-dir")
    assert take_flags(words, ("profiles-dir", "target-path")) == (
        ("build", "-s", "a"),
        {"profiles-dir": "", "target-path": "y"},
    )
    assert read_flags(("run", "-t", "prod", "--project-dir=sub")) == {"target": "prod", "project-dir": "sub"}


def test_the_stand_in_is_a_program() -> None:
    compile(STAND_IN_DBT, "dbt", "exec")
