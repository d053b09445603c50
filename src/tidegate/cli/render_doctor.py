"""Render: what the doctor found, as text for a person."""

from __future__ import annotations

from tidegate.cli.output import Output
from tidegate.model.words import counted
from tidegate.services.doctor import Diagnosis

STYLES = {"error": "red", "warning": "bold", "note": "bold"}


def diagnosis(output: Output, told: Diagnosis) -> None:
    """Each finding with its place first, so that an editor can follow it; why and fix below; then what was not looked at."""
    for b in told.breaches:
        level = output.strong(b.level, STYLES[b.level])
        output.line(f"{b.path}:{b.line}: {level}: {b.message} [{b.code}]")
        output.line(f"  why: {b.why}")
        output.line(f"  fix: {b.fix}{' (--fix does it)' if b.fixable else ''}")
    for b in told.fixed:
        output.line(f"fixed    {b.path}:{b.line}: {b.message} [{b.code}]")
    for i in told.ignored:
        output.line(f"ignored  {i.breach.path}:{i.breach.line}: {i.breach.code} until {i.until}: {i.reason}")
    for note in told.notes:
        output.line(f"note     {note}")
    for why, codes in _grouped(told).items():
        output.line(f"not checked: {', '.join(codes)}: {why}")
    fixable = sum(b.fixable for b in told.breaches)
    more = f"; `--fix` repairs {fixable}" if fixable else ""
    output.line(f"{told.counts} by {told.rules} rules in {counted(told.files, 'file')}{more}")


def _grouped(told: Diagnosis) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, why in told.unchecked.items():
        found.setdefault(why, []).append(code)
    return found
