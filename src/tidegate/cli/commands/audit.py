"""`tidegate audit`: is the ledger the one that was written?"""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render_incidents
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.services import ledger


def verify(arguments: argparse.Namespace, output: Output) -> int:
    """1 when the chain is broken, or the state is not what the ledger says."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        found = ledger.verify(site, against=arguments.head)
        if output.json:
            output.document("audit", found)
        else:
            render_incidents.audit(output, found)
    return 0 if found.is_whole else 1
