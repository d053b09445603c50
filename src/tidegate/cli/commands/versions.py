"""`tidegate versions`, `diff`, `publish` and `rollback`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.cli import render
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.model import IncidentState, VersionState
from tidegate.services import publish as publisher
from tidegate.services.incidents import UNSOLVED


def versions(arguments: argparse.Namespace, output: Output) -> int:
    """List versions, newest first."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        found = [v for v in site.state.versions() if arguments.all or v.state is not VersionState.PRUNED]
        kept = set(site.warehouse.kept())
        sizes = {v.number: site.warehouse.size_bytes(v.number) for v in found if v.number in kept}
        if output.json:
            output.document("versions", {"versions": found, "size_bytes": sizes})
        else:
            render.versions(output, found, sizes)
    return 0


def diff(arguments: argparse.Namespace, output: Output) -> int:
    """Compare two versions; by default what the published one changed."""
    from tidegate.services import diff as differ

    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        old, new = arguments.old, arguments.new
        if new is None:
            published = site.state.published()
            if published is None:
                raise publisher.nothing_published(site)
            new = published.number
            if old is None:
                if published.parent is None:
                    raise UsageError(
                        f"version `{new}` began empty, so there is nothing to compare it with",
                        hint="name two versions: `tidegate diff A B`; `tidegate versions` lists them",
                    )
                old = published.parent
        found = differ.diff(site, old, new)
        if output.json:
            output.document("diff", {"old": old, "new": new, "tables": found})
        else:
            render.diff(output, old, new, found)
    return 0


def publish(arguments: argparse.Namespace, output: Output) -> int:
    """Publish a held or retired version by hand."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        before = site.state.incidents(states=UNSOLVED)
        version = publisher.publish_by_hand(
            site, arguments.version, reason=arguments.reason, wait_s=seconds(arguments.wait)
        )
        now = [site.state.incident(i.number) for i in before]
        resolved = [i for i in now if i is not None and i.state is IncidentState.RESOLVED]
        render.published(output, version, site.warehouse.public_path(), resolved=resolved)
    return 0


def rollback(arguments: argparse.Namespace, output: Output) -> int:
    """Put an earlier version back."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        version = publisher.rollback(site, arguments.version, reason=arguments.reason, wait_s=seconds(arguments.wait))
        render.published(output, version, site.warehouse.public_path())
    return 0
