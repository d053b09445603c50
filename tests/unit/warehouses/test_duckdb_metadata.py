"""What a DuckDB file says of row groups, against what the engine says of them; nothing where the file is not understood."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from tidegate.warehouses import duckdb_metadata
from tidegate.warehouses.duckdb_metadata import described, has_no_macros

ROWS = 5000
PLAIN = "create table t as select range as i, 'v' || range as v from range({rows})"
TABLES = {
    "texts": PLAIN,
    "one row": "create table t as select 1 as i",
    "constants and nulls": "create table t as select 1 as i, null::int as n, '' as v from range({rows})",
    "nested": "create table t as select [range, 1] as l, {{'a': range, 'b': ['x']}} as s, map {{'k': range}} as m from range({rows})",
    "decimals and times": "create table t as select range::decimal(38, 9) as d, date '2026-01-01' + range::int as a,"
    " now() as z, uuid() as u, range::varchar::blob as b, range::hugeint as h from range({rows})",
    "an enumeration": "create type colour as enum ('red', 'blue'); create table t as select 'red'::colour as c from range({rows})",
    "defaults and checks": "create table t (i bigint primary key, v text default 'e' || 1, check (i >= 0));"
    " insert into t (i) from range({rows})",
    "comments": PLAIN + "; comment on table t is 'main t e d'; comment on column t.i is '\xc8 t'",
    "long texts": "create table t as select repeat('long ' || range, 3000) as v from range(300)",
    "a name of its own": 'create table "täble "" \U0001f600" as from range({rows})',
    "other schemas": "create schema other; create table other.t as from range(10); "
    + PLAIN
    + "; create view v as from t",
    "many columns": "create table t as select columns(*)::text from (select {many} from range({rows}) r(i))",
    "many tables": "{tables}; " + PLAIN,
}


def made(path: Path, *statements: str, options: str = "row_group_size 2048") -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as shop ({options})")
        connection.execute("use shop")
        for sql in statements:
            connection.execute(sql)


def of_engine(path: Path, name: str = "t") -> tuple[int, list[int]]:
    """How many columns a table has, and how many rows each of its row groups."""
    with duckdb.connect(path, read_only=True) as connection:
        quoted = '"' + name.replace('"', '""') + '"'
        columns = len(connection.execute(f"select * from {quoted} limit 0").description or ())
        found = connection.execute(
            "select row_group_id, sum(count) from pragma_storage_info($1) where column_id = 0 and column_path = '[0]'"
            " group by all order by all",
            [quoted],
        ).fetchall()
        return columns, [int(rows) for _, rows in found]


@pytest.mark.parametrize("case", TABLES)
def test_row_groups_are_those_of_the_engine(tmp_path: Path, case: str) -> None:
    path = tmp_path / "shop.duckdb"
    tables = "; ".join(f"create table a{n} as select range as i, 't' as v from range({n})" for n in range(200))
    many = ", ".join(f"i + {n} as c{n}" for n in range(300))
    sql = TABLES[case].format(rows=ROWS, tables=tables, many=many)
    made(path, sql)
    name = 'täble " \U0001f600' if "name" in case else "t"
    columns, sizes = of_engine(path, name)
    found = described(path, "main", name, columns)
    assert found is not None
    assert [group.rows for group in found] == sizes
    assert len({group.digest for group in found}) == len(sizes)
    assert [group.first for group in found] == [sum(sizes[:at]) for at in range(len(sizes))]


def macros(path: Path) -> int:
    with duckdb.connect(path, read_only=True) as connection:
        asked = "select count(*) from duckdb_functions() where not internal and database_name = current_database()"
        return int(connection.execute(asked).fetchall()[0][0])


@pytest.mark.parametrize("case", TABLES)
def test_a_file_without_macros_tells_so(tmp_path: Path, case: str) -> None:
    path = tmp_path / "shop.duckdb"
    tables = "; ".join(f"create table a{n} as select range as i, 't' as v from range({n})" for n in range(200))
    made(path, TABLES[case].format(rows=10, tables=tables, many="i"), "create sequence s", "create view w as select 1")
    assert has_no_macros(path)
    assert macros(path) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "create macro m(x) as x + 1",
        "create macro m(x) as table select x",
        "create schema other; create macro other.m(x) as x || chr(99) || 'c'",
        "create table c (v text); comment on column c.v is 'c\x01d\x01d\x01'; create macro m(x) as x; create view w as select m(1)",
        "{tables}; create macro zz(x) as x",
    ],
)
def test_a_file_with_a_macro_never_says_that_it_has_none(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=10), sql.format(tables="; ".join(f"create table a{n} (i int)" for n in range(300))))
    assert not has_no_macros(path)
    assert macros(path) == 1


def test_a_file_that_held_a_macro_once_has_none(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=10), "create macro m(x) as x + 1")
    made(path, "drop macro m")
    assert has_no_macros(path)


def test_other_entries_and_other_formats_leave_it_open_whether_there_are_macros(tmp_path: Path) -> None:
    indexed, older = tmp_path / "shop.duckdb", tmp_path / "older.duckdb"
    made(indexed, PLAIN.format(rows=10), "create index by_i on t (i)")
    made(older, PLAIN.format(rows=10), options="storage_version 'v1.4.0'")
    assert not has_no_macros(indexed)
    assert not has_no_macros(older)


def digests(path: Path) -> list[str]:
    return [group.digest for group in described(path, "main", "t", 2) or ()]


def test_what_changes_is_described_otherwise_and_what_does_not_is_not(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=20_000))
    before = digests(path)
    made(path, "insert into t select 20000 + range, 'v' from range(9000)", "create table u as from range(9)")
    after = digests(path)
    assert len(after) > len(before)
    assert after[: len(before)] == before
    made(path, "update t set v = 'other' where i = 3000")
    assert [one == other for one, other in zip(after, digests(path), strict=True)].count(False) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "create or replace table t as select range as i, 'w' || range as v from range(5000)",
        "create table u as select range as i, 'w' || range as v from range(5000); alter table t rename to was; alter table u rename to t",
        "drop table t; create table t as select range as i, 'w' || range as v from range(5000)",
    ],
)
def test_another_table_of_that_name_is_described_otherwise(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=ROWS))
    before = digests(path)
    made(path, *sql.split("; "))
    after = digests(path)
    assert len(after) == len(before)
    assert not set(before) & set(after)


@pytest.mark.parametrize("options", ["storage_version 'v1.0.0'", "storage_version 'v1.4.0'"])
def test_nothing_is_said_of_a_file_of_another_format(tmp_path: Path, options: str) -> None:
    made(tmp_path / "shop.duckdb", PLAIN.format(rows=ROWS), options=options)
    assert described(tmp_path / "shop.duckdb", "main", "t", 2) is None


def test_nothing_is_said_of_a_table_that_is_not_there_or_has_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=ROWS), "create view v as from t", "create table g (i int, j int as (i))")
    assert described(path, "main", "zz", 2) is None
    assert described(path, "main", "v", 2) is None
    assert described(path, "other", "t", 2) is None
    assert described(path, "main", "g", 2) is None
    assert described(path, "main", "t", 1) is None
    assert described(path, "main", "t", 3) is None


def test_nothing_is_said_where_a_table_is_named_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=ROWS))
    honest = duckdb_metadata._place
    monkeypatch.setattr(duckdb_metadata, "_place", lambda catalogue, *name: honest(catalogue * 2, *name))
    assert described(path, "main", "t", 2) is None


def test_every_page_that_describes_a_row_group_counts(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, "create table t as select range as i, repeat(md5(range::text), 20) as v from range(3000)",
         options="block_size 16384")  # fmt: skip
    before, whole = digests(path), path.read_bytes()
    with duckdb.connect(path, read_only=True) as connection:
        rows = connection.execute("select stats.max from pragma_storage_info('t') where segment_type = 'VARCHAR'")
        greatest = [str(row[0]).encode() for row in rows.fetchall()]
    assert len(before) == 1
    assert len(greatest) > 20
    for text in greatest[::4]:
        path.write_bytes(whole.replace(text, b"elsewher" + text[8:]))
        assert digests(path) not in ([], before)


def test_a_damaged_file_is_never_read_as_the_one_that_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    made(path, PLAIN.format(rows=20_000))
    whole, before = path.read_bytes(), digests(path)
    chance = random.Random(5)
    for _ in range(200):
        raw = bytearray(whole)
        for at in chance.sample(range(chance.choice([0, 4096, 12288]), len(raw)), len(raw) // 400):
            raw[at] ^= 1 << chance.randrange(8)
        path.write_bytes(raw[: chance.choice([len(raw), len(raw) - 1, len(raw) // 2])])
        assert digests(path) != before
