"""A table above the limits, which are lowered for it: what goes together is looked at for one key in four, rows that come again in the newest
days of the first scan. Faults are found there too, and days like the others are no news.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, Told
from tidegate.scan import again, thinning

SALES = """
create schema if not exists raw;
create or replace table raw.sales as
with s as (select d, i, case when d = {stale} then d - 1 else d end as r from range({days}) as a(d), range(600) as b(i)),
n as (select *, (hash(r, i) % 400)::int as shop from s)
select r * 1000 + i as sale_id, timestamp '2026-09-01 08:00' + to_days(d::int) + to_minutes((hash(r, i, 1) % 600)::int) as sold_at,
  'S' || shop as shop, 'city ' || (case when d = {moved} then (hash(i, 9) % 40)::int else shop % 40 end) as city,
  (20 + hash(i, r, 1) % 500 / 10.0)::decimal(18, 2) as amount
from n
"""

SHORT: int = 20
"""So many days are looked at for rows that come again, in the first scan."""


def sales(days: int, *, stale: int = -1, moved: int = -1) -> str:
    return SALES.format(days=days, stale=stale, moved=moved)


@dataclass(frozen=True)
class Story:
    """What was said of days that came right, and of the same day, which came wrong twice and then right."""

    project: SmallProject
    first: Told
    clean: tuple[Told, ...]
    moved: Told
    stale: Told
    right: Told


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Fifty days that were published in one run, three more that were right, and then the day that the tests are about."""
    found = small_project.make(tmp_path_factory.mktemp("large") / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, "MOST_VALUES", 75_000)
        patch.setattr(thinning, "FEW", 300)
        patch.setattr(again, "MOST_VALUES", 4 * 600 * (SHORT + 3))
        found.load(sales(50))
        first = found.cli("run")
        clean = []
        for days in (51, 52, 53):
            found.load(sales(days))
            clean.append(found.cli("run"))
        told = []
        for wrong in ({"moved": 53}, {"stale": 53}, {}):
            found.load(sales(54, **wrong))
            told.append(found.cli("run"))
        yield Story(found, first, tuple(clean), *told)


def test_days_like_the_others_are_no_news(story: Story) -> None:
    assert story.first.status == 0, story.first.out + story.first.err
    assert [(told.status, "unlike" in told.out) for told in (*story.clean, story.right)] == [(0, False)] * 4


def test_values_that_never_went_with_their_key_are_held(story: Story) -> None:
    assert story.moved.status == 1, story.moved.out
    assert re.search(
        r"\d\d(\.\d)? % of the rows have a (shop and city|city and shop) that never went together", story.moved.out
    ), story.moved.out


def test_the_rows_of_the_day_before_under_new_dates_are_held(story: Story) -> None:
    """Their history begins twenty days before, for the first scan looked no further back."""
    assert story.stale.status == 1, story.stale.out
    assert "100 % of the rows came before, in one of the three buckets before it" in story.stale.out


def test_the_first_run_says_which_part_it_looked_at(story: Story) -> None:
    since = "whether rows come again under new dates is looked at since 2026-10-01"
    assert since in story.first.out + story.first.err
    for told in story.clean:
        assert since not in told.out + told.err, "a new day is always looked at"


def test_the_part_is_shown(story: Story) -> None:
    told = story.project.cli("explain", "raw.sales").out
    assert re.search(r"relations +.*\(for one shop in \d+\)\n", told), told
    assert "which values go together is looked at for one shop in" in told
    shown = story.project.cli("explain", "raw.sales", "--json").document["relations"]
    assert set(shown["one_in"]) == {"shop"}
    assert shown["buckets"] is None
