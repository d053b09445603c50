"""`tidegate init`: find what is here and write `tidegate.yml`, or write a whole project from a template."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.init import init as initialise
from tidegate.app.templates import write as write_template
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import UsageError


def init(arguments: argparse.Namespace, output: Output) -> int:
    """Say what was found, what was not, and what comes next."""
    if arguments.template:
        return _from_template(arguments, output)
    progress = StderrProgress(quiet=output.quiet)
    done = initialise(Path(arguments.project), progress, link_back=arguments.adopt, force=arguments.force)
    if output.json:
        output.document("init", done)
        return 0
    for line in done.found:
        output.line(f"found    {line}")
    for line in done.unknown:
        output.line(f"unclear  {line}")
    output.line(f"wrote    {done.path}")
    if done.adopted is not None:
        output.line(f"adopted  the database as version {done.adopted}; it is a link to the live version now")
    for line in done.advice:
        output.line(f"advice   {line}")
    output.line("next     tidegate config check, then tidegate run")
    return 0


def _from_template(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.adopt:
        raise UsageError("a template has no database to adopt", hint="leave `--adopt` or `--template` out")
    done = write_template(arguments.template, Path(arguments.project), force=arguments.force)
    if output.json:
        output.document("template", done)
        return 0
    output.line(f"wrote    {len(done.files)} files into {done.folder}")
    output.line(f"next     read README.md there, then: tidegate iot up --project {arguments.project}")
    return 0
