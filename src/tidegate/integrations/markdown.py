"""Write a report as Markdown, for the summary of a job or a comment on a change."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from tidegate.integrations.case_text import details
from tidegate.model import Outcome
from tidegate.model.words import inert
from tidegate.services.report import Case, Report

MARKS = {
    Outcome.FAIL: "❌ failed",
    Outcome.ERROR: "❌ could not be evaluated",
    Outcome.WARN: "⚠️ warned",
    Outcome.SKIPPED: "⏭️ skipped",
    Outcome.PASS: "✅ passed",
}
ORDER = (Outcome.FAIL, Outcome.ERROR, Outcome.WARN, Outcome.SKIPPED)
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")


def render(report: Report, *, samples: bool = True) -> str:
    """What did not pass as a table, each with its SQL and masked sample folded below; what passed is counted."""
    bad = [c for outcome in ORDER for c in report.cases if c.outcome is outcome]
    verdict = "failed" if any(c.outcome in {Outcome.FAIL, Outcome.ERROR} for c in bad) else "passed"
    verdict = verdict if report.cases else "looked at no check"
    lines = [f"## Tidegate check {verdict}", "", f"Version {report.version} as readers see it: {report.counts}."]
    if bad:
        lines += ["", "| | table | check | why | declared in |", "|---|---|---|---|---|"]
        lines += [_row(case) for case in bad]
    if samples:
        lines += [line for case in bad for line in _folded(case)]
    return "\n".join(lines) + "\n"


def _row(case: Case) -> str:
    place = f"`{case.place}`" if case.place else ""
    return f"| {MARKS[case.outcome]} | {plain(case.table)} | {plain(case.name)} | {plain(case.message)} | {place} |"


def _folded(case: Case) -> Iterator[str]:
    """A fence that no text inside can close."""
    if not case.sql and case.sample is None:
        return
    text = details(case)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    title = html.escape(
        inert(" ".join(f"{case.table}: {case.name}".split()))
    )  # an empty line would end the fold's HTML
    yield from ("", f"<details><summary>{title}</summary>", "", f"{fence}text", text, fence, "", "</details>")


def plain(text: str) -> str:
    """A text in a cell of a table, with nothing that Markdown or HTML would read."""
    return SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
