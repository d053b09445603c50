"""Names say what a thing is for, and every module opens by saying it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from tests.guards.shape import FunctionNode, docstring_node
from tests.guards.source import PACKAGE, Source, package_sources, suite_sources

VAGUE_MODULES = re.compile(r"(?:^|_)(?:utils?|common|commons|helpers?|core|base|misc|shared|stuff)(?:_|$)")
VAGUE_CLASSES = re.compile(r"(?:Manager|Helper|Handler|Base|Impl|Utils?)$|^(?:Base|Abstract)[A-Z]")


def vague_names(source: Source) -> Iterator[str]:
    for part in source.path.with_suffix("").parts:
        if VAGUE_MODULES.search(part):
            yield f"{source.path}: `{part}` says nothing about what is in it"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and VAGUE_CLASSES.search(node.name):
            yield f"{source.path}:{node.lineno}: `{node.name}` is no noun of the field"


def silent_modules(source: Source) -> Iterator[str]:
    if not (ast.get_docstring(source.tree) or "").strip():
        yield f"{source.path}: open with one sentence, what it is for"


def silent_port_methods(source: Source) -> Iterator[str]:
    """Methods of a Protocol without a docstring, but for look-ups whose one argument and result say it all."""
    protocols = (
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b).startswith("Protocol") for b in node.bases)
    )
    for protocol in protocols:
        for node in protocol.body:
            is_method = isinstance(node, FunctionNode) and not node.decorator_list and not node.name.startswith("__")
            if is_method and docstring_node(node) is None and len(node.args.args + node.args.kwonlyargs) > 2:
                yield f"{source.path}:{node.lineno}: `{protocol.name}.{node.name}` has no contract"


def folders_without_init(sources: Sequence[Source]) -> set[str]:
    """Folders between the package and its modules that are no package; import-linter would not see what is in them."""
    present = {s.path for s in sources}
    folders = {parent for path in present for parent in path.parents if parent.is_relative_to(PACKAGE)}
    return {str(folder) for folder in folders if folder / "__init__.py" not in present}


def test_every_folder_is_a_package() -> None:
    assert folders_without_init(package_sources()) == set()


def test_names_are_not_vague() -> None:
    assert [f for s in package_sources() for f in vague_names(s)] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [f for s in (*package_sources(), *suite_sources()) for f in silent_modules(s)] == []


def test_the_methods_of_a_port_have_docstrings() -> None:
    ports = [s for s in package_sources() if s.unit == "ports"]
    assert ports, "no file in ports"
    assert [f for s in ports for f in silent_port_methods(s)] == []


def test_planted_faults_are_found() -> None:
    def planted(path: str, text: str) -> Source:
        return Source(PurePosixPath(f"src/tidegate/{path}"), text)

    for path in ("model/utils.py", "scan/base.py", "helpers/sql.py", "state/sql_helpers.py", "core.py"):
        assert list(vague_names(planted(path, ""))), path
    for path in ("detect/baseline.py", "scan/database.py", "score.py"):
        assert not list(vague_names(planted(path, ""))), path
    hidden = [planted("__init__.py", ""), planted("kit/shop/__init__.py", ""), planted("kit/shop/a.py", "")]
    assert folders_without_init(hidden) == {"src/tidegate/kit"}
    for name in ("RunManager", "BaseStep", "StepImpl", "EventHandler"):
        assert list(vague_names(planted("a.py", f"class {name}: ..."))), name
    for name in ("Baseline", "Database", "Step"):
        assert not list(vague_names(planted("a.py", f"class {name}: ..."))), name
    assert list(silent_modules(planted("a.py", "x = 1")))
    assert list(silent_modules(planted("a.py", "''' '''")))
    assert not list(silent_modules(planted("a.py", '"""What it is for."""')))
    port = "class P(Protocol[T]):\n    @property\n    def a(self) -> int: ...\n    def b(self, x: int, *, y: int) -> int: ...\n    def c(self, x: int) -> int: ...\n"
    assert [f.split(": ", 1)[1] for f in silent_port_methods(planted("ports/p.py", port))] == ["`P.b` has no contract"]
