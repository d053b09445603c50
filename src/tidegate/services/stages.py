"""Stages: what CI does with a project, by which commands, and how to tell that a command did something."""

from __future__ import annotations

import configparser
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from xml.etree import ElementTree

from tidegate.doctor import Project
from tidegate.doctor.words import entries, joined, mapping, texts
from tidegate.model import Outcome, StepSettings

SCRATCH = "{scratch}"
"""Stands in a command line for a folder of the stage's own."""

EXTRA = "requirements-ci.txt"
"""What CI installs besides what the project asks for itself; written from the stages, so it is no reason for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that a stage can run.

    Attributes:
        stage: the stage that it belongs to.
        program: how it is called; `arguments` follow, with `SCRATCH` for a folder of the stage's own.
        unit: what it looks at, in the singular.
        count: from what it printed and the report that it wrote to how many it looked at; None when it does not say.
        listing: arguments with which it prints what it would look at, a line each, where its own output does not say.
        report: a file in `SCRATCH` that it writes.
        findings: the exit statuses that mean that something was found; any other than 0 and these: it could not run.
    """

    stage: str
    program: str
    arguments: tuple[str, ...]
    unit: str
    count: Callable[[str, str], int | None]
    listing: tuple[str, ...] = ()
    report: str = ""
    findings: tuple[int, ...] = (1,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One tool in one folder of the project; `name` is how results call it.

    `arguments` and `env` are added to what the tool always gets; `program` is the path that the project names for it.
    """

    name: str
    tool: Tool
    folder: str = "."
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    program: str | None = None

    def command(self, scratch: str) -> tuple[str, ...]:
        """The command line."""
        words = (word.replace(SCRATCH, scratch) for word in self.tool.arguments)
        return (self.tool.program, *words, *self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the pipeline. One without tasks is done by Tidegate itself."""

    name: str
    about: str
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The stages of a project in their order, and why each of the others is left out."""

    stages: tuple[Stage, ...]
    left_out: Mapping[str, str]

    def stage(self, name: str) -> Stage | None:
        """The stage of that name, if the project has it."""
        return next((s for s in self.stages if s.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How one part of a stage ended. `did` counts what it looked at, in `unit`; None when that is not known."""

    name: str
    outcome: Outcome
    message: str
    hint: str = ""
    did: int | None = None
    unit: str = ""
    seconds: float = 0.0
    command: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutcome:
    """How a stage ended: as the worst of its cases, and as an error without any."""

    stage: str
    cases: tuple[Case, ...]
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """Error before fail before pass; nothing at all is an error. A stage all of which was skipped is skipped."""
        found = {c.outcome for c in self.cases}
        order = (Outcome.ERROR, Outcome.FAIL, Outcome.PASS, Outcome.SKIPPED)
        return next((o for o in order if o in found), Outcome.ERROR)


STAGES: Mapping[str, str] = {
    "lint": "lint and format, with the project's own tools",
    "types": "check the types",
    "secrets": "look for credentials in the files",
    "unit": "run the unit tests",
    "parse": "parse the dbt project, warnings as errors",
    "build": "build a throw-away warehouse from the sample data",
    "checks": "judge that warehouse by the checks and contracts",
    "diff": "compare it with what production's code builds from the same data",
    "deploy": "run and publish in production",
}
"""Every stage with what it does, in the order in which they run."""


NEEDS: Mapping[str, tuple[str, ...]] = {"checks": ("build",), "diff": ("build",)}
"""Stages that look at what another one made."""


def _sum(pattern: str) -> Callable[[str, str], int | None]:
    """Add up the numbers that a tool's output says; 0 when it says none."""
    return lambda output, _report: sum(
        int(n) for found in re.findall(pattern, output, re.MULTILINE) for n in _groups(found) if n
    )


def _groups(found: str | tuple[str, ...]) -> Sequence[str]:
    return (found,) if isinstance(found, str) else found


def _matches(pattern: str) -> Callable[[str, str], int | None]:
    """Count the lines of a tool's output that match."""
    return lambda output, _report: len(re.findall(pattern, output, re.MULTILINE))


def _junit(_output: str, report: str) -> int | None:
    """The tests of pytest's report that ran: those that were skipped did not."""
    if not report:
        return None
    suites = ElementTree.fromstring(report).iter("testsuite")  # noqa: S314  pytest wrote it just now
    return sum(int(s.get("tests", 0)) - int(s.get("skipped", 0)) for s in suites)


def _manifest(_output: str, report: str) -> int | None:
    """The models, seeds, snapshots and tests of dbt's manifest that are the project's own."""
    if not report:
        return None
    said = mapping(json.loads(report))
    own = mapping(said.get("metadata")).get("project_name")
    return sum(mapping(n).get("package_name") == own for n in mapping(said.get("nodes")).values())


NOT_OURS = ("--extend-exclude=.tidegate",)
"""For tools that look into hidden folders, and would find there what a build copied."""

TOOLS: Mapping[str, Tool] = {
    "ruff check": Tool(
        stage="lint",
        program="ruff",
        arguments=("check", "--no-cache", *NOT_OURS, "."),
        listing=("check", "--show-files", *NOT_OURS, "."),
        unit="file",
        count=_matches(r"\.(?:py|pyi|ipynb)$"),
    ),
    "ruff format": Tool(
        stage="lint",
        program="ruff",
        arguments=("format", "--check", "--no-cache", *NOT_OURS, "."),
        unit="file",
        count=_sum(r"(\d+) files? (?:would be reformatted|already formatted)"),
    ),
    "black": Tool(
        stage="lint",
        program="black",
        arguments=("--check", "."),
        unit="file",
        count=_sum(r"(\d+) files? would be (?:left unchanged|reformatted)"),
    ),
    "flake8": Tool(
        stage="lint",
        program="flake8",
        arguments=("--benchmark", *NOT_OURS),
        unit="file",
        count=_sum(r"^(\d+)\s+total files processed"),
    ),
    "sqlfluff": Tool(
        stage="lint",
        program="sqlfluff",
        arguments=("lint", "-v", "--disable-progress-bar", "."),
        unit="file",
        count=_matches(r"^== \[.*\] (?:PASS|FAIL)"),
    ),
    "mypy": Tool(
        stage="types",
        program="mypy",
        arguments=("--cache-dir", SCRATCH),
        unit="file",
        count=_sum(r"(?:checked|no issues found in) (\d+) source files?"),
    ),
    "pyright": Tool(
        stage="types",
        program="pyright",
        arguments=("--stats",),
        unit="file",
        count=_sum(r"^Found (\d+) source files?"),
    ),
    "pytest": Tool(
        stage="unit",
        program="pytest",
        arguments=(f"--junitxml={SCRATCH}/pytest.xml",),
        report="pytest.xml",
        unit="test",
        count=_junit,
    ),
    "dbt parse": Tool(
        stage="parse",
        program="dbt",
        arguments=("--warn-error", "parse", "--no-partial-parse", "--target-path", SCRATCH, "--log-path", SCRATCH),
        report="manifest.json",
        unit="node",
        count=_manifest,
        findings=(1, 2),
    ),
}

HINTS: Mapping[str, str] = {
    "lint": "correct what the tool excludes, in its configuration",
    "types": "correct the paths in the type checker's configuration",
    "unit": "write tests in files called `test_*.py`, or correct `testpaths`",
    "parse": "correct `model-paths` in dbt_project.yml",
}
"""What to do when a tool of a stage looked at nothing."""


def plan(project: Project, steps: Sequence[StepSettings]) -> Plan:
    """The stages that apply to a project. Pure: the project's texts decide, nothing is run.

    Args:
        steps: those of `tidegate.yml`; without any there is nothing to build. A dbt project is parsed as its step says.
    """
    asked = Configured(project)
    tasks: dict[str, tuple[Task, ...]] = {
        "lint": tuple(_task(name, asked) for name in _linters(asked)),
        "types": tuple(_task(name, asked) for name in _type_checkers(asked)),
        "unit": (_task("pytest", asked),) if asked.has_python else (),
        "parse": tuple(
            Task(name=f"dbt parse {d.folder}", tool=TOOLS["dbt parse"], folder=d.folder) for d in project.dbt
        ),
    }
    reasons = {
        "lint": "neither ruff, flake8, black nor sqlfluff is configured",
        "types": "neither mypy nor pyright is configured",
        "unit": "there is no Python file",
        "parse": "there is no dbt project",
    }
    left_out = {name: reasons[name] for name in tasks if not tasks[name]}
    if not steps:
        left_out |= dict.fromkeys(("build", "checks", "diff", "deploy"), "`tidegate.yml` names no step")
    stages = (Stage(name=n, about=a, tasks=tasks.get(n, ())) for n, a in STAGES.items() if n not in left_out)
    return Plan(stages=tuple(stages), left_out=left_out)


@dataclass(frozen=True)
class Configured:
    """Which tools a project has chosen: by their own files, by a section of a shared one, as a requirement, or as a hook."""

    project: Project

    @cached_property
    def has_python(self) -> bool:
        """Whether there is a Python file that is not part of an installed package."""
        return bool(self.project.python)

    @cached_property
    def sections(self) -> frozenset[str]:
        """The sections of the shared configuration files in the top folder, such as `tool.ruff` and `flake8`."""
        found: set[str] = set()
        try:
            tools = mapping(tomllib.loads(self.project.text("pyproject.toml")).get("tool"))
            found |= {f"tool.{name}" for name in tools}
        except tomllib.TOMLDecodeError:
            pass  # each tool says so itself when it reads the file
        for name in ("setup.cfg", "tox.ini"):
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                parser.read_string(self.project.text(name))
            except configparser.Error:
                continue  # likewise
            found |= set(parser.sections())
        return frozenset(found)

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The packages that the requirements name, and the hooks of pre-commit."""
        document = self.project.document(".pre-commit-config.yaml")
        repos = entries(mapping(document.content if document else None).get("repos"))
        hooks = {str(h.get("id")) for r in repos for h in entries(r.get("hooks"))}
        return frozenset({r.name for r in self.project.requirements.asked if r.path != EXTRA} | hooks)

    def has_file(self, *names: str) -> bool:
        """Whether one of these files is in the top folder."""
        return any(name in self.project.tree.present for name in names)

    def uses(self, *names: str) -> bool:
        """Whether one of these is a section, a requirement or a hook."""
        return bool({*names} & (self.sections | self.wanted) or {f"tool.{n}" for n in names} & self.sections)


def _linters(asked: Configured) -> list[str]:
    """The linters and formatters that the project has chosen."""
    found = []
    if asked.has_python:
        has_ruff = asked.uses("ruff", "ruff-format") or asked.has_file("ruff.toml", ".ruff.toml")
        found += ["ruff check"] * has_ruff
        found += ["ruff format"] * (has_ruff and not asked.uses("black"))
        found += ["flake8"] * (asked.uses("flake8") or asked.has_file(".flake8"))
        found += ["black"] * asked.uses("black")
    found += ["sqlfluff"] * (asked.uses("sqlfluff", "sqlfluff-lint") or asked.has_file(".sqlfluff"))
    return found


def _type_checkers(asked: Configured) -> list[str]:
    if not asked.has_python:
        return []
    has_mypy = asked.uses("mypy") or asked.has_file("mypy.ini", ".mypy.ini")
    has_pyright = asked.uses("pyright", "basedpyright") or asked.has_file("pyrightconfig.json")
    return ["mypy"] * has_mypy + ["pyright"] * has_pyright


def _task(name: str, asked: Configured) -> Task:
    paths = (".",) if name == "mypy" and not _names_files(asked.project) else ()
    return Task(name=name, tool=TOOLS[name], arguments=paths)


def _parse(folder: str, steps: Sequence[StepSettings]) -> Task:
    """Parse a dbt project with the profile, target, variables and program of the step that runs it."""
    step = next((s for s in steps if s.kind == "dbt" and joined(".", s.target) == folder), None)
    said = step.options if step else {}
    words: list[str] = []
    for name in ("profile", "target"):
        words += [f"--{name}", str(said[name])] if said.get(name) else []
    if said.get("profiles_dir"):
        words += ["--profiles-dir", posixpath.relpath(str(said["profiles_dir"]), folder)]
    if said.get("vars"):
        words += ["--vars", json.dumps(said["vars"])]
    program = said.get("executable")
    return Task(
        name=f"dbt parse {folder}",
        tool=TOOLS["dbt parse"],
        folder=folder,
        arguments=tuple(words),
        env={k: str(v) for k, v in mapping(said.get("env")).items()},
        program=str(program) if program else None,
    )


def _names_files(project: Project) -> bool:
    """Whether mypy's configuration says what to check, so that a path on the command line would say it a second time."""
    for name in ("mypy.ini", ".mypy.ini", "setup.cfg"):
        if re.search(r"^\s*(?:files|packages|modules)\s*=", project.text(name), re.MULTILINE):
            return True
    try:
        said = mapping(mapping(tomllib.loads(project.text("pyproject.toml")).get("tool")).get("mypy"))
    except tomllib.TOMLDecodeError:
        return False
    return any(texts(said.get(key)) for key in ("files", "packages", "modules"))


def judged(
    task: Task, *, exit_code: int | None, output: str, listed: str, report: str
) -> tuple[Outcome, str, int | None]:
    """How a tool ended: outcome, a sentence, and how many things it looked at.

    A tool that ended well and looked at nothing is an error: it could not tell.

    Args:
        exit_code: None or negative when a signal ended it.
        listed: what it printed for `listing`; empty where it has none.
        report: what is in the file that it wrote; empty where there is none.
    """
    tool = task.tool
    did = tool.count(listed if tool.listing else output, report)
    looked = (
        f"looked at {did} {tool.unit}{'' if did == 1 else 's'}"
        if did is not None
        else f"did not say how many {tool.unit}s it looked at"
    )
    if exit_code == 0 and not did:
        return Outcome.ERROR, looked, did
    if exit_code == 0:
        return Outcome.PASS, looked, did
    if exit_code in tool.findings and did != 0:
        return Outcome.FAIL, f"ended with {exit_code}", did
    if did == 0:
        return Outcome.ERROR, f"{looked} and ended with {exit_code}", did
    return Outcome.ERROR, f"could not run: it ended with {exit_code}", did


def shortened(lines: Sequence[str], most: int = 40) -> tuple[str, ...]:
    """The last lines that say something."""
    said = [line.rstrip() for line in lines if line.strip()]
    return tuple(said[-most:])
