"""`tidegate ci report`: what a change does to data, for the people who review it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tidegate.app import ci_report as application
from tidegate.cli import reports
from tidegate.cli.output import Output, document
from tidegate.cli.progress import StderrProgress
from tidegate.config import find_project
from tidegate.integrations import change_reports, github, review_comment
from tidegate.integrations.fitted import COMMENT, SUMMARY, code_units
from tidegate.services.change import Change, headline

FORMATS = ("text", "json", "junit", "sarif", "github", "markdown")
LEVELS = {"error": "error", "warning": "warning", "note": "notice"}
WHOLE = 1 << 40
"""More than any report has."""


def report(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when a contract breaks, a check that holds fails that did not, doctor finds a new error, or one of these could
    not be told.
    """
    places = reports.targets(arguments.format, arguments.output, json=arguments.json, formats=FORMATS)
    root = find_project(Path(arguments.project))
    review = review_comment.review(os.environ, number=arguments.pull_request) if arguments.post else None
    progress = StderrProgress(quiet=output.quiet)
    told = application.report(root, progress, base=arguments.base, head=arguments.head)
    for name, path in places:
        _write(name, path, told, output, root)
    if arguments.post or any(name == "github" for name, _ in places):
        reports.summarise(change_reports.summary(told, room=SUMMARY - _written()))
    if review is not None:
        marker = review_comment.marker(arguments.name or root.name)
        posted = review.post(change_reports.comment(told, room=COMMENT - code_units(marker) - 1), marker)
        output.aside(f"{'wrote' if posted.created else 'updated'} the comment {posted.url}")
    return 1 if told.stops and arguments.fail_on == "findings" else 0


def _written() -> int:
    """How many bytes the step's summary has already."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(place).stat().st_size if place and Path(place).exists() else 0


def _write(name: str, path: Path | None, told: Change, output: Output, root: Path) -> None:
    below = reports.folder_in_repository(root)
    if name == "text" and path is None:
        _text(told, output)
        return
    if name == "json":
        text = document("ci-report", told)
    elif name == "sarif":
        text = change_reports.as_sarif(told, below=below, ended=datetime.now(UTC))
    elif name == "junit":
        text = change_reports.as_junit(told)
    elif name == "markdown":
        text = change_reports.summary(told, room=WHOLE)
    elif name == "github":
        text = "".join(f"{line}\n" for line in _annotations(told, below))
    else:
        text = reports.captured(lambda plain: _text(told, plain))
    reports.put(text, path, output)


def _annotations(told: Change, below: str) -> Iterator[str]:
    """At most as many of a level as GitHub shows; the last line counts the others."""
    lead = f"{below}/" if below else ""
    found = [("error", f"{lead}tidegate.yml", f"{o.id}: {c.where}", f"{c.what}: {c.reason}")
             for o in told.contracts for c in o.changes if c.breaking]  # fmt: skip
    found += [("error" if f.blocking else "warning", lead + (f.declared_in or "tidegate.yml"), f"{f.table}: {f.name}", f.reason)
              for f in told.failed]  # fmt: skip
    found += [
        (LEVELS[b.level], f"{lead}{b.path}:{b.line}", b.code, f"{b.message}\n{b.fix}") for b in told.findings or ()
    ]
    for level in ("error", "warning", "notice"):
        mine = [one for one in found if one[0] == level]
        shown = mine if len(mine) <= github.MOST else mine[: github.MOST - 1]
        for _, place, title, message in shown:
            yield github.annotation(level, place=place, title=title, message=message)
        if len(shown) < len(mine):
            more = f"{len(mine) - len(shown)} more are in the job's summary"
            yield github.annotation(level, place=None, title="tidegate ci report", message=more)
    yield f"tidegate ci report: {headline(told)}"


def _text(told: Change, output: Output) -> None:
    output.line(f"states   {told.base} -> {told.head}")
    for what in told.untold:
        output.line(f"untold   {what}")
    for one in told.contracts:
        for c in sorted(one.changes, key=lambda c: not c.breaking):
            word = output.strong("breaking", "red") if c.breaking else "contract"
            output.line(f"{word} {one.id}: {c.where}: {c.what} ({c.reason})")
    for f in told.failed:
        output.line(f"{output.strong('failing', 'red')}  {f.name} on {f.table}: {f.reason}")
    for b in told.findings or ():
        output.line(f"doctor   {b.path}:{b.line}: {b.level}: {b.message} ({b.code})")
    rows = []
    for t in told.tables:
        keys = (t.added, t.removed, t.changed)
        counts = "" if t.added is None else "/".join(str(n) for n in keys)
        shape = [f"-{name}" for name in t.removed_columns] + [f"+{name}" for name in t.added_columns]
        shape += [f"{name}: {old} -> {new}" for name, old, new in t.retyped] + [c.name for c in t.columns]
        rows.append([str(t.ref), t.state, _count(t.old_rows), _count(t.new_rows), counts, ", ".join(shape)])
    if rows:
        output.table(["table", "", "before", "after", "keys +/-/~", "columns"], rows, right=(2, 3))
    for r in told.reached:
        output.line(f"reaches  {r.kind} {r.name}{f' of {r.owner}' if r.owner else ''}")
    for k in told.checks:
        output.line(f"check    {k.what}: {k.name} on {k.table}")
    for cost in told.costs:
        output.line(f"cost     {cost.what}: {cost.old:,.2f} -> {cost.new:,.2f} {cost.unit}")
    word = output.strong("LOOK", "red") if told.stops else output.strong("FINE", "green")
    output.line(f"{word}  {headline(told)}")


def _count(rows: int | None) -> str:
    return "" if rows is None else f"{rows:,}"
