"""Match: how dbt compares names, wildcards and paths with what a selection says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from pathlib import PurePosixPath

WILDCARDS = ("*", "?", "[", "]")


def is_like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern with `*`, `?` and `[...]`."""
    return fnmatchcase(text, pattern)


def is_named(fqn: Sequence[str], wanted: str, *, versioned: bool) -> bool:
    """Whether a qualified name is what is wanted: its last part, its first parts, or a pattern from some part on."""
    if not fqn:
        return False
    if _is_last(fqn, wanted, versioned=versioned):
        return True
    flat = [part for segment in fqn for part in segment.split(".")]
    parts = wanted.split(".")
    if len(flat) < len(parts):
        return False
    for place, part in enumerate(parts):
        if any(sign in part for sign in WILDCARDS):
            if is_like(".".join(flat[place:]), ".".join(parts[place:])):
                return True
            return "." not in wanted and is_like(fqn[-2] if versioned and len(fqn) > 1 else fqn[-1], wanted)
        if flat[place] != part:
            return False
    return True


def _is_last(fqn: Sequence[str], wanted: str, *, versioned: bool) -> bool:
    """The name itself; of a versioned model also without its version, and with `.` or `_` before it."""
    if not versioned or len(fqn) < 2:
        return fqn[-1] == wanted
    return fqn[-2] == wanted or "_".join(fqn[-2:]) == "_".join(wanted.split(".")[-2:])


@lru_cache(maxsize=10_000)
def any_part(path: str) -> tuple[str, ...]:
    """A file and every folder above it but the root."""
    if not path:
        return ()
    whole = PurePosixPath(path)
    return (str(whole), *(str(p) for p in whole.parents if p != PurePosixPath(".")))


def is_glob_of(path: str, pattern: str, folder: str) -> bool:
    """Whether a pattern, relative to the dbt project or to the folder that it is in, means a path of the project."""
    parts = PurePosixPath(pattern).parts
    if parts == PurePosixPath(folder).parts or _fits(PurePosixPath(path).parts, parts):
        return True
    return folder != "." and _fits((PurePosixPath(folder) / path).parts, parts)


def _fits(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Part by part; `**` stands for any number of folders."""
    if not patterns:
        return not parts
    first, rest = patterns[0], patterns[1:]
    if first == "**":
        return any(_fits(parts[skipped:], rest) for skipped in range(len(parts) + 1))
    return bool(parts) and _compiled(first).fullmatch(parts[0]) is not None and _fits(parts[1:], rest)


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
