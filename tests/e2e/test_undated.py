"""Rows whose time is lost in one load: no day has them, and the day lost too few to be told."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import small_project

DAYS = """
create schema if not exists raw;
create or replace table raw.orders as
select d * 1000 + i as order_id,
  case when {lost} then null else timestamp '2026-09-01 08:00' + interval (d) day + to_minutes(i::int) end as ordered_at,
  50 + (i * 7 + d) % 13 as amount
from range({days}) as a(d), range(400) as b(i)
where i < 280 + 15 * (d % 7)
"""


def test_a_twelfth_of_a_day_without_a_time_is_held_and_once_expected_no_news(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    for days in (56, 57):
        project.load(DAYS.format(days=days, lost="false"))
        assert project.cli("run").status == 0
    project.load(DAYS.format(days=58, lost="d = 57 and i % 12 = 0"))
    told = project.cli("run")
    assert told.status == 1
    assert "raw.orders has 25 new rows without ordered_at, 8.5 % of those that came: no day has them" in told.out
    assert project.cli("incidents", "resolve", "1", "--as", "expected", "--reason", "open orders").status == 0
    assert project.cli("run").status == 0
    project.load(DAYS.format(days=59, lost="d >= 57 and i % 12 = 0"))
    assert "without ordered_at" not in project.cli("run").out
