"""What runs by itself: the steps of CI pipelines, and the commands of Makefiles, scripts, images and compose files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tidegate.doctor.facts import Document, Project
from tidegate.doctor.words import Raw, entries, mapping, texts

GITLAB_WORDS = frozenset(
    "stages variables default include workflow image services cache before_script after_script pages spec".split()
)
SCRIPTS = (".sh", ".bash", ".bat", ".ps1")
RUNNERS = (
    "Makefile",
    "makefile",
    "justfile",
    "Justfile",
    "tox.ini",
    "noxfile.py",
    "Taskfile.yml",
    "Procfile",
    "crontab",
)
OTHER_CI = (
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "buildspec.yml",
    "Jenkinsfile",
    "cloudbuild.yaml",
    ".travis.yml",
)

TESTS = re.compile(
    r"(?<![\w/.-])(?:(?:py\.test|pytest|tox|nox|nose2)\b(?!\s*(?:==|>=|~=|<|-cov==))"
    r"|unittest\b|(?:make|just|task|hatch run|uv run|poetry run|pdm run|npm|yarn)\s+(?:[\w:-]*test\w*|check|ci)\b"
    r"|dbt\s+(?:[\w=./-]+\s+)*?(?:test|build)\b|(?:go|cargo)\s+test\b|manage\.py\s+test\b|tidegate\s+(?:run|check|ci\s+run(?!\s+deploy))\b)"
)
"""A command that runs tests."""

INSTALLS = re.compile(
    r"\b(?:pip3?|pipx|uv|poetry|pdm|conda|apt(?:-get)?|brew)\b[^\n;&|]*?\b(?:install|add|sync)\b[^\n;&|]*"
)
ECHOES = re.compile(r"\b(?:echo|printf)\b[^\n;&|]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a job: what it runs or uses, at which line, and what keeps it from running or from failing."""

    path: str
    line: int
    job: str
    name: str
    run: str = ""
    run_line: int = 0
    uses: str = ""
    uses_line: int = 0
    off: int = 0
    tolerated: int = 0

    @property
    def runs_tests(self) -> bool:
        """Whether it runs tests of any kind."""
        return runs_tests(self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One CI file. `kind` is github, gitlab or other; `automatic` tells that something starts it without a person."""

    path: str
    kind: str
    document: Document
    steps: tuple[Step, ...]
    automatic: bool
    triggers: frozenset[str]
    triggers_line: int
    permissions: object
    jobs: tuple[tuple[str, Raw, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line that is run: `by` is ci, image, compose, make or script."""

    path: str
    line: int
    text: str
    by: str


def runs_tests(script: str) -> bool:
    """Whether a shell script runs tests; installing pytest, or naming it in a message, does not."""
    return any(TESTS.search(ECHOES.sub("", INSTALLS.sub("", line))) for _, line in shell_lines(script))


def shell_lines(script: str) -> Iterator[tuple[int, str]]:
    """The commands of a script with their place, from 0, comments left out and continued lines joined."""
    held, first = "", 0
    for number, line in enumerate(script.splitlines()):
        plain = re.sub(r"(?:^|\s)#.*$", "", line)
        first = first if held else number
        if plain.rstrip().endswith("\\"):
            held += plain.rstrip()[:-1] + " "
            continue
        if (held + plain).strip():
            yield first, (held + plain).strip()
        held = ""
    if held.strip():
        yield first, held.strip()


def workflows(project: Project) -> Iterator[Workflow]:
    """The CI files that could be read."""
    for path, document in project.tree.documents.items():
        name = PurePosixPath(path)
        content = mapping(document.content)
        if ".github/workflows" in path and "jobs" in content:
            yield _github(path, document, content, project.text(path))
        elif name.name in {".gitlab-ci.yml", ".gitlab-ci.yaml"} or (
            ".gitlab" in name.parts and name.suffix in {".yml", ".yaml"}
        ):
            yield _gitlab(path, document, content, project.text(path))


def _github(path: str, document: Document, content: Raw, text: str) -> Workflow:
    on = content.get("on", content.get("True", content.get("true")))
    triggers = set(texts(on)) if isinstance(on, str | list) else set(mapping(on))
    jobs = mapping(content.get("jobs"))
    steps = [s for name, job in jobs.items() for s in _github_steps(path, document, name, mapping(job), text)]
    return Workflow(
        path=path,
        kind="github",
        document=document,
        steps=tuple(steps),
        triggers=frozenset(triggers),
        automatic=bool(triggers - {"workflow_dispatch", "repository_dispatch"}),
        triggers_line=document.line("on"),
        permissions=content.get("permissions"),
        jobs=tuple((name, mapping(job), document.line("jobs", name)) for name, job in jobs.items()),
    )


def _is_off(value: object) -> bool:
    return str(value).replace("$", "").strip("{} ").lower() == "false"


def _is_on(value: object) -> bool:
    return str(value).replace("$", "").strip("{} ").lower() == "true"


def _github_steps(path: str, document: Document, name: str, job: Raw, text: str) -> Iterator[Step]:
    loc: tuple[str | int, ...] = ("jobs", name)
    job_off = document.line(*loc, "if") if "if" in job and _is_off(job["if"]) else 0
    job_tolerated = document.line(*loc, "continue-on-error") if _is_on(job.get("continue-on-error")) else 0
    if isinstance(job.get("uses"), str):
        line = document.line(*loc, "uses")
        yield Step(path=path, line=line, job=name, name=name, uses=str(job["uses"]), uses_line=line, off=job_off)
    for n, step in enumerate(entries(job.get("steps"))):
        here = (*loc, "steps", n)
        off = document.line(*here, "if") if "if" in step and _is_off(step["if"]) else job_off
        tolerated = (
            document.line(*here, "continue-on-error") if _is_on(step.get("continue-on-error")) else job_tolerated
        )
        yield Step(
            path=path,
            line=document.line(*here),
            job=name,
            name=str(step.get("name") or step.get("uses") or step.get("run") or ""),
            run=str(step.get("run") or ""),
            run_line=_block(document.line(*here, "run"), text),
            uses=str(step.get("uses") or ""),
            uses_line=document.line(*here, "uses"),
            off=off,
            tolerated=tolerated,
        )


def _block(line: int, text: str) -> int:
    """The first line of a text in a block, whose key stands at `line`."""
    lines = text.splitlines()
    return line + 1 if 0 < line <= len(lines) and re.search(r"[|>][+-]?\d?\s*(?:#.*)?$", lines[line - 1]) else line


def _gitlab(path: str, document: Document, content: Raw, text: str) -> Workflow:
    steps: list[Step] = []
    jobs: list[tuple[str, Raw, int]] = []
    for name, said in content.items():
        job = mapping(said)
        if (
            name in GITLAB_WORDS
            or name.startswith(".")
            or not ("script" in job or "trigger" in job or "extends" in job)
        ):
            continue
        jobs.append((name, job, document.line(name)))
        off, tolerated = _gitlab_rules(document, name, job)
        for part in ("before_script", "script", "after_script"):
            scripts = texts(job.get(part))
            for n, script in enumerate(scripts):
                line = _block(document.line(name, part, n), text)
                steps.append(
                    Step(
                        path=path,
                        line=line,
                        job=name,
                        name=name,
                        run=script,
                        run_line=line,
                        off=off,
                        tolerated=tolerated,
                    )
                )
    return Workflow(
        path=path,
        kind="gitlab",
        document=document,
        steps=tuple(steps),
        automatic=True,
        triggers=frozenset(),
        triggers_line=1,
        permissions=None,
        jobs=tuple(jobs),
    )


def _gitlab_rules(document: Document, name: str, job: Raw) -> tuple[int, int]:
    """The lines that say that a job never runs by itself, and that it may fail; 0 for none."""
    off = document.line(name, "when") if job.get("when") in {"never", "manual"} else 0
    rules = entries(job.get("rules"))
    if rules and all(r.get("when") in {"never", "manual"} for r in rules):
        off = document.line(name, "rules")
    return off, document.line(name, "allow_failure") if _is_on(job.get("allow_failure")) else 0


def commands(project: Project) -> Iterator[Command]:
    """Every command line that a file has some tool run."""
    for workflow in project.workflows:
        for step in workflow.steps:
            for place, line in shell_lines(step.run):
                yield Command(path=step.path, line=step.run_line + place, text=line, by="ci")
    for dockerfile in project.dockerfiles:
        for instruction in dockerfile.instructions:
            if instruction.word in {"RUN", "CMD", "ENTRYPOINT"}:
                yield Command(path=dockerfile.path, line=instruction.line, text=unquoted(instruction.value), by="image")
    for service in project.services:
        for key in ("command", "entrypoint"):
            if service.said.get(key):
                text = " ".join(texts(service.said[key]))
                yield Command(path=service.path, line=service.at(key), text=text, by="compose")
    yield from _plain_files(project)


def unquoted(value: str) -> str:
    """An instruction in its exec form, `["dbt", "build"]`, as a command line."""
    said = value.strip()
    return " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', said)) if said.startswith("[") else said


def _plain_files(project: Project) -> Iterator[Command]:
    for path, text in project.tree.texts.items():
        name = PurePosixPath(path)
        by = "script" if name.suffix in SCRIPTS else "make" if name.name in RUNNERS or name.suffix == ".mk" else ""
        by = by or ("ci" if name.name in OTHER_CI or path.endswith(".circleci/config.yml") else "")
        if by:
            for place, line in shell_lines(text):
                yield Command(path=path, line=place + 1, text=line.lstrip("@-"), by=by)


def words_of(project: Project, folders: Sequence[str] = ()) -> str:
    """Everything that something runs, and every Python file, as one text: to ask whether a tool is named anywhere."""
    python = (f.text for f in project.python if not folders or f.path.startswith(tuple(folders)))
    settings = (
        t
        for p, t in project.tree.texts.items()
        if PurePosixPath(p).name in {"pyproject.toml", "package.json", "tidegate.yml"}
    )
    return "\n".join([*(c.text for c in project.commands), *python, *settings])
