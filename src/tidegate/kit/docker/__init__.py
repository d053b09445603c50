"""Containers of a dlt and dbt project: the Dockerfile, the compose file and what belongs to them, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from tidegate.kit.source import project_files

POSTGRES_IMAGE = "postgres:17.5-bookworm"
"""The database of a project whose dbt profile is PostgreSQL's."""

SEPARATE = "/opt/tidegate"
"""The environment of Tidegate where the project's own requirements do not have it, so that their pins never meet."""

DLT_DATA = ".dlt-data"
"""Where dlt keeps its working directory between the runs of a project that no version carries it for."""

NEEDS_POSTGRES = f"""\
  environment:
    DLT_DATA_DIR: /app/{DLT_DATA}
  depends_on:
    postgres: {{condition: service_healthy}}
"""

STATE = "state-db"
"""The service with Tidegate's own state, its volume, and its host."""

STATE_PASSWORD = "${STATE_PASSWORD:?write it into .env}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What the image installs: `file` is relative to the project. `kind` is `pinned` (a requirements file with hashes),
    `plain` (one without), `uv` (pyproject.toml with uv.lock) or `declared` (pyproject.toml alone).

    `has_tidegate` tells that Tidegate is among them.
    """

    file: str
    kind: str
    has_tidegate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A project as its containers see it; paths are relative to its folder, with `/`.

    `written` are the folders that a run writes, absolute where they are outside the project. `packages` are the dbt projects that
    have packages to be installed; some come `packages_from_git`.
    `variables` are names of environment variables that the project reads; `ignored` the lines of its `.gitignore`.
    `tidegate` is what is installed, such as `tidegate==1.2`. `is_postgres` tells that its data is in PostgreSQL.
    `states` are the variables that may hold the address of a state store, which the containers bring: one for each ledger.
    """

    name: str
    image: str
    requirements: Requirements
    tidegate: str
    dbt: Sequence[str] = ()
    dlt: Sequence[str] = ()
    packages: Sequence[str] = ()
    packages_from_git: bool = False
    written: Sequence[str] = ()
    variables: Sequence[str] = ()
    ignored: Sequence[str] = ()
    is_postgres: bool = False
    states: Sequence[str] = ()


def container_files(layout: Layout) -> dict[str, bytes]:
    """Every file, by its path in the project."""
    texts = {
        "Dockerfile": _dockerfile(layout),
        ".dockerignore": _dockerignore(layout),
        "compose.yaml": _compose(layout),
        ".env.example": _env(layout),
    }
    if layout.is_postgres:
        texts["docker/pipeline.sh"] = _pipeline(layout)
    return {name: text.encode() for name, text in texts.items()} | dict(project_files("tidegate.kit.docker"))


def _filled(name: str, values: dict[str, str]) -> str:
    """A text of this package with each `@@name@@` replaced."""
    text = (files("tidegate.kit.docker") / name).read_text(encoding="utf-8")
    return re.sub(r"@@(\w+)@@", lambda match: values[match[1]], text)


def _dockerfile(layout: Layout) -> str:
    copies = [f"COPY --from=build {place} {place}" for place in _environments(layout)]
    command = ["sh", "docker/pipeline.sh"] if layout.is_postgres else ["tidegate", "run"]
    values = {
        "image": layout.image,
        "install": "\n".join(_install(layout)),
        "prepare": "\n".join(_prepare(layout)),
        "copies": "\n".join(copies),
        "folders": " ".join(_place(folder) for folder in layout.written),
        "command": json.dumps(command)[1:-1],
    }
    return _filled("Dockerfile.text", values)


def _environments(layout: Layout) -> tuple[str, ...]:
    return ("/opt/venv",) if layout.requirements.has_tidegate else ("/opt/venv", SEPARATE)


def _install(layout: Layout) -> Iterator[str]:
    """What the project requires, and Tidegate where that has it not."""
    said, uv = layout.requirements, "/opt/uv/bin/uv"
    yield f"COPY {said.file} {'uv.lock ' if said.kind == 'uv' else ''}/build/"
    if said.kind == "uv":
        yield "RUN UV_PROJECT_ENVIRONMENT=/opt/venv \\"
        yield f"    {uv} sync --project /build --python python3 --frozen --no-dev --no-install-project"
    else:
        hashes = "--require-hashes " if said.kind == "pinned" else ""
        yield f"RUN {uv} venv --python python3 /opt/venv \\"
        yield f"    && {_pip('/opt/venv')} {hashes}--requirements /build/{PurePosixPath(said.file).name}"
    if not said.has_tidegate:
        yield "# In an environment of its own: what Tidegate needs never meets the versions that the project is pinned to."
        yield f"ARG TIDEGATE={layout.tidegate}"
        yield f"RUN {uv} venv --python python3 {SEPARATE} \\"
        yield f'    && {_pip(SEPARATE)} "$TIDEGATE"'


def _pip(environment: str) -> str:
    return f"/opt/uv/bin/uv pip install --python {environment}/bin/python --find-links /build/wheels"


def _prepare(layout: Layout) -> Iterator[str]:
    """dbt's packages, inside the image."""
    if layout.packages_from_git:
        yield "# hadolint ignore=DL3008"
        yield "RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*"
    for folder in layout.packages:
        yield "# Installed here, not when a container starts: what runs is what was built."
        yield f"RUN /opt/venv/bin/dbt deps --project-dir {folder}"


def _dockerignore(layout: Layout) -> str:
    """The usual ones, then what git ignores: what is no code there is none here."""
    text = _filled("dockerignore.text", {})
    text += "".join(f"{folder}\n" for folder in layout.written if not folder.startswith("/"))
    known = set(text.splitlines())
    own = [line for said in layout.ignored if (line := _as_docker_says(said)) and line not in known]
    return text + "".join(f"{line}\n" for line in ("\n# as .gitignore has it", *dict.fromkeys(own)) if own)


def _as_docker_says(line: str) -> str | None:
    """A line of .gitignore for .dockerignore, where a name without a slash means the top folder only."""
    said = line.strip()
    if not said or said.startswith("#"):
        return None
    sign, path = ("!", said[1:]) if said.startswith("!") else ("", said)
    inner = path.rstrip("/")
    return f"{sign}{inner.lstrip('/')}" if "/" in inner else f"{sign}**/{inner.removeprefix('**/')}"


def _compose(layout: Layout) -> str:
    volumes = [(_volume(folder), _place(folder)) for folder in layout.written]
    named = [name for name, _ in volumes]
    if layout.is_postgres:
        named.append("postgres")
    if layout.states:
        named.append(STATE)
    values = {
        "name": layout.name,
        "image": layout.image,
        "more": NEEDS_POSTGRES if layout.is_postgres else _needs_state(layout),
        "volumes": "\n".join(f"    - {name}:{place}" for name, place in volumes),
        "named": "\n".join(f"  {name}: {{}}" for name in named),
        "services": _postgres() if layout.is_postgres else _state() if layout.states else "",
        **_commands(layout),
    }
    return _filled("compose.text", values)


def _needs_state(layout: Layout) -> str:
    """The addresses of the state; with several ledgers each has a schema of its own."""
    if not layout.states:
        return ""
    lines = ["  environment:"]
    for name in layout.states:
        schema = f"?schema={name.lower()}" if len(layout.states) > 1 else ""
        lines.append(f"    {name}: postgresql://tidegate:{STATE_PASSWORD}@{STATE}:5432/tidegate{schema}")
    return "\n".join([*lines, "  depends_on:", f"    {STATE}: {{condition: service_healthy}}"]) + "\n"


def _place(folder: str) -> str:
    """Where a folder is in the container."""
    return str(PurePosixPath("/app") / folder)


def _volume(folder: str) -> str:
    """What the volume of a folder is called: `.tidegate/prod` is `state-prod`."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.replace(".tidegate", "state", 1)).strip("-.")
    return plain or "data"


def _commands(layout: Layout) -> dict[str, str]:
    if layout.is_postgres:
        folder = layout.dbt[0] if layout.dbt else "."
        return {
            "pipeline": "[sh, docker/pipeline.sh]",
            "scheduled": "sh, docker/pipeline.sh",
            "dbt": "[dbt]",
            "dbt_more": f"    working_dir: {PurePosixPath('/app') / folder}\n",
            "pipeline_says": "load with dlt, build with dbt",
            "dbt_says": "dbt in PostgreSQL, without a gate",
            "tidegate_example": "doctor             what green checks hide; versions need DuckDB",
        }
    return {
        "pipeline": "[tidegate, run]",
        "scheduled": 'tidegate, run, --wait, "30m"',
        "dbt": "[tidegate, run, --, dbt]",
        "dbt_more": "",
        "pipeline_says": "build, measure, judge, publish or hold",
        "dbt_says": "dbt against a candidate, through the same gate",
        "tidegate_example": "run                or status, versions, rollback ...",
    }


def _postgres() -> str:
    return _database(
        "postgres",
        name="${POSTGRES_DB:-analytics}",
        user="${POSTGRES_USER:-analytics}",
        password="${POSTGRES_PASSWORD:?write it into .env}",  # noqa: S106  compose reads it from .env
    )


def _state() -> str:
    """What Tidegate knows; it is started with whatever needs it, because it has the profiles of those."""
    return (
        _database(STATE, name="tidegate", user="tidegate", password=STATE_PASSWORD)
        + "    profiles: [pipeline, tools, schedule]\n"
    )


def _database(service: str, *, name: str, user: str, password: str) -> str:
    return f"""
  {service}:
    image: {POSTGRES_IMAGE}
    environment:
      POSTGRES_DB: {name}
      POSTGRES_USER: {user}
      POSTGRES_PASSWORD: {password}
    volumes:
      - {service}:/var/lib/postgresql/data
    healthcheck:
      test: [CMD-SHELL, 'pg_isready --username "$$POSTGRES_USER" --dbname "$$POSTGRES_DB"']
      interval: 5s
      timeout: 5s
      retries: 12
    restart: unless-stopped
"""


def _env(layout: Layout) -> str:
    text = _filled("env.text", {"image": layout.image, "name": layout.name})
    if layout.is_postgres:
        text += "\n# The database. Inside the containers its host is `postgres`, its port 5432.\n"
        text += "POSTGRES_DB=analytics\nPOSTGRES_USER=analytics\nPOSTGRES_PASSWORD=\n"
    if layout.states:
        text += "\n# The state of Tidegate is in PostgreSQL. Letters and digits, as it becomes a part of an address: openssl rand -hex 24\n"
        text += "STATE_PASSWORD=\n"
    known = set(re.findall(r"^(\w+)=", text, flags=re.MULTILINE))
    if others := [name for name in layout.variables if name not in known]:
        text += "\n# What the project reads from its environment.\n" + "".join(f"{name}=\n" for name in others)
    return text


def _pipeline(layout: Layout) -> str:
    """What a project without a gate runs: its dlt scripts, then its dbt projects."""
    lines = ["#!/bin/sh", "# Load, then build and test; the first step that fails ends it.", "set -eu"]
    lines += [f"python3 {script}" for script in layout.dlt]
    lines += [f"(cd {folder} && dbt build)" for folder in layout.dbt]
    return "\n".join(lines) + "\n"
