"""`tidegate incidents`: list, show, ack, resolve."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.services import incidents


def list_(arguments: argparse.Namespace, output: Output) -> int:
    """List incidents, newest first."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        found = site.state.incidents(states=() if arguments.all else incidents.UNSOLVED)
        if output.json:
            output.document("incidents", {"incidents": found})
        else:
            render.incidents(output, found)
    return 0


def show(arguments: argparse.Namespace, output: Output) -> int:
    """Show one incident with its findings, samples and timeline."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        incident = incidents.find(site, arguments.number)
        timeline = site.state.events(subject=f"incident:{incident.number}")
        results = site.state.results(incident.version)
        if output.json:
            output.document("incident", {"incident": incident, "timeline": timeline})
        else:
            render.incident(output, incident, timeline, results)
    return 0


def ack(arguments: argparse.Namespace, output: Output) -> int:
    """Acknowledge an incident."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        render.changed(output, incidents.acknowledge(site, arguments.number, reason=arguments.reason))
    return 0


def resolve(arguments: argparse.Namespace, output: Output) -> int:
    """Resolve an incident."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        done = incidents.resolve(site, arguments.number, reason=arguments.reason, resolution=arguments.resolution)
        render.changed(output, done)
    return 0
