"""What no number of a day shows and the rest of a row does, in a real project: times that lie an hour off the hour that is written beside
them, and one row in a small day that its parts do not add up to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, Told

READINGS = """
create schema if not exists raw;
create or replace table raw.readings as
with n as (select d, i, (2 + hash(i, d) % 6 + hash(d, i) % 6 + hash(i, d, 7) % 6 + hash(i, d, 8) % 6)::int as hour
  from range({days}) as a(d), range(80) as b(i))
select d * 1000 + i as reading_id, timestamp '2026-09-01' + to_days(d::int) + to_minutes((hash(d, i, 3) % 1440)::int) as received_at, hour,
  timestamp '2026-09-01' + to_days(d::int) + to_hours(hour + case when d = {moved} then 1 else 0 end) as time_hour,
  round(20 + (hash(i, d, 1) % 1000 + hash(i, d, 2) % 1000) / 200.0, 1)::double as warmth
from n;
create or replace table raw.bills as
with n as (select d, i, (20 + hash(i, d, 4) % 50000 / 100.0)::decimal(18, 2) as net, (hash(i, d, 5) % 9000 / 100.0)::decimal(18, 2) as tax
  from range({days}) as a(d), range(21) as b(i))
select d * 1000 + i as bill_id, timestamp '2026-09-01 08:00' + to_days(d::int) + to_minutes((hash(i, d, 6) % 600)::int) as billed_at, net, tax,
  case when d = {odd} and i = 5 then 630 - net - tax else net + tax end as total
from n
"""


@dataclass(frozen=True)
class Story:
    """What was said of the same day, which came wrong and then right."""

    project: SmallProject
    wrong: Told
    right: Told


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Fifty days that were published in one run, another day that was right, and then the day that the tests are about."""
    found = small_project.make(tmp_path_factory.mktemp("beside") / "shop")
    for days in (50, 51):
        found.load(READINGS.format(days=days, moved=-1, odd=-1))
        told = found.cli("run")
        assert (told.status, "unlike" in told.out) == (0, False), told.out
    found.load(READINGS.format(days=52, moved=51, odd=51))
    wrong = found.cli("run")
    found.load(READINGS.format(days=52, moved=-1, odd=-1))
    return Story(found, wrong, found.cli("run"))


def test_times_that_lie_an_hour_off_their_hour_are_held(story: Story) -> None:
    assert story.wrong.status == 1, story.wrong.out
    told = (
        r"raw\.readings is unlike its past for [^,]*, most of all in (time_hour|hour): 100 % of the rows are far from what their other"
        r" numbers lead to expect, expected 0 %"
    )
    assert re.search(told, story.wrong.out), story.wrong.out
    assert "time_hour" in story.wrong.out


def test_one_row_of_a_small_day_is_told_with_how_far_it_lies(story: Story) -> None:
    told = r"raw\.bills is unlike its past for [^,]*, most of all in \w+: the farthest row lies [\d,]+ usual spreads from what its other numbers lead to expect, expected \d"
    assert re.search(told, story.wrong.out), story.wrong.out


def test_the_day_that_is_right_is_no_news(story: Story) -> None:
    assert (story.right.status, "unlike" in story.right.out) == (0, False), story.right.out


def test_times_that_are_looked_at_are_shown(story: Story) -> None:
    told = story.project.cli("explain", "raw.readings").out
    assert re.search(r"numbers +hour, time_hour from the others of their row\n", told), told


CLOCKS = """
create schema if not exists raw;
create or replace table raw.trips as
with n as (select d, i, (6 + hash(i, d) % 5 + hash(d, i) % 5 + hash(i, d, 7) % 5)::int as hour from range({days}) as a(d), range(80) as b(i)),
l as (select *, timestamp '2026-09-01' + to_days(d::int) + to_hours(hour) as local from n)
select d * 1000 + i as trip_id, timestamp '2026-09-01 04:00' + to_days(d::int) + to_minutes((hash(d, i, 3) % 900)::int) as booked_at, hour,
  local - to_hours((case when local < timestamp '2026-10-25 02:00' then 2 else 1 end + case when d = {wrong} then {off} else 0 end)::int) as left_at
from l
"""
CHANGED = "raw.trips: clocks changed in {} on Sunday 2026-10-25, which explains an hour between left_at and the rest of the row"


@pytest.mark.parametrize(
    ("zone", "where", "after"), [(None, "Europe", True), ("Europe/Berlin", "Europe/Berlin", False)]
)
def test_an_hour_that_clocks_explain_is_told_and_not_held(
    tmp_path: Path, zone: str | None, where: str, after: bool
) -> None:
    """Local hours beside times in UTC, over the night in which clocks are put back. Days of the zone itself begin an hour later from then on."""
    project, told = small_project.make(tmp_path / "shop"), CHANGED.format(where)
    project.configure(*([f"time_zone: {zone}"] if zone else []))

    def run(days: int, wrong: int = -1, off: int = 0) -> Told:
        project.load(CLOCKS.format(days=days, wrong=wrong, off=off))
        found = project.cli("run", "--json")
        if not wrong + 1:
            assert (found.status, found.document["findings"]) == (0, []), found.out
        return found

    assert told not in run(54).document["notes"]
    assert told in run(55).document["notes"]
    for off in (3, -2):
        assert run(56, wrong=55, off=off).status == 1, "two hours are not what clocks explain"
    assert (told in run(56).document["notes"]) == after
    for days in (57, 58, 59):
        run(days)
    assert told not in run(60).document["notes"], "by now the table tells it itself"
    assert run(61, wrong=60, off=1).status == 1
