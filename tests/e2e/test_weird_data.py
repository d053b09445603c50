"""Everything that a DuckDB file can hold goes through run, diff, check and status, twice, and comes out as strict JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import small_project
from tests.e2e.small_project import SmallProject, Told

NAMES = '''
create schema if not exists raw;
create schema if not exists "odd ""schema"" of.Zürich";
create or replace table "odd ""schema"" of.Zürich"."Größe ""x"" . y" as
select
    i as "select", i % 3 as "from", concat('ü', i) as "имя", i as "a.b", i as "with ""quotes""", i as "semi;colon", i as "%s",
    i as "{}", i as "new
line", i as " lead", i as "trail ", i as "--", i as "/*", i as "ﬀ", i as "SELECT count(*)"
from range(20) as t(i);
create or replace table raw."select" as select i as "group", i as "order", 'x' as "where" from range(10) as t(i);
create or replace table raw."table" as select 1 as "table";
create or replace table raw."order" as select 1 as "limit", null as "null";
create or replace table "order" as select 1 as "from";
create or replace table raw."new" as select 1 as "old";
create or replace table raw."it's [bold]" as select 1 as "[red]";
'''

TYPES = """
create schema if not exists raw;
drop type if exists raw.mood cascade;
create type raw.mood as enum ('sad', 'ok', 'happy ''quoted''');
create or replace table raw.types as
select
    i as id, i::tinyint as a_tinyint, i::utinyint as a_utinyint, i::uhugeint as a_uhugeint,
    i * 170141183460469231731687303715884105::hugeint as a_hugeint, (i * 1.123456789)::decimal(38, 10) as a_decimal,
    i::float as a_float, case i when 0 then 'nan'::double when 1 then 'inf'::double when 2 then '-inf'::double else i end as a_double,
    date '2024-01-01' + i::int as a_date, time '12:00:00' as a_time, timetz '12:00:00+02' as a_timetz,
    timestamp '2024-01-01' + to_hours(i::int) as a_timestamp, timestamptz '2024-01-01 00:00:00+00' + to_hours(i::int) as a_timestamptz,
    timestamp_ns '2024-01-01 00:00:00.123456789' as a_timestamp_ns, timestamp_ms '2024-01-01' as a_timestamp_ms,
    timestamp_s '2024-01-01' as a_timestamp_s, interval 1 month as an_interval, 'ab'::blob as a_blob, '101'::bit as a_bit,
    (case i % 3 when 0 then 'sad' when 1 then 'ok' else 'happy ''quoted''' end)::raw.mood as an_enum,
    [i, i + 1, null] as a_list, [i, i]::bigint[2] as an_array, {'a': i, 'b': {'c': [i]}} as a_struct, map {'k': i} as a_map,
    union_value(num := i) as a_union, true as a_boolean, '{"a": 1}'::json as a_json,
    ('00000000-0000-0000-0000-0000000000' || (i + 10))::uuid as a_uuid
from range(30) as t(i);
"""

VALUES = """
create or replace table raw.extremes as
select * from (values
    (date '0001-01-01', timestamp '0001-01-01 00:00:00', timestamptz '0001-01-01 00:00:00+00', 9223372036854775807::bigint,
     1.7976931348623157e308::double, 99999999999999999999999999.9999999999::decimal(38, 10)),
    (date '9999-12-31', timestamp '9999-12-31 23:59:59.999999', timestamptz '9999-12-31 23:59:59+00', (-9223372036854775808)::bigint,
     -1.7976931348623157e308::double, -99999999999999999999999999.9999999999::decimal(38, 10)),
    (date '2024-02-29', timestamp '2024-02-29', timestamptz '2024-02-29 00:00:00+00', 0, 5e-324::double, 0)
) as t(day, "at", at_tz, a_bigint, a_double, a_decimal);
create or replace table raw.infinite as
select 'infinity'::timestamp as "at", '-infinity'::date as day, 'infinity'::timestamptz as at_tz, 'nan'::float as a_float
union all select timestamp '2024-01-01', date '2024-01-01', timestamptz '2024-01-01 00:00:00+00', 1;
create or replace table raw.beyond_python as
select timestamp '290308-12-22 (BC) 00:00:00' as "at", date '5877642-06-25 (BC)' as day
union all select timestamp '294247-01-10 04:00:54.775806', date '5881580-07-10';
create or replace table raw.nobody as select * from raw.types where false;
create or replace table raw.nulls as
select null::int as a, null::varchar as b, null::timestamp as c, null::double as d, null::raw.mood as e, null::int[] as f,
    null::uuid as g, null::boolean as h, null::decimal(38, 10) as i
from range(50);
create or replace table raw.only_nan as select 'nan'::double as a, 'inf'::float as b from range(5);
create or replace table raw.texts as
select '🦆' || chr(0) || i as "🦆", chr(13) || chr(10) as crlf, chr(27) || '[31m' as red, '' as blank, repeat('x', 100000) as long
from range(5) as t(i);
create or replace table raw.single as select 1 as a;
create or replace table raw.gone as select 1 as y;
create or replace view raw.good_view as select * from raw.single;
create or replace view raw.broken_view as select y from raw.gone;
drop table raw.gone;
create or replace view raw.failing_view as select 'x'::int as w from raw.single;
create sequence if not exists raw.counter;
create or replace macro raw.twice(x) as x * 2;
create or replace table raw.generated (a int, b int generated always as (a * 2) virtual);
insert into raw.generated values (1), (2);
create or replace table raw.keyed (a int primary key, b varchar check (length(b) < 10), unique (b));
insert into raw.keyed values (1, 'x');
"""

WIDE = f"create or replace table raw.wide as select {', '.join(f'i + {n} as c{n}' for n in range(1000))} from range(100) as t(i);"

CONFIGURATION = r"""
tables:
  raw.types: {key: [id]}
  '"odd ""schema"" of.Zürich".Größe "x" . y': {key: [имя, a.b]}
  raw.select: {key: [group]}
  raw.texts: {key: ["🦆"]}
checks:
  - {name: odd, table: '"odd ""schema"" of.Zürich".Größe "x" . y', not_null: имя}
  - {name: dotted, table: '"odd ""schema"" of.Zürich".Größe "x" . y', unique: a.b}
  - {name: quoted, table: '"odd ""schema"" of.Zürich".Größe "x" . y', unique: with "quotes"}
  - {name: fails, table: '"odd ""schema"" of.Zürich".Größe "x" . y', rule: '"semi;colon" < 19', on_fail: warn}
  - {name: keyword, table: raw.select, not_null: [group, order, where]}
  - {name: partners, table: raw.select, relationships: {column: group, to: '"odd ""schema"" of.Zürich".Größe "x" . y', field: a.b}}
  - {name: an enum, table: raw.types, accepted_values: {column: an_enum, values: [sad, ok, "happy 'quoted'"]}}
  - {name: a uuid, table: raw.types, unique: a_uuid}
  - {name: a list, table: raw.types, unique: a_list}
  - {name: a struct, table: raw.types, rule: "a_struct.b.c[1] = id"}
  - {name: a number, table: raw.types, rule: "a_hugeint >= 0", where: "a_decimal < 1e9"}
  - {name: not finite, table: raw.types, rule: "isfinite(a_double)", on_fail: warn}
  - {name: wide, table: raw.wide, not_null: c999}
  - {name: a view, table: raw.good_view, not_null: a}
  - {name: broken, table: raw.broken_view, not_null: y, on_fail: warn}
  - {name: failing, table: raw.failing_view, not_null: w, on_fail: warn}
  - {name: always null, table: raw.nulls, not_null: c, on_fail: warn}
"""

ODD = 'odd "schema" of.Zürich.Größe "x" . y'

CHANGED = """
update "odd ""schema"" of.Zürich"."Größe ""x"" . y" set "from" = "from" + 1 where "select" < 4;
delete from raw.types where id >= 28;
update raw.types set a_list = [7], a_struct = {'a': 7, 'b': {'c': [7]}}, a_map = map {'z': 1}, a_blob = 'zz'::blob,
    an_interval = interval 2 month, a_timetz = timetz '13:00:00+02', a_uuid = uuid(), a_double = 'nan' where id < 5;
alter table raw.wide drop c999;
alter table raw."select" add column "having" int;
alter table raw.single alter a type varchar;
drop table raw.only_nan;
create table raw.fresh as select 1 as a;
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Versions 1 and 2 hold the same; both were published."""
    everything = NAMES + TYPES + VALUES + WIDE
    return small_project.make(tmp_path_factory.mktemp("weird") / "shop", CONFIGURATION, sql=everything)


@pytest.fixture(scope="module")
def runs(warehouse: SmallProject) -> list[Told]:
    return [warehouse.cli("run", "--json") for _ in range(2)]


def by_name(told: Told) -> dict[str, dict[str, Any]]:
    return {r["check"]["id"].partition("/")[2].partition(" where ")[0]: r for r in told.document["results"]}


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_everything_is_measured_and_published(runs: list[Told], number: int) -> None:
    told = runs[number - 1]
    document = told.document
    assert [f["sentence"] for f in document["findings"] if f["holds"]] == []
    assert told.status == 0
    assert document["decision"]["action"] == "publish"
    assert document["version"] == number
    assert document["tables"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_checks_find_their_columns(runs: list[Told], number: int) -> None:
    results = by_name(runs[number - 1])
    ends = {name: (r["outcome"], r["failures"], r["evaluated"]) for name, r in results.items()}
    assert ends.pop("broken")[0] == "error"
    assert ends.pop("failing")[0] == "error"
    assert ends.pop("fails") == ("fail", 1, 20)
    assert ends.pop("not finite") == ("fail", 3, 30)
    assert ends.pop("always null") == ("fail", 50, 50)
    assert {name: end for name, end in ends.items() if end[0] != "pass" or end[1] != 0} == {}
    assert results["fails"]["sample"]["columns"][:3] == ["имя", "a.b", "semi;colon"]
    assert results["not finite"]["sample"]["total"] == 3


@pytest.mark.slow
def test_two_runs_of_the_same_are_the_same(warehouse: SmallProject, runs: list[Told]) -> None:
    tables = warehouse.cli("diff", "1", "2", "--json").document["tables"]
    assert {t["ref"]: t["state"] for t in tables if t["state"] != "same"} == {}
    assert ODD in {t["ref"] for t in tables}
    assert len(tables) == 22


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["check"], ["status"], ["versions"], ["incidents"], ["config", "check"]], ids=" ".join
)
def test_every_document_is_strict_json(warehouse: SmallProject, runs: list[Told], words: list[str]) -> None:
    told = warehouse.cli(*words, "--json")
    assert told.status == 0
    assert told.document["kind"]


@pytest.mark.slow
def test_a_diff_of_everything(warehouse: SmallProject, runs: list[Told]) -> None:
    sql = (warehouse.root / "load.sql").read_text(encoding="utf-8")
    warehouse.load(CHANGED)
    text = (
        (warehouse.root / "tidegate.yml").read_text(encoding="utf-8").replace("checks:\n", "learned: warn\nchecks:\n")
    )
    (warehouse.root / "tidegate.yml").write_text(text, encoding="utf-8")
    try:
        run = warehouse.cli("run", "--json")
    finally:
        warehouse.load(sql)
    number = run.document["version"]
    told = warehouse.cli("diff", "2", str(number), "--json")
    tables = {t["ref"]: t for t in told.document["tables"]}
    assert told.status == 0
    states = {ref: t["state"] for ref, t in tables.items() if t["state"] != "same"}
    assert states == {
        ODD: "changed",
        "raw.fresh": "added",
        "raw.only_nan": "removed",
        "raw.select": "changed",
        "raw.single": "changed",
        "raw.types": "changed",
        "raw.wide": "changed",
    }
    types = tables["raw.types"]
    assert (types["added"], types["removed"], types["changed"]) == (0, 2, 5)
    assert [tuple(s) for s in types["sample"][:2]] == [("changed", "0"), ("changed", "1")]
    changed = {c["name"]: c["changed"] for c in types["columns"]}
    assert {n: c for n, c in changed.items() if c} == {
        "a_list": 5, "a_struct": 5, "a_map": 5, "a_blob": 5, "an_interval": 5, "a_timetz": 5, "a_uuid": 5, "a_double": 4,
    }  # fmt: skip
    assert (tables[ODD]["key"], tables[ODD]["changed"]) == (["имя", "a.b"], 4)
    assert tables["raw.wide"]["removed_columns"] == ["c999"]
    assert tables["raw.select"]["added_columns"] == ["having"]
    assert tables["raw.single"]["retyped"] == [["a", "INTEGER", "VARCHAR"]]


@pytest.mark.slow
def test_what_a_terminal_shows_is_not_steered_by_data(warehouse: SmallProject, runs: list[Told]) -> None:
    """Neither escape sequences nor markup in names and values reach the terminal as such."""
    shown = [warehouse.cli(*words) for words in (["check"], ["status"], ["versions", "--all"])]
    assert [told.status for told in shown] == [0, 0, 0]
    assert "\x1b" not in "".join(told.out for told in shown)
    assert "it's [bold]" in shown[0].out


@pytest.mark.slow
def test_a_schema_with_the_name_of_the_database(tmp_path: Path) -> None:
    """dbt names tables in full, so this works for it: `shop.orders` may mean a table in the schema `shop`, too."""
    sql = "create schema if not exists shop.shop; create or replace table shop.shop.orders as select 1 as id"
    check = "{name: first, table: shop.orders, not_null: id}"
    project = small_project.make(tmp_path / "shop", "checks:", f"  - {check}", sql=sql)
    for _ in range(2):
        told = project.cli("run", "--json")
        assert [f["sentence"] for f in told.document["findings"] if f["holds"]] == []
        assert told.document["results"][0]["evaluated"] == 1
        assert told.status == 0
    assert [t["state"] for t in project.cli("diff", "--json").document["tables"]] == ["same"]
