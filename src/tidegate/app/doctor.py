"""Doctor: gather the facts of a project, have them judged, and repair what is asked to be repaired."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tidegate.app import deep as examination
from tidegate.doctor import RULES, Document, Found, Project, Secret
from tidegate.errors import NothingCheckedError, PathNotFoundError, UsageError
from tidegate.integrations import edits, secret_scan
from tidegate.integrations.project_tree import read_ignores, read_project
from tidegate.model.words import counted
from tidegate.ports import Progress
from tidegate.services.doctor import IGNORE_FILE, Diagnosis, diagnose

INSTALL = "install `tidegate[doctor]`"
SECRETS = ("secret-in-tree", "secret-in-history")
ABOUT_IGNORES = ("ignore-invalid", "ignore-expired")
DEEP = ("deep-cannot-import", "deep-time-zone", "deep-rerun")


def examine(
    folder: Path,
    progress: Progress,
    *,
    deep: bool,
    fix: bool,
    history: bool,
    ignore: str | None,
    only: Sequence[str] = (),
) -> Diagnosis:
    """Look at a project; with `fix` repair first what is mechanical, and say what is left.

    Raises:
        PathNotFoundError: no such folder, or no such ignore file.
        NothingCheckedError: there is nothing in the folder that a rule could be about, or none of the rules of `only` can be judged.
        UsageError: `only` names a rule that does not exist.
        ConfigError: the ignore file cannot be read.
    """
    chosen = _chosen(only)
    told = _examine(folder, progress, deep=deep and not fix, history=history, ignore=ignore, only=chosen)
    if not fix:
        return told
    repaired = [b for b in told.breaches if b.edit is not None]
    edits.apply(folder.resolve(), [b.edit for b in repaired if b.edit is not None])
    after = _examine(folder, progress, deep=deep, history=history, ignore=ignore, only=chosen)
    left = {(b.code, b.path, b.message) for b in after.breaches}
    return dataclasses.replace(after, fixed=tuple(b for b in repaired if (b.code, b.path, b.message) not in left))


def _chosen(only: Sequence[str]) -> frozenset[str]:
    """The rules to judge by: those that are named with those about the ignore file, or all."""
    for code in only:
        if code not in RULES:
            near = difflib.get_close_matches(code, RULES, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "docs/doctor.md lists the rules"
            raise UsageError(f"there is no rule `{code}`", hint=hint)
    return frozenset({*only, *ABOUT_IGNORES}) if only else frozenset(RULES)


def _examine(
    folder: Path, progress: Progress, *, deep: bool, history: bool, ignore: str | None, only: frozenset[str]
) -> Diagnosis:
    progress.stage("read", "the project's files")
    project, notes = read_project(folder)
    _check_something(project, folder)
    root = folder.resolve()
    found, unchecked, more = _secrets(root, project, progress, history=history) if only & set(SECRETS) else ([], {}, [])
    if deep:
        ran, undone, said = _deep(root, project, progress)
        found, more = [*found, *ran], [*more, *said]
        unchecked |= undone
    else:
        unchecked |= dict.fromkeys(DEEP, "only `--deep` runs the project")
    if only - set(ABOUT_IGNORES) <= set(unchecked):
        why = "; ".join(dict.fromkeys(unchecked[code] for code in sorted(only - set(ABOUT_IGNORES))))
        raise NothingCheckedError(f"none of the rules that were asked for can be judged: {why}", hint=why)
    progress.stage("judge", counted(len(only - set(unchecked)), "rule"))
    return diagnose(
        project,
        ignores=_ignores(root, ignore),
        ignore_file=ignore or IGNORE_FILE,
        today=datetime.now(UTC).date(),
        others=found,
        unchecked=unchecked,
        notes=(*notes, *more),
        only=only,
    )


def _check_something(project: Project, folder: Path) -> None:
    tree = project.tree
    about = [
        project.dbt,
        project.python,
        project.workflows,
        project.dockerfiles,
        project.services,
        project.requirements.asked,
    ]
    if not any(about) and not tree.encodings and not tree.databases:
        raise NothingCheckedError(
            f"there is no dbt project, Python file, CI file or Dockerfile in `{folder}`",
            hint="pass `--project DIR`, the folder of your project",
        )


def _ignores(root: Path, named: str | None) -> Document | None:
    file = Path(named) if named else root / IGNORE_FILE
    if not file.is_file():
        if named:
            raise PathNotFoundError(f"there is no ignore file `{named}`", hint="correct `--ignore`")
        return None
    return read_ignores(file)


def _secrets(
    root: Path, project: Project, progress: Progress, *, history: bool
) -> tuple[list[tuple[str, Found]], dict[str, str], list[str]]:
    """What looks like a credential, the rules that could not be judged, and notes."""
    if not secret_scan.is_installed():
        return [], dict.fromkeys(SECRETS, INSTALL), []
    progress.stage("secrets", "in the files")
    now = secret_scan.in_tree(project.tree.texts, project.tree.files)
    found = [("secret-in-tree", _secret(s)) for s in now]
    if not history:
        return found, {"secret-in-history": "`--no-history` was asked for"}, []
    if not project.tree.is_repository:
        return found, {"secret-in-history": "the folder is in no git repository"}, []
    progress.stage("secrets", "in the history")
    past = secret_scan.in_history(root, now, project.tree.texts)
    if past is None:
        return found, {"secret-in-history": "git could not show the history in time"}, []
    return [*found, *(("secret-in-history", _secret(s)) for s in past)], {}, []


def _secret(secret: Secret) -> Found:
    where = f" in commit {secret.commit}" if secret.commit else ""
    return Found(path=secret.path, line=secret.line, message=f"{secret.kind}{where}")


def _deep(
    root: Path, project: Project, progress: Progress
) -> tuple[list[tuple[str, Found]], Mapping[str, str], list[str]]:
    told = examination.run(root, project, progress, env=os.environ)
    return list(told.found), told.unchecked, list(told.notes)
