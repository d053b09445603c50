"""Report: what was found as a list of cases, the same for every format that other programs read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.checks import BY_DBT
from tidegate.model import CheckResult, Finding, Outcome, Sample, StatementCost
from tidegate.services.check import CheckOutcome, Counts

FOUND = "tidegate/"
"""How the kind of a case starts that no declared check stands for: `tidegate/volume`."""

PIPELINE = "pipeline"
"""The table of a case that is about no table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a report: a check and how it ended, or a finding that no check stands for.

    `name` is unique within its table. `outcome` is what counts: a check that may not hold a version (`on_fail: warn`)
    warns and does not fail. `place` is where a person edits it, `path:line`, below the repository.
    """

    id: str
    kind: str
    name: str
    table: str
    column: str | None
    outcome: Outcome
    message: str
    hint: str | None
    place: str | None
    failures: int | None
    evaluated: int | None
    sql: str | None
    sample: Sample | None
    is_dbt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One look at a version: its cases by table and in their order, and the seconds of each table's scan."""

    version: int
    counts: Counts
    checked_at: datetime
    seconds: float
    cases: tuple[Case, ...]
    scan_seconds: tuple[tuple[str, float], ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that have cases, in their order."""
        return tuple(dict.fromkeys(c.table for c in self.cases))

    def of(self, table: str) -> tuple[Case, ...]:
        """The cases of a table."""
        return tuple(c for c in self.cases if c.table == table)

    def seconds_of(self, table: str) -> float:
        """How long a table's statements took."""
        return dict(self.scan_seconds).get(table, 0.0)


def report(outcome: CheckOutcome, *, below: str = "") -> Report:
    """A report on an outcome.

    Args:
        below: the project's folder within the repository, for the places; empty when it is the repository itself.
    """
    told = {_key(r): r for r in outcome.results}
    others = [f for f in outcome.findings if f.key not in told]
    hints = {f.key: f.hint for f in outcome.findings}
    cases = [*(_of_result(r, hints.get(_key(r))) for r in outcome.results), *map(_of_finding, others)]
    placed = [dataclasses.replace(c, place=_below(c.place, below)) for c in _apart(cases)]
    return Report(
        version=outcome.version,
        counts=outcome.counts,
        checked_at=outcome.checked_at,
        seconds=outcome.seconds,
        cases=tuple(placed),
        scan_seconds=tuple(_spent(outcome.costs).items()),
    )


def _key(result: CheckResult) -> str:
    return f"{result.check.dataset}/check/{result.check.id}"


def _of_result(result: CheckResult, hint: str | None) -> Case:
    check = result.check
    lenient = not check.blocking and result.outcome in {Outcome.FAIL, Outcome.ERROR}
    return Case(
        id=check.id,
        kind=str(check.arguments.get("test", check.kind)) if check.kind in BY_DBT else check.kind,
        name=check.name,
        table=str(check.dataset),
        column=check.column,
        outcome=Outcome.WARN if lenient else result.outcome,
        message=result.reason,
        hint=hint,
        place=check.declared_in,
        failures=result.failures,
        evaluated=result.evaluated,
        sql=result.sql,
        sample=result.sample,
        is_dbt=check.source == "dbt",
    )


def _of_finding(finding: Finding) -> Case:
    return Case(
        id=finding.key,
        kind=f"{FOUND}{finding.kind}",
        name=f"{finding.kind} of {finding.column}" if finding.column else finding.kind,
        table=str(finding.dataset) if finding.dataset else PIPELINE,
        column=finding.column,
        outcome=Outcome.FAIL if finding.holds else Outcome.WARN,
        message=finding.sentence,
        hint=finding.hint,
        place=None,
        failures=finding.affected_rows,
        evaluated=None,
        sql=finding.sql,
        sample=None,
        is_dbt=False,
    )


def _apart(cases: Sequence[Case]) -> Iterable[Case]:
    """Two cases of one name in a table are told apart by their ids: programs that read reports would take them for one."""
    count = Counter((c.table, c.name) for c in cases)
    seen: Counter[tuple[str, str]] = Counter()
    for case in cases:
        name = case.name if count[case.table, case.name] == 1 else f"{case.name} [{case.id.rpartition('/')[2]}]"
        seen[case.table, name] += 1
        number = seen[case.table, name]
        yield dataclasses.replace(case, name=name if number == 1 else f"{name} ({number})")


def _below(place: str | None, folder: str) -> str | None:
    return f"{folder}/{place}" if place and folder else place


def _spent(costs: Iterable[StatementCost]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for cost in costs:
        spent[str(cost.dataset)] = spent.get(str(cost.dataset), 0.0) + cost.wall_s
    return spent
