"""Status: what readers see now, the last runs, and what is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.model import Delivery, DeliveryState, Incident, Run, Version
from tidegate.services import incidents
from tidegate.services.audit import altered
from tidegate.services.products import unknown
from tidegate.services.site import Site

LOOKED_AT = 500
"""How many of the newest unsolved incidents are looked at for the products. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductStatus:
    """How a data product stands: `age` is how old what readers see is, `unknown` are names of it that no table has.

    `incidents` are the unsolved ones that reach it, most severe first.
    """

    name: str
    tier: int
    owner: str | None
    age: timedelta | None
    freshness: timedelta | None
    incidents: tuple[int, ...]
    unknown: tuple[str, ...]

    @property
    def is_late(self) -> bool:
        """Whether what readers see is older than the product promises."""
        return self.age is not None and self.freshness is not None and self.age > self.freshness


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
    products: tuple[ProductStatus, ...]
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
        products=tuple(_products(site, published)),
        undelivered=_undelivered(site),
    )


def _undelivered(site: Site) -> tuple[Delivery, ...]:
    waits = site.state.outbox.deliveries((DeliveryState.WAITING, DeliveryState.DEAD), limit=200)
    return tuple(d for d in waits if d.state is DeliveryState.DEAD or d.error is not None)


def _products(site: Site, published: Version | None) -> Iterator[ProductStatus]:
    if not site.settings.products:
        return
    newest = site.state.incidents(states=incidents.UNSOLVED, limit=LOOKED_AT)
    unsolved = sorted(newest, key=lambda i: (i.severity, i.number))
    known = site.state.schemas(published.number) if published is not None else {}
    lost = list(unknown(site.settings.products, known)) if known else []
    for product in sorted(site.settings.products, key=lambda p: (p.tier, p.name)):
        yield ProductStatus(
            name=product.name,
            tier=product.tier,
            owner=product.owner,
            age=None if published is None else site.clock.now() - published.created_at,
            freshness=product.slo.freshness,
            incidents=tuple(i.number for i in unsolved if product.name in i.products),
            unknown=tuple(str(pattern) for of, pattern in lost if of is product),
        )


def _altered(site: Site, published: Version) -> tuple[str, ...] | None:
    try:
        return altered(site, published)
    except TidegateError:
        return None
