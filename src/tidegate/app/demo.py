"""Demo: play days and silent failures on a project of its own, and report each act from what the ledger kept."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from tidegate.app.compose import open_site
from tidegate.errors import PathNotFoundError
from tidegate.kit.source import Delivery, Fault
from tidegate.model import Incident, Version, VersionState
from tidegate.ports import Progress
from tidegate.services import incidents, respond
from tidegate.services.publish import publish_by_hand, rollback
from tidegate.services.run import RunOutcome
from tidegate.services.run import run as run_pipeline
from tidegate.services.site import Site


class Source(Protocol):
    """The module of a demo's data: see `tidegate.kit.shop.generate`."""

    FAULTS: Mapping[str, Fault]

    def write_project(self, folder: Path) -> None: ...

    def deliver(self, folder: Path, *, through: int, fault: str | None = None) -> Delivery: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One delivery and one run. `accept` publishes by hand, with that reason, what the gate holds."""

    through: int
    fault: str | None = None
    accept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A demo: where its data comes from, its acts, and the query whose answer readers look at."""

    name: str
    source: str
    acts: tuple[Act, ...]
    probe: str


STORIES: Mapping[str, Story] = {
    "shop": Story(
        name="shop",
        source="tidegate.kit.shop.generate",
        acts=(
            Act(through=80),
            Act(through=81),
            Act(through=82),
            Act(through=83, fault="missing_country"),
            Act(through=83),
            Act(through=84, fault="cents"),
            Act(through=84),
            Act(through=85, fault="delivered_twice"),
            Act(through=85),
        ),
        probe=(
            "select order_date as day, sum(orders)::bigint as orders, sum(revenue)::bigint as revenue_eur"
            " from analytics.mart_daily_revenue group by 1 order by 1 desc limit 1"
        ),
    ),
    "flights": Story(
        name="flights",
        source="tidegate.kit.flights.generate",
        acts=(
            Act(through=31),
            Act(through=38),
            Act(through=39, accept="the snow storm of 8-9 February 2013: the data is right, the days were not usual"),
            Act(through=40, accept="the snow storm of 8-9 February 2013: the data is right, the days were not usual"),
            Act(
                through=43, accept="Newark's wind sensor said 1,048 mph once on 12 February; no decision depends on it"
            ),
            Act(through=44, fault="seconds"),
            Act(through=44),
        ),
        probe=(
            "select flight_date as day, sum(flights)::bigint as flights, sum(cancelled)::bigint as cancelled"
            " from analytics.mart_daily_delays group by 1 order by 1 desc limit 1"
        ),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one act came to, read back: the delivery from the ledger, the rest from ledger and warehouse.

    `readers` is what the probe answers in the version that readers see after the act, as (column, value) pairs.
    """

    number: int
    delivered: Mapping[str, object]
    outcome: RunOutcome
    version: Version
    incidents: tuple[Incident, ...]
    accepted: str | None
    published: Version | None
    readers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A rollback or its undoing, read back from the ledger."""

    kind: str
    version: int
    previous: int | None
    reason: str
    readers: tuple[tuple[str, str], ...]


@dataclass(slots=True, kw_only=True)
class Played:
    """The whole demo: scenes in order, the two moves, and where the time went (wall seconds)."""

    story: Story
    folder: Path
    scenes: list[Scene] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    steps_s: float = 0.0
    own_s: float = 0.0
    source_s: float = 0.0

    @property
    def told(self) -> bool:
        """Whether every act with a fault was held and every act without one is published in the end."""
        faulty = [s for s in self.scenes if s.delivered.get("fault")]
        sound = [s for s in self.scenes if not s.delivered.get("fault")]
        held = all(s.version.state is VersionState.HELD for s in faulty)
        good = all(s.version.state in {VersionState.PUBLISHED, VersionState.RETIRED} for s in sound)
        return bool(faulty) and held and good


def play(story: Story, folder: Path, progress: Progress, *, seed: int, tell: Callable[[Scene | Move], None]) -> Played:
    """Write the project into `folder`, which is new or empty, and play the story; `tell` hears each act as it ends.

    Raises:
        PathNotFoundError: the folder holds something already.
        TidegateError: as `tidegate run`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PathNotFoundError(f"`{folder}` is not empty", hint="name a new folder for the demo's project")
    source = cast(Source, importlib.import_module(story.source))
    folder.mkdir(parents=True, exist_ok=True)
    source.write_project(folder)
    _quiet_tools()
    played = Played(story=story, folder=folder)
    with open_site(folder, progress) as site:
        for number, act in enumerate(story.acts, start=1):
            progress.stage(f"act {number} of {len(story.acts)}", f"day {act.through}")
            scene = _act(site, source, story, number, act, played, seed=seed)
            played.scenes.append(scene)
            tell(scene)
        for move in _back_and_forth(site, story):
            played.moves.append(move)
            tell(move)
    return played


def _quiet_tools() -> None:
    """dlt's and dbt's telemetry off, whatever the user's own settings are: the demo needs no network."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"


def _act(site: Site, source: Source, story: Story, number: int, act: Act, played: Played, *, seed: int) -> Scene:
    begun = time.monotonic()
    options = {} if story.name != "shop" else {"seed": seed}
    delivery = source.deliver(site.settings.root, through=act.through, fault=act.fault, **options)
    played.source_s += time.monotonic() - begun
    title = source.FAULTS[act.fault].title if act.fault else None
    told = {"act": number, "day": delivery.date.isoformat(), "fault": act.fault, "title": title}
    (event,) = site.state.append([site.event("demo.delivered", f"act:{number}", told)])
    begun = time.monotonic()
    outcome = run_pipeline(site, site.steps)
    in_steps = sum(s.wall_s for s in outcome.steps)
    played.steps_s += in_steps
    played.own_s += time.monotonic() - begun - in_steps
    opened = sorted(
        site.state.incidents(states=incidents.UNSOLVED, versions=(outcome.version,)), key=lambda i: i.urgency
    )
    accepted = None
    if act.accept and _state(site, outcome.version) is VersionState.HELD:
        publish_by_hand(site, outcome.version, reason=act.accept, wait_s=0)
        accepted = site.state.publications(limit=1)[0].reason
    if _state(site, outcome.version) is VersionState.PUBLISHED:
        _resolve_mitigated(site)
    return Scene(
        number=number,
        delivered=event.data,
        outcome=outcome,
        version=_version(site, outcome.version),
        incidents=tuple(opened),
        accepted=accepted,
        published=site.state.published(),
        readers=_probe(site, story),
    )


def _resolve_mitigated(site: Site) -> None:
    """Close what the recovery cured, as the person on call would after looking at it."""
    for incident in site.state.incidents():
        if incident.state.value == "mitigated":
            reason = f"the source was repaired and version {site.warehouse.published()} is published"
            respond.resolve(site, incident.number, reason=reason, resolution="fixed")


def _back_and_forth(site: Site, story: Story) -> Sequence[Move]:
    present = site.state.published()
    if present is None:
        return []
    back = rollback(site, None, reason="the demo looks at the version before", wait_s=0)
    moves = [_move(site, story)]
    if back.number != present.number:
        rollback(site, present.number, reason="and comes forward again", wait_s=0)
        moves.append(_move(site, story))
    return moves


def _move(site: Site, story: Story) -> Move:
    last = site.state.publications(limit=1)[0]
    return Move(
        kind=last.kind,
        version=last.version,
        previous=last.previous,
        reason=last.reason,
        readers=_probe(site, story),
    )


def _probe(site: Site, story: Story) -> tuple[tuple[str, str], ...]:
    live = site.warehouse.published()
    if live is None:
        return ()
    with site.warehouse.reader(live) as reader:
        answer = reader.query(story.probe)
    return tuple((c, str(v)) for c, v in zip(answer.columns, answer.rows[0], strict=True)) if answer.rows else ()


def _state(site: Site, number: int) -> VersionState:
    return _version(site, number).state


def _version(site: Site, number: int) -> Version:
    version = site.state.version(number)
    if version is None:
        raise AssertionError(f"version {number} was run and is unknown")
    return version
