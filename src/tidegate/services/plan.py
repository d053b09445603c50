"""Plan: what a check would ask of which table, and what each question costs, without judging an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate import checks as catalogue
from tidegate.model import CheckResult, Dataset, DatasetRef, MetricSpec, Selection, StatementCost
from tidegate.services.check import EVERYTHING, scan_chosen, target
from tidegate.services.measure import Measured
from tidegate.services.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStatement:
    """One statement: the columns of its table that it reads, the rows that there are, and their product.

    `rows` is the engine's estimate, None where it has none, as of a view. `cpu_s` is what it cost just now.
    """

    dataset: DatasetRef
    purpose: str
    columns: tuple[str, ...]
    rows: int | None
    cells: int | None
    cpu_s: float
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCheck:
    """One check: the numbers that it is judged by, the judged one first, and the statements that brought them, by their
    places in the plan, from 1; or why nothing is asked for it.
    """

    id: str
    name: str
    dataset: DatasetRef
    numbers: tuple[str, ...]
    statements: tuple[int, ...]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlan:
    """What a check asks of a version."""

    version: int
    declared: int
    statements: tuple[PlannedStatement, ...]
    checks: tuple[PlannedCheck, ...]


def plan(site: Site, *, wait_s: float = 0.0, selection: Selection = EVERYTHING) -> ScanPlan:
    """Ask what a check with this selection would ask. Nothing is judged or kept.

    The statements are run: what is asked next depends on the answers before.

    Raises:
        NothingPublishedError, NothingCheckedError: as for a check.
    """
    with site.warehouse.lock(owner="check", wait_s=wait_s):
        found = target(site, selection)
        measured = scan_chosen(site, found, selection)
    return ScanPlan(
        version=found.version.number,
        declared=found.declared,
        statements=tuple(_statement(cost, measured.catalog.get(cost.dataset)) for cost in measured.costs),
        checks=tuple(_check(result, measured) for result in measured.results),
    )


def _statement(cost: StatementCost, dataset: Dataset | None) -> PlannedStatement:
    columns = columns_read(cost.sql, dataset) if dataset else ()
    rows = dataset.rows if dataset else None
    return PlannedStatement(
        dataset=cost.dataset,
        purpose=cost.purpose,
        columns=columns,
        rows=rows,
        cells=None if rows is None else rows * len(columns),
        cpu_s=cost.cpu_s,
        sql=cost.sql,
    )


def columns_read(sql: str, dataset: Dataset) -> tuple[str, ...]:
    """The columns of a dataset that a statement names, in their order; all of them for a star."""
    from sqlglot import expressions as x
    from sqlglot import parse_one

    tree = parse_one(sql, read="duckdb")
    if any(not isinstance(star.parent, x.Count) for star in tree.find_all(x.Star)):
        return tuple(c.name for c in dataset.columns)
    named = {column.name.casefold() for column in tree.find_all(x.Column)}
    return tuple(c.name for c in dataset.columns if c.name.casefold() in named)


def _check(result: CheckResult, measured: Measured) -> PlannedCheck:
    check = result.check
    needed = catalogue.needs(check, measured.catalog)
    asked = () if isinstance(needed, CheckResult) else needed
    places = [place for place, cost in enumerate(measured.costs, start=1) if any(spec in cost.specs for spec in asked)]
    return PlannedCheck(
        id=check.id,
        name=check.name,
        dataset=check.dataset,
        numbers=words(asked, check.dataset),
        statements=tuple(places),
        reason=needed.reason if isinstance(needed, CheckResult) else None,
    )


def words(numbers: Sequence[MetricSpec], dataset: DatasetRef) -> tuple[str, ...]:
    """Numbers in words: `null_count of email where active`, `row_count in main.parents` of another dataset; each once."""
    words = (
        n.metric
        + (f" of {n.column}" if n.column else "")
        + (f" in {n.dataset}" if n.dataset != dataset else "")
        + (f" where {n.where}" if n.where else "")
        for n in numbers
    )
    return tuple(dict.fromkeys(words))
