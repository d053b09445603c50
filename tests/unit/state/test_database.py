"""The file: when it is made, what happens to a damaged, locked, full, read-only or foreign one, and that it is left alone."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.conformance.state.stories import (
    NULLS,
    ORDERS,
    begun,
    buckets,
    event,
    finding,
    number,
    opened,
    publish_chain,
    result,
    save,
)
from tidegate.errors import (
    DiskFullError,
    ReadOnlyError,
    StateCorruptError,
    StateError,
    StateTooNewError,
    StorageError,
    TidegateError,
)
from tidegate.state.sqlite import SQLiteStateStore

NOTE = event("note.made", "x:1")


def fill(path: Path) -> None:
    """A store of some twenty pages, closed."""
    with closing(SQLiteStateStore(path, create=True)) as store:
        publish_chain(store, 10)
        store.append([opened(number) for number in range(1, 20)])
        for version in range(1, 11):
            save(
                store,
                version,
                [number(version, 1), *buckets(version, {d: d * version for d in range(50)}, NULLS)],
                results=[result(reason=f"{version} {n}") for n in range(10)],
                findings=[finding(key=f"{version}")],
                schemas={ORDERS: [("id", "BIGINT")]},
                marks={"version": version},
            )


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "state.db"
    fill(path)
    return path


@pytest.fixture
def path(whole_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole_file, tmp_path / "state.db"))


def everything(store: SQLiteStateStore) -> list[object]:
    found: list[object] = [
        store.events(), store.versions(), store.publications(), store.runs(), store.published(), store.incidents(),
    ]  # fmt: skip
    for version in range(1, 11):
        found += [
            store.measurements(version, ORDERS), store.history(version, ORDERS), store.first_seen(version, ORDERS),
            store.results(version), store.findings(version), store.schemas(version), store.marks(version),
        ]  # fmt: skip
    return found


# --- when the file is made -------------------------------------------------------------------------------------------


def test_reading_a_project_that_was_never_run_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / ".tidegate" / "state.db"
    with closing(SQLiteStateStore(path)) as store:
        assert all(not part for part in everything(store))
        assert (store.next_version(), store.next_incident()) == (1, 1)
        assert store.problems() == ()
        with pytest.raises(StateError, match="no state file") as caught:
            store.append([NOTE])
        assert "tidegate run" in caught.value.hint
        with pytest.raises(StateError, match="no state file"):
            store.rebuild()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_was_opened_before_the_file_was_made_sees_it(tmp_path: Path) -> None:
    path = tmp_path / ".tidegate" / "state.db"
    with closing(SQLiteStateStore(path)) as early:
        assert early.events() == ()
        with closing(SQLiteStateStore(path, create=True)) as store:
            store.append([NOTE])
        assert len(early.events()) == 1
        assert early.append([NOTE])[0].id == 2


def test_making_leaves_only_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".tidegate" / "state.db"
    SQLiteStateStore(path, create=True).close()
    assert [p.name for p in path.parent.iterdir()] == ["state.db"]


def test_what_a_killed_maker_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for name in (f".state.db.{dead.pid}.new", f".state.db.{dead.pid}.new-journal", f".state.db.{os.getppid()}.new"):
        (tmp_path / name).touch()
    for _ in range(2):
        SQLiteStateStore(tmp_path / "state.db", create=True).close()
        assert {p.name for p in tmp_path.iterdir()} == {"state.db", f".state.db.{os.getppid()}.new"}


def test_making_a_file_that_is_there_opens_it(path: Path) -> None:
    with closing(SQLiteStateStore(path, create=True)) as store:
        assert store.next_version() == 11


def test_of_two_that_make_it_at_once_both_use_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, truth = tmp_path / "state.db", Path.exists

    def blind(self: Path) -> bool:
        if self == path and not made:
            fill_other()
            return False
        return truth(self)

    made: list[SQLiteStateStore] = []

    def fill_other() -> None:
        monkeypatch.setattr(Path, "exists", truth)
        made.append(SQLiteStateStore(path, create=True))
        made[0].append([NOTE])

    monkeypatch.setattr(Path, "exists", blind)
    with closing(SQLiteStateStore(path, create=True)) as second:
        assert len(second.events()) == 1
        assert second.append([NOTE])[0].id == 2
    assert len(made[0].events()) == 2
    made[0].close()


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with closing(SQLiteStateStore(tmp_path / "state.db", create=True)) as store:
        store.append([NOTE])
    assert [p.name for p in tmp_path.iterdir()] == ["state.db"]


def test_the_settings_that_durability_rests_on(path: Path) -> None:
    with closing(SQLiteStateStore(path)) as store, store._database.writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


# --- damaged files ---------------------------------------------------------------------------------------------------


def damages() -> dict[str, Callable[[bytes], bytes]]:
    def garbage(size: int) -> bytes:
        return random.Random(size).randbytes(size)

    return {
        "empty": lambda data: b"",
        "one byte": lambda data: data[:1],
        "99 bytes": lambda data: data[:99],
        "the header only": lambda data: data[:100],
        "one page": lambda data: data[:4096],
        "half": lambda data: data[: len(data) // 2],
        "half a page short": lambda data: data[:-2048],
        "one byte short": lambda data: data[:-1],
        "text": lambda data: b"this is not a database\n" * 1000,
        "ten bytes of text": lambda data: b"0123456789",
        "zeros": lambda data: bytes(len(data)),
        "no magic": lambda data: b"X" + data[1:],
        "garbage": lambda data: garbage(len(data)),
        "a garbage header": lambda data: garbage(100) + data[100:],
        "a garbage schema": lambda data: data[:100] + garbage(3996) + data[4096:],
    }


@pytest.mark.parametrize("damage", damages().values(), ids=damages())
@pytest.mark.parametrize("create", [False, True])
def test_what_is_not_a_whole_database_is_refused_and_left_as_it_is(
    path: Path, damage: Callable[[bytes], bytes], create: bool
) -> None:
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StateCorruptError, match=r"state\.db") as caught:
        everything(SQLiteStateStore(path, create=create))
    assert "restore it from a backup" in caught.value.hint
    assert path.read_bytes() == before


@pytest.fixture
def few_objects() -> Iterator[None]:
    """Lets `gc.collect()` look at what the test makes alone: all that the session imported takes it a second."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("few_objects")
@pytest.mark.parametrize("damage", [name for name in damages() if name != "one byte short"])
def test_a_log_beside_a_damaged_file_is_left_too(path: Path, tmp_path: Path, damage: str) -> None:
    crashed = tmp_path / "crashed" / "state.db"
    crashed.parent.mkdir()
    with closing(SQLiteStateStore(path)) as store:
        store.append([NOTE])
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{crashed}{suffix}")
    crashed.write_bytes(damages()[damage](crashed.read_bytes()))
    before = crashed.read_bytes(), Path(f"{crashed}-wal").read_bytes()
    with pytest.raises(StateCorruptError):
        everything(SQLiteStateStore(crashed))
    gc.collect()
    assert (crashed.read_bytes(), Path(f"{crashed}-wal").read_bytes()) == before


def test_random_bytes_anywhere_give_the_truth_or_an_error_and_stay_as_they_are(path: Path) -> None:
    data = path.read_bytes()
    with closing(SQLiteStateStore(path)) as store:
        truth = everything(store)
    chance, refused = random.Random(5), []
    for page in range(1, len(data) // 4096):
        damaged = bytearray(data)
        damaged[page * 4096 : (page + 1) * 4096] = chance.randbytes(4096)
        path.write_bytes(damaged)
        try:
            with closing(SQLiteStateStore(path)) as store:
                assert everything(store) == truth
                assert store.problems(), "nobody noticed"
        except StateCorruptError as error:
            refused.append(str(error))
        assert path.read_bytes() == bytes(damaged)
    assert all("state.db" in message for message in refused)
    assert len(refused) > len(data) // 4096 / 2


def test_values_that_nobody_wrote_are_damage(path: Path) -> None:
    harm = {
        "UPDATE version SET state = 'splendid' WHERE number = 3": lambda s: s.versions(),
        "UPDATE version SET created_at = 'yesterday' WHERE number = 3": lambda s: s.version(3),
        "UPDATE version SET created_at = 7 WHERE number = 3": lambda s: s.version(3),
        "UPDATE incident SET document = '{' WHERE number = 3": lambda s: s.incidents(),
        "UPDATE incident SET document = x'00ff' WHERE number = 3": lambda s: s.incidents(),
        "UPDATE incident SET document = '{\"number\": 3}' WHERE number = 3": lambda s: s.incident(3),
        "UPDATE result SET outcome = 'splendid'": lambda s: s.results(3),
        "UPDATE result SET outcome = CAST(x'ff' AS TEXT)": lambda s: s.results(3),
        "UPDATE document SET body = id": lambda s: s.results(3),
        "UPDATE finding SET document = '[]'": lambda s: s.findings(3),
        "UPDATE scan SET marks = '{\"$what\": 1}'": lambda s: s.marks(3),
        "UPDATE bucket SET bucket_end = 1 << 62": lambda s: s.measurements(3, ORDERS),
        "UPDATE bucket SET series = 77": lambda s: s.measurements(3, ORDERS),
        "UPDATE bucket SET bucket_start = 'x' WHERE value = 1": lambda s: s.first_seen(3, ORDERS),
        "UPDATE measurement SET text = 'x'": lambda s: s.history(3, ORDERS),
    }
    data = path.read_bytes()
    for statement, reading in harm.items():
        path.write_bytes(data)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)
        with closing(SQLiteStateStore(path)) as store, pytest.raises(StateCorruptError, match=r"state\.db"):
            pytest.fail(f"{statement}: {reading(store)}")


def test_an_incident_that_cannot_be_read_cannot_be_changed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE incident SET document = '{' WHERE number = 3")
    with closing(SQLiteStateStore(path)) as store:
        with pytest.raises(StateCorruptError):
            store.append([event("incident.resolved", "incident:3")])
        assert store.append([event("incident.resolved", "incident:4")])


def test_problems_tells_what_differs_from_the_ledger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE version SET reason = 'another' WHERE number = 3")
        connection.execute("DELETE FROM incident WHERE number = 19")
    with closing(SQLiteStateStore(path)) as store:
        assert [word for problem in store.problems() for word in ("`version`", "`incident`") if word in problem] == [
            "`version`",
            "`incident`",
        ]
        store.rebuild()
        assert store.problems() == ()
        assert len(store.incidents()) == 19
        assert len(store.results(3)) == 10


def test_problems_tells_a_gap_in_the_ledger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER event_is_never_removed")
        connection.execute("DELETE FROM event WHERE id = 3")
    with closing(SQLiteStateStore(path)) as store:
        assert "last id" in store.problems()[0]


# --- files of others -------------------------------------------------------------------------------------------------


def test_a_file_of_a_later_release_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StateTooNewError, match="99"):
        SQLiteStateStore(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, what TEXT)")
    before = path.read_bytes()
    with pytest.raises(StateCorruptError, match="another program"):
        SQLiteStateStore(path, create=True)
    assert path.read_bytes() == before


def test_the_ledger_only_grows_whoever_writes(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            "UPDATE event SET kind = 'x' WHERE id = 3",
            "DELETE FROM event WHERE id = 3",
            "DELETE FROM event",
            "INSERT INTO event SELECT 1000, at, actor, role, kind, subject, data, hash FROM event WHERE id = 1",
            "INSERT OR REPLACE INTO event SELECT 3, at, actor, role, kind, subject, data, hash FROM event WHERE id = 1",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="ledger"):
                connection.execute(statement)


def test_a_file_that_was_replaced_while_it_was_open_is_not_written(path: Path, whole_file: Path) -> None:
    with closing(SQLiteStateStore(path)) as store:
        path.rename(path.with_suffix(".aside"))
        with pytest.raises(StateError, match="moved or replaced"):
            store.append([NOTE])
        shutil.copy(whole_file, path)
        with pytest.raises(StateError, match="moved or replaced"):
            store.append([NOTE])


# --- what the system refuses -----------------------------------------------------------------------------------------


def test_a_file_that_another_process_writes_is_waited_for_then_reported(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(SQLiteStateStore(path, busy_timeout_s=0.05)) as store:
            assert store.next_version() == 11  # readers do not wait
            with pytest.raises(StateError, match="in use by another process") as caught:
                store.append([NOTE])
            assert type(caught.value) is StateError
            assert "wait" in caught.value.hint
            other.execute("ROLLBACK")
            assert store.append([NOTE])


def test_a_full_disk_is_told_and_nothing_is_kept(path: Path) -> None:
    with closing(SQLiteStateStore(path)) as store:
        connection = store._database._connection
        before = everything(store)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError, match="no space") as caught:
            store.append([event("note.made", "x:1", text="x" * 100_000)])
        assert "free space" in caught.value.hint
        with pytest.raises(DiskFullError):
            save(store, 10, buckets(10, dict.fromkeys(range(20000), 1)))
        assert everything(store) == before
        connection.execute("PRAGMA max_page_count = 1000000")
        assert store.append([NOTE])
        assert store.problems() == ()


@contextmanager
def locked_folder() -> Iterator[Path]:
    """A folder that this process cannot write, even when it is root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield folder
        folder.chmod(0o755)


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    root = os.geteuid() == 0
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_holds_no_new_store() -> None:
    with locked_folder() as folder, without_rights(folder):
        for path in (folder / "state.db", folder / ".tidegate" / "state.db"):
            with pytest.raises(ReadOnlyError, match="cannot be written"):
                SQLiteStateStore(path, create=True)
        assert SQLiteStateStore(folder / "state.db").events() == ()


def test_a_store_that_cannot_be_written_can_be_read(whole_file: Path) -> None:
    with locked_folder() as folder:
        path = Path(shutil.copy(whole_file, folder / "state.db"))
        with without_rights(folder), closing(SQLiteStateStore(path)) as store:
            assert store.next_version() == 11
            assert len(store.events()) > 10
            for writing in (lambda s: s.append([NOTE]), lambda s: s.rebuild(), lambda s: save(s, 1)):
                with pytest.raises(ReadOnlyError, match=r"state\.db"):
                    writing(store)
        assert [file.name for file in folder.iterdir()] == ["state.db"]


def test_a_store_with_an_unfinished_log_in_a_folder_that_cannot_be_written_says_so(whole_file: Path) -> None:
    with locked_folder() as folder:
        path = Path(shutil.copy(whole_file, folder / "state.db"))
        with closing(SQLiteStateStore(path)) as store:
            store.append([NOTE])
            (folder / "copy").mkdir()
            for name in ("state.db", "state.db-wal"):
                shutil.copy(folder / name, folder / "copy" / name)
        with without_rights(folder / "copy"), pytest.raises(ReadOnlyError, match="cannot be written"):
            SQLiteStateStore(folder / "copy" / "state.db").events()
        with closing(SQLiteStateStore(folder / "copy" / "state.db")) as store:
            assert store.events()[-1].kind == "note.made"


@pytest.mark.parametrize(
    ("create", "code", "lacks"),
    [
        (False, sqlite3.SQLITE_FULL, True),
        (True, sqlite3.SQLITE_FULL, False),
        (False, sqlite3.SQLITE_BUSY, False),
        (True, sqlite3.SQLITE_BUSY, False),
    ],
)
def test_only_who_reads_does_without_room(path: Path, create: bool, code: int, lacks: bool) -> None:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    with closing(SQLiteStateStore(path, create=create)) as store:
        assert store._database._lacks_room(error) is lacks
        if not lacks:
            assert store.append([NOTE])
            return
        with pytest.raises(DiskFullError):
            store.append([NOTE])


def test_a_path_that_is_a_folder_is_an_error_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "state.db", tmp_path / "file" / "state.db"):
        for create in (True, False):
            with suppress(TidegateError):
                SQLiteStateStore(path, create=create).close()
    with pytest.raises(TidegateError):
        SQLiteStateStore(tmp_path / "state.db")
    with pytest.raises(StorageError):
        SQLiteStateStore(tmp_path / "file" / "state.db", create=True)


def test_a_closed_store_says_that_it_is_closed(path: Path) -> None:
    store = SQLiteStateStore(path)
    store.close()
    store.close()
    with pytest.raises(StateError, match="closed"):
        store.append([begun(11)])
