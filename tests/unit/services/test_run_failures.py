"""Steps that fail are incidents of their own, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.unit.services.site import make_site
from tidegate.errors import ExecutableNotFoundError, StepError, StepEscapedError
from tidegate.model import IncidentState, PipelineFacts, StepReport, StepStatus
from tidegate.ports import Progress, StepContext
from tidegate.services.run import run
from tidegate.services.site import Site


@dataclass
class FakeStep:
    """A step that writes one table, and ends as it is told."""

    name: str
    status: StepStatus = StepStatus.SUCCESS
    error: Exception | None = None
    meddles: Path | None = None
    kind: str = "fake"

    def prepare(self, project: Path) -> None: ...

    def databases(self, project: Path) -> Sequence[Path]:
        return [self.meddles] if self.meddles else []

    def environment(self, context: StepContext) -> dict[str, str]:
        return {}

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        if self.error is not None:
            raise self.error
        if self.meddles is not None:
            self.meddles.chmod(0o600)
            self.meddles.write_bytes(b"changed behind the back")
        with duckdb.connect(str(context.database)) as database:
            database.execute("create or replace table t as select 1 as x")
        return StepReport(
            name=self.name, kind=self.kind, status=self.status, exit_code=0, wall_s=0.1, cpu_s=0.1,
            log="a.log", command=(), summary="it broke",
        )  # fmt: skip

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        return PipelineFacts()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    yield made
    made.state.close()


def fails(site: Site, *steps: FakeStep) -> None:
    with pytest.raises(StepError):
        run(site, steps)


def known(site: Site) -> list[tuple[str, int]]:
    """The incidents, oldest first: of which cause, and how often it was seen."""
    return [(i.fingerprint, i.seen) for i in sorted(site.state.incidents(), key=lambda i: i.number)]


def test_every_step_that_fails_is_an_incident_of_its_own(site: Site) -> None:
    fails(site, FakeStep("load"), FakeStep("transform", StepStatus.FAILED))
    fails(site, FakeStep("load", StepStatus.FAILED))
    fails(site, FakeStep("load"), FakeStep("transform", StepStatus.FAILED))
    assert known(site) == [("pipeline/step-failed/transform", 2), ("pipeline/step-failed/load", 1)]


def test_a_step_that_hangs_or_vanished_is_named_too(site: Site) -> None:
    fails(site, FakeStep("load"), FakeStep("transform", StepStatus.TIMEOUT))
    fails(site, FakeStep("load", error=ExecutableNotFoundError("gone")))
    assert known(site) == [("pipeline/step-timeout/transform", 1), ("pipeline/executable-not-found/load", 1)]


def test_what_is_only_seen_afterwards_names_no_step(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    other.write_bytes(b"before")
    with pytest.raises(StepEscapedError):
        run(site, [FakeStep("load", meddles=other), FakeStep("transform", StepStatus.FINDINGS)])
    assert known(site) == [("pipeline/step-escaped", 1)]


def test_a_run_that_is_published_calms_them_all(site: Site) -> None:
    fails(site, FakeStep("load", StepStatus.FAILED))
    fails(site, FakeStep("load"), FakeStep("transform", StepStatus.FAILED))
    run(site, [FakeStep("load"), FakeStep("transform")])
    assert {i.state for i in site.state.incidents()} == {IncidentState.MITIGATED}
