"""Quarantine: move the rows that fail out of the candidate's tables before anything is built from them.

It comes after each step, so that the next one reads tables without these rows. A table that a later step builds anew is
left to the look after that one. What was built before its rows were found still holds them, and so it closes the gate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tidegate import lineage
from tidegate.checks import failing_rows, is_movable
from tidegate.errors import DatabaseNotFoundError, QueryError
from tidegate.metrics import ConditionError, literal, relation, select
from tidegate.model import (
    Check,
    CheckResult,
    Dataset,
    DatasetRef,
    Finding,
    Layer,
    Node,
    Outcome,
    PipelineFacts,
    Quarantined,
    StepReport,
)
from tidegate.model.dataset import QUARANTINE
from tidegate.model.words import counted
from tidegate.ports import Candidate, Mark, Step, Suspicion
from tidegate.services import contract
from tidegate.services.measure import for_checks_alone, measure
from tidegate.services.site import Site

KIND = "quarantine"
"""The kind of the findings about rows that were quarantined, or should have been."""

INCREMENTAL = "incremental"
KEEPS_ITS_PAST = (INCREMENTAL, "snapshot")
"""Materializations that a dbt run adds to, so that what they took earlier stays in them."""

FROM_NOTHING = "--full-refresh"
"""With this flag dbt builds incremental models, though not snapshots, from nothing."""

BUILT = ("model", "seed", "snapshot")
SUCCESS, SKIPPED = "success", "skipped"
NAMES_SHOWN = 5

REPEATABLE = "dbt"
"""The kind of step that may run twice in a run; a load may not, and of a command nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Rows that were moved out of one table, because of which checks, after how many steps, and whether some of them were
    in the version already that the candidate began as.
    """

    rows: Quarantined
    checks: tuple[Check, ...]
    after: int
    was_there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Separated:
    """What quarantine did in a run so far: every move, and what the last look refused to move, as findings that hold."""

    taken: tuple[Taken, ...] = ()
    refused: tuple[Finding, ...] = ()

    @property
    def tables(self) -> tuple[Quarantined, ...]:
        """The moves without their circumstances."""
        return tuple(t.rows for t in self.taken)


def separate(
    site: Site,
    candidate: Candidate,
    so_far: Separated,
    reports: Sequence[StepReport],
    rest: Sequence[Step],
    *,
    run: str,
) -> Separated:
    """Evaluate the checks with `on_fail: quarantine` on the unsealed candidate, and move the rows that fail.

    Costs a scan of the columns that they need; without such checks, what it takes to read what the steps left of theirs.

    Args:
        reports: of the steps that ran.
        rest: the steps that have still to run.

    Raises:
        WarehouseError: a process that a step left behind has the candidate open for writing.
    """
    known = [step.facts(site.settings.root, candidate.state) for step in rest]
    declared = [c for f in (*(r.facts for r in reports), *known) for c in f.checks] + list(site.settings.checks)
    promised = [c for said in site.settings.contracts for c in contract.own_checks(said)]
    if not any(c.quarantine for c in (*declared, *promised)):
        return so_far
    rebuilt = {_folded(n.dataset) for f in known for n in f.nodes if n.dataset is not None and n.kind in BUILT}
    failed, catalog = _failed(site, candidate.number, declared, rebuilt)
    load = next((i for r in reversed(reports) for i in reversed(r.facts.load_ids)), None)
    mark = Mark(run=run, version=candidate.number, load=load, at=site.clock.now())
    taken, refused = list(so_far.taken), []
    for ref, results in failed.items():
        found = _move(site, candidate, catalog[ref], results, mark, len(reports))
        if isinstance(found, Taken):
            taken.append(found)
        else:
            refused.append(found)
    return Separated(taken=tuple(taken), refused=tuple(refused))


def _failed(
    site: Site, number: int, declared: Sequence[Check], rebuilt: set[str]
) -> tuple[Mapping[DatasetRef, list[CheckResult]], Mapping[DatasetRef, Dataset]]:
    """The results of quarantine checks that fail, by table. One that cannot be evaluated is left to the judgement."""
    try:
        with site.warehouse.reader(number) as reader:
            everyone = (*declared, *contract.checks_of(site.settings.contracts, reader))
            tables = [d.ref for d in reader.catalog()]
            unique = {c.id: c for c in everyone if c.quarantine and c.dataset in tables}
            wanted = [c for c in unique.values() if _folded(c.dataset) not in rebuilt]
            if not wanted:
                return {}, {}
            site.progress.stage("quarantine", f"version {number}")
            settings = for_checks_alone(site.settings, tables)
            now = site.clock.now()
            measured = measure(reader, wanted, version=number, settings=settings, now=now, progress=site.progress)
    except DatabaseNotFoundError:  # no step has made it yet; when none does, `seal` says so
        return {}, {}
    failed: dict[DatasetRef, list[CheckResult]] = {}
    for result in measured.results:
        if result.outcome is Outcome.FAIL:
            failed.setdefault(result.check.dataset, []).append(result)
    return failed, measured.catalog


def _move(
    site: Site, candidate: Candidate, dataset: Dataset, results: Sequence[CheckResult], mark: Mark, after: int
) -> Taken | Finding:
    """Move the rows of one table, or say why not: then nothing of it is moved."""
    checks = tuple(r.check for r in results)
    if (why := _unfit(dataset, checks)) is not None:
        return _refusal(results, why)
    was_there = _was_there(site, candidate.parent, checks)
    suspicions = [Suspicion(check=r.check.id, reason=r.reason, failing=_rows_of(r.check)) for r in results]
    most = site.settings.quarantine_limit
    try:
        found = site.warehouse.quarantine(candidate.number, dataset.ref, suspicions, mark=mark, most=most)
    except (QueryError, ConditionError) as error:
        return _refusal(results, f"the engine refused: {error}")
    if not found.failing:
        return _refusal(results, "none was found when they were to be moved")
    if not found.moved:
        share = found.failing / found.rows
        return _refusal(
            results,
            f"{found.failing:,} of {found.rows:,} rows fail ({100 * share:.3g} %), and at most {100 * most:.3g} % may go",
        )
    moved = {"table": str(dataset.ref), "into": str(found.into), "rows": found.failing, "checks": found.by_check}
    site.state.append([site.event("rows.quarantined", f"version:{candidate.number}", moved)])
    return Taken(rows=found, checks=checks, after=after, was_there=was_there)


def _rows_of(check: Check) -> Callable[[DatasetRef], str]:
    return partial(failing_rows, check)


def _unfit(dataset: Dataset, checks: Sequence[Check]) -> str | None:
    """Why no row can be moved; None when that can be tried."""
    if dataset.is_view:
        return "it is a view, whose rows are others' rows; put the check on the table that it reads"
    if dataset.ref.namespace == QUARANTINE:
        return "it is where quarantined rows are kept"
    whole = [c for c in checks if not is_movable(c)]
    return f"the failures of `{whole[0].name}` are not single rows of the table" if whole else None


def _was_there(site: Site, parent: int | None, checks: Sequence[Check]) -> bool:
    """Whether rows that fail were in the parent version already, or nobody can tell."""
    if parent is None:
        return False
    with site.warehouse.reader(parent) as reader:
        known = {d.ref for d in reader.catalog()}
        try:
            asked = [
                select(["COUNT(*)"], f"({failing_rows(c, c.dataset)}) AS failing") for c in checks if c.dataset in known
            ]
            return any(reader.query(sql).rows != ((0,),) for sql in asked)
        except (QueryError, ConditionError):
            return True


def _refusal(results: Sequence[CheckResult], why: str) -> Finding:
    ref = results[0].check.dataset
    return Finding(
        key=f"{ref}/quarantine/refused",
        kind=KIND,
        layer=Layer.DATA,
        dataset=ref,
        sentence=f"no row of {ref} was quarantined because of {_named(r.check for r in results)}: {why}",
        holds=True,
        sql=results[0].sql,
        hint="repair the source or the check; `quarantine_limit` of tidegate.yml says how many rows may go",
    )


def _named(checks: Iterable[Check]) -> str:
    return _some(f"`{check.name}`" for check in checks)


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMES_SHOWN} more" if len(every) > NAMES_SHOWN else ""
    return ", ".join(every[:NAMES_SHOWN]) + more


# --- what is told in the end -----------------------------------------------------------------------------------------


def findings(
    separated: Separated, reports: Sequence[StepReport], catalog: Mapping[DatasetRef, Dataset]
) -> tuple[Finding, ...]:
    """What was moved, which does not hold, and what holds: what could not be moved, and tables that were built from it."""
    told = list(separated.refused)
    for taken in separated.taken:
        if nodes := stale(taken, reports, catalog):
            told.append(_stale_finding(taken, nodes))
        told.append(_moved(taken))
    return tuple(told)


def stale(taken: Taken, reports: Sequence[StepReport], catalog: Mapping[DatasetRef, Dataset]) -> tuple[Node, ...]:
    """What is below a table and may hold what was made of the rows that were moved out of it, by name.

    That is what a step built before the rows were found, and what dbt did not build because its own test found them; not
    what a later step built again, and no view. What adds to its past keeps what it took, also from an earlier run in which
    the rows were there.
    """
    views = {_folded(d.ref) for d in catalog.values() if d.is_view}
    before, since = (_ended(part) for part in (reports[: taken.after], reports[taken.after :]))
    afresh = any(FROM_NOTHING in r.command for r in reports[taken.after :])
    found = []
    for node in _below(taken.rows.dataset, reports):
        again, adds = since.get(node.id) == SUCCESS, node.materialized in KEEPS_ITS_PAST
        adds = adds and not (afresh and node.materialized == INCREMENTAL)
        touched = before.get(node.id) == SUCCESS or (adds and taken.was_there)
        kept = touched and (adds or not again) and _folded(node.dataset) not in views
        if kept or (before.get(node.id) == SKIPPED and not again):
            found.append(node)
    return tuple(sorted(found, key=lambda node: str(node.dataset)))


def again(
    steps: Sequence[Step],
    separated: Separated,
    reports: Sequence[StepReport],
    catalog: Mapping[DatasetRef, Dataset],
) -> Sequence[Step]:
    """The steps to run once more, so that what is below the tables is built from the rows that are left; empty when none
    has to, or when that would not help.

    It helps when they are dbt steps to the end, when none of them builds a table that rows were moved out of (they would be
    there again), and when nothing of it keeps what it took.
    """
    below = [node for taken in separated.taken for node in stale(taken, reports, catalog)]
    ids = {node.id for node in below}
    first = next((place for place, r in enumerate(reports) if ids & set(r.facts.ended)), len(reports))
    sources = {_folded(taken.rows.dataset) for taken in separated.taken}
    rest = reports[first:]
    ended = _ended(rest)
    rebuilt = {_folded(n.dataset) for r in rest for n in r.facts.nodes if n.dataset is not None and n.id in ended}
    keeps = any(n.materialized in KEEPS_ITS_PAST and ended.get(n.id) != SKIPPED for n in below)
    if keeps or rebuilt & sources or any(r.kind != REPEATABLE for r in rest):
        return ()
    return steps[first:]


def _ended(reports: Iterable[StepReport]) -> dict[str, str]:
    """How each node ended at last; what was built once in these steps is built."""
    found: dict[str, str] = {}
    for report in reports:
        found |= {node: status for node, status in report.facts.ended.items() if found.get(node) != SUCCESS}
    return found


def _below(ref: DatasetRef, reports: Sequence[StepReport]) -> Iterator[Node]:
    """What the steps build from a table; a manifest may write its name in other cases."""
    nodes = [n for r in reports for n in r.facts.nodes]
    graph = lineage.build(nodes, [e for r in reports for e in r.facts.edges])
    same = [other for other in graph.nodes if _folded(other) == _folded(ref)]
    below = {d for other in same for d in graph.downstream(other)}
    return (node for dataset, node in graph.nodes.items() if dataset in below)


def _stale_finding(taken: Taken, nodes: Sequence[Node]) -> Finding:
    ref = taken.rows.dataset
    return Finding(
        key=f"{ref}/quarantine/downstream",
        kind=KIND,
        layer=Layer.DATA,
        dataset=ref,
        sentence=(
            f"{counted(taken.rows.failing, 'row')} of {ref} went into quarantine, but {_some(str(n.dataset) for n in nodes)}"
            f" {'was' if len(nodes) == 1 else 'were'} not built from what is left"
        ),
        holds=True,
        hint="put the check on the table that an earlier step loads, or rebuild what is below it (dbt's --full-refresh)",
        affected_rows=taken.rows.failing,
    )


def _moved(taken: Taken) -> Finding:
    rows = taken.rows
    names = ", ".join(f"`{c.name}` ({rows.by_check.get(c.id, 0):,})" for c in taken.checks)
    if len(taken.checks) == 1:
        names = f"`{taken.checks[0].name}`"
    again = f"; {rows.again:,} of them were there already" if rows.again else ""
    version = select(["*"], relation(rows.into), where=[f"_tidegate_check LIKE {literal(f'%{taken.checks[0].id}%')}"])
    return Finding(
        key=f"{rows.dataset}/quarantine/{taken.after}",
        kind=KIND,
        layer=Layer.DATA,
        dataset=rows.dataset,
        sentence=f"{counted(rows.failing, 'row')} quarantined from {rows.dataset} by {names}; {rows.into} keeps them{again}",
        holds=False,
        observed=float(rows.failing),
        sql=version,
        hint="repair the source; the rows that are right come back with the next load, or by hand from the quarantine",
        affected_rows=rows.failing,
        affected_share=rows.failing / rows.rows,
    )


def without_old_verdicts(facts: PipelineFacts, separated: Separated) -> PipelineFacts:
    """dbt tested before the rows went: its verdict on these checks is about a table that is no more."""
    moved = {c.id for taken in separated.taken for c in taken.checks}
    tests = tuple(dataclasses.replace(t, status=KIND) if t.id in moved else t for t in facts.tests)
    return dataclasses.replace(facts, tests=tests)


def _folded(ref: DatasetRef | None) -> str:
    return str(ref).casefold()
