"""The statement beside an alarm gives the number that the alarm tells, on the version that it is about."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

DAYS = """
create schema if not exists raw;
create or replace table raw.orders as
select d * 1000 + i as order_id, timestamp '2026-09-01 08:00' + interval (d) day + to_minutes(i::int) as ordered_at,
  {amount} as amount, case when i % 4 in (0, 2) then 'DE' when i % 4 = 1 then 'FR' else 'NL' end as country,
  {note} as note
from range({days}) as a(d), range(400) as b(i)
where i < 280 + 15 * (d % 7) and not ({gone})
"""
SOUND = {"amount": "50 + (i * 7 + d) % 13", "note": "case when i % 10 = 0 then null else 'n' || i end", "gone": "false"}
FAULTS = {
    "volume": {"gone": "d >= 57 and i % greatest(d - 54, 2) > 0"},
    "segment": {"gone": "d >= 57 and i % 4 = 0 and i % (d + 1) > 3"},
    "nulls": {"note": "case when i % 10 = 0 or d >= 57 and i % (62 - d) = 0 then null else 'n' || i end"},
    "location": {"amount": "(50 + (i * 7 + d) % 13) * case when d >= 57 then (d - 50) else 1 end"},
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    found = small_project.make(tmp_path_factory.mktemp("shown") / "shop")
    found.load(DAYS.format(days=57, **SOUND))
    assert found.cli("run").status == 0
    return found


@pytest.mark.parametrize("kind", FAULTS)
def test_an_alarm_of_several_buckets_shows_the_number_of_the_worst(sound: SmallProject, kind: str) -> None:
    sound.load(DAYS.format(days=60, **SOUND | FAULTS[kind]))
    told = sound.cli("run", "--json")
    assert told.status == 1, told.out + told.err
    found = [f for f in told.document["findings"] if f["observed"] is not None and f["expected"] is not None]
    assert any(f["kind"] == kind and f["bucket"] not in (None, f["interval"]) for f in found), found
    database = sound.root / "warehouse" / "versions" / f"{told.document['version']:06}" / "shop.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        for finding in found:
            ((value,),) = connection.execute(finding["sql"]).fetchall()
            assert float(value) == pytest.approx(finding["observed"], rel=1e-6), finding


def test_what_has_no_time_shows_its_number_too(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    table = "create schema if not exists raw; create or replace table raw.people as select i as id, {note} as note from range({rows}) t(i)"
    for rows in range(1000, 1010):
        project.load(table.format(rows=rows, note=f"case when i % 10 = {rows % 3} then null else 'n' || i end"))
        assert project.cli("run").status == 0
    project.load(table.format(rows=1010, note="case when i % 2 = 0 then null else 'n' || i end"))
    nulls = project.cli("run", "--json").document
    project.load(table.format(rows=1010, note="'n' || i") + "; insert into raw.people from raw.people where id < 400")
    copies = project.cli("run", "--json").document
    for document, kind in ((nulls, "nulls"), (copies, "duplicates")):
        finding = next(f for f in document["findings"] if f["kind"] == kind)
        database = project.root / "warehouse" / "versions" / f"{document['version']:06}" / "shop.duckdb"
        with duckdb.connect(str(database), read_only=True) as connection:
            ((value,),) = connection.execute(finding["sql"]).fetchall()
        assert float(value) == pytest.approx(finding["observed"], rel=1e-6)


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_one_value_that_is_no_number_is_told_with_its_count(sound: SmallProject, value: str) -> None:
    fault = {"amount": f"case when d = 59 and i = 7 then '{value}'::double else 50 + (i * 7 + d) % 13 end"}
    sound.load(DAYS.format(days=60, **SOUND | fault))
    told = sound.cli("run", "--json")
    assert told.status == 0
    (finding,) = [f for f in told.document["findings"] if f["kind"] == "share"]
    what = "infinite" if value == "inf" else "NaN"
    assert (
        f"raw.orders.amount is {what} in 1 of 325 rows for Friday 2026-10-30, in none of 59 days" in finding["sentence"]
    )
    assert not finding["holds"]
    assert sound.query(finding["sql"]) == [(pytest.approx(1 / 325),)]
    sound.cli("rollback", "1", "--reason", "test")
