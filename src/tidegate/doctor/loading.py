"""What Python files say of dlt: its pipelines, resources and runs, and which functions load when they are called."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.doctor.python_source import (
    Function,
    PythonFile,
    called_at_import,
    dotted,
    keywords,
    last,
    literal,
    top_level,
)

UNREAD = "?"
"""Stands for a value that only running the script could tell."""

STATEFUL = ("incremental", "resource_state", "source_state", "dlt.state", "current.state", "last_value")
"""Words by which a resource remembers what it has loaded."""

PLAIN_SOURCES = frozenset(
    "sql_database sql_table filesystem readers read_csv read_parquet read_jsonl rest_api_source rest_api_resources".split()
)
"""dlt's own sources, which append unless they are told otherwise."""

DEFERRING = frozenset(
    "dag task asset multi_asset op job graph sensor schedule task_group command group fixture callback on_event".split()
)
"""Decorators of orchestrators and command lines: calling such a function at import registers it and runs nothing."""

WRITES = ("insert ", "create ", "copy ", "update ", "delete ", "drop ", "merge ", "truncate ", "replace ")
STARTERS = frozenset(
    "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen os.system".split()
)
WRITING_METHODS = frozenset("to_sql write_database load_table_from_dataframe load_table_from_json insert_rows".split())
PIPELINE_METHODS = frozenset("run extract load normalize".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One dlt resource. `disposition` is None where it says none, `?` where only running it could tell."""

    path: str
    line: int
    name: str
    disposition: str | None
    remembers: bool
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One `pipeline.run(...)`: `of` are the names of what it loads, `plain` tells that this is data or dlt's own source."""

    path: str
    line: int
    disposition: str | None
    of: tuple[str, ...]
    plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One `dlt.pipeline(...)`."""

    path: str
    line: int
    name: str | None
    destination: str | None
    dataset: str | None
    credentials: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtImport:
    """A call that importing the file makes and that loads or writes: the lines of its statement, and the call."""

    path: str
    first: int
    last: int
    call: str
    alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """Everything that was read of dlt."""

    pipelines: tuple[Pipeline, ...]
    resources: tuple[Resource, ...]
    loads: tuple[Load, ...]
    at_import: tuple[AtImport, ...]
    hinted: bool
    unreadable: bool


def loading(files: Sequence[PythonFile]) -> Loading:
    """Read all files together: what one imports from another is followed."""
    about = [f for f in files if f.uses_dlt]
    loaders = _loaders(files)
    return Loading(
        pipelines=tuple(p for f in about for p in _pipelines(f)),
        resources=tuple(r for f in about for r in _resources(f)),
        loads=tuple(x for f in about for x in _loads(f)),
        at_import=tuple(x for f in files for x in _at_import(f, loaders[f.path])),
        hinted=any("write_disposition" in keywords(c) for f in about for c in f.calls if last(c.func) == "apply_hints"),
        unreadable=any(last(c.func) in PLAIN_SOURCES for f in about for c in f.calls),
    )


def _pipelines(file: PythonFile) -> Iterator[Pipeline]:
    for call in file.calls:
        if dotted(call.func) not in {"dlt.pipeline", "pipeline"} or (
            dotted(call.func) == "pipeline" and "dlt.pipeline" not in file.imports
        ):
            continue
        said = keywords(call)
        target = said.get("destination")
        factory = target if isinstance(target, ast.Call) else None
        yield Pipeline(
            path=file.path,
            line=call.lineno,
            name=literal(said.get("pipeline_name") or (call.args[0] if call.args else None), file.assigned),
            destination=last(factory.func)
            if factory
            else literal(target, file.assigned) or (last(target) if target else None),
            dataset=literal(said.get("dataset_name"), file.assigned),
            credentials=literal(_credentials(said, factory), file.assigned),
        )


def _credentials(said: Mapping[str, ast.expr], factory: ast.Call | None) -> ast.expr | None:
    if factory is None:
        return said.get("credentials")
    return keywords(factory).get("credentials") or (factory.args[0] if factory.args else None)


def _resources(file: PythonFile) -> Iterator[Resource]:
    for node in ast.walk(file.tree):
        if isinstance(node, Function):
            for decorator in node.decorator_list:
                if _is_resource(decorator, file):
                    call = decorator if isinstance(decorator, ast.Call) else None
                    yield _resource(file, call, node.name, decorator.lineno, _reads(node, file))
        elif isinstance(node, ast.Call) and dotted(node.func) == "dlt.resource" and node.args:
            given = node.args[0]
            inner = file.functions.get(last(given))
            text = ast.unparse(node) + (_reads(inner, file) if inner else "")
            yield _resource(file, node, literal(keywords(node).get("name")) or last(given), node.lineno, text)


def _is_resource(decorator: ast.expr, file: PythonFile) -> bool:
    name = dotted(decorator)
    return name in {"dlt.resource", "dlt.transformer"} or (
        name in {"resource", "transformer"} and f"dlt.{name}" in file.imports
    )


def _resource(file: PythonFile, call: ast.Call | None, name: str, line: int, text: str) -> Resource:
    said = keywords(call) if call else {}
    selected = said.get("selected")
    return Resource(
        path=file.path,
        line=line,
        name=(literal(said["name"], file.assigned) or UNREAD) if "name" in said else name,
        disposition=_disposition(said.get("write_disposition"), file),
        remembers=any(word in text for word in STATEFUL) or "incremental" in said,
        selected=not (isinstance(selected, ast.Constant) and selected.value is False),
    )


def _reads(node: Function, file: PythonFile) -> str:
    """The text of a function and of those in the same file that it calls."""
    text = ast.unparse(node)
    called = {last(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    return text + "".join(ast.unparse(f) for name, f in file.functions.items() if name in called and f is not node)


def _disposition(node: ast.expr | None, file: PythonFile) -> str | None:
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return None
    if isinstance(node, ast.Name) and node.id in file.assigned:
        node = file.assigned[node.id]
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if literal(key) == "disposition":
                return literal(value) or UNREAD
    return literal(node) or UNREAD


def _loads(file: PythonFile) -> Iterator[Load]:
    for call in file.calls:
        if last(call.func) != "run" or not is_pipeline_call(call, file) or not (call.args or call.keywords):
            continue
        said = keywords(call)
        data = call.args[0] if call.args else said.get("data")
        given = _given(data, file)
        yield Load(
            path=file.path,
            line=call.lineno,
            disposition=_disposition(said.get("write_disposition"), file),
            of=tuple(name for name, _ in given),
            plain=bool(given) and all(plain for _, plain in given),
        )


def _given(node: ast.expr | None, file: PythonFile) -> list[tuple[str, bool]]:
    """The names of what is loaded, and whether each is plain data: a literal, a local function, dlt's own source."""
    if isinstance(node, ast.Name) and node.id in file.assigned:
        node = file.assigned[node.id]
    if isinstance(node, ast.List | ast.Tuple) and node.elts and not any(isinstance(e, ast.Dict) for e in node.elts):
        return [pair for element in node.elts for pair in _given(element, file)]
    if isinstance(node, ast.List | ast.ListComp | ast.GeneratorExp):
        return [("rows", True)]
    name = last(node) if node is not None else ""
    if isinstance(node, ast.Call) and name == "with_resources" and isinstance(node.func, ast.Attribute):
        return _given(node.func.value, file)
    if name in PLAIN_SOURCES:
        text = ast.unparse(file.tree)
        return [(name, not any(word in text for word in ("'write_disposition'", "apply_hints", "incremental")))]
    function = file.functions.get(name)
    if function is not None and isinstance(node, ast.Call | ast.Name):
        return [(name, not function.decorator_list and not _makes_resources(function, file))]
    return [(name, False)]


def _makes_resources(function: Function, file: PythonFile) -> bool:
    text = _reads(function, file)
    return "dlt." in text or any(f"{name}(" in text for name in PLAIN_SOURCES) or any(w in text for w in STATEFUL)


def is_pipeline_call(call: ast.Call, file: PythonFile) -> bool:
    """Whether it is a call of a method of a dlt pipeline that extracts or loads."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in PIPELINE_METHODS:
        return dotted(call.func) == "dlt.run"
    owner = dotted(call.func.value)
    name = owner.rpartition(".")[2]
    made = file.assigned.get(name)
    if made is not None and isinstance(made, ast.Call):
        return dotted(made.func) in {"dlt.pipeline", "dlt.attach"} or "pipeline" in dotted(made.func).lower()
    return owner in {"dlt.pipeline", "dlt", "dlt.attach"} or "pipeline" in name.lower()


def is_load(call: ast.Call, file: PythonFile) -> bool:
    """Whether a call by itself loads or writes data somewhere else."""
    name, method = dotted(call.func), last(call.func)
    if file.uses_dlt and is_pipeline_call(call, file):
        return True
    if method in WRITING_METHODS and isinstance(call.func, ast.Attribute):
        return True
    if name.endswith("dbtRunner.invoke") or (method == "invoke" and _is_dbt_runner(call, file)):
        return True
    if name in STARTERS and call.args:
        return _starts_dbt(call.args[0], file)
    if method in {"execute", "sql", "executemany", "query"} and isinstance(call.func, ast.Attribute) and call.args:
        said = literal(call.args[0], file.assigned)
        return said is not None and said.lstrip().lower().startswith(WRITES) and " temp " not in said.lower()[:40]
    return False


def _is_dbt_runner(call: ast.Call, file: PythonFile) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    made = file.assigned.get(owner.id) if isinstance(owner, ast.Name) else None
    return isinstance(made, ast.Call) and last(made.func) == "dbtRunner"


def _starts_dbt(node: ast.expr, file: PythonFile) -> bool:
    if isinstance(node, ast.Name) and node.id in file.assigned:
        node = file.assigned[node.id]
    words = (
        [literal(e) or "" for e in node.elts]
        if isinstance(node, ast.List | ast.Tuple)
        else (literal(node) or "").split()
    )
    return (
        bool(words) and words[0].rpartition("/")[2] == "dbt" and bool({"run", "build", "seed", "snapshot"} & set(words))
    )


def _loaders(files: Sequence[PythonFile]) -> Mapping[str, frozenset[str]]:
    """The names in each file that load when they are called: its own functions, and those that it imports."""
    places = _modules(files)
    edges = {f.path: list(_imported(f, places)) for f in files}
    calls = {
        f.path: [
            (name, list(_inside(function))) for name, function in f.functions.items() if not _is_deferred(function)
        ]
        for f in files
    }
    found = {f.path: {name for name, inside in calls[f.path] if any(is_load(c, f) for c in inside)} for f in files}
    called = {
        path: [(name, {c.func.id for c in inside if isinstance(c.func, ast.Name)}) for name, inside in said]
        for path, said in calls.items()
    }
    while True:
        before = sum(map(len, found.values()))
        for file in files:
            here = found[file.path]
            here |= {local for local, other, name in edges[file.path] if name in found[other]}
            here |= {name for name, names in called[file.path] if names & here}
        if sum(map(len, found.values())) == before:
            return {path: frozenset(names) for path, names in found.items()}


def _modules(files: Sequence[PythonFile]) -> Mapping[str, str]:
    """The files by every dotted name by which another one may import them: `ingest.shop` and `shop`."""
    found: dict[str, str] = {}
    for file in files:
        parts = file.path.removesuffix(".py").removesuffix("/__init__").split("/")
        for start in range(len(parts)):
            found.setdefault(".".join(parts[start:]), file.path)
    return found


def _imported(file: PythonFile, places: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What a file imports from others of the project: the local name, the other file, the name there."""
    for node in top_level(file.tree.body):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module in places:
            yield from ((a.asname or a.name, places[node.module], a.name) for a in node.names)


def _is_deferred(function: Function) -> bool:
    return any(last(d) in DEFERRING for d in function.decorator_list)


def _inside(function: Function) -> Iterator[ast.Call]:
    """The calls in a function, those of undecorated functions in it among them."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        here = stack.pop()
        if isinstance(here, Function) and here.decorator_list:
            continue
        if isinstance(here, ast.Call):
            yield here
        stack.extend(ast.iter_child_nodes(here))


def _at_import(file: PythonFile, known: frozenset[str]) -> Iterator[AtImport]:
    seen: set[int] = set()
    body = list(file.tree.body)
    for statement, call in called_at_import(file):
        loads = is_load(call, file) or (isinstance(call.func, ast.Name) and call.func.id in known)
        if loads and call.lineno not in seen:
            seen.add(call.lineno)
            at_end = bool(body) and body[-1] is statement and isinstance(statement, ast.Expr)
            last_line = statement.end_lineno or statement.lineno
            yield AtImport(
                path=file.path,
                first=statement.lineno if at_end else call.lineno,
                last=last_line,
                call=ast.unparse(call.func),
                alone=at_end,
            )
