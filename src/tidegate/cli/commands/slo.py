"""`tidegate slo`: what was promised, what came of it, and how long the error budget lasts."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render_slo
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.model import Probed
from tidegate.services import slo as service


def slo(arguments: argparse.Namespace, output: Output) -> int:
    """1 when an objective is missed, burns too fast, or nobody can tell."""
    with open_site(
        Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False, with_contracts=True
    ) as site:
        probed: tuple[Probed, ...] = ()
        if arguments.probe:
            from tidegate.integrations.http_probe import UrllibAsker
            from tidegate.services.probe import probe

            probed = probe(site, UrllibAsker())
        found = service.levels(site, products=arguments.product, probed=probed)
        if output.json:
            output.document("slo", found)
        else:
            render_slo.levels(output, found)
    return 0 if found.is_fine else 1
