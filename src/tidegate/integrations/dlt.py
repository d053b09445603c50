"""Run a dlt script against the candidate, unmodified, with its cursors inside the version."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tidegate.errors import ExecutableNotFoundError, PathNotFoundError
from tidegate.integrations import dlt_cursors, dlt_loads, dlt_settings, options, process
from tidegate.integrations.dlt_script import DESTINATIONS, UNREAD, Pipeline, read_script
from tidegate.model import PipelineFacts, StepReport, StepStatus
from tidegate.ports import Progress, StepContext

OPTIONS = ("args", "env", "pipelines", "python")

EXCEPTION = re.compile(
    r"^(?:(?:\w+\.)+(?P<name>[A-Z]\w+)|(?P<plain>[A-Z]\w*(?:Error|Exception|Exit|Interrupt)))(?:: (?P<text>.*))?$"
)
CAUSE = re.compile(r"^<class '(?:[\w.]+\.)?(?P<name>\w+)'>$")


class DltStep:
    """One dlt script as a step.

    It runs in the project's folder when that has a `.dlt` folder, else in the script's, so that dlt finds its
    configuration. Options: `python`, `args`, `env`, and `pipelines`, the names of pipelines that the script builds in a
    way that cannot be read from its text.
    """

    def __init__(self, name: str, path: str, options_: Mapping[str, object]) -> None:
        said = options.known(name, options_, OPTIONS)
        self._name, self._path = name, path
        self._python = options.text(name, said, "python")
        self._args = options.words(name, said, "args")
        self._env = options.variables(name, said)
        self._pipelines = options.words(name, said, "pipelines")

    @property
    def name(self) -> str:
        return self._name

    @property
    def kind(self) -> str:
        return "dlt"

    def prepare(self, project: Path) -> None:
        """Find script and Python.

        Raises:
            ConfigSyntaxError: besides the port's errors, when the script or dlt's configuration cannot be read.
        """
        script = self.script(project)
        read_script(script)
        dlt_settings.read_settings(self.folder(project))
        find_python(self._python, project, script.parent, self._environ())

    def databases(self, project: Path) -> Sequence[Path]:
        """The files that dlt's configuration, the environment, and literals in the script name."""
        folder, env = self.folder(project), self._environ()
        settings = dlt_settings.read_settings(folder)
        found = list(dlt_settings.configured_files(settings, folder))
        said = [env.get("DESTINATION__DUCKDB__CREDENTIALS"), env.get("DESTINATION__DUCKDB__CREDENTIALS__DATABASE")]
        pipelines = read_script(self.script(project))
        said += [p.credentials for p in pipelines]
        destinations = {*self._duckdb_names(pipelines, settings)}
        said += [f"{name}.duckdb" for name in (*self._names(project), *(destinations - {"duckdb"}))]  # dlt's defaults
        found += [f for s in said if s and s != UNREAD and (f := dlt_settings.database_file(s, folder))]
        return tuple(dict.fromkeys(found))

    def environment(self, context: StepContext) -> dict[str, str]:
        """Variables that make any dlt, however it is started, load into the candidate and keep its state there.

        dlt looks up a pipeline's own section first, in the environment and then in its files, and only then the general
        ones; so each pipeline that is known gets the variables under its own name too.
        """
        settings = dlt_settings.read_settings(self.folder(context.project))
        pipelines = read_script(self.script(context.project))
        database, state = str(context.stable_database), str(self.state(context))
        said = {
            "DESTINATION__DUCKDB__CREDENTIALS": database,
            "PIPELINES_DIR": state,
            "PIPELINES__PIPELINES_DIR": state,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        if "LOAD__DELETE_COMPLETED_JOBS" not in self._environ():
            said["LOAD__DELETE_COMPLETED_JOBS"] = "true"  # loaded files would travel with every version
        destinations = {"duckdb", *self._duckdb_names(pipelines, settings)}
        for name in self._names(context.project):
            said[f"PIPELINES__{name.upper()}__PIPELINES_DIR"] = state
            for destination in destinations:
                said[f"{name.upper()}__DESTINATION__{destination.upper()}__CREDENTIALS"] = database
        for destination in destinations:
            said[f"DESTINATION__{destination.upper()}__CREDENTIALS"] = database
        if self._lands_in_candidate(pipelines, context.stable_database):
            said["DLT_LOCAL_DIR"] = str(context.stable_database.parent)
        said |= context.backfill.environment if context.backfill else {}
        return options.filled(self._name, self._env, context.stable_database) | said

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        script, folder = self.script(context.project), self.folder(context.project)
        python = find_python(self._python, context.project, script.parent, self._environ())
        command = (python, str(script), *self._args)
        notes = list(self._warnings(context))
        if context.backfill is not None and context.backfill.interval is not None:
            notes += dlt_cursors.set_back(
                self.state(context),
                context.backfill.interval.start,
                pipelines=self._names(context.project),
                tables=context.backfill.tables,
            )
        for note in notes:
            progress.say(note)
        before = {(load.pipeline, load.id, load.state) for load in dlt_loads.loads(self.state(context))}
        with process.StepLog(path=context.logs / f"{self._name}.log") as log:
            ended = process.run(
                command,
                cwd=folder,
                env={"PYTHONUNBUFFERED": "1"} | self._environ() | self.environment(context),
                timeout_s=context.timeout_s,
                on_start=context.on_start,
                on_line=log.write,
            )
        after = dlt_loads.loads(self.state(context))
        new = [load for load in after if (load.pipeline, load.id, load.state) not in before]
        return self._report(context, command, ended, log, new, notes)

    def _report(
        self,
        context: StepContext,
        command: tuple[str, ...],
        ended: process.Ended,
        log: process.StepLog,
        new: Sequence[dlt_loads.Load],
        notes: list[str],
    ) -> StepReport:
        wrong = [dlt_loads.describe(load) for load in new if load.failed or load.state != "loaded"]
        ran = {load.pipeline for load in new}
        loaded = tuple(load.id for load in new if load.state == "loaded")
        if ended.exit_code == 0 and not new:
            notes.append("dlt loaded nothing: it made no load package")
        if ended.left_behind and not ended.timed_out:
            notes.append(f"{ended.left_behind} processes that the script left running were stopped")
        status, summary = _verdict(ended, log, loaded, wrong)
        return StepReport(
            name=self._name,
            kind=self.kind,
            status=status,
            exit_code=ended.exit_code,
            wall_s=ended.wall_s,
            cpu_s=ended.cpu_s,
            peak_bytes=ended.peak_bytes,
            log=str(log.path),
            command=command,
            summary=summary,
            facts=PipelineFacts(
                nodes=tuple(dlt_loads.tables(self.state(context), self._path, {*self._names(context.project), *ran})),
                load_ids=loaded,
                notes=(*notes, *wrong),
            ),
        )

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        return PipelineFacts(nodes=tuple(dlt_loads.tables(state / "dlt", self._path, self._names(project))))

    def script(self, project: Path) -> Path:
        """The script.

        Raises:
            PathNotFoundError: it is not there.
        """
        script = (project / self._path).absolute()
        if not script.is_file():
            raise PathNotFoundError(f"step `{self._name}`: no script `{self._path}` in `{project}`")
        return script

    def folder(self, project: Path) -> Path:
        """Where the script runs: dlt looks for `.dlt` in the present folder only."""
        return project.absolute() if (project / ".dlt").is_dir() else self.script(project).parent

    def state(self, context: StepContext) -> Path:
        """dlt's pipelines directory: it travels with the version."""
        return context.state / "dlt"

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **options.filled(self._name, self._env)}

    def _names(self, project: Path) -> tuple[str, ...]:
        """The pipelines of the script as far as they can be read; dlt names one without a name after the script."""
        script = self.script(project)
        said = [p.name or f"dlt_{script.stem}" for p in read_script(script)]
        return tuple(dict.fromkeys((*(n for n in said if n != UNREAD), *self._pipelines)))

    def _duckdb_names(self, pipelines: Sequence[Pipeline], settings: Mapping[str, object]) -> Iterator[str]:
        for pipeline in pipelines:
            name = dlt_settings.destination_of(pipeline, settings)
            if name and name != UNREAD and dlt_settings.type_of(name, settings) not in DESTINATIONS:
                yield name

    def _lands_in_candidate(self, pipelines: Sequence[Pipeline], database: Path) -> bool:
        """Whether a hard-coded bare file name is the version's own, so that moving dlt's local folder redirects it."""
        said = {p.credentials for p in pipelines if p.credentials}
        return bool(said) and all(s.removeprefix(dlt_settings.SCHEME) == database.name for s in said)

    def _warnings(self, context: StepContext) -> Iterator[str]:
        """What in the script escapes the candidate, or cannot be known."""
        settings = dlt_settings.read_settings(self.folder(context.project))
        pipelines = read_script(self.script(context.project))
        if not pipelines and not self._pipelines:
            yield f"{self._path} has no `dlt.pipeline(...)` that can be read; name its pipelines with `pipelines:` of the step"
        for p in pipelines:
            where = f"{self._path}:{p.line}"
            destination = dlt_settings.destination_of(p, settings)
            kind = dlt_settings.type_of(destination, settings) if destination else None
            if p.credentials == UNREAD:
                yield f"{where} passes credentials in the code: if they name a database, it is not the version's"
            elif p.credentials and not self._lands_in_candidate(pipelines, context.stable_database):
                yield f"{where} has the database `{p.credentials}` in the code: what it loads is not part of the version"
            if kind in DESTINATIONS:
                yield f"{where} loads into `{destination}`, which is not part of the version"
            if destination == UNREAD:
                yield f"{where} builds its destination at run time; only `DESTINATION__DUCKDB__CREDENTIALS` can redirect it"
            if p.pipelines_dir:
                yield f"{where} sets `pipelines_dir`: its cursors do not travel with the version, so a rollback skips rows"
            if p.dev_mode:
                yield f"{where} is in development mode: every run loads into a new dataset"


def _verdict(
    ended: process.Ended, log: process.StepLog, loaded: Sequence[str], wrong: Sequence[str]
) -> tuple[StepStatus, str]:
    if ended.timed_out:
        return StepStatus.TIMEOUT, f"the script was stopped after {ended.wall_s:.0f} s"
    if ended.exit_code != 0:
        said = explain(log.tail)
        if ended.is_cut_off:
            return StepStatus.FAILED, f"the script {ended.words}{f': {said}' if said else ''}"
        return StepStatus.FAILED, said or f"the script {ended.words}"
    if wrong:
        return StepStatus.FAILED, wrong[0]
    return StepStatus.SUCCESS, "1 load" if len(loaded) == 1 else f"{len(loaded)} loads"


def find_python(asked: str | None, project: Path, folder: Path, env: Mapping[str, str]) -> str:
    """The Python to run: the one that is asked for, a `.venv` with dlt of the project or of the script's folder, this
    one if it has dlt, else the first in PATH that has it.

    Raises:
        ExecutableNotFoundError: none of them exists.
    """
    if asked is not None:
        return process.find_executable(asked, cwd=project, env=env, hint="correct `python:` of the step")
    for place in dict.fromkeys((project / ".venv", folder / ".venv")):
        if next(place.glob("lib/python3*/site-packages/dlt/__init__.py"), None):
            return process.find_executable(str(place / "bin" / "python"), cwd=project, env=env)
    if importlib.util.find_spec("dlt") is not None:
        return sys.executable
    for name in ("python3", "python"):
        found = shutil.which(name, path=env.get("PATH", os.defpath))
        if found and _has_dlt(found):
            return found
    raise ExecutableNotFoundError(
        f"no Python with dlt: not in `{project / '.venv'}`, not `{sys.executable}`, not in PATH",
        hint='run `pip install "dlt[duckdb]"` in the project\'s .venv, or name a Python with `python:` of the step',
    )


@functools.cache
def _has_dlt(python: str) -> bool:
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('dlt') is None)"
    return subprocess.run([python, "-c", code], check=False, capture_output=True, timeout=30).returncode == 0


def explain(tail: Sequence[str]) -> str | None:
    """The cause in the last lines of a Python program: the innermost exception that dlt or Python names."""
    found = None
    lines = [line for line in tail if line.strip()]
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if (match := CAUSE.match(line.strip())) and following:
            found = f"{match['name']}: {following.strip()}"
        elif match := EXCEPTION.match(line):
            found = f"{match['name'] or match['plain']}: {match['text'] or ''}"
    return found or (lines[-1].strip() if lines else None)
