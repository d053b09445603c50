"""What the sources of the demos have in common: faults, deliveries, and a project that is copied out of the package."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong at the source while every step of the pipeline stays green.

    `day` is the day that suits it; a delivery plays it on any. `title` says what happened, in one sentence.
    """

    name: str
    day: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a source holds after a delivery: `rows` by table, those of a table that comes in files over all its files."""

    through: int
    date: datetime.date
    fault: str | None
    rows: Mapping[str, int]


def copy_project(package: str, folder: Path) -> None:
    """Write the `project` folder of a package into `folder`, over files of the same names.

    A name that begins with `dot_` gets its dot here: build tools and git leave out dotfiles of a package.
    """
    _copy(files(package) / "project", folder)


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.name == "__pycache__":
            continue
        copy = target / (f".{entry.name.removeprefix('dot_')}" if entry.name.startswith("dot_") else entry.name)
        if entry.is_dir():
            _copy(entry, copy)
        else:
            copy.write_bytes(entry.read_bytes())
