"""Linking an adopted database back: atomic, repeatable, and the original stays beside the link."""

from __future__ import annotations

import errno
import os
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pytest

from tests.conformance.warehouse.children import KILLED, child, crash
from tidegate.errors import WarehouseError
from tidegate.warehouses import adoption
from tidegate.warehouses.duckdb import DuckDBWarehouse


@pytest.fixture
def original(tmp_path: Path) -> Path:
    database = tmp_path / "project" / "shop.duckdb"
    database.parent.mkdir()
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS v")
    return database


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "project" / "ware house", database="shop.duckdb")


@pytest.fixture
def adopted(warehouse: DuckDBWarehouse, original: Path) -> DuckDBWarehouse:
    """Version 1 has the copy, is sealed and not live yet."""
    warehouse.adopt(original, number=1, link_back=True)
    warehouse.seal(1)
    return warehouse


def values(database: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute("SELECT v FROM t").fetchall()


def kept_names(original: Path) -> list[str]:
    return sorted(p.name for p in original.parent.iterdir() if p.is_file() or p.is_symlink())


def test_the_original_is_replaced_once_the_version_is_live(adopted: DuckDBWarehouse, original: Path):
    before = original.read_bytes()
    assert not original.is_symlink()
    adopted.publish(1)
    kept = original.with_name("shop.duckdb.before-tidegate")
    assert original.readlink() == Path("ware house/live/shop.duckdb")
    assert kept.read_bytes() == before
    assert not kept.is_symlink()
    assert kept_names(original) == ["shop.duckdb", "shop.duckdb.before-tidegate"]
    assert values(original) == [(1,)]


def test_the_link_follows_later_publications(adopted: DuckDBWarehouse, original: Path):
    adopted.publish(1)
    candidate = adopted.begin(number=2, parent=1)
    with duckdb.connect(str(candidate.database)) as connection:
        connection.execute("UPDATE t SET v = 2")
    adopted.seal(2)
    adopted.publish(2)
    assert values(original) == [(2,)]
    adopted.publish(1)
    assert values(original) == [(1,)]
    assert kept_names(original) == ["shop.duckdb", "shop.duckdb.before-tidegate"]


def test_an_original_that_the_user_put_back_is_not_replaced_again(adopted: DuckDBWarehouse, original: Path):
    adopted.publish(1)
    original.unlink()
    original.write_bytes(b"the user's own again")
    adopted.publish(1)
    assert original.read_bytes() == b"the user's own again"


def test_an_original_that_was_written_since_is_not_replaced_and_nothing_is_published(
    adopted: DuckDBWarehouse, original: Path
):
    with duckdb.connect(str(original)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(WarehouseError, match="no longer what it was") as caught:
        adopted.publish(1)
    assert "adopt it again" in caught.value.hint
    assert adopted.published() is None
    assert values(original) == [(1,), (2,)]
    assert kept_names(original) == ["shop.duckdb"]


def test_an_original_that_is_gone_is_told(adopted: DuckDBWarehouse, original: Path):
    original.unlink()
    with pytest.raises(WarehouseError, match="no longer what it was"):
        adopted.publish(1)
    assert adopted.published() is None


def keep_open(connection: Connection, database: Path) -> None:
    with duckdb.connect(str(database)):
        connection.send("open")
        connection.recv()


def test_an_original_that_is_open_is_neither_adopted_nor_replaced(adopted: DuckDBWarehouse, original: Path):
    with child(keep_open, original) as (_, connection):
        assert connection.recv() == "open"
        with pytest.raises(WarehouseError, match="open for writing"):
            adopted.adopt(original, number=2, link_back=False)
        with pytest.raises(WarehouseError, match="open for writing"):
            adopted.publish(1)
    assert adopted.published() is None
    assert adopted.kept() == (1,)
    adopted.publish(1)
    assert original.is_symlink()


def test_an_original_with_a_log_is_not_adopted(warehouse: DuckDBWarehouse, original: Path):
    original.with_name("shop.duckdb.wal").write_bytes(b"commits")
    with pytest.raises(WarehouseError, match="would lose"):
        warehouse.adopt(original, number=1, link_back=False)
    assert warehouse.kept() == ()


def test_what_is_no_database_is_not_adopted(warehouse: DuckDBWarehouse, tmp_path: Path):
    text = tmp_path / "notes.txt"
    text.write_text("notes", encoding="utf-8")
    with pytest.raises(WarehouseError, match="not a DuckDB database"):
        warehouse.adopt(text, number=1, link_back=False)


def test_an_original_that_is_a_link_itself_is_kept_as_one(warehouse: DuckDBWarehouse, original: Path, tmp_path: Path):
    link = tmp_path / "shop.duckdb"
    link.symlink_to("project/shop.duckdb")
    warehouse.adopt(link, number=1, link_back=True)
    warehouse.seal(1)
    warehouse.publish(1)
    assert link.readlink() == Path("project/ware house/live/shop.duckdb")
    assert link.with_name("shop.duckdb.before-tidegate").readlink() == Path("project/shop.duckdb")
    assert not original.is_symlink()
    assert values(link) == [(1,)]


def test_the_database_gets_the_warehouses_name_whatever_it_was_called(warehouse: DuckDBWarehouse, original: Path):
    renamed = original.rename(original.with_name("Old Näme.db"))
    warehouse.adopt(renamed, number=1, link_back=True)
    warehouse.seal(1)
    warehouse.publish(1)
    assert renamed.readlink() == Path("ware house/live/shop.duckdb")
    assert values(warehouse.public_path()) == [(1,)]


def test_an_earlier_original_is_never_overwritten(adopted: DuckDBWarehouse, original: Path):
    for suffix in ("", "-2"):
        original.with_name(f"shop.duckdb.before-tidegate{suffix}").write_bytes(b"an earlier one")
    before = original.read_bytes()
    adopted.publish(1)
    assert original.with_name("shop.duckdb.before-tidegate").read_bytes() == b"an earlier one"
    assert original.with_name("shop.duckdb.before-tidegate-3").read_bytes() == before


def test_without_hard_links_the_original_is_copied(
    adopted: DuckDBWarehouse, original: Path, monkeypatch: pytest.MonkeyPatch
):
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    before = original.read_bytes()
    monkeypatch.setattr(adoption.os, "link", link)
    adopted.publish(1)
    assert original.is_symlink()
    assert original.with_name("shop.duckdb.before-tidegate").read_bytes() == before


def publish(folder: Path) -> None:
    DuckDBWarehouse(folder, database="shop.duckdb").publish(1)


@pytest.mark.slow
def test_killed_at_any_instant_the_original_can_be_read_and_nothing_is_lost(original: Path, tmp_path: Path):
    before = original.read_bytes()
    for point in range(1000):
        folder = tmp_path / "project" / f"warehouse {point}"
        warehouse = DuckDBWarehouse(folder, database="shop.duckdb")
        warehouse.adopt(original, number=1, link_back=True)
        warehouse.seal(1)
        with child(crash, point, publish, folder) as (process, _):
            process.join()
        assert values(original) == [(1,)], "the name leads to the data at every instant"
        warehouse.publish(1)
        assert original.is_symlink()
        assert values(original) == [(1,)]
        (kept,) = original.parent.glob("shop.duckdb.before-tidegate*")
        assert kept.read_bytes() == before
        os.replace(kept, original)  # noqa: PTH105 the kept original goes back under its name for the next round
        if process.exitcode == 0:
            break
        assert process.exitcode == KILLED
    assert 10 < point < 999
