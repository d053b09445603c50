"""`tidegate backfill` with real dlt and dbt: a stretch of time is loaded and built again, through the ordinary run."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness.site import state_of
from tests.e2e.small_project import SmallProject, assert_refused

pytestmark = pytest.mark.slow

LOAD = """
import dlt, json, pathlib
from datetime import datetime

def rows():
    for row in json.loads(pathlib.Path(__file__).with_name("orders.json").read_text()):
        yield {**row, "moment": datetime.fromisoformat(row["moment"])}

@dlt.resource(primary_key="id", write_disposition="merge")
def orders(since=dlt.sources.incremental("moment")):
    yield from rows()

@dlt.resource(write_disposition="append")
def events(since=dlt.sources.incremental("moment")):
    yield from rows()

if __name__ == "__main__":
    dlt.pipeline("shop", destination="duckdb", dataset_name="raw").run([orders(), events()])
"""

DBT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nflags: {require_batched_execution_for_custom_microbatch_strategy: true}\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: ../shop.duckdb, schema: analytics}}}\n",
    "models/sources.yml": "version: 2\nsources:\n  - name: raw\n    tables:\n      - {name: orders, config: {event_time: moment}}\n",
    "models/daily.sql": "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='moment', batch_size='day',"
    " begin='FIRST') }}\nselect id, moment, amount, '{{ invocation_id }}' as built from {{ source('raw', 'orders') }}\n",
    "models/added.sql": "{{ config(materialized='incremental') }}\nselect id, amount from {{ source('raw', 'orders') }}"
    "\n{% if is_incremental() %} where moment >= '{{ var('start_at', '2100-01-01') }}' and moment < '{{ var('end_at', '2100-01-01') }}' {% endif %}\n",
}
STEPS = "- {name: load, dlt: load.py}\n  - {name: transform, dbt: transform, backfill_vars: [start_at, end_at]}"


FIRST = datetime.now(UTC).date() - timedelta(days=6)
"""Not long ago, because dbt builds a batch for each day from there up to now."""


def day(number: int) -> str:
    return str(FIRST + timedelta(days=number - 1))


def sell(project: SmallProject, days: int, **amounts: int) -> None:
    """One order a day from the first day on, for 10 a day, except on the days (`d3=77`) that are named."""
    rows = [
        {"id": n, "moment": f"{day(n)}T12:00:00+00:00", "amount": amounts.get(f"d{n}", 10)} for n in range(1, days + 1)
    ]
    (project.root / "orders.json").write_text(json.dumps(rows), encoding="utf-8")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Five days, loaded and built; nothing is changed in it."""
    root = tmp_path_factory.mktemp("begun")
    project = SmallProject(root=root)
    project.configure('learned: "off"', step=STEPS)
    (root / "load.py").write_text(LOAD, encoding="utf-8")
    for name, text in DBT.items():
        (root / "transform" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "transform" / name).write_text(text.replace("FIRST", day(1)), encoding="utf-8")
    sell(project, 5)
    assert project.cli("run").status == 0
    return project


@pytest.fixture
def project(begun: SmallProject, tmp_path: Path) -> SmallProject:
    """A copy of its own."""
    shutil.copytree(begun.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    return SmallProject(root=tmp_path)


def test_a_day_is_loaded_and_built_again_and_nothing_else(project: SmallProject) -> None:
    built = project.query("select distinct built from analytics.daily")
    sell(project, 5, d2=77)  # the source corrects a row of the past without touching its time
    assert project.cli("run").status == 0
    assert project.query("select amount from raw.orders where id = 2") == [(10,)], "its cursor is past that"

    told = project.cli("backfill", "--from", day(2), "--to", day(3), "--json")
    assert told.status == 0, told
    assert project.query("select id, amount from raw.orders order by id") == [
        (1, 10),
        (2, 77),
        (3, 10),
        (4, 10),
        (5, 10),
    ]
    daily = project.query("select id, amount, built from analytics.daily order by id")
    assert [row[:2] for row in daily] == [(1, 10), (2, 77), (3, 10), (4, 10), (5, 10)]
    assert [row[0] for row in daily if (row[2],) not in built and row[0] < 4] == [2], "only its batch was built again"
    assert project.query("select count(*) from raw.events") == [(5,)], "what is appended to did not come twice"
    assert project.query("select count(*) from analytics.added where id = 2 and amount = 77") == [(1,)], (
        "the variables came"
    )
    notes = " ".join(told.document["notes"] + [n for s in told.document["steps"] for n in s["facts"]["notes"]])
    assert f"cursor `moment` of `orders` is set back from {day(5)}T12:00:00+00:00 to {day(2)}T00:00:00+00:00" in notes
    assert "cursor `moment` of `events` is left as it is: its rows are appended" in notes

    after = json.loads((project.root / "warehouse/live/state/dlt/shop/state.json").read_text())
    incremental = after["sources"]["shop"]["resources"]["orders"]["incremental"]["moment"]
    assert incremental["last_value"].endswith(f"{day(5)}T12:00:00+00:00"), "the next load goes on where it was"
    (started,) = [e for e in events(project, "run.started") if "backfill" in e]
    assert started["backfill"]["from"].startswith(day(2))
    sell(project, 6, d2=77)
    assert project.cli("run").status == 0
    assert project.query("select count(*) from raw.orders") == [(6,)]


def test_one_table_and_what_is_below_it(project: SmallProject) -> None:
    told = project.cli("backfill", "analytics.daily", "--from", day(2), "--to", day(3), "--json")
    assert told.status == 0, told
    (step,) = told.document["steps"]
    assert step["name"] == "transform", "what comes before it is not run"
    words = step["command"]
    assert words[words.index("--select") + 1] == "shop.daily+"
    assert project.query("select count(*), sum(amount) from analytics.daily") == [(5, 50)]


def test_what_cannot_be_built_again_says_why(project: SmallProject) -> None:
    window = ("--from", day(2), "--to", day(3))
    assert_refused(project.cli("backfill", "raw.nothing", *window), says="no step and no table", hint="load, transform")
    assert_refused(project.cli("backfill", "--from", "yesterday", "--to", day(3)), says="`yesterday` is not a time")
    assert_refused(project.cli("backfill", "--from", day(3), "--to", day(3)), says="is not after")
    assert project.versions() == {1: "published"}


def events(project: SmallProject, kind: str) -> list[dict[str, Any]]:
    store = state_of(project.root)
    try:
        return [dict(e.data) for e in store.events() if e.kind == kind]
    finally:
        store.close()
