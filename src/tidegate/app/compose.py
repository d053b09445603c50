"""Compose: open a project with its warehouse, its state and its steps."""

from __future__ import annotations

import dataclasses
import getpass
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from tidegate.app.adapters import adapter
from tidegate.app.notify import demand_targets, tell
from tidegate.app.state import open_state
from tidegate.config import find_project, load
from tidegate.errors import ConfigError
from tidegate.model import Settings, StepSettings
from tidegate.ports import AnswerStore, Progress, Side, Step, Warehouse
from tidegate.services.site import Site


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def cpu_s(self) -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def wall_s(self) -> float:
        return time.monotonic()


class _LazySides:
    """Loads what opens files when one is opened."""

    def open(self, place: str, root: Path) -> AbstractContextManager[Side]:
        from tidegate.warehouses.sides import FileSides

        return FileSides().open(place, root)


@contextmanager
def open_site(
    start: Path,
    progress: Progress,
    *,
    command: Sequence[str] = (),
    with_steps: bool = True,
    with_contracts: bool | None = None,
    environment: str | None = None,
) -> Iterator[Site]:
    """Open the project at or above `start`; everything is closed on leaving.

    Who must be told of what happened meanwhile is told then, within a bounded time; after a command with steps also of
    what was left over, or fell due since.

    Args:
        command: a command to run instead of the project's steps (`tidegate run -- dbt build`).
        with_steps: False leaves the step adapters out, for commands that only read.
        with_contracts: whether the contracts are read, and with them what they promise of products; None: with steps.
        environment: as for `tidegate.config.load`.

    Raises:
        ConfigError: see `tidegate.config.load`, `with_named_days` and, with contracts, `tidegate.app.contracts`.
        AdapterNotFoundError: a warehouse or step type that nobody registers.
    """
    settings = load(find_project(start), environment)
    if (with_steps if with_contracts is None else with_contracts) and settings.contract_files:
        from tidegate.app import contracts

        settings = contracts.with_contracts(settings)
    settings = with_named_days(settings)
    warehouse = _warehouse(settings)
    steps = _steps(settings, command) if with_steps else ()
    state = open_state(settings, create=with_steps)
    answers = _answers(settings) if with_steps else None
    site = Site(
        settings=settings,
        warehouse=warehouse,
        state=state,
        steps=steps,
        clock=SystemClock(),
        progress=progress,
        sides=_LazySides(),
        actor=actor(),
        answers=answers,
        revision=code_revision(settings.root) if with_steps else None,
    )
    try:
        yield site
    finally:
        if (with_steps or state.outbox.fresh) and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
            tell(site)
        state.close()
        if answers is not None:
            answers.close()


YEARS_BACK = 10
"""How far back holidays are looked up. Chosen, not derived."""


def with_named_days(settings: Settings) -> Settings:
    """The settings with the holidays of every country that they name.

    Raises:
        ConfigError: see `tidegate.integrations.public_holidays.days`.
    """
    if not settings.countries:
        return settings
    from tidegate.integrations import public_holidays

    year = datetime.now(UTC).year
    found = {c: public_holidays.days(c, first=year - YEARS_BACK, last=year + 1) for c in settings.countries}
    return dataclasses.replace(settings, named_days=found)


def _answers(settings: Settings) -> AnswerStore:
    from tidegate.state.answers import SQLiteAnswerStore

    return SQLiteAnswerStore(settings.state_path.with_name("answers.db"))


def _warehouse(settings: Settings) -> Warehouse:
    said = settings.warehouse
    make = cast(Callable[..., Warehouse], adapter("tidegate.warehouses", said.type, "warehouse"))
    return make(said.path, database=said.database)


def _steps(settings: Settings, command: Sequence[str]) -> tuple[Step, ...]:
    steps = tuple(_step(said) for said in settings.steps)
    if not command:
        return steps
    make = cast(Callable[..., Step], adapter("tidegate.steps", "command", "step"))
    env = {"TIDEGATE_ENVIRONMENT": settings.environment} if settings.environment else {}
    return (make("command", shlex.join(command), {"alongside": steps, "env": env}),)


def _step(said: StepSettings) -> Step:
    make = cast(Callable[..., Step], adapter("tidegate.steps", said.kind, "step"))
    return make(said.name, said.target, said.options)


def demand_adapters(settings: Settings) -> None:
    """Look up the adapter of the warehouse and of every target, and make every step; nothing is opened or run.

    Raises:
        AdapterNotFoundError: nobody registers one of them, or the channel of a notification.
        ConfigError: an option of a step, or a command, that the step cannot use.
        TargetError: a target has an option that it does not know, or a secret stands in the file.
    """
    adapter("tidegate.warehouses", settings.warehouse.type, "warehouse")
    _steps(settings, ())
    demand_targets(settings)


def demand_readable(settings: Settings) -> None:
    """Parse the SQL of every check in the file, and look up its countries; whether tables and columns exist, a run tells.

    Raises:
        ConfigError: it does not parse, or is no condition or query; there is no such country.
    """
    from tidegate.metrics import ConditionError, condition, query

    for check in settings.checks:
        try:
            if check.where:
                condition(check.where)
            if check.kind == "rule":
                condition(str(check.arguments["expression"]))
            if check.kind == "metric":
                query(str(check.arguments["sql"]))
        except ConditionError as error:
            raise ConfigError(f"{check.declared_in}: {error}", hint="correct the SQL of the check") from error
    with_named_days(settings)


def actor() -> str:
    """Who acts: `TIDEGATE_ACTOR`, else the user's login name."""
    said = os.environ.get("TIDEGATE_ACTOR")
    if said:
        return said
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def code_revision(folder: Path) -> str | None:
    """The commit that the project's folder is at, with `+changes` when files differ from it.

    `TIDEGATE_CODE_REVISION` says it where there is no git, as in an image. None where nobody knows.
    """
    if said := os.environ.get("TIDEGATE_CODE_REVISION"):
        return said
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}+changes" if changed else head


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, stdin=subprocess.DEVNULL)
    return done.stdout.strip()
