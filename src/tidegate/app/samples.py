"""Samples: make a sample set of what is published, judge one, and load one into a database that is thrown away later."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.config import find_project
from tidegate.config import load as load_settings
from tidegate.errors import ProjectNotFoundError, ReadOnlyError, SampleError
from tidegate.integrations import sample_files
from tidegate.model import DatasetRef
from tidegate.ports import Progress
from tidegate.services import contract, sample_set
from tidegate.services.publish import kept_version, nothing_published
from tidegate.services.reconcile import known_keys
from tidegate.services.run import combine
from tidegate.services.sample_set import MANIFEST, Origin, SampleSet, Verified, Wanted
from tidegate.services.site import Site
from tidegate.warehouses import duckdb_workshop
from tidegate.warehouses.samples import load_samples

FOLDER = "samples"
"""Where a project's sample set is unless another folder is named."""

VARIABLE = "TIDEGATE_SAMPLE_SECRET"
SECRET_FOLDER = ".tidegate/sample"
"""Where the secret is kept in the project, and samples are made, with a `.gitignore` of its own: the secret must not lie in git
beside what it hides.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was loaded into which database: the rows of each table, and the version that the sample came from."""

    database: Path
    version: int
    rows: Mapping[DatasetRef, int]


def load_sample(folder: Path, database: Path) -> Loaded:
    """Write every table of a sample set into a DuckDB file, which is made where it is not there, with the types that the
    warehouse had. Tables of these names are replaced, others stay.

    Its cost is that of the sample. Nothing is verified: `verify` does that.

    Raises:
        PathNotFoundError, SampleError: there is no manifest in the folder, or it cannot be read.
        QueryError: a file is missing, or does not hold what the manifest says.
    """
    told = sample_files.read(folder)
    tables = [(sample_set.ref(t), folder / t.file, sample_set.columns(t)) for t in told.tables]
    return Loaded(database=database, version=told.version, rows=duckdb_workshop.load(database, tables))


def load_folder(folder: Path, database: Path) -> Mapping[DatasetRef, int]:
    """The rows of each table that a folder's sample is loaded into, as `load_sample`; a folder without a manifest, but with
    files `SCHEMA.TABLE.parquet`, is loaded as it is. Empty when there is no file.

    Raises:
        SampleError, QueryError: as `load_sample`.
        WarehouseError: the database is there already, or cannot be made.
    """
    if (folder / MANIFEST).is_file():
        return load_sample(folder, database).rows
    return load_samples(folder, database)


def make(start: Path, folder: Path | None, wanted: Wanted, progress: Progress) -> tuple[Path, SampleSet]:
    """Make the sample set of the project at or above `start`; returns its folder too.

    It is made aside and copied there once every personal value was looked for and none was found: the folder is meant for git, and
    whatever fails, or kills this, leaves nothing there that is not masked.

    Raises:
        NothingPublishedError: nothing is published yet.
        UsageError, SampleError, NothingCheckedError: see `services.sample_set.make`.
        ReadOnlyError: the folder, or the project's `.tidegate`, cannot be written to.
    """
    with open_site(start, progress) as site:
        if site.warehouse.capabilities.dialect != "duckdb":
            raise SampleError(
                f"a sample of a `{site.settings.warehouse.type}` warehouse cannot be made yet",
                hint="make it of a copy in DuckDB",
            )
        root = site.settings.root
        place = folder or root / FOLDER
        origin = _origin(site)
        with _aside(root) as made:
            with duckdb_workshop.open_workshop(_published(site)) as workshop:
                told = sample_set.make(
                    workshop, origin, site.settings, wanted,
                    folder=made, secret=secret(root, progress), progress=progress,
                )  # fmt: skip
            sample_files.place(told, made, place)
    return place, told


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    """An empty folder that git ignores; whatever an interrupted command left in it is removed."""
    made = _kept_from_git(root) / "made"
    shutil.rmtree(made, ignore_errors=True)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _kept_from_git(root: Path) -> Path:
    """The project's folder of what samples are made with.

    Raises:
        ReadOnlyError: it cannot be made.
    """
    folder = root / SECRET_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise ReadOnlyError(f"`{folder}` cannot be used: {error.strerror}", hint="let `.tidegate` be written") from None
    return folder


def _origin(site: Site) -> Origin:
    version = site.state.published()
    if version is None:
        raise nothing_published(site)
    kept_version(site, version.number)
    state = site.warehouse.state_folder(version.number)
    facts = combine([step.facts(site.settings.root, state) for step in site.steps])
    checks = (*facts.checks, *site.settings.checks, *contract.declared(site, version.number))
    return Origin(version=version.number, facts=facts, checks=checks, keys=known_keys(site, version.number))


def _published(site: Site) -> Path:
    return site.warehouse.public_path().resolve()


def secret(root: Path, progress: Progress) -> str:
    """The secret that values are masked by: `TIDEGATE_SAMPLE_SECRET`, else one that is kept in the project's `.tidegate`
    and made there when it is missing.

    Raises:
        ReadOnlyError: it cannot be kept.
    """
    said = os.environ.get(VARIABLE)
    if said:
        return said
    path = root / SECRET_FOLDER / "secret"
    try:
        if not path.exists():
            _kept_from_git(root)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32) + "\n")
            progress.say(f"made {path}: with another secret other values stand in the sample; keep it out of git")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        hint = f"set `{VARIABLE}`, or let `.tidegate` be written"
        raise ReadOnlyError(f"`{path}` cannot be used: {error.strerror}", hint=hint) from None


def verify(start: Path, folder: Path | None, progress: Progress) -> tuple[Path, Verified]:
    """Judge a sample set; where something is published here, its personal values are looked for.

    Raises:
        PathNotFoundError, SampleError: there is no manifest in the folder, or it cannot be read.
        StateUnreachableError: what is published is in a database that cannot be asked.
    """
    try:
        root = find_project(start)
    except ProjectNotFoundError:
        if folder is None:
            raise
        return folder, _verified(folder, None, None)
    place = folder or root / FOLDER
    settings = load_settings(root)
    if settings.state is None and not settings.state_path.exists():
        return place, _verified(place, None, None)
    with open_site(start, progress, with_steps=False) as site:
        version = site.state.published()
        if version is None or version.number not in site.warehouse.kept():
            return place, _verified(place, None, None)
        return place, _verified(place, _published(site), version.number)


def _verified(folder: Path, database: Path | None, version: int | None) -> Verified:
    told = sample_files.read(folder)
    with duckdb_workshop.open_workshop(database) as workshop:
        return sample_set.verify(workshop, told, folder=folder, present=sample_files.present(folder), version=version)
