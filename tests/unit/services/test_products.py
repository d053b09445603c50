"""Products name tables that there are, and promise what the contracts of their tables promise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.services.site import ref
from tidegate.errors import ConfigError
from tidegate.model import Contract, ContractTable, DatasetRef, Node, Product, SlaProperty, Slo
from tidegate.services.products import demand_known, with_promises

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


# --- what contracts promise

HOUR = timedelta(hours=1)


def contract(*sla: SlaProperty, table: str = "s.orders") -> Contract:
    tables = (ContractTable(name="Orders", physical_name=table, place="schema[0]"),)
    return Contract(
        id="c", version="1", api_version="v3.2.0", status="active", file="c.odcs.yaml", tables=tables, sla=sla
    )


def sla(name: str, value: object, unit: str | None = None, *elements: str) -> SlaProperty:
    return SlaProperty(property=name, value=value, place="slaProperties[0]", unit=unit, elements=elements)


def promised(*contracts: Contract, slo: Slo | None = None, tables: tuple[DatasetRef, ...] = (ref("orders"),)) -> Slo:
    (made,) = with_promises([Product(name="revenue", tables=tables, owner=None, tier=1, slo=slo or Slo())], contracts)
    return made.slo


@pytest.mark.parametrize(
    ("said", "freshness", "availability"),
    [
        (sla("latency", 4, "h"), 4 * HOUR, None),
        (sla("freshness", 1.5, "d"), 36 * HOUR, None),
        (sla("availability", 99.9, "percent"), None, 0.999),
        (sla("availability", "99.5%"), None, 0.995),
        (sla("availability", 0.99), None, 0.99),
        (sla("latency", 4, "h", "Orders.amount"), 4 * HOUR, None),
        (sla("latency", 4, "h", "other.amount"), None, None),
        (sla("latency", 4, "parsec"), None, None),
        (sla("latency", "soon", "h"), None, None),
        (sla("latency", 0, "h"), None, None),
        (sla("availability", 99.9), None, None),
        (sla("availability", 130, "percent"), None, None),
        (sla("retention", 3, "y"), None, None),
    ],
)
def test_a_contract_promises_for_the_products_of_its_tables(
    said: SlaProperty, freshness: timedelta | None, availability: float | None
) -> None:
    found = promised(contract(said))
    assert found.freshness == freshness
    assert found.availability == (None if availability is None else pytest.approx(availability))


def test_latency_is_preferred_and_the_strictest_counts() -> None:
    both = contract(sla("freshness", 9, "h"), sla("latency", 5, "h"))
    assert promised(both).freshness == 5 * HOUR
    assert promised(both, contract(sla("latency", 2, "h"))).freshness == 2 * HOUR
    shares = [contract(sla("availability", f"{n}%")) for n in (99, 99.9)]
    assert promised(*shares).availability == pytest.approx(0.999)


def test_what_the_team_says_itself_stands() -> None:
    mine = Slo(freshness=24 * HOUR, availability=0.9)
    assert promised(contract(sla("latency", 1, "h"), sla("availability", "99%")), slo=mine) == mine


@pytest.mark.parametrize(
    ("table", "pattern", "hit"),
    [("s.orders", ref("ord*"), True), ("orders", ref("orders"), True), ("t.orders", ref("orders"), False)],
)
def test_a_contract_is_about_tables_by_name_or_pattern(table: str, pattern: DatasetRef, hit: bool) -> None:
    found = promised(contract(sla("latency", 1, "h"), table=table), tables=(pattern,))
    assert (found.freshness is not None) == hit
