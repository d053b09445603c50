"""Which Python packages a project asks for, how exactly, and which files pin them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tidegate.doctor.facts import Project
from tidegate.doctor.words import first_line, mapping, texts

REQUIREMENTS = re.compile(r"^(?:.*[-_.])?(?:requirements|reqs)(?:[-_.][\w.-]+)?\.txt$")
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "conda-lock.yml", "pixi.lock")
ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?P<spec>[^;#]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One package that is asked for: its normalised name and what is said of its version, empty for nothing."""

    name: str
    spec: str
    path: str
    line: int

    @property
    def is_exact(self) -> bool:
        """Whether it can be one release only."""
        return bool(re.match(r"\s*\(?\s*={2,3}\s*[^*,]+\)?$", self.spec)) or "@" in self.spec

    @property
    def is_bounded(self) -> bool:
        """Whether a release that does not exist yet is kept out."""
        return (
            self.is_exact
            or bool(re.search(r"==|~=|(?<![<>=!~])<|\^|^~|(?<=,)\s*<", self.spec))
            or bool(re.match(r"^v?\d+(\.\d+)*$", self.spec))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What all files together say. `constraints` are the files that pin for others; `locks` those of a tool."""

    asked: tuple[Requirement, ...]
    locks: tuple[str, ...]
    pinned: frozenset[str]
    pinning: tuple[str, ...]


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(project: Project) -> Requirements:
    """Read requirements files, pyproject.toml and Pipfiles."""
    asked: list[Requirement] = []
    pinning: list[str] = []
    constrained = False
    for path, text in project.tree.texts.items():
        name = PurePosixPath(path).name
        if REQUIREMENTS.match(name) or (PurePosixPath(path).parent.name == "requirements" and name.endswith(".txt")):
            found = list(_lines(path, text))
            constrained = constrained or bool(re.search(r"^\s*(?:-c|--constraint)\b", text, re.MULTILINE))
            if found and all(r.is_exact for r in found):
                pinning.append(path)
            asked += found
        elif name == "pyproject.toml":
            asked += _pyproject(path, text)
        elif name == "Pipfile":
            asked += _pipfile(path, text)
    locks = tuple(p for p in project.tree.present if PurePosixPath(p).name in LOCKS)
    exact = {r.name for r in asked if r.is_exact and not _is_loose(r.path)}
    if constrained or any("constraints" in PurePosixPath(p).name for p in project.tree.texts):
        for path in (p for p in project.tree.texts if "constraints" in PurePosixPath(p).name):
            exact |= {r.name for r in _lines(path, project.text(path)) if r.is_exact}
    return Requirements(
        asked=tuple(asked),
        locks=locks,
        pinned=frozenset(exact | {n for p in locks for n in _locked(project.text(p))}),
        pinning=tuple(pinning),
    )


def _is_loose(path: str) -> bool:
    return PurePosixPath(path).suffix == ".in"


def _locked(text: str) -> Iterator[str]:
    yield from (normal(n) for n in re.findall(r'^name = "([^"]+)"', text, re.MULTILINE))


def _lines(path: str, text: str) -> Iterator[Requirement]:
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if held else number
        held += line.strip().removesuffix("\\") + " "
        if line.rstrip().endswith("\\"):
            continue
        said = re.sub(r"(?:^|\s)#.*$", "", held).strip()
        held = ""
        said = re.sub(r"\s--hash=\S+", "", said)
        found = ENTRY.match(said)
        if not said or said.startswith(("-", ".")) or "://" in said.partition("@")[0] or found is None:
            continue
        if said.endswith((".whl", ".tar.gz")) and "@" not in said:
            continue
        yield Requirement(name=normal(found["name"]), spec=found["spec"].strip(), path=path, line=first)


def _pyproject(path: str, text: str) -> Iterator[Requirement]:
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for entry in texts(mapping(said.get("project")).get("dependencies")):
        found = ENTRY.match(entry)
        if found is not None:
            line = first_line(text, rf"""["']{re.escape(found["name"])}\b""")
            yield Requirement(name=normal(found["name"]), spec=found["spec"].strip(), path=path, line=line)
    poetry = mapping(mapping(said.get("tool")).get("poetry"))
    yield from _table(path, text, mapping(poetry.get("dependencies")))


def _pipfile(path: str, text: str) -> Iterator[Requirement]:
    try:
        yield from _table(path, text, mapping(tomllib.loads(text).get("packages")))
    except tomllib.TOMLDecodeError:
        return


def _table(path: str, text: str, packages: object) -> Iterator[Requirement]:
    for name, value in mapping(packages).items():
        version = value if isinstance(value, str) else mapping(value).get("version")
        elsewhere = {"git", "path", "url"} & set(mapping(value))
        if name.lower() != "python" and not elsewhere:
            spec = "" if version in (None, "*") else str(version)
            line = first_line(text, rf"""^\s*["']?{re.escape(name)}["']?\s*=""")
            yield Requirement(name=normal(name), spec=spec, path=path, line=line)
