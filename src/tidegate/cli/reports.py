"""Reports: which formats a command line asks for, where each goes, and writing them there."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from tidegate.cli import render
from tidegate.cli.output import Output, document
from tidegate.errors import UsageError
from tidegate.integrations import github, junit, markdown, run_results, sarif
from tidegate.services.check import CheckOutcome
from tidegate.services.report import Report, report

FORMATS = ("text", "json", "junit", "sarif", "github", "markdown")
Target = tuple[str, Path | None]


def targets(
    asked: Sequence[str], output: str | None, *, json: bool, formats: Sequence[str] = FORMATS
) -> tuple[Target, ...]:
    """Each of `formats` that is asked for with its file, None for stdout; text on stdout when nothing else goes there.

    Raises:
        UsageError: a format that does not exist, or two for the same place.
    """
    split = [word.partition("=") for word in [*asked, *(["json"] if json and "json" not in asked else [])]]
    for name, sign, file in split:
        if name not in formats or (sign and not file):
            raise UsageError(
                f"`--format {name}{sign}{file}` is no format", hint=f"one of {', '.join(formats)}, or FORMAT=FILE"
            )
    free = [name for name, sign, _ in split if not sign]
    if len(free) > 1:
        raise UsageError(f"two formats for one place: `{'` and `'.join(free)}`", hint="give one a file: FORMAT=FILE")
    if output and not free:
        free = ["text"] if not split else []
        if not free:
            raise UsageError(f"`--output {output}` has no format of its own", hint="leave it out, or name a format")
    found: list[Target] = [(name, Path(file)) for name, sign, file in split if sign]
    found += [(name, Path(output) if output else None) for name in free]
    return tuple(found) if any(path is None for _, path in found) else (*found, ("text", None))


def write(
    outcome: CheckOutcome,
    places: Sequence[Target],
    output: Output,
    *,
    root: Path,
    statements: bool,
    results: str | None,
) -> None:
    """Write an outcome in every format to its place; files are replaced, their folders made."""
    below = folder_in_repository(root)
    told = report(outcome, below=below)
    for name, path in places:
        if name == "text" and path is None:
            _text(outcome, output, statements=statements)
            continue
        if name == "text":
            text = captured(lambda plain: _text(outcome, plain, statements=statements))
        else:
            text = MAKERS[name](outcome, told, below)
        put(text, path, output)
        if name == "github":
            summarise(github.summary(told))
    if results:
        words = ["tidegate", *map(shlex.quote, sys.argv[1:])]
        put(run_results.render(told, invocation_id=str(uuid.uuid4()), command=words), Path(results), output)


MAKERS: dict[str, Callable[[CheckOutcome, Report, str], str]] = {
    "json": lambda outcome, _told, _below: document("check", outcome),
    "junit": lambda _outcome, told, _below: junit.render(told),
    "sarif": lambda _outcome, told, below: sarif.render(told, below=below),
    "github": lambda _outcome, told, _below: github.render(told),
    "markdown": lambda _outcome, told, _below: markdown.render(told),
}


def _text(outcome: CheckOutcome, output: Output, *, statements: bool) -> None:
    render.check(output, outcome)
    if statements:
        render.statements(output, outcome.costs)


def captured(write: Callable[[Output], None]) -> str:
    """What is written to stdout, as it would stand in a pipe."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        write(Output(color=False))
    return shown.getvalue()


def put(text: str, path: Path | None, output: Output) -> None:
    """Write a report to its file, whose folder is made, or to stdout."""
    if path is None:
        output.whole(text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    output.aside(f"wrote {path}")


def summarise(text: str) -> None:
    """Add to the summary of the job that this runs in; several steps may write to one file."""
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(text)


def folder_in_repository(root: Path) -> str:
    """The project's folder below the repository that it is in, as readers of reports need it; empty at its top or outside."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    tops = [Path(workspace).resolve()] if workspace else []
    tops += [folder for folder in (root, *root.parents) if (folder / ".git").exists()]
    top = next((t for t in tops if root.is_relative_to(t)), root)
    found = root.relative_to(top).as_posix()
    return "" if found == "." else found
