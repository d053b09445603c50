"""Look around a folder for what `tidegate init` can use, without importing or running anything in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import ConfigError
from tidegate.integrations import dbt_profiles, dlt_settings
from tidegate.integrations.dlt_script import UNREAD, Pipeline, read_script
from tidegate.integrations.yaml_files import read_mapping

SKIPPED = {
    "__pycache__",
    "build",
    "dbt_packages",
    "dbt_modules",
    "dist",
    "logs",
    "node_modules",
    "site-packages",
    "target",
}
MAX_DEPTH = 6
"""Folders below the project that are looked into. Chosen, not derived."""

MAGIC = b"DUCK"
SUFFIXES = {".duckdb", ".ddb", ".db"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtProject:
    """A dbt project; `path` is relative to the folder that was searched, `database` absolute.

    What could not be determined is None. `models`, `sources` and `tests` are counted in the files: a test that a
    macro or a package adds is not among them. `refused` says why no version can be built with its target.
    """

    path: str
    name: str
    profile: str | None
    target: str | None
    adapter: str | None
    database: Path | None
    models: int
    sources: int
    tests: int
    refused: ConfigError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DltScript:
    """A Python file with a dlt pipeline; `path` is relative to the folder that was searched."""

    path: str
    pipeline: str | None
    destination: str | None
    dataset: str | None
    hard_coded: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment, and which of the two tools it has."""

    path: str
    dbt: bool
    dlt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What was found, each in the order of its path; `notes` say what could not be determined, and why."""

    folder: Path
    dbt: tuple[DbtProject, ...]
    dlt: tuple[DltScript, ...]
    databases: tuple[Path, ...]
    environments: tuple[Environment, ...]
    notes: tuple[str, ...]


def discover(folder: Path, env: Mapping[str, str] | None = None) -> Discovery:
    """Look for dbt projects, dlt scripts, DuckDB files and environments in a folder and below it.

    Hidden folders, environments, `target`, `dbt_packages`, `node_modules` and the versions of a warehouse are left out.
    """
    env = os.environ if env is None else env
    root = folder.absolute()
    notes: list[str] = []
    files = list(_walk(root))
    projects = [f.parent for f in files if f.name == "dbt_project.yml"]
    projects = [p for p in projects if p not in _local_packages(projects, notes)]
    dbt = tuple(_dbt_project(p, root, env, notes) for p in projects)
    scripts = [s for f in files if f.suffix == ".py" for s in _dlt_scripts(f, root, notes)]
    if len(dbt) > 1:
        notes.append(
            f"{len(dbt)} dbt projects: {', '.join(p.path for p in dbt)}; keep those that build what readers use"
        )
    return Discovery(
        folder=root,
        dbt=dbt,
        dlt=tuple(scripts),
        databases=tuple(f for f in files if f.suffix in SUFFIXES and _is_duckdb(f)),
        environments=tuple(_environments(root, projects)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _walk(root: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(root):
        here = Path(place)
        deep = len(here.relative_to(root).parts) >= MAX_DEPTH
        folders[:] = [] if deep or _is_warehouse(here) else sorted(f for f in folders if _wanted(here / f))
        yield from (here / name for name in sorted(names))


def _wanted(folder: Path) -> bool:
    name = folder.name
    return not name.startswith(".") and name not in SKIPPED and not (folder / "pyvenv.cfg").is_file()


def _is_warehouse(folder: Path) -> bool:
    return (folder / "versions").is_dir() and any((folder / "versions").glob("*/version.json"))


def _is_duckdb(file: Path) -> bool:
    try:
        with file.open("rb") as handle:
            return handle.read(12)[8:] == MAGIC
    except OSError:
        return False


def _local_packages(projects: Sequence[Path], notes: list[str]) -> set[Path]:
    """The projects that another one names as a local package."""
    found: set[Path] = set()
    for project in projects:
        for name in ("packages.yml", "dependencies.yml"):
            said = _read(project / name, notes).get("packages")
            entries = [e for e in said if isinstance(e, Mapping)] if isinstance(said, list) else []
            found |= {(project / str(e["local"])).resolve() for e in entries if "local" in e}
    return {p for p in projects if p.resolve() in found}


def _dbt_project(project: Path, root: Path, env: Mapping[str, str], notes: list[str]) -> DbtProject:
    said = _read(project / "dbt_project.yml", notes)
    path = _relative(project, root)
    profile, database, refused = _profile(project, root, str(said.get("profile") or ""), env, notes)
    models = list(_files(project, said, ("model-paths", "source-paths"), "models"))
    singular = [
        f for f in _files(project, said, ("test-paths",), "tests") if f.suffix == ".sql" and "generic" not in f.parts
    ]
    documents = [_read(f, notes) for f in models if f.suffix in {".yml", ".yaml"}]
    return DbtProject(
        path=path,
        name=str(said.get("name") or path),
        profile=profile.name if profile else dbt_profiles.render(str(said.get("profile") or ""), env) or None,
        target=profile.target if profile else None,
        adapter=profile.adapter if profile else None,
        database=database,
        models=sum(f.suffix in {".sql", ".py"} for f in models),
        sources=sum(len(_entries(s, "tables")) for d in documents for s in _entries(d, "sources")),
        tests=sum(_tests(d) for d in documents) + len(singular),
        refused=refused,
    )


def _profile(
    project: Path, root: Path, said: str, env: Mapping[str, str], notes: list[str]
) -> tuple[dbt_profiles.Profile | None, Path | None, ConfigError | None]:
    """The profile, the database that it names, and why its target cannot be redirected, as far as that can be told."""
    where = _relative(project, root)
    name = dbt_profiles.render(said, env)
    if not name:
        notes.append(
            f"{where}: its profile is `{said}`, which only dbt can evaluate"
            if said
            else f"{where}: it names no profile"
        )
        return None, None, None
    try:
        file = dbt_profiles.profiles_file((project, root), None, env)
        profile = dbt_profiles.find_profile(file, name=name, target=env.get("DBT_TARGET"), env=env)
    except ConfigError as error:
        notes.append(f"{where}: {error}")
        return None, None, None
    try:
        dbt_profiles.check_redirectable(profile, env)
    except ConfigError as error:
        notes.append(f"{where}: {error}; `tidegate run` refuses it: {error.hint}")
        return profile, None, error
    files = dbt_profiles.local_files(profile, project, root, env)
    if not files:
        notes.append(
            f"{where}: the path of target `{profile.target}` is `{profile.output.get('path')}`, which only dbt can evaluate"
        )
        return profile, None, None
    return profile, next((f for f in files if f.is_file()), files[0]), None


def _files(project: Path, said: Mapping[str, object], keys: Sequence[str], default: str) -> Iterator[Path]:
    named = next((said[k] for k in keys if isinstance(said.get(k), list)), [default])
    for folder in named if isinstance(named, list) else []:
        yield from (f for f in _walk(project / str(folder)) if f.is_file())


def _tests(document: Mapping[str, object]) -> int:
    """The tests that a properties file declares, on tables and on their columns."""
    tables = [e for kind in ("models", "seeds", "snapshots") for e in _entries(document, kind)]
    tables += [t for s in _entries(document, "sources") for t in _entries(s, "tables")]
    owners = [*tables, *(c for t in tables for c in _entries(t, "columns"))]
    return sum(len(said) for o in owners for k in ("tests", "data_tests") if isinstance(said := o.get(k), list))


def _entries(document: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    said = document.get(key)
    return [e for e in said if isinstance(e, Mapping)] if isinstance(said, list) else []


def _dlt_scripts(file: Path, root: Path, notes: list[str]) -> Iterator[DltScript]:
    try:
        if b"dlt" not in file.read_bytes():
            return
        pipelines = read_script(file)
        settings = dlt_settings.read_settings(root if (root / ".dlt").is_dir() else file.parent)
    except (ConfigError, OSError) as error:
        notes.append(f"{_relative(file, root)}: {error}")
        return
    for pipeline in pipelines:
        yield _dlt_script(_relative(file, root), pipeline, settings, notes)


def _dlt_script(path: str, pipeline: Pipeline, settings: Mapping[str, object], notes: list[str]) -> DltScript:
    said = {
        "pipeline": pipeline.name,
        "destination": dlt_settings.destination_of(pipeline, settings),
        "dataset": pipeline.dataset,
        "hard_coded": pipeline.credentials,
    }
    unread = [what.replace("_", "-") for what, value in said.items() if value == UNREAD]
    if unread:
        notes.append(f"{path}:{pipeline.line}: {' and '.join(unread)} can only be told by running the script")
    known = {what: None if value == UNREAD else value for what, value in said.items()}
    return DltScript(path=path, **known)


def _environments(root: Path, projects: Sequence[Path]) -> Iterator[Environment]:
    for place in dict.fromkeys((root, *projects)):
        for folder in sorted(place.iterdir()):
            if (folder / "pyvenv.cfg").is_file():
                yield Environment(
                    path=_relative(folder, root),
                    dbt=(folder / "bin" / "dbt").exists(),
                    dlt=any(folder.glob("lib/python3*/site-packages/dlt/__init__.py")),
                )


def _read(file: Path, notes: list[str]) -> Mapping[str, object]:
    try:
        return read_mapping(file) if file.is_file() else {}
    except (ConfigError, OSError) as error:
        notes.append(str(error))
        return {}


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
