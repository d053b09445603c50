"""Measure the code's shape as docs and reviews quote it: `make shape` prints it, test_shape.py holds it to its limits."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.guards.source import Source, package_sources, suite_sources

BROAD = {"Exception", "BaseException"}
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function; `length` in lines of code, without its docstring, a nested function's lines included."""

    where: str
    name: str
    length: int
    typed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The numbers of one code base; `ignores` and `broad_excepts` are places, `*_per_k` are per 1,000 lines of code."""

    files: int
    code_lines: int
    functions: tuple[Function, ...]
    ignores: tuple[str, ...]
    broad_excepts: tuple[str, ...]

    @property
    def median(self) -> float:
        return statistics.median(f.length for f in self.functions)

    @property
    def p95(self) -> float:
        return statistics.quantiles((f.length for f in self.functions), n=20, method="inclusive")[-1]

    @property
    def longest(self) -> int:
        return max(f.length for f in self.functions)

    @property
    def typed(self) -> float:
        """The share of functions with every argument and the result annotated, 0 to 1."""
        return sum(f.typed for f in self.functions) / len(self.functions)

    def per_k(self, places: Sequence[str]) -> float:
        return 1000 * len(places) / self.code_lines


def docstring_node(node: ast.AST) -> ast.Expr | None:
    match getattr(node, "body", None):
        case [ast.Expr(value=ast.Constant(value=str())) as first, *_]:
            return first
    return None


def is_typed(node: FunctionNode) -> bool:
    a = node.args
    arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    if arguments and arguments[0].arg in {"self", "cls"}:
        arguments = arguments[1:]
    return node.returns is not None and all(x.annotation is not None for x in arguments)


def functions_of(source: Source) -> Iterator[Function]:
    for node in ast.walk(source.tree):
        if not isinstance(node, FunctionNode):
            continue
        lines = source.code_lines & set(range(node.lineno, node.end_lineno + 1))
        if (doc := docstring_node(node)) is not None:
            lines -= set(range(doc.lineno, doc.end_lineno + 1))
        where = f"{source.path}:{node.lineno}"
        yield Function(where=where, name=node.name, length=len(lines), typed=is_typed(node))


def ignores_of(source: Source) -> Iterator[str]:
    for line, comment in source.comments:
        if re.search(r"type:\s*ignore", comment):
            yield f"{source.path}:{line}"


def broad_excepts_of(source: Source) -> Iterator[str]:
    """Handlers that may swallow anything; one that tidies up and ends with `raise` does not."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and not isinstance(node.body[-1], ast.Raise):
            caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else BROAD
            if caught & BROAD:
                yield f"{source.path}:{node.lineno}"


def measure(sources: Sequence[Source]) -> Shape:
    return Shape(
        files=len(sources),
        code_lines=sum(len(s.code_lines) for s in sources),
        functions=tuple(f for s in sources for f in functions_of(s)),
        ignores=tuple(i for s in sources for i in ignores_of(s)),
        broad_excepts=tuple(b for s in sources for b in broad_excepts_of(s)),
    )


def table(code: Shape, tests: Shape) -> str:
    """One row, in the columns in which the project compares itself with others."""
    return (
        "| files | code k | function median/p95/max | typed | `type: ignore` per k | broad `except` per k | test:code |\n"
        "|--:|--:|--:|--:|--:|--:|--:|\n"
        f"| {code.files} | {code.code_lines / 1000:.1f} | {code.median:.0f}/{code.p95:.0f}/{code.longest} "
        f"| {code.typed:.1%} | {code.per_k(code.ignores):.1f} | {code.per_k(code.broad_excepts):.1f} "
        f"| {tests.code_lines / code.code_lines:.2f} |"
    )


if __name__ == "__main__":
    print(table(measure(package_sources()), measure(suite_sources())))
