"""Read Dockerfiles and compose files: stages, instructions, services, mounts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tidegate.doctor.facts import Document, Project
from tidegate.doctor.words import Raw, joined, mapping, texts

COMPOSE = re.compile(r"^(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$")
DOCKERFILE = re.compile(r"^(?:Dockerfile|Containerfile)(?:[.-][\w.-]+)?$|\.(?:Dockerfile|dockerfile)$")
VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<plain>\w+))")
HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its word in capitals, its value with continued lines joined, its first line, and its stage."""

    word: str
    value: str
    line: int
    stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """One Dockerfile, its instructions in order."""

    path: str
    instructions: tuple[Instruction, ...]

    @property
    def last_stage(self) -> int:
        """The stage that becomes the image."""
        return max((i.stage for i in self.instructions), default=0)

    def of(self, *words: str) -> Iterator[Instruction]:
        """The instructions of the given words, in all stages."""
        yield from (i for i in self.instructions if i.word in words)

    def chain(self) -> tuple[Instruction, ...]:
        """The instructions that make the image: those of the last stage after those of the stages it starts from."""
        names = {i.value.split()[-1].lower(): i.stage for i in self.of("FROM") if " as " in i.value.lower()}
        stages, here = [], self.last_stage
        bases = {i.stage: image_of(i.value).lower() for i in self.of("FROM")}
        while here not in stages:
            stages.append(here)
            here = names.get(bases.get(here, ""), here)
        return tuple(i for stage in reversed(stages) for i in self.instructions if i.stage == stage)

    def image(self, said: str) -> str:
        """An image's name with the defaults of `ARG` in it."""
        defaults = dict(
            p.partition("=")[::2] for i in self.of("ARG") for p in i.value.split() if i.stage == 0 or "=" in p
        )
        return VARIABLE.sub(
            lambda m: defaults.get(m["braced"] or m["plain"] or "", m["default"] or m[0]).strip("\"'"), said
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One entry of `volumes`: `kind` is bind or volume; the source is relative to the compose file as it is written."""

    kind: str
    source: str
    target: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """One service of a compose file."""

    path: str
    name: str
    said: Raw
    document: Document
    mounts: tuple[Mount, ...]
    dockerfile: str | None
    context: str | None

    def at(self, *loc: str | int) -> int:
        """The line of a part of it."""
        return self.document.line("services", self.name, *loc)


def image_of(value: str) -> str:
    """The image that a FROM names."""
    return next((w for w in value.split() if not w.startswith("--")), "")


def dockerfiles(project: Project) -> Iterator[Dockerfile]:
    """Every Dockerfile of the tree."""
    for path, text in project.tree.texts.items():
        if DOCKERFILE.search(PurePosixPath(path).name):
            yield Dockerfile(path=path, instructions=tuple(_instructions(text)))


def _instructions(text: str) -> Iterator[Instruction]:
    held, first, stage, until = "", 0, -1, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if until:
            held += "\n" + line
            if line.strip() != until:
                continue
            until = ""
        elif not line.strip() or line.lstrip().startswith("#"):
            continue
        else:
            first = first if held else number
            held += line.strip().removesuffix("\\") + (" " if line.rstrip().endswith("\\") else "")
            if line.rstrip().endswith("\\"):
                continue
            if found := HEREDOC.search(held):
                until = found[1]
                continue
        word, _, value = held.strip().partition(" ")
        held = ""
        stage += word.upper() == "FROM"
        yield Instruction(word=word.upper(), value=value.strip(), line=first, stage=max(stage, 0))


def services(project: Project) -> Iterator[ComposeService]:
    """Every service of every compose file."""
    for path, document in project.tree.documents.items():
        if not COMPOSE.match(PurePosixPath(path).name):
            continue
        folder = str(PurePosixPath(path).parent)
        for name, said in mapping(mapping(document.content).get("services")).items():
            service = mapping(said)
            context, dockerfile = _build(service.get("build"), folder)
            yield ComposeService(
                path=path,
                name=name,
                said=service,
                document=document,
                mounts=tuple(_mounts(service, document, name)),
                dockerfile=dockerfile,
                context=context,
            )


def _build(said: object, folder: str) -> tuple[str | None, str | None]:
    if not said:
        return None, None
    context = joined(folder, str(said if isinstance(said, str) else mapping(said).get("context") or "."))
    return context, joined(context, str(mapping(said).get("dockerfile") or "Dockerfile"))


def _mounts(service: Raw, document: Document, name: str) -> Iterator[Mount]:
    volumes = service.get("volumes")
    for n, said in enumerate(volumes if isinstance(volumes, list) else []):
        line = document.line("services", name, "volumes", n)
        if isinstance(said, Mapping):
            kind = str(said.get("type") or "volume")
            yield Mount(
                kind=kind, source=str(said.get("source") or ""), target=str(said.get("target") or ""), line=line
            )
            continue
        text = VARIABLE.sub(lambda m: m["default"] or "./", str(said))
        parts = text.split(":")
        source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
        kind = "bind" if source.startswith((".", "/", "~")) else "volume"
        yield Mount(kind=kind, source=source, target=target, line=line)


def installed_paths(dockerfile: Dockerfile) -> Iterator[tuple[str, str]]:
    """The folders into which building the image installs something, each with what: `/app/.venv`, `uv sync`."""
    here = "/"
    environment: dict[str, str] = {}
    for instruction in dockerfile.chain():
        if instruction.word == "WORKDIR":
            here = joined(here, instruction.value.strip("\"'"))
        elif instruction.word == "ENV":
            environment |= _variables(instruction.value)
        elif instruction.word == "RUN":
            yield from _installs(instruction.value, here, environment)
        elif instruction.word == "COPY" and "--from=" in instruction.value:
            for word in [w for w in instruction.value.split() if not w.startswith("--")][1:]:
                if PurePosixPath(word).name in {".venv", "venv", "dbt_packages", "node_modules"}:
                    yield joined(here, word), f"COPY {instruction.value}"


def _variables(value: str) -> dict[str, str]:
    found = dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", value))
    if not found and len(value.split(None, 1)) == 2:
        found = dict([value.split(None, 1)])
    return {k: v.strip("\"'") for k, v in found.items()}


def _installs(script: str, here: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    place = here
    for command in re.split(r"&&|;|\n|\|\|", script):
        said = re.sub(r"--mount=\S+\s*", "", command).strip()
        if moved := re.match(r"cd\s+(\S+)", said):
            place = joined(place, moved[1])
        elif re.search(r"\buv\s+sync\b", said):
            yield joined(place, environment.get("UV_PROJECT_ENVIRONMENT", ".venv")), "uv sync"
        elif venv := re.search(r"(?:-m\s+venv|\bvirtualenv|\buv\s+venv)\s+(?:-\S+\s+)*([\w./-]+)", said):
            yield joined(place, venv[1]), said
        elif re.search(r"\bpoetry\s+install\b", said) and environment.get(
            "POETRY_VIRTUALENVS_IN_PROJECT", ""
        ).lower() in {"1", "true"}:
            yield joined(place, ".venv"), "poetry install"
        elif re.search(r"\bdbt\s+(?:\S+\s+)*?deps\b", said):
            folder = re.search(r"--project-dir[ =](\S+)", said)
            yield joined(joined(place, folder[1]) if folder else place, "dbt_packages"), "dbt deps"
        elif re.search(r"\bnpm\s+(?:ci|install)\b", said):
            yield joined(place, "node_modules"), "npm install"


def copied_whole(dockerfile: Dockerfile) -> Iterator[Instruction]:
    """The instructions that copy the whole build context."""
    for instruction in dockerfile.of("COPY", "ADD"):
        words = texts([w for w in _words(instruction.value) if not w.startswith("--")])
        if "--from=" not in instruction.value and any(w in {".", "./", "*", "/"} for w in words[:-1]):
            yield instruction


def _words(value: str) -> Sequence[str]:
    return re.findall(r'"([^"]*)"', value) if value.startswith("[") else value.split()
