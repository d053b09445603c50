"""Grouping: which findings have one cause, as far as the graph can tell; each step of a derivation is walked about once."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tidegate.lineage.columns import passed_on
from tidegate.lineage.graph import Graph
from tidegate.model import DatasetRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is at fault in a table: some columns (lower case), its rows as such, or nobody can tell what.

    Rows and the unknown reach whatever is built from the table; a column reaches what is made from it. `accidents` name what
    happened and when, as far as that is known: the same accident in a table and in what is built from it is one cause,
    whatever columns show it worst.
    """

    columns: frozenset[str] = frozenset()
    accidents: frozenset[Hashable] = frozenset()
    rows: bool = False
    unknown: bool = False

    @property
    def leaving(self) -> frozenset[str] | None:
        """The columns that hand the fault on; None stands for all."""
        return None if self.rows or self.unknown else self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    """A fault on its way down: in which columns (None: all; none: only its table is built from the faulty one), of which
    accidents, and how many faulty tables it came through.
    """

    columns: frozenset[str] | None
    accidents: frozenset[Hashable]
    generation: int

    @property
    def is_spent(self) -> bool:
        """Whether it can be the cause of nothing further down."""
        return self.columns is not None and not self.columns and not self.accidents

    def may_cause(self, scope: Scope) -> bool:
        """Whether it may be the cause of what is at fault where it arrives."""
        if self.columns is None or self.accidents & scope.accidents:
            return True
        return bool(self.columns) and (scope.unknown or bool(scope.columns & self.columns))


@dataclass(slots=True)
class _Sets:
    """Disjoint sets of tables, by the one that stands for each (Tarjan 1975, with path halving)."""

    above: dict[DatasetRef, DatasetRef] = field(default_factory=dict)

    def find(self, ref: DatasetRef) -> DatasetRef:
        while (up := self.above.setdefault(ref, ref)) != ref:
            self.above[ref] = self.above[up]
            ref = up
        return ref

    def join(self, one: DatasetRef, other: DatasetRef) -> None:
        self.above[self.find(one)] = self.find(other)


def groups(scopes: Mapping[DatasetRef, Scope], graph: Graph) -> tuple[Mapping[DatasetRef, int], ...]:
    """Split faulty tables into groups of one cause each; the tables of a group with their generation.

    Two belong together when the fault of one can reach the other, or when both can reach a third that is faulty. Generation 0
    is reached by no other; the next ones are reached by those before them. O(steps of derivation × groups that meet in a
    table), and a statement is parsed only where columns must tell.
    """
    sets, generations = _Sets(), dict.fromkeys(scopes, 0)
    flows: dict[DatasetRef, dict[DatasetRef, _Flow]] = {}
    todo = deque(_downwards(scopes, graph))
    waiting = set(todo)
    while todo:
        ref = todo.popleft()
        waiting.discard(ref)
        arrived = _arriving(ref, graph, flows, sets)
        leaving = _meet(ref, scopes.get(ref), arrived, sets, generations)
        if flows.get(ref) == leaving:
            continue
        flows[ref] = leaving
        again = [c for c in graph.children.get(ref, ()) if c in flows and c not in waiting]  # in a cycle only
        todo.extend(sorted(again, key=str))
        waiting.update(again)
    found: dict[DatasetRef, dict[DatasetRef, int]] = defaultdict(dict)
    for ref in scopes:
        found[sets.find(ref)][ref] = generations[ref]
    return tuple(found.values())


def _meet(
    ref: DatasetRef,
    scope: Scope | None,
    arrived: Mapping[DatasetRef, _Flow],
    sets: _Sets,
    generations: dict[DatasetRef, int],
) -> dict[DatasetRef, _Flow]:
    """What leaves a table: what arrived, and its own fault joined with what may have caused it."""
    if scope is None:
        return dict(arrived)
    causes = {who: flow for who, flow in arrived.items() if who != sets.find(ref) and flow.may_cause(scope)}
    for who in causes:
        sets.join(who, ref)
    own = {who: flow for who, flow in arrived.items() if who in causes or who == sets.find(ref)}
    if causes:
        generations[ref] = max(generations[ref], *(flow.generation + 1 for flow in causes.values()))
    whole = _Flow(columns=scope.leaving, accidents=scope.accidents, generation=generations[ref])
    for flow in own.values():
        whole = _both(whole, flow)
    others = {who: flow for who, flow in arrived.items() if who not in own}
    return {**others, sets.find(ref): whole}


def _arriving(
    ref: DatasetRef, graph: Graph, flows: Mapping[DatasetRef, Mapping[DatasetRef, _Flow]], sets: _Sets
) -> dict[DatasetRef, _Flow]:
    """The faults that the parents hand on, by the table that stands for their group."""
    node = graph.nodes.get(ref)
    code = node.code if node is not None else None
    found: dict[DatasetRef, _Flow] = {}
    for parent in graph.parents.get(ref, ()):
        for who, flow in flows.get(parent, {}).items():
            columns = passed_on(code, flow.columns) if flow.columns else flow.columns
            one = flow if columns is flow.columns else replace(flow, columns=columns)
            if one.is_spent:
                continue
            root = sets.find(who)
            before = found.get(root, one)
            found[root] = one if before is one else _both(before, one)
    return found


def _both(one: _Flow, other: _Flow) -> _Flow:
    columns = None if one.columns is None or other.columns is None else one.columns | other.columns
    accidents = one.accidents | other.accidents
    return _Flow(columns=columns, accidents=accidents, generation=max(one.generation, other.generation))


def _downwards(starts: Iterable[DatasetRef], graph: Graph) -> Iterator[DatasetRef]:
    """The tables and all that is derived from them, each after its parents; those in a cycle last, in the order of names."""
    reached = graph.reach(starts)
    missing = {ref: len(graph.parents.get(ref, frozenset()) & reached) for ref in reached}
    todo = deque(sorted((ref for ref, count in missing.items() if not count), key=str))
    done = set()
    while todo:
        ref = todo.popleft()
        done.add(ref)
        yield ref
        for child in sorted(graph.children.get(ref, frozenset()), key=str):
            missing[child] -= 1
            if not missing[child]:
                todo.append(child)
    yield from sorted(reached - done, key=str)
