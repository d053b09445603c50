"""What a workflow needs to know of a project: how it is installed, with which Pythons, which secrets it reads."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tidegate.doctor import Project
from tidegate.doctor.requirement import REQUIREMENTS, normal
from tidegate.doctor.words import mapping
from tidegate.services.stages import EXTRA, Plan

PYTHONS = ("3.11", "3.12", "3.13")
"""The Pythons that Tidegate runs on, oldest first."""

OF_PROGRAMS: Mapping[str, str] = {"sqlfluff": "sqlfluff", "dbt": "dbt-core"}
"""The package of a program, where it is called otherwise."""

SECRET = re.compile(r"PASS|PWD|TOKEN|SECRET|KEY|CREDENTIAL|PRIVATE|DSN|WEBHOOK", re.IGNORECASE)
"""A variable whose value nobody may read, by its name."""

NOT_THEIRS = re.compile(
    r"^(?:PATH|HOME|USER|PWD|SHELL|LANG|TZ|TMPDIR|CI|DEBUG|PYTHON\w*|GITHUB_\w+|CI_\w+|TIDEGATE_\w+|DBT_(?!ENV_)\w+|VIRTUAL_ENV)$"
)
"""Variables that are there on every machine, or that say how a tool works."""

READS = (
    re.compile(r"""env_var\(\s*['"](\w+)['"]"""),
    re.compile(r"""os\.environ(?:\.get\(|\[)\s*['"](\w+)['"]"""),
    re.compile(r"""os\.getenv\(\s*['"](\w+)['"]"""),
)
DLT_READS = re.compile(r"""dlt\.(?:secrets|config)(?:\.get\(|\[)\s*['"]([\w.]+)['"]""")
INTERPOLATED = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable that the project reads, and the first place where it does."""

    name: str
    place: str

    @property
    def is_secret(self) -> bool:
        """Whether its value belongs into a store of secrets, as its name says."""
        return bool(SECRET.search(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a project is installed.

    `install` are the commands, `locks` the files whose change makes the cache of packages worthless; `lacking` are the
    packages that CI needs and no file of the project asks for.
    """

    install: tuple[str, ...]
    locks: tuple[str, ...]
    lacking: tuple[str, ...]
    pythons: tuple[str, ...]
    variables: tuple[Variable, ...]


def setup(project: Project, plan: Plan, *, running: str, asked: Sequence[str] = ()) -> Setup:
    """Decide how CI installs a project and what it tests with.

    Args:
        running: this Python's version, such as `3.12`: taken where the project does not say what it supports.
        asked: the versions that a person wants instead.
    """
    lacking = tuple(_lacking(project, plan))
    install, locks = _install(project)
    if lacking:
        install, locks = _with_extra(install), (*locks, EXTRA)
    return Setup(
        install=install,
        locks=locks,
        lacking=lacking,
        pythons=tuple(asked) or _pythons(project) or (running,),
        variables=tuple(variables(project)),
    )


def _lacking(project: Project, plan: Plan) -> Iterator[str]:
    there = {r.name for r in project.requirements.asked if r.path != EXTRA}
    programs = dict.fromkeys(t.tool.program for s in plan.stages for t in s.tasks)
    wanted = ["tidegate", "detect-secrets", *(OF_PROGRAMS.get(p, p) for p in programs)]
    if project.dbt:
        kinds = {str(o.get("type")) for d in project.dbt for o in d.outputs.values()} - {"None"}
        wanted += [f"dbt-{kind}" for kind in sorted(kinds)]
    if project.loading.pipelines:
        wanted.append(
            "dlt[duckdb]" if {p.destination for p in project.loading.pipelines} <= {"duckdb", None} else "dlt"
        )
    bundled = any(normal(name).startswith("dbt-") for name in there)
    for name in dict.fromkeys(wanted):
        plain = normal(name.partition("[")[0])
        if plain not in there and not (plain == "dbt-core" and bundled):
            yield name


def _install(project: Project) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands that install what the project asks for, in its top folder, and the files that they read."""
    top = [p for p in project.tree.present if "/" not in p]
    for lock, export in (
        (
            "uv.lock",
            "python -m pip install uv && uv export --quiet --locked --all-extras --all-groups --no-hashes > locked.txt",
        ),
        (
            "poetry.lock",
            "python -m pip install poetry poetry-plugin-export && poetry export --all-extras --all-groups --without-hashes > locked.txt",
        ),
    ):
        if lock in top:
            return (export, "python -m pip install -r locked.txt"), (lock,)
    plain = [p for p in top if REQUIREMENTS.match(p) and p != EXTRA and "doc" not in p]
    if plain:
        return (f"python -m pip install {' '.join(f'-r {p}' for p in plain)}",), tuple(plain)
    if "pyproject.toml" in top and any(r.path == "pyproject.toml" for r in project.requirements.asked):
        return ("python -m pip install uv", "uv pip install --system --all-extras -r pyproject.toml"), (
            "pyproject.toml",
        )
    return (), ()


def _with_extra(install: tuple[str, ...]) -> tuple[str, ...]:
    """The same, installing `EXTRA` too: together with the rest, so that the releases suit each other."""
    if not install:
        return (f"python -m pip install -r {EXTRA}",)
    return (*install[:-1], f"{install[-1]} -r {EXTRA}")


def _pythons(project: Project) -> tuple[str, ...]:
    """The Pythons that `requires-python` allows; empty when it is not said."""
    try:
        said = str(mapping(tomllib.loads(project.text("pyproject.toml")).get("project")).get("requires-python") or "")
    except tomllib.TOMLDecodeError:
        said = ""
    return tuple(v for v in PYTHONS if _allows(said, v)) if said else ()


def _allows(specifier: str, version: str) -> bool:
    """Whether a specifier such as `>=3.11,<3.13` allows a minor version of Python; what is not understood allows all."""
    minor = _numbers(version)
    for part in specifier.split(","):
        found = re.match(r"\s*(>=|<=|==|!=|~=|>|<)\s*([\d.]+)(\.\*)?\s*$", part)
        if found is None:
            continue
        sign, bound = found[1], _numbers(found[2])
        low, exact = bound[:2], len(bound) <= 2
        fine = {
            ">=": minor >= low,
            ">": minor > low or (minor == low and not exact),
            "<=": minor <= low,
            "<": minor < low or (minor == low and not exact and bound[2] > 0),
            "==": minor == low,
            "!=": minor != low or not (exact or found[3]),
            "~=": minor >= low and minor[0] == low[0],
        }[sign]
        if not fine:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in version.split(".") if n)


def variables(project: Project) -> Iterator[Variable]:
    """The variables that dbt, dlt, Python and `tidegate.yml` read, by name, each once; those of tests are left out."""
    found: dict[str, str] = {}
    for path, text in project.tree.texts.items():
        if not _is_read(path):
            continue
        for name in _names(path, text):
            if not NOT_THEIRS.match(name):
                found.setdefault(name, path)
    yield from (Variable(name=name, place=found[name]) for name in sorted(found))


def _is_read(path: str) -> bool:
    place = PurePosixPath(path)
    return place.suffix in {".py", ".sql", ".yml", ".yaml"} and not {"tests", "test", ".github"} & set(place.parts)


def _names(path: str, text: str) -> Iterator[str]:
    for pattern in READS:
        yield from pattern.findall(text)
    if path.endswith(".py"):
        yield from (name.replace(".", "__").upper() for name in DLT_READS.findall(text))
    if PurePosixPath(path).name == "tidegate.yml":
        yield from INTERPOLATED.findall(re.sub(r"(?m)^\s*#.*$", "", text))


def example(variables: Sequence[Variable]) -> str:
    """The text of `.env.example`."""
    lines = [
        "# Copy this to .env, which git ignores, and fill it in; start tools with it: set -a; . ./.env; set +a",
        "# In CI these come from the store of the provider (secrets and variables of the environment `production`), or from a",
        "# login by OIDC that stores nothing; never from a file in git. docs/ci.md of Tidegate explains both.",
        "#",
        "# dlt reads what `.dlt/secrets.toml` has from the environment too: `password` in `[sources.shop]` is",
        "# SOURCES__SHOP__PASSWORD. git ignores `.dlt/secrets.toml`; `.dlt/config.toml` is in git and has no credentials.",
        "",
    ]
    for one in variables:
        lines.append(f"# read by {one.place}{', a secret' if one.is_secret else ''}")
        lines.append(f"{one.name}=")
    if not variables:
        lines.append("# Nothing in this project reads a variable yet.")
    return "\n".join(lines) + "\n"


def completed(there: str, wanted: str) -> str:
    """An `.env.example` that is there, with the variables of another one that it lacks, each below its comment."""
    known = set(re.findall(r"^(\w+)=", there, re.MULTILINE))
    lacking: list[str] = []
    comment: list[str] = []
    for line in wanted.splitlines():
        if line.startswith("#"):
            comment.append(line)
            continue
        if line and line.partition("=")[0] not in known:
            lacking += [*comment, line]
        comment = []
    return "\n".join([there.rstrip("\n"), "", *lacking]) + "\n" if lacking else there


def deploy_environment(variables: Sequence[Variable]) -> str:
    """What GitHub's deploy job hands on, a line each."""
    kinds = {True: "secrets", False: "vars"}
    return "\n".join(f"{v.name}: ${{{{ {kinds[v.is_secret]}.{v.name} }}}}" for v in variables)


def requirements(lacking: Sequence[str], releases: Mapping[str, str]) -> str:
    """The text of `EXTRA`: each package in the release that is installed here, by its plain name; without one where it is not."""
    lines = ["# What CI needs besides what the project asks for; written by `tidegate ci init`."]
    for name in lacking:
        release = releases.get(name.partition("[")[0])
        lines.append(f"{name}=={release}" if release else name)
    return "\n".join(lines) + "\n"
