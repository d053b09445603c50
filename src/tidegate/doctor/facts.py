"""What the doctor knows of a project: its files as they were read at the edge, and what follows from their text alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tidegate.doctor.words import under

if TYPE_CHECKING:
    from tidegate.doctor.automation import Command, Workflow
    from tidegate.doctor.containers import ComposeService, Dockerfile
    from tidegate.doctor.dbt_project import DbtProject
    from tidegate.doctor.loading import Loading
    from tidegate.doctor.python_source import PythonFile
    from tidegate.doctor.requirement import Requirements

Raw = Mapping[str, object]
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML document: its plain content, and the line of each part by the keys and indexes that lead to it."""

    content: object
    lines: Mapping[Loc, int]

    def line(self, *loc: str | int) -> int:
        """Where a part stands; of one that is not there, the nearest part around it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Something that looks like a credential: its `kind`, where it is, and the commit that has it (None: the tree)."""

    kind: str
    path: str
    line: int
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a project.

    `files` are those that git has, or, where there is no repository, those that it would take: `is_repository` tells
    which. `present` are all files that were seen, ignored ones among them. `texts` are the contents of those that could
    matter, `encodings` names the encoding of each that is not UTF-8; `documents` are the YAML files that could be read.
    `databases` are the files that begin as DuckDB or SQLite files do; `ignored_by_docker` are what each `.dockerignore`
    says, by its path. `installed` are the dbt packages that are installed, by project folder.
    """

    files: tuple[str, ...]
    present: tuple[str, ...]
    is_repository: bool
    texts: Mapping[str, str]
    encodings: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    databases: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """What dbt left in a project's target folder; each part is empty where it is not there."""

    manifest: Raw = field(default_factory=dict)
    run_results: Raw = field(default_factory=dict)
    sources: Raw = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Project:
    """Everything that the rules may look at. What is derived is made once, when a rule first asks for it.

    `artifacts` are by the folder of the dbt project; `secrets` is None where nobody could look for any.
    """

    tree: Tree
    artifacts: Mapping[str, Artifacts] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str:
        """The text of a file; empty for one that was not read."""
        return self.tree.texts.get(path, "")

    def document(self, path: str) -> Document | None:
        """A YAML file; None when it is not there or could not be read."""
        return self.tree.documents.get(path)

    def named(self, *names: str) -> Iterator[str]:
        """The files of one of these names, in any folder."""
        yield from (p for p in self.tree.texts if PurePosixPath(p).name in names)

    def below(self, folder: str) -> Iterator[str]:
        """The files with a text that are in a folder or below it."""
        yield from (p for p in self.tree.texts if under(p, folder))

    @cached_property
    def dbt(self) -> tuple[DbtProject, ...]:
        """The dbt projects, without those that another one uses as a package."""
        from tidegate.doctor.dbt_project import projects

        return tuple(projects(self))

    @cached_property
    def python(self) -> tuple[PythonFile, ...]:
        """The Python files that could be parsed."""
        from tidegate.doctor.python_source import parsed

        return tuple(f for p, t in self.tree.texts.items() if p.endswith(".py") and (f := parsed(p, t)) is not None)

    @cached_property
    def loading(self) -> Loading:
        """What the Python files say of dlt."""
        from tidegate.doctor.loading import loading

        return loading(self.python)

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """The pipelines of GitHub, GitLab and others."""
        from tidegate.doctor.automation import workflows

        return tuple(workflows(self))

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """The commands that something runs by itself: workflows, Makefiles, scripts, images, compose files."""
        from tidegate.doctor.automation import commands

        return tuple(commands(self))

    @cached_property
    def dockerfiles(self) -> tuple[Dockerfile, ...]:
        """The Dockerfiles."""
        from tidegate.doctor.containers import dockerfiles

        return tuple(dockerfiles(self))

    @cached_property
    def services(self) -> tuple[ComposeService, ...]:
        """The services of the compose files."""
        from tidegate.doctor.containers import services

        return tuple(services(self))

    @cached_property
    def requirements(self) -> Requirements:
        """The Python packages that the project asks for, and those that it pins."""
        from tidegate.doctor.requirement import requirements

        return requirements(self)
