"""Steps that cost far more than in their past runs are told; what the past is, and what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.services.site import make_site
from tidegate.model import Layer, StepReport, StepStatus
from tidegate.services import effort
from tidegate.services.site import Site

GB = 1_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def report(
    name: str = "load", *, wall_s: float = 60.0, peak_bytes: int | None = GB, failed: bool = False
) -> StepReport:
    return StepReport(
        name=name, kind="run", status=StepStatus.FAILED if failed else StepStatus.SUCCESS, exit_code=0, wall_s=wall_s,
        cpu_s=1.0, peak_bytes=peak_bytes, log="a.log", command=(), summary="",
    )  # fmt: skip


def past(site: Site, *reports: StepReport, status: str = "published", runs: int = 10) -> None:
    """That many more runs in the ledger, each with these steps."""
    first = len(site.state.runs()) + 1
    for number in range(first, first + runs):
        subject = f"run:{number}"
        steps = [
            site.event(
                "step.finished",
                subject,
                {"step": r.name, "status": r.status.value, "wall_s": r.wall_s, "peak_bytes": r.peak_bytes},
            )
            for r in reports
        ]
        ended = site.event("run.finished", subject, {"status": status, "reason": ""})
        site.state.append([site.event("run.started", subject, {"version": number}), *steps, ended])


def kinds(site: Site, *reports: StepReport) -> list[str]:
    return [f.key for f in effort.findings(site, reports)]


def test_a_step_that_takes_three_times_as_long_is_told_with_its_numbers(site: Site) -> None:
    past(site, report())
    (found,) = effort.findings(site, [report(wall_s=600.0)])
    assert found.sentence == ("step `load` took 10 minutes, where 1 minute is usual, and at most 1 minute in 10 runs")
    assert (found.kind, found.layer, found.holds, found.dataset) == ("slow", Layer.TECHNICAL, False, None)
    assert found.observed == 600.0


def test_a_step_that_uses_far_more_memory_is_told(site: Site) -> None:
    past(site, report())
    (found,) = effort.findings(site, [report(peak_bytes=3 * GB)])
    assert found.key == "pipeline/memory/load"
    assert found.sentence.startswith("step `load` used 3,000 MB, where 1,000 MB is usual")


def test_each_step_has_its_own_past(site: Site) -> None:
    past(site, report("load"), report("transform", wall_s=900.0))
    assert kinds(site, report("load", wall_s=900.0), report("transform", wall_s=900.0)) == ["pipeline/slow/load"]
    assert kinds(site, report("new", wall_s=9e9)) == []


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_runs_without_a_decision_teach_nothing(site: Site, status: str) -> None:
    past(site, report(), status=status)
    assert kinds(site, report(wall_s=9e9)) == []


def test_held_runs_teach_too_and_steps_that_failed_do_not(site: Site) -> None:
    past(site, report(), status="held", runs=8)
    assert kinds(site, report(wall_s=600.0)) == ["pipeline/slow/load"]
    past(site, report(wall_s=600.0, failed=True), runs=20)
    assert kinds(site, report(wall_s=600.0)) == ["pipeline/slow/load"]


def test_a_step_that_failed_is_no_matter_of_cost(site: Site) -> None:
    past(site, report())
    assert kinds(site, report(wall_s=9e9, failed=True)) == []


def test_what_lately_is_so_is_usual(site: Site) -> None:
    past(site, report())
    past(site, report(wall_s=600.0), runs=effort.PAST_RUNS)
    assert kinds(site, report(wall_s=600.0)) == []


def test_a_step_that_ran_twice_in_a_run_counts_once_with_its_costlier_time(site: Site) -> None:
    past(site, report(wall_s=600.0), report(wall_s=1.0))
    assert kinds(site, report(wall_s=600.0)) == []


def test_ledgers_of_before_do_not_know_the_memory(site: Site) -> None:
    past(site, report(peak_bytes=None))
    assert kinds(site, report(peak_bytes=9 * GB)) == []
