"""`tidegate notify`: list, flush, test, mute."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.app.notify import channels
from tidegate.cli import render_notify
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.services import notify as service
from tidegate.services.site import Site

FLUSH_S = 60.0
"""How long `--flush` may take. Chosen, not derived."""

ACTIONS = ("list", "flush", "retry", "test", "mute", "unmute")


def notify(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when a message did not arrive, so that cron and a person notice; 2 when a target cannot be used."""
    asked = [name for name in ACTIONS if getattr(arguments, name) not in (False, None)]
    if len(asked) > 1:
        raise UsageError(f"`--{asked[0]}` and `--{asked[1]}` are two commands", hint="run one after the other")
    if "mute" in asked and not arguments.reason:
        raise UsageError("`--mute` needs a reason", hint='add `--reason "..."`; whoever is on call next will read it')
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        return _do(site, asked[0] if asked else "list", arguments, output)


def _do(site: Site, action: str, arguments: argparse.Namespace, output: Output) -> int:
    reach = channels(site.settings)
    if action == "list":
        render_notify.listing(output, service.listing(site, reach))
        return 0
    if action == "test":
        tried = service.test(site, reach, [arguments.test] if arguments.test else [])
        render_notify.tested(output, tried)
        if not all(t.usable for t in tried):
            return 2
        return 1 if any(t.error for t in tried) else 0
    if action == "mute":
        muted = service.mute(site, arguments.mute, for_s=seconds(arguments.duration), reason=arguments.reason)
        render_notify.muted(output, muted)
        return 0
    if action == "unmute":
        render_notify.unmuted(output, service.unmute(site, arguments.unmute, reason=arguments.reason))
        return 0
    if action == "retry":
        site.state.outbox.revive(site.clock.now())
    flushed = service.flush(site, reach, budget_s=FLUSH_S, patient=True)
    render_notify.flushed(output, flushed)
    return 1 if any(t.error for t in flushed.tried) else 0
