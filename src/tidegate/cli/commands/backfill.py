"""`tidegate backfill`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.model import Action
from tidegate.services import backfill as filler


def backfill(arguments: argparse.Namespace, output: Output) -> int:
    """Build a stretch of time again, and publish it or hold it."""
    stretch = filler.interval(arguments.start, arguments.end)
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet)) as site:
        outcome = filler.backfill(
            site,
            stretch,
            target=arguments.target,
            full_refresh=arguments.full_refresh,
            reason=arguments.reason,
            wait_s=seconds(arguments.wait),
        )
        if output.json:
            output.document("run", outcome)
        else:
            render.run(output, outcome, public=site.warehouse.public_path())
    return 0 if outcome.decision.action is Action.PUBLISH else 1
