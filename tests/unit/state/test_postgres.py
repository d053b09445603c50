"""A state store in PostgreSQL: what is the server's doing, and not the store's. The rest is tests/conformance/state."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.state.stories import NULLS, ROWS, begun, event, number, save
from tests.postgres_server import new_schema
from tidegate.errors import ReadOnlyError, StateError, StateTooNewError, StateUnreachableError
from tidegate.ports import StateStore
from tidegate.state import schema, spelling
from tidegate.state.postgres import PostgresDatabase, PostgresStateStore, migrations
from tidegate.state.sqlite import SQLiteStateStore


@pytest.fixture
def address(postgres: str) -> str:
    return new_schema(postgres)


def schema_of(address: str) -> str:
    return address.rpartition("schema=")[2]


def plain(address: str) -> str:
    return re.sub(r"[?&]schema=\w+", "", address)


def ask(address: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(plain(address), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema_of(address)}".encode())
        asked = connection.execute(query.encode())
        return asked.fetchall() if asked.description else []


def schemas(address: str) -> set[str]:
    return {str(name) for (name,) in ask(address, "SELECT schema_name FROM information_schema.schemata")}


def test_to_look_makes_nothing(address: str) -> None:
    with closing(PostgresStateStore(address)) as looking:
        assert (looking.events(), looking.versions(), looking.head()) == ((), (), (0, ""))
        with pytest.raises(StateError, match="there is no schema"):
            looking.append([event("run.started", "run:a")])
        assert schema_of(address) not in schemas(address)
        with closing(PostgresStateStore(address, create=True)) as store:
            store.append([event("run.started", "run:a")])
        assert [e.subject for e in looking.events()] == ["run:a"]
        looking.append([event("run.finished", "run:a", status="held")])


def test_two_schemas_are_two_projects(postgres: str) -> None:
    with (
        closing(PostgresStateStore(new_schema(postgres), create=True)) as one,
        closing(PostgresStateStore(new_schema(postgres), create=True)) as other,
    ):
        one.append([event("run.started", "run:a")])
        assert other.events() == ()


def test_many_that_make_it_at_once_make_one(address: str) -> None:
    failed: list[BaseException] = []

    def make() -> None:
        try:
            PostgresStateStore(address, create=True).close()
        except BaseException as error:  # noqa: BLE001  a thread's failure is told by the test
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ask(address, "SELECT number FROM schema_version") == [(n,) for n in range(1, len(migrations()) + 1)]


def test_nobody_answers_and_no_password_is_shown() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StateUnreachableError, match=rf"`postgresql://tide@127\.0\.0\.1:{port}/shop`") as raised:
        PostgresStateStore(f"postgresql://tide:geheim@127.0.0.1:{port}/shop?schema=a")
    assert "geheim" not in f"{raised.value} {raised.value.hint}"


def test_another_process_writes_for_too_long(address: str) -> None:
    with (
        closing(PostgresStateStore(address, create=True)) as patient,
        closing(PostgresStateStore(address, busy_timeout_s=0.05)) as hasty,
    ):
        with patient._database.writing(), pytest.raises(StateError, match=r"in use by another process.*0\.05 s"):
            hasty.append([event("run.started", "run:a")])
        assert hasty.append([event("run.started", "run:a")])[0].id == 1


def test_a_later_release_wrote_it(address: str) -> None:
    PostgresStateStore(address, create=True).close()
    ask(address, "INSERT INTO schema_version VALUES (99)")
    with pytest.raises(StateTooNewError, match="version 99"):
        PostgresStateStore(address, create=True)
    with closing(PostgresStateStore(address)) as store, pytest.raises(StateTooNewError, match="version 99"):
        store.head()


def test_a_reader_may_read_and_is_told_that_it_may_not_write(address: str) -> None:
    role = f"reader_{schema_of(address)}"
    ask(address, f"CREATE ROLE {role} LOGIN")
    reader = address.replace("postgres:@", f"{role}:@")
    with pytest.raises(ReadOnlyError, match=r"(?i)permission denied"):
        PostgresStateStore(reader, create=True)
    with closing(PostgresStateStore(address, create=True)) as store:
        store.append([event("run.started", "run:a")])
    ask(address, f"GRANT USAGE ON SCHEMA {schema_of(address)} TO {role}")
    ask(address, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema_of(address)} TO {role}")
    with closing(PostgresStateStore(reader)) as store:
        assert len(store.runs()) == 1
        with pytest.raises(ReadOnlyError):
            store.append([event("run.started", "run:b")])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET actor = 'nobody'",
        "DELETE FROM event",
        "TRUNCATE event",
        "INSERT INTO event VALUES (7, '', '', '', '', '', '', '')",
    ],
)
def test_the_ledger_only_grows(address: str, change: str) -> None:
    with closing(PostgresStateStore(address, create=True)) as store:
        store.append([event("run.started", "run:a")])
        with pytest.raises(psycopg.errors.RaiseException, match=r"the ledger|ids of the ledger"):
            ask(address, change)
        assert store.problems() == ()
        assert list(store.breaks()) == []


def test_a_projection_that_was_altered_is_found(address: str) -> None:
    with closing(PostgresStateStore(address, create=True)) as store:
        store.append([begun(1)])
        ask(address, "UPDATE version SET state = 'published'")
        assert store.problems() == ("the table `version` is not what a replay of the ledger gives",)
        store.rebuild()
        assert store.problems() == ()


def break_connection(store: PostgresStateStore, address: str) -> None:
    ask(address, f"SELECT pg_terminate_backend({store._database._connection.info.backend_pid})")


def forget_runs_and_break(store: PostgresStateStore, address: str) -> None:
    with store._database.writing() as connection:
        connection.execute("DELETE FROM run")
        break_connection(store, address)
        connection.execute("DELETE FROM version")


def test_a_connection_that_broke_is_opened_again(address: str) -> None:
    with closing(PostgresStateStore(address, create=True)) as store:
        store.append([event("run.started", "run:a")])
        break_connection(store, address)
        assert len(store.events()) == 1
        break_connection(store, address)
        store.append([event("run.started", "run:b")])
        with pytest.raises(StateUnreachableError):
            forget_runs_and_break(store, address)
        assert len(store.runs()) == 2


def columns(store: StateStore) -> dict[str, list[str]]:
    """By table; the number of applied migrations is kept in its own way."""
    assert isinstance(store, SQLiteStateStore)
    with closing(sqlite3.connect(store.path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for (name,) in tables.fetchall()
        }


def test_both_engines_have_the_same_tables(address: str, tmp_path: Path) -> None:
    with closing(SQLiteStateStore(tmp_path / "state.db", create=True)) as store:
        wanted = columns(store)
    PostgresStateStore(address, create=True).close()
    query = (
        "SELECT table_name, column_name FROM information_schema.columns"
        f" WHERE table_schema = '{schema_of(address)}' ORDER BY table_name, ordinal_position"
    )
    found: dict[str, list[str]] = {}
    for table, column in ask(address, query):
        found.setdefault(str(table), []).append(str(column))
    assert found.pop("schema_version") == ["number"]
    assert found == wanted
    assert len(schema.migrations()) >= 7


@pytest.fixture(scope="module")
def kept(postgres: str) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(new_schema(postgres), create=True, busy_timeout_s=10)) as database:
        yield database


WRITE = "INSERT INTO measurement (version, dataset, series, value, text, error, taken_at) VALUES (1, 1, 1, ?, ?, ?, 0)"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    value=st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
    text=st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["\0", "\ufdd0", "\ufdd0\ufdd1\0%s?:a"]),
    error=st.floats(allow_nan=False),
)
def test_values_come_back_as_they_were(kept: PostgresDatabase, value: object, text: str, error: float) -> None:
    with kept.writing() as connection:
        connection.execute("DELETE FROM measurement")
        connection.execute(WRITE, (value, text, error))
    with kept.reading() as connection:
        row = connection.execute("SELECT value, text, error FROM measurement WHERE text = :text", {"text": text})
        found = row.fetchone()
    assert found == (value, text, error)
    assert [type(part) for part in found] == [type(value), str, float]


def test_a_statement_is_spelled() -> None:
    assert spelling.postgres("SELECT '?:a%' FROM t WHERE a = ? AND b = :name AND c LIKE 'x%'") == (
        "SELECT '?:a%%' FROM t WHERE a = %s AND b = %(name)s AND c LIKE 'x%%'"
    )
    assert all("max(version)" not in spelling.postgres(statement) for statement in spelling.SPELLED)


def test_a_number_keeps_its_kind_from_version_to_version(address: str) -> None:
    with closing(PostgresStateStore(address, create=True)) as store:
        store.append([begun(1)])
        save(store, 1, [number(1, 3, ROWS), number(1, 3.0, NULLS)])
        values = [m.value for m in store.numbers(1, ROWS.dataset)]
    assert sorted((type(v).__name__, v) for v in values) == [("float", 3.0), ("int", 3)]
