"""`tidegate check`: judge what is published."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render, reports
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.integrations.dbt_selection import read_state
from tidegate.model import Selection
from tidegate.services.check import check as check_published
from tidegate.services.plan import plan as plan_published


def check(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when something would hold the version today: dbt's 1, with nothing selected no status but 2."""
    progress = StderrProgress(quiet=output.quiet)
    selection, wait_s = _selection(arguments), seconds(arguments.wait)
    if arguments.plan:
        if arguments.format or arguments.output or arguments.run_results:
            raise UsageError(
                "`--plan` judges nothing, so there is no report", hint="leave the formats out, or use `--json`"
            )
        with open_site(Path(arguments.project), progress) as site:
            planned = plan_published(site, wait_s=wait_s, selection=selection)
        if output.json:
            output.document("plan", planned)
        else:
            render.plan(output, planned, statements=arguments.statements)
        return 0
    places = reports.targets(arguments.format, arguments.output, json=arguments.json)
    with open_site(Path(arguments.project), progress) as site:
        outcome = check_published(site, wait_s=wait_s, selection=selection)
        reports.write(
            outcome,
            places,
            output,
            root=site.settings.root,
            statements=arguments.statements,
            results=arguments.run_results,
        )
    return 1 if any(f.holds for f in outcome.findings) else 0


def _selection(arguments: argparse.Namespace) -> Selection:
    if arguments.selector and (arguments.select or arguments.exclude):
        raise UsageError("`--selector` is a whole selection", hint="leave `--select` and `--exclude` out")
    before = read_state(Path(arguments.state)) if arguments.state else None
    return Selection(
        select=tuple(arguments.select),
        exclude=tuple(arguments.exclude),
        selector=arguments.selector,
        indirect=arguments.indirect_selection,
        before=before.nodes if before else None,
        results=before.results if before else None,
        loaded=before.loaded if before else None,
    )
