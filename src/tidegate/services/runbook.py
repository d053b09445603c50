"""Runbooks: which sections of the team's Markdown an incident needs, with its own values filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from tidegate.detect.words import number, percent
from tidegate.errors import RunbookError
from tidegate.model import Band, Finding, Incident

HEADING: Final = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE: Final = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
BOUND: Final = re.compile(r"^\s*<!--\s*for:\s*(?P<said>.*?)\s*-->\s*$")
FIELD: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")

BY: Final = ("kind", "table", "column", "product", "severity")
"""What a section can be bound to: `<!-- for: kind=volume,segment table=raw.* -->`, all of it at once."""

FIELDS: Final = (
    *("incident", "severity", "sentence", "table", "column", "slice", "since", "observed", "expected", "rows", "sql"),
    *("run", "version", "published", "owner", "lead"),
)
"""What `{{name}}` in a runbook can stand for."""


SHARES: Final = frozenset({"nulls", "share", "unlike"})
"""Kinds of findings whose number is a share, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a runbook: its heading, what stands below it, where it stands, and what it is for.

    `bound` holds patterns by name (see `BY`); without any it is for every incident. `line` counts from 1.
    """

    title: str
    text: str
    source: str
    line: int
    bound: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A section as an incident shows it; `unknown` are the fields in it that stand for nothing."""

    title: str
    text: str
    source: str
    line: int
    unknown: tuple[str, ...] = ()


def read(text: str, source: str, *, bound: Mapping[str, tuple[str, ...]] | None = None) -> tuple[Section, ...]:
    """Cut Markdown into sections at its headings of the second level.

    A comment `<!-- for: … -->` directly below a heading binds that section; one before the first heading binds all of
    them, and so does `bound`. What stands before the first such heading is a section of its own, called as the file is.

    Raises:
        RunbookError: a binding that cannot be understood, with its line.
    """
    everywhere = dict(bound or {})
    titles = (m for m in map(HEADING.match, text.splitlines()) if m is not None)
    name = next((m[2] for m in titles if len(m[1]) == 1), source)
    found: list[Section] = []
    for title, line, lines in _parts(text):
        own: dict[str, tuple[str, ...]] = {}
        kept: list[str] = []
        for place, said in enumerate(lines):
            binding = None if any(kept_line.strip() for kept_line in kept) else BOUND.match(said)
            if binding is None:
                kept.append(said)
            else:
                own |= _binding(binding["said"], f"{source}:{line + 1 + place}")
        if title is None:
            everywhere |= own
            own = {}
        body = "\n".join(kept).strip("\n")
        if body.strip():
            found.append(Section(title=title or name, text=body, source=source, line=line or 1, bound=everywhere | own))
    return tuple(found)


def _parts(text: str) -> Iterator[tuple[str | None, int, list[str]]]:
    """Heading (None before the first), its line, and the lines below it; what stands in a fence is no heading."""
    title: str | None = None
    start, lines, fence = 0, list[str](), ""
    for place, line in enumerate(text.splitlines(), start=1):
        marker = FENCE.match(line)
        if marker and (not fence or marker[1].startswith(fence)):
            fence = "" if fence else marker[1]
        heading = None if fence else HEADING.match(line)
        if heading is None or len(heading[1]) > 2:
            lines.append(line)
        elif len(heading[1]) == 2:
            yield title, start, lines
            title, start, lines = heading[2], place, []
    yield title, start, lines


def _binding(said: str, place: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in said.split():
        name, _, patterns = word.partition("=")
        if name not in BY or not all(patterns.split(",")):
            raise RunbookError(
                f"`{place}`: `{word}` binds a section to nothing",
                hint=f"write NAME=PATTERN,PATTERN with a name of {', '.join(BY)}",
            )
        found[name] = tuple(patterns.split(","))
    return found


def advice(
    incident: Incident, own: Sequence[Section], built_in: Sequence[Section], values: Mapping[str, str]
) -> tuple[Advice, ...]:
    """What to show for an incident: the team's sections, and the shipped ones for what those say nothing about.

    Sections come in the order of the incident's findings, the root first. A line with a field that has no value in this
    incident is left out.
    """
    chosen: dict[tuple[str, int], Section] = {}
    for finding in incident.findings:
        mine = [s for s in own if fits(s, finding, incident)]
        named = any("kind" in s.bound for s in mine)
        for section in (*mine, *(() if named else (s for s in built_in if fits(s, finding, incident)))):
            chosen.setdefault((section.source, section.line), section)
    return tuple(filled(section, values) for section in chosen.values())


def fits(section: Section, finding: Finding, incident: Incident) -> bool:
    """Whether a section is for a finding: every binding has a pattern that fits."""
    actual = {
        "kind": (finding.kind,),
        "table": (str(finding.dataset),) if finding.dataset else (),
        "column": (finding.column,) if finding.column else (),
        "product": incident.products,
        "severity": (str(incident.severity),),
    }
    return all(
        any(fnmatchcase(value, pattern) for value in actual[name] for pattern in patterns)
        for name, patterns in section.bound.items()
    )


def filled(section: Section, values: Mapping[str, str]) -> Advice:
    """The section with its fields filled in; a statement of several lines takes the indentation of its line."""
    unknown = dict.fromkeys(name for name in FIELD.findall(section.text) if name not in FIELDS)
    kept = []
    for line in section.text.splitlines():
        names = [name for name in FIELD.findall(line) if name in FIELDS]
        if all(values.get(name) for name in names):
            kept.append(FIELD.sub(lambda m: values.get(m[1], m[0]), line))
    text = re.sub(r"^(`{3,}|~{3,})\w*\n+\1$\n?", "", "\n".join(kept), flags=re.MULTILINE)
    return Advice(
        title=section.title,
        text=re.sub(r"\n{3,}", "\n\n", text).strip("\n"),
        source=section.source,
        line=section.line,
        unknown=tuple(unknown),
    )


def values(incident: Incident, *, published: int | None = None, owners: Iterable[str] = ()) -> dict[str, str]:
    """The fields' values in an incident: those of its root finding."""
    root = incident.findings[0]
    known: dict[str, object] = {
        "incident": incident.number,
        "severity": incident.severity,
        "sentence": root.sentence.rstrip("."),
        "table": root.dataset,
        "column": root.column,
        "slice": root.slice.name if root.slice else None,
        "since": root.since,
        "observed": None if root.observed is None else _said(root.observed, root.kind),
        "expected": _band(root.expected, root.kind),
        "rows": root.affected_rows,
        "sql": root.sql,
        "run": incident.run,
        "version": incident.version,
        "published": published,
        "owner": ", ".join(dict.fromkeys(owners)),
        "lead": incident.assignee,
    }
    return {name: str(value) for name, value in known.items() if value not in (None, "")}


def _band(band: Band | None, kind: str) -> str | None:
    if band is None:
        return None
    low, high = _said(band.low, kind), _said(band.high, kind)
    return low if low == high else f"{low} to {high}"


def _said(value: float, kind: str) -> str:
    return percent(value) if kind in SHARES else number(value)
