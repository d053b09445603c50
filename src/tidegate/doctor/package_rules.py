"""Rules about Python packages: requirements that cannot be read, that pin nothing, and pins that nobody heeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tidegate.doctor.facts import Project
from tidegate.doctor.python_source import dotted, keywords, literal
from tidegate.doctor.requirement import REQUIREMENTS, normal
from tidegate.doctor.rule import Edit, Found

INSTALL = re.compile(r"\b(?:(?:uv\s+)?pip3?|python3?\s+-m\s+pip|uv\s+tool|pipx)\s+install\s+(?P<words>[^;&|\n]*)")
INSTALLERS = frozenset(
    "pip setuptools wheel uv poetry pipenv pdm hatch virtualenv build twine pre-commit pip-tools pipx".split()
)
WITH_VALUE = frozenset(
    "r c e i t f requirement constraint editable index-url extra-index-url target find-links python prefix with".split()
)


def utf16(project: Project) -> Iterator[Found]:
    """Requirements files that are not UTF-8: pip may not read them, and other tools read nothing."""
    for path, encoding in project.tree.encodings.items():
        name = PurePosixPath(path).name
        if REQUIREMENTS.match(name) or name in {
            "pyproject.toml",
            "packages.yml",
            "dbt_project.yml",
            "Dockerfile",
            ".env",
        }:
            message = f"it is {encoding}, as PowerShell's `>` writes it"
            yield Found(path=path, line=1, message=message, edit=Edit(path=path, encoding=encoding))


def unpinned(project: Project) -> Iterator[Found]:
    """Requirements for which the next install may bring any newer release, where no lock says which."""
    said = project.requirements
    for r in said.asked:
        name = PurePosixPath(r.path).name
        if r.is_bounded or r.name in said.pinned or name.endswith(".in") or _is_locked(project, r.path):
            continue
        if name == "pyproject.toml" and (said.pinning or _is_library(project, r.path)):
            continue
        how = f"`{r.name}{r.spec}`" if r.spec else f"`{r.name}`"
        yield Found(path=r.path, line=r.line, message=f"{how} may be any newer release")
    yield from _in_ci(project)


def _in_ci(project: Project) -> Iterator[Found]:
    """What CI installs by its bare name, of the packages that make the data."""
    for command in project.commands:
        for m in INSTALL.finditer(command.text) if command.by == "ci" else ():
            names = [n for n in _loose_names(m["words"]) if re.match(r"(?:dbt|dlt)(?:-|$)", n)]
            for name in (n for n in names if normal(n) not in project.requirements.pinned):
                message = f"`{m[0].strip()[:80]}` takes any release of `{name}`"
                yield Found(path=command.path, line=command.line, message=message)


def _is_locked(project: Project, path: str) -> bool:
    folder = PurePosixPath(path).parent
    places = {str(folder), *(str(p) for p in folder.parents)}
    return any(str(PurePosixPath(lock).parent) in places for lock in project.requirements.locks)


def _is_library(project: Project, path: str) -> bool:
    """Whether a pyproject.toml is a package for others: one of those gives ranges. A pipeline is none."""
    return not project.dbt and not project.loading.pipelines and "[build-system]" in project.text(path)


def ignored_pins(project: Project) -> Iterator[Found]:
    """Installs that take any release of what the project pins, or that take the newest instead."""
    pinned = project.requirements.pinned
    for command in project.commands:
        if command.by not in {"ci", "image"}:
            continue
        for m in INSTALL.finditer(command.text):
            for name in _loose_names(m["words"]):
                if normal(name) in pinned:
                    message = f"`{m[0].strip()[:80]}` takes any release of `{name}`, which is pinned"
                    yield Found(path=command.path, line=command.line, message=message)
        updates = re.search(
            r"\b(?:poetry update|uv lock --upgrade|uv sync (?:\S+ )*(?:--upgrade|-U)\b|pdm update|pipenv update|pip-compile (?:\S+ )*(?:--upgrade|-U)\b)",
            command.text,
        )
        if (
            updates
            and project.requirements.locks
            and command.by in {"ci", "image"}
            and not re.search(r"pull.?request|git (?:add|commit)", project.text(command.path))
        ):
            message = f"`{updates[0]}` writes the lock anew, so what was locked is not what runs"
            yield Found(path=command.path, line=command.line, message=message)
        if (
            command.by == "image"
            and re.search(r"pip3?\s+install\s+(?:-\S+\s+)*\.(?:\[[\w,-]+\])?(?:\s|$)", command.text)
            and project.requirements.locks
        ):
            if not re.search(
                r"(?:uv|poetry)\s+export|--no-deps|-r\s+\S+|-c\s+\S+",
                "\n".join(c.text for c in project.commands if c.path == command.path),
            ):
                lock = PurePosixPath(project.requirements.locks[0]).name
                yield Found(
                    path=command.path,
                    line=command.line,
                    message=f"pip does not read `{lock}`, so the image has other releases",
                )
    yield from _venvs(project)


def _loose_names(words: str) -> Iterator[str]:
    said = words.split()
    if any(w in {"-c", "--constraint"} or w.startswith("--constraint=") for w in said):
        return
    for n, word in enumerate(said):
        plain = word.strip("\"'")
        if (
            plain.startswith("-")
            or (n and said[n - 1].startswith("-") and said[n - 1].lstrip("-") in WITH_VALUE)
            or re.search(r"[./\\$@={}<>~!:]", plain)
        ):
            continue
        name = re.sub(r"\[.*\]$", "", plain)
        if re.fullmatch(r"[A-Za-z][\w.-]*", name) and name.lower() not in INSTALLERS:
            yield name


def _venvs(project: Project) -> Iterator[Found]:
    """dlt's own environment for dbt is made without a look at the project's pins."""
    for file in project.python:
        for call in file.calls:
            if not dotted(call.func).endswith("dbt.get_venv") and not (
                dotted(call.func) == "get_venv" and file.uses_dlt
            ):
                continue
            version = keywords(call).get("dbt_version")
            said = literal(version, file.assigned)
            if version is None or (said is not None and not re.match(r"(?:==)?\d", said)):
                message = "`get_venv` installs whatever dbt is newest, whatever the project pins"
                yield Found(path=file.path, line=call.lineno, message=message)


def loose_installs(project: Project) -> Iterator[Found]:
    """Packages that an image installs without a version."""
    for dockerfile in project.dockerfiles:
        for instruction in dockerfile.of("RUN"):
            for m in INSTALL.finditer(instruction.value.replace("\\\n", " ")):
                names = [n for n in _loose_names(m["words"]) if normal(n) not in project.requirements.pinned]
                if names:
                    message = f"the image installs any release of {', '.join(f'`{n}`' for n in names)}"
                    yield Found(path=dockerfile.path, line=instruction.line, message=message)
