"""Run any command against the candidate, with dbt and dlt redirected whichever way it starts them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

from tidegate.errors import ConfigError, PathNotFoundError
from tidegate.integrations import dbt_artifacts, dbt_profiles, dlt_loads, options, process
from tidegate.integrations.dbt import REDIRECTING, DbtStep, find_dbt, read_flags, take_flags
from tidegate.integrations.dbt_events import Events
from tidegate.integrations.dlt import DltStep, explain
from tidegate.model import PipelineFacts, StepReport, StepStatus
from tidegate.ports import Progress, Step, StepContext

OPTIONS = ("alongside", "cwd", "env")
IN_WORDS = re.compile(rf"\$(?:\{{{options.DATABASE}\}}|{options.DATABASE}\b)")


class CommandStep:
    """One command line as a step, without a shell: no `|`, `&&`, `$VARIABLE` or `*`; use `sh -c '...'` for those.

    It gets `TIDEGATE_DATABASE`, the path of the candidate's file, which may also stand in its words and, as
    `${TIDEGATE_DATABASE}`, in `env` for a program that reads another variable. It gets the variables of every step in `alongside`, so
    that a wrapped `dbt build -s +model` hits the candidate. It runs in the project's folder; a dbt command for which
    that is no dbt project runs in the one dbt project alongside. Where it may run several dbt projects, each writes its
    artifacts to its own target folder, as ever, and the version gets copies. Options: `cwd`, `env`, `alongside` (a
    sequence of steps, given by the program and not by YAML).
    """

    def __init__(self, name: str, path: str | Sequence[str], options_: Mapping[str, object]) -> None:
        said = options.known(name, options_, OPTIONS)
        cut = options.split if "alongside" in said else options.command
        words = cut(name, path) if isinstance(path, str) else tuple(path)
        if not words:
            raise ConfigError(
                f"step `{name}`: the command is empty", hint="write the command, such as `python load.py`"
            )
        alongside = said.get("alongside", ())
        self._place = "after `--`" if "alongside" in said else "in `run:` of the step"
        self._name = name
        self._alongside: tuple[Step, ...] = tuple(alongside) if isinstance(alongside, Sequence) else ()
        self._env = options.variables(name, said)
        self._cwd = options.text(name, said, "cwd")
        self._is_dbt = Path(words[0]).name == "dbt"
        self._command, taken = take_flags(words, REDIRECTING[:3]) if self._is_dbt else (words, {})
        self._flags = taken | read_flags(words) if self._is_dbt else {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def kind(self) -> str:
        return "command"

    def prepare(self, project: Path) -> None:
        self.folder(project)
        self._program(project)

    def databases(self, project: Path) -> Sequence[Path]:
        """What the steps alongside name; a command has no configuration of its own that could be read."""
        steps = (*self._dbt_steps(project), *(s for s in self._alongside if not isinstance(s, DbtStep)))
        return tuple(dict.fromkeys(p for step in steps for p in step.databases(project)))

    def environment(self, context: StepContext) -> dict[str, str]:
        """The variables of all steps alongside, with the profiles of all dbt projects in one folder."""
        projects = self._dbt_steps(context.project)
        said: dict[str, str] = {}
        for step in (*(s for s in self._alongside if not isinstance(s, DbtStep)), *projects):
            said |= step.environment(context)
        if projects:
            folder = context.work / self._name
            dbt_profiles.write_profiles(folder, {k: v for s in projects for k, v in s.redirected(context).items()})
            said |= {"DBT_PROFILES_DIR": str(folder), "DBT_LOG_PATH": str(context.logs / self._name)}
            said |= {"DBT_LOG_FORMAT_FILE": "json", "DBT_LOG_LEVEL_FILE": "info"}
        if len(projects) > 1:
            said.pop("DBT_TARGET_PATH", None)  # two projects in one target folder would overwrite each other
            said.pop("DBT_TARGET", None)
        said |= context.backfill.environment if context.backfill else {}
        given = options.filled(self._name, self._env, context.stable_database)
        return given | said | {options.DATABASE: str(context.stable_database)}

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        database = str(context.stable_database)
        words = (IN_WORDS.sub(lambda _: database, word) for word in self._command[1:])
        command = (self._program(context.project), *words)
        stale = self._stale(context)
        before = {load.id for load in dlt_loads.loads(context.state / "dlt")}
        with process.StepLog(path=context.logs / f"{self._name}.log") as log:
            ended = process.run(
                command,
                cwd=self.folder(context.project),
                env={"PYTHONUNBUFFERED": "1"} | os.environ | self.environment(context),
                timeout_s=context.timeout_s,
                on_start=context.on_start,
                on_line=lambda line: _heard(line, log, progress),
            )
        loads = tuple(load for load in dlt_loads.loads(context.state / "dlt") if load.id not in before)
        found = [(step, dbt_artifacts.read_new(old)) for step, old in stale]
        for (step, old), (_, new) in zip(stale, found, strict=True):
            if new.manifest and old.folder != step.target_folder(context):
                dbt_artifacts.keep(old.folder, step.target_folder(context))
        return self._report(context, command, ended, log, found, loads)

    def _stale(self, context: StepContext) -> list[tuple[DbtStep, dbt_artifacts.Stale]]:
        """The dbt projects, and the artifacts that they had before; several projects have them in their own folders."""
        projects = self._dbt_steps(context.project)
        if len(projects) > 1:
            places = [(p, p.own_target_folder(context.project)) for p in projects]
            return [(p, dbt_artifacts.note_stale(place, remove=False)) for p, place in places]
        remove = "retry" not in self._command
        return [(p, dbt_artifacts.note_stale(p.target_folder(context), remove=remove)) for p in projects]

    def _report(
        self,
        context: StepContext,
        command: tuple[str, ...],
        ended: process.Ended,
        log: process.StepLog,
        found: Sequence[tuple[DbtStep, dbt_artifacts.Artifacts]],
        loads: Sequence[dlt_loads.Load],
    ) -> StepReport:
        wrong = [dlt_loads.describe(load) for load in loads if load.failed or load.state != "loaded"]
        results = next((a.run_results for _, a in found if a.run_results), {}) if self._is_dbt else {}
        if ended.timed_out:
            status, summary = StepStatus.TIMEOUT, f"the command was stopped after {ended.wall_s:.0f} s"
        elif ended.exit_code == 0 and not wrong:
            status, summary = StepStatus.SUCCESS, dbt_artifacts.summary(results) if results else "ended with 0"
        elif dbt_artifacts.status(ended.exit_code, results) is StepStatus.FINDINGS:
            status, summary = StepStatus.FINDINGS, dbt_artifacts.summary(results)
        else:
            status = StepStatus.FAILED
            said = next((e for _, a in found if (e := dbt_artifacts.first_error(a.run_results, a.manifest))), None)
            summary = said or next(iter(wrong), None) or f"it {ended.words}: {explain(log.tail) or ''}"
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
            facts=self._facts(context, ended, found, loads, wrong),
        )

    def _facts(
        self,
        context: StepContext,
        ended: process.Ended,
        found: Sequence[tuple[DbtStep, dbt_artifacts.Artifacts]],
        loads: Sequence[dlt_loads.Load],
        wrong: Sequence[str],
    ) -> PipelineFacts:
        events = self._events(context)
        subcommand = next((w for w in self._command[1:] if w in dbt_artifacts.EXECUTING), "") if self._is_dbt else ""
        parts = [
            step.told(context, artifacts, events, executing=subcommand, ended=ended)
            for step, artifacts in found
            if artifacts.manifest or self._is_dbt
        ]
        told = len(parts)
        parts += [s.facts(context.project, context.state) for s in self._alongside if isinstance(s, DltStep)]
        parts.append(PipelineFacts(load_ids=tuple(x.id for x in loads if x.state == "loaded")))
        notes = list(wrong)
        if ended.left_behind and not (ended.timed_out or told):
            notes.append(f"{ended.left_behind} processes that the command left running were stopped")
        return _together([*parts, PipelineFacts(notes=tuple(notes))])

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        """What the steps alongside kept."""
        return _together([step.facts(project, state) for step in self._alongside])

    def folder(self, project: Path) -> Path:
        """Where the command runs.

        Raises:
            PathNotFoundError: the folder that `cwd` names is not there.
        """
        if self._cwd is not None:
            folder = (project / self._cwd).absolute()
            if not folder.is_dir():
                raise PathNotFoundError(f"step `{self._name}`: no folder `{self._cwd}` in `{project}`")
            return folder
        projects = [s for s in self._alongside if isinstance(s, DbtStep)]
        placed = "project-dir" in self._flags or (project / "dbt_project.yml").is_file()
        if self._is_dbt and not placed and len(projects) == 1:
            return projects[0].folder(project)
        return project.absolute()

    def _dbt_steps(self, project: Path) -> tuple[DbtStep, ...]:
        """The dbt projects that the command may run: all of them, or for a dbt command the one that it names."""
        steps = tuple(s for s in self._alongside if isinstance(s, DbtStep))
        if not self._is_dbt:
            return steps
        flags, profiles_dir = self._flags, self._flags.get("profiles-dir")
        if profiles_dir is not None:
            profiles_dir = str(self.folder(project) / profiles_dir)
        aim = {"target": flags.get("target"), "profile": flags.get("profile"), "profiles_dir": profiles_dir}
        steps = tuple(s.aimed(**aim) for s in steps)
        folder = self.folder(project) / self._flags.get("project-dir", ".")
        return tuple(s for s in steps if s.folder(project).resolve() == folder.resolve()) or steps

    def _program(self, project: Path) -> str:
        if self._command[0] == "dbt":
            other = f"write the whole path of dbt {self._place}"
            return find_dbt(None, project, self.folder(project), self._environ(), other=other)
        hint = f"install it, or correct the command {self._place}; the whole path of a program can stand there too"
        return process.find_executable(self._command[0], cwd=self.folder(project), env=self._environ(), hint=hint)

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **options.filled(self._name, self._env)}

    def _events(self, context: StepContext) -> Events:
        """What dbt wrote to its log file, in JSON; its output was the user's to format."""
        events = Events()
        log = context.logs / self._name / "dbt.log"
        if log.is_file():
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                events.feed(line)
        return events


def _heard(line: str, log: process.StepLog, progress: Progress) -> None:
    log.write(line)
    progress.say(line)


def _together(parts: Sequence[PipelineFacts]) -> PipelineFacts:
    counted = [p.executed_nodes for p in parts if p.executed_nodes is not None]
    return PipelineFacts(
        nodes=tuple({n.id: n for p in parts for n in p.nodes}.values()),
        edges=tuple(dict.fromkeys(e for p in parts for e in p.edges)),
        checks=tuple({c.id: c for p in parts for c in p.checks}.values()),
        tests=tuple(t for p in parts for t in p.tests),
        executed_nodes=sum(counted) if counted else None,
        ended={node: status for p in parts for node, status in p.ended.items()},
        load_ids=tuple(dict.fromkeys(i for p in parts for i in p.load_ids)),
        notes=tuple(dict.fromkeys(n for p in parts for n in p.notes)),
        located=lambda check: reduce(lambda found, part: part.located(found), parts, check),
    )
