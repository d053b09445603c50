"""Rules about dlt: rows that a re-run doubles, no schema contract, loads at import time, credentials, telemetry, paths."""

from __future__ import annotations

import ast
import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath

from tidegate.doctor.automation import words_of
from tidegate.doctor.dbt_project import DbtProject
from tidegate.doctor.facts import Project
from tidegate.doctor.python_source import PythonFile, dotted, last, literal
from tidegate.doctor.rule import Edit, Found
from tidegate.doctor.words import joined, mapping

SECRET_NAMES = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|secret|secret_key|secret_access_key|api_?key|apikey|token|access_token|access_key|access_key_id|auth_token|private_key|client_secret)$",
    re.IGNORECASE,
)
PASSWORDS = re.compile(r"(?:^|_)(?:password|passwd|pwd)$", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"[<>{}$*]|your|example|change.?me|xxx|dummy|placeholder|redacted|todo|fake|not.?a.?secret|test|sample|none|null",
    re.IGNORECASE,
)
TOKEN = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}$|gh[pousr]_\w{20,}|glpat-[\w-]{20,}|xox[abp]-[\w-]{10,}|sk_live_\w{10,}")
URL = re.compile(r"\b[a-z][a-z0-9+]*://(?P<user>[^:/@\s'\"]+):(?P<password>[^@\s'\"/]+)@(?P<host>[^/:\s'\"?]+)")
LOCAL = frozenset("localhost 127.0.0.1 ::1 0.0.0.0 db postgres database host.docker.internal".split())
TELEMETRY = re.compile(
    r"RUNTIME__DLTHUB_TELEMETRY\s*[=:]\s*[\"']?(?:false|0)|dlthub_telemetry\s*=\s*false|dlt\s+telemetry\s+disable|--disable-telemetry",
    re.IGNORECASE,
)


def append_without_key(project: Project) -> Iterator[Found]:
    """What appends, and neither remembers what it loaded nor replaces it."""
    loading = project.loading
    said = {x.disposition for x in loading.loads} - {None}
    for r in loading.resources:
        if not r.selected or r.remembers:
            continue
        own = [x for x in loading.loads if r.name in x.of and x.disposition is not None]
        decided = own[0].disposition if own else None
        effective = decided or r.disposition or ("append" if not said or said == {"append"} else None)
        if effective == "append" and not (loading.hinted and r.disposition is None):
            how = "appends" if r.disposition == "append" or decided else "appends, as dlt does when nothing is said,"
            message = f"`{r.name}` {how} and does not remember what it has loaded: a second run doubles its rows"
            yield Found(path=r.path, line=r.line, message=message)
    for x in loading.loads:
        if x.plain and x.disposition in {None, "append"} and not loading.hinted:
            how = "appends" if x.disposition else "appends, as dlt does when nothing is said"
            yield Found(path=x.path, line=x.line, message=f"this run {how}: a second one doubles the rows")


def no_schema_contract(project: Project) -> Iterator[Found]:
    """Pipelines of which nothing says what may change in their tables."""
    about = [f for f in project.python if f.uses_dlt]
    schemas = (t for p, t in project.tree.texts.items() if p.endswith((".schema.yaml", ".schema.json", ".toml")))
    said = {f.path for f in about if "schema_contract" in ast.unparse(f.tree)}
    if any("schema_contract" in t for t in schemas):
        return
    for p in project.loading.pipelines:
        if not said & {p.path, *_imported_by(p.path, about)}:
            name = f"`{p.name}`" if p.name else "this pipeline"
            yield Found(path=p.path, line=p.line, message=f"nothing says what may change in the tables of {name}")


def _imported_by(path: str, files: list[PythonFile]) -> Iterator[str]:
    """The project's files that one imports, and those that they import."""
    known = {f.path: f for f in files}
    todo, seen = [path], {path}
    while todo:
        here = known.get(todo.pop())
        for name in here.imports if here else ():
            for other in known:
                stem = other.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                if other not in seen and name and (stem == name or stem.endswith(f".{name}")):
                    seen.add(other)
                    todo.append(other)
    yield from seen


def loads_at_import(project: Project) -> Iterator[Found]:
    """Code that loads or writes as soon as its file is imported."""
    for x in project.loading.at_import:
        lines = project.text(x.path).splitlines()[x.first - 1 : x.last]
        edit = None
        if x.alone:
            guarded = ('if __name__ == "__main__":', *(f"    {line}" if line.strip() else line for line in lines))
            edit = Edit(path=x.path, first=x.first, last=x.last, lines=guarded)
        yield Found(path=x.path, line=x.first, message=f"importing this file runs `{x.call}(...)`", edit=edit)


def credentials_in_code(project: Project) -> Iterator[Found]:
    """Passwords, keys and tokens that are written out in Python."""
    for file in project.python:
        if any(part in {"tests", "test"} for part in PurePosixPath(file.path).parts):
            continue
        seen: set[int] = set()
        for line, message in _written_out(file):
            if line not in seen:
                seen.add(line)
                yield Found(path=file.path, line=line, message=message)


def _written_out(file: PythonFile) -> Iterator[tuple[int, str]]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = URL.search(node.value)
            if found and found["host"].lower() not in LOCAL and not PLACEHOLDER.search(found["password"]):
                yield node.lineno, f"a connection to `{found['host']}` has its password written out"
        for name, value in _named(node):
            text = literal(value)
            if text is not None and SECRET_NAMES.search(name) and _is_secret(name, text):
                yield value.lineno, f"`{name}` is written out"


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Every name that gets a value: arguments, variables, attributes, keys."""
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            key = literal(target.slice) if isinstance(target, ast.Subscript) else last(target)
            yield (key or "").replace(".", "_").replace("__", "_"), node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield last(node.target), node.value
    elif isinstance(node, ast.Dict):
        yield from ((literal(k) or "", v) for k, v in zip(node.keys, node.values, strict=True))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        given = node.args.args[len(node.args.args) - len(node.args.defaults) :]
        yield from ((a.arg, d) for a, d in zip(given, node.args.defaults, strict=True))


def _is_secret(name: str, text: str) -> bool:
    if TOKEN.match(text):
        return True
    if (
        len(text) < 4
        or PLACEHOLDER.search(text)
        or re.search(r"\s", text)
        or text.lower() in {name.lower(), "postgres", "password"}
    ):
        return False
    if re.fullmatch(r"[A-Z][A-Z0-9_]*_[A-Z0-9_]+", text) or text.startswith(("/", "./", "http://", "https://")):
        return False
    if PASSWORDS.search(name):
        return True
    return len(text) >= 8 and not re.fullmatch(r"[a-z_.\-/]+", text) and bool(re.search(r"\d", text) or len(text) >= 16)


def telemetry(project: Project) -> Iterator[Found]:
    """dlt's usage reports are sent, because nothing says otherwise."""
    pipelines = project.loading.pipelines
    if not pipelines:
        return
    configs = [p for p in project.tree.present if p.endswith(".dlt/config.toml")]
    texts = [words_of(project), *(t for p, t in project.tree.texts.items() if not p.endswith((".md", ".rst")))]
    if any(TELEMETRY.search(t) for t in texts):
        return
    place = configs[0] if configs else joined(_root_of(project), ".dlt/config.toml")
    said = project.text(place)
    runtime = re.search(r"^\[runtime\]\s*$", said, re.MULTILINE)
    line = said.count("\n", 0, runtime.start()) + 1 if runtime else 0
    wanted = "dlthub_telemetry = false"
    explicit = re.search(r"^dlthub_telemetry\s*=.*$", said, re.MULTILINE)
    if explicit:
        at = said.count("\n", 0, explicit.start()) + 1
        edit = Edit(path=place, first=at, last=at, lines=(wanted,))
    elif runtime:
        edit = Edit(path=place, first=line, last=line, lines=("[runtime]", wanted))
    else:
        edit = Edit(path=place, lines=("[runtime]", wanted))
    path, where = (place, line or 1) if configs else (pipelines[0].path, pipelines[0].line)
    yield Found(path=path, line=where, message="dlt reports its use over the network with every run", edit=edit)


def _root_of(project: Project) -> str:
    folders = {
        str(PurePosixPath(p).parent.parent) for p in project.tree.present if PurePosixPath(p).parent.name == ".dlt"
    }
    return min(folders, default=".")


def empty_databases(project: Project) -> Iterator[Found]:
    """Paths of DuckDB files that nothing writes: opening one makes an empty database, and everything is green."""
    written = set(_written_files(project))
    existing = {PurePosixPath(p).name for p in project.tree.databases}
    for dbt in project.dbt:
        if not dbt.sources and not any(n.kind == "model" for n in dbt.nodes):
            continue
        for path, document in dbt.profiles:
            profile = str(dbt.config.get("profile"))
            for target, said in mapping(mapping(mapping(document.content).get(profile)).get("outputs")).items():
                output = mapping(said)
                file = str(output.get("path") or "")
                name = PurePosixPath(file).name
                if output.get("type") != "duckdb" or not name or re.search(r"[{:$]", file) or not dbt.sources:
                    continue
                if (inside := _beside(project, dbt, file)) is not None:
                    line = document.line(profile, "outputs", target, "path")
                    message = f"dbt is started in `{dbt.folder}` and opens `{inside}`, and what is loaded is in `{name}` above it"
                    yield Found(path=path, line=line, message=f"{message}: a new, empty database is made")
                    continue
                other = (written or existing) - {name}
                if name not in written | existing and other and (written or _near(name, other)):
                    line = document.line(profile, "outputs", target, "path")
                    wrote = ", ".join(f"`{b}`" for b in sorted(other))
                    message = f"dbt opens `{name}`, and what is loaded is in {wrote}: a new, empty database is made"
                    yield Found(path=path, line=line, message=message)
    yield from _opened(project, written | existing | _profile_files(project))


def _beside(project: Project, dbt: DbtProject, file: str) -> str | None:
    """The file in dbt's own folder that a bare name means there, where the loaded one of that name lies at the top."""
    inside, above = joined(dbt.folder, file), joined(".", file)
    if dbt.folder == "." or "/" in file or inside in project.tree.present:
        return None
    loaded = above in project.tree.databases or PurePosixPath(file).name in set(_written_files(project))
    texts = [
        t
        for p, t in project.tree.texts.items()
        if p.endswith((".yml", ".yaml", ".sh")) or PurePosixPath(p).name == "Makefile"
    ]
    said = "\n".join(texts)
    started = re.search(
        rf"(?:\bcd\s+|working-directory:\s*)(?:\./)?{re.escape(dbt.folder)}/?(?:\s|$|&)", said, re.MULTILINE
    )
    return inside if loaded and started and "--project-dir" not in said else None


def _near(name: str, known: set[str]) -> bool:
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.75))


def _written_files(project: Project) -> Iterator[str]:
    """The names of the DuckDB files into which dlt loads; nothing when one of them cannot be told."""
    found: list[str] = []
    configured = [
        t for p, t in project.tree.texts.items() if PurePosixPath(p).parent.name == ".dlt" and p.endswith(".toml")
    ]
    environment = words_of(project) + "\n".join(
        t for p, t in project.tree.texts.items() if PurePosixPath(p).name.startswith(".env")
    )
    if "DESTINATION__" in environment:
        return
    for p in project.loading.pipelines:
        if p.destination != "duckdb":
            continue
        if p.credentials is None and re.search(r"duckdb\s*\([^)]+\)|credentials\s*=", project.text(p.path)):
            return
        said = p.credentials or _configured(configured)
        found.append(PurePosixPath(said.removeprefix("duckdb:///")).name if said else f"{p.name}.duckdb")
        if p.name is None and not said:
            return
    yield from found


def _configured(texts: list[str]) -> str | None:
    for text in texts:
        try:
            said = mapping(mapping(tomllib.loads(text).get("destination")).get("duckdb")).get("credentials")
        except tomllib.TOMLDecodeError:
            continue
        path = mapping(said).get("database") if not isinstance(said, str) else said
        if isinstance(path, str):
            return path
    return None


def _profile_files(project: Project) -> set[str]:
    return {PurePosixPath(str(o.get("path") or "")).name for d in project.dbt for o in d.outputs.values()} - {""}


def _opened(project: Project, known: set[str]) -> Iterator[Found]:
    """`duckdb.connect("...")` with a name that is nearly, and not quite, one that exists."""
    for file in project.python:
        for call in file.calls:
            if dotted(call.func) not in {"duckdb.connect", "connect"} or "duckdb" not in file.imports:
                continue
            said = literal(call.args[0], file.assigned) if call.args else None
            name = PurePosixPath(said).name if said and ":" not in said else ""
            read_only = any(
                k.arg == "read_only" and isinstance(k.value, ast.Constant) and k.value.value for k in call.keywords
            )
            if name and name not in known and known and not read_only and _near(name, known):
                near = difflib.get_close_matches(name, known, n=1)[0]
                message = f"`{said}` is not there, so a new, empty database is made; did you mean `{near}`?"
                yield Found(path=file.path, line=call.lineno, message=message)
