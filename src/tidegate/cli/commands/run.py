"""`tidegate run`: build, measure, judge, and publish or hold."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import ConfigError
from tidegate.model import Action
from tidegate.services.run import run as run_pipeline


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run the project's steps, or the command after `--`."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    progress = StderrProgress(quiet=output.quiet)
    with open_site(Path(arguments.project), progress, command=command) as site:
        if not site.steps:
            raise ConfigError(
                "there is nothing to run: `steps:` is empty",
                hint="add a step to `tidegate.yml`, or run `tidegate run -- COMMAND`",
            )
        outcome = run_pipeline(site, site.steps, wait_s=seconds(arguments.wait))
        if output.json:
            output.document("run", outcome)
        else:
            render.run(output, outcome, public=site.warehouse.public_path())
            if arguments.statements:
                render.statements(output, outcome.costs)
    return 0 if outcome.decision.action is Action.PUBLISH else 1
