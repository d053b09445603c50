"""`tidegate incidents`: list, show, ack, assign, note, suppress, resolve, stats, postmortem."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render, render_incidents
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.model import Role
from tidegate.services import incidents, respond
from tidegate.services.site import Site

ROLES = {"lead": Role.LEAD, "communications": Role.COMMUNICATIONS, "data-owner": Role.DATA_OWNER}
"""The roles as the command line calls them."""


@contextmanager
def _site(arguments: argparse.Namespace, output: Output, *, with_contracts: bool = False) -> Iterator[Site]:
    progress = StderrProgress(quiet=output.quiet)
    with open_site(Path(arguments.project), progress, with_steps=False, with_contracts=with_contracts) as site:
        yield site


def list_(arguments: argparse.Namespace, output: Output) -> int:
    """List incidents, newest first, up to a limit."""
    if arguments.limit < 1:
        raise UsageError(f"`--limit` is 1 or more; found `{arguments.limit}`", hint="leave it out for the newest 50")
    with _site(arguments, output) as site:
        states = () if arguments.all else incidents.UNSOLVED
        found = site.state.incidents(states=states, limit=arguments.limit)
        total = len(found) if len(found) < arguments.limit else site.state.count_incidents(states)
        if output.json:
            output.document("incidents", {"incidents": found, "total": total})
        else:
            render.incidents(output, found, now=site.clock.now())
            render_incidents.more(output, shown=len(found), total=total)
    return 0


def show(arguments: argparse.Namespace, output: Output) -> int:
    """Show one incident with its findings, samples, timeline and runbook."""
    from tidegate.app import runbooks

    with _site(arguments, output) as site:
        incident = incidents.find(site, arguments.number)
        timeline = site.state.events(subject=f"incident:{incident.number}")
        results = site.state.results(incident.version)
        runbook = runbooks.shown(site, incident)
        if output.json:
            output.document("incident", {"incident": incident, "timeline": timeline, "runbook": runbook})
        else:
            render.incident(output, incident, timeline, results, now=site.clock.now())
            render_incidents.runbook(output, runbook)
    return 0


def ack(arguments: argparse.Namespace, output: Output) -> int:
    """Acknowledge an incident."""
    with _site(arguments, output) as site:
        render.changed(output, respond.acknowledge(site, arguments.number, reason=arguments.reason))
    return 0


def assign(arguments: argparse.Namespace, output: Output) -> int:
    """Give somebody a role in an incident; without a name, to whoever acts."""
    with _site(arguments, output) as site:
        to, role = arguments.person or site.actor, ROLES[arguments.role]
        render.changed(output, respond.assign(site, arguments.number, to=to, role=role, reason=arguments.reason))
    return 0


def note(arguments: argparse.Namespace, output: Output) -> int:
    """Write a note into the timeline of an incident."""
    with _site(arguments, output) as site:
        render.changed(output, respond.note(site, arguments.number, arguments.text))
    return 0


def suppress(arguments: argparse.Namespace, output: Output) -> int:
    """Tell nobody of an incident for a time, or tell of it again."""
    if (arguments.lasts is None) == (not arguments.off):
        raise UsageError("exactly one of `--for` and `--off` is needed", hint="say how long, such as `--for 7d`")
    lasts = None if arguments.off else timedelta(seconds=seconds(arguments.lasts))
    with _site(arguments, output) as site:
        render.changed(output, respond.suppress(site, arguments.number, lasts=lasts, reason=arguments.reason))
    return 0


def resolve(arguments: argparse.Namespace, output: Output) -> int:
    """Resolve an incident."""
    resolution = arguments.resolution.replace("-", " ")
    with _site(arguments, output) as site:
        done = respond.resolve(
            site, arguments.number, reason=arguments.reason, resolution=resolution, waive=arguments.waive
        )
        render.changed(output, done)
    return 0


def stats(arguments: argparse.Namespace, output: Output) -> int:
    """How noisy and how quick incidents were. Always 0: looking is no finding."""
    if arguments.weeks < 1:
        raise UsageError(f"`--weeks` is 1 or more; found `{arguments.weeks}`", hint="leave it out for the last 8")
    from tidegate.services.stats import stats as read_stats

    with _site(arguments, output) as site:
        found = read_stats(site, weeks=arguments.weeks)
        if output.json:
            output.document("incident-stats", found)
        else:
            render_incidents.stats(output, found)
    return 0


def postmortem(arguments: argparse.Namespace, output: Output) -> int:
    """Write what an incident was. Always 0: looking back is no finding."""
    from tidegate.cli import reports
    from tidegate.integrations import postmortem_text
    from tidegate.services.postmortem import postmortem as read_back

    with _site(arguments, output, with_contracts=True) as site:
        found = read_back(site, arguments.number)
    page = postmortem_text.render(found)
    files = {Path(arguments.output): page} if arguments.output else {}
    if arguments.follow_ups:
        folder = Path(arguments.follow_ups)
        files[folder / "checks.yml"] = postmortem_text.checks(found)
        files[folder / "quality.yml"] = postmortem_text.quality(found)
        name = f"{found.drill.name}.yml" if found.drill is not None else "drill.yml"
        files[folder / "drills" / name] = postmortem_text.drill(found.drill) if found.drill is not None else ""
    for path, text in files.items():
        if text:
            reports.put(text, path, output)
        else:
            nothing = (
                "no fault is known that is like it"
                if path.parent.name == "drills"
                else ("no proposed check tells the bad version from a good one")
            )
            output.aside(f"nothing for {path}: {nothing}")
    if output.json:
        output.document("postmortem", found)
    elif not arguments.output:
        output.line(page.rstrip("\n"))
    return 0
