"""`tidegate promote` and `tidegate environments`: from one environment to another, and how they differ."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.environments import open_pair, overview
from tidegate.cli import render_promotion as render
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.services import promote as promoter


def promote(arguments: argparse.Namespace, output: Output) -> int:
    """Show the evidence, record an approval, or take it there."""
    if arguments.plan and arguments.approve:
        raise UsageError("`--plan` and `--approve` go separately", hint="look first, then approve")
    if arguments.role is not None and not arguments.approve:
        raise UsageError("`--role` belongs to `--approve`", hint="add `--approve`, or leave `--role` out")
    progress = StderrProgress(quiet=output.quiet)
    with open_pair(Path(arguments.project), progress, source=arguments.source, to=arguments.to) as (source, target):
        if arguments.plan or arguments.approve:
            found = (
                promoter.approve(source, target, arguments.version, role=arguments.role, reason=arguments.reason,
                                 revision=arguments.revision)
                if arguments.approve
                else promoter.evidence(source, target, arguments.version, revision=arguments.revision)
            )  # fmt: skip
            done = promoter.Promoted(decision="approved" if arguments.approve else "plan", evidence=found)
        else:
            done = promoter.promote(
                source,
                target,
                arguments.version,
                reason=arguments.reason,
                wait_s=seconds(arguments.wait),
                revision=arguments.revision,
            )
        if output.json:
            output.document("promotion", done)
        else:
            render.promoted(output, done, public=target.warehouse.public_path())
    if done.decision == "plan":
        return 0 if done.evidence.is_complete else 1
    return 1 if done.decision == "held" else 0


def environments(arguments: argparse.Namespace, output: Output) -> int:
    """List the environments, and where each differs from the one before."""
    found = overview(Path(arguments.project), StderrProgress(quiet=output.quiet))
    if output.json:
        output.document("environments", found)
    else:
        render.environments(output, found)
    return 0
