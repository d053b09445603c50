"""A pair that a row breaks, in a real project: shops change their cities while every number of a day stays as it was."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

SALES = """
create schema if not exists raw;
create or replace table raw.sales as
with s as (select d, i, (hash(d, i) % 24)::int as shop from range({days}) as a(d), range(400) as b(i))
select d * 1000 + i as sale_id, timestamp '2026-09-01 08:00' + to_days(d::int) + to_minutes(i::int) as sold_at,
  'S' || (100 + shop) as shop, 'city ' || ((shop + case when {moved} then 4 else 0 end) % 8) as city,
  (20 + hash(i, d, 1) % 500 / 10.0)::decimal(18, 2) as amount
from s
"""

MOVED = "(shop % 8) in (0, 1, 4, 5)"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Fifty days that were published in one run, and another day that was right."""
    found = small_project.make(tmp_path_factory.mktemp("relations") / "shop")
    found.load(SALES.format(days=50, moved="false"))
    assert found.cli("run").status == 0
    found.load(SALES.format(days=51, moved="false"))
    told = found.cli("run")
    assert (told.status, "unlike" in told.out) == (0, False), "a day like the others is no news"
    return found


@pytest.fixture
def held(published: SmallProject, tmp_path: Path) -> SmallProject:
    """A copy, on the next day: shops of some cities lie in others, so that each city has as many sales as ever."""
    shutil.copytree(published.root, tmp_path / "shop", symlinks=True)
    found = SmallProject(root=tmp_path / "shop")
    found.load(SALES.format(days=52, moved=f"d = 51 and {MOVED}"))
    told = found.cli("run")
    assert told.status == 1, told.out + told.err
    return found


def test_shops_that_change_their_cities_are_held_and_named(held: SmallProject) -> None:
    told = held.cli("incidents", "show", "1").out
    assert re.search(
        r"4\d(\.\d)? % of the rows have a (shop and city|city and shop) that never went together before", told
    )
    assert "raw.sales is unlike its past for Thursday 2026-10-22, most of all in " in told
    assert "of the difference" not in told, "no category is to blame for what a row breaks"
    (finding,) = held.cli("incidents", "show", "1", "--json").document["incident"]["findings"]
    rows = held.query(finding["sql"], held.root / "warehouse" / "versions" / "000003" / "shop.duckdb")
    assert 150 < sum(n for _, _, n in rows) < 250, "the statement lists the pairs"
    assert all({int(one[1:]) % 8 for one in row[:2] if one.startswith("S")} <= {0, 1, 4, 5} for row in rows)


def test_what_was_held_teaches_nothing(held: SmallProject) -> None:
    """The same again on the next day, beside the first: both days are new to what readers see. Then it is put right."""
    held.load(SALES.format(days=53, moved=f"d >= 51 and {MOVED}"))
    told = held.cli("run")
    assert told.status == 1
    assert "2026-10-22" in told.out
    held.load(SALES.format(days=53, moved="false"))
    told = held.cli("run")
    assert (told.status, "unlike" in told.out) == (0, False), told.out


def test_what_an_open_incident_is_about_teaches_nothing_until_it_is_called_expected(held: SmallProject) -> None:
    """Bands were off when the day was published, and a check finds it afterwards: the next such day is as strange."""
    held.configure("learned: off")
    assert held.cli("run").status == 0
    held.configure()
    assert held.cli("check").status == 1
    held.load(SALES.format(days=53, moved=f"d >= 51 and {MOVED}"))
    told = held.cli("run")
    assert told.status == 1
    assert "unlike its past for Friday 2026-10-23" in told.out
    for incident in held.cli("incidents", "--json").document["incidents"]:
        answer = ("--as", "expected", "--reason", "they moved")
        assert held.cli("incidents", "resolve", str(incident["number"]), *answer).status == 0
    told = held.cli("run")
    assert (told.status, "never went together" in told.out) == (0, False), told.out


def test_what_is_looked_at_is_shown(published: SmallProject) -> None:
    told = published.cli("explain", "raw.sales")
    assert re.search(r"relations +(city with shop; shop with city|shop with city; city with shop)\n", told.out)
    found = published.cli("explain", "raw.sales", "--json").document
    assert {tuple(pair.values()) for pair in found["relations"]["pairs"]} == {("shop", "city"), ("city", "shop")}
    assert found["notes"] == []
