"""A site of tiny adapters: a state file and a warehouse in a temporary folder, a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from tidegate.model import DatasetRef, Finding, Interval, Layer, Settings, Slice, TableSettings, WarehouseSettings
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses.duckdb import DuckDBWarehouse
from tidegate.warehouses.sides import FileSides

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


class StandingClock:
    """It is always the same moment."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def cpu_s(self) -> float:
        return 0.0

    def wall_s(self) -> float:
        return 0.0


class Silence:
    """A progress that nobody hears."""

    def stage(self, name: str, detail: str = "") -> None: ...

    def advance(self, done: int, total: int, what: str = "") -> None: ...

    def say(self, line: str) -> None: ...


def settings_of(folder: Path, tables: Mapping[DatasetRef, TableSettings] | None = None) -> Settings:
    warehouse = WarehouseSettings(type="duckdb", path=folder / "warehouse", database="shop.duckdb")
    return Settings(root=folder, warehouse=warehouse, steps=(), tables=tables or {})


def make_site(folder: Path, settings: Settings | None = None) -> Site:
    settings = settings or settings_of(folder)
    return Site(
        settings=settings,
        warehouse=DuckDBWarehouse(settings.warehouse.path, database=settings.warehouse.database),
        state=SQLiteStateStore(folder / "state.db", create=True),
        steps=(),
        clock=StandingClock(),
        progress=Silence(),
        sides=FileSides(),
        actor="ann",
    )


def later(site: Site, **spent: float) -> Site:
    """The same project when that much time has gone by since NOW (`days=3`)."""
    return replace(site, clock=StandingClock(NOW + timedelta(**spent)))


def add_version(site: Site, number: int, *statements: str, parent: int | None = None, publish: bool = True) -> None:
    """Build a version of what the statements write, seal it, and let readers see it."""
    candidate = site.warehouse.begin(number=number, parent=parent)
    with duckdb.connect(str(candidate.database)) as database:
        for statement in statements:
            database.execute(statement)
    fingerprint = site.warehouse.seal(number)
    subject, previous = f"version:{number}", site.state.published()
    data = {"previous": previous.number if previous else None, "kind": "publish", "reason": "made for a test"}
    site.state.append(
        [
            site.event("version.begun", subject, {"parent": parent, "run": None, "code_revision": None}),
            site.event("version.sealed", subject, {"fingerprint": fingerprint}),
            site.event("version.published", subject, data)
            if publish
            else site.event("version.held", subject, {"reason": "made for a test"}),
        ]
    )
    if publish:
        site.warehouse.publish(number)


def ref(name: str) -> DatasetRef:
    return DatasetRef(namespace="s", name=name)


def finding(
    name: str | None,
    *,
    kind: str = "check",
    holds: bool = True,
    rarity: float | None = None,
    interval: Interval | None = None,
    share: float | None = None,
    part: Slice | None = None,
) -> Finding:
    """A finding about a table, or about none; its key and its sentence say which."""
    return Finding(
        key=f"{name}/{kind}",
        kind=kind,
        layer=Layer.DATA,
        dataset=None if name is None else ref(name),
        sentence=f"{kind} of {name}",
        holds=holds,
        rarity=rarity,
        interval=interval,
        affected_share=share,
        slice=part,
        hint="look",
    )
