"""A definition of selectors.yml, understood."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.errors import UsageError
from tidegate.lineage import select
from tidegate.lineage.definition import Definition, define, find
from tidegate.model import Selectable, Selection


def spec(text: str, **more: Any) -> Definition:
    return Definition(operation="spec", spec=text, **more)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1+tag:core", spec("1+tag:core")),
        ({"tag": "core"}, spec("tag:core")),
        ({"method": "tag", "value": "core"}, spec("tag:core")),
        ({"method": "fqn", "value": "a", "childrens_parents": True}, spec("@fqn:a")),
        ({"method": "fqn", "value": "a", "parents": True, "parents_depth": 2, "children": True}, spec("2+fqn:a+")),
        ({"method": "fqn", "value": "a", "children": True, "children_depth": 3}, spec("fqn:a+3")),
        ({"method": "fqn", "value": "a", "indirect_selection": "empty"}, spec("fqn:a", indirect="empty")),
        ({"method": "fqn", "value": "a", "exclude": ["b"]}, spec("fqn:a", exclude=(spec("b"),))),
        (
            {"union": ["a", {"intersection": ["b", "c"]}, {"exclude": ["d"]}]},
            Definition(
                operation="union",
                parts=(spec("a"), Definition(operation="intersection", parts=(spec("b"), spec("c")))),
                exclude=(spec("d"),),
            ),
        ),
        ({"method": "selector", "value": "other"}, spec("tag:other")),
    ],
)
def test_what_is_meant(said: object, meant: Definition) -> None:
    assert define(said, {"other": {"definition": "tag:other"}}) == meant


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (None, "`None` in a selector is no definition"),
        ({}, "no definition"),
        ({"method": "tag", "union_": 1}, "a selector has method, union_"),
        ({"union": "a"}, "`union` in a selector is `a`, not a list"),
        ({"union": [{"exclude": "a"}]}, "`exclude` in a selector is `a`, not a list"),
        ({"method": "selector", "value": "nope"}, "there is no selector `nope`"),
    ],
)
def test_what_cannot_be_understood(said: object, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        define(said, {})


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as told:
        find({"nightly": {"definition": "a"}, "core": {"definition": "b"}}, "nigthly")
    assert told.value.hint == "the project has nightly, core"


def test_an_empty_set_selects_nothing() -> None:
    nodes = [Selectable(id="model.shop.a", kind="model", name="a", fqn=("shop", "a"), package="shop", folder="")]
    assert select(nodes, Selection(selector="none"), {"none": {"definition": {"union": []}}}) == frozenset()
    assert select(nodes, Selection(selector="a"), {"a": {"definition": "a"}}) == {"model.shop.a"}
