"""Find the dbt profile that a project uses, and write it again with another database file."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import ConfigError, PathNotFoundError, ProfileNotFoundError
from tidegate.integrations.yaml_files import read_mapping

ENV_VAR = re.compile(
    r"""\{\{-?\s*env_var\(\s*(?P<q>['"])(?P<name>.+?)(?P=q)\s*(?:,\s*(?P<d>['"])(?P<default>.*?)(?P=d)\s*)?\)"""
    r"""\s*(?:\|\s*(?:as_number|as_bool|as_text|int|string)\s*)?-?\}\}"""
)
REMOTE = re.compile(
    r"^(md|motherduck|ducklake|s3|https?|gs|gcs|az|abfss?|hf|postgres|postgresql|mysql|sqlite):", re.IGNORECASE
)
MEMORY = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One target of one profile: `output` is its connection, `document` the whole profile, `file` where it is."""

    name: str
    target: str
    file: Path
    output: Mapping[str, object]
    document: Mapping[str, object]

    @property
    def adapter(self) -> str:
        return str(self.output.get("type", ""))

    def path(self, env: Mapping[str, str]) -> str | None:
        """The database path as dbt sees it; None when it is built by Jinja that only dbt can evaluate."""
        value = self.output.get("path", MEMORY)
        return render(str(value), env)


def render(value: str, env: Mapping[str, str]) -> str | None:
    """Replace `env_var(...)`; None when a variable is not set, or when other Jinja is left."""
    missing = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal missing
        found = env.get(match["name"], match["default"])
        missing = missing or found is None
        return found or ""

    rendered = ENV_VAR.sub(replaced, value)
    return None if missing or "{{" in rendered or "{%" in rendered else rendered


def project_file(folder: Path) -> Mapping[str, object]:
    """What `dbt_project.yml` says.

    Raises:
        PathNotFoundError: there is none.
    """
    file = folder / "dbt_project.yml"
    if not file.is_file():
        raise PathNotFoundError(f"`{folder}` is not a dbt project: it has no dbt_project.yml")
    return read_mapping(file)


def profiles_file(folders: Sequence[Path], asked: Path | None, env: Mapping[str, str]) -> Path:
    """The profiles.yml to use: the folder that was asked for, `DBT_PROFILES_DIR`, one of `folders`, `~/.dbt`.

    Raises:
        ProfileNotFoundError: none of them has the file.
    """
    if asked is not None:
        places = [asked]
    elif said := env.get("DBT_PROFILES_DIR") or env.get("DBT_ENGINE_PROFILES_DIR"):
        places = [folder / said for folder in folders]
    else:
        places = [*folders, Path(env.get("HOME", "~")).expanduser() / ".dbt"]
    for place in places:
        if (place / "profiles.yml").is_file():
            return place / "profiles.yml"
    looked = ", ".join(f"`{p}`" for p in dict.fromkeys(places))
    raise ProfileNotFoundError(
        f"no profiles.yml in {looked}", hint="create it, or name its folder with `profiles_dir:` of the step"
    )


def find_profile(file: Path, *, name: str, target: str | None, env: Mapping[str, str]) -> Profile:
    """One target of one profile: the asked one, else the one that the profile names, else `default`, as dbt does.

    Raises:
        ProfileNotFoundError: no such profile or target; the message lists those that exist.
        ConfigError: the target is Jinja that only dbt can evaluate.
    """
    profiles = {k: v for k, v in read_mapping(file).items() if k != "config"}
    document = profiles.get(name)
    if not isinstance(document, Mapping):
        raise ProfileNotFoundError(f"no profile `{name}` in `{file}`; {_listed(profiles)}", hint=_near(name, profiles))
    said = render(str(document.get("target") or "default"), env)
    asked = target or said
    if asked is None:
        raise ConfigError(
            f"the target of profile `{name}` in `{file}` is `{document.get('target')}`, which only dbt can evaluate",
            hint="name it with `target:` of the step",
        )
    outputs = document.get("outputs")
    known = outputs if isinstance(outputs, Mapping) else {}
    output = known.get(asked)
    if not isinstance(output, Mapping):
        where = "`target:` of the step, `--target` or `DBT_TARGET`" if target else f"`target:` in `{file}`"
        raise ProfileNotFoundError(
            f"profile `{name}` in `{file}` has no target `{asked}`; {_listed(known)}",
            hint=_near(asked, known) or f"correct {where}, or add the target to the profile",
        )
    return Profile(name=name, target=asked, file=file, output=output, document=document)


def check_redirectable(profile: Profile, env: Mapping[str, str]) -> None:
    """Refuse what cannot be pointed at a database file.

    Raises:
        ConfigError: another adapter than duckdb, MotherDuck, DuckLake, a remote server, or a database in memory.
    """
    where = f"target `{profile.target}` of profile `{profile.name}`"
    if profile.adapter != "duckdb":
        raise ConfigError(
            f"{where} is of type `{profile.adapter}`; a dbt step can build versions of `duckdb` only",
            hint="use a target of type `duckdb`: no other warehouse can be versioned yet",
        )
    path = profile.path(env)
    if profile.output.get("remote") or profile.output.get("is_ducklake") or (path and REMOTE.match(path)):
        raise ConfigError(
            f"{where} is not a local database file but `{path}`", hint="use a target whose `path` is a DuckDB file"
        )
    if path == MEMORY:
        raise ConfigError(
            f"{where} keeps its database in memory, so there is nothing to publish",
            hint="give the target a `path`, such as `warehouse.duckdb`",
        )


def redirected(profile: Profile, database: Path) -> Mapping[str, object]:
    """The same profile, with the path of the one target replaced; nothing else but the database name that follows."""
    output = {**profile.output, "path": str(database)}
    attached = _attached(profile)
    if "database" in output and output["database"] not in {a.get("alias") for a in attached}:
        output["database"] = database_name(database)
    outputs = profile.document.get("outputs")
    assert isinstance(outputs, Mapping)  # noqa: S101  find_profile found the target in it
    return {**profile.document, "target": profile.target, "outputs": {**outputs, profile.target: output}}


def database_name(path: str | Path) -> str:
    """What dbt-duckdb calls the database in a file: the first part of the file's name, leading dots left out."""
    return Path(path).name.lstrip(".").split(".")[0]


def write_profiles(folder: Path, profiles: Mapping[str, Mapping[str, object]]) -> None:
    """Write `profiles.yml`, whole or not at all, readable by its owner only, and only when it differs.

    It is written as JSON, which is YAML that cannot be misread: every text is in quotes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "profiles.yml"
    text = json.dumps(profiles, indent=2, ensure_ascii=False, default=str) + "\n"
    with contextlib.suppress(OSError):
        if file.read_text(encoding="utf-8") == text:
            return
    handle, name = tempfile.mkstemp(dir=folder, prefix=".profiles.")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    Path(name).replace(file)


def local_files(profile: Profile, folder: Path, project: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """The database files that the target writes: its path, and what it attaches for writing.

    DuckDB resolves a relative path against the folder that dbt was started in: usually the dbt project's, but it may
    have been `project` (`dbt build --project-dir ...`), so that place counts too when it is inside or has the file.
    """
    said = [profile.path(env)]
    said += [render(str(a.get("path", "")), env) for a in _attached(profile) if not a.get("read_only")]
    paths = [Path(p).expanduser() for p in said if p and p != MEMORY and not REMOTE.match(p)]
    found = [located(path, folder) for path in paths]
    others = [located(path, project) for path in paths]
    found += [p for p in others if p.is_relative_to(located(Path(), project)) or p.exists()]
    return tuple(dict.fromkeys(found))


def located(path: Path, folder: Path) -> Path:
    """The absolute path, without `..`; a link in the file's own place stays a link."""
    whole = folder / path
    return whole.parent.resolve() / whole.name


def _attached(profile: Profile) -> list[Mapping[str, object]]:
    attach = profile.output.get("attach")
    return [a for a in attach if isinstance(a, Mapping)] if isinstance(attach, list) else []


def _listed(known: Mapping[str, object]) -> str:
    return f"it has {', '.join(f'`{k}`' for k in sorted(known))}" if known else "it has none"


def _near(name: str, known: Mapping[str, object]) -> str | None:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else None
