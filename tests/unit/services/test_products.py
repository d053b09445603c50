"""A product that names a table that nobody has is refused, with the nearest name."""

from __future__ import annotations

import pytest

from tests.unit.services.site import ref
from tidegate.errors import ConfigError
from tidegate.model import DatasetRef, Node, Product
from tidegate.services.products import demand_known

KNOWN = {ref("mart_daily_revenue"), ref("mart_product_sales"), ref("orders")}


def product(*tables: DatasetRef) -> Product:
    return Product(name="revenue", tables=tables, owner=None, tier=1)


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(ConfigError, match=r"`revenue` names `s\.mart_dayly_revenue`, and there is no") as caught:
        demand_known([product(ref("orders"), ref("mart_dayly_revenue"))], KNOWN, [])
    assert caught.value.hint == "did you mean `s.mart_daily_revenue`?"


def test_what_looks_like_nothing_gets_no_guess() -> None:
    with pytest.raises(ConfigError) as caught:
        demand_known([product(DatasetRef(namespace="zzzzzzzz", name="qqqqqqqqqq"))], KNOWN, [])
    assert "products:" in caught.value.hint


def test_a_pattern_must_find_something() -> None:
    demand_known([product(ref("mart_*"))], KNOWN, [])
    with pytest.raises(ConfigError, match=r"names `s\.fct_\*`"):
        demand_known([product(ref("fct_*"))], KNOWN, [])


def test_what_the_pipeline_knows_is_enough() -> None:
    demand_known([product(ref("view"))], KNOWN, [Node(id="v", kind="model", name="view", dataset=ref("view"))])


def test_where_nothing_is_known_nothing_is_wrong() -> None:
    demand_known([product(ref("anything"))], set(), [])
