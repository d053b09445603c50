"""Throw-away warehouses: a copy of the project's files builds one of its own, from sample data where there is some.

What is built lies in `.tidegate/ci/NAME`: `project` has the copy, with a `tidegate.yml` that points at a warehouse below
it, and `built.json` says from which files and which data it was made.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.config import FILE_NAME
from tidegate.doctor.words import entries, mapping
from tidegate.errors import ConfigError, NothingPublishedError, UsageError
from tidegate.integrations.dbt import find_dbt
from tidegate.integrations.dlt import find_python
from tidegate.integrations.project_tree import LEFT_OUT, git
from tidegate.integrations.yaml_files import read_mapping, write_yaml
from tidegate.model import Settings

SAMPLES = "samples"
"""The folder of Parquet files that a build begins with."""

SOURCES = (".sql", ".py", ".yml", ".yaml", ".toml", ".csv", ".parquet", ".txt")
"""Files that git does not have yet are part of what is built when they end like this."""

LEFT_OUT_SETTINGS = frozenset(
    "notify maintenance gate retention budget learned state promotion warehouse steps environments".split()
)
"""Settings that say nothing of a build that is thrown away, and those that are written anew: above all its ledger is its own."""

KEPT_OF_ENVIRONMENT = ("strict", "quarantine_limit", "samples")
PROGRAMS = ("executable", "python")

NO_PROMISE = frozenset({"slo", "probes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One throw-away warehouse: the folder that belongs to it."""

    folder: Path

    @property
    def project(self) -> Path:
        """The copy of the project."""
        return self.folder / "project"

    @property
    def sample(self) -> Path:
        """The database that is made of the sample data."""
        return self.folder / "sample"

    @property
    def note(self) -> Path:
        """What was built."""
        return self.folder / "built.json"


def place(settings: Settings, name: str) -> Place:
    """Where a throw-away warehouse of the project is; git and the tools that look for files are told to leave it alone."""
    whole = settings.root / ".tidegate" / "ci"
    whole.mkdir(parents=True, exist_ok=True)
    for file in (".gitignore", ".sqlfluffignore"):
        (whole / file).write_text("*\n", encoding="utf-8")
    return Place(folder=whole / name)


def clear(there: Place) -> None:
    """Remove what an earlier build left; published files are read-only."""

    def writable(remove: Callable[[str], object], path: str, _error: object) -> None:
        for blocked in (Path(path).parent, Path(path)):
            blocked.chmod(blocked.stat().st_mode | stat.S_IRWXU)
        remove(path)

    if there.folder.exists():
        shutil.rmtree(there.folder, onerror=writable)
    there.project.mkdir(parents=True)


def copy_files(settings: Settings, there: Place) -> None:
    """Copy the files that git has, as they are now, and those that it would take; without a repository all but caches."""
    listed = git(settings.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        ignored = shutil.ignore_patterns(
            *LEFT_OUT, "target", "logs", "*.duckdb", "*.duckdb.wal", settings.warehouse.path.name
        )
        shutil.copytree(settings.root, there.project, ignore=ignored, symlinks=True, dirs_exist_ok=True)
        return
    for name in listed.split("\0"):
        if not name or _is_made(settings, name):
            continue
        source, target = settings.root / name, there.project / name
        if source.is_file() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def _is_made(settings: Settings, name: str) -> bool:
    """Whether a file is Tidegate's own, of a project whose `.gitignore` does not say so."""
    path = settings.root / name
    return path.is_relative_to(settings.warehouse.path) or path.is_relative_to(settings.state_path.parent)


def copy_revision(settings: Settings, there: Place, revision: str) -> None:
    """Copy the files of a commit.

    Raises:
        UsageError: there is no such commit, or no repository.
    """
    command = ["git", "-C", str(settings.root), "archive", "--format=tar", revision]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(
            f"the files of `{revision}` cannot be read: {said[-1] if said else 'git said nothing'}",
            hint="name a commit that is here with `--base`; in CI fetch it too (`fetch-depth: 0`)",
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(there.project, filter="data")
    if not (there.project / FILE_NAME).is_file():
        shutil.copy2(settings.root / FILE_NAME, there.project / FILE_NAME)


def digest(settings: Settings) -> str:
    """What tells builds of different files apart: the paths and contents of the project's files."""
    known = git(settings.root, "ls-files", "-z", "--cached") or ""
    others = git(settings.root, "ls-files", "-z", "--others", "--exclude-standard") or ""
    names = [n for n in known.split("\0") if n] + [n for n in others.split("\0") if n.endswith(SOURCES)]
    names = [n for n in names if not _is_made(settings, n)]
    if not names:
        names = [p.relative_to(settings.root).as_posix() for p in _plain_files(settings)]
    whole = hashlib.sha256()
    for name in sorted(names):
        file = settings.root / name
        if file.is_file():
            whole.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def _plain_files(settings: Settings) -> list[Path]:
    """The source files of a project outside git."""
    warehouse = settings.warehouse.path
    return [
        p
        for p in settings.root.rglob("*")
        if p.name.endswith(SOURCES)
        and not p.is_relative_to(warehouse)
        and not {*p.relative_to(settings.root).parts} & {*LEFT_OUT, "target", "logs"}
    ]


def configure(settings: Settings, there: Place, *, sample: Path | None) -> tuple[str, ...]:
    """Write the copy's `tidegate.yml`; the names of the steps that the sample stands for.

    The sample stands for what comes before the first dbt step. Nobody is notified, and no learned band is judged: a sample
    is not what the bands were learned from.
    """
    said = read_mapping(there.project / FILE_NAME)
    steps = [dict(step) for step in entries(said.get("steps"))]
    first = next((n for n, step in enumerate(steps) if step.get("dbt")), 0)
    left, kept = (steps[:first], steps[first:]) if sample is not None else ([], steps)
    for step in kept:
        _with_program(settings, step)
    products = {
        name: {k: v for k, v in mapping(said_of).items() if k not in NO_PROMISE}
        for name, said_of in mapping(said.get("products")).items()
    }
    document: dict[str, object] = {k: v for k, v in said.items() if k not in LEFT_OUT_SETTINGS}
    warehouse: dict[str, object] = {"path": "warehouse", "database": settings.warehouse.database}
    if sample is not None:
        warehouse["adopt"] = os.path.relpath(sample, there.project)
    document |= {"warehouse": warehouse, "steps": kept, "learned": "off"}
    if products:
        document["products"] = products
    if settings.environment:
        chosen = mapping(mapping(said.get("environments")).get(settings.environment))
        document["environments"] = {settings.environment: _of_environment(chosen, kept)}
    (there.project / FILE_NAME).write_text(write_yaml(document), encoding="utf-8")
    return tuple(str(step.get("name")) for step in left)


def _of_environment(said: Mapping[str, object], kept: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """What an environment says of the steps that are run, but for the programs, and of how they are judged."""
    names = {str(step.get("name")) for step in kept}
    steps = {
        name: {key: value for key, value in mapping(own).items() if key not in PROGRAMS}
        for name, own in mapping(said.get("steps")).items()
        if name in names
    }
    return {"steps": steps, **{key: said[key] for key in KEPT_OF_ENVIRONMENT if key in said}}


def _with_program(settings: Settings, step: dict[str, object]) -> None:
    """Name the programs that the step would find in the project itself: its environment is not copied."""
    folder = settings.root / str(step.get("dbt") or Path(str(step.get("dlt") or "")).parent)
    said: Mapping[str, object] = next((s.options for s in settings.steps if s.name == step.get("name")), step)
    if step.get("dbt"):
        asked = str(said["executable"]) if said.get("executable") else None
        step["executable"] = find_dbt(asked, settings.root, folder, os.environ)
    elif step.get("dlt"):
        asked = str(said["python"]) if said.get("python") else None
        step["python"] = find_python(asked, settings.root, folder, os.environ)


def without_packages(settings: Settings, root: Path) -> list[str]:
    """The folders of dbt projects below `root` that ask for packages, none of which is installed."""
    found = []
    for step in settings.steps:
        folder = root / step.target
        if step.kind == "dbt" and not (folder / "dbt_packages").is_dir():
            files = [f for f in (folder / "packages.yml", folder / "dependencies.yml") if f.is_file()]
            found += [step.target] if any(mapping(read_mapping(f)).get("packages") for f in files) else []
    return found


def copy_packages(settings: Settings, there: Place) -> None:
    """Take the installed dbt packages along."""
    for step in settings.steps:
        source = settings.root / step.target / "dbt_packages"
        if step.kind == "dbt" and source.is_dir() and (there.project / step.target).is_dir():
            target = there.project / step.target / "dbt_packages"
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def write_note(there: Place, said: Mapping[str, object]) -> None:
    """Say what was built."""
    there.note.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def read_note(there: Place, settings: Settings) -> Mapping[str, object]:
    """What was built, if it was built from the files as they are now.

    Raises:
        NothingPublishedError: nothing was built, or it was built from other files.
    """
    hint = "run `tidegate ci run build` first; in CI the job needs what the job `build` made"
    if not there.note.is_file():
        raise NothingPublishedError(f"there is no throw-away warehouse in `{there.folder}`", hint=hint)
    try:
        said = mapping(json.loads(there.note.read_text(encoding="utf-8")))
    except ValueError:
        raise ConfigError(f"`{there.note}` cannot be read", hint=hint) from None
    if said.get("digest") != digest(settings):
        raise NothingPublishedError(
            f"the throw-away warehouse in `{there.folder}` was built from other files", hint=hint
        )
    return said
