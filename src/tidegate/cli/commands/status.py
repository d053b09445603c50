"""`tidegate status`: what readers see, the last runs, the open incidents."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.services.status import status as read_status


def status(arguments: argparse.Namespace, output: Output) -> int:
    """Always 0: looking is no finding."""
    with open_site(
        Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False, with_contracts=True
    ) as site:
        found = read_status(site, runs=arguments.runs)
        if output.json:
            output.document("status", found)
        else:
            render.status(output, found)
    return 0
