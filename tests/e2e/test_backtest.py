"""`tidegate backtest` on a real project: measured by a run, replayed, told as text, JSON and a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

DAYS = """
create schema if not exists raw;
create or replace table raw.orders as
select d * 1000 + i as order_id, timestamp '2026-03-02 08:00' + interval (d) day as ordered_at, 50 + i % 7 as amount
from range(45) as a(d), range(200) as b(i)
where not (d = 30 and i >= 60)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    found = small_project.make(tmp_path_factory.mktemp("backtest") / "shop")
    found.load(DAYS)
    assert found.cli("run").status == 0
    return found


def test_the_fault_of_the_past_is_told_on_its_day(project: SmallProject) -> None:
    told = project.cli("backtest")
    assert told.status == 0
    assert "  2026-04-01 raw.orders has 60 rows for Wednesday 2026-04-01, expected" in told.out
    assert "labels    none labelled" in told.out


def test_the_page_and_the_document_say_the_same(project: SmallProject, tmp_path: Path) -> None:
    page = tmp_path / "reports" / "backtest.html"
    told = project.cli("backtest", "orders", "--json", "--budget", "4", "--days", "400", "--html", page)
    (alarm,) = told.document["alarms"]
    assert (told.document["budget"], alarm["interval"]["start"]) == (4.0, "2026-04-01T00:00:00Z")
    shown = page.read_text(encoding="utf-8")
    assert shown.count("<svg ") == 1
    assert alarm["finding"]["sentence"] in shown


def test_it_writes_nothing(project: SmallProject) -> None:
    before = (project.root / ".tidegate" / "state.db").read_bytes()
    project.cli("backtest")
    assert (project.root / ".tidegate" / "state.db").read_bytes() == before


@pytest.mark.parametrize(
    "words", [("--budget", "0"), ("--budget", "nan"), ("--budget", "inf"), ("--days", "-3"), ("nowhere",)]
)
def test_what_makes_no_sense_is_refused_with_a_hint(project: SmallProject, words: tuple[str, ...]) -> None:
    told = project.cli("backtest", *words)
    assert told.status == 2
    assert "hint: " in told.err
