"""Checks that dbt does not know are selected with dbt's words: by name, table, tag, kind and file."""

from __future__ import annotations

import dataclasses

import pytest

from tidegate.errors import NothingCheckedError, UsageError
from tidegate.model import Check, DatasetRef, Node, Selectable, Selection
from tidegate.services.selection import choose, word

ORDERS = DatasetRef(namespace="raw", name="orders")
MART = DatasetRef(namespace="analytics", name="fct_orders")


def check(name: str, dataset: DatasetRef = ORDERS, kind: str = "rule", **more) -> Check:
    return Check(
        **{
            "id": f"{dataset}/{name}",
            "name": name,
            "dataset": dataset,
            "kind": kind,
            "declared_in": "tidegate.yml:9",
            **more,
        }
    )


TEST = Check(id="test.shop.unique_fct_orders", name="unique_fct_orders", dataset=MART, kind="unique", source="dbt")
CHECKS = (
    TEST,
    check("rule amount >= 0", tags=("money", "slow")),
    check("not_null id", kind="not_null", severity="warn"),
    check("row_count", MART, "row_count", blocking=False),
    check("revenue", DatasetRef(namespace="project", name="metric"), "metric"),
)
MODEL = Selectable(
    id="model.shop.fct_orders",
    kind="model",
    name="fct_orders",
    fqn=("shop", "marts", "fct_orders"),
    package="shop",
    tags=("core",),
    path="models/marts/fct_orders.sql",
    aspects={"contents": "new", "contract": ""},
)
SOURCE = Selectable(id="source.shop.raw.items", kind="source", name="items", source="raw", package="shop")
SELECTABLES = (
    MODEL,
    SOURCE,
    Selectable(
        id=TEST.id,
        kind="test",
        name=TEST.name,
        fqn=("shop", "marts", TEST.name),
        package="shop",
        parents=(MODEL.id,),
        test_name="unique",
        test_type="generic",
        config={"severity": "ERROR"},
        path="models/marts/marts.yml",
    ),
)
NODES = (Node(id=MODEL.id, kind="model", name="fct_orders", dataset=MART),)


def chosen(*select: str, exclude: tuple[str, ...] = (), **more) -> list[str]:
    asked = Selection(select=select, exclude=exclude, **more)
    return [c.name for c in choose(CHECKS, NODES, SELECTABLES, asked)]


def test_who_asks_for_nothing_gets_everything() -> None:
    assert chosen() == [c.name for c in CHECKS]


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("rule_amount_0", ["rule amount >= 0"]),
        ("rule_*", ["rule amount >= 0"]),
        ("raw.orders", ["rule amount >= 0", "not_null id"]),
        ("orders", ["rule amount >= 0", "not_null id"]),
        ("raw", ["rule amount >= 0", "not_null id"]),
        ("raw.orders.not_null_id", ["not_null id"]),
        ("fct_orders", ["unique_fct_orders", "row_count"]),
        ("marts", ["unique_fct_orders", "row_count"]),
        ("tag:core", ["unique_fct_orders", "row_count"]),
        ("analytics.fct_orders", ["row_count"]),
        ("tag:money", ["rule amount >= 0"]),
        ("config.tags:slow", ["rule amount >= 0"]),
        ("test_name:not_null", ["not_null id"]),
        ("test_name:row_count", ["row_count"]),
        ("test_type:singular", ["revenue"]),
        ("config.severity:warn", ["not_null id"]),
        ("config.on_fail:warn", ["row_count"]),
        ("package:tidegate", ["rule amount >= 0", "not_null id", "row_count", "revenue"]),
        ("package:this", ["unique_fct_orders", "row_count"]),
        ("path:tidegate.yml", ["rule amount >= 0", "not_null id", "row_count", "revenue"]),
        ("file:tidegate.yml", ["rule amount >= 0", "not_null id", "row_count", "revenue"]),
        ("revenue", ["revenue"]),
        ("fct_orders,package:tidegate", ["row_count"]),
        ("fct_orders revenue", ["unique_fct_orders", "row_count", "revenue"]),
        ("resource_type:model+", ["unique_fct_orders", "row_count"]),
    ],
)
def test_own_checks_are_selected(spec: str, names: list[str]) -> None:
    assert chosen(spec) == names


def test_what_is_excluded_is_left_out() -> None:
    assert chosen(exclude=("package:tidegate",)) == ["unique_fct_orders"]
    assert chosen("fct_orders", exclude=("test_type:generic,package:tidegate",)) == ["unique_fct_orders"]


def test_a_check_outside_dbt_changes_with_its_table() -> None:
    assert chosen("state:modified", before={}) == ["unique_fct_orders", "row_count"]
    assert chosen("state:new,package:tidegate", before={}) == ["row_count"]
    assert chosen("state:modified", before={MODEL.id: MODEL}) == []


@pytest.mark.parametrize("spec", ["state:modified+", "1+state:new", "@state:modified", "fct_orders,state:modified"])
def test_that_nothing_differs_from_a_state_is_an_answer(spec: str) -> None:
    """A change of the documentation alone selects nothing in CI, and dbt ends with 0."""
    assert chosen(spec, before={MODEL.id: MODEL}) == []
    with pytest.raises(NothingCheckedError):
        chosen(spec, "tag:nope", before={MODEL.id: MODEL})
    with pytest.raises(NothingCheckedError):
        chosen("tag:state:modified", before={MODEL.id: MODEL})


STATE = {"method": "state", "value": "modified"}


@pytest.mark.parametrize(
    ("definition", "is_answer"),
    [
        ("state:modified+", True),
        (STATE, True),
        ({"union": [STATE, "state:new"]}, True),
        ({"intersection": ["tag:core", {"method": "selector", "value": "changed"}]}, True),
        ({"union": [STATE, {"exclude": ["tag:core"]}]}, True),
        ({"union": [STATE, "tag:nope"]}, False),
        ({"intersection": ["tag:nope", "tag:core"]}, False),
        ("tag:nope", False),
        ({"union": []}, False),
        ({"intersection": [{"union": []}, {"union": []}]}, False),
    ],
)
def test_a_selector_that_compares_may_select_nothing(definition: object, is_answer: bool) -> None:
    asked = Selection(selector="ci", before={MODEL.id: MODEL})
    selectors = {"ci": {"definition": definition}, "changed": {"definition": STATE}}
    if is_answer:
        assert choose(CHECKS, NODES, SELECTABLES, asked, selectors) == ()
        return
    with pytest.raises(NothingCheckedError, match="`--selector ci` selects none of the 5 declared checks"):
        choose(CHECKS, NODES, SELECTABLES, asked, selectors)


@pytest.mark.parametrize("spec", ["tag:nope", "source:*", "nothing", "path:other.yml"])
def test_nothing_selected_is_an_error(spec: str) -> None:
    with pytest.raises(NothingCheckedError, match="selects none of the 5 declared checks"):
        chosen(spec)


def test_nodes_without_tests_are_told_apart_from_nothing() -> None:
    with pytest.raises(NothingCheckedError, match="1 other nodes are selected, and none of them has a test"):
        chosen("source:raw")


def test_unit_tests_are_dbts() -> None:
    unit = Selectable(id="unit_test.shop.a.b", kind="unit_test", name="b", fqn=("shop", "b"), test_type="unit")
    with pytest.raises(NothingCheckedError, match="and 1 of dbt's unit tests") as raised:
        choose(CHECKS, NODES, (*SELECTABLES, unit), Selection(select=("test_type:unit",)))
    assert "`dbt test`" in raised.value.hint


def test_without_a_check_the_error_says_so() -> None:
    with pytest.raises(NothingCheckedError, match="selects no check: none is declared"):
        choose((), NODES, SELECTABLES, Selection(select=("fct_orders",)))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"indirect": "odd"}, "`odd` is no indirect selection"),
        ({"select": ("nope:x",)}, "there is no method `nope`"),
        ({"select": ("state:modified",)}, "`state:modified` needs a manifest.json"),
        ({"select": ("result:fail",)}, "needs the results of an earlier run"),
        ({"select": ("state:odd",), "before": {}}, "there is no state `odd`"),
    ],
)
def test_what_cannot_be_understood(asked: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("`", "`")):
        choose(CHECKS, NODES, SELECTABLES, Selection(**{"select": ("revenue",), **asked}))


def test_a_table_is_found_in_any_case() -> None:
    upper = DatasetRef(namespace="ANALYTICS", name="FCT_ORDERS")
    found = choose([check("a", upper)], NODES, SELECTABLES, Selection(select=("fct_orders",)))
    assert [c.name for c in found] == ["a"]


@pytest.mark.parametrize(
    ("name", "said"), [("rule amount >= 0", "rule_amount_0"), ("ünïque x", "ünïque_x"), ("a", "a")]
)
def test_a_name_as_one_word(name: str, said: str) -> None:
    assert word(name) == said


def test_a_test_of_a_package_is_selected_by_its_own_name() -> None:
    """As dbt has it: `test_name:recency`, whatever package it is of."""
    made = dataclasses.replace(CHECKS[1], id="own", name="own", kind="dbt_utils.recency")
    found = choose((*CHECKS, made), NODES, SELECTABLES, Selection(select=("test_name:recency",)))
    assert [c.name for c in found] == ["own"]
