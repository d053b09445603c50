"""What rows keep to exactly, through real runs: prices of one country that were converted, and times that got lost beside their delay, are held."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject
from tidegate.detect.words import percent

TRIPS = """create schema if not exists raw; create or replace table raw.trips as
select d * 10000 + i as trip, timestamp '2026-07-01 08:00' + to_days(d::int) + to_minutes(i::int) as booked_at, country,
    case when {converted} then price * 1.0837 else price end as price, case when canceled then null else (hash(d, i, 5) % 90)::int - 20 end as delay,
    case when canceled or {lost} then null else timestamp '2026-07-01 20:00' + to_days(d::int) + to_minutes((hash(d, i, 5) % 90)::int) end as left_at
from (select d, i, ['DE', 'FR', 'PL'][1 + (hash(d, i, 1) % 3)::int] as country, (500 + hash(d, i, 2) % 9500)::double / 100 as price,
    hash(d, i, 3) % 100 < 20 + hash(d, 4) % 25 as canceled from range({days}) a(d), range(900) b(i) where i < 700 + (d * 37) % 200)"""
AS_EVER = {"converted": "false", "lost": "false"}


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    project = small_project.make(tmp_path_factory.mktemp("regular") / "shop")
    for days in (40, 41):
        project.load(TRIPS.format(days=days, **AS_EVER))
        assert project.cli("run").status == 0
    return project


def held(project: SmallProject, fault: dict[str, str], wrong: str, of: str = "*") -> tuple[dict[str, Any], float]:
    """The one finding that holds the next day, whose statement lists the rows that are wrong; and the share of them."""
    project.load(TRIPS.format(days=42, **AS_EVER | fault))
    told = project.cli("run", "--json")
    assert told.status == 1, told.out + told.err
    (found,) = [f for f in told.document["findings"] if f["holds"]]
    database = project.live.parents[1] / "versions" / f"{told.document['version']:06}" / project.live.name
    day = "from raw.trips where booked_at >= timestamp '2026-08-11'"
    rows = project.query(found["sql"], database)
    assert sorted(map(str, rows)) == sorted(map(str, project.query(f"select * {day} and {wrong}", database)))
    ((values,),) = project.query(f"select count({of}) {day}", database)
    return found, len(rows) / values


def test_what_was_chosen_is_told(trips: SmallProject) -> None:
    told = trips.cli("explain", "raw.trips").out
    assert (
        "regular    price with 2 decimals; delay NULL only where left_at is; left_at NULL only where delay is" in told
    )


def test_prices_that_were_converted_are_held_with_their_country(trips: SmallProject) -> None:
    found, share = held(
        trips,
        {"converted": "d = 41 and country = 'FR'"},
        "country = 'FR' and price::decimal(18, 6) % 0.01 <> 0",
        of="price",
    )
    assert (found["column"], found["spec"]["metric"], found["spec"]["argument"]) == ("price", "finer_count", "2")
    assert f"price: {percent(share)} of the values have more than 2 decimals, expected 0 %" in found["sentence"]
    assert found["slice"]["segment"] == {"column": "country", "value": "FR"}


def test_times_that_got_lost_beside_their_delay_are_held(trips: SmallProject) -> None:
    found, share = held(trips, {"lost": "d = 41 and i % 12 = 5"}, "delay is not null and left_at is null")
    spec = found["spec"]
    assert (found["column"], spec["metric"], spec["argument"]) == ("left_at", "lone_null_count", "delay")
    assert (
        f"left_at: {percent(share)} of the rows have no left_at although delay is there, expected 0 %"
        in found["sentence"]
    )
