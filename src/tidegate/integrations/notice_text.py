"""A notice as plain words, for channels that have nothing better and for what each of them says in a line."""

from __future__ import annotations

from tidegate.model import IncidentState, Notice, NoticeKind

LOUD = frozenset({NoticeKind.OPENED, NoticeKind.REOPENED, NoticeKind.ESCALATED, NoticeKind.WORSE, NoticeKind.REMINDER})
"""What wants somebody to act."""

OVER = frozenset({IncidentState.MITIGATED, IncidentState.RESOLVED, IncidentState.REVIEWED})
"""States in which nobody has to get up at night."""

DOUBLED = "an earlier try may have arrived too, so this may be there twice"


def label(notice: Notice) -> str:
    """Where a message belongs, in a few words: `sev2 open · shop, incident 7`."""
    if notice.kind is NoticeKind.TEST:
        return f"TEST · {notice.project}"
    numbers = notice.incidents
    which = f"incident {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} incidents"
    return f"{notice.severity} {notice.state} · {notice.project}, {which}"


def line(notice: Notice) -> str:
    """The message in one line."""
    return f"{label(notice)}: {notice.headline} ({notice.news})"


def plain(notice: Notice, *, doubled: bool = True) -> str:
    """The message as text: a line for what is wrong, then where, since when, what readers see and what to do."""
    lines = [label(notice), notice.headline, f"  {'news':<10} {notice.news}"]
    lines += [f"  {name:<10} {text}" for name, text in notice.facts]
    lines += [f"  {'run':<10} {command}" for command in notice.commands]
    lines += [f"  {title:<10} {url}" for title, url in notice.links]
    if notice.again and doubled:
        lines.append(f"  {'note':<10} {DOUBLED}")
    return "\n".join(lines)


def cut(text: str, limit: int) -> str:
    """The text in at most so many characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
