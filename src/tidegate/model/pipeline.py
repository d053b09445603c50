"""The pipeline: its steps, what they report, and the graph of what it builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from tidegate.model.dataset import DatasetRef
from tidegate.model.judgement import Check
from tidegate.model.selection import Selectable


class StepStatus(StrEnum):
    """How a step ended. `findings` means that it ran, and that its own tests failed."""

    SUCCESS = "success"
    FINDINGS = "findings"
    FAILED = "failed"
    TIMEOUT = "timeout"


class RunStatus(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    PUBLISHED = "published"
    HELD = "held"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Something that the pipeline builds or reads.

    `id` is dbt's unique_id or `kind.name`; `kind` is source, model, seed, snapshot, exposure or table; `dataset` is
    None for what is not a table. `code` is its SQL where known, `path` the file that defines it.
    """

    id: str
    kind: str
    name: str
    dataset: DatasetRef | None = None
    path: str | None = None
    code: str | None = None
    owner: str | None = None
    columns: tuple[str, ...] = ()
    materialized: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What dbt itself said of one test: `status` in lower case (pass, warn, fail, error, skipped)."""

    __test__ = False

    id: str
    status: str
    failures: int | None
    message: str | None


NOTHING_ENDED: Mapping[str, str] = MappingProxyType({})


NO_SELECTORS: Mapping[str, object] = MappingProxyType({})


def _as_it_is(check: Check) -> Check:
    return check


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineFacts:
    """What a step's own artifacts tell: the graph, the declared checks, and what was executed.

    `edges` are (upstream id, downstream id). `executed_nodes` counts nodes that ran (None where the step has no nodes).
    `ended` says how each node ended that is no test, in dbt's lower case: success, skipped, no-op, ...; empty when none ran.
    `load_ids` are the dlt loads of this run, oldest first. `notes` are things that a reader of green output would miss.
    `selectables` are what a selection can name, `selectors` the definitions of selectors.yml; no document tells them. `located` gives a check with the line in its
    `declared_in`: finding it means to read the files, so it is asked of few.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = ()
    tests: tuple[TestRun, ...] = ()
    executed_nodes: int | None = None
    load_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ended: Mapping[str, str] = field(default_factory=lambda: NOTHING_ENDED, metadata={"json": False})
    selectables: tuple[Selectable, ...] = field(default=(), metadata={"json": False})
    selectors: Mapping[str, object] = field(default_factory=lambda: NO_SELECTORS, metadata={"json": False})
    located: Callable[[Check], Check] = field(default=_as_it_is, compare=False, repr=False, metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What happened in one step; `cpu_s` counts the step's process and its waited-for children, `peak_bytes` is the most
    memory that one of them had at once, None where nobody can tell.
    """

    name: str
    kind: str
    status: StepStatus
    exit_code: int | None
    wall_s: float
    cpu_s: float
    log: str
    command: tuple[str, ...]
    summary: str
    facts: PipelineFacts = PipelineFacts()
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One `tidegate run`: which version it built, how it ended."""

    id: str
    version: int | None
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    reason: str | None
