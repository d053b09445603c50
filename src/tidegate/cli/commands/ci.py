"""`tidegate ci`: the stages of a project, running them, and the workflow that does."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from tidegate.app import ci as application
from tidegate.app.ci_init import init as write_workflow
from tidegate.app.ci_pin import pin as pin_actions
from tidegate.cli import render_ci, reports
from tidegate.cli.output import Output, document
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError
from tidegate.integrations import stage_reports
from tidegate.services.stages import StageOutcome

FORMATS = ("text", "json", "junit")


def stages(arguments: argparse.Namespace, output: Output) -> int:
    """List what CI does with this project, and why other stages are left out."""
    found = application.stages(Path(arguments.project))
    if output.json:
        output.document("ci-stages", render_ci.listed(found))
    else:
        render_ci.plan(output, found)
    return 0


def init(arguments: argparse.Namespace, output: Output) -> int:
    """Write the workflow and say what it has, what was left out, and what comes next."""
    done = write_workflow(
        Path(arguments.project),
        provider=arguments.provider,
        pythons=arguments.python,
        oidc=arguments.oidc,
        force=arguments.force,
    )
    if output.json:
        output.document("ci-init", done)
    else:
        render_ci.written(output, done)
    return 0


def pin(arguments: argparse.Namespace, output: Output) -> int:
    """Pin the actions of workflows, and say which commit each version is."""
    server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    pins = pin_actions(Path(arguments.project), arguments.file, server=server)
    if output.json:
        output.document("ci-pin", {"pins": pins})
        return 0
    for one in pins:
        output.line(f"pinned   {one.action}@{one.version} is {one.commit} ({one.file})")
    return 0


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run stages: 0 all passed, 1 something was found, 2 something could not run or looked at nothing."""
    if arguments.list:
        return stages(arguments, output)
    if arguments.all == bool(arguments.stage):
        raise UsageError("`ci run` takes one stage, or `--all`", hint="name one of those that `--list` shows")
    places = reports.targets(arguments.format, arguments.output, json=arguments.json, formats=FORMATS)
    wishes = application.variables(os.environ)
    if arguments.base:
        wishes = dataclasses.replace(wishes, base=arguments.base)
    shows = ("text", None) in places
    ended = application.run(
        Path(arguments.project),
        [arguments.stage] if arguments.stage else [],
        StderrProgress(quiet=output.quiet),
        wishes=wishes,
        done=lambda one: render_ci.stage(output, one) if shows else None,
    )
    for name, path in places:
        _write(name, path, ended, output)
    return render_ci.status(ended)


def _write(name: str, path: Path | None, ended: Sequence[StageOutcome], output: Output) -> None:
    if name == "text" and path is None:
        render_ci.end(output, ended)
        return
    if name == "json":
        text = document("ci-run", render_ci.told(ended))
    elif name == "junit":
        text = stage_reports.as_junit(ended)
    else:
        text = reports.captured(lambda plain: render_ci.whole(plain, ended))
    reports.put(text, path, output)
