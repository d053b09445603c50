"""Grouping: which findings have one cause, as far as the graph can tell; each step of a derivation is walked about once."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tidegate.lineage.columns import passing
from tidegate.lineage.graph import Graph
from tidegate.model import DatasetRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is at fault in a table: some columns (lower case), its rows as such, or nobody can tell what.

    Rows and the unknown reach whatever is built from the table; a column reaches what is made from it. `accidents` name what
    happened and when, as far as that is known: the same accident in a table and in what is built from it is one cause,
    whatever columns show it worst. `stretches` are the times that it is about; empty where nobody knows.
    """

    columns: frozenset[str] = frozenset()
    accidents: frozenset[Hashable] = frozenset()
    rows: bool = False
    unknown: bool = False
    stretches: frozenset[Hashable] = frozenset()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traits:
    """What is known of a set of tables: which accidents, about which times, and its roots."""

    accidents: frozenset[Hashable]
    stretches: frozenset[Hashable]
    roots: frozenset[DatasetRef] = frozenset()

    def __or__(self, other: _Traits) -> _Traits:
        return _Traits(
            accidents=self.accidents | other.accidents,
            stretches=self.stretches | other.stretches,
            roots=self.roots | other.roots,
        )

    def looks_unlike(self, other: _Traits) -> bool:
        """Whether something speaks for two causes: other accidents, and at other times or from other schemas."""
        if not self.accidents.isdisjoint(other.accidents):
            return False
        return _apart(self.stretches, other.stretches) or _apart(self.schemas, other.schemas)

    @property
    def schemas(self) -> frozenset[str]:
        """Where its roots are."""
        return frozenset(r.namespace for r in self.roots)


def _apart(one: frozenset[Hashable], other: frozenset[Hashable]) -> bool:
    """Whether both are known and have nothing in common."""
    return bool(one and other) and one.isdisjoint(other)


@dataclass(slots=True)
class _Sets:
    """Disjoint sets of tables, by the one that stands for each (Tarjan 1975, with path halving), with their traits."""

    graph: Graph
    traits: dict[DatasetRef, _Traits]
    above: dict[DatasetRef, DatasetRef] = field(default_factory=dict)
    below: dict[DatasetRef, frozenset[DatasetRef]] = field(default_factory=dict)

    def find(self, ref: DatasetRef) -> DatasetRef:
        above = self.above
        while (up := above.get(ref)) is not None:
            if (over := above.get(up)) is None:
                return up
            above[ref] = over
            ref = over
        return ref

    def join(self, one: DatasetRef, other: DatasetRef) -> None:
        low, high = self.find(one), self.find(other)
        if low != high:
            self.above[low] = high
            self.traits[high] |= self.traits[low]

    def are_unrelated(self, one: DatasetRef, other: DatasetRef) -> bool:
        """Whether something speaks for two causes, and no root of the one is derived from one of the other's."""
        mine, theirs = self.traits[one], self.traits[other]
        return mine.looks_unlike(theirs) and not (
            self._reaches(mine.roots, theirs.roots) or self._reaches(theirs.roots, mine.roots)
        )

    def _reaches(self, roots: frozenset[DatasetRef], others: frozenset[DatasetRef]) -> bool:
        """Whether one of the others is derived from one of some roots; each root is followed once."""
        for root in roots - self.below.keys():
            self.below[root] = self.graph.reach([root])
        return any(not self.below[root].isdisjoint(others) for root in roots)

    def begins(self, ref: DatasetRef) -> None:
        """Nothing that is known caused this one."""
        self.traits[ref] = replace(self.traits[ref], roots=frozenset({ref}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """Faulty tables, split into groups of one cause each, the tables of a group with their generation.

    `also` has, for an effect that more than one cause may have, the roots of those that it is not grouped with.
    """

    groups: tuple[Mapping[DatasetRef, int], ...]
    also: Mapping[DatasetRef, frozenset[DatasetRef]]


def causes(scopes: Mapping[DatasetRef, Scope], graph: Graph) -> Causes:
    """Split faulty tables into groups of one cause each.

    Two belong together when the fault of one can reach the other. Two that both reach a third faulty one belong together
    too, unless something speaks for two causes: no accident of the one is the other's, no root is derived from one of the other's, and
    they are about different times, or begin in different schemas. The third is then grouped with the likelier one: of the same accident, else at the same time.
    Generation 0 is reached by no other; the next ones are reached by those before them. O(steps of derivation × groups that
    meet in a table), and a statement is parsed only where columns must tell.
    """
    known = {ref: _Traits(accidents=s.accidents, stretches=s.stretches) for ref, s in scopes.items()}
    sets, generations = _Sets(graph, known), dict.fromkeys(scopes, 0)
    flows: dict[DatasetRef, dict[DatasetRef, _Flow]] = {}
    also: dict[DatasetRef, set[DatasetRef]] = {}
    todo = deque(_downwards(scopes, graph))
    waiting = set(todo)
    while todo:
        ref = todo.popleft()
        waiting.discard(ref)
        arrived = _arriving(ref, graph, flows, sets)
        leaving = dict(arrived)
        if (scope := scopes.get(ref)) is not None:
            able = {who: flow for who, flow in arrived.items() if who != sets.find(ref) and flow.may_cause(scope)}
            chosen = _chosen(able, scope, sets)
            if len(chosen) < len(able):
                also.setdefault(ref, set()).update(able.keys() - chosen.keys())
            leaving = _meet(ref, scope, arrived, chosen, sets, generations)
        if flows.get(ref) == leaving:
            continue
        flows[ref] = leaving
        again = [c for c in graph.children.get(ref, ()) if c in flows and c not in waiting]  # in a cycle only
        todo.extend(sorted(again, key=str))
        waiting.update(again)
    found: dict[DatasetRef, dict[DatasetRef, int]] = defaultdict(dict)
    for ref in scopes:
        found[sets.find(ref)][ref] = generations[ref]
    return Causes(groups=tuple(found.values()), also=_doubts(also, found, sets))


def _doubts(
    also: Mapping[DatasetRef, Iterable[DatasetRef]],
    found: Mapping[DatasetRef, Mapping[DatasetRef, int]],
    sets: _Sets,
) -> dict[DatasetRef, frozenset[DatasetRef]]:
    """The effects that another group may have caused, with that group's roots; groups that were joined later are no other."""
    doubts = {}
    for ref, others in also.items():
        apart = {sets.find(other) for other in others} - {sets.find(ref)}
        if apart:
            doubts[ref] = frozenset(r for one in apart for r, generation in found[one].items() if not generation)
    return doubts


def _chosen(able: Mapping[DatasetRef, _Flow], scope: Scope, sets: _Sets) -> dict[DatasetRef, _Flow]:
    """Of the causes that a table may have, the likeliest one and all that may be the same as that one."""
    if len(able) < 2:
        return dict(able)

    def unlikely(who: DatasetRef) -> tuple[bool, bool, str]:
        traits = sets.traits[who]
        return traits.accidents.isdisjoint(scope.accidents), traits.stretches.isdisjoint(scope.stretches), str(who)

    lead = min(able, key=unlikely)
    return {who: flow for who, flow in able.items() if who == lead or not sets.are_unrelated(lead, who)}


def _meet(
    ref: DatasetRef,
    scope: Scope,
    arrived: Mapping[DatasetRef, _Flow],
    chosen: Mapping[DatasetRef, _Flow],
    sets: _Sets,
    generations: dict[DatasetRef, int],
) -> dict[DatasetRef, _Flow]:
    """What leaves a faulty table: what arrived, and its own fault joined with what caused it."""
    if not chosen and sets.find(ref) == ref and not generations[ref]:
        sets.begins(ref)
    for who in chosen:
        sets.join(who, ref)
    own = {who: flow for who, flow in arrived.items() if who in chosen or who == sets.find(ref)}
    if chosen:
        generations[ref] = max(generations[ref], *(flow.generation + 1 for flow in chosen.values()))
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
    through = passing(node.code if node is not None else None)
    found: dict[DatasetRef, _Flow] = {}
    for parent in graph.parents.get(ref, ()):
        for who, flow in flows.get(parent, {}).items():
            columns = through(flow.columns) if flow.columns else flow.columns
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
