"""A sample goes back into a database with the types that the warehouse had, and a manifest is believed only as far as it goes."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.sampled import Silent, World, refers
from tidegate.app import samples
from tidegate.errors import PathNotFoundError, QueryError, ReadOnlyError, SampleError, UsageError
from tidegate.integrations import sample_files
from tidegate.services.sample_set import SampleSet

TYPES = """
create table raw.types as select 170141183460469231731687303715884105727::hugeint as huge, interval 3 days as span,
    time '12:30:00' as hour, timestamp_ns '2026-01-02 03:04:05.123456789' as nanos, {'a': 1, 'b': [1, 2]} as part,
    [1.5, null] as list, map {'k': 'it''s'} as pairs, 'y'::enum('x', 'y') as choice, 1.25::decimal(38, 5) as wide,
    'NaN'::double as nothing, timestamptz '2026-01-02 03:04:05+02' as moment, '\\xAA'::blob as bytes, date 'infinity' as never
union all select null, null, null, null, null, null, null, null, null, null, null, null, null
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(folder=tmp_path)


def sampled(world: World, **wanted: Any) -> SampleSet:
    made = world.folder / "made"
    told = world.sample(made, **wanted)
    sample_files.place(told, made, world.samples)
    return told


def test_every_type_comes_back(world: World) -> None:
    world.write(TYPES)
    sampled(world)
    target = world.folder / "new" / "raw.duckdb"
    loaded = samples.load_sample(world.samples, target)
    assert {str(ref): rows for ref, rows in loaded.rows.items()} == {"raw.types": 2}
    with duckdb.connect(str(world.database), read_only=True) as connection:
        connection.execute(f"attach '{target}' as other (read_only)")
        before, after = (connection.execute(f"describe {name}").fetchall() for name in ("raw.types", "other.raw.types"))
        assert [row[:2] for row in after] == [row[:2] for row in before]
        lost = "select count(*) from (from raw.types except all from other.raw.types)"
        assert connection.execute(lost).fetchall() == [(0,)]


def test_a_table_is_replaced_and_others_stay(world: World) -> None:
    world.write("create table raw.t as select 1 as n")
    sampled(world)
    target = world.folder / "x.duckdb"
    with duckdb.connect(str(target)) as connection:
        connection.execute(
            "create schema raw; create table raw.t as select 'old' as a; create table raw.u as select 1 as n"
        )
    samples.load_sample(world.samples, target)
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("from raw.t").fetchall() == [(1,)]
        assert connection.execute("from raw.u").fetchall() == [(1,)]


def test_a_file_that_is_missing_leaves_the_database_as_it_was(world: World) -> None:
    world.write("create table raw.a as select 1 as n", "create table raw.b as select 1 as n")
    sampled(world)
    (world.samples / "raw.b.parquet").unlink()
    target = world.folder / "x.duckdb"
    with pytest.raises(QueryError):
        samples.load_sample(world.samples, target)
    with duckdb.connect(str(target)) as connection:
        assert connection.execute("from duckdb_tables()").fetchall() == []


def test_a_folder_without_a_manifest_is_loaded_as_it_is(world: World) -> None:
    world.write("create table raw.t as select 1 as n")
    world.sample()
    rows = samples.load_folder(world.samples, world.folder / "x.duckdb")
    assert {str(ref): number for ref, number in rows.items()} == {"raw.t": 1}


def test_the_manifest_is_read_as_it_was_written(world: World) -> None:
    world.write("create table raw.p as select i as id, 'x' || i as name from range(9) t(i)",
                "create table raw.c as select i as id, i % 9 as p_id from range(9) t(i)")  # fmt: skip
    world.checks = [refers("c", "p_id", "p", "id")]
    told = sampled(world)
    assert sample_files.read(world.samples) == told
    report = (world.samples / "README.md").read_text(encoding="utf-8")
    assert "| raw.p.name | VARCHAR | replaced by a value of the same form | its name |" in report
    assert r"| raw.c \(p\_id\) | raw.p \(id\) | a check |" in report


def test_what_cannot_be_written_leaves_no_manifest_that_calls_it_whole(world: World) -> None:
    world.write("create table raw.t as select 1 as n")
    sampled(world)
    (world.samples / "raw.t.parquet").unlink()
    (world.samples / "raw.t.parquet").mkdir()
    with pytest.raises(ReadOnlyError, match=r"cannot be written into .*: Is a directory"):
        sampled(world)
    with pytest.raises(PathNotFoundError, match="there is no sample"):
        sample_files.read(world.samples)


def test_files_of_an_earlier_sample_are_removed(world: World) -> None:
    world.write("create table raw.t as select 1 as n", "create table raw.u as select 1 as n")
    sampled(world)
    sampled(world, without=("raw.u",))
    assert sample_files.present(world.samples) == {"raw.t.parquet"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is no manifest of a sample of version 1"),
        ('{"schema_version": 2, "kind": "sample"}', "is no manifest of a sample of version 1"),
        ('{"schema_version": 1, "kind": "sample"}', "is not whole"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(SampleError, match=says):
        sample_files.read(tmp_path)


def test_a_manifest_cannot_lead_out_of_its_folder(world: World) -> None:
    world.write("create table raw.t as select 1 as n")
    sampled(world)
    path = world.samples / "manifest.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said["tables"][0]["file"] = "../shop.parquet"
    path.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(SampleError, match="leads out of the folder"):
        sample_files.read(world.samples)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(PathNotFoundError, match="there is no sample in"):
        sample_files.read(tmp_path)


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_the_secret_is_made_once_and_is_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    first = samples.secret(tmp_path, heard)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    path = tmp_path / ".tidegate" / "sample" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) == 64
    assert samples.secret(tmp_path, heard) == first
    assert len(heard.lines) == 1
    untracked = ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard"]
    assert subprocess.run(untracked, check=True, capture_output=True).stdout == b"", "git would not take it"
    monkeypatch.setenv("TIDEGATE_SAMPLE_SECRET", "said by the environment")
    assert samples.secret(tmp_path, heard) == "said by the environment"


# --- verify -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(world: World) -> World:
    world.checks = [refers("orders", "customer_id", "customers", "id")]
    return world.write(
        "create table raw.customers as select i as id, 'c' || i || '@shop.example' as email from range(40) t(i)",
        "create table raw.orders as select i as id, i % 40 as customer_id, 'plain' as what from range(90) t(i)",
    )


def rewrite(world: World, table: str, sql: str) -> None:
    file = world.samples / f"raw.{table}.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table changed as {sql.format(rows=f'read_parquet({str(file)!r})')}")
        connection.execute(f"copy changed to '{file}' (format parquet)")


def test_a_sample_that_is_whole(pair: World) -> None:
    told = pair.sample()
    found = pair.verify(told)
    assert (found.problems, found.unchecked, found.tables, found.rows, found.references) == ((), (), 2, 130, 1)
    assert pair.verify(told, version=None).unchecked == (
        "nothing is published here to look for its personal values; that was done when the files were made",
    )


def test_what_is_wrong_with_files_is_told(pair: World) -> None:
    told = pair.sample()
    rewrite(pair, "customers", "from {rows} where id < 30")
    found = pair.verify(told).problems
    assert "`raw.customers.parquet` is not the file that the manifest describes" in found[0]
    assert "`raw.customers.parquet` has 30 rows, and 40 in the manifest" in found
    assert "20 rows of raw.orders refer by customer_id to rows that raw.customers lacks" in found
    (pair.samples / "raw.customers.parquet").write_bytes(b"no Parquet")
    (pair.samples / "other.parquet").write_bytes(b"")
    found = pair.verify(told).problems
    assert "`other.parquet` is in the folder and not in the manifest" in found
    assert any(p.startswith("`raw.customers.parquet` cannot be read") for p in found)
    (pair.samples / "raw.customers.parquet").unlink()
    assert any("`raw.customers.parquet`" in p for p in pair.verify(told).problems)


def test_a_raw_value_is_found_where_the_source_is(pair: World) -> None:
    told = pair.sample()
    rewrite(
        pair,
        "orders",
        "select * replace (case when id = 3 then 'for C7@shop.example' else what end as what) from {rows}",
    )
    for version in (1, None):
        assert (
            "`raw.orders.what` is not masked, and its values hold e-mail addresses"
            in pair.verify(told, version=version).problems
        )
    assert "`raw.orders.what` holds 1 values of raw.customers.email" in pair.verify(told).problems
    rewrite(pair, "customers", "select id, 'c' || id || '@shop.example' as email from {rows}")
    assert "`raw.customers.email` holds 40 values of raw.customers.email" in pair.verify(told).problems


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_orphans_are_left_out_and_counted(pair: World) -> None:
    pair.write("insert into raw.orders values (500, 999, 'x'), (501, 998, 'x'), (502, null, 'x')")
    (_, orders) = pair.sample().tables
    assert (orders.rows, orders.source_rows, orders.without_partner) == (91, 93, 2)


def test_families_are_whole_and_rare_values_occur(world: World) -> None:
    world.checks = [refers("lines", "order_id", "orders", "id"), refers("orders", "customer", "customers", "id")]
    world.write(
        "create table raw.customers as select i as id, case when i = 4711 then 'rare' else 'usual' end as tier from range(9000) t(i)",
        "create table raw.orders as select i as id, i % 9000 as customer from range(27000) t(i)",
        "create table raw.lines as select i as id, i % 27000 as order_id, case i when 5 then 'odd' end as note_kind from range(54000) t(i)",
    )
    told = {t.table: t for t in world.sample(rows=300).tables}
    assert told["raw.lines"].rows in range(280, 340), "the largest table of the family has about what was wanted"
    customers = [row[0] for row in world.rows("customers", "select id")]
    assert 4711 in customers
    orders = {row[0] for row in world.rows("orders", "select id")}
    assert orders == {c + 9000 * k for c in customers for k in range(3)}
    lines = {row[0] for row in world.rows("lines", "select id")}
    assert lines == {o + 27000 * k for o in orders for k in range(2)}
    assert {row[0] for row in world.rows("lines", "select note_kind")} == {None, "odd"}
    assert told["raw.customers"].rare == 1


def test_what_would_get_too_large_is_refused(world: World) -> None:
    world.checks = [refers("chain", "before", "chain", "id")]
    world.write(
        "create table raw.chain as select i as id, case when i > 0 then i - 1 end as before from range(5000) t(i)"
    )
    with pytest.raises(SampleError, match=r"refer to each other in a chain|would need"):
        world.sample(rows=10)


def test_the_seed_chooses_other_rows(pair: World) -> None:
    pair.write("create table raw.many as select i as n from range(5000) t(i)")
    sets = []
    for seed in (1, 2):
        pair.sample(rows=50, seed=seed)
        sets.append({row[0] for row in pair.rows("many", "select n")})
    assert [len(s) for s in sets] == [50, 50]
    assert sets[0] != sets[1]


def test_tables_that_are_named(pair: World) -> None:
    assert [t.table for t in pair.sample(tables=("RAW.customers",)).tables] == ["raw.customers"]
    with pytest.raises(UsageError, match=r"there is no table `raw\.custmers`"):
        pair.sample(without=("raw.custmers",))


def test_a_view_is_sampled_when_it_is_named(pair: World) -> None:
    pair.write("create view raw.v as select id, what from raw.orders")
    assert "raw.v" not in {t.table for t in pair.sample().tables}
    (view,) = pair.sample(tables=("raw.v",), rows=20).tables
    assert view.rows == 20
