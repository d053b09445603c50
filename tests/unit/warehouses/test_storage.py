"""File operations: copies, links, whole writes and removals, and what the file system's refusals become."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tidegate.errors import DiskFullError, ReadOnlyError, StorageError
from tidegate.warehouses import storage


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EROFS, ReadOnlyError),
        (errno.EACCES, ReadOnlyError),
        (errno.EPERM, ReadOnlyError),
        (errno.EIO, StorageError),
    ],
)
def test_a_refusal_is_the_error_that_it_is(number: int, expected: type[StorageError]):
    with pytest.raises(StorageError) as caught, storage.refusals("copy it"):
        raise OSError(number, os.strerror(number), "/some where")
    assert type(caught.value) is expected
    assert str(caught.value) == f"cannot copy it: {os.strerror(number)} (`/some where`)"
    assert caught.value.hint


def test_of_a_copy_the_file_that_cannot_be_written_is_named():
    error = OSError(errno.ENOSPC, "No space left on device", "/from", None, "/to")
    assert str(storage.refusal(error, "copy")) == "cannot copy: No space left on device (`/to`)"


def test_a_refusal_without_a_file_has_no_empty_brackets():
    assert str(storage.refusal(OSError(errno.EIO, "broken"), "read")) == "cannot read: broken"


def test_a_copy_has_content_times_and_permissions_and_can_be_written(tmp_path: Path):
    original, copy = tmp_path / "a", tmp_path / "b"
    original.write_bytes(b"content")
    original.chmod(0o440)
    os.utime(original, ns=(1, 10**18))
    assert storage.copy_file(original, copy) in {"copy", "reflink"}
    assert copy.read_bytes() == b"content"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert copy.stat().st_mtime_ns == 10**18
    assert stat.S_IMODE(original.stat().st_mode) == 0o440


def test_a_clone_is_taken_where_the_file_system_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def ioctl(new: int, request: int, old: int) -> int:
        assert request == 0x40049409
        os.write(new, os.pread(old, 100, 0))
        return 0

    monkeypatch.setattr(storage.fcntl, "ioctl", ioctl)
    (tmp_path / "a").write_bytes(b"content")
    assert storage.copy_file(tmp_path / "a", tmp_path / "b") == "reflink"
    assert (tmp_path / "b").read_bytes() == b"content"
    assert storage.can_clone(tmp_path)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL])
def test_without_clones_the_content_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    def ioctl(*_: object) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(storage.fcntl, "ioctl", ioctl)
    (tmp_path / "a").write_bytes(b"content")
    assert storage.copy_file(tmp_path / "a", tmp_path / "b") == "copy"
    assert (tmp_path / "b").read_bytes() == b"content"
    assert not storage.can_clone(tmp_path)
    assert not storage.can_clone(tmp_path / "nowhere")


def test_trying_for_clones_leaves_no_trace(tmp_path: Path):
    storage.can_clone(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_is_copied_with_its_links(tmp_path: Path):
    tree = tmp_path / "tree"
    (tree / "deep" / "deeper").mkdir(parents=True)
    (tree / "deep" / "deeper" / "file").write_text("x", encoding="utf-8")
    (tree / "inside").symlink_to("deep/deeper")
    (tree / "dangling").symlink_to("/nowhere/at all")
    os.mkfifo(tree / "pipe")
    storage.copy_tree(tree, tmp_path / "copy")
    copy = tmp_path / "copy"
    assert sorted(p.name for p in copy.iterdir()) == ["dangling", "deep", "inside"]
    assert (copy / "inside").readlink() == Path("deep/deeper")
    assert (copy / "dangling").readlink() == Path("/nowhere/at all")
    assert (copy / "inside" / "file").read_text(encoding="utf-8") == "x"


def test_a_tree_that_does_not_fit_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def copyfile(_: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "file").touch()
    monkeypatch.setattr(storage.shutil, "copyfile", copyfile)
    with pytest.raises(DiskFullError), storage.refusals("copy"):
        storage.copy_tree(tmp_path / "tree", tmp_path / "copy")


def test_flushing_a_tree_skips_what_cannot_be_flushed(tmp_path: Path):
    (tmp_path / "link").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    storage.flush_tree(tmp_path)


def test_a_link_is_replaced_whatever_an_interrupted_try_left(tmp_path: Path):
    link = tmp_path / "live"
    storage.point(link, "one")
    (tmp_path / ".live.new").symlink_to("an interrupted try")
    storage.point(link, "two")
    assert link.readlink() == Path("two")
    assert [p.name for p in tmp_path.iterdir()] == ["live"]


def test_a_whole_write_replaces_the_text(tmp_path: Path):
    path = tmp_path / "version.json"
    storage.write_whole(path, "old")
    storage.write_whole(path, "nëw")
    assert path.read_text(encoding="utf-8") == "nëw"
    assert [p.name for p in tmp_path.iterdir()] == ["version.json"]


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "version.json"
    storage.write_whole(path, "old")
    monkeypatch.setattr(storage.os, "fsync", fsync)
    with pytest.raises(DiskFullError), storage.refusals("write"):
        storage.write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "old"


def test_a_removed_folder_leaves_nothing_and_a_missing_one_is_no_error(tmp_path: Path):
    folder = tmp_path / "000001"
    (folder / "deep").mkdir(parents=True)
    storage.remove_folder(folder)
    storage.remove_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_trash_is_emptied_and_the_rest_stays(tmp_path: Path):
    (tmp_path / ".trash-000001-ab" / "deep").mkdir(parents=True)
    (tmp_path / "000002").mkdir()
    storage.empty_trash(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["000002"]
    storage.empty_trash(tmp_path / "nowhere")


def test_space_is_what_is_allocated(tmp_path: Path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100_000_000)
    (tmp_path / "dense").write_bytes(os.urandom(100_000))
    assert 100_000 <= storage.allocated_bytes(tmp_path) < 1_000_000
