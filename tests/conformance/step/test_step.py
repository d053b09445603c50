"""What every kind of step promises, whatever tool it runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.step.worlds import WORLDS, Quiet, World
from tidegate.errors import ExecutableNotFoundError, PathNotFoundError, UnknownKeyError
from tidegate.model import PipelineFacts, StepStatus


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = WORLDS[request.param](tmp_path / "my prøject")
    yield made
    for group in made.groups:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)


def tree(folder: Path) -> dict[Path, float]:
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_it_says_what_it_is(world: World) -> None:
    step = world.make({})
    assert step.kind == world.kind
    assert step.name


def test_preparing_writes_nothing(world: World) -> None:
    before = tree(world.project)
    world.make({}).prepare(world.project)
    assert tree(world.project) == before


def test_a_path_that_is_not_there_is_found_before_anything_is_copied(world: World) -> None:
    with pytest.raises(PathNotFoundError):
        world.gone().prepare(world.project)


def test_a_tool_that_is_not_there_is_found_before_anything_is_copied(world: World) -> None:
    with pytest.raises(ExecutableNotFoundError) as caught:
        world.unable().prepare(world.project)
    assert caught.value.hint


def test_an_option_that_nobody_reads_is_an_error(world: World) -> None:
    with pytest.raises(UnknownKeyError, match="unknown option `selekt`"):
        world.make({"selekt": "x"})


def test_the_users_databases_are_absolute_and_not_created(world: World) -> None:
    found = world.make({}).databases(world.project)
    assert all(p.is_absolute() and not p.exists() for p in found)
    assert len(set(found)) == len(found)


def test_the_environment_points_at_the_candidate_by_its_stable_path(world: World) -> None:
    context = world.context()
    said = world.make({}).environment(context)
    texts = [*said.values(), *(p.read_text() for p in context.work.rglob("*") if p.is_file())]
    assert any(str(context.stable_database) in t for t in texts)
    assert not any(str(context.database) in t for t in texts)


def test_the_environment_is_the_same_each_time_and_changes_nothing_of_ours(world: World) -> None:
    before = dict(os.environ)
    first = world.make({}).environment(world.context())
    files = tree(world.project / ".tidegate")
    assert world.make({}).environment(world.context()) == first
    assert tree(world.project / ".tidegate") == files
    assert dict(os.environ) == before


def test_the_next_version_has_the_same_environment_but_for_what_travels_with_it(world: World) -> None:
    step = world.make({})
    first, second = step.environment(world.context(number=1)), step.environment(world.context(number=2))
    differing = {k: v for k, v in second.items() if first.get(k) != v}
    folder, logs = str(world.context(number=2).state), str(world.context(number=2).logs)
    assert all(v.startswith((folder, logs)) for v in differing.values())


def test_the_users_own_variables_arrive(world: World) -> None:
    said = world.make({"env": {"GREETING": "hello", "COUNT": 3}}).environment(world.context())
    assert (said["GREETING"], said["COUNT"]) == ("hello", "3")


def test_a_good_run_is_reported_and_writes_the_candidate(world: World) -> None:
    context = world.context()
    before = tree(world.project)
    report = world.make({}).run(context, Quiet())
    assert (report.status, report.exit_code) == (StepStatus.SUCCESS, 0)
    assert (report.name, report.kind) == (world.make({}).name, world.kind)
    assert report.summary
    assert report.command
    assert report.cpu_s > 0
    assert (report.peak_bytes or 0) > 1_000_000
    assert 0 < report.wall_s < 120
    assert "stand-in" in Path(report.log).read_text()
    assert Path(report.log).is_relative_to(context.logs)
    assert context.database.read_text().strip() == "built"
    written = {p for p in tree(world.project) if p not in before}
    assert all(p.is_relative_to(world.project / part) for p in written for part in _parts(p, world))


def _parts(path: Path, world: World) -> list[str]:
    return ["warehouse" if path.is_relative_to(world.project / "warehouse") else ".tidegate"]


def test_the_group_of_the_process_is_told(world: World) -> None:
    world.make({}).run(world.context(), Quiet())
    assert len(world.groups) == 1


def test_a_bad_end_is_a_report_that_says_why(world: World) -> None:
    world.behave("fail")
    report = world.make({}).run(world.context(), Quiet())
    assert report.status is StepStatus.FAILED
    assert report.exit_code not in {0, None}
    assert any(word in report.summary for word in ("Binder Error", "ValueError"))


def test_a_killed_step_is_told_as_that(world: World) -> None:
    world.behave("die")
    report = world.make({}).run(world.context(), Quiet())
    assert (report.status, report.exit_code) == (StepStatus.FAILED, -9)
    assert "was killed (signal 9; often the system ran out of memory)" in report.summary


def test_a_hang_is_a_timeout_and_leaves_no_process(world: World) -> None:
    world.behave("hang")
    started = time.monotonic()
    report = world.make({}).run(world.context(timeout_s=0.7), Quiet())
    assert time.monotonic() - started < 60  # of the 600 that it would take
    assert report.status is StepStatus.TIMEOUT
    assert "stopped after" in report.summary


def test_an_interrupt_goes_through_and_leaves_no_process(world: World) -> None:
    world.behave("hang")

    def interrupted(group: int) -> None:
        world.groups.append(group)
        raise KeyboardInterrupt

    context = world.context()
    object.__setattr__(context, "on_start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.make({}).run(context, Quiet())
    assert not context.database.exists()


def test_a_tool_that_vanished_since_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    step = world.make({"executable": str(world.tool)} if world.kind == "dbt" else {})
    step.prepare(world.project)
    world.tool.unlink()
    if world.kind == "dlt":
        world.tool.symlink_to("/no/such/python")
    with pytest.raises(ExecutableNotFoundError):
        step.run(world.context(), Quiet())


def test_a_second_run_goes_on_where_the_first_ended(world: World) -> None:
    step, quiet = world.make({}), Quiet()
    first = step.run(world.context(), quiet)
    second = step.run(world.context(), quiet)
    assert second.status is StepStatus.SUCCESS
    assert second.facts.nodes == first.facts.nodes
    assert not set(second.facts.load_ids) & set(first.facts.load_ids)


def test_there_are_no_facts_where_nothing_ran(world: World) -> None:
    assert world.make({}).facts(world.project, world.context().state) == PipelineFacts()


def test_the_facts_of_a_version_can_be_read_again(world: World) -> None:
    step = world.make({})
    facts = step.run(world.context(), Quiet()).facts
    again = step.facts(world.project, world.context().state)
    assert (again.nodes, again.edges, again.checks) == (facts.nodes, facts.edges, facts.checks)
    assert (again.tests, again.executed_nodes, again.load_ids) == ((), None, ())
