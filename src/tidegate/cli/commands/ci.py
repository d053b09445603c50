"""`tidegate ci`: the stages of a project."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app import ci as application
from tidegate.cli import render_ci
from tidegate.cli.output import Output


def stages(arguments: argparse.Namespace, output: Output) -> int:
    """List what CI does with this project, and why other stages are left out."""
    found = application.stages(Path(arguments.project))
    if output.json:
        output.document("ci-stages", render_ci.listed(found))
    else:
        render_ci.plan(output, found)
    return 0
