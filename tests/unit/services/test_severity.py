"""How urgent a cause is: each factor with its reason, and what must always hold."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.services.site import finding, ref
from tidegate.lineage import Graph, build
from tidegate.model import Band, DatasetRef, Finding, MetricSpec, Node, Product, Segment, Severity, Slo
from tidegate.services.severity import reached
from tidegate.services.severity import severity as judged


def node(name: str, kind: str = "model") -> Node:
    return Node(id=name, kind=kind, name=name, dataset=None if kind == "exposure" else ref(name))


GRAPH = build(
    [node("orders"), node("facts"), node("mart"), node("other"), node("board", kind="exposure")],
    [("orders", "facts"), ("facts", "mart"), ("mart", "board")],
)
HOUR = timedelta(hours=1)


def severity(
    findings: list[Finding], graph: Graph, products: list[Product], **more: Any
) -> tuple[Severity, tuple[str, ...]]:
    """As `record` asks for it."""
    below = graph.reach(f.dataset for f in findings if f.dataset is not None)
    return judged(findings, graph, below, reached(findings, below, products), **more)


def product(name: str = "revenue", table: str = "mart", tier: int = 2, **more: object) -> Product:
    return Product(name=name, tables=(ref(table),), owner=None, tier=tier, **more)


@pytest.mark.parametrize(
    ("held", "tier", "share", "level"),
    [
        (True, None, None, Severity.SEV3),
        (False, None, None, Severity.SEV2),
        (True, 1, None, Severity.SEV2),
        (False, 1, None, Severity.SEV1),
        (True, 2, None, Severity.SEV3),
        (True, 3, None, Severity.SEV3),
        (True, 4, None, Severity.SEV4),
        (False, 4, None, Severity.SEV3),
        (True, None, 0.5, Severity.SEV3),
        (True, None, 0.01, Severity.SEV3),
        (True, None, 0.009, Severity.SEV4),
        (False, 1, 0.009, Severity.SEV2),
    ],
)
def test_by_readers_products_and_rows(held: bool, tier: int | None, share: float | None, level: Severity) -> None:
    products = [product(tier=tier)] if tier else []
    found, reasons = severity([finding("orders", share=share)], GRAPH, products, held=held)
    assert found is level
    assert reasons[0] == ("readers do not see this version" if held else "readers already see this data")
    assert any("revenue (tier" in r for r in reasons) == bool(tier)
    assert any("rows" in r for r in reasons) == (share is not None)
    assert "it is read by board" in reasons


def test_a_product_that_does_not_read_it_is_no_reason() -> None:
    found, reasons = severity([finding("other")], GRAPH, [product(tier=1)], held=True)
    assert (found, reasons) == (Severity.SEV3, ("readers do not see this version",))


def test_whom_to_tell_and_what_to_read_stand_among_the_reasons() -> None:
    revenue = dataclasses.replace(
        product(tier=1), owner="ana@example.com", runbook="runbooks/revenue.md", consumers=("the finance team",)
    )
    _, reasons = severity([finding("orders")], GRAPH, [revenue], held=True)
    assert reasons[2:] == (
        "it is read by board, the finance team",
        "tell ana@example.com",
        "runbook runbooks/revenue.md",
    )


@pytest.mark.parametrize(("count", "level"), [(3, Severity.SEV3), (4, Severity.SEV2)])
def test_many_readers_and_half_of_the_rows_are_a_level_together(count: int, level: Severity) -> None:
    many = product(consumers=tuple(f"team {n}" for n in range(count)))
    assert severity([finding("orders", share=0.5)], GRAPH, [many], held=True)[0] is level, "with the exposure one more"


@pytest.mark.parametrize(
    ("metric", "segment", "observed", "centre", "told"),
    [
        ("sum", None, 60.0, 100.0, "up to 40 % is missing or too much of what was expected"),
        ("row_count", None, 400.0, 100.0, "up to 100 % is missing or too much of what was expected"),
        ("sum", None, 100.5, 100.0, "at most 0.50 % is missing or too much of what was expected"),
        ("mean", None, 60.0, 100.0, None),
        ("sum", "DE", 60.0, 100.0, None),
        ("sum", None, 60.0, 0.0, None),
        ("sum", None, float("nan"), 100.0, None),
    ],
)
def test_the_value_that_is_affected(
    metric: str, segment: str | None, observed: float, centre: float, told: str | None
) -> None:
    part = None if segment is None else Segment(column="country", value=segment)
    spec = MetricSpec(dataset=ref("orders"), metric=metric, column="total", segment=part)
    band = Band(low=0, high=0, centre=centre, method="", points=9)
    one = dataclasses.replace(finding("orders"), spec=spec, observed=observed, expected=band)
    _, reasons = severity([one], GRAPH, [], held=True)
    assert reasons[2:] == (() if told is None else (told,))


@pytest.mark.parametrize(
    ("age", "held", "level", "told"),
    [
        (10, True, Severity.SEV3, "14 hours of the 24 hours are left in which revenue promises new data"),
        (19, True, Severity.SEV3, "5 hours of the 24 hours are left in which revenue promises new data"),
        (24, True, Severity.SEV2, "revenue promises data of at most 24 hours, which is missed since 0 seconds"),
        (30, True, Severity.SEV2, "revenue promises data of at most 24 hours, which is missed since 6 hours"),
        (30, False, Severity.SEV2, None),
        (None, True, Severity.SEV3, None),
    ],
)
def test_the_time_that_is_left(age: int | None, held: bool, level: Severity, told: str | None) -> None:
    products = [
        product(slo=Slo(freshness=24 * HOUR)),
        product("monthly", slo=Slo(freshness=700 * HOUR)),
        product("any"),
    ]
    found, reasons = severity([finding("orders")], GRAPH, products, held=held, age=None if age is None else age * HOUR)
    assert found is level
    assert [r for r in reasons if "promises" in r] == ([told] if told else [])


def test_little_time_and_half_of_the_rows_are_a_level_together() -> None:
    late = product(slo=Slo(freshness=24 * HOUR))
    assert severity([finding("orders", share=0.9)], GRAPH, [late], held=True, age=19 * HOUR)[0] is Severity.SEV2


def test_a_step_that_failed_concerns_every_product() -> None:
    failed = finding(None, kind="step")
    found, reasons = severity([failed], Graph(), [product(tier=1), product("other", tier=3)], held=True)
    assert found is Severity.SEV2
    assert "it reaches the products revenue (tier 1), other (tier 3)" in reasons
    assert reached([finding(None, kind="slow")], (), [product(tier=1)]) == ()


def test_an_unusual_cost_wakes_nobody() -> None:
    cost = finding(None, kind="slow", holds=False)
    assert severity([cost], GRAPH, [product(tier=1)], held=False)[0] is Severity.SEV4


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [("mart", "mart", True), ("mart*", "mart_daily", True), ("mart*", "old_mart", False), ("m?rt", "mart", True)],
)
def test_patterns_of_a_product(pattern: str, name: str, covered: bool) -> None:
    assert product(table=pattern).covers(ref(name)) == covered
    assert not product(table=pattern).covers(DatasetRef(namespace="elsewhere", name=name))


products_drawn = st.lists(
    st.builds(
        Product,
        name=st.sampled_from("abc"),
        tables=st.sampled_from([(ref("mart"),), (ref("*"),), (ref("other"),)]),
        owner=st.none(),
        tier=st.integers(1, 4),
        consumers=st.lists(st.sampled_from("abcdefgh"), max_size=8).map(tuple),
        slo=st.builds(Slo, freshness=st.none() | st.timedeltas(min_value=HOUR, max_value=100 * HOUR)),
    ),
    max_size=3,
)
findings_drawn = st.lists(
    st.builds(
        finding,
        st.sampled_from(["orders", "mart", "other", None]),
        kind=st.sampled_from(["check", "volume", "step"]),
        share=st.none() | st.floats(0, 1),
    ),
    min_size=1,
    max_size=3,
)


@given(findings_drawn, products_drawn, st.none() | st.timedeltas(min_value=timedelta(0), max_value=200 * HOUR))
def test_what_is_held_is_less_severe_than_what_readers_see(
    findings: list[Finding], products: list[Product], age: timedelta | None
) -> None:
    held, why = severity(findings, GRAPH, products, held=True, age=age)
    seen, _ = severity(findings, GRAPH, products, held=False, age=age)
    assert held is not Severity.SEV1
    assert why
    assert held >= seen, "a larger number is less severe"
    if age is None:
        assert held > seen or held is Severity.SEV4


@given(findings_drawn, products_drawn, st.booleans())
def test_one_more_product_never_makes_a_cause_of_that_tier_less_severe(
    findings: list[Finding], products: list[Product], held: bool
) -> None:
    before, _ = severity(findings, GRAPH, products, held=held)
    after, _ = severity(findings, GRAPH, [*products, product("more", "*", tier=1)], held=held)
    assert after <= before
