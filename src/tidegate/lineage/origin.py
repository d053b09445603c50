"""Origin: which column of which table a column was taken over from unchanged, as the SQL of the models in between says."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from tidegate.lineage.graph import Graph
from tidegate.model import DatasetRef, Node

Place: TypeAlias = tuple[DatasetRef, str]

DEEPEST = 20
"""How many models a column is followed through. Chosen, not derived."""


def origin(graph: Graph, ends: Collection[DatasetRef], place: Place) -> Place | None:
    """The place in one of `ends` that a column comes from under the same or another name, cast or not.

    None when a model makes it from something else, has several parents with such a column, or cannot be read.
    """
    ref, column = place
    for _ in range(DEEPEST):
        if ref in ends:
            return ref, column
        node = graph.nodes.get(ref)
        taken = _taken(node, column) if node is not None else None
        parents = [p for p in graph.parents.get(ref, ()) if p in ends or _makes(graph.nodes.get(p), taken)]
        if taken is None or len(parents) != 1:
            return None
        ref, column = parents[0], taken
    return None


def _taken(node: Node, column: str) -> str | None:
    """The name under which a model's parent has a column; None when the model makes it, or nobody can tell."""
    import sqlglot
    from sqlglot import expressions as x
    from sqlglot.errors import SqlglotError

    if node.code is None or "{{" in node.code:
        return None
    try:
        tree = sqlglot.parse_one(node.code, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None
    name, wanted = column, column.casefold()
    selects = [s for s in tree.find_all(x.Select) if not isinstance(s.parent, x.Exists)]
    for select in selects:  # the outermost first: a name is followed inwards through the select lists
        items = [i for i in select.expressions if i.alias_or_name.casefold() == wanted]
        inner = items[0].unalias() if len(items) == 1 else None
        while isinstance(inner, x.Cast | x.TryCast):
            inner = inner.this
        if isinstance(inner, x.Column) and not isinstance(inner.this, x.Star):
            name, wanted = inner.name, inner.name.casefold()
        elif items:
            return None
    return name


def _makes(node: Node | None, column: str | None) -> bool:
    """Whether a table may have a column of that name: its statement mentions it, or takes over everything."""
    if node is None or column is None or node.code is None:
        return node is not None and node.code is None
    return column.casefold() in node.code.casefold() or "*" in node.code
