"""CI: run the stages of a project, on a laptop as in the workflow."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.app import ci_data, ci_deploy, doctor, throwaway
from tidegate.config import find_project, load
from tidegate.errors import ConfigError, ExecutableNotFoundError, NothingCheckedError, TidegateError, UsageError
from tidegate.integrations import process
from tidegate.integrations.project_tree import read_project
from tidegate.model import Outcome, Settings
from tidegate.model.words import counted
from tidegate.ports import Progress
from tidegate.services.stages import (
    HINTS,
    NEEDS,
    STAGES,
    Case,
    Plan,
    Stage,
    StageOutcome,
    Task,
    judged,
    plan,
    shortened,
)

TOOL_TIMEOUT_S = 3_600.0
"""How long one program of a stage may take. Chosen, not derived."""

CREDENTIALS = ("secret-in-tree", "git-credentials", "py-credentials-in-code")
"""The doctor's rules that are about credentials in the files as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person can say about stages: the commit that production runs, and the folder in which it does."""

    base: str | None = None
    production: Path | None = None


def stages(start: Path) -> Plan:
    """The stages of the project at or above `start`; nothing is run.

    Raises:
        ConfigError: see `tidegate.config.load`.
    """
    return _planned(load(find_project(start)))


def _planned(settings: Settings) -> Plan:
    project, _ = read_project(settings.root)
    return plan(project, settings.steps)


def run(
    start: Path, names: Sequence[str], progress: Progress, *, wishes: Wishes, done: Callable[[StageOutcome], None]
) -> tuple[StageOutcome, ...]:
    """Run stages in their order; all but `deploy` where none is named. `done` is called after each.

    A stage whose `NEEDS` did not pass just now is skipped.

    Raises:
        ConfigError: see `tidegate.config.load`.
        UsageError: a stage that does not exist.
        NothingCheckedError: a stage that the project does not have, or no stage at all.
    """
    settings = load(find_project(start))
    planned = _planned(settings)
    chosen = [_known(planned, name) for name in names] or [s for s in planned.stages if s.name != "deploy"]
    ended: dict[str, StageOutcome] = {}
    for stage in chosen:
        lacking = next(
            (n for n in NEEDS.get(stage.name, ()) if n in ended and ended[n].outcome is not Outcome.PASS), None
        )
        ended[stage.name] = _skipped(stage, lacking) if lacking else _run(settings, stage, progress, wishes)
        done(ended[stage.name])
    return tuple(ended.values())


def _known(planned: Plan, name: str) -> Stage:
    stage = planned.stage(name)
    if stage is not None:
        return stage
    if name not in STAGES:
        raise UsageError(f"there is no stage `{name}`", hint=f"one of {', '.join(STAGES)}")
    raise NothingCheckedError(
        f"stage `{name}` has nothing to do here: {planned.left_out[name]}",
        hint="`tidegate ci init --provider github --force` (or `gitlab`) writes a workflow without it; `tidegate ci run --list` shows the others",
    )


def _skipped(stage: Stage, lacking: str) -> StageOutcome:
    case = Case(name=stage.name, outcome=Outcome.SKIPPED, message=f"it needs `{lacking}`, which did not pass")
    return StageOutcome(stage=stage.name, cases=(case,), seconds=0.0)


def _run(settings: Settings, stage: Stage, progress: Progress, wishes: Wishes) -> StageOutcome:
    progress.stage(f"stage:{stage.name}", stage.about)
    begun = time.monotonic()
    try:
        cases = _cases(settings, stage, progress, wishes)
    except TidegateError as error:
        cases = (Case(name=stage.name, outcome=Outcome.ERROR, message=str(error), hint=error.hint),)
    return StageOutcome(stage=stage.name, cases=cases, seconds=time.monotonic() - begun)


def _cases(settings: Settings, stage: Stage, progress: Progress, wishes: Wishes) -> tuple[Case, ...]:
    if stage.tasks:
        lacking = ci_data.install_packages(settings, progress) if stage.name == "parse" else ()
        return (*lacking, *(_tool(settings, task, progress) for task in stage.tasks))
    match stage.name:
        case "secrets":
            return _credentials(settings, progress)
        case "build":
            return ci_data.build(settings, progress)
        case "checks":
            return ci_data.check(settings, progress)
        case "diff":
            return ci_data.compare(settings, progress, base=wishes.base)
        case "deploy":
            return ci_deploy.deploy(settings, progress, production=wishes.production)
        case _:
            raise AssertionError(f"nobody runs the stage {stage.name}")


def _tool(settings: Settings, task: Task, progress: Progress) -> Case:
    """Run one program of the project's and say how it ended."""
    progress.stage(task.name, task.folder if task.folder != "." else "")
    scratch = throwaway.place(settings, task.tool.stage).folder
    scratch.mkdir(parents=True, exist_ok=True)
    report = scratch / task.tool.report
    if task.tool.report:
        report.unlink(missing_ok=True)
    folder = settings.root / task.folder
    program = _program(task, settings.root, folder)
    listed = _started((program, *task.tool.listing), folder, task.env)[1] if task.tool.listing else []
    command = task.command(str(scratch))
    ended, lines = _started((program, *command[1:]), folder, task.env)
    outcome, message, did = judged(
        task,
        exit_code=None if ended.timed_out else ended.exit_code,
        output="\n".join(lines),
        listed="\n".join(listed),
        report=report.read_text(encoding="utf-8") if task.tool.report and report.is_file() else "",
    )
    passed = outcome is Outcome.PASS
    return Case(
        name=task.name,
        outcome=outcome,
        message=f"was stopped after {ended.wall_s:.0f} s" if ended.timed_out else message,
        hint=HINTS[task.tool.stage] if not did and not passed else "",
        did=did,
        unit=task.tool.unit,
        seconds=ended.wall_s,
        command=command,
        lines=() if passed else shortened(lines),
    )


def _started(command: Sequence[str], folder: Path, more: Mapping[str, str]) -> tuple[process.Ended, list[str]]:
    lines: list[str] = []
    ended = process.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            **more,
            "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)]),
        },
        timeout_s=TOOL_TIMEOUT_S,
        on_start=lambda _group: None,
        on_line=lines.append,
    )
    return ended, lines


def _program(task: Task, root: Path, folder: Path) -> str:
    """The project's own program: the one that it names, that of a `.venv` of the project or of the folder, the one beside
    this Python, the one in PATH.

    Raises:
        ExecutableNotFoundError: none of them exists.
    """
    if task.program:
        return process.find_executable(task.program, cwd=root, env=os.environ)
    name = task.tool.program
    for place in (root / ".venv" / "bin", folder / ".venv" / "bin", Path(sys.executable).parent):
        if os.access(place / name, os.X_OK):
            return str(place / name)
    try:
        return process.find_executable(name, cwd=root, env=os.environ)
    except ExecutableNotFoundError as error:
        raise ExecutableNotFoundError(
            str(error), hint=f"install what the workflow installs; `{name}` belongs to the project's requirements"
        ) from None


def _credentials(settings: Settings, progress: Progress) -> tuple[Case, ...]:
    """The doctor's findings about credentials, one case for each rule."""
    told = doctor.examine(settings.root, progress, deep=False, fix=False, history=False, ignore=None, only=CREDENTIALS)
    cases = []
    for code in CREDENTIALS:
        found = [b for b in told.breaches if b.code == code]
        if code in told.unchecked:
            cases.append(Case(name=code, outcome=Outcome.ERROR, message=told.unchecked[code], hint=doctor.INSTALL))
            continue
        lines = tuple(f"{b.path}:{b.line}: {b.message}" for b in found)
        outcome = Outcome.FAIL if found else Outcome.PASS
        hint = "take it out, and change it: what is in a repository is known" if found else ""
        message = counted(len(found), "finding")
        cases.append(
            Case(name=code, outcome=outcome, message=message, hint=hint, did=told.files, unit="file", lines=lines)
        )
    others = [b for b in told.breaches if b.code not in CREDENTIALS]
    cases += [Case(name=b.code, outcome=Outcome.FAIL, message=f"{b.path}:{b.line}: {b.message}") for b in others]
    return tuple(cases)


def variables(env: Mapping[str, str]) -> Wishes:
    """What the environment says about stages: `TIDEGATE_BASE` and `TIDEGATE_PRODUCTION`."""
    production = env.get("TIDEGATE_PRODUCTION")
    if production and not Path(production).is_dir():
        raise ConfigError(
            f"there is no folder `{production}` here, which `TIDEGATE_PRODUCTION` names",
            hint="run the job on the machine that has the warehouse (`runs-on:`, `tags:`), or correct the variable",
        )
    return Wishes(base=env.get("TIDEGATE_BASE") or None, production=Path(production) if production else None)
