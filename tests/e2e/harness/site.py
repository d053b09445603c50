"""A project at work in this process, as `tidegate.app` composes it, with steps and a progress of the test's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tidegate.app.compose import SystemClock
from tidegate.config import load
from tidegate.ports import Progress, StateStore, Step
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses.duckdb import DuckDBWarehouse
from tidegate.warehouses.sides import FileSides


class Silent:
    """A progress that nobody hears."""

    def stage(self, name: str, detail: str = "") -> None: ...

    def advance(self, done: int, total: int, what: str = "") -> None: ...

    def say(self, line: str) -> None: ...


def make_site(root: Path, state: StateStore, progress: Progress, steps: Sequence[Step] = ()) -> Site:
    settings = load(root)
    return Site(
        settings=settings,
        warehouse=DuckDBWarehouse(settings.warehouse.path, database=settings.warehouse.database),
        state=state,
        steps=steps,
        clock=SystemClock(),
        progress=progress,
        sides=FileSides(),
        actor="test",
    )


def state_of(root: Path) -> SQLiteStateStore:
    return SQLiteStateStore(root / ".tidegate" / "state.db", create=True)
