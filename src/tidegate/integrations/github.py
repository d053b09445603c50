"""Tell GitHub: annotations at the lines that demand what failed, and the summary of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.integrations import markdown
from tidegate.model import Outcome
from tidegate.services.report import FOUND, Case, Report

MOST = 10
"""GitHub shows no more annotations than these of a level and step, and says nothing of the others."""

MOST_BYTES = 1_000_000
"""A step's summary may have 1 MiB; GitHub drops a larger one whole."""

LEVELS = {Outcome.FAIL: "error", Outcome.ERROR: "error", Outcome.WARN: "warning", Outcome.SKIPPED: "notice"}


def render(report: Report) -> str:
    """Workflow commands, one a line, errors first; when there are more than GitHub shows, the last one counts the others."""
    lines: list[str] = []
    for level in ("error", "warning", "notice"):
        lines += _commands(level, [c for c in report.cases if LEVELS.get(c.outcome) == level])
    return "".join(f"{line}\n" for line in (*lines, f"tidegate check: {report.counts}"))


def _commands(level: str, cases: Sequence[Case]) -> Iterator[str]:
    shown = cases if len(cases) <= MOST else cases[: MOST - 1]
    for case in shown:
        yield _command(level, case)
    if len(shown) < len(cases):
        tables = ", ".join(dict.fromkeys(c.table for c in cases[len(shown) :]))
        rest = f"GitHub shows {MOST} of a level: {len(cases) - len(shown)} more are in the job's summary, on {tables}"
        yield f"::{level} title=tidegate check::{_data(rest)}"


def _command(level: str, case: Case) -> str:
    message = case.message if case.kind.startswith(FOUND) or not case.hint else f"{case.message}\n{case.hint}"
    return annotation(level, place=case.place, title=f"{case.table}: {case.name}", message=message)


def annotation(level: str, *, place: str | None, title: str, message: str) -> str:
    """One workflow command: `level` is error, warning or notice, `place` a `path:line` of the repository."""
    file, _, line = (place or "").partition(":")
    said = {"file": file, "line": line.partition(":")[0], "title": title}
    words = ",".join(f"{key}={_property(value)}" for key, value in said.items() if value)
    return f"::{level} {words}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(report: Report) -> str:
    """The Markdown for `$GITHUB_STEP_SUMMARY`, cut where GitHub would drop it."""
    text = markdown.render(report)
    if len(text.encode()) <= MOST_BYTES:
        return text
    short = markdown.render(report, samples=False)
    cut = short.encode()[:MOST_BYTES].decode(errors="ignore").rpartition("\n")[0]
    return f"{cut}\n\nCut here: GitHub shows no more than 1 MiB.\n"
