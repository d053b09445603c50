"""`tidegate reconcile`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render_recovery
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.services import closing
from tidegate.services import reconcile as reconciler
from tidegate.services.incidents import find
from tidegate.services.reconcile import Asked, Comparison
from tidegate.services.site import Site


def reconcile(arguments: argparse.Namespace, output: Output) -> int:
    """Compare two sides, or every table with the source that tidegate.yml names for it. 0 equal, 1 differs."""
    asked = Asked(
        tables=tuple(arguments.table),
        key=_names(arguments.key),
        columns=_names(arguments.columns),
        without=_names(arguments.without),
        by=_names(arguments.by),
        where=arguments.where,
        tolerance=arguments.tolerance,
        most=arguments.limit,
    )
    if (asked.tolerance is not None and asked.tolerance < 0) or asked.most < 1:
        raise UsageError(
            f"`--tolerance` is 0 or more and `--limit` 1 or more; found `{asked.tolerance}` and `{asked.most}`"
        )
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        if arguments.incident is not None:
            return _of_incident(site, arguments, output)
        found = _compared(site, arguments.old, arguments.new, asked)
    same = all(c.same for c in found)
    if output.json:
        output.document("reconcile", {"same": same, "comparisons": found})
    else:
        for comparison in found:
            render_recovery.comparison(output, comparison)
    return 0 if same else 1


def _of_incident(site: Site, arguments: argparse.Namespace, output: Output) -> int:
    if arguments.old is not None:
        raise UsageError("`--incident` says itself what is compared", hint="leave the sides out")
    incident = find(site, arguments.incident)
    outcome = closing.reconciliation(site, incident.number)
    site.state.append([closing.recorded(site, incident, outcome)])
    if output.json:
        output.document("reconciliation", {"reconciliation": outcome, "passes": outcome.passes})
    else:
        render_recovery.reconciliation(output, outcome)
    return 0 if outcome.passes else 1


def _compared(site: Site, old: str | None, new: str, asked: Asked) -> tuple[Comparison, ...]:
    if old is not None:
        return (reconciler.reconcile(site, old, new, asked),)
    return reconciler.with_sources(site, asked)


def _names(said: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in said.split(",") if name.strip()) if said else ()
