"""The fingerprint of a DuckDB file: any commit changes it, reading and copying do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tidegate.warehouses import content

LEAVE_A_LOG = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("SET checkpoint_threshold = '1GB'")
for statement in sys.argv[2:]:
    connection.execute(statement)
os._exit(0)
"""


def leave_a_log(database: Path, *statements: str) -> None:
    """Commit in a process that is gone before it could move the commits into the file."""
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(database), *statements], check=True)
    assert content.logs_beside(database)


def make(path: Path, *, factor: int = 1, storage: str | None = None) -> Path:
    version = f"(STORAGE_VERSION '{storage}')" if storage else ""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made {version}")
        connection.execute(f"CREATE TABLE made.t AS SELECT (range * {factor}) % 97 AS v FROM range(200000)")
        connection.execute("DETACH made")
    return path


@pytest.fixture(params=["v1.0.0", "latest"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make(tmp_path / "shop.duckdb", storage=request.param)


def write(database: Path, *statements: str) -> None:
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE t SET v = v + 1 WHERE v = 5"],
        ["UPDATE t SET v = v + 1", "UPDATE t SET v = v - 1"],
        ["BEGIN", "UPDATE t SET v = 96 - v", "COMMIT"],
        ["INSERT INTO t VALUES (1)", "DELETE FROM t WHERE rowid = 200000"],
        ["CREATE VIEW w AS SELECT 1"],
        ["COMMENT ON TABLE t IS 'x'"],
        ["CREATE SEQUENCE s"],
    ],
    ids=lambda s: s[-1][:20],
)
def test_every_commit_changes_it(database: Path, statements: list[str]):
    before = content.fingerprint(database)
    write(database, *statements)
    assert content.fingerprint(database) != before


@pytest.mark.parametrize("read_only", [True, False])
def test_reading_does_not_change_it(database: Path, read_only: bool):
    before, bytes_before = content.fingerprint(database), database.read_bytes()
    with duckdb.connect(str(database), read_only=read_only) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(200_000,)]
    assert content.fingerprint(database) == before
    assert database.read_bytes() == bytes_before


@pytest.mark.parametrize("statements", [["BEGIN", "UPDATE t SET v = 0", "ROLLBACK"], ["UPDATE t SET v = v"]])
def test_what_writes_nothing_does_not_change_it(database: Path, statements: list[str]):
    before, bytes_before = content.fingerprint(database), database.read_bytes()
    write(database, *statements)
    assert content.fingerprint(database) == before
    assert database.read_bytes() == bytes_before


def test_a_copy_and_other_times_do_not_change_it(database: Path, tmp_path: Path):
    copy = tmp_path / "copied.duckdb"
    shutil.copyfile(database, copy)
    os.utime(copy, (1, 1))
    copy.chmod(0o400)
    assert content.fingerprint(copy) == content.fingerprint(database)


def test_files_of_the_same_size_and_history_differ_by_what_is_in_their_blocks(tmp_path: Path):
    one = make(tmp_path / "one.duckdb", storage="v1.0.0")
    two = make(tmp_path / "two.duckdb", factor=5, storage="v1.0.0")
    headers = 3 * content.HEADER_BYTES
    assert one.stat().st_size == two.stat().st_size
    assert one.read_bytes()[:headers] == two.read_bytes()[:headers], "the trap that this test is about is not there"
    assert content.fingerprint(one) != content.fingerprint(two)


@pytest.mark.parametrize("offset", [0, 20, 4096 + 8, 8192 + 8, 3 * 4096 - 1])
def test_every_header_counts(database: Path, offset: int):
    before, data = content.fingerprint(database), bytearray(database.read_bytes())
    data[offset] ^= 1
    database.write_bytes(data)
    assert content.fingerprint(database) != before


def test_a_log_changes_it_and_so_does_each_commit_in_the_log(database: Path):
    prints = [content.fingerprint(database)]
    for statement in ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"):
        leave_a_log(database, statement)
        prints.append(content.fingerprint(database))
    assert len(set(prints)) == 3


def test_a_log_beside_the_file_of_a_link_or_beside_the_link_is_found(tmp_path: Path):
    for folder in ("file", "link"):
        (tmp_path / folder).mkdir()
    database, link = tmp_path / "file" / "shop.duckdb", tmp_path / "link" / "shop.duckdb"
    database.touch()
    link.symlink_to(database)
    assert content.logs_beside(link) == ()
    (tmp_path / "file" / "shop.duckdb.wal").touch()
    (tmp_path / "link" / "shop.duckdb.wal.checkpoint").touch()
    (tmp_path / "link" / "shop.duckdb.tmp").touch()
    (tmp_path / "link" / "workshop.duckdb.wal").touch()
    assert {str(p.relative_to(tmp_path)) for p in content.logs_beside(link)} == {
        "file/shop.duckdb.wal",
        "link/shop.duckdb.wal.checkpoint",
    }
    assert [p.name for p in content.logs_beside(database)] == ["shop.duckdb.wal"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a version's state looks like: small files, a large one, a folder, a link."""
    folder = tmp_path / "state"
    (folder / "dlt" / "shop").mkdir(parents=True)
    (folder / "dlt" / "shop" / "state.json").write_text('{"cursor": 1}', encoding="utf-8")
    (folder / "manifest.json").write_bytes(bytes(100_000))
    (folder / "latest").symlink_to("dlt/shop")
    return folder


CHANGES = {
    "a cursor": lambda f: (f / "dlt" / "shop" / "state.json").write_text('{"cursor": 2}', encoding="utf-8"),
    "a beginning": lambda f: (f / "manifest.json").write_bytes(b"x" + bytes(99_999)),
    "an end": lambda f: (f / "manifest.json").write_bytes(bytes(99_999) + b"x"),
    "a length": lambda f: (f / "manifest.json").write_bytes(bytes(100_001)),
    "a name": lambda f: (f / "manifest.json").rename(f / "manifesto.json"),
    "a place": lambda f: (f / "manifest.json").rename(f / "dlt" / "manifest.json"),
    "another file": lambda f: (f / "empty").touch(),
    "one file less": lambda f: (f / "manifest.json").unlink(),
    "a link": lambda f: [(f / "latest").unlink(), (f / "latest").symlink_to("dlt")],
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_file_of_a_folder_counts(state: Path, change: str):
    before = content.folder_fingerprint(state)
    CHANGES[change](state)
    assert content.folder_fingerprint(state) != before


def test_a_copy_of_a_folder_other_times_and_what_others_leave_there_do_not_count(state: Path, tmp_path: Path):
    before = content.folder_fingerprint(state)
    copy = shutil.copytree(state, tmp_path / "copy", symlinks=True)
    for path in (copy / "manifest.json", copy / "dlt"):
        os.utime(path, (1, 1))
    (copy / ".DS_Store").touch()
    (copy / "dlt" / ".nfs000000000001").touch()
    (copy / "empty folder").mkdir()
    os.mkfifo(copy / "pipe")
    assert content.folder_fingerprint(copy) == before


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert content.folder_fingerprint(tmp_path / "missing") == content.folder_fingerprint(tmp_path / "empty")


def test_the_cost_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    huge = tmp_path / "huge.duckdb"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    reads = []
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        reads.append((offset, length))
        return pread(descriptor, length, offset)

    monkeypatch.setattr(content.os, "pread", counted)
    before = content.fingerprint(huge)
    assert len(reads) <= content.SAMPLED_BLOCKS + 1
    assert sum(length for _, length in reads) < 64_000
    assert reads[-1][0] > (1 << 40) * 0.99
    with huge.open("r+b") as file:
        file.truncate((1 << 40) - 1)
    assert content.fingerprint(huge) != before


@pytest.mark.parametrize("block_bytes", [16_384, 262_144])
def test_blocks_are_as_long_as_the_header_says(tmp_path: Path, block_bytes: int):
    path = tmp_path / "blocks.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made (BLOCK_SIZE {block_bytes})")
        connection.execute("CREATE TABLE made.t AS SELECT range AS v FROM range(300000)")
        connection.execute("DETACH made")
    data = bytearray(path.read_bytes())
    blocks = (len(data) - 3 * content.HEADER_BYTES) // block_bytes
    before = content.fingerprint(path)
    for block in range(blocks):
        changed = data.copy()
        changed[3 * content.HEADER_BYTES + block * block_bytes] ^= 1
        path.write_bytes(changed)
        assert content.fingerprint(path) != before, block


@pytest.mark.parametrize(
    "text", [b"", b"short", b"SQLite format 3\0" + bytes(100), b"version https://git-lfs.github.com"]
)
def test_what_is_no_database_is_told(tmp_path: Path, text: bytes):
    path = tmp_path / "shop.duckdb"
    path.write_bytes(text)
    assert not content.is_database(path)
    content.fingerprint(path)


def test_what_is_a_database_is_told(database: Path):
    assert content.is_database(database)
