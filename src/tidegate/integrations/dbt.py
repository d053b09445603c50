"""Run a dbt project against the candidate, unmodified, and read what it left."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tidegate.errors import ConfigError, ExecutableNotFoundError, PathNotFoundError
from tidegate.integrations import dbt_artifacts, dbt_left, dbt_lines, dbt_profiles, dbt_selection, options, process
from tidegate.integrations.dbt_events import Events
from tidegate.integrations.dbt_profiles import Profile
from tidegate.model import PipelineFacts, StepReport, StepStatus
from tidegate.model.words import counted
from tidegate.ports import Progress, StepContext

OPTIONS = (
    "args",
    "backfill_vars",
    "command",
    "env",
    "executable",
    "profile",
    "profiles_dir",
    "select",
    "target",
    "tests",
    "vars",
)

BATCHING = ("build", "run")
"""The commands of dbt that take a stretch of time, by which models with the strategy `microbatch` are built again."""

TESTS_BY = ("tidegate", "dbt")

FINISHED = (0, 1)
"""How dbt ends when it came to the end of what it was asked for: all fine, or something failed."""

REDIRECTING = ("profiles-dir", "target-path", "log-path", "log-format", "log-format-file")
"""Flags that would beat the environment that points dbt at the candidate; they are taken out of a command line."""


class DbtStep:
    """One dbt project as a step.

    dbt runs in its own folder, so relative paths in the project mean what they mean to `cd FOLDER && dbt build`.
    Options: `command` (default `build`), `args`, `select`, `backfill_vars` (two names of variables: from and until), `target`, `profile`, `profiles_dir`, `executable`,
    `env`, `vars`, `tests` (`tidegate`, the default: those that Tidegate evaluates are not run by dbt too; or `dbt`).
    """

    def __init__(self, name: str, path: str, options_: Mapping[str, object]) -> None:
        said = options.known(name, options_, OPTIONS)
        self._name, self._path, self._options = name, path, dict(said)
        self._command = options.words(name, said, "command") or ("build",)
        self._args, flags = take_flags(options.words(name, said, "args"), REDIRECTING)
        named = read_flags(self._args)
        self._select = options.words(name, said, "select")
        self._target = options.text(name, said, "target") or named.get("target")
        self._profile = options.text(name, said, "profile") or named.get("profile")
        self._profiles_dir = options.text(name, said, "profiles_dir")
        if self._profiles_dir is None and "profiles-dir" in flags:
            self._profiles_dir = str(Path(path) / flags["profiles-dir"])  # dbt reads the flag in its own folder
        self._executable = options.text(name, said, "executable")
        self._env = options.variables(name, said)
        self._tests = options.text(name, said, "tests") or TESTS_BY[0]
        if self._tests not in TESTS_BY:
            raise ConfigError(f"step `{name}`: `tests` is `{self._tests}`", hint=f"write one of {', '.join(TESTS_BY)}")
        self._window = options.words(name, said, "backfill_vars")
        if len(self._window) not in {0, 2}:
            hint = "name the variable that says from when and the one that says until when"
            raise ConfigError(f"step `{name}`: `backfill_vars` has {len(self._window)} names, not two", hint=hint)
        self._vars = said.get("vars")
        if self._vars is not None and not isinstance(self._vars, Mapping):
            raise ConfigError(f"step `{name}`: `vars` is `{self._vars!r}`, not a mapping")

    @property
    def name(self) -> str:
        return self._name

    @property
    def kind(self) -> str:
        return "dbt"

    def prepare(self, project: Path) -> None:
        """Find executable, profile and target.

        Raises:
            ConfigError: besides the port's errors, for a profile that cannot be pointed at a version.
        """
        self.demand_target(project)
        find_dbt(self._executable, project, self.folder(project), self._environ())

    def demand_target(self, project: Path) -> None:
        """Look the target up.

        Raises:
            PathNotFoundError, ProfileNotFoundError: no project, profile or target.
            ConfigError: one that cannot be pointed at a version.
        """
        dbt_profiles.check_redirectable(self.profile(project), self._environ())

    def databases(self, project: Path) -> Sequence[Path]:
        """The files that the chosen target writes."""
        return dbt_profiles.local_files(self.profile(project), self.folder(project), project, self._environ())

    def environment(self, context: StepContext) -> dict[str, str]:
        """Variables that make any dbt, however it is started, write the candidate; writes the generated profiles.yml."""
        profile = self.profile(context.project)
        dbt_profiles.check_redirectable(profile, self._environ())
        folder = context.work / self._name
        dbt_profiles.write_profiles(folder, self.redirected(context))
        said = {
            "DBT_PROFILES_DIR": str(folder),
            "DBT_TARGET_PATH": str(self.target_folder(context)),
            "DBT_LOG_PATH": str(context.logs / self._name),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
            "DBT_WRITE_JSON": "true",
        }
        if self._target:
            said["DBT_TARGET"] = self._target
        renamed = {k.replace("DBT_", "DBT_ENGINE_", 1): v for k, v in said.items()}
        return (
            options.filled(self._name, self._env, context.stable_database)
            | said
            | {k: v for k, v in renamed.items() if k in os.environ}
        )

    def aimed(self, **given: str | None) -> DbtStep:
        """The same step with other options (`target`, `profile`, `profiles_dir`) where one is given."""
        return DbtStep(self._name, self._path, {**self._options, **{k: v for k, v in given.items() if v}})

    def redirected(self, context: StepContext) -> Mapping[str, Mapping[str, object]]:
        """The profiles that point at the candidate, by name."""
        profile = self.profile(context.project)
        return {profile.name: dbt_profiles.redirected(profile, context.stable_database)}

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        folder = self.folder(context.project)
        program = find_dbt(self._executable, context.project, folder, self._environ())
        command = (program, *self._command, *self._args, *self._flags(context))
        left = self._left(context)
        events = Events(progress, own=left.flags)
        with process.StepLog(path=context.logs / f"{self._name}.log") as log:
            invoke = partial(self._invoke, context, events, log)
            ended, artifacts = invoke((*command, *left.flags))
            if ended.exit_code in FINISHED and (flags := left.again(artifacts)) is not None:
                events.ended = False
                last, later = invoke((*command, *flags), spent_s=ended.wall_s)
                ended, artifacts = process.one_after_the_other(ended, last), dbt_left.joined(artifacts, later)
        return self._report(context, (*command, *left.flags), ended, log, events, artifacts, left)

    def _left(self, context: StepContext) -> dbt_left.Left:
        if self._tests == "dbt":
            return dbt_left.NOTHING
        return dbt_left.left(
            dbt_artifacts.read_manifest(self.target_folder(context)),
            command=self._command,
            args=self._args,
            settings=dbt_profiles.project_file(self.folder(context.project)),
            environment=self._environ(),
        )

    def _invoke(
        self,
        context: StepContext,
        events: Events,
        log: process.StepLog,
        command: tuple[str, ...],
        *,
        spent_s: float = 0.0,
    ) -> tuple[process.Ended, dbt_artifacts.Artifacts]:
        folder = self.folder(context.project)
        env = self._environ() | self.environment(context)
        env |= context.backfill.environment if context.backfill else {}
        env |= {"DBT_LOG_FORMAT": "json", "DBT_LOG_FORMAT_FILE": "debug", "DBT_PROJECT_DIR": str(folder)}
        stale = dbt_artifacts.note_stale(self.target_folder(context), remove="retry" not in self._command)
        ended = process.run(
            command,
            cwd=folder,
            env=env,
            timeout_s=max(context.timeout_s - spent_s, 1.0),
            on_start=context.on_start,
            on_line=lambda line: log.write(events.feed(line)),
        )
        return ended, dbt_artifacts.read_new(stale)

    def _report(
        self,
        context: StepContext,
        command: tuple[str, ...],
        ended: process.Ended,
        log: process.StepLog,
        events: Events,
        artifacts: dbt_artifacts.Artifacts,
        left: dbt_left.Left,
    ) -> StepReport:
        status = StepStatus.TIMEOUT if ended.timed_out else dbt_artifacts.status(ended.exit_code, artifacts.run_results)
        facts = self.told(context, artifacts, events, executing=self._command[0], ended=ended, left=left)
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
            summary=_summary(status, artifacts, events, log, ended) + _left_out(status, facts, left),
            facts=facts,
        )

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        manifest, loaded = (
            dbt_artifacts.read_manifest(target := self._target_in(state)),
            dbt_artifacts.read_loaded(target),
        )
        found = dbt_artifacts.facts(dbt_artifacts.Artifacts(manifest=manifest, run_results={}), prefix=self._path)
        return replace(
            found,
            located=partial(dbt_lines.located, manifest=manifest, project=project),
            selectables=dbt_selection.selectables(manifest, folder=self._path, loaded=loaded),
            selectors=dbt_selection.selectors(manifest),
        )

    def told(
        self,
        context: StepContext,
        artifacts: dbt_artifacts.Artifacts,
        events: Events,
        *,
        executing: str,
        ended: process.Ended,
        left: dbt_left.Left = dbt_left.NOTHING,
    ) -> PipelineFacts:
        """What the artifacts and the log of one invocation tell, and what a reader of green output would miss."""
        found = dbt_artifacts.facts(artifacts, prefix=self._path, left=left.has)
        notes = [*(f"dbt: {w}" for w in events.warnings), *found.notes]
        if (again := context.backfill) and again.interval and not again.full_refresh and not self._window:
            notes += dbt_artifacts.not_reached(artifacts)
        executed = found.executed_nodes
        if executed is None and ended.exit_code == 0 and executing in dbt_artifacts.EXECUTING:
            executed = 0
            notes.append(f"`dbt {executing}` ended green and executed 0 nodes")
        if ended.left_behind and not ended.timed_out:
            notes.append(f"{ended.left_behind} processes that dbt left running were stopped")
        names = dbt_profiles.database_name(context.stable_database), self._database_name(context.project)
        if names[1] and names[0] != names[1]:
            notes.append(
                f"the profile's database is `{names[1]}`, the version's is `{names[0]}`: SQL that names it will not find it"
            )
        return PipelineFacts(
            nodes=found.nodes,
            edges=found.edges,
            checks=found.checks,
            located=partial(dbt_lines.located, manifest=artifacts.manifest, project=context.project),
            tests=found.tests,
            executed_nodes=executed,
            ended=found.ended,
            notes=tuple(dict.fromkeys(notes)),
        )

    def folder(self, project: Path) -> Path:
        """The dbt project's folder.

        Raises:
            PathNotFoundError: it is not there.
        """
        folder = (project / self._path).absolute()
        if not folder.is_dir():
            raise PathNotFoundError(f"step `{self._name}`: no folder `{self._path}` in `{project}`")
        return folder

    def target_folder(self, context: StepContext) -> Path:
        """Where dbt writes its artifacts and keeps its last parse; it travels with the version."""
        return self._target_in(context.state)

    def own_target_folder(self, project: Path) -> Path:
        """Where dbt writes its artifacts when nobody tells it another place."""
        folder, env = self.folder(project), self._environ()
        said = dbt_profiles.render(str(dbt_profiles.project_file(folder).get("target-path") or "target"), env)
        return folder / (env.get("DBT_TARGET_PATH") or said or "target")

    def _target_in(self, state: Path) -> Path:
        return state / "dbt" / self._name / "target"

    def profile(self, project: Path) -> Profile:
        """The profile and target that dbt would use.

        Raises:
            PathNotFoundError, ProfileNotFoundError, ConfigError
        """
        folder, env = self.folder(project), self._environ()
        name = self._profile or env.get("DBT_PROFILE")
        if name is None:
            said = str(dbt_profiles.project_file(folder).get("profile") or "")
            name = dbt_profiles.render(said, env)
            if not name:
                raise ConfigError(
                    f"`{folder / 'dbt_project.yml'}` has `profile: {said}`, which is no name",
                    hint="name it with `profile:` of the step",
                )
        asked = (project / self._profiles_dir).expanduser() if self._profiles_dir else None
        file = dbt_profiles.profiles_file((folder, project), asked, env)
        return dbt_profiles.find_profile(file, name=name, target=self._target or env.get("DBT_TARGET"), env=env)

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **options.filled(self._name, self._env)}

    def _database_name(self, project: Path) -> str | None:
        path = self.profile(project).path(self._environ())
        return dbt_profiles.database_name(path) if path else None

    def _flags(self, context: StepContext) -> tuple[str, ...]:
        again = context.backfill
        chosen = self._select
        if again is not None and again.tables:
            chosen = dbt_artifacts.selecting(dbt_artifacts.read_manifest(self.target_folder(context)), again.tables)
        flags: list[str] = ["--select", *chosen] if chosen else []
        if self._profile:
            flags += ["--profile", self._profile]
        said = dict(self._vars) if isinstance(self._vars, Mapping) else {}
        if again is not None:
            said |= dict(zip(self._window, again.environment.values(), strict=False))
            flags += ["--full-refresh"] if again.full_refresh else []
            if self._command[0] in BATCHING and again.interval is not None:
                flags += ["--event-time-start", f"{again.interval.start:%Y-%m-%d %H:%M:%S}"]
                flags += ["--event-time-end", f"{again.interval.end:%Y-%m-%d %H:%M:%S}"]
        if said:
            flags += ["--vars", json.dumps(said)]
        return tuple(flags)


def find_dbt(
    asked: str | None,
    project: Path,
    folder: Path,
    env: Mapping[str, str],
    *,
    other: str = "name dbt with `executable:` of the step",
) -> str:
    """The dbt to run: the one that is asked for, a `.venv` of the project or of the dbt folder, the one beside this
    Python, the one in PATH. `other` completes the hint where there is none.

    Raises:
        ExecutableNotFoundError: none of them exists.
    """
    if asked is not None:
        return process.find_executable(asked, cwd=project, env=env, hint="correct `executable:` of the step")
    places = [project / ".venv/bin", folder / ".venv/bin", Path(sys.executable).parent]
    for place in places:
        if os.access(place / "dbt", os.X_OK):
            return str(place / "dbt")
    try:
        return process.find_executable("dbt", cwd=project, env=env)
    except ExecutableNotFoundError:
        looked = ", ".join(f"`{p}`" for p in dict.fromkeys(places))
        raise ExecutableNotFoundError(
            f"dbt is not installed: it is not in {looked} and not in PATH",
            hint=f"run `pip install dbt-duckdb` in the project's .venv, or {other}",
        ) from None


def take_flags(args: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Split a command line into what is left without the flags `--NAME VALUE` or `--NAME=VALUE`, and their values."""
    kept: list[str] = []
    taken: dict[str, str] = {}
    words = iter(args)
    for word in words:
        flag, _, value = word.partition("=")
        if flag.startswith("--") and flag[2:] in names:
            taken[flag[2:]] = value or next(words, "")
        else:
            kept.append(word)
    return tuple(kept), taken


def read_flags(args: Sequence[str]) -> dict[str, str]:
    """The values of `--target`, `--profile` and `--project-dir`, which stay in the command line."""
    spelled = ["--target" if a == "-t" else a for a in args]
    return take_flags(spelled, ("target", "profile", "project-dir"))[1]


def _left_out(status: StepStatus, facts: PipelineFacts, left: dbt_left.Left) -> str:
    """How many tests dbt did not run because the scan answers them."""
    ran = {test.id for test in facts.tests}
    count = sum(left.has(check) and check.id not in ran for check in facts.checks)
    return f", {counted(count, 'test')} left to the scan" if count and status is not StepStatus.FAILED else ""


def _summary(
    status: StepStatus,
    artifacts: dbt_artifacts.Artifacts,
    events: Events,
    log: process.StepLog,
    ended: process.Ended,
) -> str:
    if status is StepStatus.TIMEOUT:
        return f"dbt was stopped after {ended.wall_s:.0f} s"
    if status is not StepStatus.FAILED:
        return dbt_artifacts.summary(artifacts.run_results)
    said = dbt_artifacts.first_error(artifacts.run_results, artifacts.manifest)
    said = said or next((dbt_artifacts.one_line(e) for e in events.errors), None)
    last = next((line for line in reversed(log.tail) if line.strip()), "it wrote nothing")
    return said if said and not ended.is_cut_off else f"dbt {ended.words}: {said or last}"
