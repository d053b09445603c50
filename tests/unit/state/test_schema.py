"""Migrations: from an empty file and from every older version, one transaction each, once whoever comes at the same time."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.state.stories import begun, event, opened, published
from tidegate.errors import StateError
from tidegate.ports.state import NewEvent
from tidegate.state import documents, ledger, projections, schema
from tidegate.state.sqlite import SQLiteStateStore

CHAINED = 4
"""The version from which on events are chained."""

NEWEST = len(schema.migrations())
STORY = [event("run.started", "run:a"), begun(1, run="a"), published(1), opened(1)]


def old_file(path: Path, version: int) -> None:
    """A file as an older release left it; its ledger tells a story as soon as it has one."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        schema.migrate(connection, projections.replay, upto=version)
        assert schema.version_of(connection) == version
        for new in STORY if version else []:
            tell(connection, new, version)


def tell(connection: sqlite3.Connection, new: NewEvent, version: int) -> None:
    """Put an event into a ledger as a release of that version did."""
    if version >= CHAINED:
        ledger.accept(connection, new)
        return
    (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM event").fetchone()
    row = (
        last + 1,
        documents.write_time(new.at),
        new.actor,
        new.role,
        new.kind,
        new.subject,
        documents.dumps(documents.plain(new.data)),
    )
    connection.execute("INSERT INTO event (id, at, actor, role, kind, subject, data) VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def structure(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_from_each_older_version(tmp_path: Path, version: int) -> None:
    old_file(tmp_path / "old.db", version)
    with closing(SQLiteStateStore(tmp_path / "old.db")) as store:
        if version == NEWEST:
            store.rebuild()  # the story was put into the ledger behind the store's back
        assert [e.kind for e in store.events()] == [new.kind for new in STORY]
        assert [(v.number, v.state.value) for v in store.versions()] == [(1, "published")]
        assert len(store.runs()) == len(store.incidents()) == len(store.publications()) == 1
        assert store.problems() == ()
        assert store.breaks() == ()
        assert len({e.hash for e in store.events()}) == len(STORY)
        assert store.append([event("note.made", "x:1")])[0].id == len(STORY) + 1
        assert store.breaks() == ()
    SQLiteStateStore(tmp_path / "new.db", create=True).close()
    assert structure(tmp_path / "old.db") == structure(tmp_path / "new.db")


KILLED = """
import os, shutil, signal, sqlite3, sys
from pathlib import Path
from tidegate.state.sqlite import SQLiteStateStore

folder = Path(sys.argv[1])

def opened_until(path, statements):
    left = [statements]
    class Mortal(sqlite3.Connection):
        def execute(self, *words):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().execute(*words)
    connect = sqlite3.connect
    sqlite3.connect = lambda *words, **more: connect(*words, factory=Mortal, **more)
    SQLiteStateStore(path)

for number in range(1000):
    path = folder / f"{number}.db"
    shutil.copyfile(folder / "old.db", path)
    pid = os.fork()
    if pid == 0:
        opened_until(path, number)
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        break
print(number)
"""
"""Opens a copy of the file again and again, each time killed one statement later, until one is not killed."""


def test_killed_before_every_statement_of_a_migration(tmp_path: Path) -> None:
    """`kill -9` leaves a file that the next one to open it finishes, with the whole ledger in it."""
    old_file(tmp_path / "old.db", CHAINED - 1)
    said = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    assert int(said) > 20
    SQLiteStateStore(tmp_path / "new.db", create=True).close()
    reached = set()
    for number in range(int(said)):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as connection:
            reached.add(schema.version_of(connection))
        with closing(SQLiteStateStore(path)) as store:
            assert [e.kind for e in store.events()] == [new.kind for new in STORY]
            assert store.problems() == store.breaks() == ()
        assert structure(path) == structure(tmp_path / "new.db")
    assert reached == set(range(CHAINED - 1, NEWEST))


def test_every_migration_is_numbered_and_says_why() -> None:
    files = schema.migrations()
    assert [int(file.name[:4]) for file in files] == list(range(1, NEWEST + 1))
    assert all(file.read_text(encoding="utf-8").startswith("-- Why: ") for file in files)


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(schema.FOLDER, folder)
    path = tmp_path / "state.db"
    old_file(path, NEWEST)
    before = structure(path)
    (folder / f"{NEWEST + 1:04}_fails.sql").write_text(
        "CREATE TABLE half (id INTEGER);\nINSERT INTO nowhere VALUES (1);"
    )
    monkeypatch.setattr(schema, "FOLDER", folder)
    with pytest.raises(StateError, match="nowhere"):
        SQLiteStateStore(path)
    assert structure(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert schema.version_of(connection) == NEWEST


def test_projections_that_cannot_be_replayed_leave_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old_file(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        tell(connection, published(7), 1)
    with pytest.raises(StateError, match="version:7"):
        SQLiteStateStore(path)
    with closing(sqlite3.connect(path)) as connection:
        assert schema.version_of(connection) < NEWEST


def test_two_that_migrate_at_once_apply_each_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old_file(path, 1)
    start, failures = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        try:
            SQLiteStateStore(path).close()
        except StateError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with closing(SQLiteStateStore(path)) as store:
        assert store.problems() == ()
        assert len(store.versions()) == 1


def test_statements_are_split_where_they_end() -> None:
    script = "-- a; comment\nCREATE TABLE a (\n  x -- b; c\n);\nCREATE TABLE b (x);\nCREATE TRIGGER t BEFORE INSERT ON a\nBEGIN\n SELECT 1;\nEND;\n"
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in schema._statements(script):
            connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (3,)
