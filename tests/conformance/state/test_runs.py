"""Runs as the ledger leaves them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conformance.state.stories import NOW, begun, event
from tidegate.errors import StateError
from tidegate.model import Run, RunStatus
from tidegate.ports.state import StateStore

LATER = NOW + timedelta(minutes=5)


def test_a_run_from_its_start_to_its_end(store: StateStore):
    store.append([event("run.started", "run:r1")])
    running = Run(id="r1", version=None, status=RunStatus.RUNNING, started_at=NOW, finished_at=None, reason=None)
    assert store.runs() == (running,)
    assert store.unfinished_runs() == (running,)

    store.append([begun(1, run="r1")])
    assert store.runs()[0].version == 1

    store.append([event("run.finished", "run:r1", at=LATER, status="held", reason="2 findings")])
    held = Run(id="r1", version=1, status=RunStatus.HELD, started_at=NOW, finished_at=LATER, reason="2 findings")
    assert store.runs() == (held,)
    assert store.unfinished_runs() == ()


def test_the_newest_run_is_first(store: StateStore):
    store.append([event("run.started", f"run:{name}") for name in ("b", "a", "c")])
    assert [run.id for run in store.runs()] == ["c", "a", "b"]
    assert [run.id for run in store.runs(limit=2)] == ["c", "a"]
    store.append([event("run.finished", "run:a", status="failed", reason=None)])
    assert [run.id for run in store.unfinished_runs()] == ["c", "b"]


def test_a_run_may_name_its_version_when_it_starts(store: StateStore):
    store.append([event("run.started", "run:r1", version=7)])
    assert store.runs()[0].version == 7


def test_steps_are_kept_in_the_ledger(store: StateStore):
    store.append(
        [
            event("run.started", "run:r1"),
            event("step.started", "run:r1", step="load", kind="dlt"),
            event("step.finished", "run:r1", step="load", kind="dlt", status="success", exit_code=0, wall_s=1.5),
        ]
    )
    assert [e.kind for e in store.events(subject="run:r1")] == ["run.started", "step.started", "step.finished"]


@pytest.mark.parametrize(
    "refused",
    [
        event("run.started", "run:r1"),
        event("run.started", "run:"),
        event("run.started", "version:1"),
        event("run.finished", "run:r1", status="published", reason="again"),
        event("run.finished", "run:r2", status="running"),
        event("run.finished", "run:r2", status="splendid"),
        event("run.finished", "run:r2"),
        event("run.finished", "run:unknown", status="failed", reason=""),
        event("step.started", "run:unknown", step="load", kind="dlt"),
        event("step.finished", "run:r1", step="load", kind="dlt", status="success"),
    ],
    ids=lambda e: f"{e.kind} {e.subject} {sorted(e.data.items(), key=str)}",
)
def test_what_cannot_follow_is_refused_and_leaves_nothing(store: StateStore, refused):
    store.append(
        [
            event("run.started", "run:r1"),
            event("run.finished", "run:r1", status="held", reason=""),
            event("run.started", "run:r2"),
        ]
    )
    before = (store.runs(), store.events())
    with pytest.raises(StateError, match=refused.kind):
        store.append([refused])
    assert (store.runs(), store.events()) == before
