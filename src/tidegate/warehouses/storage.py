"""File operations that a crash cannot leave half done, with the file system's refusals translated."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tidegate.errors import DiskFullError, ReadOnlyError, StorageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})

FICLONE = 0x4004_9409
"""The ioctl that shares a file's blocks with a new file (linux/fs.h); btrfs, XFS, bcachefs and ZFS know it."""

TRASH = ".trash-"


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turn an OSError of the body into the StorageError that it is; `doing` completes "cannot ..."."""
    try:
        yield
    except OSError as error:
        raise refusal(error, doing) from error


def refusal(error: OSError, doing: str) -> StorageError:
    """The StorageError for what the file system said."""
    message = f"cannot {doing}: {error.strerror or error}"
    place = error.filename2 if error.filename2 is not None else error.filename  # of a copy, the one that is written
    if place is not None:
        message += f" (`{os.fsdecode(place)}`)"
    if error.errno in FULL:
        return DiskFullError(message)
    if error.errno in FORBIDDEN:
        return ReadOnlyError(message)
    return StorageError(message)


def clone(source: Path, target: Path) -> bool:
    """Make `target` share the blocks of `source`, which costs no space and no time; False where that cannot be done.

    Linux only: elsewhere files are copied.
    """
    if sys.platform != "linux":
        return False
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        except OSError:
            return False
    return True


def can_clone(folder: Path) -> bool:
    """Whether the file system under `folder` shares blocks. Tries it on two unnamed files, which leave no trace."""
    if sys.platform != "linux":
        return False
    try:
        old = os.open(folder, os.O_TMPFILE | os.O_RDWR)
        try:
            os.write(old, bytes(4096))
            new = os.open(folder, os.O_TMPFILE | os.O_RDWR)
            try:
                fcntl.ioctl(new, FICLONE, old)
            finally:
                os.close(new)
        finally:
            os.close(old)
    except OSError:
        return False
    return True


def copy_file(source: Path, target: Path) -> str:
    """Copy content, permission bits and times of a file to a new one, writable by its owner. Returns reflink or copy."""
    method = "reflink" if clone(source, target) else "copy"
    if method == "copy":
        shutil.copyfile(source, target)
    shutil.copystat(source, target)
    target.chmod(stat.S_IMODE(target.stat().st_mode) | stat.S_IWUSR)
    return method


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder; a symbolic link stays the link that it is, and what is neither file, folder nor link is left out.

    Unlike `shutil.copytree` it stops at the first refusal, with its errno.
    """
    target.mkdir()
    for entry in source.iterdir():
        new = target / entry.name
        if entry.is_symlink():
            new.symlink_to(entry.readlink())
        elif entry.is_dir():
            copy_tree(entry, new)
        elif entry.is_file():
            copy_file(entry, new)


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Flush every file and folder under `folder`, and `folder` itself."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if stat.S_ISREG(path.lstat().st_mode):
                flush(path)
        flush(Path(parent))


def point(link: Path, target: str) -> None:
    """Let `link` be a symbolic link to `target`, in one step whatever was there, and on the disk when it returns."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    flush(link.parent)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader, also after a crash, finds the old text or the new, never a part."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    flush(path.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder in one step as far as its name is concerned; a crash leaves only trash for `empty_trash`."""
    trash = folder.with_name(f"{TRASH}{folder.name}-{os.urandom(4).hex()}")
    with suppress(FileNotFoundError):
        folder.rename(trash)
        shutil.rmtree(trash)


def empty_trash(parent: Path) -> None:
    """Remove what an interrupted `remove_folder` left. What cannot be removed stays: only its space is lost."""
    for trash in parent.glob(f"{TRASH}*"):
        shutil.rmtree(trash, ignore_errors=True)


def allocated_bytes(folder: Path) -> int:
    """What a folder takes: allocated blocks, not lengths. Blocks that clones share count for each of them."""
    places = (Path(parent, name) for parent, folders, files in os.walk(folder) for name in (*folders, *files))
    return sum(place.lstat().st_blocks * 512 for place in (folder, *places))
