"""What a plan says that a statement reads, what a check's counts are, and that nothing evaluated is no success."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.unit.integrations.reports import RESULTS, check, result
from tests.unit.services.site import add_version, make_site, settings_of
from tidegate.errors import NothingCheckedError, NothingPublishedError
from tidegate.model import Check, Column, Dataset, DatasetRef, Family, Outcome, Selection
from tidegate.services.check import check as judge
from tidegate.services.check import count, demand_executed
from tidegate.services.plan import columns_read, plan
from tidegate.services.site import Site

ORDERS = Dataset(
    ref=DatasetRef(namespace="s", name="orders"),
    columns=tuple(Column(name=name, type="INTEGER", family=Family.NUMBER) for name in ("id", "Amount", "country")),
    rows=10,
)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT COUNT(*) FROM s.orders", ()),
        ('SELECT MAX("amount"), MIN(ID) FROM s.orders', ("id", "Amount")),
        ("SELECT * FROM s.orders WHERE id > 1", ("id", "Amount", "country")),
        ("SELECT COUNT(*) FROM (SELECT 1 FROM s.orders GROUP BY country) AS x", ("country",)),
        ("SELECT other FROM s.orders", ()),
    ],
)
def test_the_columns_that_a_statement_reads(sql: str, columns: tuple[str, ...]) -> None:
    assert columns_read(sql, ORDERS) == columns


def rule(expression: str) -> Check:
    ref = DatasetRef(namespace="s", name="t")
    return Check(id=expression, name=expression, dataset=ref, kind="rule", arguments={"expression": expression})


def site_of(folder: Path) -> Site:
    settings = dataclasses.replace(settings_of(folder), checks=(rule("a > 0"), rule("b > 0")))
    return make_site(folder, settings)


def test_a_plan_asks_and_judges_nothing(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    add_version(site, 1, "create schema s", "create table s.t as select 1 as a, -1 as b, 2 as c from range(5)")
    before = site.state.events()
    found = plan(site, selection=Selection(select=("a_0",)))
    assert [(s.purpose, s.columns, s.rows, s.cells) for s in found.statements] == [("profile", ("a",), 5, 5)]
    assert [c.numbers for c in found.checks] == [("failing_rows", "row_count")]
    assert found.declared == 2
    assert len(plan(site).statements) > len(found.statements)
    assert site.state.events() == before
    assert not site.state.schemas(1)


def test_a_selected_check_is_judged_and_nothing_is_kept(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    add_version(site, 1, "create schema s", "create table s.t as select 1 as a, -1 as b from range(5)")
    found = judge(site, selection=Selection(select=("b_0",)))
    assert [(r.check.name, r.outcome) for r in found.results] == [("b > 0", Outcome.FAIL)]
    assert [f.holds for f in found.findings] == [True]
    assert (found.incidents, site.state.incidents(), dict(site.state.schemas(1))) == ((), (), {})
    assert str(found.counts) == "2 declared, 1 selected, 1 executed, 1 evaluated, 1 failed"


def test_without_a_version_there_is_nothing_to_select_from(tmp_path: Path) -> None:
    with pytest.raises(NothingPublishedError):
        plan(site_of(tmp_path))


def test_what_was_skipped_altogether_is_no_success() -> None:
    skipped = result(check("a"), Outcome.SKIPPED, "only dbt can evaluate it")
    with pytest.raises(NothingCheckedError, match="none of 2 selected checks can be evaluated here: `only dbt"):
        demand_executed((skipped, skipped))
    demand_executed((skipped, RESULTS[0]))


def test_the_counts_of_nothing() -> None:
    assert str(count((), declared=0)) == "0 declared, 0 selected, 0 executed, 0 evaluated, 0 failed"
