"""Faults that no number of a day shows, in a real project: a day's rows that come again under new dates, a column that was shuffled among
its rows, the values of one test in another unit, and a clock that was put forward.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, Told

SALES = """
create schema if not exists raw;
create or replace table raw.sales as
with s as (select d, i, case when d in ({stale}, {renumbered}) then d - 1 else d end as r from range({days}) as a(d), range(400) as b(i)),
n as (select *, (20 + hash(i, r, 1) % 50000 / 100.0)::decimal(18, 2) as net,
  (20 + hash(case when d = {shuffled} then (i + 137) % 400 else i end, r, 1) % 50000 / 100.0) as of_net from s)
select case when d = {renumbered} then 900000 + i else r * 1000 + i end as sale_id, timestamp '2026-09-01 08:00' + to_days(d::int) + to_minutes((hash(r, i) % 600)::int)
    + to_hours(case when d = {late} then 5 else 0 end) as sold_at,
  'S' || (100 + hash(r, i, 3) % 24) as shop, net,
  (500 - of_net * 0.9 + hash(i, r, 2) % 2000 / 100.0)::decimal(18, 2) as rest
from n;
create or replace table raw.results as
with n as (select d, i, (1 + hash(i, d) % 3)::int as kind, hash(d, i, 1) % 1000 + hash(d, i, 2) % 1000 + hash(d, i, 3) % 1000 as dice
  from range({days}) as a(d), range(120) as b(i) where i < 30 or d % 7 < 5)
select d * 1000 + i as result_id, ['glucose', 'sodium', 'hb'][kind] as test, 'L' || (hash(i, d, 4) % 3) as lab,
  timestamp '2026-09-01 07:00' + to_days(d::int) + to_minutes((hash(i, d, 5) % 600)::int) as taken_at,
  round(([95, 140, 14][kind] + [12, 3, 1.2][kind] * (dice / 500.0 - 3)) / case when d = {unit} and kind = 1 then 18 else 1 end, 2)::double as value
from n
"""


def sales(
    days: int, *, stale: int = -1, renumbered: int = -1, shuffled: int = -1, unit: int = -1, late: int = -1
) -> str:
    """Sales, of which a day may be stale (and renumbered), shuffled, or five hours late by the clock, and a lab's results, of which a day may
    have glucose in another unit.
    """
    return SALES.format(days=days, stale=stale, renumbered=renumbered, shuffled=shuffled, unit=unit, late=late)


@dataclass(frozen=True)
class Story:
    """What was said of the same day, which came wrong four times and then right."""

    project: SmallProject
    stale: Told
    renumbered: Told
    shuffled: Told
    unit: Told
    right: Told
    late: Told


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Fifty days that were published in one run, another day that was right, and then the day that the tests are about."""
    found = small_project.make(tmp_path_factory.mktemp("again") / "shop")
    found.load(sales(50))
    assert found.cli("run").status == 0
    found.load(sales(51))
    told = found.cli("run")
    assert (told.status, "unlike" in told.out) == (0, False), told.out
    days = []
    for wrong in ({"stale": 51}, {"renumbered": 51}, {"shuffled": 51}, {"unit": 51}, {}):
        found.load(sales(52, **wrong))
        days.append(found.cli("run"))
    found.load(sales(53, late=52))
    days.append(found.cli("run"))
    return Story(found, *days)


def test_the_rows_of_the_day_before_under_new_dates_are_held(story: Story) -> None:
    assert story.stale.status == 1, story.stale.out
    said = story.project.cli("incidents", "show", "1").out
    first = ": 100 % of the rows came before, in one of the three buckets before it and with other times"
    assert first in said, "what is about rows is in no column"
    assert "see whether an earlier file or page was sent again (the SQL lists its rows)" in said
    assert "another sale_id" not in story.stale.out, "whole rows came again"
    assert "of the difference" not in said, "no category is to blame for rows that came before"


def test_the_rows_of_the_day_before_under_new_dates_and_new_ids_are_held(story: Story) -> None:
    assert story.renumbered.status == 1, story.renumbered.out
    assert "and with other times and another sale_id" in story.renumbered.out


def test_the_statement_shows_the_rows_that_came_again(story: Story) -> None:
    findings = story.project.cli("incidents", "show", "1", "--json").document["incident"]["findings"]
    (finding,) = (one for one in findings if "came before" in one["sentence"])
    database = story.project.root / "warehouse" / "versions" / "000003" / "shop.duckdb"
    assert len(story.project.query(finding["sql"], database)) == 400


def test_a_column_that_was_shuffled_among_its_rows_is_held(story: Story) -> None:
    assert story.shuffled.status == 1, story.shuffled.out
    far = r"(net|rest): \d\d % of the rows are far from what their other numbers lead to expect, expected \d"
    assert re.search(far, story.shuffled.out)


def test_values_of_one_test_in_another_unit_are_held_with_what_it_usually_has(story: Story) -> None:
    assert story.unit.status == 1, story.unit.out
    share = r"value: \d\d % of the rows are far from what their test leads to expect, expected 0 %"
    of = r"all \d+ values of `value` where test = glucose are far: median 5\.\d+, usually [4-7]\d\.?\d* to 1[2-6]\d"
    assert re.search(f"{share}.*; {of}", story.unit.out), story.unit.out
    assert "test = glucose: 100 % of the difference" in story.unit.out


def test_the_statement_shows_the_values_in_another_unit(story: Story) -> None:
    numbers = range(1, 9)
    told = [story.project.cli("incidents", "show", str(n), "--json") for n in numbers]
    findings = [f for one in told if one.status == 0 for f in one.document["incident"]["findings"]]
    (finding,) = (f for f in findings if "where test = glucose are far" in f["sentence"])
    database = story.project.root / "warehouse" / "versions" / "000006" / "shop.duckdb"
    rows = story.project.query(finding["sql"], database)
    glucose = story.project.query("select * from raw.results where test = 'glucose' and value < 20", database)
    assert sorted(rows) == sorted(glucose) != []


def test_the_day_that_is_right_is_no_news(story: Story) -> None:
    assert (story.right.status, "unlike" in story.right.out) == (0, False), story.right.out


def test_what_is_looked_at_is_shown(story: Story) -> None:
    told = story.project.cli("explain", "raw.sales").out
    assert re.search(r"numbers +net, rest from the others of their row\n", told), told
    told = story.project.cli("explain", "raw.results").out
    assert re.search(r"numbers +value by test\n", told), told


def test_a_clock_that_was_put_forward_for_a_day_is_told(story: Story) -> None:
    assert story.late.status == 0, story.late.out
    told = r"raw\.sales is unlike its past for Friday 2026-10-23, most of all in sold_at: the first one 13 h( \d min)? after the day began, expected 8 h"
    assert re.search(told, story.late.out), story.late.out
