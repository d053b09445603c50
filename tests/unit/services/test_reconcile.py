"""Comparisons of real files: types that mean the same, keys of every kind, and nothing compared is never green."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.services.site import add_version, make_site, ref, settings_of
from tidegate.errors import ComparisonError, DatabaseNotFoundError, NothingCheckedError
from tidegate.model import TableSettings
from tidegate.services.reconcile import Asked, Comparison, TableComparison, reconcile, with_sources
from tidegate.services.site import Site
from tidegate.warehouses import sqlite


def duck(file: Path, *statements: str) -> Path:
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as database:
        for statement in statements:
            database.execute(statement)
    return file


def lite(file: Path, *statements: str) -> Path:
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return file


def compared(folder: Path, old: Path, new: Path, **asked: Any) -> TableComparison:
    with_site = make_site(folder)
    (table,) = reconcile(with_site, f"{old}::t", f"{new}::t", Asked(**asked)).tables
    return table


def both(folder: Path, old: Sequence[str], new: Sequence[str], **asked: Any) -> TableComparison:
    return compared(folder, duck(folder / "old.duckdb", *old), duck(folder / "new.duckdb", *new), **asked)


ROWS = "select i as id, i * 2 as v, 'x' || i as word from range(5000) as r(i)"


def test_equal_tables_move_nothing(tmp_path: Path) -> None:
    found = both(tmp_path, [f"create table t as {ROWS}"], [f"create table t as {ROWS} order by random()"], key=("id",))
    assert (found.same, found.old_rows, found.new_rows) == (True, 5000, 5000)
    assert (found.moved.hashes, found.moved.rows, found.moved.levels) == (0, 0, 1)


def test_it_says_which_keys_and_columns(tmp_path: Path) -> None:
    edits = [
        "delete from t where id = 17",
        "update t set v = 0 where id = 4000",
        "insert into t values (9999, 1, 'new')",
    ]
    edits.append("insert into t from t where id = 60")
    found = both(tmp_path, [f"create table t as {ROWS}"], [f"create table t as {ROWS}", *edits], key=("id",))
    assert not found.same
    assert found.counts == {"added": 1, "removed": 1, "changed": 1, "copies": 1}
    told = {d.key[0]: (d.what.value, d.old_rows, d.new_rows, d.columns) for d in found.samples}
    assert told == {
        "17": ("removed", 1, 0, ()),
        "60": ("copies", 1, 2, ()),
        "4000": ("changed", 1, 1, ("v",)),
        "9999": ("added", 0, 1, ()),
    }
    assert found.by_column == {"v": 1}
    assert {s.column for s in found.sums} == {"*", "v"}
    assert found.moved.hashes <= 4 * 2 * 128
    assert found.complete


SAME = [
    ("1::integer", "1::bigint"),
    ("1::bigint", "1::hugeint"),
    ("12.50::decimal(10,2)", "12.5::decimal(18,4)"),
    ("12.1::decimal(10,2)", "12.1::double"),
    ("0.1::double + 0.2::double", "0.3::double"),
    ("0.0::double", "-0.0::double"),
    ("7::integer", "7::double"),
    ("7::integer", "7.00::decimal(9,2)"),
    ("'7'", "7::integer"),
    ("timestamp '2026-01-02 03:04:05'", "timestamptz '2026-01-02 03:04:05+00'"),
    ("timestamp '2026-01-02 03:04:05'", "timestamptz '2026-01-02 05:04:05+02'"),
    ("date '2026-01-02'", "timestamp '2026-01-02 00:00:00'"),
    ("'2026-01-02 03:04:05'", "timestamp '2026-01-02 03:04:05'"),
    ("true", "1::integer"),
    ("'é'", "'é'::varchar"),
    ("[1, 2]", "[1, 2]"),
    ("null::integer", "null::varchar"),
    ("'nan'::double", "'nan'::double"),
    ("'infinity'::timestamp", "'infinity'::timestamp"),
]
DIFFERENT = [
    ("1::integer", "2::bigint"),
    ("12.10::decimal(10,2)", "12.11::double"),
    ("1.0::double", "1.00001::double"),
    ("'abc'", "null::integer"),
    ("'abc'", "5::integer"),
    ("timestamp '2026-01-02 03:04:05'", "timestamptz '2026-01-02 03:04:05+02'"),
    ("''", "null::varchar"),
    ("'a'", "'A'"),
    ("0::integer", "null::integer"),
]


@pytest.mark.parametrize(
    ("old", "new", "same"), [*((a, b, True) for a, b in SAME), *((a, b, False) for a, b in DIFFERENT)]
)
def test_types_that_mean_the_same(tmp_path: Path, old: str, new: str, same: bool) -> None:
    made = [[f"create table t as select 1 as id, {value} as v"] for value in (old, new)]
    assert both(tmp_path, *made, key=("id",)).same is same
    assert both(tmp_path, *reversed(made), key=("id",)).same is same


def test_a_tolerance_is_what_it_says(tmp_path: Path) -> None:
    made = [
        [f"create table t as select i as id, i + {delta} as v from range(50) r(i)"]
        for delta in ("0.0::double", "0.009::double")
    ]
    assert both(tmp_path, *made, key=("id",), tolerance=0.01).same
    far = both(tmp_path, *made, key=("id",), tolerance=0.008)
    assert (far.same, far.counts) == (False, {"changed": 50})


def test_composite_and_null_keys_and_copies(tmp_path: Path) -> None:
    base = "create table t as select * from (values (1, 'a', 1), (1, 'b', 2), (null, 'a', 3), (null, null, 4), (2, 'a', 5)) as r(k, l, v)"
    edits = ["update t set v = 9 where k is null and l is null", "delete from t where k = 1 and l = 'b'"]
    edits += ["insert into t values (2, 'a', 5), (null, 'b', 6)"]
    found = both(tmp_path, [base], [base, *edits], key=("k", "l"))
    told = {d.key: d.what.value for d in found.samples}
    assert told == {(None, None): "changed", ("1", "b"): "removed", ("2", "a"): "copies", (None, "b"): "added"}
    one = both(tmp_path, [base], [base, "update t set v = 0 where k is null"], key=("k",))
    assert [d.key for d in one.samples] == [(None,)]
    assert one.samples[0].old_rows == 2


@pytest.mark.parametrize(
    "keys",
    ["i", "i - 5", "i * 1000000007", "-i", "(i * 9000000000000000000::hugeint)", "'k' || i", "timestamp '2026-01-01' + to_minutes(i)", "date '2026-01-01' + i::integer", "i * 1.5", "uuid()", "i % 2 = 0"],
)  # fmt: skip
def test_keys_of_every_type(tmp_path: Path, keys: str) -> None:
    make = f"create table t as select {keys} as k, i as v from range(300) r(i)"
    old = duck(tmp_path / "old.duckdb", make)
    (tmp_path / "new.duckdb").write_bytes(old.read_bytes())
    with duckdb.connect(str(tmp_path / "new.duckdb")) as database:
        database.execute("update t set v = -1 where v = 77")
        (changed,) = database.execute("select k::varchar from t where v = -1").fetchone() or ("",)
    found = compared(tmp_path, old, tmp_path / "new.duckdb", key=("k",))
    assert found.counts == {"changed": 1}, changed
    assert found.by_column == {"v": 1}
    assert compared(tmp_path, old, old, key=("k",)).same


def test_whole_rows_where_no_key_is_known(tmp_path: Path) -> None:
    found = both(
        tmp_path, [f"create table t as {ROWS}"], [f"create table t as {ROWS}", "update t set v = 1 where id = 3"]
    )
    assert found.counts == {"added": 1, "removed": 1}
    assert "no key is known" in found.notes[0]
    same = both(tmp_path, [f"create table t as {ROWS}"], [f"create table t as {ROWS}"])
    assert same.same
    assert not both(
        tmp_path, ["create table t as select 1 as a"], ["create table t as select 1 as a from range(2)"]
    ).same


def test_sums_by_group(tmp_path: Path) -> None:
    made = "create table t as select i as id, i % 3 as shop, 1.5 as price from range(30) r(i)"
    found = both(tmp_path, [made], [made, "update t set price = 2.5 where id = 4"], key=("id",), by=("shop",))
    assert found.groups == 3
    assert [(s.group, s.column, s.old, s.new) for s in found.sums] == [(("1",), "price", "15.0", "16.0")]


def test_personal_values_are_masked_and_times_readable(tmp_path: Path) -> None:
    made = "create table t as select 'ann@example.com' as email, timestamp '2026-01-02 03:04:05' as at"
    found = both(
        tmp_path, [made], [made, "insert into t values ('bob@example.com', '2026-01-03')"], key=("email", "at")
    )
    assert found.samples[0].key == ("b*** (15 characters)", "2026-01-03T00:00:00Z")


# --- other engines ---------------------------------------------------------------------------------------------------

LITE = [
    "create table t (id integer, amount decimal(12,2), ratio real, moment timestamp, flag boolean, word text, untyped)",
    "insert into t values (1, 12.1, 0.1, '2026-01-02 03:04:05', 1, 'é', '5')",
    "insert into t values (2, -0.005, 1e300, '2026-01-02 03:04:05.123456', 0, '', null)",
    "insert into t values (3, null, null, null, null, null, null)",
    "insert into t values (null, 1e9, -1.5, '2026-01-02T03:04:05+00:00', 1, 'x:y', 'text')",
]
DUCK = [
    "create table t (id bigint, amount decimal(12,2), ratio double, moment timestamptz, flag boolean, word varchar, untyped varchar)",
    "insert into t values (1, 12.1, 0.1, '2026-01-02 03:04:05+00', true, 'é', '5')",
    "insert into t values (2, -0.01, 1e300, '2026-01-02 03:04:05.123456+00', false, '', null)",
    "insert into t values (3, null, null, null, null, null, null)",
    "insert into t values (null, 1e9, -1.5, '2026-01-02 03:04:05+00', true, 'x:y', 'text')",
]


def test_sqlite_and_duckdb_write_the_same_values_alike(tmp_path: Path) -> None:
    old, new = lite(tmp_path / "s.db", *LITE), duck(tmp_path / "d.duckdb", *DUCK)
    for key in (("id",), ("id", "word"), ()):
        found = compared(tmp_path, old, new, key=key)
        assert found.same, (key, found)
    for column, value in [
        ("amount", "12.2"),
        ("ratio", "0.11"),
        ("moment", "'2026-01-02'"),
        ("flag", "0"),
        ("word", "'e'"),
        ("untyped", "'6'"),
    ]:
        other = lite(tmp_path / "o.db", *LITE, f"update t set {column} = {value} where id = 1")
        found = compared(tmp_path, other, new, key=("id",))
        assert found.by_column == {column: 1}, column


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63 - 1024, "9223372036854774784.00"),  # equal to the float below, which has fewer digits
        (float(2**63 - 1024), "9223372036854775000.00"),
        (-0.0, "0.00"),
        (2.675, "2.68"),
        (" 5 ", "5.00"),
        ("five", "five"),
    ],
)
def test_decimals_that_are_kept_are_told_apart_by_their_kind(value: object, text: str) -> None:
    for _ in range(2):
        assert sqlite.form(value, "decimal", 2) == text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1970-01-01", 0),
        ("1969-12-31 23:59:59.999999", -1),
        ("1900-01-01 00:00:00.5+05:30", -2208988800 * 10**6 - 19_800 * 10**6 + 500_000),
        (" 2026-01-02T03:04:05Z ", 1_767_323_045_000_000),
        ("noon", None),
        (1_767_323_045, None),
    ],
)
def test_times_of_sqlite_are_microseconds(written: object, expected: int | None) -> None:
    assert sqlite.micros(written) == expected


cells = st.tuples(
    st.integers(-50, 50), st.one_of(st.none(), st.integers(-(10**6), 10**6)), st.floats(allow_nan=False, allow_infinity=False),
    st.one_of(st.none(), st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=4)),
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(cells, min_size=1, max_size=20), seed=st.integers(0, 9))
def test_what_sqlite_holds_is_equal_in_duckdb_and_an_edit_is_found(
    tmp_path: Path, rows: list[tuple[int, int | None, float, str | None]], seed: int
) -> None:
    lite_file, duck_file = tmp_path / "p.db", tmp_path / "p.duckdb"
    rows = list({row[0]: row for row in rows}.values())
    edited = random.Random(seed).choice(rows)[0]
    lite(lite_file, "create table t (k integer, a integer, b real, c text)")
    duck(duck_file, "create table t (k bigint, a integer, b double, c varchar)")
    with closing(sqlite3.connect(lite_file)) as one, duckdb.connect(str(duck_file)) as other:
        one.executemany("insert into t values (?, ?, ?, ?)", rows)
        one.commit()
        other.executemany("insert into t values (?, ?, ?, ?)", rows)
    assert compared(tmp_path, lite_file, duck_file, key=("k",)).same
    with duckdb.connect(str(duck_file)) as other:
        other.execute("update t set c = coalesce(c, '') || '!' where k = ?", [edited])
    found = compared(tmp_path, lite_file, duck_file, key=("k",))
    assert [d.key for d in found.samples] == [(str(edited),)]
    assert found.by_column == {"c": 1}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_of_rows(tmp_path: Path, ending: str) -> None:
    new = duck(
        tmp_path / "d.duckdb",
        "create table t as select i as id, i / 4 as v, date '2026-01-01' + i::int as day from range(90) r(i)",
    )
    file = tmp_path / f"rows.{ending}"
    with duckdb.connect(str(new), read_only=True) as database:
        database.execute(f"copy t to '{file}'")
    site = make_site(tmp_path)
    (found,) = reconcile(site, str(file), f"{new}::t", Asked(key=("id",))).tables
    assert found.same
    (found,) = reconcile(site, str(file), f"{new}::t", Asked(key=("id",), where="id < 50")).tables
    assert (found.same, found.old_rows) == (True, 50)


# --- versions, sources, and what cannot be compared ------------------------------------------------------------------


def shop(folder: Path, **tables: TableSettings) -> Site:
    said = {ref(name): table for name, table in tables.items()}
    site = make_site(folder, settings_of(folder, said))
    add_version(
        site,
        1,
        "create schema s",
        "create table s.orders as select i as id from range(10) r(i)",
        "create table s.gone (i int)",
    )
    add_version(
        site, 2, "insert into s.orders values (10)", "drop table s.gone", "create table s.none (i int)", parent=1
    )
    return site


def test_two_versions_and_what_only_one_has(tmp_path: Path) -> None:
    found = reconcile(shop(tmp_path), "1", "live", Asked())
    assert isinstance(found, Comparison)
    assert [t.table for t in found.tables] == ["s.orders"]
    assert found.missing == ("s.gone is only in version 1", "s.none is only in version 2")
    assert not found.same


def test_the_source_that_the_settings_name(tmp_path: Path) -> None:
    source = lite(
        tmp_path / "shop.db",
        "create table orders (id integer)",
        *(f"insert into orders values ({i})" for i in range(11)),
    )
    site = shop(tmp_path, orders=TableSettings(ref=ref("orders"), key=("id",), source=source.name))
    (found,) = with_sources(site, Asked())
    assert (found.same, found.tables[0].key, found.tables[0].old_table) == (True, ("id",), "main.orders")
    with pytest.raises(NothingCheckedError, match="has no"):
        with_sources(site, Asked(tables=("s.none",)))
    with pytest.raises(NothingCheckedError, match="no table has"):
        with_sources(shop(tmp_path / "plain"), Asked())


def test_nothing_compared_is_not_fine(tmp_path: Path) -> None:
    site = shop(tmp_path)
    with pytest.raises(NothingCheckedError, match="0 rows on both sides"):
        reconcile(site, "live::s.none", "live::s.none", Asked())
    with pytest.raises(NothingCheckedError):
        reconcile(site, "1::s.orders", "2::s.orders", Asked(where="id > 1000"))
    empty = duck(tmp_path / "e.duckdb", "create schema s", "create table s.orders (id int)")
    (found,) = reconcile(site, str(empty), "live", Asked()).tables
    assert (found.same, found.old_rows, found.new_rows) == (False, 0, 11)


@pytest.mark.parametrize(
    ("old", "new", "asked", "error", "says"),
    [
        ("live::s.order", "live::s.orders", Asked(), ComparisonError, "no table `s.order`"),
        ("1::s.orders", "live::s.orders", Asked(key=("no",)), ComparisonError, "no column `no`"),
        ("1::s.orders", "live::s.orders", Asked(where="id; drop table x"), ComparisonError, "--where"),
        ("1::s.orders", "live", Asked(tables=("s.orders",)), ComparisonError, "both behind"),
        ("1::s.orders", "2::s.none", Asked(), ComparisonError, "no column in common"),
        ("nowhere.db::t", "live::s.orders", Asked(), DatabaseNotFoundError, "there is no file"),
        ("nowhere*.csv", "live::s.orders", Asked(), DatabaseNotFoundError, "there is no file"),
        ("odd.txt", "live::s.orders", Asked(), DatabaseNotFoundError, "neither a DuckDB nor a SQLite"),
        (
            "postgresql://u:secret@h/shop::t",
            "live::s.orders",
            Asked(),
            ComparisonError,
            "lacks its `postgres` extension",
        ),
    ],
    ids=["table", "key", "where", "twice", "columns", "file", "files", "what", "postgres"],
)
def test_what_cannot_be_compared_says_why(
    tmp_path: Path, old: str, new: str, asked: Asked, error: type[Exception], says: str
) -> None:
    (tmp_path / "odd.txt").write_text("hello, this is text")
    with pytest.raises(error, match=says) as told:
        reconcile(shop(tmp_path), old, new, asked)
    assert "secret" not in str(told.value)
