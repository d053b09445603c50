"""One SQLite file: how it is made, opened, read and written, and what SQLite's errors mean to the user."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tidegate.errors import (
    DiskFullError,
    ReadOnlyError,
    StateCorruptError,
    StateError,
    StateTooNewError,
    StorageError,
    TidegateError,
)
from tidegate.state import schema
from tidegate.state.connection import Connection

Replay = Callable[[sqlite3.Connection], None]

DAMAGED = (ValueError, TypeError, LookupError, OverflowError)
"""What turning rows into nouns raises when a value is not what was written."""

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
APPLICATION_ID_AT = slice(68, 72)
SMALLEST_PAGE_BYTES = 512
"""https://www.sqlite.org/fileformat.html, sections 1.2 and 1.3; every page size is a multiple of the smallest."""

SHARED_MEMORY_BYTES = 32_768
"""What SQLite needs beside a WAL database before it can read it: https://www.sqlite.org/walformat.html, section 2."""

READ_ONLY_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class SQLiteDatabase:
    """A connection to the state file that threads may share: they take turns, one transaction each.

    `create` makes the folder and the file when they are missing. Without it a missing file reads as an empty one,
    nothing is made on disk, and a write is refused; the file is looked for again at the next use. Nor does it need room on
    the disk then, unless a log is left of a process that was killed.
    """

    def __init__(self, path: Path, *, create: bool, busy_timeout_s: float, replay: Replay) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._replay = replay
        self._create = create
        self._no_room: sqlite3.Error | None = None
        self._turn = threading.RLock()
        self._inode: int | None = None
        self._connection: sqlite3.Connection | None = None
        with self._explained():
            if create and not path.exists():
                self._make()
            if create:
                self._sweep()
            self._connection = self._open()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view for all statements in the block.

        Raises:
            StateCorruptError: the file, or a value in it, cannot be read.
        """
        with self._turn, self._explained():
            connection = self._present()
            connection.execute("BEGIN")
            try:
                yield connection
            except DAMAGED as error:
                raise self._unreadable(error) from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block, or nothing of it when it raises. On disk when the block ends.

        Raises:
            StateError: another process held the lock for longer than the timeout, or there is no file.
            DiskFullError, ReadOnlyError: the file system refused.
        """
        with self._turn, self._explained():
            connection = self._present()
            self._check_in_place()
            if self._no_room is not None:
                raise self._no_room
            # A transaction that begins as a reader and then writes fails at once when another process writes,
            # whatever the timeout is; so the lock is taken first.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, OverflowError | UnicodeEncodeError):
                    raise StateError(f"a value cannot be kept in `{self.path}`: {error}") from error
                if isinstance(error, ValueError):
                    raise self._unreadable(error) from error
                raise

    def copy_to(self, path: Path) -> None:
        """Copy what is committed into a new file, beside which no log is left.

        Raises:
            DiskFullError, ReadOnlyError: it cannot be written.
        """
        with self._turn, self._explained(), contextlib.closing(sqlite3.connect(path)) as target:
            self._present().backup(target)

    def damage(self, connection: Connection) -> list[str]:
        """What SQLite finds broken: pages, and rows that lost what they refer to. Reads all of the file."""
        pages = (row[0] for row in connection.execute("PRAGMA integrity_check"))
        orphans = (row[0] for row in connection.execute("PRAGMA foreign_key_check"))
        return [
            *(f"a page is damaged: {page}" for page in pages if page != "ok"),
            *(f"a row of `{table}` has lost what it refers to" for table in orphans),
        ]

    def close(self) -> None:
        """Give the file back; the last one to close it folds the write-ahead log in."""
        with self._turn, self._explained():
            if self._connection is not None:
                self._connection.close()

    def _unreadable(self, error: Exception) -> StateCorruptError:
        return StateCorruptError(f"`{self.path}` holds a value that cannot be read: {error}")

    def _present(self) -> sqlite3.Connection:
        if self._connection is None or (self._inode is None and self.path.exists()):
            self.close()
            self._connection = self._open()
        return self._connection

    def _check_in_place(self) -> None:
        if self._inode is None:
            raise StateError(
                f"there is no state file `{self.path}` to write to", hint="run `tidegate run`, which makes it"
            )
        if not self.path.exists() or self.path.stat().st_ino != self._inode:
            raise StateError(
                f"`{self.path}` was moved or replaced while it was open; nothing was written",
                hint="run the command again, so that it opens the file that is there now",
            )

    def _open(self) -> sqlite3.Connection:
        self._inode = self.path.stat().st_ino if self.path.exists() else None
        if self._inode is None:
            connection = self._connect(":memory:")
            schema.migrate(connection, self._replay)
            return connection
        self._check_header()
        connection = self._connect_existing()
        try:
            self._bring_up_to_date(connection)
        except BaseException:
            self._leave(connection)
            raise
        return connection

    def _check_header(self) -> None:
        """Look before SQLite does: of an empty file it makes a database, and a last page that was cut it fills up."""
        size_bytes = self.path.stat().st_size
        with self.path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        if not header.startswith(MAGIC):
            raise StateCorruptError(f"`{self.path}` is not an SQLite database")
        if len(header) < HEADER_BYTES or (size_bytes % SMALLEST_PAGE_BYTES and not _has_log(self.path)):
            raise StateCorruptError(f"`{self.path}` was cut off at {size_bytes} bytes")
        if int.from_bytes(header[APPLICATION_ID_AT], "big") != schema.APPLICATION_ID:
            raise StateCorruptError(f"`{self.path}` is an SQLite database of another program")

    def _connect_existing(self) -> sqlite3.Connection:
        address = self.path.absolute().as_uri()
        try:
            return self._connect(f"{address}?mode=rw")
        except sqlite3.OperationalError as error:
            # In a folder that cannot be written, or is on a full disk, the files beside a WAL database cannot be made.
            # Nobody else writes there either, so a file without a log is safe to read as it is.
            if _has_log(self.path) or not (self._lacks_room(error) or not _may_write(self.path.parent)):
                raise
        return self._connect(f"{address}?mode=ro&immutable=1")

    def _lacks_room(self, error: sqlite3.OperationalError) -> bool:
        """Whether the disk is full, and this store is for reading, so that it needs no room."""
        if self._create or not isinstance(explain(error, self.path, self._busy_timeout_s), DiskFullError):
            return False
        self._no_room = error
        return True

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        found, newest = schema.version_of(connection), len(schema.migrations())
        if found > newest:
            raise StateTooNewError(f"`{self.path}` has schema version {found}; this release knows up to {newest}")
        if found < newest:
            schema.migrate(connection, self._replay)

    def _make(self) -> None:
        """Build the file aside and link it into place, so that a half-made one is never seen, and of two processes
        that make it at once one wins and both use it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        aside.unlink(missing_ok=True)
        try:
            with contextlib.closing(self._connect(str(aside))) as connection:
                connection.execute("PRAGMA synchronous = OFF")  # nobody sees it yet; `_place` waits for the disk once
                schema.migrate(connection, self._replay)
                connection.execute("PRAGMA journal_mode = WAL")
            _place(aside, self.path)
        finally:
            aside.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what a process that was killed while it made the file has left."""
        prefix = f".{self.path.name}."
        for left in self.path.parent.glob(f"{prefix}*.new*"):
            pid = left.name.removeprefix(prefix).split(".")[0]
            if pid.isdigit() and not _is_alive(int(pid)):
                left.unlink(missing_ok=True)

    def _connect(self, address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            address,
            uri=address.startswith("file:"),
            timeout=self._busy_timeout_s,
            isolation_level=None,  # transactions are begun by hand
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            schema.version_of(connection)  # the first look at the file
        except BaseException:
            self._leave(connection)
            raise
        return connection

    def _leave(self, connection: sqlite3.Connection) -> None:
        """Close without folding the log into a file that is damaged or of others.

        SQLite folds it in when the last connection closes, and one that only reads cannot.
        """
        with contextlib.suppress(sqlite3.Error):
            witness = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            with contextlib.closing(witness):
                with contextlib.suppress(sqlite3.Error):
                    schema.version_of(witness)
                connection.close()
        connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            explained = explain(error, self.path, self._busy_timeout_s)
            if self._connection is not None and isinstance(explained, StateCorruptError):
                self._leave(self._connection)
            raise explained from error
        except OSError as error:
            raise _explain_os(error, self.path) from error


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _room_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _place(aside: Path, path: Path) -> None:
    _flush(aside)
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}:
            raise
        aside.rename(path)  # a file system without hard links
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- what SQLite's errors mean ---------------------------------------------------------------------------------------

BUSY_HINT = "wait for the other tidegate command to end, then run this one again; nothing was written"
FULL_HINT = "free space on the disk that holds the file, then run again; nothing of this step was recorded"

MEANINGS: Mapping[int, tuple[type[TidegateError], str, str | None]] = {
    sqlite3.SQLITE_CORRUPT: (StateCorruptError, "`{path}` is damaged ({detail})", None),
    sqlite3.SQLITE_NOTADB: (StateCorruptError, "`{path}` is not an SQLite database", None),
    sqlite3.SQLITE_FULL: (DiskFullError, "no space is left to write `{path}`", FULL_HINT),
    sqlite3.SQLITE_READONLY: (ReadOnlyError, "`{path}` cannot be written ({detail})", None),
    sqlite3.SQLITE_PERM: (ReadOnlyError, "`{path}` cannot be written ({detail})", None),
    sqlite3.SQLITE_BUSY: (StateError, "`{path}` is in use by another process; gave up after {wait:g} s", BUSY_HINT),
    sqlite3.SQLITE_LOCKED: (StateError, "`{path}` is in use by another process; gave up after {wait:g} s", BUSY_HINT),
    sqlite3.SQLITE_IOERR: (StorageError, "the disk refused to read or write `{path}` ({detail})", None),
}
"""By SQLite's primary result code."""


def explain(error: sqlite3.Error, path: Path, busy_timeout_s: float) -> TidegateError:
    """Turn an error of the driver into one of the tree; the message names the file."""
    if "Could not decode to UTF-8" in str(error):  # raised by the driver itself, without a code
        return StateCorruptError(f"`{path}` is damaged ({error})")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR} and path.parent.exists():
        if not _may_write(path.parent):
            primary = sqlite3.SQLITE_READONLY
        elif _room_bytes(path.parent) < SHARED_MEMORY_BYTES:
            primary = sqlite3.SQLITE_FULL  # the shared-memory file could not grow
    kind, message, hint = MEANINGS.get(primary or 0, (StateError, "`{path}` could not be used ({detail})", None))
    return kind(message.format(path=path, detail=error, wait=busy_timeout_s), hint=hint)


def _explain_os(error: OSError, path: Path) -> StorageError:
    if error.errno in READ_ONLY_ERRNOS:
        return ReadOnlyError(f"`{path.parent}` cannot be written ({error.strerror})")
    if error.errno in FULL_ERRNOS:
        return DiskFullError(f"no space is left to write `{path}`", hint=FULL_HINT)
    return StorageError(f"`{path}` cannot be used ({error.strerror or error})")
