"""The slice of an incident on a real project: two columns, a load, a file, or none, on every surface that tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

ORDERS = """
create schema if not exists raw;
create or replace table raw.orders as
select d * 1000 + i as order_id, timestamp '2026-09-01 08:00' + interval (d) day + to_minutes(i::int) as ordered_at,
  (50 + (i * 7 + d) % 13) * case when {cents} then 100 else 1 end as amount,
  ['DE', 'DE', 'FR', 'NL'][1 + i % 4] as country, ['web', 'app', 'shop'][1 + i // 4 % 3] as channel,
  'store-' || i // 12 % 3 || '/' || d || '.csv' as source_file
from range({days}) as a(d), range(720) as b(i) where not ({lost})
"""


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Forty days that were published."""
    found = small_project.make(tmp_path / "shop")
    found.load(ORDERS.format(days=40, cents="false", lost="false"))
    assert found.cli("run").status == 0
    return found


@pytest.mark.parametrize(
    ("cents", "lost", "line"),
    [
        ("false", "i % 4 < 2 and i // 4 % 3 = 1", "channel = app and country = DE: "),
        ("i // 12 % 3 = 2", "false", "source_file = store-2/40.csv: "),
        ("true", "false", "none: it is spread over all values of channel, country"),
    ],
)
def test_the_slice_is_told_wherever_the_incident_is(project: SmallProject, cents: str, lost: str, line: str) -> None:
    bad = [f"d = 40 and ({fault})" for fault in (cents, lost)]
    project.load(ORDERS.format(days=41, cents=bad[0], lost=bad[1]))
    told = project.cli("run")
    assert told.status == 1
    assert line in told.out
    for command in (("incidents", "show", "1"), ("explain", "1")):
        assert line in project.cli(*command).out
