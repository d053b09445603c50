"""Which findings have one cause: by tables, by columns where they are known, and with work that grows with the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lineage.test_graph import GRAPH, node, ref
from tidegate.lineage import Graph, Scope, build, causes
from tidegate.model import DatasetRef, Node

UNKNOWN = Scope(unknown=True)
ROWS = Scope(rows=True)


def columns(*names: str) -> Scope:
    return Scope(columns=frozenset(names))


def found(scopes: Mapping[str, Scope], graph: Graph = GRAPH) -> list[dict[str, int]]:
    """The groups, each with its tables' generations, in the order of names."""
    made = causes({ref(name): scope for name, scope in scopes.items()}, graph).groups
    return sorted(({r.name: n for r, n in sorted(g.items(), key=lambda i: i[0].name)} for g in made), key=sorted)


def unknown(*names: str) -> dict[str, Scope]:
    return dict.fromkeys(names, UNKNOWN)


def test_two_sources_belong_together_through_their_common_child() -> None:
    assert found(unknown("mart", "lonely", "orders", "items")) == [{"items": 0, "mart": 1, "orders": 0}, {"lonely": 0}]


def test_without_the_child_they_are_two_causes() -> None:
    assert found(unknown("orders", "items")) == [{"items": 0}, {"orders": 0}]


def test_tables_between_need_not_be_faulty() -> None:
    assert found(unknown("orders", "mart")) == [{"mart": 1, "orders": 0}]


def test_nothing_is_no_group() -> None:
    assert found({}) == []


PAID = build(
    [
        node("raw"),
        node("stg", code="select id, amount / 100 as amount, email from raw"),
        node("mart", code="select sum(amount) as revenue, max(email) as contact from stg"),
        node("big", code="select id from stg where amount > 100"),
        node("blind"),
    ],
    [("raw", "stg"), ("stg", "mart"), ("stg", "big"), ("stg", "blind")],
)


@pytest.mark.parametrize(
    ("upstream", "table", "downstream", "together"),
    [
        (columns("amount"), "mart", columns("revenue"), True),
        (columns("email"), "mart", columns("revenue"), False),
        (columns("email", "amount"), "mart", columns("revenue"), True),
        (columns("email"), "mart", columns("contact"), True),
        (columns("email"), "mart", UNKNOWN, True),
        (columns("email"), "mart", ROWS, False),
        (columns("amount"), "big", ROWS, True),
        (columns("email"), "big", ROWS, False),
        (columns("email"), "big", UNKNOWN, False),
        (columns("email"), "blind", columns("anything"), True),
        (ROWS, "mart", columns("revenue"), True),
        (UNKNOWN, "mart", columns("revenue"), True),
        (columns("lost"), "mart", UNKNOWN, False),
    ],
)
def test_columns_tell_where_the_graph_knows_them(
    upstream: Scope, table: str, downstream: Scope, together: bool
) -> None:
    assert (len(found({"raw": upstream, table: downstream}, PAID)) == 1) == together


def test_two_causes_in_one_run_are_two_groups_though_tables_connect_them() -> None:
    scopes = {"raw": columns("email"), "stg": columns("email"), "mart": columns("revenue")}
    assert found(scopes, PAID) == [{"mart": 0}, {"raw": 0, "stg": 1}]


@pytest.mark.parametrize(("accident", "together"), [("scale on Sunday", True), ("nulls on Sunday", False)])
def test_the_same_accident_at_the_same_time_is_one_cause_whatever_columns_show_it(
    accident: str, together: bool
) -> None:
    raw = Scope(columns=frozenset({"email"}), accidents=frozenset({"scale on Sunday"}))
    mart = Scope(columns=frozenset({"revenue"}), accidents=frozenset({accident}))
    assert (len(found({"raw": raw, "mart": mart}, PAID)) == 1) == together


# --- two causes that meet

SATURDAY, SUNDAY = "Saturday", "Sunday"


def at(schema: str, name: str) -> DatasetRef:
    return DatasetRef(namespace=schema, name=name)


def accident(kind: str, when: str, **more: Any) -> Scope:
    return Scope(accidents=frozenset({(kind, when)}), stretches=frozenset({when}), rows=True, **more)


SHOP, DESK, MART = at("shop", "orders"), at("desk", "tickets"), at("marts", "mart")
MEETING = build(
    [Node(id=str(r), kind="model", name=r.name, dataset=r) for r in (SHOP, DESK, MART)],
    [(str(SHOP), str(MART)), (str(DESK), str(MART))],
)


@pytest.mark.parametrize(
    ("one", "other", "mart", "apart"),
    [
        (accident("volume", SUNDAY), accident("nulls", SUNDAY), accident("volume", SUNDAY), True),
        (accident("volume", SUNDAY), accident("volume", SUNDAY), accident("volume", SUNDAY), False),
        (accident("volume", SUNDAY), accident("nulls", SATURDAY), accident("nulls", SATURDAY), True),
        (UNKNOWN, UNKNOWN, UNKNOWN, True),
    ],
)
def test_two_schemas_with_accidents_of_their_own_are_two_causes(
    one: Scope, other: Scope, mart: Scope, apart: bool
) -> None:
    made = causes({SHOP: one, DESK: other, MART: mart}, MEETING)
    assert (len(made.groups) == 2) == apart
    assert bool(made.also) == apart


@pytest.mark.parametrize(("when", "apart"), [(SATURDAY, True), (SUNDAY, False)])
def test_in_one_schema_only_another_time_tells_two_causes(when: str, apart: bool) -> None:
    """Half of an order came: rows of one table, values of the other, of the same day."""
    scopes = {
        ref("orders"): accident("segment", SUNDAY),
        ref("items"): accident("volume", when),
        ref("mart"): accident("segment", SUNDAY),
    }
    assert (len(causes(scopes, GRAPH).groups) == 2) == apart


@pytest.mark.parametrize(
    ("mart", "with_whom", "doubt"),
    [
        (accident("volume", SUNDAY), SHOP, DESK),
        (accident("nulls", SUNDAY), DESK, SHOP),
        (accident("mean", SATURDAY), DESK, SHOP),
        (UNKNOWN, DESK, SHOP),
    ],
)
def test_what_both_reach_goes_with_the_likelier_and_names_the_other(
    mart: Scope, with_whom: DatasetRef, doubt: DatasetRef
) -> None:
    desk = Scope(accidents=frozenset({("nulls", SUNDAY)}), stretches=frozenset({SUNDAY, SATURDAY}), rows=True)
    made = causes({SHOP: accident("volume", SUNDAY), DESK: desk, MART: mart}, MEETING)
    assert {frozenset(g) for g in made.groups} == {frozenset({with_whom, MART}), frozenset({doubt})}
    assert made.also == {MART: frozenset({doubt})}
    assert made.groups[0].get(MART, made.groups[1].get(MART)) == 1


def test_a_root_below_the_other_one_speaks_for_one_cause() -> None:
    """Columns do not prove that the one caused the other, and nothing proves that it did not; they meet in a third."""
    raw, model, mart = at("raw", "orders"), at("marts", "orders"), at("marts", "days")
    line = build(
        [
            Node(id="raw", kind="model", name="orders", dataset=raw),
            Node(id="model", kind="model", name="orders", dataset=model, code="select id, amount from orders"),
            Node(id="mart", kind="model", name="days", dataset=mart),
        ],
        [("raw", "model"), ("raw", "mart"), ("model", "mart")],
    )
    faulty = {
        raw: Scope(columns=frozenset({"email"}), stretches=frozenset({SUNDAY})),
        model: Scope(columns=frozenset({"amount"}), stretches=frozenset({SUNDAY})),
    }
    assert len(causes(faulty, line).groups) == 2, "the columns have nothing to do with each other"
    assert len(causes({**faulty, mart: UNKNOWN}, line).groups) == 1


def test_what_lies_between_two_causes_makes_them_one() -> None:
    """One reaches the other: whatever else speaks for two, it is a derivation."""
    line = build(
        [Node(id=str(r), kind="model", name=r.name, dataset=r) for r in (SHOP, DESK)], [(str(SHOP), str(DESK))]
    )
    made = causes({SHOP: accident("volume", SUNDAY), DESK: accident("nulls", SATURDAY)}, line)
    assert len(made.groups) == 1
    assert not made.also


# --- against a slower and simpler answer

TABLES = 9
drawn_edges = st.lists(st.tuples(st.integers(0, TABLES - 1), st.integers(0, TABLES - 1)), max_size=20)
chosen_tables = st.lists(st.integers(0, TABLES - 1), max_size=TABLES, unique=True)


def graph_of(edges: list[tuple[int, int]]) -> Graph:
    return build([node(str(i)) for i in range(TABLES)], [(str(a), str(b)) for a, b in edges])


def slowly(refs: list[DatasetRef], graph: Graph) -> set[frozenset[DatasetRef]]:
    parts = [{r} for r in refs]
    for one in refs:
        for other in graph.downstream(one) & set(refs):
            first = next(p for p in parts if one in p)
            second = next(p for p in parts if other in p)
            if first is not second:
                parts.remove(second)
                first |= second
    return {frozenset(p) for p in parts}


@given(drawn_edges, chosen_tables)
def test_groups_are_what_is_connected_by_derivation_cycles_or_not(
    edges: list[tuple[int, int]], chosen: list[int]
) -> None:
    graph, refs = graph_of(edges), [ref(str(i)) for i in chosen]
    made = causes(dict.fromkeys(refs, UNKNOWN), graph).groups
    assert sorted(r for g in made for r in g) == sorted(refs)
    assert {frozenset(g) for g in made} == slowly(refs, graph)
    assert {frozenset(g) for g in causes(dict.fromkeys(refs[::-1], UNKNOWN), graph).groups} == {
        frozenset(g) for g in made
    }


@given(drawn_edges, chosen_tables)
def test_every_group_has_a_first_and_later_ones_come_after_what_reaches_them(
    edges: list[tuple[int, int]], chosen: list[int]
) -> None:
    graph = graph_of([(a, b) for a, b in edges if a < b])
    for members in causes({ref(str(i)): ROWS for i in chosen}, graph).groups:
        assert min(members.values()) == 0
        for one, generation in members.items():
            above = [members[r] for r in graph.upstream(one) & members.keys()]
            assert generation == (max(above) + 1 if above else 0)


# --- how the work grows


class Counting(Mapping[DatasetRef, Any]):
    """A mapping that counts how often it is asked."""

    def __init__(self, of: Mapping[DatasetRef, Any]) -> None:
        self.of, self.asked = of, 0

    def __getitem__(self, key: DatasetRef) -> Any:
        self.asked += 1
        return self.of[key]

    def __iter__(self) -> Iterator[DatasetRef]:
        return iter(self.of)

    def __len__(self) -> int:
        return len(self.of)


def work(tables: int) -> int:
    """How often neighbours are looked up to group a fault in every table of layers of ten, each built from three before."""
    edges = [(str(i - 10 - d), str(i)) for i in range(10, tables) for d in range(3) if i - 10 - d >= 0]
    plain = build([node(str(i)) for i in range(tables)], edges)
    children, parents = Counting(plain.children), Counting(plain.parents)
    graph = Graph(children=children, parents=parents, nodes=plain.nodes)
    causes({ref(str(i)): UNKNOWN for i in range(tables)}, graph)
    return children.asked + parents.asked


def test_four_times_the_tables_are_four_times_the_work() -> None:
    small, large = work(100), work(400)
    assert small > 100, "nothing was counted"
    assert large < 4.5 * small
