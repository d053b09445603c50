"""`tidegate statuspage`: how the data is, for the people who read it."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.integrations import badge, status_page
from tidegate.services import statuspage as service
from tidegate.services.site import Site


def statuspage(arguments: argparse.Namespace, output: Output) -> int:
    """Always 0: a page that tells of a fault is what was asked for."""
    every = timedelta(seconds=seconds(arguments.every))
    if every <= timedelta(0):
        raise UsageError(f"`--every {arguments.every}` is not more than 0", hint="write it as 30m or 1h")
    with open_site(
        Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False, with_contracts=True
    ) as site:
        if arguments.draft is not None:
            return _draft(site, arguments.draft, every, output)
        found = service.page(site, every=every)
    if arguments.output:
        _write(Path(arguments.output), status_page.render(found), output)
    for name, svg in badge.files(found.products, now=found.now).items() if arguments.badges else ():
        _write(Path(arguments.badges) / name, svg, output)
    if output.json:
        output.document("statuspage", found)
    elif not arguments.output and not arguments.badges:
        output.whole(status_page.render(found))
    return 0


def _draft(site: Site, number: int, every: timedelta, output: Output) -> int:
    found = service.draft(site, number, every=every)
    if output.json:
        output.document("statuspage-draft", found)
    else:
        output.whole(found.text)
    return 0


def _write(path: Path, text: str, output: Output) -> None:
    """Whole or not at all: a reader never gets half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
    output.aside(f"wrote {path}")
