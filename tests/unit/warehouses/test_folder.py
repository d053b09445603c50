"""The folder of versions: what is on the disk, strange names, and refusals of the file system."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.conformance.warehouse.children import run
from tidegate.errors import (
    DatabaseNotFoundError,
    DiskFullError,
    ReadOnlyError,
    TidegateError,
    VersionNotFoundError,
    WarehouseError,
)
from tidegate.model import Version, VersionState
from tidegate.warehouses import storage
from tidegate.warehouses.folder import VersionFolder

NOBODY = 65534


def database_bytes(text: str = "") -> bytes:
    """What passes for a DuckDB file as long as nobody opens it."""
    return bytes(8) + b"DUCK" + text.encode()


@pytest.fixture(params=["warehouse", "ware house", 'it\'s "quoted" `tick`', "größe/数据 ✓"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> VersionFolder:
    return VersionFolder(tmp_path / request.param, "shop.duckdb")


@pytest.fixture
def plain(tmp_path: Path) -> VersionFolder:
    """Version 1 is published."""
    folder = VersionFolder(tmp_path / "warehouse", "shop.duckdb")
    build(folder, 1, None)
    folder.publish(1)
    return folder


def build(folder: VersionFolder, number: int, parent: int | None) -> Path:
    candidate = folder.begin(number, parent)
    candidate.database.write_bytes(database_bytes(f"version {number}"))
    return candidate.database


def names(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir())


def test_what_is_on_the_disk(folder: VersionFolder):
    build(folder, 1, None)
    folder.publish(1)
    candidate = folder.begin(2, 1)
    root = folder.root
    assert names(root) == ["candidate", "live", "versions"]
    assert names(root / "versions") == ["000001", "000002"]
    assert names(root / "versions" / "000002") == ["shop.duckdb", "state"]
    assert (root / "live").readlink() == Path("versions/000001")
    assert (root / "candidate").readlink() == Path("versions/000002")
    assert candidate.database == root / "versions" / "000002" / "shop.duckdb"
    assert candidate.stable_database == root / "candidate" / "shop.duckdb"
    assert candidate.database.samefile(candidate.stable_database)
    assert candidate.state == root / "versions" / "000002" / "state"
    assert folder.live_database.read_bytes() == database_bytes("version 1")


def test_the_folder_can_be_moved(plain: VersionFolder, tmp_path: Path):
    plain.root.rename(tmp_path / "moved")
    moved = VersionFolder(tmp_path / "moved", "shop.duckdb")
    assert moved.published() == 1
    assert moved.live_database.read_bytes() == database_bytes("version 1")


def test_a_published_file_cannot_be_written_and_a_copy_of_it_can(plain: VersionFolder):
    assert stat.S_IMODE(plain.database(1).stat().st_mode) & 0o222 == 0
    candidate = plain.begin(2, 1)
    assert stat.S_IMODE(candidate.database.stat().st_mode) & 0o200
    plain.publish(2)
    assert stat.S_IMODE(candidate.database.stat().st_mode) & 0o222 == 0


def test_everything_is_on_the_disk_before_the_link_leads_to_it(plain: VersionFolder, monkeypatch: pytest.MonkeyPatch):
    """What a power cut would show; the order of the calls is what can be tested of it."""
    database = build(plain, 2, 1)
    cursor = database.parent / "state" / "deep" / "cursor"
    cursor.parent.mkdir()
    cursor.touch()
    happened: list[object] = []
    point, fsync = storage.point, os.fsync

    def swap(link: Path, target: str) -> None:
        happened.append("swap")
        point(link, target)

    def flushed(descriptor: int) -> None:
        happened.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(storage, "point", swap)
    monkeypatch.setattr(storage.os, "fsync", flushed)
    plain.publish(2)
    before, after = happened[: happened.index("swap")], happened[happened.index("swap") + 1 :]
    for path in (database, cursor, cursor.parent, cursor.parent.parent, database.parent, database.parent.parent):
        assert path.stat().st_ino in before, path
    assert after == [plain.root.stat().st_ino]


def test_only_versions_are_listed(plain: VersionFolder):
    versions = plain.root / "versions"
    for name in ("000007", "1000000", "00008", "0000009", "abc", ".new-000010", ".trash-000011-ab"):
        (versions / name).mkdir()
    (versions / "000012").touch()
    assert plain.kept() == (1, 7, 1_000_000)


def test_the_millionth_version_is_like_the_others(plain: VersionFolder):
    build(plain, 1_000_000, 1)
    plain.publish(1_000_000)
    assert plain.published() == 1_000_000
    assert plain.kept() == (1, 1_000_000)


@pytest.mark.parametrize("target", ["versions/42", "/versions/000042", "versions/000042/../x", "elsewhere", "000042"])
def test_a_live_link_to_something_else_is_an_error(plain: VersionFolder, target: str):
    storage.point(plain.root / "live", target)
    with pytest.raises(WarehouseError, match="not a version of this warehouse") as caught:
        plain.published()
    assert "live` away" in caught.value.hint


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_a_live_that_is_no_link_is_an_error_and_left_alone(plain: VersionFolder, make: Callable[[Path], None]):
    live = plain.root / "live"
    live.unlink()
    make(live)
    for refused in (plain.published, lambda: plain.publish(1), lambda: plain.discard(1), lambda: plain.begin(2, 1)):
        with pytest.raises(WarehouseError, match="not a symbolic link"):
            refused()
    assert live.exists()
    assert not live.is_symlink()
    assert plain.kept() == (1,)


def test_a_live_link_that_cannot_be_read_is_not_taken_for_another_thing(
    plain: VersionFolder, monkeypatch: pytest.MonkeyPatch
):
    def readlink(_: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "readlink", readlink)
    with pytest.raises(ReadOnlyError, match="Permission denied"):
        plain.published()


def test_without_a_live_link_nothing_is_published_and_publishing_makes_one(plain: VersionFolder):
    (plain.root / "live").unlink()
    assert plain.published() is None
    plain.publish(1)
    assert plain.published() == 1


def test_a_published_version_whose_folder_is_gone(plain: VersionFolder):
    shutil.rmtree(plain.root / "versions" / "000001")
    assert plain.published() == 1
    assert plain.kept() == ()
    for refused in (lambda: plain.database(1), lambda: plain.begin(2, 1), lambda: plain.publish(1)):
        with pytest.raises(VersionNotFoundError):
            refused()


def test_a_published_version_whose_database_is_gone(plain: VersionFolder):
    plain.database(1).unlink()
    for refused in (lambda: plain.database(1), lambda: plain.begin(2, 1), lambda: plain.publish(1)):
        with pytest.raises(DatabaseNotFoundError):
            refused()
    assert plain.kept() == (1,)


@pytest.mark.parametrize("text", [b"", b"not a database", b"SQLite format 3\0" + bytes(100)])
def test_a_file_that_is_no_database_is_not_published(plain: VersionFolder, text: bytes):
    plain.begin(2, 1).database.write_bytes(text)
    with pytest.raises(WarehouseError, match="not a DuckDB database"):
        plain.publish(2)
    assert plain.published() == 1


def test_a_version_with_a_log_is_neither_copied_nor_published(plain: VersionFolder):
    log = build(plain, 2, 1).with_name("shop.duckdb.wal")
    log.write_bytes(b"commits")
    with pytest.raises(WarehouseError, match="not sealed"):
        plain.publish(2)
    assert plain.published() == 1
    with pytest.raises(WarehouseError, match="would lose") as caught:
        plain.begin(3, 2)
    assert "open and close it once" in caught.value.hint
    assert plain.kept() == (1, 2)
    assert names(plain.root / "versions") == ["000001", "000002"]


def test_the_candidates_link_ends_where_writing_ends(plain: VersionFolder):
    candidate = plain.root / "candidate"
    build(plain, 2, 1)
    build(plain, 3, 1)
    plain.publish(2)
    assert candidate.readlink() == Path("versions/000003")
    plain.publish(3)
    assert not candidate.is_symlink()
    build(plain, 4, 3)
    plain.discard(4)
    assert not candidate.is_symlink()
    build(plain, 5, 3)
    plain.end_writing(4)
    assert candidate.is_symlink(), "it is another version's"
    plain.end_writing(5)
    assert not candidate.is_symlink()
    build(plain, 6, 3)
    plain.sweep()
    assert not candidate.is_symlink(), "whoever holds the lock finds no step at work"


def test_what_crashes_left_is_swept_and_nothing_else(plain: VersionFolder):
    gone = 2**22 + 1  # above the highest process id that Linux gives
    host = os.uname().nodename
    leftovers = [
        plain.root / "versions" / ".new-000002",
        plain.root / "versions" / ".trash-000003-00ff",
        plain.root / f".spill-{host}-{gone}-0",
    ]
    stay = [plain.root / f".spill-{host}-{os.getpid()}-0", plain.root / f".spill-elsewhere-{gone}-0"]
    for path in (*leftovers, *stay):
        path.mkdir(parents=True)
        (path / "file").touch()
    plain.sweep()
    assert [p for p in (*leftovers, *stay) if p.exists()] == stay
    assert plain.kept() == (1,)
    VersionFolder(plain.root.with_name("nowhere"), "x.duckdb").sweep()


def test_a_half_made_version_of_the_same_number_is_replaced(plain: VersionFolder):
    half = plain.root / "versions" / ".new-000002"
    half.mkdir()
    (half / "shop.duckdb").write_bytes(b"half")
    assert plain.begin(2, 1).database.read_bytes() == database_bytes("version 1")


def test_a_parent_without_travelling_state_is_fine(plain: VersionFolder):
    (plain.root / "versions" / "000001" / "state").rmdir()
    assert list(plain.begin(2, 1).state.iterdir()) == []


def version(number: int) -> Version:
    created = datetime(2026, 6, 1, tzinfo=UTC)
    return Version(number=number, parent=None, state=VersionState.PUBLISHED, run=None, created_at=created)


@pytest.mark.parametrize("text", ["{", "", "[1]", "null"])
def test_a_broken_description_is_told(plain: VersionFolder, text: str):
    path = plain.root / "versions" / "000001" / "version.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WarehouseError, match=r"version\.json"):
        plain.metadata(1)


def test_a_description_holds_what_json_does_not_know_as_text(plain: VersionFolder):
    plain.describe(version(1), {"at": datetime(2026, 6, 1, tzinfo=UTC), "path": Path("/x")})
    assert plain.metadata(1)["at"] == "2026-06-01 00:00:00+00:00"
    raw = (plain.root / "versions" / "000001" / "version.json").read_text(encoding="utf-8")
    assert json.loads(raw)["path"] == "/x"


def test_a_full_disk_leaves_nothing_behind(plain: VersionFolder, monkeypatch: pytest.MonkeyPatch):
    def copyfile(_: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(storage.shutil, "copyfile", copyfile)
    with pytest.raises(DiskFullError, match="make version 2"):
        plain.begin(2, 1)
    assert names(plain.root / "versions") == ["000001"]
    assert names(plain.root) == ["live", "versions"]
    monkeypatch.undo()
    assert plain.begin(2, 1).database.read_bytes() == database_bytes("version 1")


def test_an_interrupted_copy_leaves_nothing_behind(plain: VersionFolder, monkeypatch: pytest.MonkeyPatch):
    def copyfile(_: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.shutil, "copyfile", copyfile)
    with pytest.raises(KeyboardInterrupt):
        plain.begin(2, 1)
    assert names(plain.root / "versions") == ["000001"]


def test_a_file_of_somebody_else_is_published_though_it_cannot_be_made_read_only(
    plain: VersionFolder, monkeypatch: pytest.MonkeyPatch
):
    def chmod(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    build(plain, 2, 1)
    monkeypatch.setattr(Path, "chmod", chmod)
    plain.publish(2)
    assert plain.published() == 2


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[VersionFolder]:
    """A warehouse with versions 1 (published) and 2 that the user may read and not write.

    Outside of pytest's own folder, which another user may not enter; and nothing keeps root from writing anyway.
    """
    outside = Path(tempfile.mkdtemp())
    folder = VersionFolder(outside / "warehouse", "shop.duckdb")
    build(folder, 1, None)
    folder.publish(1)
    build(folder, 2, 1)
    outside.chmod(0o755)
    folders = [p for p in (folder.root, *folder.root.rglob("*")) if p.is_dir() and not p.is_symlink()]
    for path in folders:
        path.chmod(0o555)
    yield folder
    for path in folders:
        path.chmod(0o755)
    shutil.rmtree(outside)


def ask_as_nobody(connection: Connection, root: Path) -> None:
    """Do everything that writes, and what reads, without the right to write; send the kinds of error."""
    folder = VersionFolder(root, "shop.duckdb")
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    questions: dict[str, Callable[[], object]] = {
        "published": folder.published,
        "kept": folder.kept,
        "metadata": lambda: folder.metadata(1),
        "begin": lambda: folder.begin(3, 1),
        "publish": lambda: folder.publish(2),
        "discard": lambda: folder.discard(2),
        "describe": lambda: folder.describe(version(1), {}),
        "sweep": folder.sweep,
    }
    answers: dict[str, object] = {}
    for name, ask in questions.items():
        try:
            answers[name] = ask()
        except TidegateError as error:
            answers[name] = type(error)
    connection.send(answers)


def test_a_folder_that_cannot_be_written_can_be_read(read_only: VersionFolder):
    assert run(ask_as_nobody, read_only.root) == {
        "published": 1,
        "kept": (1, 2),
        "metadata": {},
        "begin": ReadOnlyError,
        "publish": ReadOnlyError,
        "discard": ReadOnlyError,
        "describe": ReadOnlyError,
        "sweep": None,
    }
    assert read_only.published() == 1
    assert read_only.kept() == (1, 2)
