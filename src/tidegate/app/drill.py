"""Drill: make the sandbox in which faults are tried, so that neither the warehouse nor the state of the project is touched."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from tidegate.app.adapters import adapter, names
from tidegate.app.compose import SystemClock
from tidegate.app.state import open_state
from tidegate.errors import UsageError
from tidegate.model import Version
from tidegate.model.settings import OWN_FOLDER, Promotion
from tidegate.ports import Fault, Rehearsing
from tidegate.services import drill
from tidegate.services.drill import Stage
from tidegate.services.site import Site
from tidegate.warehouses import process

GROUP = "tidegate.faults"
PREFIX = f"{os.uname().nodename}-"
"""Process ids mean something on one host only."""


def faults() -> Mapping[str, Fault]:
    """Every fault that is registered, by name."""
    return {name: _made(adapter(GROUP, name, "fault")) for name in names(GROUP)}


def _made(registered: object) -> Fault:
    """A fault, or one made by the class that a package registers."""
    return cast("Fault", registered() if isinstance(registered, type) else registered)


def fault(name: str) -> Fault:
    """One fault.

    Raises:
        UsageError: nobody registers it.
    """
    known = faults()
    if name not in known:
        raise UsageError(f"there is no fault `{name}`", hint=f"there are {', '.join(sorted(known))}")
    return known[name]


@contextmanager
def sandbox(real: Site) -> Iterator[Stage]:
    """A throw-away project in `.tidegate/`: links to the project's files and to the data of two versions, a copy of the
    state. It is removed at the end, whatever happens; what a killed drill left is removed by the next one.

    Raises:
        TidegateError: as `services.drill.versions_of`.
    """
    old, new = drill.versions_of(real)
    place = real.settings.state_path.parent / "drills"
    with _only_here(place) as folder:
        site = _site(real, folder, old, new)
        try:
            yield drill.set_up(real, site, old, new)
        finally:
            site.state.close()


@contextmanager
def _only_here(place: Path) -> Iterator[Path]:
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and process.find(int(owner)) is None:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _site(real: Site, folder: Path, old: Version, new: Version) -> Site:
    """The same settings, steps and clock, in another folder, with another warehouse and another state."""
    settings = real.settings
    if not isinstance(real.warehouse, Rehearsing):
        raise AssertionError("`versions_of` demands it")
    _link(settings.root, folder, without={settings.warehouse.path, settings.root / OWN_FOLDER})
    warehouse = folder / "warehouse-of-the-drill"
    warehouse.mkdir()
    here = dataclasses.replace(settings.warehouse, path=warehouse, adopt=None, link_back=False)
    settings = dataclasses.replace(
        settings,
        root=folder,
        warehouse=here,
        state=None,
        state_folder=None,
        promotion=Promotion(),  # what a drill makes reaches nobody, and `Stage.forbidden` keeps its steps from running
    )
    settings.state_path.parent.mkdir()
    real.state.copy_to(settings.state_path)
    return Site(
        settings=settings,
        warehouse=real.warehouse.sandbox(warehouse, (old.number, new.number), published=new.number),
        state=open_state(settings, create=True),
        steps=real.steps,
        clock=SystemClock(),
        progress=real.progress,
        sides=real.sides,
        actor=real.actor,
        revision=real.revision,
    )


def _link(root: Path, folder: Path, *, without: set[Path]) -> None:
    """Links to everything in the project but what a drill has of its own."""
    left_out = {path.resolve() for path in without}
    for entry in root.iterdir():
        if entry.resolve() not in left_out:
            (folder / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
