"""`tidegate init`: find what is here and write `tidegate.yml`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.init import init as initialise
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress


def init(arguments: argparse.Namespace, output: Output) -> int:
    """Say what was found, what was not, and what comes next."""
    progress = StderrProgress(quiet=output.quiet)
    done = initialise(Path(arguments.project), progress, link_back=arguments.adopt, force=arguments.force)
    if output.json:
        output.document("init", done)
        return 0
    for line in done.found:
        output.line(f"found    {line}")
    for line in done.unknown:
        output.line(f"unclear  {line}")
    output.line(f"wrote    {done.path}")
    if done.adopted is not None:
        output.line(f"adopted  the database as version {done.adopted}; it is a link to the live version now")
    for line in done.advice:
        output.line(f"advice   {line}")
    output.line("next     tidegate config check, then tidegate run")
    return 0
