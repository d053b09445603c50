"""Docker: what a project's containers need to know about it, found in its folder, and the files that they are made from."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tidegate
from tidegate.app.init import OPTIONAL_STATE
from tidegate.config import FILE_NAME, NAMED_OR_NONE, find_project, load
from tidegate.errors import ConfigError, ReadOnlyError
from tidegate.integrations.discover import Discovery, discover
from tidegate.integrations.yaml_files import read_mapping
from tidegate.kit.docker import DLT_DATA, Layout, Requirements, container_files
from tidegate.model import Settings
from tidegate.services.ci_setup import completed

PINNED = re.compile(r"--hash=sha256:[0-9a-f]{64}")
OURS = re.compile(r"^\s*tidegate\b", re.MULTILINE)
REQUIREMENTS = ("requirements.lock", "requirements.txt", "requirements/requirements.txt", "requirements/prod.txt")
"""Where a project's requirements are looked for, best first; one with hashes goes before one without."""

WRITTEN = "requirements.txt"
EXAMPLE = ".env.example"
READ_IN_YAML = re.compile(r"env_var\(\s*['\"](\w+)['\"]")
READ_IN_OURS = re.compile(r"\$\{(\w+)\}")
DRIVER = re.compile(r"tidegate\[[^\]]*postgres|psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """The files that were written into `folder`, those that were there as they are, and what is left to do by hand."""

    folder: Path
    files: tuple[str, ...]
    unchanged: tuple[str, ...]
    advice: tuple[str, ...]


def write_containers(start: Path, *, force: bool) -> Containers:
    """Write the container files of the project at or above `start`.

    Raises:
        ConfigError: a file of that name with other content is there; with `force` it is overwritten.
        ReadOnlyError: the folder cannot be written.
    """
    folder = find_project(start)
    layout, own = layout_of(folder)
    wanted = own | container_files(layout)
    if (folder / EXAMPLE).is_file():
        text = completed((folder / EXAMPLE).read_text("utf-8", "replace"), wanted[EXAMPLE].decode())
        wanted[EXAMPLE] = text.encode()
    there = {name for name in wanted if (folder / name).exists()}
    same = {name for name in there if (folder / name).is_file() and (folder / name).read_bytes() == wanted[name]}
    merged = {EXAMPLE} if (folder / EXAMPLE).is_file() else set()
    if (differing := sorted(there - same - merged)) and not force:
        raise ConfigError(
            f"`{folder}` has {', '.join(f'`{name}`' for name in differing)} already",
            hint="move what is yours away, or overwrite it with `--force`; nothing was written",
        )
    written = sorted(set(wanted) - same)
    try:
        for name in written:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(wanted[name])
    except OSError as error:
        raise ReadOnlyError(f"`{folder}` cannot be written: {error.strerror}") from None
    return Containers(
        folder=folder, files=tuple(written), unchanged=tuple(sorted(same)), advice=tuple(_advice(folder, layout, own))
    )


def layout_of(folder: Path) -> tuple[Layout, dict[str, bytes]]:
    """What the containers of a project need to know, and the requirements file that it lacks."""
    settings, seen = load(folder, ""), discover(folder)
    is_postgres = any(project.adapter == "postgres" for project in seen.dbt)
    states = [said for name in ("", *settings.environments) if (said := load(folder, name).state)]
    optional = [found[1] for said in states if (found := NAMED_OR_NONE.fullmatch(said))]
    requirements, own = _requirements(folder, seen)
    layout = Layout(
        name=re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_") or "pipeline",
        image=f"python:{sys.version_info.major}.{sys.version_info.minor}-slim-bookworm",
        requirements=requirements,
        tidegate=f"tidegate{'[postgres]' if states else ''}=={tidegate.__version__}",
        dbt=tuple(project.path for project in seen.dbt),
        dlt=tuple(dict.fromkeys(script.path for script in seen.dlt)),
        packages=tuple(p.path for p in seen.dbt if _packages(folder / p.path)),
        packages_from_git=any("git" in entry for p in seen.dbt for entry in _packages(folder / p.path)),
        written=(".tidegate", DLT_DATA) if is_postgres else _written(settings),
        variables=tuple(dict.fromkeys(_variables(folder, seen))),
        ignored=tuple(_lines(folder / ".gitignore")),
        is_postgres=is_postgres,
        states=() if is_postgres else tuple(dict.fromkeys(optional)),
    )
    return layout, own


def _written(settings: Settings) -> tuple[str, ...]:
    """The folders that runs write, in every environment; one inside another goes with it."""
    folder = settings.root
    every = [load(folder, name) for name in ("", *settings.environments)]
    places = dict.fromkeys(_relative(p, folder) for s in every for p in (s.warehouse.path, s.own_folder))
    return tuple(p for p in places if not any(Path(p).is_relative_to(other) for other in places if other != p))


def _relative(path: Path, folder: Path) -> str:
    path = path.resolve()
    return path.relative_to(folder.resolve()).as_posix() if path.is_relative_to(folder.resolve()) else path.as_posix()


def _requirements(folder: Path, seen: Discovery) -> tuple[Requirements, dict[str, bytes]]:
    """What the image installs; where the project says nothing about that, a file with the versions that are installed."""
    texts = {name: (folder / name).read_text("utf-8") for name in REQUIREMENTS if (folder / name).is_file()}
    if texts:
        name = next((n for n in texts if PINNED.search(texts[n])), next(iter(texts)))
        kind = "pinned" if PINNED.search(texts[name]) else "plain"
        return Requirements(file=name, kind=kind, has_tidegate=bool(OURS.search(texts[name]))), {}
    if (names := _declared(folder / "pyproject.toml")) is not None:
        kind = "uv" if (folder / "uv.lock").is_file() else "declared"
        return Requirements(file="pyproject.toml", kind=kind, has_tidegate="tidegate" in names), {}
    wanted = _wanted(seen)
    lines = [
        "# Written by `tidegate init --docker` from what is installed beside it; `uv pip compile` can pin the rest."
    ]
    return Requirements(file=WRITTEN, kind="plain", has_tidegate=False), {
        WRITTEN: ("\n".join([*lines, *wanted]) + "\n").encode()
    }


def _declared(file: Path) -> set[str] | None:
    """The names of what a `pyproject.toml` depends on; None where it is no project's.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        said = tomllib.loads(file.read_text("utf-8")).get("project") if file.is_file() else None
    except ValueError as error:
        raise ConfigError(f"`{file}` is not TOML: {error}", hint="correct the file") from None
    if said is None:
        return None
    return {re.split(r"[^A-Za-z0-9._-]", str(line).strip())[0].lower() for line in said.get("dependencies", ())}


def _wanted(seen: Discovery) -> list[str]:
    """dbt, its adapters and dlt, as far as the project has them; pinned to the release that is installed here."""
    adapters = sorted({project.adapter or "duckdb" for project in seen.dbt})
    names = ["dbt-core", *(f"dbt-{adapter}" for adapter in adapters)] if seen.dbt else []
    found = [_pin(name, name) for name in names]
    if seen.dlt:
        places = sorted(
            {str(script.destination) for script in seen.dlt if script.destination in {"duckdb", "postgres"}}
        )
        found.append(_pin("dlt", f"dlt[{','.join(places)}]" if places else "dlt"))
    return found


def _pin(name: str, text: str) -> str:
    try:
        return f"{text}=={version(name)}"
    except PackageNotFoundError:
        return text


def _packages(project: Path) -> Sequence[dict[str, object]]:
    """The packages that a dbt project asks for."""
    said = [
        read_mapping(f).get("packages") for n in ("packages.yml", "dependencies.yml") if (f := project / n).is_file()
    ]
    return [e for entries in said if isinstance(entries, list) for e in entries if isinstance(e, dict)]


def _variables(folder: Path, seen: Discovery) -> Iterator[str]:
    """The environment variables that the project's own configuration reads."""
    for place in dict.fromkeys((folder, *(folder / project.path for project in seen.dbt))):
        for name in ("profiles.yml", "dbt_project.yml"):
            if (place / name).is_file():
                yield from READ_IN_YAML.findall((place / name).read_text("utf-8"))
    yield from READ_IN_OURS.findall((folder / FILE_NAME).read_text("utf-8"))


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8", "replace").splitlines() if file.is_file() else []


def _advice(folder: Path, layout: Layout, own: dict[str, bytes]) -> Iterator[str]:
    if ".env" not in {line.strip().strip("/") for line in _lines(folder / ".gitignore")}:
        yield "add `.env` to `.gitignore`: it is where secrets go"
    if layout.requirements.kind == "plain":
        pinned = f"uv pip compile --generate-hashes {layout.requirements.file} --output-file requirements.lock"
        yield f"`{layout.requirements.file}` has no hashes: `{pinned}`, then `tidegate init --docker --force`"
    if own:
        loose = [
            line for text in own.values() for line in text.decode().splitlines() if "=" not in line and line[0] != "#"
        ]
        if loose:
            yield f"{', '.join(f'`{name}`' for name in loose)} is not installed here: pin it in `{WRITTEN}` by hand"
    yield from _advice_on_state(folder, layout)
    if layout.is_postgres:
        yield "Tidegate builds versions of DuckDB only: this pipeline runs dlt and dbt in PostgreSQL without a gate"


def _advice_on_state(folder: Path, layout: Layout) -> Iterator[str]:
    if not layout.is_postgres and load(folder, "").state is None:
        yield f"the state is a file in a volume; `state: {OPTIONAL_STATE}` in `{FILE_NAME}`, then `tidegate init --docker --force`: PostgreSQL"
    text = "".join(_lines(folder / layout.requirements.file))
    if layout.states and layout.requirements.has_tidegate and not DRIVER.search(text):
        yield f"`{layout.requirements.file}` has `tidegate` without the driver of PostgreSQL: ask for `tidegate[postgres]`"
