"""The graph of datasets: which is derived from which, collapsed from the pipeline's nodes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.model import DatasetRef, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Datasets and what is built from them; nodes without a dataset (ephemeral models) are walked through.

    `children` and `parents` hold direct neighbours by dataset; `nodes` every node by dataset; `readers` the exposures
    that read a dataset directly. Cycles are tolerated (each dataset is visited once).
    """

    children: Mapping[DatasetRef, frozenset[DatasetRef]] = field(default_factory=dict)
    parents: Mapping[DatasetRef, frozenset[DatasetRef]] = field(default_factory=dict)
    nodes: Mapping[DatasetRef, Node] = field(default_factory=dict)
    readers: Mapping[DatasetRef, tuple[Node, ...]] = field(default_factory=dict)

    def downstream(self, ref: DatasetRef) -> frozenset[DatasetRef]:
        """Everything derived from `ref`, itself left out. O(edges)."""
        return _reach(ref, self.children)

    def upstream(self, ref: DatasetRef) -> frozenset[DatasetRef]:
        """Everything that `ref` is derived from, itself left out. O(edges)."""
        return _reach(ref, self.parents)

    def reach(self, refs: Iterable[DatasetRef]) -> frozenset[DatasetRef]:
        """Some datasets and everything derived from them. O(edges), however many they are."""
        seen, todo = set[DatasetRef](), list(refs)
        while todo:
            current = todo.pop()
            if current not in seen:
                seen.add(current)
                todo.extend(self.children.get(current, ()))
        return frozenset(seen)

    def exposures(self, *refs: DatasetRef) -> tuple[Node, ...]:
        """The exposures that read one of `refs` or anything derived from them, by name."""
        found = {n.id: n for r in self.reach(refs) for n in self.readers.get(r, ())}
        return tuple(sorted(found.values(), key=lambda n: n.name))

    def users_of(self, ref: DatasetRef, column: str) -> tuple[str, ...]:
        """Direct children whose SQL mentions the column's name, by name. A mention is not a proof of use."""
        word = re.compile(rf"(?<![\w]){re.escape(column)}(?![\w])", re.IGNORECASE)
        named = (self.nodes.get(child) for child in self.children.get(ref, frozenset()))
        return tuple(sorted(n.name for n in named if n is not None and n.code and word.search(n.code)))


def build(nodes: Iterable[Node], edges: Iterable[tuple[str, str]]) -> Graph:
    """Collapse the pipeline's nodes to datasets. O(nodes + edges), more where ephemeral models chain."""
    by_id = {n.id: n for n in nodes}
    below: dict[str, list[str]] = defaultdict(list)
    for upstream, downstream in edges:
        if upstream in by_id and downstream in by_id:
            below[upstream].append(downstream)
    children: dict[DatasetRef, set[DatasetRef]] = defaultdict(set)
    parents: dict[DatasetRef, set[DatasetRef]] = defaultdict(set)
    readers: dict[DatasetRef, list[Node]] = defaultdict(list)
    for node in by_id.values():
        if node.dataset is None:
            continue
        for reached in _first_datasets(node.id, below, by_id):
            if reached.dataset is None:
                readers[node.dataset].append(reached)
            elif reached.dataset != node.dataset:
                children[node.dataset].add(reached.dataset)
                parents[reached.dataset].add(node.dataset)
    return Graph(
        children={k: frozenset(v) for k, v in children.items()},
        parents={k: frozenset(v) for k, v in parents.items()},
        nodes={n.dataset: n for n in by_id.values() if n.dataset is not None},
        readers={k: tuple(v) for k, v in readers.items()},
    )


def _first_datasets(start: str, below: Mapping[str, Sequence[str]], by_id: Mapping[str, Node]) -> list[Node]:
    found: list[Node] = []
    seen = {start}
    todo = list(below.get(start, ()))
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        node = by_id[current]
        if node.dataset is not None or node.kind == "exposure":
            found.append(node)
        else:
            todo.extend(below.get(current, ()))
    return found


def _reach(start: DatasetRef, neighbours: Mapping[DatasetRef, frozenset[DatasetRef]]) -> frozenset[DatasetRef]:
    seen: set[DatasetRef] = set()
    todo = list(neighbours.get(start, ()))
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(neighbours.get(current, ()))
    return frozenset(seen - {start})
