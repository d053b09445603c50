"""`tidegate init`: find what is here and write `tidegate.yml`, its containers, or a whole project from a template."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app.docker import Containers, write_containers
from tidegate.app.init import Initialised
from tidegate.app.init import init as initialise
from tidegate.app.templates import write as write_template
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.config import FILE_NAME
from tidegate.errors import UsageError


def init(arguments: argparse.Namespace, output: Output) -> int:
    """Say what was found, what was not, and what comes next."""
    if arguments.template:
        return _from_template(arguments, output)
    if arguments.docker:
        return _containers(arguments, output)
    done = _initialised(arguments, output)
    if output.json:
        output.document("init", done)
        return 0
    _say(output, done)
    output.line("next     tidegate config check, then tidegate run")
    return 0


def _initialised(arguments: argparse.Namespace, output: Output) -> Initialised:
    progress = StderrProgress(quiet=output.quiet)
    return initialise(
        Path(arguments.project),
        progress,
        link_back=arguments.adopt,
        force=arguments.force,
        containers=arguments.docker,
    )


def _say(output: Output, done: Initialised) -> None:
    for line in done.found:
        output.line(f"found    {line}")
    for line in done.unknown:
        output.line(f"unclear  {line}")
    output.line(f"wrote    {done.path}")
    if done.adopted is not None:
        output.line(f"adopted  the database as version {done.adopted}; it is a link to the live version now")
    for line in done.advice:
        output.line(f"advice   {line}")


def _containers(arguments: argparse.Namespace, output: Output) -> int:
    """The container files; `tidegate.yml` too where there is none yet. One that is there stays, `--force` or not."""
    folder = Path(arguments.project)
    begun = None if (folder / FILE_NAME).exists() else _initialised(arguments, output)
    if begun is None and arguments.adopt:
        raise UsageError("`--adopt` is for a new `tidegate.yml`", hint="run `tidegate init --adopt` without `--docker`")
    done = write_containers(folder, force=arguments.force)
    if output.json:
        output.document("containers", {"init": begun, "containers": done})
        return 0
    if begun is not None:
        _say(output, begun)
    _say_containers(output, done)
    return 0


def _say_containers(output: Output, done: Containers) -> None:
    for name in done.files:
        output.line(f"wrote    {done.folder / name}")
    if done.unchanged:
        output.line(f"as it is {', '.join(done.unchanged)}")
    for line in done.advice:
        output.line(f"advice   {line}")
    output.line("next     cp .env.example .env, then docker compose build and docker compose run --rm pipeline")


def _from_template(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.adopt or arguments.docker:
        raise UsageError(
            "a template has no database to adopt and no container files",
            hint="leave `--template` out, or `--adopt` and `--docker`",
        )
    done = write_template(arguments.template, Path(arguments.project), force=arguments.force)
    if output.json:
        output.document("template", done)
        return 0
    output.line(f"wrote    {len(done.files)} files into {done.folder}")
    output.line(f"next     read README.md there, then: tidegate iot up --project {arguments.project}")
    return 0
