"""What the guards look at: the Python files of the package and of the tests, parsed."""

from __future__ import annotations

import ast
import io
import tokenize
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/tidegate"


@dataclass(frozen=True)
class Source:
    """One file; `path` is relative to the checkout."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @cached_property
    def tokens(self) -> tuple[tokenize.TokenInfo, ...]:
        return tuple(tokenize.generate_tokens(io.StringIO(self.text).readline))

    @cached_property
    def comments(self) -> tuple[tuple[int, str], ...]:
        """Line number and text of each comment, in order."""
        return tuple((t.start[0], t.string) for t in self.tokens if t.type == tokenize.COMMENT)

    @cached_property
    def code_lines(self) -> frozenset[int]:
        """Numbers of the lines that are neither blank nor only a comment."""
        lines = self.text.splitlines()
        layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
        spans = (range(t.start[0], t.end[0] + 1) for t in self.tokens if t.type not in layout)
        return frozenset(n for span in spans for n in span if lines[n - 1].strip())

    @property
    def unit(self) -> str:
        """The top-level unit of the package that it belongs to, such as `model`; empty for `tidegate` itself."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return "" if parts[0] == "__init__" else parts[0]


def sources(folder: str) -> tuple[Source, ...]:
    """Read every Python file under a folder of the checkout, but not the project files that are written to users.

    Raises:
        AssertionError: there is none, so that no guard passes by having looked at nothing.
    """
    found = tuple(
        Source(PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not is_template(path)
    )
    assert found, f"no Python file under {folder}"
    return found


def is_template(path: Path) -> bool:
    """Whether it is a project file in `kit`, which Tidegate writes to users and never imports."""
    parts = path.relative_to(ROOT).parts
    return "kit" in parts and "project" in parts[parts.index("kit") :]


@cache
def package_sources() -> tuple[Source, ...]:
    return sources(PACKAGE)


@cache
def suite_sources() -> tuple[Source, ...]:
    return sources("tests")


@cache
def pyproject() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def layers() -> tuple[tuple[str, ...], ...]:
    """The units of each layer, from the top, as import-linter's contract in pyproject.toml has them."""
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c["id"] == "layers")
    return tuple(tuple(unit.strip(" ()") for unit in row.split("|")) for row in rows)
