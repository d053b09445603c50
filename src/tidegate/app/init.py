"""Init: from what is found in a folder to a commented `tidegate.yml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.config import FILE_NAME
from tidegate.errors import ConfigError, PathNotFoundError, ReadOnlyError
from tidegate.integrations.discover import DbtProject, Discovery, DltScript, discover
from tidegate.model.words import counted
from tidegate.ports import Progress
from tidegate.services.publish import adopt, repair

OWN_FOLDERS = ("warehouse", ".tidegate")
"""What Tidegate writes beside `tidegate.yml`, as `init` configures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """What `init` found and wrote, and what is left to do by hand; `adopted` is the version that an existing database
    became at once, if asked for.
    """

    path: Path
    text: str
    found: tuple[str, ...]
    unknown: tuple[str, ...]
    advice: tuple[str, ...]
    adopted: int | None


def init(folder: Path, progress: Progress, *, link_back: bool, force: bool, containers: bool = False) -> Initialised:
    """Write `tidegate.yml`. With `link_back` adopt the database now and replace it by a link to the live version; with
    `containers` let them bring a state store.

    Raises:
        PathNotFoundError: no such folder, or nothing to adopt.
        ConfigError: there is a `tidegate.yml` already, or nothing that could be run was found.
        ReadOnlyError: the folder cannot be written.
    """
    if not folder.is_dir():
        raise PathNotFoundError(f"there is no folder `{folder}`", hint="correct `--project`")
    path = folder.resolve() / FILE_NAME
    if path.exists() and not force:
        raise ConfigError(f"`{path}` exists", hint="edit it, or pass `--force` to write it anew")
    seen = discover(folder.resolve())
    if not seen.dbt and not seen.dlt:
        raise ConfigError(
            f"no dbt project and no dlt script was found in `{folder}`",
            hint=f"run `tidegate init` where they are, or write `{FILE_NAME}` by hand with a `run:` step",
        )
    refused = [project.refused for project in seen.dbt if project.refused is not None]
    if refused and not containers and not seen.dlt and len(refused) == len(seen.dbt):
        raise ConfigError(
            f"nothing that was found in `{folder}` can be run: {refused[0]}",
            hint=f"{refused[0].hint}; or write `{FILE_NAME}` by hand with a `run:` step that copies the tables that matter (docs/getting-started.md)",
        )
    database, notes = _database(seen)
    if link_back and database is None:
        raise PathNotFoundError("there is no database to adopt", hint="run `tidegate init` without `--adopt`")
    text = _text(seen, database, link_back=link_back)
    if containers and not any(project.adapter == "postgres" for project in seen.dbt):
        text = text.replace(
            NO_STATE,
            f"\nstate: {OPTIONAL_STATE}   # PostgreSQL in the containers, which say where it is; elsewhere a file\n",
        )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReadOnlyError(f"`{path}` cannot be written: {error.strerror}") from None
    adopted = None
    if link_back:
        with open_site(folder, progress) as site, site.warehouse.lock(owner="init", wait_s=0):
            repair(site)
            adopted = adopt(site)
    return Initialised(
        path=path,
        text=text,
        found=_found(seen, database),
        unknown=(*seen.notes, *notes, *_unloaded(seen)),
        advice=_advice(seen.folder),
        adopted=adopted,
    )


def _unloaded(seen: Discovery) -> tuple[str, ...]:
    """Sources that no step is known to bring: what writes them goes on writing to the database that was copied."""
    if seen.dlt or not any(project.sources for project in seen.dbt):
        return ()
    return (
        "what loads the source tables: add it to `steps:` before dbt, such as `- {name: load, run: python load.py}`",
    )


def _advice(folder: Path) -> tuple[str, ...]:
    """Whether git would take the data for code; as `.gitignore` has the names plainly, so that nothing is run."""
    above = (folder, *folder.parents)
    inside = next((n for n, place in enumerate(above, start=1) if (place / ".git").exists()), 0)
    files = [place / ".gitignore" for place in above[:inside]]
    lines = {
        line.strip().strip("/*") for f in files if f.is_file() for line in f.read_text("utf-8", "replace").splitlines()
    }
    missing = [f"`{name}/`" for name in OWN_FOLDERS if name not in lines]
    if not inside or not missing:
        return ()
    return (f"add {' and '.join(missing)} to `.gitignore`: versions of the data and the state are no code",)


def _database(seen: Discovery) -> tuple[Path | None, list[str]]:
    """The database that the project has now: what a dbt profile names, else the only DuckDB file around."""
    named = [_place(p.database) for p in seen.dbt if p.database is not None]
    there = [d for d in named if d.is_file() or _is_adopted(d)]
    if there:
        return there[0], []
    if named and (seen.folder / "warehouse" / "live").exists():
        return None, []  # initialised again: the data is in its versions
    if named:
        return None, [f"the profile's database `{named[0]}` does not exist yet; the first run starts empty"]
    if len(seen.databases) == 1:
        return seen.databases[0], []
    if seen.databases:
        names = ", ".join(str(d.relative_to(seen.folder)) for d in seen.databases)
        return None, [f"several databases ({names}): name the one to adopt in `warehouse.adopt`"]
    return None, []


def _found(seen: Discovery, database: Path | None) -> tuple[str, ...]:
    lines = [_dlt_line(s) for s in seen.dlt]
    lines += [_dbt_line(p) for p in seen.dbt]
    lines += [f"environment {e.path}: {_tools(e.dbt, e.dlt)}" for e in seen.environments]
    if database is not None:
        what = (
            "is a link to the live version" if _is_adopted(database) else "becomes version 1 at the first run (a copy)"
        )
        lines.append(f"database {_relative(database, seen.folder)}: {what}")
    return tuple(lines)


def _tools(has_dbt: bool, has_dlt: bool) -> str:
    named = [name for name, there in (("dbt", has_dbt), ("dlt", has_dlt)) if there]
    return ", ".join(named) or "neither dbt nor dlt"


def _dlt_line(script: DltScript) -> str:
    return (
        f"dlt script {script.path}: pipeline {script.pipeline or 'unknown'},"
        f" dataset {script.dataset or 'unknown'}, destination {script.destination or 'unknown'}"
    )


def _dbt_line(project: DbtProject) -> str:
    return (
        f"dbt project {project.path}: profile {project.profile or 'unknown'}, target {project.target or 'unknown'}"
        f" ({project.adapter or 'adapter unknown'}), {counted(project.models, 'model')}, {counted(project.sources, 'source table')},"
        f" {counted(project.tests, 'test')}"
    )


def _is_adopted(database: Path) -> bool:
    """Whether an earlier `init --adopt` put a link in the database's place."""
    if not database.is_symlink():
        return False
    live = (database.parent / database.readlink()).parent
    return live.name == "live" and (live.parent / "versions").is_dir()


def _place(database: Path) -> Path:
    """Where a database is; of an adopted one the link, for what it leads to is another file after every run."""
    return database.parent.resolve() / database.name if _is_adopted(database) else database.resolve()


def _relative(path: Path, folder: Path) -> str:
    path, folder = _place(path), folder.resolve()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _text(seen: Discovery, database: Path | None, *, link_back: bool) -> str:
    """The file, commented; what was found is filled in, what is optional stands as a comment."""
    named = next((p.database for p in seen.dbt if p.database is not None), None) or database
    lines = [
        "# Written by `tidegate init`; `tidegate config check` checks it, docs/configuration.md explains every key.",
        "version: 1",
        "",
        "warehouse:",
        "  path: warehouse   # the folder of versions; readers open warehouse/live/<database>",
    ]
    if named is not None:
        lines.append(f"  database: {_quoted(named.name)}   # the file name that the dbt profile has")
    if database is not None:
        lines.append(
            f"  adopt: {_quoted(_relative(database, seen.folder))}   # its copy becomes version 1; it is left alone"
        )
        if link_back or _is_adopted(database):
            lines[-1] = lines[-1].replace("it is left alone", "it becomes a link to the live version")
            lines.append("  link_back: true")
    lines += ["", "steps:   # run in this order, unmodified, against a candidate that nobody reads yet"]
    names: set[str] = set()
    scripts = list(dict.fromkeys(s.path for s in seen.dlt))  # a script may build several pipelines
    loads = ["load"] if len(scripts) == 1 else scripts
    builds = ["transform"] if len(seen.dbt) == 1 else [p.name for p in seen.dbt]
    lines += [f"  - {{name: {_name(n, names)}, dlt: {_quoted(s)}}}" for n, s in zip(loads, scripts, strict=True)]
    lines += [f"  - {{name: {_name(n, names)}, dbt: {_quoted(p.path)}}}" for n, p in zip(builds, seen.dbt, strict=True)]
    return "\n".join([*lines, OPTIONAL])


OPTIONAL_STATE = "${TIDEGATE_STATE:-}"

NO_STATE = f"""
# state: {OPTIONAL_STATE}   # PostgreSQL where the variable holds its address, for a team or containers; else a file
"""

OPTIONAL = f"""{NO_STATE}
# learned: hold      # what a number outside its learned band does: hold (default), warn, or off
#
# checks:            # besides dbt's own tests, which are read from the project
#   - {{table: raw.orders, rule: "total_amount >= 0"}}
#   - {{table: raw.orders, unique: order_id}}
#   - {{table: raw.orders, freshness: {{column: created_at, max_age: 36h}}, on_fail: warn}}
#
# products:          # what people read: an incident that reaches tier 1 is more severe
#   revenue: {{tables: [marts.revenue], owner: finance@example.com, tier: 1}}
#
# tables:            # what you know better than inference
#   raw.orders: {{time_column: created_at, key: [order_id], mask: [email]}}
#
# retention: {{versions: 10, days: 7}}
"""


def _name(text: str, taken: set[str]) -> str:
    """A step's name from a path or a project's name, made different from those that are taken."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(text).stem) or "step"
    name = stem
    number = 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    taken.add(name)
    return name


def _quoted(text: str) -> str:
    """A YAML scalar: plain where that is safe, else in double quotes (JSON's escapes are YAML's)."""
    import json

    return text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) and text not in {".", "-"} else json.dumps(text)
