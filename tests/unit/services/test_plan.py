"""What a plan says that a statement reads, what a check's counts are, and that nothing evaluated is no success."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.unit.integrations.reports import RESULTS, check, result
from tests.unit.services.site import add_version, make_site, settings_of
from tidegate.errors import NothingCheckedError, NothingPublishedError
from tidegate.model import Check, Column, Dataset, DatasetRef, Family, MetricSpec, Outcome, Selection
from tidegate.services.check import check as judge
from tidegate.services.check import count, demand_executed
from tidegate.services.plan import columns_read, plan, words
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
    assert [c.numbers for c in found.checks] == [("failing_rows", "row_count", "known_rows")]
    assert found.declared == 2
    assert len(plan(site).statements) > len(found.statements)
    assert site.state.events() == before
    assert not site.state.schemas(1)


def test_a_plan_says_in_words_what_each_check_is_judged_by(tmp_path: Path) -> None:
    t, parent = DatasetRef(namespace="s", name="t"), DatasetRef(namespace="s", name="parent")
    arguments: dict[str, dict[str, object]] = {
        "not_null": {},
        "relationships": {"to": "s.parent", "field": "id"},
        "unique": {},
        "uniqe": {},
    }
    checks = tuple(
        Check(id=kind, name=kind, dataset=t, kind=kind, column="a", where="b > 0", arguments=said)
        for kind, said in arguments.items()
    )
    far = Check(id="far", name="far", dataset=parent, kind="row_count", arguments={"min": 1})
    lost = Check(id="lost", name="lost", dataset=t, kind="not_null", column="aa")
    site = make_site(tmp_path, dataclasses.replace(settings_of(tmp_path), checks=(*checks, far, lost)))
    add_version(
        site, 1, "create schema s", "create table s.t as select range as a, 1 as b from range(5)",
        "create table s.parent as select range as id from range(4)",
    )  # fmt: skip
    found = plan(site, selection=Selection(select=("resource_type:test",)))
    said = {c.name: c for c in found.checks}
    assert said["not_null"].numbers == ("null_count of a where b > 0", "row_count where b > 0")
    assert said["relationships"].numbers[:3] == (
        "orphan_rows of a where b > 0",
        "row_count where b > 0",
        "row_count in s.parent",
    )
    assert said["far"].numbers == ("row_count",)
    purposes = {name: [found.statements[at - 1].purpose for at in c.statements] for name, c in said.items()}
    assert purposes["not_null"] == ["profile"]
    assert purposes["unique"] == ["profile", "unique: order"]
    assert purposes["relationships"] == [
        "profile",
        "profile",
        "relationships: ends",
        "relationships: own ends",
        "relationships",
    ]
    assert (said["uniqe"].numbers, said["uniqe"].statements) == ((), ())
    assert said["uniqe"].reason == "could not be evaluated: there is no kind of check `uniqe`; did you mean `unique`?"
    assert said["lost"].reason == "could not be evaluated: s.t has no column `aa`; did you mean `a`?"


def test_a_number_of_another_table_is_told_with_its_name() -> None:
    t, other = DatasetRef(namespace="s", name="t"), DatasetRef(namespace="s", name="u")
    numbers = [
        MetricSpec(dataset=other, metric="row_count"),
        MetricSpec(dataset=t, metric="mean", column="a", where="b"),
        MetricSpec(dataset=other, metric="row_count"),
        MetricSpec(dataset=other, metric="mean", column="a", where="b"),
    ]
    assert words(numbers, t) == ("row_count in s.u", "mean of a where b", "mean of a in s.u where b")


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
