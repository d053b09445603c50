"""Keep files from being written for a while, and tell afterwards whether one was written all the same."""

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
from tidegate.warehouses.content import files_below, fingerprint
from tidegate.warehouses.process import name_of

NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
"""What a file system without record locks answers."""

TOLD = 3
"""How many files a refusal names; a tool that writes its state there writes many. Chosen, not derived."""

Sight = tuple[int, int, int, int, str | None]
"""How a file looked: device and inode (which file it is), size, time of writing in ns, and fingerprint if it is a readable
database."""


class Guard:
    """Holds shared locks on files while a body runs, then compares how they look.

    DuckDB takes a write lock to open a file for writing, which a shared lock of another process refuses; it opens for
    reading as ever. The locks belong to open files, not to this process (`fcntl(2)`, open file description locks), so
    they survive that this process opens and closes the same file elsewhere. Where there are no such locks, ordinary
    record locks are taken; where there are none at all, only the comparison is left.

    `published` must not be open for writing by anybody. A file among `others` may be, by a program that was there
    before; then it is compared without a lock. Of the folder `state`, which no lock protects, every file is compared by
    its size and time; it costs a look at each.
    """

    def __init__(self, published: Path | None, others: Sequence[Path], *, state: Path | None = None) -> None:
        self._published, self._state = published, state
        self._paths = dict.fromkeys((*([published] if published else []), *others))
        self._before: Mapping[Path, Sight | None] = {}
        self._locks = ExitStack()

    def __enter__(self) -> None:
        with ExitStack() as locks:
            if self._published is not None:
                locks.enter_context(no_writer(self._published))
            for path in self._paths:
                locks.enter_context(_quietly_locked(path))
            self._before = self._look()
            self._locks = locks.pop_all()

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        with self._locks:
            now = self._look()
        changed = [p for p in dict.fromkeys((*self._before, *now)) if self._before.get(p) != now.get(p)]
        if changed and (error is None or isinstance(error, Exception)):
            raise StepEscapedError(self._told(changed, now), hint=self._hint(changed)) from error

    def _look(self) -> Mapping[Path, Sight | None]:
        travelling = files_below(self._state) if self._state is not None else ()
        return {path: look(path) for path in self._paths} | {path: glance(path) for path in travelling}

    def _told(self, changed: Sequence[Path], now: Mapping[Path, Sight | None]) -> str:
        told = [f"`{path}` {_verb(self._before.get(path), now.get(path))}" for path in changed[:TOLD]]
        if len(changed) > TOLD:
            told.append(f"{len(changed) - TOLD} more files changed")
        return f"while the steps ran, {' and '.join(told)}"

    def _hint(self, changed: Sequence[Path]) -> str | None:
        """What was written into the published version stays there; the next run says so and holds."""
        if all(path in self._paths and path != self._published for path in changed):
            return None
        return (
            "remove the path of the published version from the step; what it wrote there stays, and"
            " `tidegate rollback` puts the version before back"
        )


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


def glance(path: Path) -> Sight | None:
    """How a file that is no database looks now, a link itself and not where it leads; None when there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, None


def _verb(before: Sight | None, now: Sight | None) -> str:
    return "appeared" if before is None else "was removed" if now is None else "was written"


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
            raise WarehouseError(f"{writer(database)} has `{database}` open for writing", hint=hint)
        yield


def writer(database: Path) -> str:
    """Who has a database file open for writing, as a message names it: `process 42 (python3)`, or `another process`."""
    try:
        descriptor = os.open(database, os.O_RDONLY)
        try:
            pid = _lock_owner(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, struct.error):
        return "another process"
    if pid is None:
        return "another process"
    name = name_of(pid)
    return f"process {pid} ({name})" if name else f"process {pid}"


def _lock_owner(descriptor: int) -> int | None:
    """The process whose record lock a shared one would meet; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    whole = struct.pack("hhqqi", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack("hhqqi", fcntl.fcntl(descriptor, fcntl.F_GETLK, whole))
    return pid if kind != fcntl.F_UNLCK and pid > 0 else None


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
