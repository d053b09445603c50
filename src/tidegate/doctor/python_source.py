"""Read a Python file without running it: what it imports, defines, and does when it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class PythonFile:
    """One file that could be parsed."""

    path: str
    text: str
    tree: ast.Module

    @cached_property
    def imports(self) -> frozenset[str]:
        """Dotted names of everything that the file imports anywhere."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                found.add(module)
                found |= {f"{module}.{alias.name}".lstrip(".") for alias in node.names}
        return frozenset(found)

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """The functions at the top of the file, by name."""
        return {node.name: node for node in top_level(self.tree.body) if isinstance(node, Function)}

    @cached_property
    def assigned(self) -> Mapping[str, ast.expr]:
        """What simple names stand for; a name that is assigned twice stands for nothing certain."""
        found: dict[str, ast.expr] = {}
        twice: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        twice |= {target.id} & set(found)
                        found[target.id] = node.value
        return {k: v for k, v in found.items() if k not in twice}

    @property
    def uses_dlt(self) -> bool:
        """Whether it imports dlt."""
        return any(name == "dlt" or name.startswith("dlt.") for name in self.imports)

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """Every call, wherever it stands."""
        return tuple(node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


def parsed(path: str, text: str) -> PythonFile | None:
    """The file; None when it is no Python that this version can read."""
    try:
        return PythonFile(path=path, text=text, tree=ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def dotted(node: ast.expr) -> str:
    """A name such as `dlt.pipeline`; calls inside are left out: `dlt.pipeline(...).run` is `dlt.pipeline.run`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def last(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return dotted(node).rpartition(".")[2]


def keywords(call: ast.Call) -> Mapping[str, ast.expr]:
    """The arguments that are passed by name."""
    return {k.arg: k.value for k in call.keywords if k.arg}


def literal(node: ast.expr | None, known: Mapping[str, ast.expr] | None = None) -> str | None:
    """A text that is written out, or a name that stands for one; None for what only running it could tell."""
    if isinstance(node, ast.Name) and known and node.id in known:
        node = known[node.id]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_main_guard(node: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) and "__main__" in ast.unparse(node.test)


def is_typing_guard(node: ast.stmt) -> bool:
    """Whether it is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that importing the file runs: blocks are opened, `if __name__ == "__main__"` is left out."""
    for node in body:
        if is_main_guard(node):
            assert isinstance(node, ast.If)  # noqa: S101  is_main_guard has looked already
            yield from top_level(node.orelse)
            continue
        if is_typing_guard(node):
            continue
        yield node
        if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for name in ("body", "orelse", "finalbody"):
                yield from top_level(getattr(node, name, []))
            for handler in getattr(node, "handlers", []):
                yield from top_level(handler.body)


def run_by(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that running a statement makes at once: not those in functions, lambdas and classes that it defines."""
    stack: list[ast.AST] = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, ast.Call):
            yield here
        if isinstance(here, ast.Lambda | Function):
            continue
        stack.extend(ast.iter_child_nodes(here))


def called_at_import(file: PythonFile) -> Iterator[tuple[ast.stmt, ast.Call]]:
    """Each call that importing the file makes, with its statement. What a compound statement holds comes with its own."""
    for node in top_level(file.tree.body):
        if isinstance(node, Function):
            continue
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if not isinstance(inner, Function):
                    yield from ((inner, call) for call in run_by(inner))
            continue
        own: list[ast.AST] = [node]
        if isinstance(node, ast.If | ast.While):
            own = [node.test]
        elif isinstance(node, ast.For):
            own = [node.iter]
        elif isinstance(node, ast.With):
            own = [item.context_expr for item in node.items]
        elif isinstance(node, ast.Try):
            own = []
        yield from ((node, call) for part in own for call in run_by(part))
