"""Linking an adopted database back: atomic, repeatable, and the original stays beside the link."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pytest

from tests.conformance.warehouse.children import KILLED, child, crash
from tidegate.errors import DatabaseNotFoundError, WarehouseError
from tidegate.warehouses import adoption, storage
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


def publish_and_link(warehouse: DuckDBWarehouse, number: int = 1) -> bool:
    """What an adoption does once the version is sealed."""
    warehouse.publish(number)
    return warehouse.link_back(number)


def kept_names(original: Path) -> list[str]:
    return sorted(p.name for p in original.parent.iterdir() if p.is_file() or p.is_symlink())


def test_the_original_is_replaced_once_the_version_is_live(adopted: DuckDBWarehouse, original: Path):
    before = original.read_bytes()
    adopted.publish(1)
    assert not original.is_symlink()
    assert adopted.unlinked(1) == original
    assert adopted.link_back(1)
    assert adopted.unlinked(1) is None
    kept = original.with_name("shop.duckdb.before-tidegate")
    assert original.readlink() == Path("ware house/live/shop.duckdb")
    assert kept.read_bytes() == before
    assert not kept.is_symlink()
    assert kept_names(original) == ["shop.duckdb", "shop.duckdb.before-tidegate"]
    assert values(original) == [(1,)]


def test_the_link_follows_later_publications(adopted: DuckDBWarehouse, original: Path):
    publish_and_link(adopted)
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
    publish_and_link(adopted)
    original.unlink()
    original.write_bytes(b"the user's own again")
    assert publish_and_link(adopted)
    assert original.read_bytes() == b"the user's own again"


def write(original: Path) -> None:
    with duckdb.connect(str(original)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize(
    "damage",
    [write, Path.unlink, lambda p: p.write_bytes(b"x"), lambda p: os.utime(p, (1, 1))],
    ids=["written", "gone", "no database", "touched"],
)
def test_an_original_that_is_not_what_was_copied_is_left_alone(
    adopted: DuckDBWarehouse, original: Path, damage: Callable[[Path], object]
):
    damage(original)
    found = original.read_bytes() if original.exists() else None
    assert not publish_and_link(adopted)
    assert adopted.published() == 1
    assert values(adopted.public_path()) == [(1,)]
    assert (original.read_bytes() if original.exists() else None) == found
    assert kept_names(original) == (["shop.duckdb"] if found is not None else [])
    assert adopted.unlinked(1) == original, "it is still to be done"
    adopted.let_original_be(1)
    assert adopted.unlinked(1) is None
    assert adopted.link_back(1)
    assert not original.is_symlink()


def test_an_original_with_a_log_is_left_alone(adopted: DuckDBWarehouse, original: Path):
    original.with_name("shop.duckdb.wal").write_bytes(b"commits")
    assert not publish_and_link(adopted)
    assert not original.is_symlink()


def test_an_original_that_is_written_while_it_is_copied_is_left_alone(
    warehouse: DuckDBWarehouse, original: Path, monkeypatch: pytest.MonkeyPatch
):
    """Right after the copy, before anything is noted of it."""
    copy_file = storage.copy_file

    def copied(source: Path, target: Path) -> str:
        method = copy_file(source, target)
        os.utime(source, ns=(1, 1))
        return method

    monkeypatch.setattr(storage, "copy_file", copied)
    warehouse.adopt(original, number=1, link_back=True)
    warehouse.seal(1)
    assert not publish_and_link(warehouse)


def test_what_is_adopted_anew_settles_what_was_noted_before(adopted: DuckDBWarehouse, original: Path):
    adopted.publish(1)
    write(original)
    adopted.adopt(original, number=2, link_back=True)
    adopted.seal(2)
    assert publish_and_link(adopted, 2)
    assert values(original) == [(1,), (2,)]
    assert [adopted.unlinked(number) for number in (1, 2)] == [None, None]


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
            publish_and_link(adopted)
    assert not original.is_symlink()
    assert adopted.kept() == (1,)
    assert publish_and_link(adopted)
    assert original.is_symlink()


def test_an_original_with_a_log_is_not_adopted(warehouse: DuckDBWarehouse, original: Path):
    original.with_name("shop.duckdb.wal").write_bytes(b"commits")
    with pytest.raises(WarehouseError, match="would lose"):
        warehouse.adopt(original, number=1, link_back=False)
    assert warehouse.kept() == ()


def test_what_is_no_database_is_not_adopted(warehouse: DuckDBWarehouse, tmp_path: Path):
    text = tmp_path / "notes.txt"
    text.write_text("notes", encoding="utf-8")
    with pytest.raises(DatabaseNotFoundError, match="not a DuckDB database"):
        warehouse.adopt(text, number=1, link_back=False)


def test_an_original_that_is_a_link_itself_is_kept_as_one(warehouse: DuckDBWarehouse, original: Path, tmp_path: Path):
    link = tmp_path / "shop.duckdb"
    link.symlink_to("project/shop.duckdb")
    warehouse.adopt(link, number=1, link_back=True)
    warehouse.seal(1)
    publish_and_link(warehouse)
    assert link.readlink() == Path("project/ware house/live/shop.duckdb")
    assert link.with_name("shop.duckdb.before-tidegate").readlink() == Path("project/shop.duckdb")
    assert not original.is_symlink()
    assert values(link) == [(1,)]


def test_the_database_gets_the_warehouses_name_whatever_it_was_called(warehouse: DuckDBWarehouse, original: Path):
    renamed = original.rename(original.with_name("Old Näme.db"))
    warehouse.adopt(renamed, number=1, link_back=True)
    warehouse.seal(1)
    publish_and_link(warehouse)
    assert renamed.readlink() == Path("ware house/live/shop.duckdb")
    assert values(warehouse.public_path()) == [(1,)]


def test_an_earlier_original_is_never_overwritten(adopted: DuckDBWarehouse, original: Path):
    for suffix in ("", "-2"):
        original.with_name(f"shop.duckdb.before-tidegate{suffix}").write_bytes(b"an earlier one")
    before = original.read_bytes()
    publish_and_link(adopted)
    assert original.with_name("shop.duckdb.before-tidegate").read_bytes() == b"an earlier one"
    assert original.with_name("shop.duckdb.before-tidegate-3").read_bytes() == before


def test_without_hard_links_the_original_is_copied(
    adopted: DuckDBWarehouse, original: Path, monkeypatch: pytest.MonkeyPatch
):
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    before = original.read_bytes()
    monkeypatch.setattr(adoption.os, "link", link)
    publish_and_link(adopted)
    assert original.is_symlink()
    assert original.with_name("shop.duckdb.before-tidegate").read_bytes() == before


def publish(folder: Path) -> None:
    publish_and_link(DuckDBWarehouse(folder, database="shop.duckdb"))


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
        assert publish_and_link(warehouse)
        assert original.is_symlink()
        assert warehouse.unlinked(1) is None
        assert values(original) == [(1,)]
        (kept,) = original.parent.glob("shop.duckdb.before-tidegate*")
        assert kept.read_bytes() == before
        os.replace(kept, original)  # noqa: PTH105 the kept original goes back under its name for the next round
        if process.exitcode == 0:
            break
        assert process.exitcode == KILLED
    assert 10 < point < 999
