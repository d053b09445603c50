"""Derivation: what is upstream, what is downstream, and which findings belong together."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.lineage import build, groups
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
    assert GRAPH.exposures(ref("lonely")) == ()


def test_a_mention_of_a_column_is_a_whole_word() -> None:
    assert GRAPH.users_of(ref("orders"), "total") == ("stg",)
    assert GRAPH.users_of(ref("orders"), "tot") == ()


def test_two_sources_belong_together_through_their_common_child() -> None:
    found = groups([ref("mart"), ref("lonely"), ref("orders"), ref("items")], GRAPH)
    assert {frozenset(g) for g in found} == {
        frozenset({ref("mart"), ref("orders"), ref("items")}),
        frozenset({ref("lonely")}),
    }
    assert found[0][-1] == ref("mart")


def test_without_the_child_they_are_two_causes() -> None:
    assert len(groups([ref("orders"), ref("items")], GRAPH)) == 2


def test_a_cycle_is_survived() -> None:
    graph = build([node("a"), node("b")], [("a", "b"), ("b", "a")])
    assert graph.downstream(ref("a")) == {ref("b")}


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20),
    st.lists(st.integers(0, 8), max_size=9, unique=True),
)
def test_groups_are_a_partition_and_do_not_depend_on_order(edges: list[tuple[int, int]], chosen: list[int]) -> None:
    graph = build([node(str(i)) for i in range(9)], [(str(a), str(b)) for a, b in edges])
    refs = [ref(str(i)) for i in chosen]
    found = groups(refs, graph)
    assert sorted(r for g in found for r in g) == sorted(refs)
    backwards = groups(refs[::-1], graph)
    assert {frozenset(g) for g in found} == {frozenset(g) for g in backwards}
