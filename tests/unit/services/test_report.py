"""A report has every check and every finding once, with the outcome that counts."""

from __future__ import annotations

from tests.unit.integrations.reports import FINDINGS, ORDERS, RESULTS, check, made, outcome, result
from tidegate.model import Outcome
from tidegate.services.report import report


def test_every_check_and_every_other_finding_is_a_case() -> None:
    found = [(c.table, c.name, c.outcome) for c in made().cases]
    assert found == [
        ("raw.orders", "unique_id", Outcome.PASS),
        ("raw.orders", "email filled", Outcome.FAIL),
        ("analytics.fct_orders", "positive", Outcome.WARN),
        ("analytics.fct_orders", "no such column", Outcome.ERROR),
        ("analytics.fct_orders", "add up", Outcome.SKIPPED),
        ("analytics.fct_orders", "lenient", Outcome.WARN),
        ("analytics.fct_orders", "empty", Outcome.PASS),
        ("raw.orders", "volume", Outcome.FAIL),
        ("pipeline", "written", Outcome.WARN),
    ]


def test_the_five_counts() -> None:
    count = made().counts
    assert (count.declared, count.selected, count.executed, count.evaluated, count.failed) == (9, 7, 5, 4, 2)
    assert str(count) == "9 declared, 7 selected, 5 executed, 4 evaluated, 2 failed"


def test_a_report_fails_exactly_when_the_command_does() -> None:
    for results, findings in ((RESULTS, FINDINGS), (RESULTS[:1], ()), (RESULTS[5:], FINDINGS[2:])):
        cases = report(outcome(results, findings)).cases
        assert any(c.outcome in {Outcome.FAIL, Outcome.ERROR} for c in cases) == any(f.holds for f in findings)


def test_tables_come_once_with_the_time_of_their_scan() -> None:
    found = made()
    assert found.tables == ("raw.orders", "analytics.fct_orders", "pipeline")
    assert [c.name for c in found.of("raw.orders")] == ["unique_id", "email filled", "volume"]
    assert (found.seconds_of("raw.orders"), found.seconds_of("pipeline")) == (0.6, 0.0)


def test_places_are_below_the_repository() -> None:
    assert [c.place for c in made("shop/data").cases][:3] == [
        "shop/data/transform/models/marts.yml:12",
        "shop/data/tidegate.yml:4",
        "shop/data/transform/models/marts.yml:12",
    ]
    assert {c.place for c in made().cases} == {"tidegate.yml:4", "transform/models/marts.yml:12", None}


def test_cases_of_one_name_are_told_apart() -> None:
    twins = tuple(result(check("same", id=f"raw.orders/{i}")) for i in ("same", "same (2)", "same (2)"))
    names = [c.name for c in report(outcome(twins, ())).cases]
    assert names == ["same [same]", "same [same (2)]", "same [same (2)] (2)"]
    assert ORDERS.name == "orders"


def test_the_hint_and_the_kind_of_a_case() -> None:
    cases = {c.name: c for c in made().cases}
    compiled = check("by hand", kind="compiled", arguments={"test": "singular", "sql": "select 1"})
    assert [c.kind for c in report(outcome((result(compiled),), ())).cases] == ["singular"]
    assert cases["email filled"].hint == "look at the rows"
    assert (cases["add up"].kind, cases["volume"].kind, cases["positive"].kind) == (
        "singular",
        "tidegate/volume",
        "rule",
    )
