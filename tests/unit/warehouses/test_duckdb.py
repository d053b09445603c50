"""The DuckDB adapter: what is particular to its files, its driver and its folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pytest

from tests.conformance.warehouse.children import child
from tests.unit.warehouses.test_content import leave_a_log
from tidegate.errors import DatabaseNotFoundError, DiskFullError, QueryError, WarehouseError
from tidegate.warehouses import duckdb as adapter
from tidegate.warehouses import duckdb_types
from tidegate.warehouses.duckdb import DuckDBWarehouse

STATUS = """
import sys
from pathlib import Path
from tidegate.warehouses.duckdb import DuckDBWarehouse
warehouse = DuckDBWarehouse(Path(sys.argv[1]), database="shop.duckdb")
assert warehouse.published() == 1
assert warehouse.kept() == (1,)
assert warehouse.metadata(1) == {}
warehouse.capabilities, warehouse.public_path(), warehouse.size_bytes(1)
with warehouse.lock(owner="status", wait_s=0), warehouse.guard([]):
    warehouse.begin(number=2, parent=1)
    warehouse.seal(2)
    warehouse.publish(2)
print(*sorted(sys.modules))
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    """Version 1, with one row of 1 in main.t, is published."""
    warehouse = DuckDBWarehouse(tmp_path / "warehouse", database="shop.duckdb")
    warehouse.begin(number=1, parent=None)
    build(warehouse, 1, "CREATE TABLE t AS SELECT 1 AS v")
    warehouse.publish(1)
    return warehouse


def build(warehouse: DuckDBWarehouse, number: int, *statements: str) -> Path:
    database = warehouse.public_path().parents[1] / "versions" / f"{number:06d}" / "shop.duckdb"
    if number not in warehouse.kept():
        warehouse.begin(number=number, parent=number - 1)
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement)
    warehouse.seal(number)
    return database


def rows(warehouse: DuckDBWarehouse, number: int, sql: str) -> Sequence[tuple[object, ...]]:
    with warehouse.reader(number) as reader:
        return reader.query(sql).rows


def test_the_driver_is_not_loaded_for_what_needs_no_database(warehouse: DuckDBWarehouse):
    root = warehouse.public_path().parents[1]
    asked = subprocess.run([sys.executable, "-c", STATUS, str(root)], check=True, capture_output=True, text=True)
    heavy = {"duckdb", "_duckdb", "numpy", "sqlglot", "pandas", "pydantic"} & set(asked.stdout.split())
    assert heavy == set()


@pytest.mark.parametrize("name", ["", "memory.duckdb", "MEMORY", "a/b.duckdb", "/a.duckdb", "..", ".duckdb"])
def test_a_name_that_duckdb_cannot_attach_is_refused(tmp_path: Path, name: str):
    with pytest.raises(WarehouseError, match="cannot be the name"):
        DuckDBWarehouse(tmp_path, database=name)


@pytest.mark.parametrize("name", ["shop.prod.duckdb", "temp.duckdb", "main", "größe \"x\" 'y'.db", "select.duckdb"])
def test_any_other_name_is_read_and_its_views_find_their_own_database(tmp_path: Path, name: str):
    root = tmp_path / 'it\'s a "folder" ✓'
    warehouse = DuckDBWarehouse(root, database=name)
    candidate = warehouse.begin(number=1, parent=None)
    with duckdb.connect(str(candidate.stable_database)) as connection:
        ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
        quoted = '"' + catalog.replace('"', '""') + '"'
        connection.execute("CREATE TABLE t AS SELECT 1 AS v")
        connection.execute(f"CREATE VIEW w AS SELECT * FROM {quoted}.main.t")
    warehouse.seal(1)
    warehouse.publish(1)
    assert rows(warehouse, 1, "SELECT * FROM w") == ((1,),)
    with warehouse.compare(1, 1) as both:
        assert both.query("SELECT v FROM old.main.t").rows == ((1,),)


def test_a_relative_folder_is_the_one_of_the_time_of_its_naming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    warehouse = DuckDBWarehouse(Path("warehouse"), database="shop.duckdb")
    monkeypatch.chdir("/")
    assert warehouse.begin(number=1, parent=None).folder == tmp_path / "warehouse" / "versions" / "000001"


def test_one_process_that_opens_the_live_file_again_sees_the_new_version(warehouse: DuckDBWarehouse):
    """DuckDB shares instances by path within a process; it follows the link first, so the new file is another one."""
    live = str(warehouse.public_path())
    with duckdb.connect(live, read_only=True) as old:
        assert old.execute("SELECT v FROM t").fetchall() == [(1,)]
        build(warehouse, 2, "UPDATE t SET v = 2")
        warehouse.publish(2)
        with duckdb.connect(live, read_only=True) as new:
            assert new.execute("SELECT v FROM t").fetchall() == [(2,)]
            assert old.execute("SELECT v FROM t").fetchall() == [(1,)]
        warehouse.publish(1)
        with duckdb.connect(live, read_only=True) as back:
            assert back.execute("SELECT v FROM t").fetchall() == [(1,)]


def test_a_reader_does_not_mind_what_else_this_process_has_open(warehouse: DuckDBWarehouse):
    with duckdb.connect(str(warehouse.public_path()), read_only=True, config={"threads": "1"}) as other:
        assert rows(warehouse, 1, "SELECT v FROM t") == ((1,),)
        assert other.execute("SELECT v FROM t").fetchall() == [(1,)]


def test_a_session_is_in_utc_offline_and_spills_beside_the_versions(warehouse: DuckDBWarehouse):
    settings = ("TimeZone", "autoinstall_known_extensions", "autoload_known_extensions", "temp_directory")
    with warehouse.reader(1) as reader:
        (row,) = reader.query("SELECT " + ", ".join(f"current_setting('{s}')" for s in settings)).rows
    assert row[:3] == ("UTC", False, False)
    assert Path(str(row[3])).parent == warehouse.public_path().parents[1]
    with warehouse.reader(1) as reader, pytest.raises(QueryError, match="httpfs"):
        reader.query("SELECT * FROM read_csv('https://example.com/x.csv')")


def test_what_does_not_fit_into_memory_is_spilled_and_removed(warehouse: DuckDBWarehouse):
    root = warehouse.public_path().parents[1]
    before = sorted(root.iterdir())
    ordered = "SELECT a FROM (SELECT range AS a, hash(range)::VARCHAR AS b FROM range(1500000) ORDER BY b) LIMIT 1 OFFSET 700000"
    with warehouse.reader(1) as reader:
        reader._connection.execute("SET memory_limit = '40MB'")
        assert len(reader.query(ordered).rows) == 1
        assert [p.name[:7] for p in set(root.iterdir()) - set(before)] == [".spill-"]
    assert sorted(root.iterdir()) == before


@pytest.mark.parametrize("storage", ["v1.0.0", "latest"])
def test_sealing_moves_a_log_into_the_file_and_keeps_its_storage_version(
    warehouse: DuckDBWarehouse, tmp_path: Path, storage: str
):
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path / 'old.duckdb'}' AS old (STORAGE_VERSION '{storage}')")
        connection.execute("CREATE TABLE old.t AS SELECT 1 AS v")
        connection.execute("DETACH old")
    candidate = warehouse.adopt(tmp_path / "old.duckdb", number=2, link_back=False)
    header = candidate.database.read_bytes()[12:20]
    leave_a_log(candidate.database, "INSERT INTO t VALUES (2)", "CREATE TABLE late AS SELECT 3 AS w")
    unsealed = warehouse.fingerprint(2)
    sealed = warehouse.seal(2)
    assert sealed != unsealed
    assert [p.name for p in sorted(candidate.folder.iterdir())] == ["shop.duckdb", "state"]
    assert candidate.database.read_bytes()[12:20] == header
    assert rows(warehouse, 2, "SELECT sum(v) + max(w) FROM t, late") == ((1 + 2 + 3,),)
    assert warehouse.begin(number=3, parent=2).copied_bytes == candidate.database.stat().st_size


def keep_open_for_writing(connection: Connection, database: Path) -> None:
    with duckdb.connect(str(database)):
        connection.send("open")
        connection.recv()


@pytest.mark.parametrize("with_log", [True, False])
def test_a_candidate_that_is_still_open_for_writing_is_not_sealed(warehouse: DuckDBWarehouse, with_log: bool):
    candidate = warehouse.begin(number=2, parent=1)
    if with_log:
        leave_a_log(candidate.database, "INSERT INTO t VALUES (2)")
    with child(keep_open_for_writing, candidate.database) as (process, connection):
        assert connection.recv() == "open"
        who = f"process {process.pid} .*open for writing" if sys.platform == "linux" else "open for writing"
        with pytest.raises(WarehouseError, match=who):
            warehouse.seal(2)
        with pytest.raises(WarehouseError, match=who), warehouse.reader(2):
            pass
    warehouse.seal(2)


def test_within_a_run_bytes_changed_behind_duckdbs_back_are_noticed(warehouse: DuckDBWarehouse):
    candidate = warehouse.begin(number=2, parent=1)
    sealed = warehouse.seal(2)
    with candidate.database.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"changed")
    assert warehouse.fingerprint(2) != sealed
    other = DuckDBWarehouse(warehouse.public_path().parents[1], database="shop.duckdb")
    assert other.fingerprint(2) == sealed, (
        "only the process that sealed it knows better; the block's checksum tells DuckDB"
    )
    assert warehouse.seal(2) == sealed
    assert warehouse.fingerprint(2) == sealed


def test_a_file_that_was_replaced_by_its_like_is_noticed(warehouse: DuckDBWarehouse):
    candidate = warehouse.begin(number=2, parent=1)
    sealed = warehouse.seal(2)
    twin = candidate.folder / "twin"
    twin.write_bytes(candidate.database.read_bytes())
    twin.replace(candidate.database)
    assert warehouse.fingerprint(2) != sealed


def test_what_publishing_does_to_the_file_does_not_count_as_touching(warehouse: DuckDBWarehouse):
    warehouse.begin(number=2, parent=1)
    sealed = warehouse.seal(2)
    warehouse.publish(2)
    assert warehouse.fingerprint(2) == sealed
    assert warehouse.begin(number=3, parent=2).number == 3
    assert warehouse.seal(3) == sealed, "a copy holds the same"


def test_the_fingerprint_of_an_earlier_release_is_of_the_database_only(warehouse: DuckDBWarehouse):
    """What was published before the state counted can still be put back."""
    candidate = warehouse.begin(number=2, parent=1)
    sealed = warehouse.seal(2)
    earlier = sealed.partition("-")[0]
    (candidate.state / "cursor").touch()
    assert warehouse.altered(2, sealed) == ("the state that travels with it",)
    assert warehouse.altered(2, earlier) == ()
    with duckdb.connect(str(candidate.database)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert warehouse.altered(2, earlier) == ("its database",)


def test_a_discarded_number_is_forgotten(warehouse: DuckDBWarehouse):
    warehouse.begin(number=2, parent=1)
    sealed = warehouse.seal(2)
    warehouse.discard(2)
    warehouse.begin(number=2, parent=1)
    assert warehouse.fingerprint(2) == sealed


def test_a_missing_or_damaged_database_is_told(warehouse: DuckDBWarehouse):
    database = build(warehouse, 2)
    whole = database.read_bytes()
    for damaged, what in ((whole[:5000], "Could not read"), (whole[:4100] + b"\xff" + whole[4101:], "Corrupt")):
        database.write_bytes(damaged)
        with pytest.raises(WarehouseError, match=what) as caught, warehouse.reader(2):
            pass
        assert "tidegate rollback" in caught.value.hint
    database.unlink()
    with pytest.raises(DatabaseNotFoundError), warehouse.reader(2):
        pass


@pytest.mark.parametrize(
    ("message", "expected", "hint"),
    [
        ("IO Error: Could not write file: No space left on device", DiskFullError, "free space"),
        (
            "IO Error: the file was created with an newer version of DuckDB.\n\nThe advice",
            WarehouseError,
            "newer duckdb",
        ),
        ("IO Error: something else", WarehouseError, "tidegate rollback"),
    ],
)
def test_what_the_driver_says_is_translated(message: str, expected: type[Exception], hint: str):
    error = adapter._translated(duckdb.IOException(message), Path("/x/shop.duckdb"))
    assert isinstance(error, expected)
    assert "`/x/shop.duckdb`" in str(error)
    assert "The advice" not in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("TIMESTAMP 'infinity'", datetime.max.replace(tzinfo=UTC)),
        ("TIMESTAMP '-infinity'", datetime.min.replace(tzinfo=UTC)),
        ("TIMESTAMPTZ 'infinity'", datetime.max.replace(tzinfo=UTC)),
        ("DATE 'infinity'", date.max),
        ("TIMESTAMP '20000-01-01'", "20000-01-01 00:00:00"),
        ("TIMESTAMPTZ '20000-01-01 00:00:00+00'", "20000-01-01 00:00:00"),
        ("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
        ("TIME '24:00:00'", "24:00:00"),
        ("TIMESTAMP_NS '2026-01-01 00:00:00.123456789'", datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("[TIMESTAMPTZ '2026-01-01 02:00:00+02']", "['2026-01-01 00:00:00+00']"),
        ("{'a': TIMESTAMPTZ 'infinity'}", "{'a': infinity}"),
    ],
)
def test_times_that_python_cannot_hold_do_not_end_a_scan(warehouse: DuckDBWarehouse, literal: str, expected: object):
    assert rows(warehouse, 1, f"SELECT 1 AS same, {literal} AS same ORDER BY 1; -- why") == ((1, expected),)


def test_a_value_that_python_cannot_hold_at_all_is_a_failed_query(warehouse: DuckDBWarehouse):
    with warehouse.reader(1) as reader:
        with pytest.raises(QueryError, match="too large"):
            reader.query("SELECT INTERVAL '178956970 years'")
        assert reader.query("SELECT 1").rows == ((1,),)


def test_times_with_a_zone_are_read_without_pytz(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pytz", None)
    zoned = "SELECT range AS n, TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (range) HOUR AS z FROM range(3) ORDER BY n DESC"
    with warehouse.reader(1) as reader:
        answer = reader.query(zoned)
    assert answer.columns == ("n", "z")
    assert answer.rows == tuple((hour, datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (2, 1, 0))


def test_an_error_has_the_engines_first_lines(warehouse: DuckDBWarehouse):
    with warehouse.reader(1) as reader, pytest.raises(QueryError) as caught:
        reader.query("SELECT nothing\nFROM t")
    assert "nothing" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "LINE 1" not in str(caught.value)


def test_what_is_described_in_the_catalogue(warehouse: DuckDBWarehouse):
    build(
        warehouse,
        2,
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        "CREATE TABLE every AS SELECT 'good'::mood AS m, 1::DECIMAL(9, 2) AS d, uuid() AS u, [1] AS l,"
        " {'x': 1} AS s, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS z, TIME '12:00:00' AS t, '[1]'::JSON AS j, 1::HUGEINT AS h",
        "CREATE MACRO twice(x) AS x * 2",
        "CREATE SEQUENCE numbers",
        "CREATE TEMPORARY TABLE gone AS SELECT 1 AS x",
        "CREATE TABLE keyed (id INTEGER PRIMARY KEY)",
    )
    with warehouse.reader(2) as reader:
        catalogue = {d.ref.name: d for d in reader.catalog()}
    assert sorted(catalogue) == ["every", "keyed", "t"]
    families = {c.name: c.family.value for c in catalogue["every"].columns}
    assert families == {
        "m": "text",
        "d": "number",
        "u": "text",
        "l": "other",
        "s": "other",
        "z": "time",
        "t": "other",
        "j": "other",
        "h": "number",
    }
    assert next(c.type for c in catalogue["every"].columns if c.name == "d") == "DECIMAL(9,2)"


def test_a_view_of_one_version_is_compared_with_the_other(warehouse: DuckDBWarehouse):
    build(warehouse, 2, "CREATE VIEW w AS SELECT v * 10 AS tens FROM main.t")
    build(warehouse, 3, "UPDATE t SET v = 7")
    with warehouse.compare(2, 3) as both:
        assert both.query("SELECT o.tens, n.tens FROM old.main.w AS o, new.main.w AS n").rows == ((10, 70),)
        assert both.query("SELECT tens FROM w").rows == ((70,),)


def test_the_limits_are_said(warehouse: DuckDBWarehouse):
    capabilities = warehouse.capabilities
    assert (capabilities.dialect, capabilities.atomic_publish) == ("duckdb", "set")
    assert set(capabilities.limits) == {"compare views", "infinite times"}
    assert duckdb_types.ZONED in duckdb_types.STAMPS
