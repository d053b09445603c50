"""`tidegate explain`: an alarm, a table, or an error code.

A number is an incident, what has a slash is the key of a finding, what is an error code is that, and anything else is a table.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.cli.output import Output
from tidegate.errors import NothingPublishedError, ProjectNotFoundError, TidegateError, UsageError

if TYPE_CHECKING:
    from tidegate.model import Band
    from tidegate.services.replay import Point

HERE = "-"
"""What `--plot` without a file stands for: the terminal."""

WIDTH = 80


def catalogue() -> dict[str, type[TidegateError]]:
    """Every error by its code, in the order of the tree."""
    found: dict[str, type[TidegateError]] = {}
    todo: list[type[TidegateError]] = [TidegateError]
    while todo:
        kind = todo.pop(0)
        found[kind.code] = kind
        todo[:0] = kind.__subclasses__()
    return found


def explain(arguments: argparse.Namespace, output: Output) -> int:
    """Explain one subject, or list all error codes. Always 0: to explain is no finding."""
    subject, plot = arguments.subject, arguments.plot
    if subject is None and plot not in (None, HERE) and not _is_file(plot):
        subject, plot = plot, HERE  # `--plot 3`
    if subject is None and plot is not None:
        raise UsageError("there is nothing to plot", hint="name an alarm or a table: `tidegate explain 3 --plot`")
    if subject is None:
        return _codes(output)
    if (kind := catalogue().get(subject)) is not None:
        if plot is not None:
            raise UsageError(f"`{subject}` is an error code, and has no plot", hint="name an alarm or a table")
        return _code(kind, output)
    if plot not in (None, HERE):
        from tidegate.integrations import plot_file

        plot_file.demand(Path(plot))
    is_alarm = subject.removeprefix("#").isdecimal() or "/" in subject
    return (_alarm if is_alarm else _table)(subject.removeprefix("#"), plot, arguments, output)


def _is_file(name: str) -> bool:
    from tidegate.integrations.plot_file import SUFFIXES

    return name.lower().endswith(SUFFIXES)


def _codes(output: Output) -> int:
    known = catalogue()
    if output.json:
        output.document("errors", {"errors": [_entry(kind) for kind in known.values()]})
    else:
        output.table(["code", "meaning"], [(code, _first_line(kind)) for code, kind in known.items()])
    return 0


def _code(kind: type[TidegateError], output: Output) -> int:
    if output.json:
        output.document("error-code", _entry(kind))
        return 0
    output.line(f"{kind.code}: {inspect.cleandoc(kind.__doc__ or '')}")
    output.line(f"exit status {kind.exit_status}, HTTP status {kind.http_status}")
    output.line(f"hint: {kind.default_hint}")
    return 0


def _alarm(subject: str, plot: str | None, arguments: argparse.Namespace, output: Output) -> int:
    from tidegate.app.compose import open_site
    from tidegate.cli import render_explain
    from tidegate.cli.progress import StderrProgress
    from tidegate.services.alarm import alarm

    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        found = alarm(site, subject)
        if output.json:
            output.document("alarm", found)
        elif plot != HERE:
            render_explain.alarm(output, found, now=site.clock.now())
    _plotted(output, plot, found.line, found.finding.expected, found.finding.sentence)
    return 0


def _table(subject: str, plot: str | None, arguments: argparse.Namespace, output: Output) -> int:
    from tidegate.app.compose import open_site
    from tidegate.cli import render_explain
    from tidegate.cli.progress import StderrProgress
    from tidegate.services.portrait import portrait

    try:
        with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
            found = portrait(site, subject)
            if output.json:
                output.document("table", found)
            elif plot != HERE:
                render_explain.table(output, found)
    except (ProjectNotFoundError, NothingPublishedError, UsageError) as error:
        raise _nearer(subject, error) from None
    rows = next(
        (e.band for e in found.outlook.expectations if e.spec.metric == "row_count" and not e.spec.segment), None
    )
    _plotted(output, plot, found.line, rows, f"rows of {found.dataset}", ahead=True)
    return 0


def _nearer(subject: str, error: TidegateError) -> TidegateError:
    """The error itself, with the nearest error code where the subject looks like one."""
    near = difflib.get_close_matches(subject, catalogue(), n=1, cutoff=0.7)
    if not near or "did you mean" in error.hint:
        return error
    return type(error)(str(error), hint=f"did you mean the error code `{near[0]}`? {error.hint}")


def _plotted(
    output: Output, plot: str | None, line: Sequence[Point], band: Band | None, title: str, *, ahead: bool = False
) -> None:
    """Draw where a plot was asked for; a number without a past has none, and that is told."""
    if plot is None:
        return
    if sum(p.value is not None for p in line) < 2:
        raise UsageError("there is no past of this number to plot", hint="leave out `--plot`")
    if plot != HERE:
        from tidegate.integrations import plot_file

        path = Path(plot)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plot_file.render(path, line, band, title, ahead=ahead))
        output.aside(f"wrote {path}")
    elif not output.json:
        from tidegate.integrations import plot_text

        red = partial(output.strong, style="red")
        output.entry("", title)
        for drawn in plot_text.render(line, band, width=WIDTH, unicode=output.unicode, strong=red, ahead=ahead):
            output.line(drawn)


def _first_line(kind: type[TidegateError]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]


def _entry(kind: type[TidegateError]) -> dict[str, object]:
    return {
        "code": kind.code,
        "meaning": inspect.cleandoc(kind.__doc__ or ""),
        "exit_status": kind.exit_status,
        "http_status": kind.http_status,
        "hint": kind.default_hint,
    }
