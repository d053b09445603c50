"""How promotions and environments look as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tidegate.app.environments import Overview
from tidegate.cli import render
from tidegate.cli.output import Output
from tidegate.model.words import counted
from tidegate.services.drift import Drift
from tidegate.services.promote import Evidence, Promoted

WORDS = {
    "plan": ("COMPLETE", "green"),
    "approved": ("APPROVED", "green"),
    "published": ("PROMOTED", "green"),
    "allowed": ("ALLOWED", "green"),
    "nothing": ("THERE ALREADY", "green"),
    "held": ("HELD", "red"),
}


def promoted(output: Output, done: Promoted, *, public: Path) -> None:
    """What became of it, the evidence, and what is missing."""
    found = done.evidence
    word, colour = WORDS[done.decision]
    if done.decision == "plan" and not found.is_complete:
        word, colour = "INCOMPLETE", "red"
    output.line(f"{output.strong(word, colour)}  {_what(found)}: {found.source} -> {found.target}")
    for line in _evidence(found):
        output.line(line)
    for reason in found.missing:
        output.line(f"missing    {reason}")
    if found.differences:
        output.line()
        sides = f"{found.target} version {found.against} -> {found.source} version {found.version}"
        render.differences(output, sides, found.differences)
    if done.run is not None:
        output.line()
        render.run(output, done.run, public=public)
    for line in _next(done):
        output.line(f"next       {line}")


def _what(found: Evidence) -> str:
    if found.subject.startswith("revision:"):
        return f"code revision {found.code_revision} (version {found.version})"
    return f"version {found.version}"


def _evidence(found: Evidence) -> Iterator[str]:
    yield f"bytes      {found.fingerprint}"
    yield f"code       {found.code_revision or 'unknown'}"
    judged = f"{found.judged}: {'; '.join(found.because)}" if found.judged else "nobody judged it"
    yield f"judged     {judged}"
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in found.outcomes.items())
    yield f"checks     {outcomes or 'none'}"
    against = (
        f"version {found.against} of {found.target}" if found.against else f"nothing is published in {found.target}"
    )
    yield f"against    {against}"
    for given in found.approvals:
        why = f": {given.reason}" if given.reason else ""
        yield f"approved   {given.role}, {given.actor}, {given.at:%Y-%m-%d %H:%M} UTC{why}"


def _next(done: Promoted) -> Iterator[str]:
    found = done.evidence
    revision = f" --revision {found.code_revision}" if found.subject.startswith("revision:") else f" {found.version}"
    if done.decision == "plan" and found.is_complete:
        yield f"tidegate promote{revision} --to {found.target}"
    elif found.missing and any(reason.startswith("nobody approved as") for reason in found.missing):
        yield f'tidegate promote{revision} --to {found.target} --approve --role ROLE --reason "..."'
    elif done.decision == "published":
        yield f"tidegate rollback --environment {found.target} puts the version before back"


def environments(output: Output, found: Overview) -> None:
    """How every environment stands, then where each differs from the one before."""
    rows = [
        (
            stands.environment,
            str(stands.version or "-"),
            render.when(stands.built_at) if stands.built_at else "-",
            (stands.fingerprint or "-")[:12],
            stands.code_revision or "-",
            stands.promoted_from or "-",
            str(stands.unsolved),
        )
        for stands in found.environments
    ]
    heads = ["environment", "version", "built (UTC)", "bytes", "code", "promoted from", "incidents"]
    output.table(heads, rows, right=(1, 6))
    for one in found.drift:
        output.line()
        _drift(output, one)


def _drift(output: Output, one: Drift) -> None:
    bytes_ = "the same bytes" if one.same_bytes else "other bytes"
    code = "the same code" if one.same_code else "other code, or nobody knows"
    output.line(f"{one.before} -> {one.after}: {bytes_}; {code}")
    for setting in one.settings:
        output.line(f"  {setting.key}: {_shown(setting.before)} -> {_shown(setting.after)}")
    for table in one.tables:
        output.line(f"  {table.ref}: {counted(len(table.columns), 'column differs', 'columns differ')}")
        for name, before, after in table.columns:
            output.line(f"    {name}: {before or 'not there'} -> {after or 'not there'}")


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
