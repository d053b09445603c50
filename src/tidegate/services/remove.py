"""Remove: which rows of a version a recovery takes out, how many they are, and the move into quarantine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from tidegate import lineage
from tidegate.checks import failing_rows, is_movable
from tidegate.errors import IncidentError, QueryError
from tidegate.metrics import ConditionError, literal, quoted, relation, select
from tidegate.model import Check, Dataset, DatasetRef, Incident, Outcome, PipelineFacts
from tidegate.model.quarantine import quarantine_table
from tidegate.ports import ROW, Candidate, Mark, Reader, Step, Suspicion
from tidegate.scan.infer import LOADERS_OWN
from tidegate.services.quarantine import INCREMENTAL, REPEATABLE, Taken
from tidegate.services.run import combine
from tidegate.services.site import Site

LOAD_ID, PARENT_ID, ROW_ID = "_dlt_load_id", "_dlt_parent_id", "_dlt_id"
NESTED = "__"
"""dlt calls the table of a nested list PARENT__LIST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Rows of one table that go, as a check that they fail.

    `failing` gives, for the name of a relation that has the table's columns and ROW, the SELECT of the rows.
    """

    ref: DatasetRef
    check: Check
    reason: str
    failing: Callable[[DatasetRef], str]
    load: str | None = None

    def __hash__(self) -> int:
        return hash((self.ref, self.check.id))

    @property
    def into(self) -> DatasetRef:
        return quarantine_table(self.ref)


def copies(reader: Reader, ref: DatasetRef, load: str | None, incident: int) -> Removal:
    """Every further copy of a row, equal in all columns but the loader's own; of one load where it is named.

    The first copy stays: one of another load, if there is one.
    """
    dataset = _dataset(reader, ref)
    own = [quoted(c.name) for c in dataset.columns if not LOADERS_OWN.search(c.name)]
    of_load = f"{quoted(LOAD_ID)} = {literal(load)}" if load and dataset.column(LOAD_ID) else None

    def failing(rows: DatasetRef) -> str:
        order = ", ".join([f"{of_load}", ROW] if of_load else [ROW])
        number = f"row_number() OVER (PARTITION BY {', '.join(own)} ORDER BY {order}) AS tidegate_copy"
        counted = select(["*", number], relation(rows))
        return select(["*"], f"({counted}) AS counted", where=["tidegate_copy > 1", *([of_load] if of_load else [])])

    name = f"copies of load {load}" if of_load else "copies"
    return Removal(
        ref=ref, check=_check(incident, ref, name), reason=f"incident {incident}: {name}", failing=failing, load=load
    )


def loads(reader: Reader, load: str, incident: int) -> tuple[Removal, ...]:
    """Every row that a dlt load brought, in every table, with the rows of nested tables below them; those come first."""
    name = f"load {load}"
    catalog = {d.ref: d for d in reader.catalog() if not d.is_view}
    conditions: dict[DatasetRef, str] = {}
    for ref, dataset in sorted(catalog.items(), key=lambda item: len(item[0].name)):
        if ref.name.startswith("_dlt_") or ref.namespace.endswith("_staging") or ref.namespace.startswith("tidegate_"):
            continue
        if dataset.column(LOAD_ID) is not None:
            conditions[ref] = f"{quoted(LOAD_ID)} = {literal(load)}"
        elif dataset.column(PARENT_ID) is not None and (parent := _parent(ref, conditions)) is not None:
            rows = select([quoted(ROW_ID)], relation(parent), where=[conditions[parent]])
            conditions[ref] = f"{quoted(PARENT_ID)} IN ({rows})"
    return tuple(
        Removal(
            ref=ref,
            check=_check(incident, ref, name),
            reason=f"incident {incident}: {name}",
            failing=_where(condition),
            load=load,
        )
        for ref, condition in reversed(conditions.items())
    )


def _parent(ref: DatasetRef, known: Mapping[DatasetRef, str]) -> DatasetRef | None:
    above = [p for p in known if p.namespace == ref.namespace and ref.name.startswith(p.name + NESTED)]
    return max(above, key=lambda p: len(p.name), default=None)


def _where(condition: str) -> Callable[[DatasetRef], str]:
    return lambda rows: select(["*"], relation(rows), where=[condition])


def failing(site: Site, incident: Incident) -> tuple[Removal, ...]:
    """The rows that fail the checks of an incident, as far as these are about single rows."""
    keys = {f.key for f in incident.findings if f.holds}
    found = []
    for result in site.state.results(incident.version):
        check = result.check
        if f"{check.dataset}/check/{check.id}" in keys and result.outcome is Outcome.FAIL and is_movable(check):
            found.append(
                Removal(
                    ref=check.dataset,
                    check=check,
                    reason=f"incident {incident.number}: {result.reason}",
                    failing=_of_check(check),
                )
            )
    return tuple(found)


def _of_check(check: Check) -> Callable[[DatasetRef], str]:
    return lambda rows: failing_rows(check, rows)


def count(reader: Reader, removal: Removal) -> int:
    """How many rows go; 0 when there is no such table.

    Raises:
        IncidentError: the engine cannot say.
    """
    if removal.ref not in {d.ref for d in reader.catalog()}:
        return 0
    try:
        rows = removal.failing(removal.ref).replace(ROW, "rowid")
        return int(str(reader.query(select(["COUNT(*)"], f"({rows}) AS failing")).rows[0][0]))
    except (QueryError, ConditionError) as error:
        raise IncidentError(f"which rows of `{removal.ref}` are to go cannot be told: {error}") from error


def carry_out(site: Site, candidate: Candidate, run: str, removals: Sequence[Removal]) -> tuple[Taken, ...]:
    """Move the rows into quarantine, in the candidate. A table without such rows is left as it is.

    Raises:
        QueryError: the engine refused to move them; nothing of that table was moved.
    """
    taken = []
    for removal in removals:
        with site.warehouse.reader(candidate.number) as reader:
            there = count(reader, removal)
        if not there:
            continue
        mark = Mark(run=run, version=candidate.number, load=removal.load, at=site.clock.now())
        suspicion = Suspicion(check=removal.check.id, reason=removal.reason, failing=removal.failing)
        found = site.warehouse.quarantine(candidate.number, removal.ref, [suspicion], mark=mark, most=1.0)
        moved = {"table": str(removal.ref), "into": str(found.into), "rows": found.failing, "checks": found.by_check}
        site.state.append([site.event("rows.quarantined", f"version:{candidate.number}", moved)])
        taken.append(Taken(rows=found, checks=(removal.check,), after=0, was_there=True))
    return tuple(taken)


def built_again(site: Site, state: Path, reader: Reader) -> Set[DatasetRef]:
    """What has a row again that is moved out of it, as long as what it is built from has the row: views, and what dbt
    builds; `state` is the version's folder of artifacts.
    """
    facts = [step.facts(site.settings.root, state) for step in site.steps if step.kind == REPEATABLE]
    return {d.ref for d in reader.catalog() if d.is_view}.union(*map(_written, facts))


def _written(said: PipelineFacts) -> set[DatasetRef]:
    return {n.dataset for n in said.nodes if n.dataset is not None and n.kind != "source"}


def derived(site: Site, state: Path, refs: Sequence[DatasetRef]) -> tuple[Sequence[Step], tuple[str, ...]]:
    """The steps to run after rows of these tables went, and the names of incremental models below, to be built from nothing.

    These are the steps behind the last one that loads such a table; where nobody knows which that is, the dbt steps at the
    end. dbt builds none of the tables.
    """
    facts = [step.facts(site.settings.root, state) for step in site.steps]
    owner = -1
    for place, said in enumerate(facts):
        owner = place if _written(said) & set(refs) else owner
    first = owner + 1
    if owner < 0:
        first = len(site.steps)
        while first and site.steps[first - 1].kind == REPEATABLE:
            first -= 1
    together = combine(facts)
    graph = lineage.build(together.nodes, together.edges)
    below = {d for ref in refs for d in graph.downstream(ref)}
    afresh = sorted({n.name for d, n in graph.nodes.items() if d in below and n.materialized == INCREMENTAL})
    return site.steps[first:], tuple(afresh)


def _check(incident: int, ref: DatasetRef, name: str) -> Check:
    return Check(id=f"recover/{incident}/{ref}/{name}", name=name, dataset=ref, kind="recovery", source="recover")


def _dataset(reader: Reader, ref: DatasetRef) -> Dataset:
    found = next((d for d in reader.catalog() if d.ref == ref), None)
    if found is None:
        raise IncidentError(f"there is no table `{ref}` to take rows out of", hint="choose another way with `--by`")
    return found
