"""The stages of CI that build and look at data: build, checks, diff, deploy."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tidegate.app import throwaway
from tidegate.app.compose import open_site
from tidegate.app.deep import STAMP
from tidegate.app.samples import load_folder
from tidegate.app.throwaway import Place
from tidegate.config import FILE_NAME
from tidegate.doctor.words import mapping
from tidegate.errors import StepError, StepTimeoutError, UsageError
from tidegate.integrations import process
from tidegate.integrations.dbt import find_dbt
from tidegate.integrations.project_tree import git
from tidegate.integrations.yaml_files import write_yaml
from tidegate.model import Action, Outcome, Settings, StepReport, StepStatus
from tidegate.model.words import counted
from tidegate.ports import Progress
from tidegate.services import diff as differ
from tidegate.services.check import check as check_published
from tidegate.services.diff import TableDiff
from tidegate.services.publish import publish_by_hand, publish_copy
from tidegate.services.reconcile import known_keys
from tidegate.services.report import Case as Judged
from tidegate.services.report import report
from tidegate.services.run import run
from tidegate.services.site import Site
from tidegate.services.stages import Case, shortened

BUILD = "build"
BASE = "base"
DIFF = "diff"

AGE = frozenset({"freshness", "source_freshness", "recency"})
"""Kinds of checks that ask how old the data is: sample data is as old as it is."""

DEPS_TIMEOUT_S = 600.0
TRAILER = "Changes-Data"
"""The trailer of a commit message that announces which tables get other values."""

BASES = ("origin/main", "main", "origin/master", "master")
"""What production runs where nobody says it: the first of these that there is."""


def build(settings: Settings, progress: Progress) -> tuple[Case, ...]:
    """Build the throw-away warehouse from the files as they are.

    Raises:
        TidegateError: it could not be tried.
    """
    there = throwaway.place(settings, BUILD)
    throwaway.clear(there)
    throwaway.copy_files(settings, there)
    return tuple(_built(settings, there, progress))


def _built(settings: Settings, there: Place, progress: Progress) -> Iterator[Case]:
    """Load the sample, run the steps that are left, publish what came out whatever its checks say, and note it."""
    file = there.sample / str(settings.warehouse.database)
    builds = any(step.kind == "dbt" for step in settings.steps)
    rows = load_folder(settings.root / throwaway.SAMPLES, file) if builds else {}
    left = throwaway.configure(settings, there, sample=file if rows else None)
    if rows:
        told = f"{counted(len(rows), 'table')} with {counted(sum(rows.values()), 'row')}, in place of {', '.join(left) or 'no step'}"
        empty = sum(rows.values()) == 0
        yield Case(
            name=throwaway.SAMPLES,
            outcome=Outcome.ERROR if empty else Outcome.PASS,
            message=told,
            hint="make the samples anew: a build from nothing shows nothing" if empty else "",
            did=len(rows),
            unit="table",
        )
    throwaway.copy_packages(settings, there)
    for name in throwaway.without_packages(settings, there.project):
        yield _installed(settings, there.project, name, progress)
    try:
        with open_site(there.project, progress) as site:
            outcome = run(site, site.steps)
            if outcome.decision.action is Action.HOLD:
                publish_by_hand(site, outcome.version, reason="CI judges it in the stage `checks`", wait_s=0)
    except (StepError, StepTimeoutError) as error:
        if type(error) not in {StepError, StepTimeoutError}:
            raise
        yield Case(name="run", outcome=Outcome.FAIL, message=str(error), hint=error.hint)
        return
    for one in outcome.steps:
        yield _step(one)
    said = {
        "digest": throwaway.digest(settings),
        "version": outcome.version,
        "sample": {str(k): v for k, v in rows.items()},
    }
    throwaway.write_note(there, said)


def install_packages(settings: Settings, progress: Progress) -> tuple[Case, ...]:
    """Install the packages of each dbt project that has none yet, where it is."""
    lacking = throwaway.without_packages(settings, settings.root)
    return tuple(_installed(settings, settings.root, name, progress) for name in lacking)


def _installed(settings: Settings, root: Path, name: str, progress: Progress) -> Case:
    """Let dbt install the packages of one project below `root`."""
    progress.stage("dbt deps", name)
    begun = time.monotonic()
    asked = next((s.options.get("executable") for s in settings.steps if s.kind == "dbt" and s.target == name), None)
    program = find_dbt(str(asked) if asked else None, settings.root, settings.root / name, os.environ)
    lines: list[str] = []
    ended = process.run(
        (program, "deps"),
        cwd=root / name,
        env=dict(os.environ),
        timeout_s=DEPS_TIMEOUT_S,
        on_start=lambda _group: None,
        on_line=lines.append,
    )
    fine = ended.exit_code == 0
    return Case(
        name=f"dbt deps {name}",
        outcome=Outcome.PASS if fine else Outcome.ERROR,
        message="installed" if fine else f"dbt {ended.words}",
        seconds=time.monotonic() - begun,
        command=("dbt", "deps"),
        lines=() if fine else shortened(lines),
    )


def _step(one: StepReport) -> Case:
    """A step as a case: a build that did nothing is an error, one whose own tests failed is a failure."""
    did = one.facts.executed_nodes if one.kind == "dbt" else len(one.facts.load_ids) if one.kind == "dlt" else None
    outcome = Outcome.PASS if one.status is StepStatus.SUCCESS else Outcome.FAIL
    if outcome is Outcome.PASS and did == 0:
        outcome = Outcome.ERROR
    failed = tuple(f"{t.id}: {t.message}" for t in one.facts.tests if t.status not in {"pass", "warn", "skipped"})
    return Case(
        name=one.name,
        outcome=outcome,
        message=one.summary,
        hint="correct what the step selects: it built nothing" if outcome is Outcome.ERROR else "",
        did=did,
        unit="node" if one.kind == "dbt" else "load",
        seconds=one.wall_s,
        command=one.command,
        lines=failed if outcome is Outcome.FAIL else (),
    )


def check(settings: Settings, progress: Progress) -> tuple[Case, ...]:
    """Judge the throw-away warehouse by every check and contract.

    Raises:
        NothingPublishedError: it is not there, or was built from other files.
        NothingCheckedError: there is nothing to look at.
    """
    there = throwaway.place(settings, BUILD)
    note = throwaway.read_note(there, settings)
    with open_site(there.project, progress) as site:
        told = report(check_published(site))
    cases = [_check(c, is_sample=bool(mapping(note.get("sample")))) for c in told.cases]
    if not any(c.outcome in {Outcome.PASS, Outcome.FAIL} and c.did != 0 for c in cases):
        cases.append(
            Case(
                name="checks",
                outcome=Outcome.ERROR,
                message=f"no check was evaluated: {told.counts}",
                hint="declare tests in dbt's YAML, `checks:` in `tidegate.yml`, or a contract",
                did=0,
                unit="check",
            )
        )
    return tuple(cases)


def _check(one: Judged, *, is_sample: bool) -> Case:
    outcome = {Outcome.WARN: Outcome.PASS}.get(one.outcome, one.outcome)
    message = one.message or one.outcome.value
    if is_sample and one.kind in AGE and outcome in {Outcome.FAIL, Outcome.ERROR}:
        outcome, message = Outcome.SKIPPED, f"not judged: sample data is as old as it is ({message})"
    return Case(
        name=f"{one.table}: {one.name}",
        outcome=outcome,
        message=f"warning: {message}" if one.outcome is Outcome.WARN else message,
        hint=one.hint or "",
        did=one.evaluated,
        unit="row",
        lines=(one.place,) if one.place else (),
    )


def compare(settings: Settings, progress: Progress, *, base: str | None) -> tuple[Case, ...]:
    """Build production's code from the same data, and compare table by table.

    A table with other rows or values fails unless a commit since then announces it with the trailer `Changes-Data`.

    Raises:
        UsageError: there is no such commit.
        NothingPublishedError: the throw-away warehouse is not there, or was built from other files.
    """
    there = throwaway.place(settings, BUILD)
    note = throwaway.read_note(there, settings)
    revision = _base(settings, base)
    before = throwaway.place(settings, BASE)
    throwaway.clear(before)
    throwaway.copy_revision(settings, before, revision)
    progress.stage("base", f"production's code, {revision[:12]}")
    cases = [c for c in _built(settings, before, progress) if c.outcome is not Outcome.PASS]
    if cases:
        return tuple(dataclasses.replace(c, name=f"production: {c.name}", outcome=Outcome.ERROR) for c in cases)
    tables = _differences(settings, there, before, progress)
    announced = _announced(settings, revision)
    if not tables:
        nothing = Case(name="tables", outcome=Outcome.ERROR, message="no table was compared", did=0, unit="table")
        return (nothing,)
    return tuple(_compared(t, announced, is_sample=bool(note.get("sample"))) for t in tables)


def _base(settings: Settings, asked: str | None) -> str:
    """The commit from which the present code and production's went apart."""
    names = (asked,) if asked else BASES
    for name in names:
        found = git(settings.root, "merge-base", "HEAD", name)
        if found:
            return found.strip()
    raise UsageError(
        f"production's code is not here: git knows none of {', '.join(f'`{n}`' for n in names)}",
        hint="name production's branch or commit with `--base REF`; in CI fetch it too (`fetch-depth: 0`)",
    )


def _announced(settings: Settings, base: str) -> tuple[str, ...]:
    """The tables, or patterns of them, that the commits since then announce."""
    said = git(settings.root, "log", f"{base}..HEAD", f"--format=%(trailers:key={TRAILER},valueonly)") or ""
    return tuple(word for word in re.split(r"[,\s]+", said) if word)


def _differences(settings: Settings, there: Place, before: Place, progress: Progress) -> tuple[TableDiff, ...]:
    """Both builds as versions of one more warehouse, compared."""
    both = throwaway.place(settings, DIFF)
    throwaway.clear(both)
    with open_site(there.project, progress) as site:
        published = site.state.published()
        keys = known_keys(site, published.number if published else None)
        new = _file(site)
    with open_site(before.project, progress) as site:
        old = _file(site)
    document = {
        "version": 1,
        "warehouse": {"path": "warehouse", "database": settings.warehouse.database},
        "tables": {str(ref): {"key": list(key)} for ref, key in keys.items()},
    }
    (both.project / FILE_NAME).write_text(write_yaml(document), encoding="utf-8")
    with open_site(both.project, progress, environment="") as site, site.warehouse.lock(owner="ci diff", wait_s=0):
        numbers = [publish_copy(site, file, reason="compared in CI") for file in (old, new)]
        return differ.diff(site, *numbers)


def _file(site: Site) -> Path:
    return site.warehouse.public_path()


def _compared(table: TableDiff, announced: Sequence[str], *, is_sample: bool) -> Case:
    """One table as a case."""
    moved = tuple(c for c in table.columns if not STAMP.search(c.name))
    is_same = table.state == "same" or (
        table.state == "changed"
        and table.old_rows == table.new_rows
        and not moved
        and not (table.added_columns or table.removed_columns or table.retyped)
    )
    expected = any(fnmatchcase(str(table.ref), pattern) for pattern in announced)
    fine = is_same or expected or table.state == "added"
    return Case(
        name=str(table.ref),
        outcome=Outcome.PASS if fine else Outcome.FAIL,
        message=("announced: " if expected and not is_same else "") + ("same" if is_same else _told(table)),
        hint="" if fine else f"if that is meant, say so in a commit message: `{TRAILER}: {table.ref}`",
        did=table.new_rows if table.new_rows is not None else table.old_rows,
        unit="row of the sample" if is_sample else "row",
        lines=() if is_same else tuple(f"{what} {key}" for what, key in table.sample),
    )


def _told(table: TableDiff) -> str:
    """What differs, in one line."""
    if table.state in {"added", "removed"}:
        return f"{table.state}, {table.new_rows if table.new_rows is not None else table.old_rows} rows"
    said = [f"{table.old_rows} rows, now {table.new_rows}"] if table.old_rows != table.new_rows else []
    said += [f"new column {n}" for n in table.added_columns] + [f"column {n} is gone" for n in table.removed_columns]
    said += [f"{name} is {new}, was {old}" for name, old, new in table.retyped]
    keys = {"added": table.added, "removed": table.removed, "changed": table.changed}
    said += [f"{counted(n, 'key')} {what}" for what, n in keys.items() if n]
    said += [f"other values in {', '.join(c.name for c in table.columns)}"] if table.columns else []
    return "; ".join(said) or "its definition differs"
