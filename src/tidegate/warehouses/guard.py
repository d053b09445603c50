"""Keep database files from being written for a while, and tell afterwards whether one was written all the same."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from tidegate.errors import StepEscapedError, WarehouseError
from tidegate.warehouses.content import fingerprint

NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
"""What a file system without record locks answers."""


Sight = tuple[int, int, int, int, str | None]
"""How a file looked: device and inode (which file it is), size, time of writing in ns, and fingerprint if it is readable."""


class Guard:
    """Holds shared locks on files while a body runs, then compares how they look.

    DuckDB takes a write lock to open a file for writing, which a shared lock of another process refuses; it opens for
    reading as ever. The locks belong to open files, not to this process (`fcntl(2)`, open file description locks), so
    they survive that this process opens and closes the same file elsewhere. Where there are no such locks, ordinary
    record locks are taken; where there are none at all, only the comparison is left.

    `published` must not be open for writing by anybody. A file among `others` may be, by a program that was there
    before; then it is compared without a lock.
    """

    def __init__(self, published: Path | None, others: Sequence[Path]) -> None:
        self._published = published
        self._paths = dict.fromkeys((*([published] if published else []), *others))
        self._before: Mapping[Path, Sight | None] = {}
        self._locks = ExitStack()

    def __enter__(self) -> None:
        with ExitStack() as locks:
            if self._published is not None:
                locks.enter_context(no_writer(self._published))
            for path in self._paths:
                locks.enter_context(_quietly_locked(path))
            self._before = {path: look(path) for path in self._paths}
            self._locks = locks.pop_all()

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        with self._locks:
            told = list(_differences(self._before, {path: look(path) for path in self._paths}))
        if told and (error is None or isinstance(error, Exception)):
            raise StepEscapedError(f"while the steps ran, {' and '.join(told)}") from error


def look(path: Path) -> Sight | None:
    """How the file at `path`, links followed, looks now; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    try:
        content = fingerprint(path)
    except OSError:  # not readable by this user, or a folder: size and time must do
        content = None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, content


def _differences(before: Mapping[Path, Sight | None], after: Mapping[Path, Sight | None]) -> Iterator[str]:
    for path, now in after.items():
        if before[path] == now:
            continue
        verb = "appeared" if before[path] is None else "was removed" if now is None else "was written"
        yield f"`{path}` {verb}"


@contextmanager
def no_writer(database: Path) -> Iterator[None]:
    """Keep every process from opening a database file for writing.

    Raises:
        WarehouseError: one has it open for writing now.
    """
    with ExitStack() as locks:
        descriptor = os.open(database, os.O_RDONLY)
        locks.callback(os.close, descriptor)
        if not _lock_shared(descriptor):
            hint = "close the program that has it open, such as a DuckDB shell or a notebook, and try again"
            raise WarehouseError(f"another process has `{database}` open for writing", hint=hint)
        yield


@contextmanager
def _quietly_locked(path: Path) -> Iterator[None]:
    with ExitStack() as locks:
        if path.is_file():
            descriptor = _open_if_readable(path)
            if descriptor is not None:
                locks.callback(os.close, descriptor)
                _lock_shared(descriptor)
        yield


def _open_if_readable(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _lock_shared(descriptor: int) -> bool:
    """Take a shared record lock on the whole file; False when a writer has it."""
    try:
        if sys.platform == "linux":
            whole = struct.pack("hhqqi", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, whole)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        if error.errno not in NO_LOCKS:
            raise
    return True
