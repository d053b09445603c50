"""Fit a Markdown report into what a service takes: the most important rows first, and a count of what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

COMMENT = 65_000
"""A comment on GitHub may have 65,536 characters; counted here as UTF-16 code units, of which no character has fewer than one."""

SUMMARY = 1_000_000
"""A step's summary may have 1 MiB in UTF-8; GitHub drops a larger one whole."""

LONGEST_ROW = 2_000
"""A row that is longer is cut. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report: `title`, lines before the rows, and the rows, the most important first; `noun` is what one is."""

    title: str
    head: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    noun: str = "row"


def code_units(text: str) -> int:
    """The length of a text in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    """The length of a text in UTF-8."""
    return len(text.encode("utf-8", "replace"))


def fit(
    lead: Sequence[str], sections: Sequence[Section], *, limit: int, measure: Callable[[str], int] = code_units
) -> str:
    """The whole report where it fits. Else each section gets its share of the room, and what others do not need goes to the
    first ones; each says how many of its rows are left out, and the end how many of all.

    Args:
        lead: the lines before the first section; they are never left out, and cut when they alone are too long.
        limit: the most that `measure` may say of the result.
    """
    whole = [*lead, *(line for s in sections for line in _lines(s, len(s.rows)))]
    text = "\n".join(whole) + "\n"
    if measure(text) <= limit:
        return text
    shown = [0] * len(sections)
    head = _cut("\n".join(lead), limit // 2, measure)
    fixed = (
        measure(head)
        + sum(measure("\n".join([*_lines(s, 0), *s.head])) + 2 for s in sections)
        + measure(_end(10**9))
        + 2
    )
    room = limit - fixed
    if room < 0:  # not even the titles fit
        left = sum(len(s.rows) for s in sections)
        return f"{head}\n{_end(left)}\n"
    sizes = [[measure(_row(row)) + 1 for row in s.rows] for s in sections]
    share = room // max(len(sections), 1)
    for place, section in enumerate(sizes):
        room -= _take(shown, place, section, min(share, room))
    for place, section in enumerate(sizes):
        room -= _take(shown, place, section, room)
    left = sum(len(s.rows) - n for s, n in zip(sections, shown, strict=True))
    body = [line for s, n in zip(sections, shown, strict=True) for line in _lines(s, n)]
    return "\n".join([head, *body, _end(left)]) + "\n"


def _take(shown: list[int], place: int, sizes: Sequence[int], room: int) -> int:
    """Show further rows of a section as long as there is room; returns what they take."""
    taken = 0
    while shown[place] < len(sizes) and taken + sizes[shown[place]] <= room:
        taken += sizes[shown[place]]
        shown[place] += 1
    return taken


def _lines(section: Section, number: int) -> list[str]:
    """A section with so many of its rows."""
    left = len(section.rows) - number
    lines = ["", f"### {section.title}", "", *(section.head if number or not section.rows else ())]
    lines += [_row(row) for row in section.rows[:number]]
    return [*lines, *(["", f"_{left:,} more left out: {section.noun}_"] if left else [])]


def _row(row: str) -> str:
    return row if len(row) <= LONGEST_ROW else f"{row[: LONGEST_ROW - 3].rstrip()}… |"


def _end(left: int) -> str:
    return f"\n**Cut to fit: {left:,} rows are left out.** `tidegate ci report --format markdown=FILE` has them all."


def _cut(text: str, limit: int, measure: Callable[[str], int]) -> str:
    while measure(text) > limit:
        text = text[: max(0, len(text) * limit // measure(text) - 1)] + "…"
    return text
