"""Write a report as SARIF 2.1.0, as GitHub code scanning and editors read it: what did not pass, at the line that demands it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import tidegate
from tidegate.checks import CHECKS
from tidegate.model import Outcome
from tidegate.services.report import FOUND, Case, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Outcome.FAIL: "error", Outcome.ERROR: "error", Outcome.WARN: "warning", Outcome.SKIPPED: "note"}
ROOT = "SRCROOT"
"""The name that stands for the repository's root, which every reader knows for itself."""

TECHNICAL = frozenset({"step", "unchecked", "written"})
"""Kinds of finding that are not about what the data says."""

UNKNOWN_PLACE = "tidegate.yml"
"""Where a finding is shown that nobody declared: GitHub drops what has no file."""


def render(report: Report, *, below: str = "") -> str:
    """The document.

    Args:
        below: the project's folder within the repository.
    """
    told = [c for c in report.cases if c.outcome in LEVELS]
    rules = tuple(dict.fromkeys(c.kind for c in told))
    return document(
        rules=[_rule(kind) for kind in rules],
        results=[_result(case, rules, f"{below}/{UNKNOWN_PLACE}".lstrip("/")) for case in told],
        category="tidegate/",
        ended=report.checked_at,
        exit_code=_exit(told),
        properties={"version": report.version, "checks": str(report.counts)},
    )


def document(
    *,
    rules: Sequence[Mapping[str, object]],
    results: Sequence[Mapping[str, object]],
    category: str,
    ended: datetime,
    exit_code: int,
    properties: Mapping[str, object],
) -> str:
    """One run of Tidegate as a SARIF log.

    Args:
        category: tells apart what several commands find in one commit.
    """
    driver = {
        "name": "Tidegate",
        "version": tidegate.__version__,
        "semanticVersion": tidegate.__version__,
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": category},
        "invocations": [
            {"executionSuccessful": True, "endTimeUtc": f"{ended:%Y-%m-%dT%H:%M:%SZ}", "exitCode": exit_code}
        ],
        "columnKind": "unicodeCodePoints",
        "properties": properties,
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    text = json.dumps(log, indent=2, ensure_ascii=False)
    return text.replace("##[", r"#\u0023[") + "\n"  # the same text to JSON, and no command to a runner that logs it


def location(file: str, line: int) -> Mapping[str, object]:
    """A place in the repository: `file` relative to its root, `line` from 1."""
    return {
        "artifactLocation": {"uri": quote(file), "uriBaseId": f"%{ROOT}%"},
        "region": {"startLine": line},
    }


def _exit(told: Sequence[Case]) -> int:
    return int(any(LEVELS[c.outcome] == "error" for c in told))


def _rule(kind: str) -> Mapping[str, object]:
    known = CHECKS.get(kind)
    if known is not None:
        says = known.says
    elif kind.startswith(FOUND):
        learned = kind.removeprefix(FOUND) not in TECHNICAL
        says = (
            "a number is as expected, by the table's own past"
            if learned
            else "everything could be looked at, as it was left"
        )
    else:
        says = f"the dbt test `{kind}`, as dbt evaluates it"
    return {"id": kind, "name": kind, "shortDescription": {"text": says}}


def _result(case: Case, rules: Sequence[str], elsewhere: str) -> Mapping[str, object]:
    file, _, line = (case.place or elsewhere).partition(":")
    name = f"{case.table}.{case.column}" if case.column else case.table
    place = location(file, int(line.partition(":")[0] or 1))
    facts = {"check": case.name, "failures": case.failures, "evaluated": case.evaluated, "sql": case.sql}
    return {
        "ruleId": case.kind,
        "ruleIndex": rules.index(case.kind),
        "level": LEVELS[case.outcome],
        "message": {"text": _message(case)},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"name": case.column or case.table, "fullyQualifiedName": name, "kind": "member"}],
            }
        ],
        "partialFingerprints": {"tidegate/v1": hashlib.sha256(case.id.encode()).hexdigest()},
        "properties": {key: value for key, value in facts.items() if value is not None},
    }


def _message(case: Case) -> str:
    """One line; what a table's sample holds does not leave for a service that is not the team's own."""
    said = case.message if case.kind.startswith(FOUND) else f"{case.name} on {case.table}: {case.message}"
    return f"{said} ({case.hint})" if case.hint else said
