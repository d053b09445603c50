"""Small readings of plain values that every part of the doctor needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

Raw = Mapping[str, object]


def mapping(value: object) -> Raw:
    """The mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def entries(value: object) -> list[Raw]:
    """The mappings of a list, and empty ones for what is none, so that indexes stay right."""
    return [mapping(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def texts(value: object) -> list[str]:
    """The items of a list as texts; of one text, that alone."""
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value if item is not None] if isinstance(value, Sequence) else []


def under(path: str, folder: str) -> bool:
    """Whether a path is in a folder or below it; `.` and the empty text are the project itself."""
    return folder in {"", "."} or path == folder or path.startswith(f"{folder.rstrip('/')}/")


def joined(folder: str, path: str) -> str:
    """A path below a folder, without `.` and `..` as far as they can be told; absolute ones stay."""
    whole = PurePosixPath(path) if path.startswith("/") else PurePosixPath(folder) / path
    parts: list[str] = []
    for part in whole.parts:
        if part == ".." and parts and parts[-1] not in {"..", "/"}:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return str(PurePosixPath(*parts)) if parts else "."


def line_of(text: str, position: int) -> int:
    """The line, from 1, of a place in a text."""
    return text.count("\n", 0, position) + 1


def first_line(text: str, pattern: str) -> int:
    """The line of the first match of a pattern; 1 when there is none. `^` and `$` are the ends of a line."""
    found = re.search(pattern, text, re.MULTILINE)
    return line_of(text, found.start()) if found else 1


def is_jinja(value: object) -> bool:
    """Whether only a template engine can tell the value."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "${" in value)


def matches(path: str, pattern: str) -> bool:
    """Whether a path is meant by a pattern such as `models/legacy/**`; a folder means what is below it."""
    plain = pattern.rstrip("/").removesuffix("/**")
    return fnmatchcase(path, pattern) or (bool(plain) and under(path, plain)) or fnmatchcase(path, f"{plain}/*")
