"""The guard's locks: what they refuse, and what happens where a file system has none."""

from __future__ import annotations

import errno
import fcntl
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pytest

from tests.conformance.warehouse.children import child
from tidegate.errors import StepEscapedError, WarehouseError
from tidegate.warehouses import guard as guard_module
from tidegate.warehouses.guard import Guard, look, no_writer, writer


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS v")
    return path


def keep_open(connection: Connection, database: Path, *, read_only: bool) -> None:
    with duckdb.connect(str(database), read_only=read_only):
        connection.send("open")
        connection.recv()


def keep_open_for_reading(connection: Connection, database: Path) -> None:
    keep_open(connection, database, read_only=True)


def keep_open_for_writing(connection: Connection, database: Path) -> None:
    keep_open(connection, database, read_only=False)


def test_a_published_version_that_is_open_for_writing_is_refused(database: Path):
    with child(keep_open_for_writing, database) as (process, connection):
        assert connection.recv() == "open"
        who = rf"^process {process.pid} \(.+\) has `" if sys.platform == "linux" else "^another process has `"
        with pytest.raises(WarehouseError, match=f"{who}.*open for writing"), Guard(database, []):
            pass
        with pytest.raises(WarehouseError, match=f"{who}.*open for writing"), no_writer(database):
            pass


def test_who_has_it_open_is_not_told_where_nobody_has(database: Path, tmp_path: Path):
    assert writer(database) == "another process"
    assert writer(tmp_path / "gone.duckdb") == "another process"


def test_readers_are_no_writers(database: Path):
    with child(keep_open_for_reading, database) as (_, connection):
        assert connection.recv() == "open"
        with Guard(database, []), no_writer(database):
            pass


def test_another_database_that_was_open_before_is_only_compared(database: Path):
    with child(keep_open_for_writing, database) as (_, connection):
        assert connection.recv() == "open"
        with Guard(None, [database]):
            pass


def test_our_own_process_cannot_open_a_guarded_file_for_writing_either(database: Path):
    with Guard(None, [database]), pytest.raises(duckdb.IOException, match="lock"):
        duckdb.connect(str(database))


def test_folders_missing_files_and_links_to_nowhere_can_be_named(tmp_path: Path):
    dangling = tmp_path / "dangling"
    dangling.symlink_to("nowhere")
    with Guard(None, [tmp_path, tmp_path / "missing", dangling, dangling / "below", dangling]):
        pass


def test_a_link_that_leads_elsewhere_afterwards_is_told(database: Path, tmp_path: Path):
    link, other = tmp_path / "link.duckdb", tmp_path / "other.duckdb"
    other.write_bytes(database.read_bytes())
    link.symlink_to(database)
    guard = Guard(None, [link])
    guard.__enter__()
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(StepEscapedError, match=r"link\.duckdb` was written"):
        guard.__exit__(None, None, None)


def test_a_log_that_appears_is_told(database: Path):
    guard = Guard(database, [])
    guard.__enter__()
    database.with_name("shop.duckdb.wal").write_bytes(b"commits")
    with pytest.raises(StepEscapedError, match=r"shop\.duckdb` was written"):
        guard.__exit__(None, None, None)


def test_without_locks_of_open_files_ordinary_ones_are_taken(database: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard_module.sys, "platform", "darwin")
    with child(keep_open_for_writing, database) as (_, connection):
        assert connection.recv() == "open"
        with pytest.raises(WarehouseError, match="open for writing"), no_writer(database):
            pass
    with no_writer(database):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_there_are_no_locks_only_the_comparison_is_left(
    database: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def refused(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "fcntl", refused)
    guard = Guard(database, [])
    guard.__enter__()
    with duckdb.connect(str(database)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(StepEscapedError):
        guard.__exit__(None, None, None)


def test_a_file_that_cannot_be_read_is_compared_by_size_and_time(database: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(_: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(guard_module, "fingerprint", refused)
    before = look(database)
    assert before is not None
    assert before[-1] is None
    database.write_bytes(b"x")
    assert look(database) != before
