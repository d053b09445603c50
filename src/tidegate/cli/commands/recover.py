"""`tidegate recover`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render_recovery
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.services import backfill, closing
from tidegate.services import recover as recovery
from tidegate.services.recover import Way, Wish


def recover(arguments: argparse.Namespace, output: Output) -> int:
    """Propose a plan for an incident and carry it out. 1 when a step was held, or when `--yes` is missing."""
    if (arguments.start is None) != (arguments.end is None):
        raise UsageError(
            "`--from` and `--to` belong together", hint="give both, such as --from 2026-05-20 --to 2026-05-23"
        )
    wish = Wish(
        way=Way(arguments.way) if arguments.way else None,
        load=arguments.load,
        interval=backfill.interval(arguments.start, arguments.end) if arguments.start else None,
        full_refresh=arguments.full_refresh,
    )
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet)) as site:
        plan = recovery.propose(site, arguments.number, wish)
        destructive = any(s.destructive for s in plan.steps[plan.done :])
        if arguments.plan or (destructive and not arguments.yes):
            if output.json:
                output.document("recovery-plan", plan)
            else:
                render_recovery.plan(
                    output, plan, following=_following(arguments, destructive=destructive), asked=arguments.plan
                )
            return 0 if arguments.plan else 1
        done = recovery.execute(site, plan, reason=arguments.reason, wait_s=seconds(arguments.wait))
        found = closing.reconciliation(site, arguments.number)
    if output.json:
        output.document("recovery", {"recovery": done, "reconciliation": found, "passes": found.passes})
    else:
        render_recovery.recovered(output, done, found)
    return 0 if done.ended is None else 1


def _following(arguments: argparse.Namespace, *, destructive: bool) -> str:
    """The command that carries out the plan that was asked for by these arguments."""
    said = {"--by": arguments.way, "--load": arguments.load, "--from": arguments.start, "--to": arguments.end}
    words = ["tidegate", "recover", str(arguments.number)]
    words += [word for name, value in said.items() if value for word in (name, str(value))]
    words += ["--full-refresh"] if arguments.full_refresh else []
    return shlex.join([*words, *(["--yes"] if destructive else [])])
