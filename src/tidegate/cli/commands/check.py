"""`tidegate check`: judge what is published."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.services.check import check as check_published


def check(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when something would hold the version today."""
    progress = StderrProgress(quiet=output.quiet)
    with open_site(Path(arguments.project), progress) as site:
        outcome = check_published(site, wait_s=seconds(arguments.wait))
        if output.json:
            output.document("check", outcome)
        else:
            render.check(output, outcome)
            if arguments.statements:
                render.statements(output, outcome.costs)
    return 1 if any(f.holds for f in outcome.findings) else 0
