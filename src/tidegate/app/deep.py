"""Deep examination: import the project's files in a fresh environment, and build a copy of it twice, and twice again.

Everything happens in a temporary copy without credentials: no `secrets.toml`, no `.env`, an empty home folder, and an
environment of a few variables. A project whose code could write elsewhere all the same is not run; that is told.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tidegate.app.init import init
from tidegate.doctor import Found, Project
from tidegate.doctor.words import entries, mapping
from tidegate.errors import TidegateError
from tidegate.integrations.project_tree import LEFT_OUT
from tidegate.integrations.yaml_files import read_mapping, write_yaml
from tidegate.model.words import counted
from tidegate.ports import Progress

IMPORT = "deep-cannot-import"
ZONE = "deep-time-zone"
RERUN = "deep-rerun"
ZONES = ("Pacific/Pago_Pago", "Pacific/Kiritimati")
"""11 hours behind UTC and 14 ahead of it: no instant has the same date in both."""

INSTALL_TIMEOUT_S = 900
IMPORT_TIMEOUT_S = 120
RUN_TIMEOUT_S = 3_600
FOR_INSTALLING = re.compile(r"^(?:PIP_|UV_|SSL_|REQUESTS_CA|CURL_CA|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|HOME$)")
STAMP = re.compile(
    r"(?:^|_)(?:loaded|inserted|extracted|ingested|processed|created_by_run|run|built|refreshed|dbt)(?:_|$)|^_dlt",
    re.IGNORECASE,
)
"""Columns that say when the machinery ran; they differ with every run and are meant to."""

IMPORTING = """
import importlib, importlib.util, sys, traceback
file, module, *places = sys.argv[1:]
sys.path[:0] = places
try:
    if module:
        importlib.import_module(module)
    else:
        spec = importlib.util.spec_from_file_location("examined", file)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules["examined"] = loaded
        spec.loader.exec_module(loaded)
except BaseException as error:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    print(f"tidegate-import:{lines[-1] if lines else 1}:{type(error).__name__}: {error}")
    sys.exit(1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What running the project told: findings by rule, the rules that could not be judged with the reason, and notes."""

    found: tuple[tuple[str, Found], ...]
    unchecked: Mapping[str, str]
    notes: tuple[str, ...] = ()


class _CannotRunError(Exception):
    """Why the copy could not be built; the rules that need it stay unjudged."""


def run(root: Path, project: Project, progress: Progress, *, env: Mapping[str, str]) -> Examination:
    """Examine a project by running a copy of it. Takes minutes; the project itself is only read.

    Args:
        env: the caller's environment, of which installing gets what a package index needs.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-doctor-") as scratch:
        place = Path(scratch)
        copy = place / "project"
        _copy(root, copy, _outputs(project))
        (place / "home").mkdir()
        found: list[tuple[str, Found]] = []
        unchecked: dict[str, str] = {}
        progress.stage("environment", "a fresh one for the project")
        python, because = _environment(place, copy, project, env)
        if python is None:
            at = _requirements(project)
            found.append(
                (
                    IMPORT,
                    Found(
                        path=at[0] if at else "pyproject.toml", line=1, message=f"nothing can be installed: {because}"
                    ),
                )
            )
        else:
            progress.stage("import", counted(len(project.python), "file"))
            found += [(IMPORT, f) for f in _imports(copy, project, python, _plain(place, python, "UTC"))]
        try:
            found += _built(place, copy, project, python, progress)
        except _CannotRunError as error:
            unchecked |= {RERUN: str(error), ZONE: str(error)}
        notes = [f"not imported, because importing it would load: {p}" for p in sorted(_loading(project))]
        return Examination(found=tuple(found), unchecked=unchecked, notes=tuple(notes))


def _copy(root: Path, copy: Path, outputs: set[str]) -> None:
    """The files as they are now, without environments, caches, credentials, and the databases that the pipeline makes."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        gone = {
            n
            for n in names
            if n in LEFT_OUT
            or n in {"secrets.toml", "target", "logs"}
            or (n.startswith(".env") and n != ".env.example")
        }
        gone |= {n for n in names if n.removesuffix(".wal") in outputs or (here / n / "pyvenv.cfg").is_file()}
        gone |= {
            n for n in names if (here / n / "versions").is_dir() and any((here / n / "versions").glob("*/version.json"))
        }
        return gone | ({"pipelines"} if here.name == ".dlt" else set())

    shutil.copytree(root, copy, ignore=left_out, symlinks=True)


def _outputs(project: Project) -> set[str]:
    """The names of the DuckDB files that dbt and dlt make."""
    found = {PurePosixPath(str(o.get("path") or "")).name for d in project.dbt for o in d.outputs.values()}
    found |= {f"{p.name}.duckdb" for p in project.loading.pipelines if p.name}
    found |= {
        PurePosixPath(p.credentials.removeprefix("duckdb:///")).name for p in project.loading.pipelines if p.credentials
    }
    return {name for name in found if name}


def _requirements(project: Project) -> list[str]:
    """What to install from: the requirements of the top folder, else its pyproject.toml."""
    asked = list(dict.fromkeys(r.path for r in project.requirements.asked))
    plain = [
        p
        for p in asked
        if p.endswith(".txt") and p.count("/") <= 1 and not re.search(r"dev|test|lint|doc", PurePosixPath(p).name)
    ]
    return plain or [p for p in asked if PurePosixPath(p).name == "pyproject.toml"][:1]


def _environment(place: Path, copy: Path, project: Project, env: Mapping[str, str]) -> tuple[Path | None, str]:
    """A virtual environment with what the requirements name: its Python, or None and why nothing could be installed."""
    folder = place / "venv"
    python = folder / "bin" / "python"
    allowed = {k: v for k, v in env.items() if FOR_INSTALLING.match(k)} | {"PATH": env.get("PATH", os.defpath)}
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}")
    made = (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
        if uv
        else [sys.executable, "-m", "venv", str(folder)]
    )
    words = [
        w
        for r in _requirements(project)
        for w in (["-r", r] if r.endswith(".txt") else [f"./{PurePosixPath(r).parent}"])
    ]
    installer = (
        [uv, "pip", "install", "--quiet", "--python", str(python)]
        if uv
        else [str(python), "-m", "pip", "install", "--quiet"]
    )
    for command in (made, [*installer, *words]) if words else (made,):
        ended = _started(command, copy, allowed, INSTALL_TIMEOUT_S)
        if ended.returncode != 0:
            lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
            return None, " ".join(lines)[:300] or f"`{' '.join(command)}` ended with {ended.returncode}"
    return python, ""


def _started(
    command: Sequence[str | None], cwd: Path, env: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    words = [w for w in command if w is not None]
    try:
        return subprocess.run(
            words,
            cwd=cwd,
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 255, "", str(error))


def _plain(place: Path, python: Path | None, zone: str) -> dict[str, str]:
    """The whole environment of what is run: nothing of the caller's but where programs are."""
    bins = [str(python.parent)] if python else []
    return {
        "PATH": os.pathsep.join([*bins, str(Path(sys.executable).parent), os.defpath, "/usr/local/bin", "/usr/bin"]),
        "HOME": str(place / "home"),
        "LANG": "C.UTF-8",
        "TZ": zone,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


def _loading(project: Project) -> set[str]:
    return {x.path for x in project.loading.at_import}


def _imports(copy: Path, project: Project, python: Path, env: Mapping[str, str]) -> Iterator[Found]:
    """Each file that cannot be imported, with the line that failed."""
    models = {n.path for d in project.dbt for n in d.nodes}
    for file in project.python:
        path = PurePosixPath(file.path)
        is_test = (
            "tests" in path.parts
            or path.name.startswith(("test_", "conftest"))
            or path.name in {"setup.py", "noxfile.py"}
        )
        if is_test or file.path in models | _loading(project):
            continue
        module, places = _module(copy, path)
        ended = _started([str(python), "-c", IMPORTING, str(copy / path), module, *places], copy, env, IMPORT_TIMEOUT_S)
        told = re.search(r"^tidegate-import:(\d+):(.*)", ended.stdout, re.MULTILINE)
        if told:
            yield Found(
                path=file.path, line=int(told[1]), message=f"in a fresh environment the import ends with {told[2]}"
            )


def _module(copy: Path, path: PurePosixPath) -> tuple[str, list[str]]:
    """The dotted name of a file in a package, empty for a script, and where Python has to look."""
    folder, parts = path.parent, [path.stem]
    while (copy / folder / "__init__.py").is_file() and folder.parts:
        parts.insert(0, folder.name)
        folder = folder.parent
    dotted = ".".join(p for p in parts if p != "__init__") if len(parts) > 1 else ""
    places = [str(copy / folder), str(copy), str(copy / "src")]
    return dotted, list(dict.fromkeys(places))


def _built(
    place: Path, copy: Path, project: Project, python: Path | None, progress: Progress
) -> Iterator[tuple[str, Found]]:
    """Load and build twice on the same input; then build alone under two time zones; compare each pair."""
    _check_contained(project)
    document = _configured(copy, python)
    _as_tables(copy, project)
    steps = entries(document["steps"])
    progress.stage("run", "the pipeline, twice on the same input")
    first, second = (_version(place, copy, python, document, "UTC") for _ in range(2))
    again = _differences(place, copy, python, first, second)
    yield from ((RERUN, _rerun(project, t)) for t in again if _doubles(t))
    builds = [s for s in steps if s.get("dbt")]
    if builds:
        moved = {(str(t["ref"]), str(c.get("name"))) for t in again for c in entries(t.get("columns"))}
        full = {**document, "steps": [{**s, "args": ["--full-refresh"]} for s in builds]}
        progress.stage("run", "the models under two time zones")
        west, east = (_version(place, copy, python, full, zone) for zone in ZONES)
        for t in _differences(place, copy, python, west, east):
            columns = [
                n
                for c in entries(t.get("columns"))
                if (str(t["ref"]), n := str(c.get("name"))) not in moved and not STAMP.search(n)
            ]
            if columns or t.get("old_rows") != t.get("new_rows"):
                yield ZONE, _zoned(project, t, columns)


def _check_contained(project: Project) -> None:
    """Refuse to run what could write anywhere but into the copy."""
    if not project.dbt and not project.loading.pipelines:
        raise _CannotRunError("there is no dbt project and no dlt pipeline")
    for d in project.dbt:
        others = sorted({str(o.get("type")) for o in d.outputs.values()} - {"duckdb"})
        if others or not d.outputs:
            raise _CannotRunError(
                f"only DuckDB can be built here, and `{d.file}` uses {', '.join(others) or 'a profile that is elsewhere'}"
            )
    for p in project.loading.pipelines:
        if p.destination not in {"duckdb", None} or (p.credentials or "").startswith(("/", "md:", "duckdb:////")):
            raise _CannotRunError(
                f"only DuckDB can be built here, and `{p.path}:{p.line}` loads into `{p.destination}`"
            )
    if any(True for _ in _secrets(project)):
        raise _CannotRunError("there are credentials in the code, so a copy could write to production")


def _secrets(project: Project) -> Iterator[Found]:
    from tidegate.doctor import RULES

    judge = RULES["py-credentials-in-code"].judge
    yield from judge(project) if judge is not None else ()


def _configured(copy: Path, python: Path | None) -> dict[str, object]:
    """A `tidegate.yml` for the copy with nothing but its steps: the project's own, or those that `init` finds."""
    file = copy / "tidegate.yml"
    try:
        if not file.is_file():
            init(copy, _Silent(), link_back=False, force=False)
        said = read_mapping(file)
    except TidegateError as error:
        raise _CannotRunError(str(error)) from error
    steps = [dict(s) for s in entries(said.get("steps"))]
    if any("run" in s for s in steps):
        raise _CannotRunError("a `run:` step may do anything, so it is not run here")
    if not steps:
        raise _CannotRunError("there is no step to run")
    for step in steps:
        if (
            python is not None
            and step.get("dlt")
            and any(python.parent.parent.glob("lib/python3*/site-packages/dlt/__init__.py"))
        ):
            step["python"] = str(python)
        if python is not None and step.get("dbt") and (python.parent / "dbt").exists():
            step["executable"] = str(python.parent / "dbt")
        step.pop("env", None)
    warehouse = {"path": "warehouse-of-the-doctor"}
    if database := mapping(said.get("warehouse")).get("database"):
        warehouse["database"] = str(database)
    return {"version": 1, "warehouse": warehouse, "learned": "off", "steps": steps}


class _Silent:
    """Progress that nobody sees."""

    def stage(self, name: str, detail: str = "") -> None:
        """Say nothing."""

    def advance(self, done: int, total: int, what: str = "") -> None:
        """Say nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""


def _as_tables(copy: Path, project: Project) -> None:
    """Make tables of the views in the copy, so that their rows can be compared."""
    for d in project.dbt:
        for file in [copy / d.file, *(copy / n.path for n in d.of("model") if n.path.endswith(".sql"))]:
            text = file.read_text(encoding="utf-8")
            new = re.sub(r"(materialized\s*[:=]\s*['\"]?)view\b", r"\1table", text)
            if file.name == "dbt_project.yml" and not re.search(r"^  \+?materialized:", new, re.MULTILINE):
                new = re.sub(r"^models:\s*$", "models:\n  +materialized: table", new, count=1, flags=re.MULTILINE)
                new = (
                    new
                    if re.search(r"^models:", new, re.MULTILINE)
                    else f"{new.rstrip()}\nmodels:\n  +materialized: table\n"
                )
            if new != text:
                file.write_text(new, encoding="utf-8")


def _version(place: Path, copy: Path, python: Path | None, document: Mapping[str, object], zone: str) -> int:
    """Run the steps and publish what they built, whatever its tests say; the version's number."""
    (copy / "tidegate.yml").write_text(write_yaml(document), encoding="utf-8")
    told = _tidegate(place, copy, python, zone, "run")
    decision = mapping(told.get("decision"))
    number = decision.get("version")
    if not isinstance(number, int):
        raise _CannotRunError(f"the pipeline did not run: {told.get('message') or 'it printed nothing'}")
    failed = [s for s in entries(told.get("steps")) if s.get("status") == "failed"]
    if failed:
        raise _CannotRunError(
            f"step `{failed[0].get('name')}` failed: {failed[0].get('error') or failed[0].get('message') or 'see its log'}"
        )
    if decision.get("action") != "publish":
        _tidegate(place, copy, python, zone, "publish", str(number), "--reason", "compared by the doctor")
    return number


def _tidegate(place: Path, copy: Path, python: Path | None, zone: str, *words: str) -> Mapping[str, object]:
    """What a command of Tidegate's own says about the copy, as JSON."""
    start = "import sys; from tidegate.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, *words, "--json", "--quiet", "--project", str(copy)]
    ended = _started(command, copy, _plain(place, python, zone), RUN_TIMEOUT_S)
    try:
        return mapping(json.loads(ended.stdout))
    except ValueError:
        return {"message": ended.stderr.strip()[-300:]}


def _differences(place: Path, copy: Path, python: Path | None, old: int, new: int) -> list[Mapping[str, object]]:
    """The tables that differ between two versions."""
    told = _tidegate(place, copy, python, "UTC", "diff", str(old), str(new))
    if told.get("kind") != "diff":
        raise _CannotRunError(f"the two builds could not be compared: {told.get('message')}")
    return [t for t in entries(told.get("tables")) if t.get("state") != "same"]


def _doubles(table: Mapping[str, object]) -> bool:
    columns = [str(c.get("name")) for c in entries(table.get("columns"))]
    return (
        table.get("old_rows") != table.get("new_rows")
        or any(not STAMP.search(n) for n in columns)
        or bool(table.get("retyped"))
    )


def _rerun(project: Project, table: Mapping[str, object]) -> Found:
    path, line = _declared(project, str(table["ref"]))
    old, new = table.get("old_rows"), table.get("new_rows")
    if table.get("state") in {"added", "removed"}:
        what = f"was {table['state']}"
    elif old != new:
        what = (
            f"has {new:,} rows after the second run and {old:,} after the first"
            if isinstance(old, int) and isinstance(new, int)
            else "differs"
        )
    else:
        what = f"has other values in {_listed([str(c.get('name')) for c in entries(table.get('columns'))])}"
    return Found(path=path, line=line, message=f"`{table['ref']}` {what}, on the same input")


def _zoned(project: Project, table: Mapping[str, object], columns: Sequence[str]) -> Found:
    path, line = _declared(project, str(table["ref"]))
    what = (
        f"other values in {_listed(columns)}"
        if columns
        else f"{table.get('old_rows')} rows against {table.get('new_rows')}"
    )
    return Found(path=path, line=line, message=f"`{table['ref']}` has {what} under {ZONES[1]} than under {ZONES[0]}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _declared(project: Project, ref: str) -> tuple[str, int]:
    """Where a table is made: its model, the dlt resource of its name, else the first script or project."""
    name = ref.rpartition(".")[2]
    for d in project.dbt:
        if name in d.refable:
            return d.refable[name].path, d.refable[name].line
    for r in project.loading.resources:
        if r.name == name:
            return r.path, r.line
    if project.loading.pipelines:
        return project.loading.pipelines[0].path, project.loading.pipelines[0].line
    return project.dbt[0].file, 1
