"""A disk without room: what was decided stands, and what retention does not keep goes before room is needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.unit.services.site import Silence, add_version, later, make_site, settings_of
from tests.unit.services.test_run_failures import FakeStep
from tidegate.errors import DiskFullError
from tidegate.model import Event, Retention, RunStatus, Version, VersionState
from tidegate.ports import Candidate, NewEvent
from tidegate.services.publish import publish_by_hand
from tidegate.services.run import Build, run
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses.duckdb import DuckDBWarehouse

PUBLISHED, RETIRED, PRUNED = VersionState.PUBLISHED, VersionState.RETIRED, VersionState.PRUNED


@dataclass
class Heard(Silence):
    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)


class NothingIsPruned(SQLiteStateStore):
    """A ledger that has room for everything but for what pruning writes."""

    def append(self, events: Sequence[NewEvent]) -> tuple[Event, ...]:
        if any(e.kind == "version.pruned" for e in events):
            raise DiskFullError("no space is left to write `state.db`")
        return super().append(events)


class SomeVersions(SQLiteStateStore):
    """A ledger of which nobody reads all versions: in years there are thousands, most of them pruned."""

    def versions(self, *, states: Collection[VersionState] = (), limit: int | None = None) -> tuple[Version, ...]:
        assert PRUNED not in (states or VersionState) or limit is not None
        return super().versions(states=states, limit=limit)


class RoomForTwo(DuckDBWarehouse):
    """A disk that holds two versions and a candidate."""

    def begin(self, *, number: int, parent: int | None) -> Candidate:
        if len(self.kept()) > 2:
            raise DiskFullError(f"cannot make version {number}: No space left on device")
        return super().begin(number=number, parent=parent)


Make = Callable[..., Site]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a site with a number of versions, of which retention keeps one beside the published one."""
    made: list[Site] = []

    def one(versions: int, store: type[SQLiteStateStore] = SQLiteStateStore) -> Site:
        site = make_site(tmp_path, replace(settings_of(tmp_path), retention=Retention(versions=1, days=0)))
        for number in range(1, versions + 1):
            add_version(site, number, "create or replace table t as select 1 as x", parent=number - 1 or None)
        site.state.close()
        made.append(replace(later(site, days=1), state=store(tmp_path / "state.db"), progress=Heard()))
        return made[-1]

    yield one
    for site in made:
        site.state.close()


def states(site: Site) -> dict[int, VersionState]:
    return {v.number: v.state for v in site.state.versions()}


@pytest.mark.parametrize(
    ("versions", "do", "left"),
    [
        (3, lambda site: publish_by_hand(site, 1, reason="right", wait_s=0), {1: PUBLISHED, 2: RETIRED, 3: RETIRED}),
        (2, lambda site: run(site, [FakeStep("load")]), {1: RETIRED, 2: RETIRED, 3: PUBLISHED}),
    ],
    ids=["publish", "run"],
)
def test_a_decision_stands_where_old_versions_cannot_be_pruned(
    make: Make, versions: int, do: Callable[[Site], object], left: dict[int, VersionState]
) -> None:
    site = make(versions, NothingIsPruned)
    do(site)
    assert isinstance(site.progress, Heard)
    (said,) = site.progress.lines
    assert said == "the decision stands; what follows it is left undone: no space is left to write `state.db`"
    assert states(site) == left
    assert left[site.warehouse.published() or 0] is PUBLISHED


def test_a_publication_stands_where_it_cannot_be_described(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make(2)

    def refuse(*_: object) -> None:
        raise DiskFullError("cannot describe version 1")

    monkeypatch.setattr(site.warehouse, "describe", refuse)
    assert publish_by_hand(site, 1, reason="right", wait_s=0).state is PUBLISHED
    assert site.warehouse.published() == 1


@pytest.mark.parametrize("base", [None, 1])
def test_what_a_new_retention_does_not_keep_makes_room_for_the_candidate(make: Make, base: int | None) -> None:
    """As the hint of a full disk says; a version that the run begins as is spared until then."""
    site = make(3)
    settings = replace(site.settings, retention=Retention(versions=0, days=0))
    warehouse = RoomForTwo(settings.warehouse.path, database="shop.duckdb")
    site = replace(site, settings=settings, warehouse=warehouse)
    run(site, [FakeStep("load")], build=Build(base=base))
    assert site.warehouse.published() == 4
    assert {n for n, state in states(site).items() if state is PRUNED} == {1, 2, 3}
    assert {r.status for r in site.state.runs()} == {RunStatus.PUBLISHED}


def test_a_run_costs_no_more_for_the_versions_that_were_pruned(make: Make) -> None:
    site = make(3, SomeVersions)
    run(site, [FakeStep("load")])
    publish_by_hand(site, 3, reason="right", wait_s=0)
    assert states_of(site, 4) == {1: PRUNED, 2: PRUNED, 3: PUBLISHED, 4: RETIRED}


def states_of(site: Site, upto: int) -> dict[int, VersionState]:
    found = [site.state.version(number) for number in range(1, upto + 1)]
    return {v.number: v.state for v in found if v is not None}
