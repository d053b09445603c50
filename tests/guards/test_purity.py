"""From `services` down nothing opens a file, socket or database, and nothing reads the clock, chance or environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.guards.source import Source, layers, package_sources

HIGHEST_PURE = "services"
"""The highest layer that is pure; what stands above it is an adapter, the composition root or a front end."""

LOADS_MODULES = "demand"
"""The unit that packages load their own modules with; it does nothing else."""

IMPURE_MODULES = frozenset(
    """
    asyncio ctypes fcntl fileinput getpass glob http importlib linecache locale mmap multiprocessing os pkgutil platform
    pwd random runpy secrets select selectors shelve shutil signal site socket socketserver sqlite3 ssl subprocess sys
    sysconfig syslog tempfile time urllib webbrowser
    """.split()
)
IMPURE_BUILTINS = frozenset({"open", "print", "input", "breakpoint", "exec", "eval", "__import__"})
IMPURE_NAMES = frozenset(
    {
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "io.FileIO",
        "io.open",
        "pathlib.Path.cwd",
        "pathlib.Path.home",
        "uuid.uuid1",
        "uuid.uuid4",
    }
)
PATH_METHODS = frozenset(
    """
    absolute chmod exists expanduser hardlink_to is_dir is_file is_symlink iterdir lstat mkdir read_bytes read_text readlink
    resolve rglob rmdir samefile stat symlink_to touch unlink write_bytes write_text
    """.split()
)
"""What a `pathlib.Path` does to the disk. A path may be passed on as a value; names that other types share are not listed."""

SEEDED = frozenset({"BitGenerator", "Generator", "PCG64", "SeedSequence", "default_rng"})
"""What numpy.random offers without global state; a generator made without a seed is found separately."""


def pure_units() -> frozenset[str]:
    rows = layers()
    first = next(i for i, row in enumerate(rows) if HIGHEST_PURE in row)
    return frozenset(unit for row in rows[first:] for unit in row) - {LOADS_MODULES}


def imports(tree: ast.AST) -> Iterator[tuple[int, str, str, str]]:
    """Everything imported anywhere in the file: line, dotted name, the local name that it binds and what that stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield node.lineno, alias.name, alias.asname or top, alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full, alias.asname or alias.name, full


def dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return None


def is_impure_name(name: str) -> bool:
    _, _, chance = name.partition("numpy.random.")
    return name in IMPURE_NAMES or bool(chance and chance.split(".")[0] not in SEEDED)


def impure_calls(node: ast.Call, known: dict[str, str]) -> Iterator[str]:
    if isinstance(node.func, ast.Name) and node.func.id in IMPURE_BUILTINS and node.func.id not in known:
        yield f"{node.func.id}()"
    if isinstance(node.func, ast.Attribute) and node.func.attr in PATH_METHODS:
        yield f".{node.func.attr}()"
    name = full_name(node.func, known)
    if name and name.split(".")[-1] in {"default_rng", "SeedSequence"} and not (node.args or node.keywords):
        yield f"{name}() without a seed"


def full_name(node: ast.expr, known: dict[str, str]) -> str | None:
    name = dotted(node)
    if name is None:
        return None
    first, _, rest = name.partition(".")
    return f"{known[first]}.{rest}".rstrip(".") if first in known else None


def impurities(source: Source) -> Iterator[str]:
    imported = list(imports(source.tree))
    known = {local: meant for _, _, local, meant in imported}
    for line, full, _, _ in imported:
        if full.split(".")[0] in IMPURE_MODULES or is_impure_name(full):
            yield f"{source.path}:{line}: imports {full}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and is_impure_name(full_name(node, known) or ""):
            yield f"{source.path}:{node.lineno}: {full_name(node, known)}"
        if isinstance(node, ast.Call):
            for what in impure_calls(node, known):
                yield f"{source.path}:{node.lineno}: {what}"


def test_the_pure_part_is_pure() -> None:
    pure = [s for s in package_sources() if s.unit in pure_units()]
    assert {"model", "errors", "ports"} <= {s.unit for s in pure}, "the pure part was not found"
    assert [f for s in pure for f in impurities(s)] == []


def test_the_pure_part_is_what_the_layers_say() -> None:
    assert pure_units() == {
        *("services", "ports", "doctor", "checks", "scan", "lineage", "detect", "metrics", "slo", "model", "errors"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "import os.path as p",
        "from urllib.request import urlopen",
        "def f():\n    import time\n",
        "if TYPE_CHECKING:\n    import sqlite3\n",
        "from datetime import datetime as dt\nx = dt.now(UTC)",
        "import datetime\nx = datetime.datetime.utcnow()",
        "import datetime as d\nf = field(default_factory=d.date.today)",
        "from uuid import uuid4",
        "import uuid\nx = uuid.uuid4()",
        "open('x')",
        "print('x')",
        "from pathlib import Path\nPath('x').read_text()",
        "from pathlib import Path\nx = Path.cwd()",
        "path.mkdir(parents=True)",
        "import numpy as np\nnp.random.seed(1)",
        "import numpy.random\nnumpy.random.normal()",
        "from numpy.random import normal",
        "import numpy as np\nnp.random.default_rng()",
        "from numpy.random import default_rng\ndefault_rng()",
    ],
)
def test_planted_impurities_are_found(text: str) -> None:
    assert list(impurities(Source(PurePosixPath("planted.py"), text)))


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import UTC, datetime\nx = datetime(2026, 1, 1, tzinfo=UTC)",
        "def f(clock): return clock.now()",
        "def f(warehouse): return warehouse.open()",
        "from pathlib import Path\ndef f(folder: Path) -> Path: return folder / 'x'",
        "import numpy as np\ndef f(seed: int): return np.random.default_rng(seed).normal()",
        "import numpy as np\ndef f(rng: np.random.Generator): return rng.normal()",
        "from tidegate.ports.progress import print\nprint('x')",
        "import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'x')",
    ],
)
def test_what_is_pure_passes(text: str) -> None:
    assert list(impurities(Source(PurePosixPath("planted.py"), text))) == []
