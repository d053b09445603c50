"""The state store in a schema of a PostgreSQL database, for a team that shares one."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.types.string import StrDumperUnknown, TextLoader

from tidegate.errors import (
    DiskFullError,
    ReadOnlyError,
    StateCorruptError,
    StateError,
    StateTooNewError,
    StateUnreachableError,
    TidegateError,
)
from tidegate.state import projections
from tidegate.state.connection import Connection, Values
from tidegate.state.database import DAMAGED, SQLiteDatabase
from tidegate.state.schema import FOLDER
from tidegate.state.spelling import postgres
from tidegate.state.store import DatabaseStateStore

SCHEMA = "tidegate"
"""The schema that is used when the address names none."""

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
"""One writer at a time in a schema, as SQLite has it: a projection is read and written back."""

APPLIED = "schema_version"
CONNECT_TIMEOUT_S = 10


class PostgresStateStore(DatabaseStateStore):
    """A state store in the schema that `?schema=` of a `postgresql://` address names, `tidegate` without one.

    With `create` the schema and its tables are made when they are missing, and brought up to date. Without it a missing
    schema reads as an empty store, nothing is made, and writing to it raises StateError.

    Raises:
        StateUnreachableError: no server answers there, or it refuses the user.
        StateTooNewError: a later release wrote the schema.
        ReadOnlyError: the user may not make the schema.
    """

    def __init__(self, address: str, *, create: bool = False, busy_timeout_s: float = 10.0) -> None:
        super().__init__(PostgresDatabase(address, create=create, busy_timeout_s=busy_timeout_s))


class PostgresDatabase:
    """A connection to a PostgreSQL server that threads may share; a connection that broke is opened again at the next use."""

    def __init__(self, address: str, *, create: bool, busy_timeout_s: float) -> None:
        self._address, self.schema = _split(address)
        self.shown = _without_password(self._address)
        self._create = create
        self._busy_timeout_s = busy_timeout_s
        self._turn = threading.RLock()
        self._nothing: SQLiteDatabase | None = None
        self._present = False
        self._connection = self._open()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._turn, self._explained():
            if not self._is_there():
                with self._empty().reading() as nothing:
                    yield nothing
                return
            connection = self._begun(READ)
            try:
                yield _Spelled(connection)
            except DAMAGED as error:
                raise self._unreadable(error) from error
            finally:
                _roll_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._turn, self._explained():
            if not self._is_there():
                raise StateError(
                    f"there is no schema `{self.schema}` at `{self.shown}` to write to",
                    hint="run `tidegate run`, which makes it",
                )
            connection = self._begun("BEGIN")
            try:
                self._take_turn(connection)
                yield _Spelled(connection)
                connection.execute("COMMIT")
            except BaseException as error:
                _roll_back(connection)
                if isinstance(error, OverflowError | UnicodeEncodeError | psycopg.DataError):
                    raise StateError(f"a value cannot be kept in `{self.shown}`: {error}") from error
                if isinstance(error, ValueError):
                    raise self._unreadable(error) from error
                raise

    def damage(self, connection: Connection) -> Sequence[str]:
        """PostgreSQL looks after its pages itself, and its foreign keys hold."""
        del connection
        return ()

    def copy_to(self, path: Path) -> None:  # noqa: ARG002  nothing is written
        raise StateError(
            f"the shared state `{self.shown}` cannot be copied into a file",
            hint="play drills in a project that keeps its state in a file (without `state:`)",
        )

    def close(self) -> None:
        with self._turn:
            self._connection.close()
            if self._nothing is not None:
                self._nothing.close()

    def _open(self) -> psycopg.Connection[Any]:
        with self._explained():
            connection = psycopg.connect(
                self._address,
                autocommit=True,  # transactions are begun by hand
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="tidegate",
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        _adapt(connection)
        connection.execute("SELECT set_config('search_path', quote_ident(%s), false)", (self.schema,))
        if self._create:
            self._migrate(connection)

    def _begun(self, begin: LiteralString) -> psycopg.Connection[Any]:
        """Begin a transaction; where the connection broke since the last one, as an idle one may in a long run, on a new one."""
        try:
            self._connection.execute(begin)
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = self._open()
            self._connection.execute(begin)
        return self._connection

    def _is_there(self) -> bool:
        """Whether the schema is; it is looked for again at each use, as another process may make it."""
        if self._connection.closed:
            self._connection, self._present = self._open(), False
        if not self._present:
            self._present = self._version(self._connection) > 0
        return self._present

    def _empty(self) -> SQLiteDatabase:
        """What a store that is not there reads as."""
        if self._nothing is None:
            nowhere = Path("/nonexistent/tidegate-state.db")
            self._nothing = SQLiteDatabase(nowhere, create=False, busy_timeout_s=0, replay=projections.replay)
        return self._nothing

    def _version(self, connection: psycopg.Connection[Any]) -> int:
        table = connection.execute(
            "SELECT to_regclass(quote_ident(%s) || '.' || %s)", (self.schema, APPLIED)
        ).fetchone()
        if table is None or table[0] is None:
            return 0
        (found,) = connection.execute(f"SELECT coalesce(max(number), 0) FROM {APPLIED}").fetchone() or (0,)
        newest = len(migrations())
        if found > newest:
            raise StateTooNewError(
                f"the schema `{self.schema}` at `{self.shown}` has version {found}; this release knows up to {newest}"
            )
        return int(found)

    def _migrate(self, connection: psycopg.Connection[Any]) -> None:
        """Apply what is missing in one transaction; safe while another process does the same."""
        if self._version(connection) == len(migrations()):
            return
        connection.execute("BEGIN")
        try:
            self._take_turn(connection)
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.schema)))
            connection.execute(f"CREATE TABLE IF NOT EXISTS {APPLIED} (number bigint PRIMARY KEY)")
            for number, script in list(enumerate(migrations(), start=1))[self._version(connection) :]:
                connection.execute(script.encode())
                connection.execute(f"INSERT INTO {APPLIED} (number) VALUES (%s)", (number,))
            projections.replay(_Spelled(connection))
            connection.execute("COMMIT")
        finally:
            _roll_back(connection)

    def _take_turn(self, connection: psycopg.Connection[Any]) -> None:
        milliseconds = max(1, round(self._busy_timeout_s * 1000))
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{milliseconds}ms",))
        connection.execute(TURN, (f"tidegate state {self.schema}",))

    def _unreadable(self, error: Exception) -> StateCorruptError:
        return StateCorruptError(
            f"`{self.shown}` holds a value that cannot be read: {error}",
            hint="restore the database from a backup; the versions in the warehouse are not affected",
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._explain(error) from error

    def _explain(self, error: psycopg.Error) -> TidegateError:
        detail = str(error).strip().replace("\n", " ")
        for kinds, meaning in MEANINGS.items():
            if isinstance(error, kinds):
                return meaning(self.shown, detail, self._busy_timeout_s)
        return StateError(f"`{self.shown}` could not be used ({detail})", hint="see the log of the PostgreSQL server")


def migrations() -> tuple[str, ...]:
    """The scripts in their order; the first is number 1."""
    return tuple(file.read_text(encoding="utf-8") for file in sorted((FOLDER / "postgres").glob("[0-9]*.sql")))


MEANINGS: Mapping[tuple[type[psycopg.Error], ...], Callable[[str, str, float], TidegateError]] = {
    (psycopg.errors.LockNotAvailable,): lambda shown, _, wait: StateError(
        f"`{shown}` is in use by another process; gave up after {wait:g} s",
        hint="wait for the other tidegate command to end, then run this one again; nothing was written",
    ),
    (psycopg.errors.DiskFull,): lambda shown, detail, _: DiskFullError(
        f"no space is left to write `{shown}` ({detail})", hint="free space on the disk of the server, then run again"
    ),
    (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction): lambda shown, detail, _: (
        ReadOnlyError(
            f"`{shown}` cannot be written ({detail})",
            hint="grant the user CREATE on the database, or make the schema for it; a standby cannot be written",
        )
    ),
    (psycopg.OperationalError,): lambda shown, detail, _: StateUnreachableError(
        f"`{shown}` does not answer ({detail})"
    ),
}
"""What the driver's errors mean to the user, the first that fits."""


class _Spelled:
    """Runs the statements of the store in PostgreSQL's spelling."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(postgres(statement).encode(), values or ())

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(postgres(statement).encode(), rows)


NUL, ESCAPE, ESCAPED_NUL, ESCAPED_ESCAPE = "\0", "\ufdd0", "\ufdd0\ufdd1", "\ufdd0\ufdd2"
"""PostgreSQL's texts cannot hold U+0000. Unicode keeps U+FDD0 and its neighbours for such inner use."""


class _Text(StrDumperUnknown):
    """Written without a type, so that a column makes of it what it is, as SQLite's columns do."""

    def dump(self, obj: str) -> Buffer | None:
        if NUL in obj or ESCAPE in obj:
            obj = obj.replace(ESCAPE, ESCAPED_ESCAPE).replace(NUL, ESCAPED_NUL)
        return super().dump(obj)


class _Read(TextLoader):
    """A text as it was written."""

    def load(self, data: Buffer) -> bytes | str:
        text = super().load(data)
        if isinstance(text, str) and ESCAPE in text:
            return text.replace(ESCAPED_NUL, NUL).replace(ESCAPED_ESCAPE, ESCAPE)
        return text


class _WholeNumber(Dumper):
    """Written without a type, like a text."""

    def dump(self, obj: int) -> Buffer:
        return str(obj).encode()


class _Fraction(Dumper):
    """A float always has a point, by which it is told from an integer when it is read."""

    def dump(self, obj: float) -> Buffer:
        if not math.isfinite(obj):
            return str(obj).encode()
        text = format(Decimal(repr(obj)), "f")
        return (text if "." in text else f"{text}.0").encode()


class _Number(Loader):
    """A `numeric` as what was written: an integer, or the float whose shortest digits these are."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


def _adapt(connection: psycopg.Connection[Any]) -> None:
    connection.adapters.register_dumper(str, _Text)
    connection.adapters.register_dumper(int, _WholeNumber)
    connection.adapters.register_dumper(float, _Fraction)
    connection.adapters.register_loader("text", _Read)
    connection.adapters.register_loader("numeric", _Number)


def _roll_back(connection: psycopg.Connection[Any]) -> None:
    if connection.closed or connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        return
    with contextlib.suppress(psycopg.OperationalError):  # the server is gone, and the transaction with it
        connection.execute("ROLLBACK")


def _split(address: str) -> tuple[str, str]:
    """The address for the driver, and the schema, which is ours."""
    parts = urlsplit(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(options).get("schema") or SCHEMA
    rest = urlencode([(name, value) for name, value in options if name != "schema"])
    return f"{parts.scheme}://{parts.netloc}{parts.path}{'?' if rest else ''}{rest}", schema


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    user, at, place = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{place}{parts.path}"
