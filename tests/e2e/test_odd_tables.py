"""Tables that are constant, all NULL, tiny, exploding, gapped or cut by the clock, through real runs: judged, or told why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject

DAILY = "timestamp '{start}' + interval (d) day + to_minutes((i * 7 % 600)::int) as at"
"""A column of times: some of each day, the same minutes every day."""


def table(name: str, days: str, rows: str, columns: str, start: str = "2026-07-01 08:00") -> str:
    """SQL that makes one table: so many rows `i` on each day `d`."""
    at = DAILY.format(start=start)
    return (
        f"create or replace table raw.{name} as select {at}, {columns} from range({days}) a(d), range(20000) b(i)"
        f" where i < {rows}"
    )


CLEAN = "d * 20000 + i as id, 40 + (i * 7 + d) % 23 as amount, ['a', 'b', 'c'][1 + i % 3] as kind"
EVEN = "100 + 3 * (d % 7)"


def odd_tables(days: int) -> str:
    """Every odd table with so many days up to one and the same."""
    tables = [
        table("constant", str(days), "50", "1 as amount, 'x' as kind"),
        table("nothing_known", str(days), "50", "null::int as amount, null::varchar as kind"),
        table("one_row", "1", "1", CLEAN),
        table("few_rows", str(days), "1 + d % 20", CLEAN),
        table("one_a_day", str(days), "1", CLEAN),
        table("leap", str(days), EVEN, CLEAN, start="2027-12-25 08:00"),
        table("clocks", str(days), EVEN, CLEAN, start="2026-02-15 08:00"),
        table("gapped", str(days), f"case when d between 15 and 44 then 0 else {EVEN} end", CLEAN),
        "create or replace table raw.empty (came_at timestamp, amount int)",
        "create or replace table raw.no_time as select 1 as id, 'x' as kind",
    ]
    return "; ".join(["create schema if not exists raw", *tables])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Its first batch ever was published."""
    found = small_project.make(tmp_path_factory.mktemp("odd") / "shop")
    found.configure("time_zone: Europe/Berlin")
    found.load(odd_tables(75))
    told = found.cli("run")
    assert told.status == 0, told.out
    return found


def findings(project: SmallProject) -> list[str]:
    """The keys of what holds, in a run of its own."""
    document = project.cli("run", "--json").document
    return [f["key"] for f in document["findings"] if f["holds"]]


def test_the_same_batch_again_raises_no_alarm(project: SmallProject) -> None:
    project.load(odd_tables(75))
    assert findings(project) == []
    assert findings(project) == [], "nor the third time"


def test_another_clean_day_raises_no_alarm(project: SmallProject) -> None:
    """The 20th row more of a tiny table, a leap day behind it, a change of clocks, a gap of a month: one day more is fine."""
    project.load(odd_tables(76))
    assert findings(project) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("one_row", "not enough history (1 of 8"), ("no_time", "not enough history ("), ("empty", "not enough history (")],
)
def test_what_cannot_be_judged_says_of_how_many(project: SmallProject, name: str, said: str) -> None:
    assert said in project.cli("explain", f"raw.{name}").out


@pytest.mark.parametrize("name", ["constant", "nothing_known", "few_rows", "one_a_day", "leap", "clocks", "gapped"])
def test_every_other_one_is_explained(project: SmallProject, name: str) -> None:
    told = project.cli("explain", f"raw.{name}")
    assert told.status == 0
    assert "grain      day, by at" in told.out


def test_a_table_that_explodes_is_held(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    tables = [table("orders", "40", EVEN, CLEAN)]
    project.load("; ".join(["create schema if not exists raw", *tables]))
    assert project.cli("run").status == 0
    project.load("; ".join(["create schema if not exists raw", table("orders", "41", f"case when d = 40 then 20000 else {EVEN} end", CLEAN)]))  # fmt: skip
    told = project.cli("run")
    assert told.status == 1
    assert "20,000 rows" in told.out


NOT_NUMBERS = "d * 20000 + i as id, case when d >= {since} and i % 3 = 0 then '{what}'::double else 40 + (i * 7 + d) % 23 end as amount"


@pytest.mark.parametrize(("what", "word"), [("nan", "NaN"), ("inf", "infinite")])
def test_a_column_that_is_no_number_any_more_is_held_and_so_is_one_without_times(
    tmp_path: Path, what: str, word: str
) -> None:
    """No mean and no NULL tells of it: what is not a finite number is left out of the one, and is none of the others."""
    project = small_project.make(tmp_path / "shop")
    for days, since, status in ((40, 99, 0), (41, 40, 1)):
        orders = table("orders", str(days), EVEN, NOT_NUMBERS.format(since=since, what=what))
        plain = "create or replace table raw.plain as select id, case when {} then amount else 1.0 end as amount from raw.orders"
        project.load(
            "; ".join(["create schema if not exists raw", orders, plain.format(f"isfinite(amount) or {days} = 41")])
        )
        told = project.cli("run")
        assert told.status == status, told.out
    assert f"raw.orders.amount is {word} in 3" in told.out, told.out


def test_the_first_batch_of_a_table_without_a_past_says_so(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    project.load("; ".join(["create schema if not exists raw", table("orders", "3", EVEN, CLEAN)]))
    told = project.cli("run")
    assert told.status == 0
    assert "raw.orders has not enough history for learned bands (2 of 8 days)" in told.out


PEOPLE = """
create schema if not exists raw;
create or replace table raw.people as select i as person_id, {name} as name, ['de', 'fr'][1 + i % 2] as country,
  10 + hash(i) % 1000 / 10.0 as credit from range({rows}) as a(i) {more}
"""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"rows": 600}, "raw.people has 600 rows, the published version has 1,210"),
        ({"more": "union all select * from raw.people"}, "extra copies of rows"),
        ({"name": "null::varchar"}, "raw.people.name is NULL in 100 % of the rows"),
        ({"name": "'Name ' || i || ' '"}, "raw.people.name has a blank at an end in 100 % of the rows"),
    ],
)
def test_a_table_without_times_is_judged_by_its_first_version(
    tmp_path: Path, fault: dict[str, object], said: str
) -> None:
    clean = {"name": "'Name ' || i", "rows": 1200, "more": ""}
    project = small_project.make(tmp_path / "shop")
    project.load(PEOPLE.format(**clean))
    assert project.cli("run").status == 0
    project.load(PEOPLE.format(**{**clean, "rows": 1210}))
    assert project.cli("run").status == 0
    project.load(PEOPLE.format(**{**clean, **fault}))
    told = project.cli("run")
    assert (told.status, said in told.out) == (1, True), told.out


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Two versions are published: runs have said little, and the table's own past is all there is to learn from."""
    made = small_project.make(tmp_path_factory.mktemp("young") / "shop")
    for days in (40, 41):
        made.load("; ".join(["create schema if not exists raw", table("orders", str(days), EVEN, CLEAN)]))
        assert made.cli("run").status == 0
    return made


@pytest.mark.parametrize("days", [41, 42])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("update raw.orders set kind = null", "raw.orders was rewritten: kind is NULL in 100 % of the rows of the"),
        ("update raw.orders set kind = 'a'", "raw.orders was rewritten: kind = b has 0 rows in the"),
        ("update raw.orders set amount = amount * 100", "raw.orders was rewritten: the mean of amount is 5,099 in the"),
        ("insert into raw.orders select * from raw.orders", "2.0 times as many"),
        ('insert into raw.orders select o."at", -o.id, o.amount, o.kind from raw.orders o', "2.0 times as many"),
        ('update raw.orders set "at" = null', "raw.orders.at is NULL in 100 % of the rows"),
        ("update raw.orders set \"at\" = 'infinity'", "raw.orders.at is infinite in 100 % of the rows"),
        (
            'update raw.orders set "at" = "at" + interval 700 year',
            "raw.orders has rows in none of the 41 days up to Monday 2026-08-10 in which the published version has some: by at, none of its rows lies in a day that is over",
        ),
        (
            "update raw.orders set \"at\" = timestamp '1970-01-01'",
            "by at, its newest rows up to now are of Thursday 1970-01-01",
        ),
    ],
)
def test_what_a_run_did_to_every_day_alike_does_not_teach_that_it_is_usual(
    young: SmallProject, fault: str, said: str, days: int
) -> None:
    young.load("; ".join(["create schema if not exists raw", table("orders", str(days), EVEN, CLEAN), fault]))
    told = young.cli("run", "--json")
    assert told.status == 1, told.out
    assert [f["sentence"] for f in told.document["findings"] if f["holds"] and said in f["sentence"]], told.out
