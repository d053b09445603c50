"""Derivation: what is upstream, what is downstream, and who reads it."""

from tidegate.lineage import build
from tidegate.model import DatasetRef, Node


def ref(name: str) -> DatasetRef:
    return DatasetRef(namespace="s", name=name)


def node(name: str, *, dataset: bool = True, kind: str = "model", code: str | None = None) -> Node:
    return Node(id=name, kind=kind, name=name, dataset=ref(name) if dataset else None, code=code)


NODES = [
    node("orders", kind="source"),
    node("items", kind="source"),
    node("stg", code='select "total", id from orders'),
    node("ephemeral", dataset=False),
    node("mart"),
    node("board", dataset=False, kind="exposure"),
    node("lonely", kind="source"),
]
EDGES = [("orders", "stg"), ("stg", "ephemeral"), ("ephemeral", "mart"), ("items", "mart"), ("mart", "board")]
GRAPH = build(NODES, EDGES)


def test_ephemeral_models_are_walked_through() -> None:
    assert GRAPH.downstream(ref("orders")) == {ref("stg"), ref("mart")}
    assert GRAPH.upstream(ref("mart")) == {ref("stg"), ref("orders"), ref("items")}
    assert GRAPH.downstream(ref("unknown")) == frozenset()


def test_exposures_of_everything_below() -> None:
    assert [n.name for n in GRAPH.exposures(ref("orders"))] == ["board"]
    assert [n.name for n in GRAPH.exposures(ref("lonely"), ref("items"))] == ["board"]
    assert GRAPH.exposures(ref("lonely")) == GRAPH.exposures() == ()


def test_reach_is_what_is_derived_from_any_of_them_with_themselves() -> None:
    assert GRAPH.reach([ref("stg"), ref("lonely")]) == {ref("stg"), ref("mart"), ref("lonely")}
    assert GRAPH.reach([]) == frozenset()


def test_a_mention_of_a_column_is_a_whole_word() -> None:
    assert GRAPH.users_of(ref("orders"), "total") == ("stg",)
    assert GRAPH.users_of(ref("orders"), "tot") == ()


def test_a_cycle_is_survived() -> None:
    graph = build([node("a"), node("b")], [("a", "b"), ("b", "a")])
    assert graph.downstream(ref("a")) == {ref("b")}
