"""Status: what readers see now, the last runs, and what is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.model import Delivery, DeliveryState, Incident, Run, Version
from tidegate.services import incidents
from tidegate.services.audit import altered
from tidegate.services.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a project at one look.

    `behind` tells that readers do not see what the ledger says, as after a crash, which the next run repairs; `missing`
    that the published version's data is gone from the warehouse. `altered` says in words what of it was written since it
    was audited, and is None where that cannot be told. `undelivered` are messages that could not be brought to anybody, and
    those that were tried in vain so far.
    """

    project: Path
    now: datetime
    published: Version | None
    public: Path
    behind: bool
    missing: bool
    altered: tuple[str, ...] | None
    marks: Mapping[str, object]
    runs: tuple[Run, ...]
    incidents: tuple[Incident, ...]
    undelivered: tuple[Delivery, ...]


def status(site: Site, *, runs: int) -> Status:
    """Read it; writes nothing and takes no lock."""
    published = site.state.published()
    live = site.warehouse.published()
    missing = published is not None and published.number not in site.warehouse.kept()
    return Status(
        project=site.settings.root,
        now=site.clock.now(),
        published=published,
        public=site.warehouse.public_path(),
        behind=published is not None and live != published.number,
        missing=missing,
        altered=() if published is None or missing else _altered(site, published),
        marks=site.state.marks(published.number) if published else {},
        runs=site.state.runs(limit=runs),
        incidents=site.state.incidents(states=incidents.UNSOLVED, limit=20),
        undelivered=_undelivered(site),
    )


def _undelivered(site: Site) -> tuple[Delivery, ...]:
    waits = site.state.outbox.deliveries((DeliveryState.WAITING, DeliveryState.DEAD), limit=200)
    return tuple(d for d in waits if d.state is DeliveryState.DEAD or d.error is not None)


def _altered(site: Site, published: Version) -> tuple[str, ...] | None:
    try:
        return altered(site, published)
    except TidegateError:
        return None
