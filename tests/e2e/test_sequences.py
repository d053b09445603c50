"""Gaps in what counts up, through real runs: a day that lost a twelfth of its orders is held although the day before had fewer, and the gaps are listed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e import small_project

ORDERS = """create schema if not exists raw; create or replace table raw.orders as
select 'SO-' || lpad((d * 1000 + o)::text, 7, '0') as order_no, timestamp '2026-07-01 07:00' + to_days(d::int) + to_seconds(o * 40) as ordered_at,
    'c' || (hash(d, o) % 5000) as customer, (hash(d, o, 1) % 9000) / 100 as amount
from (select d, o from range({days}) a(d), range(900) b(o) where o < 500 + (hash(d, 7) % 400) and not ({lost}))"""
READINGS = """create schema if not exists raw; create or replace table raw.readings as
select 'sensor ' || s as sensor, timestamp '2026-07-01' + to_days(d::int) + to_seconds(i * 600 + (hash(s, d, i) % 30)::int) as read_at,
    20 + (hash(s, d, i, 1) % 100) / 10 as celsius
from range({days}) a(d), range(6) b(s), range(144) c(i)
where not (hash(d, s, 5) % 7 = 0 and i > 90 + (hash(d, s, 6) % 40)) and not ({lost})"""


def known(tmp_path: Path, made: str, days: int = 40) -> small_project.Project:
    project = small_project.make(tmp_path / "project")
    for until in (days - 1, days):
        project.load(made.format(days=until, lost="false"))
        assert project.cli("run").status == 0
    return project


def test_orders_that_are_lost_here_and_there_are_held_and_listed(tmp_path: Path) -> None:
    project = known(tmp_path, ORDERS)
    assert "sequences  order_no by one" in project.cli("explain", "raw.orders").out
    project.load(ORDERS.format(days=41, lost="d = 40 and hash(o) % 12 = 0"))
    told = project.cli("run", "--json")
    (found,) = [f for f in told.document["findings"] if f["holds"]]
    assert told.status == 1
    assert found["column"] == "order_no"
    assert found["spec"]["metric"] in ("gap_count", "break_count")
    said = r"order_no: [78]\.\d % of its numbers, which go up by one, (are missing|come after a gap), expected 0 %"
    assert re.search(said, found["sentence"])
    assert "the SQL lists the gaps" in found["hint"]
    listed = project.query(found["sql"], project.live.parents[1] / "versions" / "000003" / project.live.name)
    assert {int(comes[3:]) - int(after[3:]) - 1 for after, comes, _ in listed} >= {1}
    assert all(int(comes[3:]) - int(after[3:]) - 1 == missing > 0 for after, comes, missing in listed)
    assert all(after.startswith("SO-004") for after, *_ in listed)


def test_readings_that_are_lost_are_held_where_sensors_stop_every_other_day(tmp_path: Path) -> None:
    project = known(tmp_path, READINGS)
    assert "sequences  read_at every" in project.cli("explain", "raw.readings").out
    project.load(READINGS.format(days=41, lost="d = 40 and hash(s, i, 3) % 8 = 0"))
    told = project.cli("run", "--json")
    (found,) = [f for f in told.document["findings"] if f["holds"]]
    assert (told.status, found["column"]) == (1, "read_at")
    assert found["spec"]["metric"] in ("gap_count", "break_count")
    assert "for each sensor, " in found["sentence"]
    listed = project.query(found["sql"], project.live.parents[1] / "versions" / "000003" / project.live.name)
    assert len({sensor for sensor, *_ in listed}) == 6
