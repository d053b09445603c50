"""`tidegate backtest`: what the learned bands would have said of the past."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render_backtest
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.integrations import backtest_page
from tidegate.services.backtest import backtest as replay


def backtest(arguments: argparse.Namespace, output: Output) -> int:
    """Always 0: an alarm of the past holds nothing today."""
    for name in ("budget", "days"):
        said = getattr(arguments, name)
        if said is not None and not 0 < said < float("inf"):
            raise UsageError(f"`--{name} {said}` is not more than 0", hint="leave it out for the default")
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        found = replay(site, tables=arguments.table, budget=arguments.budget, days=arguments.days)
        if arguments.html:
            page = Path(arguments.html)
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(backtest_page.render(found, project=site.settings.root.name), encoding="utf-8")
            output.aside(f"wrote {page}")
        if output.json:
            output.document("backtest", found)
        else:
            render_backtest.backtest(output, found)
    return 0
