"""Change: what a change of code does to data, from two states that were built before; nothing is built, and nothing decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate import lineage
from tidegate.model import (
    Check,
    CheckResult,
    Contract,
    ContractChange,
    DatasetRef,
    Node,
    Outcome,
    PipelineFacts,
    Product,
    Value,
)
from tidegate.model.words import counted
from tidegate.services import compatibility
from tidegate.services.diff import TableDiff
from tidegate.services.doctor import Breach

SHOWN_METRICS = ("null_count", "distinct_count", "min", "max", "mean")
"""The numbers of a column that are told before and after, where both states have them."""

BREAKING, COMPATIBLE, NONE = "breaking", "compatible", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One of the two states: `words` say which one it is. `contracts` is None where nobody could read them.

    `numbers` are by dataset, then by metric and column. `costs` are in seconds or bytes, by name. `contents` tells for
    each model, seed, snapshot and source what dbt compares of it.
    """

    words: str
    version: int
    revision: str | None
    facts: PipelineFacts
    checks: Sequence[Check] = ()
    results: Sequence[CheckResult] = ()
    contracts: Sequence[Contract] | None = ()
    products: Sequence[Product] = ()
    numbers: Mapping[DatasetRef, Mapping[tuple[str, str | None], Value]] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A number of a column before and after."""

    metric: str
    old: Value
    new: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnBeforeAfter:
    """A column that holds other values: `changed` rows where a key is known, and its numbers that moved."""

    table: str
    column: str
    old_filled: int
    new_filled: int
    changed: int | None
    numbers: tuple[Numbers, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A table or exposure that is made from what changed: `owner` where one is known, `tables` are the changed ones."""

    kind: str
    name: str
    owner: str | None
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChange:
    """A check that is `added`, `removed` or `changed` (its arguments, condition or severity)."""

    what: str
    name: str
    table: str
    declared_in: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCheck:
    """A check that does not pass after the change, and did before, or was not there."""

    name: str
    table: str
    outcome: Outcome
    reason: str
    declared_in: str | None
    blocking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CostChange:
    """What something took before and after; `unit` is s or bytes."""

    what: str
    unit: str
    old: float
    new: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedContract:
    """A contract with what changed in it; `state` is same, changed, added or removed."""

    id: str
    state: str
    old_version: str | None
    new_version: str | None
    suggested_version: str | None
    changes: tuple[ContractChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Everything that is known of a change. `verdict` is breaking, compatible or none (nothing that is promised differs),
    and None where nobody could tell. `promises` counts the contracts of both states; `contracts` are those that changed.
    `untold` says what could not be looked at, and why.
    """

    base: str
    head: str
    verdict: str | None
    promises: int
    contracts: tuple[ChangedContract, ...]
    code: Mapping[str, tuple[str, ...]]
    tables: tuple[TableDiff, ...]
    compared: int
    columns: tuple[ColumnBeforeAfter, ...]
    reached: tuple[Reached, ...]
    checks: tuple[CheckChange, ...]
    failed: tuple[FailedCheck, ...]
    costs: tuple[CostChange, ...]
    findings: tuple[Breach, ...] | None
    untold: tuple[str, ...]

    @property
    def stops(self) -> bool:
        """Whether somebody has to look: what is promised breaks, a check that holds fails, doctor found an error, or
        something could not be told.
        """
        graver = any(b.level == "error" for b in self.findings or ())
        return self.verdict == BREAKING or graver or any(f.blocking for f in self.failed) or bool(self.untold)


def change(
    base: State,
    head: State,
    tables: Sequence[TableDiff],
    *,
    findings: Sequence[Breach] | None,
    untold: Sequence[str] = (),
) -> Change:
    """Put together what differs.

    Args:
        tables: how each table differs, the same ones included.
        findings: what doctor finds after the change and not before; None where nobody looked.
        untold: what could not be looked at.
    """
    moved = tuple(t for t in tables if t.state != "same")
    contracts = tuple(_contracts(base.contracts or (), head.contracts or ()))
    known = base.contracts is not None and head.contracts is not None
    return Change(
        base=base.words,
        head=head.words,
        verdict=_verdict(contracts, known=known),
        promises=len(contracts),
        contracts=tuple(c for c in contracts if c.state != "same"),
        code=_code(base.contents, head.contents),
        tables=tuple(sorted(moved, key=_weight, reverse=True)),
        compared=len(tables),
        columns=tuple(_columns(base, head, moved)),
        reached=tuple(_reached(base, head, moved)),
        checks=tuple(_checks(base.checks, head.checks)),
        failed=tuple(_failed(base.results, head.results)),
        costs=tuple(_costs(base.costs, head.costs)),
        findings=None if findings is None else tuple(findings),
        untold=tuple(untold),
    )


# --- contracts -------------------------------------------------------------------------------------------------------


def _verdict(contracts: Sequence[ChangedContract], *, known: bool) -> str | None:
    if any(c.breaking for one in contracts for c in one.changes):
        return BREAKING
    if not known:
        return None
    return COMPATIBLE if any(one.state != "same" for one in contracts) else NONE


def _contracts(base: Sequence[Contract], head: Sequence[Contract]) -> Iterator[ChangedContract]:
    before, after = {c.id: c for c in base}, {c.id: c for c in head}
    for id_ in dict.fromkeys((*before, *after)):
        old, new = before.get(id_), after.get(id_)
        if old is not None and new is not None:
            found = compatibility.changes(old, new)
            needed = compatibility.bump(found, old, new)
            yield ChangedContract(
                id=id_,
                state="same" if needed == "none" else "changed",
                old_version=old.version,
                new_version=new.version,
                suggested_version=compatibility.next_version(old.version, needed),
                changes=found,
            )
        else:
            yield _alone(id_, old, new)


def _alone(id_: str, old: Contract | None, new: Contract | None) -> ChangedContract:
    gone = new is None
    said = ContractChange(
        where="contract",
        what="it is removed" if gone else "it is new",
        breaking=gone,
        reason=compatibility.LOST if gone else compatibility.GAINED,
    )
    return ChangedContract(
        id=id_,
        state="removed" if gone else "added",
        old_version=old.version if old else None,
        new_version=new.version if new else None,
        suggested_version=None,
        changes=(said,),
    )


# --- data ------------------------------------------------------------------------------------------------------------


def _weight(table: TableDiff) -> tuple[int, int, str]:
    """What readers would miss most comes first: tables and columns that are gone, then by how many rows moved."""
    gone = 3 if table.state == "removed" else 2 if table.removed_columns or table.retyped else 0
    keys = sum(n or 0 for n in (table.added, table.removed, table.changed))
    return gone, max(keys, abs((table.new_rows or 0) - (table.old_rows or 0))), str(table.ref)


def _columns(base: State, head: State, moved: Sequence[TableDiff]) -> Iterator[ColumnBeforeAfter]:
    for table in moved:
        old, new = base.numbers.get(table.ref, {}), head.numbers.get(table.ref, {})
        for column in table.columns:
            pairs = ((m, old.get((m, column.name)), new.get((m, column.name))) for m in SHOWN_METRICS)
            yield ColumnBeforeAfter(
                table=str(table.ref),
                column=column.name,
                old_filled=column.old_filled,
                new_filled=column.new_filled,
                changed=column.changed,
                numbers=tuple(
                    Numbers(metric=m, old=a, new=b) for m, a, b in pairs if a != b and a is not None and b is not None
                ),
            )


def _code(base: Mapping[str, str], head: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The ids of models and the like that are added, removed or modified."""
    return {
        "added": tuple(sorted(head.keys() - base.keys())),
        "removed": tuple(sorted(base.keys() - head.keys())),
        "modified": tuple(sorted(i for i in base.keys() & head.keys() if base[i] != head[i])),
    }


def _reached(base: State, head: State, moved: Sequence[TableDiff]) -> Iterator[Reached]:
    """What is made from tables that changed, or were before: exposures first, then tables of products, then others."""
    graphs = [lineage.build(s.facts.nodes, s.facts.edges) for s in (base, head)]
    products = {p.name: p for state in (base, head) for p in state.products}.values()
    tables: dict[DatasetRef, set[str]] = {}
    exposures: dict[str, tuple[Node, set[str]]] = {}
    for table in moved:
        for graph in graphs:
            for ref in graph.downstream(table.ref):
                tables.setdefault(ref, set()).add(str(table.ref))
            for node in graph.exposures(table.ref):
                exposures.setdefault(node.id, (node, set()))[1].add(str(table.ref))
    owners = {n.dataset: n.owner for s in (base, head) for n in s.facts.nodes if n.dataset is not None and n.owner}
    for node, of in sorted(exposures.values(), key=lambda pair: pair[0].name):
        yield Reached(kind="exposure", name=node.name, owner=node.owner, of=tuple(sorted(of)))
    found = [_reached_table(ref, of, owners.get(ref), products) for ref, of in tables.items()]
    yield from sorted(found, key=lambda r: (r.owner is None, r.name))


def _reached_table(ref: DatasetRef, of: set[str], owner: str | None, products: Iterable[Product]) -> Reached:
    said = owner or next((p.owner for p in products if p.covers(ref) and p.owner), None)
    return Reached(kind="table", name=str(ref), owner=said, of=tuple(sorted(of)))


# --- checks and cost -------------------------------------------------------------------------------------------------


def _checks(base: Sequence[Check], head: Sequence[Check]) -> Iterator[CheckChange]:
    """Removed ones first: what is not checked any more is what a reader of green output misses."""
    before, after = _by_identity(base), _by_identity(head)
    removed = [("removed", before[key]) for key in before if key not in after]
    changed = [("changed", c) for key, c in after.items() if key in before and _demand(c) != _demand(before[key])]
    added = [("added", after[key]) for key in after if key not in before]
    for what, check in (*removed, *changed, *added):
        yield CheckChange(what=what, name=check.name, table=str(check.dataset), declared_in=check.declared_in)


def _by_identity(checks: Sequence[Check]) -> dict[tuple[str, int], Check]:
    seen: Counter[str] = Counter()
    found = {}
    for check in checks:
        seen[check.id] += 1
        found[(check.id, seen[check.id])] = check
    return found


def _demand(check: Check) -> tuple[object, ...]:
    arguments = sorted((k, str(v)) for k, v in check.arguments.items() if k not in {"sql", "because"})
    said = (check.where, check.severity, check.warn_if, check.error_if, check.limit, check.blocking)
    return check.kind, check.column, arguments, *said


def _failed(base: Sequence[CheckResult], head: Sequence[CheckResult]) -> Iterator[FailedCheck]:
    """What fails now and did not before; what may hold a version first."""
    stops = {Outcome.FAIL, Outcome.ERROR}
    before = {r.check.id for r in base if r.outcome in stops}
    found = [r for r in head if r.outcome in stops and r.check.id not in before]
    for result in sorted(found, key=lambda r: not r.check.blocking):
        yield FailedCheck(
            name=result.check.name,
            table=str(result.check.dataset),
            outcome=result.outcome,
            reason=result.reason,
            declared_in=result.check.declared_in,
            blocking=result.check.blocking,
        )


def _costs(base: Mapping[str, float], head: Mapping[str, float]) -> Iterator[CostChange]:
    for what in dict.fromkeys((*head, *base)):
        if what in base and what in head:
            unit = "bytes" if what.endswith("bytes") else "s"
            yield CostChange(what=what, unit=unit, old=base[what], new=head[what])


def headline(told: Change) -> str:
    """What a reader needs first, in a sentence."""
    rows = sum((t.new_rows or 0) - (t.old_rows or 0) for t in told.tables)
    promised = {
        BREAKING: "breaks what is promised",
        COMPATIBLE: "keeps what is promised, and promises something else",
        NONE: "leaves what is promised as it is",
        None: "may break what is promised: nobody could tell",
    }
    said = promised[told.verdict] if told.promises or told.verdict is None else "has no contract to keep"
    return f"It {said}. {differing(told)}, {rows:+,} rows."


def differing(told: Change) -> str:
    """How many tables differ, in words."""
    return f"{len(told.tables)} of {counted(told.compared, 'table')} {'differs' if len(told.tables) == 1 else 'differ'}"
