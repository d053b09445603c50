"""Rules about what git holds: logs, databases, what tools make, and files of credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tidegate.doctor.ci_rules import is_test_path
from tidegate.doctor.facts import Project
from tidegate.doctor.rule import Edit, Found
from tidegate.doctor.words import joined, mapping, under

DATA = (".duckdb", ".duckdb.wal", ".ddb", ".sqlite", ".sqlite3", ".db", ".db-wal", ".wal")
LOGS = re.compile(r"(?:^|/)(?:logs/.*|[^/]*\.log(?:\.\d+)?)$")
CACHES = ("__pycache__", ".pytest_cache", ".ipynb_checkpoints", "dbt_packages", "dbt_modules", ".venv")
CREDENTIALS = re.compile(
    r"(?:^|/)(?:\.dlt/secrets\.toml|\.env(?:\.(?:local|prod|production|dev|staging))?|[^/]*\.pem|id_rsa|\.pgpass|[^/]*service[-_]account[^/]*\.json)$"
)
PASSWORD_KEYS = re.compile(
    r"(?:^|_)(?:password|pass|pwd|token|private_key|secret|keyfile_json|private_key_passphrase)$"
)
EMPTY = re.compile(r"^\s*(?:#.*)?$")


def committed_data(project: Project) -> Iterator[Found]:
    """Databases, logs and what tools make, in git: told once for each folder."""
    seen: set[str] = set()
    for path in project.tree.files:
        told = _kind(project, path)
        if told is None or told[1] in seen:
            continue
        seen.add(told[1])
        state = "is in git" if project.tree.is_repository else "is not ignored by git"
        edit = Edit(path=".gitignore", lines=(told[1],))
        yield Found(path=path, line=1, message=f"{told[0]} {state}", edit=edit)


def _kind(project: Project, path: str) -> tuple[str, str] | None:
    """What is wrong with a file being in git, and the line of .gitignore against it."""
    name, parts = PurePosixPath(path).name, PurePosixPath(path).parts
    for cache in CACHES:
        if cache in parts[:-1]:
            return f"`{cache}`, which a tool makes,", f"{cache}/"
    for dbt in project.dbt:
        for folder, default in (("target-path", "target"), ("log-path", "logs")):
            place = joined(dbt.folder, str(dbt.config.get(folder) or default))
            if under(path, place) and path != place:
                return f"`{place}`, which dbt makes,", f"{place.removeprefix('./')}/"
    if ".dlt" in parts[:-1] and "pipelines" in parts:
        return "dlt's working directory", ".dlt/pipelines/"
    if LOGS.search(path) and not is_test_path(path) and name != ".gitkeep":
        return f"the log `{path}`", "*.log" if name.endswith(".log") else f"{PurePosixPath(path).parent}/"
    if (path in project.tree.databases or name.endswith(DATA)) and not is_test_path(path):
        suffix = next((s for s in DATA if name.endswith(s)), "")
        return f"the database `{path}`", f"*{suffix}" if suffix else path
    return None


def committed_credentials(project: Project) -> Iterator[Found]:
    """Files of credentials in git, and passwords in a profiles.yml."""
    for path in project.tree.files:
        if CREDENTIALS.search(path) and not is_test_path(path) and _says_something(project.text(path)):
            edit = Edit(path=".gitignore", lines=(path,))
            state = "is in git" if project.tree.is_repository else "is not ignored by git"
            yield Found(path=path, line=1, message=f"`{path}` {state}", edit=edit)
    profiles = {p for d in project.dbt for p, _ in d.profiles} & set(project.tree.files)
    for path in sorted(profiles):
        document = project.document(path)
        for profile, said in mapping(document.content if document else None).items():
            for target, output in mapping(mapping(said).get("outputs")).items():
                yield from _passwords(project, path, profile, target, mapping(output))


def _passwords(project: Project, path: str, profile: str, target: str, output: object) -> Iterator[Found]:
    document = project.document(path)
    host = str(mapping(output).get("host") or "")
    for key, value in mapping(output).items():
        literal = isinstance(value, str) and value and "{{" not in value and not value.startswith("$")
        local = host in {"localhost", "127.0.0.1", "postgres", "db"} or str(value) in {
            "postgres",
            "password",
            "dbt",
            "test",
            "changeme",
        }
        if (
            literal
            and PASSWORD_KEYS.search(key)
            and not local
            and not re.search(r"[<>]|your|xxx|\*\*\*|example", str(value), re.IGNORECASE)
            and document
        ):
            line = document.line(profile, "outputs", target, key)
            yield Found(path=path, line=line, message=f"`{key}` of target `{target}` is written out")


def _says_something(text: str) -> bool:
    """Whether a file of credentials has a value in it: an empty template gives nothing away."""
    lines = [x for x in text.splitlines() if not EMPTY.match(x) and not x.strip().startswith("[")]
    values = [x.partition("=")[2].strip().strip("\"'") for x in lines if "=" in x]
    return (
        any(v and not re.search(r"^<.*>$|your|xxx|change.?me|example|\*\*\*", v, re.IGNORECASE) for v in values)
        or ("-----BEGIN" in text)
        or (text.lstrip().startswith("{") and "private_key" in text)
    )
