"""What the sources of the demos have in common: faults, deliveries, and a project that is copied out of the package."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
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


LEFT_OUT = frozenset({"__pycache__", "build"})
"""What running a project in place leaves in it, besides names with a dot; no part of what is written."""


def copy_project(package: str, folder: Path) -> None:
    """Write the `project` folder of a package into `folder`, over files of the same names.

    A name that begins with `dot_` gets its dot here: build tools and git leave out dotfiles of a package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in project_files(package):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def project_files(package: str) -> Iterator[tuple[str, bytes]]:
    """The files of a package's `project` folder as `copy_project` writes them: relative path and content, sorted."""
    yield from _files(files(package) / "project", "")


def _files(source: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(source.iterdir(), key=lambda e: e.name):
        if entry.name in LEFT_OUT or entry.name.startswith("."):
            continue
        name = prefix + (f".{entry.name.removeprefix('dot_')}" if entry.name.startswith("dot_") else entry.name)
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        else:
            yield name, entry.read_bytes()
