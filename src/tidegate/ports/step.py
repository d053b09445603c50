"""What Tidegate asks of a step: can it run, and run it against a candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidegate.model import DatasetRef, Interval, PipelineFacts, StepReport
from tidegate.ports.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What a step is to build again: the stretch of time if there is one, and the tables, every one when none is named.

    With `full_refresh` dbt builds incremental models from nothing.
    """

    interval: Interval | None = None
    tables: tuple[DatasetRef, ...] = ()
    full_refresh: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """What any program may read of it: its bounds, where it has them."""
        if self.interval is None:
            return {}
        return {
            "TIDEGATE_FROM": f"{self.interval.start:%Y-%m-%dT%H:%M:%SZ}",
            "TIDEGATE_TO": f"{self.interval.end:%Y-%m-%dT%H:%M:%SZ}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Where a step works.

    `project` is the folder of tidegate.yml; `database`, `stable_database` and `state` are the candidate's (see
    `ports.warehouse.Candidate`); `work` is a scratch folder that outlives runs; `logs` is this run's own folder.
    `on_start` is called with the process group of every subprocess, before it does anything of note.
    With a `backfill` the step builds that stretch of time again.
    """

    project: Path
    database: Path
    stable_database: Path
    state: Path
    work: Path
    logs: Path
    timeout_s: float
    on_start: Callable[[int], None]
    backfill: Backfill | None = None


class Step(Protocol):
    """One step of the pipeline; the user's own code, run unmodified in a subprocess."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def prepare(self, project: Path) -> None:
        """Find executable, project and profile before anything is copied.

        Raises:
            ExecutableNotFoundError, ProfileNotFoundError, PathNotFoundError
        """

    def databases(self, project: Path) -> Sequence[Path]:
        """The database files that the user's own configuration names, which must not change during a run."""

    def environment(self, context: StepContext) -> dict[str, str]:
        """The variables that point the tool at the candidate, on top of the present environment."""

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        """Run it to its end. A step that ends badly is a report, not an exception.

        Raises:
            ExecutableNotFoundError: it vanished since `prepare`.
        """

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        """What the artifacts say that were kept with a version (`state` is its travelling folder); empty when there are
        none. Nothing is run; `tests`, `executed_nodes` and `load_ids` are left empty, because nothing was executed now.
        """
