"""`tidegate explain` on a real project: a table, an alarm, plots, and every line that says it otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

DAYS = """
create schema if not exists raw;
create or replace table raw.orders as
select d * 1000 + i as order_id, timestamp '2026-09-01 08:00' + interval (d) day + to_minutes(i::int) as ordered_at,
  50 + (i * 7 + d) % 13 as amount, case when i % 4 in (0, 2) then 'DE' when i % 4 = 1 then 'FR' else 'NL' end as country
  {more}
from range({days}) as a(d), range(400) as b(i)
where i < 280 + 15 * (d % 7) and not ({fault})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Sixty days that were published, and a held version in which half of a country is missing from the next."""
    found = small_project.make(tmp_path_factory.mktemp("explain") / "shop")
    found.load(DAYS.format(days=60, fault="false", more=""))
    assert found.cli("run").status == 0
    found.load(DAYS.format(days=61, fault="d = 60 and i % 4 = 0", more=", 1 as extra"))
    assert found.cli("run").status == 1
    return found


def test_a_table_as_detection_sees_it(project: SmallProject) -> None:
    told = project.cli("explain", "orders")
    assert told.status == 0
    assert "  grain      day, by ordered_at\n" in told.out
    assert "  history    60 days, 2026-09-01 to 2026-10-31\n" in told.out
    assert "  season     weekday, explains " in told.out
    assert "lateness   not known yet (0 of 4 days seen while they were young)" in told.out
    document = project.cli("explain", "raw.orders", "--json").document
    assert document["kind"] == "table"
    rows = next(e for e in document["outlook"]["expectations"] if e["spec"]["metric"] == "row_count")
    assert rows["band"]["low"] <= rows["last"] * 1.2
    assert document["said"]["grain"] == {
        "value": "day", "is_said": False, "override": "tables: {raw.orders: {grain: week}}",
    }  # fmt: skip


def test_an_alarm_by_its_number_and_by_its_key(project: SmallProject) -> None:
    told = project.cli("explain", "1")
    assert told.status == 0
    assert "raw.orders/segment/country=DE  incident 1" in told.out
    for label in ("expected", "observed", "how rare", "since", "slice", "similar"):
        assert f"\n  {label:<10} " in told.out
    assert "  changed    schema: raw.orders +extra INTEGER" in told.out
    assert 'SELECT COUNT(*) FROM "raw"."orders"' in told.out
    by_key = project.cli("explain", "raw.orders/segment/country=DE", "--json").document
    assert by_key["incident"]["number"] == 1
    assert by_key["line"][-1]["value"] == by_key["finding"]["observed"]
    assert len(by_key["line"]) == 60


def test_plots_on_a_terminal_and_in_files(project: SmallProject, tmp_path: Path) -> None:
    drawn = project.cli("explain", "1", "--plot", "--no-color")
    body = [line for line in drawn.out.splitlines() if line[10:11] in {"┤", "|"}]
    assert body[-1].endswith(("●", "X"))
    assert "\x1b" not in drawn.out
    for name, magic in (("a.png", b"\x89PNG"), ("deep/b.svg", b"<svg ")):
        told = project.cli("explain", "orders", "--plot", tmp_path / name)
        assert told.status == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
        assert "raw.orders" in told.out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("raw.ordrs",), "did you mean `raw.orders`?"),
        (("7",), "did you mean `1`?"),
        (("raw.orders/segment/country=DK",), "did you mean `raw.orders/segment/country=DE`"),
        (("disk-ful",), "did you mean the error code `disk-full`?"),
        (("--plot",), "tidegate explain 3 --plot"),
        (("1", "--plot", "x.gif"), ".svg"),
        (("disk-full", "--plot"), "name an alarm or a table"),
    ],
)
def test_what_is_not_there_is_refused_with_a_hint(project: SmallProject, words: tuple[str, ...], hint: str) -> None:
    told = project.cli("explain", *words)
    assert told.status == 2
    assert hint in told.err


def test_every_line_that_it_shows_works(project: SmallProject) -> None:
    """Each is put into tidegate.yml by itself; the table then says that somebody said so, and another run goes by it."""
    shown = project.cli("explain", "raw.orders", "--json").document["said"]
    assert set(shown) == {"time_column", "grain", "time_zone", "holidays", "weekend", "seasonality", "budget"}
    for name, said in shown.items():
        project.configure(said["override"])
        again = project.cli("explain", "raw.orders", "--json").document["said"][name]
        assert again["is_said"], name
        if name != "time_column":
            assert again["value"] != said["value"], name


def test_a_grain_and_a_zone_that_are_said_are_gone_by(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    project.configure("tables: {raw.orders: {grain: week, time_zone: America/New_York}}")
    project.load(DAYS.format(days=60, fault="false", more=""))
    assert project.cli("run").status == 0
    found = project.cli("explain", "raw.orders", "--json").document
    assert found["outlook"]["unit"] == "week"
    assert found["outlook"]["since"] == "2026-08-31T04:00:00Z"
    assert found["line"][0]["at"] == "2026-08-31T04:00:00Z"


def test_a_country_that_is_none_ends_with_two(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    project.configure("holidays: XD")
    told = project.cli("run")
    assert told.status == 2
    assert "there is no country `XD`" in told.err
    assert "hint: did you mean" in told.err
