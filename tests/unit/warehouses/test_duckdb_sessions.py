"""Sessions use an instance of DuckDB again only where nobody can tell it from a new one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tidegate.errors import QueryError
from tidegate.warehouses import duckdb_sessions
from tidegate.warehouses.duckdb import DuckDBWarehouse, open_file, open_rows
from tidegate.warehouses.duckdb_sessions import KEPT_AT_MOST, session, spoil

SETTINGS = "SELECT name, value FROM duckdb_settings() WHERE name <> 'temp_directory' ORDER BY name"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """Every instance that was made, in a process that has kept none so far."""
    found: list[duckdb.DuckDBPyConnection] = []
    connect = duckdb.connect

    def noted(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        found.append(connect(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(duckdb_sessions, "_idle", {})
    monkeypatch.setattr(duckdb, "connect", noted)
    yield found
    for one in found:
        one.close()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("create schema raw; create table raw.orders as select i as id from range(10) t(i)")
    return path


def settings_of(folder: Path) -> list[tuple[Any, ...]]:
    with session(folder / "spill") as connection:
        assert connection.execute("SELECT current_setting('temp_directory')").fetchall() == [(str(folder / "spill"),)]
        assert connection.execute("SELECT current_catalog(), current_schema()").fetchall() == [("memory", "main")]
        assert connection.execute(duckdb_sessions.ATTACHED).fetchall() == []
        return connection.execute(SETTINGS).fetchall()


def test_the_next_session_is_like_a_new_one_and_made_of_the_same(
    tmp_path: Path, shop: Path, made: list[duckdb.DuckDBPyConnection]
) -> None:
    new = settings_of(tmp_path / "a")
    with open_file(shop, tmp_path / "b") as reader:
        assert reader.query("select count(*) from raw.orders").rows == ((10,),)
    with session(tmp_path / "c") as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'; CREATE TEMP TABLE t AS SELECT 1")
        connection.execute('ATTACH \':memory:\' AS "a side"; USE "a side"; CREATE TABLE t AS SELECT 2')
    assert settings_of(tmp_path / "d") == new
    assert len(made) == 1


def test_a_file_is_let_go_of(tmp_path: Path, shop: Path, made: list[duckdb.DuckDBPyConnection]) -> None:
    with open_file(shop, tmp_path / "spill") as reader:
        reader.query("select * from raw.orders")
    assert len(made) == 1
    with duckdb.connect(str(shop)) as writer:  # it would refuse a file that is attached to read only in this process
        writer.execute("insert into raw.orders values (10)")
    with open_file(shop, tmp_path / "spill") as reader:
        assert reader.query("select count(*) from raw.orders").rows == ((11,),), "and nothing of it is remembered"


def test_another_file_of_the_same_name_is_another(
    tmp_path: Path, shop: Path, made: list[duckdb.DuckDBPyConnection]
) -> None:
    with open_file(shop, tmp_path / "spill") as reader:
        reader.query("select * from raw.orders")
    shop.unlink()
    with duckdb.connect(str(shop)) as database:
        database.execute("create schema raw; create table raw.orders as select 'x' as name")
    with open_file(shop, tmp_path / "spill") as reader:
        assert [c.name for c in reader.catalog()[0].columns] == ["name"]
        assert reader.query("select * from raw.orders").rows == (("x",),)


def pragma(folder: Path, shop: Path) -> None:
    with open_file(shop, folder / "spill") as reader:
        reader.query("PRAGMA disable_verify_parallelism")


def rows_of_a_file(folder: Path, shop: Path) -> None:
    (folder / "rows.csv").write_text("id\n1\n", encoding="utf-8")
    with open_rows("read_csv", str(folder / "rows.csv"), "rows", folder / "spill") as reader:
        reader.query("select * from rows")


def an_error(folder: Path, shop: Path) -> None:
    with pytest.raises(QueryError), open_file(shop, folder / "spill") as reader:
        reader.query("select no_such_column from raw.orders")


def spilled(folder: Path, shop: Path) -> None:
    with session(folder / "spill") as connection:
        connection.execute("SET memory_limit = '40MB'")
        connection.execute("CREATE TEMP TABLE t AS SELECT hash(i) AS h, hash(i + 1) AS g FROM range(3000000) t(i)")
        assert (folder / "spill").exists()


def many_rows(folder: Path, shop: Path) -> None:
    with duckdb.connect(str(shop)) as database:
        database.execute("create table raw.many as from range(300000)")
    with open_file(shop, folder / "spill") as reader:
        reader.query("select count(*) from raw.many")


def left_behind(folder: Path, shop: Path) -> None:
    with session(folder / "spill") as connection:
        connection.execute("CREATE TABLE memory.main.left_behind AS SELECT 1")
        spoil(connection)


@pytest.mark.parametrize("spoils", [pragma, rows_of_a_file, an_error, spilled, many_rows, left_behind])
def test_what_is_not_as_it_was_made_is_not_used_again(
    tmp_path: Path, shop: Path, made: list[duckdb.DuckDBPyConnection], spoils: Callable[[Path, Path], None]
) -> None:
    spoils(tmp_path, shop)
    before = len(made)
    new = settings_of(tmp_path / "next")
    assert len(made) == before + 1
    assert dict(new)["threads"] == "1"
    assert not (tmp_path / "spill").exists(), "what was spilled goes with the instance"


def test_sessions_at_once_have_an_instance_each_and_few_are_kept(
    tmp_path: Path, shop: Path, made: list[duckdb.DuckDBPyConnection]
) -> None:
    def open_at_once(count: int) -> None:
        with ExitStack() as stack:
            opened = [stack.enter_context(session(tmp_path / f"{n}")) for n in range(count)]
            for n, connection in enumerate(opened):
                connection.execute(f"ATTACH ':memory:' AS own{n}")
                assert connection.execute(duckdb_sessions.ATTACHED).fetchall() == [(f"own{n}",)]

    open_at_once(KEPT_AT_MOST + 2)
    assert len(made) == KEPT_AT_MOST + 2
    open_at_once(KEPT_AT_MOST)
    assert len(made) == KEPT_AT_MOST + 2
    open_at_once(KEPT_AT_MOST + 1)
    assert len(made) == KEPT_AT_MOST + 3


def test_threads_do_not_get_in_each_others_way(tmp_path: Path, shop: Path) -> None:
    wrong: list[object] = []

    def read(name: str) -> None:
        for n in range(20):
            with open_file(shop, tmp_path / f"{name}{n}") as reader:
                rows = reader.query("select sum(id) from raw.orders").rows
                wrong.extend(rows if rows != ((45,),) else ())

    threads = [threading.Thread(target=read, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_fork_makes_its_own(tmp_path: Path, shop: Path, made: list[duckdb.DuckDBPyConnection]) -> None:
    with open_file(shop, tmp_path / "spill") as reader:
        reader.query("select * from raw.orders")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with open_file(shop, tmp_path / "spill") as reader:
                rows = reader.query("select count(*) from raw.orders").rows
            status = 0 if (rows, len(made)) == (((10,),), 2) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with open_file(shop, tmp_path / "spill"):
        assert len(made) == 1, "the parent still has what it kept"


def test_a_warehouse_opens_a_version_again_and_again_with_one_instance(
    tmp_path: Path, made: list[duckdb.DuckDBPyConnection]
) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "warehouse", database="shop.duckdb")
    with warehouse.lock(owner="a test", wait_s=0):
        candidate = warehouse.begin(number=1, parent=None)
        with duckdb.connect(str(candidate.database)) as database:
            database.execute("create table orders as from range(3)")
        before = len(made)
        warehouse.seal(1)
        warehouse.publish(1)
        for _ in range(5):
            with warehouse.reader(1) as reader:
                assert reader.query("select count(*) from orders").rows == ((3,),)
        with warehouse.compare(1, 1) as reader:
            assert reader.query("select count(*) from old.main.orders").rows == ((3,),)
    assert len(made) == before + 1
