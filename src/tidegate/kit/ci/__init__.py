"""The workflows that `tidegate ci init` writes.

A template is the workflow itself with three additions: `<<name>>` stands for a value, at the beginning of a line for as
many lines as it has; what is between `#if name` and `#end` is there only when that value is not empty; what is between
`#for name` and `#end` is there once for each line of the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files

FILES: Mapping[str, str] = {"github": ".github/workflows/tidegate.yml", "gitlab": ".gitlab-ci.yml"}
"""Where each provider looks for its workflow."""

HOLE = re.compile(r"<<(\w+)>>")
ALONE = re.compile(r"^(?P<lead>\s*(?:- )?)<<(?P<name>\w+)>>$")


def workflow(provider: str, values: Mapping[str, str]) -> str:
    """The workflow of a provider with the values filled in.

    Raises:
        KeyError: the template asks for a value that is not there.
    """
    template = (files("tidegate.kit.ci") / f"{provider}.yml").read_text(encoding="utf-8")
    return "\n".join(_filled(template.splitlines(), values)) + "\n"


def _filled(lines: Sequence[str], values: Mapping[str, str]) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if line.startswith(("#if ", "#for ")):
            end = _end(lines, place)
            word, _, name = line.partition(" ")
            inner = lines[place + 1 : end]
            for one in values[name].splitlines() if word == "#for" else [values[name]] * bool(values[name]):
                yield from _filled(inner, {**values, name: one})
            place = end + 1
            continue
        yield from _line(line, values)
        place += 1


def _end(lines: Sequence[str], start: int) -> int:
    """The line of the `#end` that belongs to the block which begins at `start`."""
    deep = 0
    for place in range(start, len(lines)):
        deep += lines[place].startswith(("#if ", "#for ")) - (lines[place] == "#end")
        if deep == 0:
            return place
    raise ValueError(f"`{lines[start]}` has no `#end`")


def _line(line: str, values: Mapping[str, str]) -> Iterator[str]:
    alone = ALONE.match(line)
    if alone is None:
        yield HOLE.sub(lambda hole: values[hole[1]], line)
        return
    for one in values[alone["name"]].splitlines():
        yield alone["lead"] + one
