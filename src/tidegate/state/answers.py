"""What scans found out about pieces of tables, in an SQLite file beside the state: losing it costs one full scan.

Large answers, hashes of keys, are files of their own in a folder of that name, which are mapped and not read: of 80 MB a
search looks at a fraction. They are on the disk before the database names them, and are never written to again.
"""

from __future__ import annotations

import json
import mmap
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.errors import StateError
from tidegate.model import DatasetRef

SCANS_KEPT: Final = 20
"""For how many scans of a table a piece is kept that none of them had: versions that were rolled back to, or held.
Chosen, not derived."""

SHAPE: Final = 2
"""Raised when what is kept is written otherwise: a file of another shape is begun anew."""

WAIT_S: Final = 5.0

TABLES: Final = """
CREATE TABLE IF NOT EXISTS dataset (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, scans INTEGER NOT NULL, UNIQUE (namespace, name)
);
CREATE TABLE IF NOT EXISTS piece (
    id INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, name TEXT NOT NULL, scan INTEGER NOT NULL, UNIQUE (dataset, name)
);
CREATE TABLE IF NOT EXISTS answer (
    piece INTEGER NOT NULL, ask TEXT NOT NULL, body BLOB, file TEXT, size INTEGER NOT NULL, PRIMARY KEY (piece, ask)
) WITHOUT ROWID;
"""


EMPTY: Final = "DROP TABLE IF EXISTS answer; DROP TABLE IF EXISTS piece; DROP TABLE IF EXISTS dataset;"
LARGE_BYTES: Final = 65_536
"""Answers above this are files. Chosen, not derived."""

KNOWN: Final = """
SELECT piece.name, ask, body, file, size
FROM dataset JOIN piece ON piece.dataset = dataset.id JOIN answer ON answer.piece = piece.id
WHERE namespace = :namespace AND dataset.name = :name AND piece.name IN (SELECT value FROM json_each(:pieces))
"""
COUNTED: Final = """
INSERT INTO dataset (namespace, name, scans) VALUES (?, ?, 1)
ON CONFLICT (namespace, name) DO UPDATE SET scans = scans + 1 RETURNING id, scans
"""
SEEN: Final = """
INSERT INTO piece (dataset, name, scan) VALUES (?, ?, ?)
ON CONFLICT (dataset, name) DO UPDATE SET scan = excluded.scan RETURNING id
"""
OLD: Final = "SELECT id FROM piece WHERE dataset = ? AND scan <= ?"


class SQLiteAnswerStore:
    """A file at `path`, made when something is first kept; one that is damaged, or of another shape, is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.with_suffix("")
        self._connection: sqlite3.Connection | None = None

    def known(self, dataset: DatasetRef, pieces: Collection[str]) -> Mapping[str, Mapping[str, bytes | memoryview]]:
        if self._connection is None and not self._path.exists():
            return {}
        found: dict[str, _Answers] = {}
        names = json.dumps(list(pieces))
        asked = {"namespace": dataset.namespace, "name": dataset.name, "pieces": names}
        try:
            for name, ask, body, file, size in self._opened().execute(KNOWN, asked):
                found.setdefault(name, _Answers()).add(ask, body if file is None else _File(self._folder / file, size))
        except sqlite3.Error as error:
            self._drop_damaged(error)
            return {}
        return found

    def keep(self, dataset: DatasetRef, answers: Mapping[str, Mapping[str, bytes]], *, used: Collection[str]) -> None:
        try:
            with self._opened() as connection:
                _keep(connection, dataset, answers, used, self._folder)
        except sqlite3.Error as error:
            self._drop_damaged(error)
        except OSError as error:
            raise StateError(
                f"`{self._folder}` cannot be used: {error.strerror}", hint="it may be deleted, as that of the database"
            ) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=WAIT_S)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            ((shape,),) = self._connection.execute("PRAGMA user_version").fetchall()
            if shape != SHAPE:
                self._connection.executescript(f"{EMPTY} {TABLES} PRAGMA user_version = {SHAPE};")
        return self._connection

    def _drop_damaged(self, error: sqlite3.Error) -> None:
        """Remove a file that is no database any more.

        Raises:
            StateError: it is one, and cannot be used for another reason, such as a full disk.
        """
        if isinstance(error, sqlite3.OperationalError):
            raise StateError(
                f"`{self._path}` cannot be used: {error}", hint="it may be deleted: the next scan then reads everything"
            ) from error
        self.close()
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _File:
    """An answer that is a file; one that is not there, or not whole, is not known."""

    path: Path
    size: int

    def mapped(self) -> memoryview:
        """Its bytes. Raises: KeyError."""
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_size == self.size:
                    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except FileNotFoundError as error:
            raise KeyError(str(self.path)) from error
        raise KeyError(str(self.path))


class _Answers(Mapping[str, "bytes | memoryview"]):
    """What is kept of one piece; files are opened when they are asked for."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes | _File] = {}

    def add(self, ask: str, body: bytes | _File) -> None:
        self._bodies[ask] = body

    def __getitem__(self, ask: str) -> bytes | memoryview:
        body = self._bodies[ask]
        return body.mapped() if isinstance(body, _File) else body

    def __iter__(self) -> Iterator[str]:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)


def _keep(
    connection: sqlite3.Connection,
    dataset: DatasetRef,
    answers: Mapping[str, Mapping[str, bytes]],
    used: Collection[str],
    folder: Path,
) -> None:
    """Add answers; from the first statement on, no other process writes or removes files."""
    ((place, scan),) = connection.execute(COUNTED, (dataset.namespace, dataset.name)).fetchall()
    for name in dict.fromkeys((*used, *answers)):
        ((piece,),) = connection.execute(SEEN, (place, name, scan)).fetchall()
        connection.executemany(
            "INSERT OR REPLACE INTO answer (piece, ask, body, file, size) VALUES (?, ?, ?, ?, ?)",
            [(piece, ask, *_placed(body, folder), len(body)) for ask, body in answers.get(name, {}).items()],
        )
    old = [piece for (piece,) in connection.execute(OLD, (place, scan - SCANS_KEPT))]
    connection.executemany("DELETE FROM answer WHERE piece = ?", [(piece,) for piece in old])
    connection.executemany("DELETE FROM piece WHERE id = ?", [(piece,) for piece in old])
    _sweep(connection, folder)


def _placed(body: bytes, folder: Path) -> tuple[bytes | None, str | None]:
    """The body, or the name of the file that it has become, which is on the disk."""
    if len(body) <= LARGE_BYTES:
        return body, None
    folder.mkdir(exist_ok=True)
    name = os.urandom(12).hex()
    with (folder / name).open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    return None, name


def _sweep(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove the files that nothing names: those of old answers, and what an interrupted process left."""
    if folder.is_dir():
        named = {name for (name,) in connection.execute("SELECT file FROM answer WHERE file IS NOT NULL")}
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)
