"""The embedded warehouse: versions are DuckDB files in a folder, published by swapping a link."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from itertools import count, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import ComparisonError, DiskFullError, QueryError, TidegateError, WarehouseError
from tidegate.metrics import family_of, quoted
from tidegate.model import Column, Dataset, DatasetRef
from tidegate.ports import Answer, Capabilities
from tidegate.warehouses import adoption
from tidegate.warehouses.content import fingerprint, folder_fingerprint, logs_beside
from tidegate.warehouses.duckdb_parts import LEAST_ROWS, engine_of, parts
from tidegate.warehouses.duckdb_sessions import session, spoil
from tidegate.warehouses.duckdb_types import ZONED, aware, literal, without_zones
from tidegate.warehouses.folder import VersionFolder
from tidegate.warehouses.guard import Guard, no_writer, writer
from tidegate.warehouses.lock import WriterLock
from tidegate.warehouses.storage import can_clone, refusals

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    import numpy as np
    from numpy.typing import NDArray

    from tidegate.model import Part, Quarantined, Version
    from tidegate.ports import Candidate, Mark, Reader, Suspicion

LIMITS = {
    "compare views": "a view whose text names its own database, as dbt writes it, cannot be read by `compare` in a file"
    " of DuckDB 1.x, because two versions cannot both have that name; files of DuckDB 2.0 leave the name out",
    "infinite times": "DuckDB's client gives `infinity` as the last instant of the year 9999 and `-infinity` as the"
    " first of the year 1; other times outside these years come as text",
}

CATALOG = """
SELECT c.schema_name, c.table_name, r.is_view, r.size, r.collated, c.column_name, c.data_type
FROM duckdb_columns() AS c
JOIN (
    SELECT schema_name, table_name, false AS is_view, estimated_size AS size,
        sql ILIKE '% COLLATE %' AS collated
    FROM duckdb_tables()
    WHERE database_name = $1 AND NOT internal AND NOT temporary
    UNION ALL
    SELECT schema_name, view_name, true, NULL, true FROM duckdb_views()
    WHERE database_name = $1 AND NOT internal AND NOT temporary
) AS r ON r.schema_name = c.schema_name AND r.table_name = c.table_name
WHERE c.database_name = $1 AND c.schema_name NOT IN ('information_schema', 'pg_catalog')
ORDER BY c.schema_name, c.table_name, c.column_index
"""

READING = frozenset({"SELECT", "EXPLAIN", "PRAGMA"})
"""The kinds of statement that a reader runs, in DuckDB's words; WITH, FROM, DESCRIBE and SHOW are SELECT."""

MESSAGE_LINES = 3

PARTS = ("its database", "the state that travels with it")
"""What a version's fingerprint is made of, in this order, with hyphens in between. An earlier release took the first only."""

ROWS_OF_ONE_THREAD = 250_000
"""DuckDB hands out rows by 122,880; below two of these there is nothing to share. Chosen, not derived."""

WIDE = 200
"""Columns from which a table is scanned in several groups, and what was cached for one group is of no use to the next.
Chosen, not derived."""

CACHED_OF_WIDE = "256MB"
"""What stays cached between two statements where a table is that wide. A profile of 1,000 columns and 100,000 rows, a file of
0.39 GB, takes 0.8 GB without and 0.5 with it, at the same CPU."""

SERIALS = count()


class DuckDBWarehouse:
    """A folder of versions, each one DuckDB file called `database` with the state that travels with it.

    The driver is loaded by the first method that opens a database: `reader`, `compare`, and `seal` if a log is left.
    """

    def __init__(self, folder: Path, *, database: str) -> None:
        if database != Path(database).name or database.partition(".")[0].lower() in {"", "memory"}:
            raise WarehouseError(
                f"`{database}` cannot be the name of the warehouse's database file",
                hint="use a plain file name such as `shop.duckdb`; DuckDB keeps the name `memory` for itself",
            )
        self._name = database
        self._folder = VersionFolder(folder.absolute(), database)
        self._lock = WriterLock(self._folder.lock_path)
        self._sealed: dict[int, tuple[int, int]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """`reflink` is tried out on the file system at each call."""
        root = self._folder.root
        there = next(folder for folder in (root, *root.parents) if folder.is_dir())
        return Capabilities(dialect="duckdb", atomic_publish="set", reflink=can_clone(there), limits=LIMITS)

    @contextmanager
    def lock(self, *, owner: str, wait_s: float) -> Iterator[None]:
        self._lock.acquire(owner, wait_s)
        try:
            self._folder.sweep()
            yield
        finally:
            self._lock.release()

    def note_process(self, pgid: int) -> None:
        self._lock.note_step(pgid)

    def published(self) -> int | None:
        return self._folder.published()

    def kept(self) -> tuple[int, ...]:
        return self._folder.kept()

    def metadata(self, number: int) -> Mapping[str, object]:
        return self._folder.metadata(number)

    def adopt(self, database: Path, *, number: int, link_back: bool) -> Candidate:
        return self._folder.adopt(database, number, link_back=link_back)

    def begin(self, *, number: int, parent: int | None) -> Candidate:
        return self._folder.begin(number, parent)

    def receive(self, folder: Path, *, number: int) -> Candidate:
        return self._folder.receive(folder, number)

    def guard(self, others: Sequence[Path]) -> AbstractContextManager[None]:
        number = self.published()
        if number is None:
            return Guard(None, others)
        return Guard(self._folder.database(number), others, state=self._folder.state(number))

    def quarantine(
        self, number: int, ref: DatasetRef, suspicions: Sequence[Suspicion], *, mark: Mark, most: float
    ) -> Quarantined:
        from tidegate.warehouses.duckdb_quarantine import move

        database = self._folder.database(number)
        self._folder.demand_candidate(number)
        with session(self._folder.spill_path(next(SERIALS))) as connection:
            name = entered(connection, database, mode="READ_WRITE")
            _spread(connection, name)
            return move(asking(connection), name, ref, suspicions, mark=mark, most=most)

    def seal(self, number: int) -> str:
        database = self._folder.database(number)
        self._folder.end_writing(number)
        if logs_beside(database):
            _checkpoint(database)
        if logs := logs_beside(database):
            raise WarehouseError(
                f"`{logs[0]}` is still there after a checkpoint", hint="stop the program that writes to the candidate"
            )
        with refusals(f"seal version {number}"), no_writer(database):
            self._folder.flush(number)
            self._sealed[number] = _stamp(database)
            return self.fingerprint(number)

    def fingerprint(self, number: int) -> str:
        """The content's, and different from it when the file was replaced or touched since this object sealed it.

        So a byte that was changed behind DuckDB's back is noticed within a run. Later, and in another process, the
        content alone counts, so that a warehouse that was restored from a backup can be published.
        """
        database, state = self._folder.database(number), self._folder.state(number)
        with refusals(f"read version {number}"):
            content, stamp, travelling = fingerprint(database), _stamp(database), folder_fingerprint(state)
        is_touched = self._sealed.get(number, stamp) != stamp
        return f"{content}{f'+touched{stamp[1]}' if is_touched else ''}-{travelling}"

    def altered(self, number: int, fingerprint: str) -> tuple[str, ...]:
        present, then = self.fingerprint(number).split("-"), fingerprint.split("-")
        return tuple(part for part, new, old in zip(PARTS, present, then, strict=False) if new != old)

    def sandbox(self, folder: Path, versions: Sequence[int], *, published: int) -> DuckDBWarehouse:
        self._folder.show(folder, versions, published=published)
        return DuckDBWarehouse(folder, database=self._name)

    def fill(self, number: int, old: int, new: int, tables: Mapping[DatasetRef, str | None]) -> None:
        database = self._folder.database(number)
        self._folder.demand_candidate(number)
        with session(self._folder.spill_path(next(SERIALS))) as connection:
            name = entered(connection, database, mode="READ_WRITE")
            for alias, version in (("old", old), ("new", new)):
                _attach(connection, self._folder.database(version), name=alias)
            _spread(connection, "new")
            ask = asking(connection)
            for ref, sql in tables.items():
                table = f"{quoted(ref.namespace)}.{quoted(ref.name)}"
                ask(f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}.{quoted(ref.namespace)}")
                ask(f"CREATE OR REPLACE TABLE {quoted(name)}.{table} AS {sql or f'SELECT * FROM new.{table}'}")  # noqa: S608 only quoted names

    @contextmanager
    def reader(self, number: int) -> Iterator[Reader]:
        database = self._folder.database(number)
        with session(self._folder.spill_path(next(SERIALS))) as connection:
            name = entered(connection, database)
            _spread(connection, name)
            yield DuckDBReader(connection, name, database)

    def compare(self, old: int, new: int) -> AbstractContextManager[Reader]:
        return self._compared(self._folder.database(old), self._folder.database(new))

    def compare_with(self, old: int, folder: Path) -> AbstractContextManager[Reader]:
        return self._compared(self._folder.database(old), self._folder.foreign(folder))

    @contextmanager
    def _compared(self, old: Path, new: Path) -> Iterator[Reader]:
        with _pair(old, new, self._folder.spill_path(next(SERIALS))) as connection:
            yield DuckDBReader(connection, "new")

    def describe(self, version: Version, extra: Mapping[str, object]) -> None:
        self._folder.describe(version, extra)

    def publish(self, number: int) -> None:
        self._folder.publish(number)

    def unlinked(self, number: int) -> Path | None:
        return self._folder.unlinked(number)

    def link_back(self, number: int) -> bool:
        return self._folder.link_back(number)

    def let_original_be(self, number: int) -> None:
        self._folder.let_original_be(number)

    def written_at(self, original: Path) -> datetime | None:
        with refusals(f"look at `{original}`"):
            return adoption.written_at(original)

    def discard(self, number: int) -> None:
        self._folder.discard(number)
        self._sealed.pop(number, None)

    def state_folder(self, number: int) -> Path:
        return self._folder.state(number)

    def size_bytes(self, number: int) -> int:
        return self._folder.size_bytes(number)

    def public_path(self) -> Path:
        return self._folder.live_database


class DuckDBReader:
    """One connection over one version, or over two that are compared; `catalog` is the database that is listed, and
    `database` its file, without which nothing is said of parts; those of tables with fewer than `least_rows` neither.
    """

    dialect = "duckdb"

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        catalog: str,
        database: Path | None = None,
        *,
        least_rows: int = LEAST_ROWS,
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._database = database
        self._least_rows = least_rows
        self._is_wide = False

    def catalog(self) -> tuple[Dataset, ...]:
        rows = self._connection.execute(CATALOG, [self._catalog]).fetchall()
        found = tuple(_dataset(key, tuple(group)) for key, group in groupby(rows, key=lambda row: row[:5]))
        self._is_wide = any(len(dataset.columns) > WIDE for dataset in found)
        return found

    def parts(self, dataset: Dataset, notes: dict[str, str]) -> tuple[Part, ...]:
        if self._database is None or dataset.is_view or (dataset.rows or 0) < self._least_rows or self._engine is None:
            return ()
        return parts(self._connection, self._database, dataset, engine=self._engine, notes=notes)

    @cached_property
    def _engine(self) -> str | None:
        return None if self._database is None else engine_of(self._connection, self._catalog, self._database)

    def query(self, sql: str, *, timeout_s: float | None = None) -> Answer:
        """A statement that returns a TIMESTAMP WITH TIME ZONE runs twice, because its types are known only then."""
        import duckdb

        cpu_s, wall_s = _cpu_s(), time.perf_counter()
        try:
            with _interrupted_after(self._connection, timeout_s):
                self._connection.execute(self._one_that_reads(sql))
                described = self._connection.description or []
                types = [str(column[1]) for column in described]
                if any(ZONED in type_text for type_text in types):
                    self._connection.execute(without_zones(sql, types))
                rows = self._connection.fetchall()
                self._let_go()
        except duckdb.InterruptException as error:
            raise QueryError(f"the statement was broken off after {timeout_s or 0:g} s", sql=sql) from error
        except (duckdb.Error, ValueError, OverflowError) as error:  # the latter two for values that Python cannot hold
            raise QueryError(_first_lines(error), sql=sql) from error
        return Answer(
            columns=tuple(str(column[0]) for column in described),
            rows=aware(rows, types),
            cpu_s=_cpu_s() - cpu_s,
            wall_s=time.perf_counter() - wall_s,
        )

    def _let_go(self) -> None:
        """Give back what the engine caches of wide tables: it lets go of that only when its limit is lowered.

        No statement runs under the lower limit; where even less is not cached, nothing happens.
        """
        import duckdb

        if self._is_wide:
            with suppress(duckdb.OutOfMemoryException):  # what cannot be let go of stays
                self._connection.execute(f"SET memory_limit = '{CACHED_OF_WIDE}'")
            self._connection.execute("RESET memory_limit")

    def repeats(self, sql: str) -> Answer:
        """Sorted in numpy, which takes a twentieth of what DuckDB's GROUP BY does, and a tenth of its memory."""
        import numpy as np

        def repeated(values: NDArray[np.uint64]) -> int:
            again = values[1:][values[1:] == values[:-1]]
            return int(np.unique(again).size)

        return self._of_sorted("repeated", sql, repeated)

    def ascending(self, sql: str) -> Answer:
        return self._of_sorted("ascending", sql, lambda values: values.tobytes())

    def _of_sorted(self, name: str, sql: str, make: Callable[[NDArray[np.uint64]], object]) -> Answer:
        import duckdb

        cpu_s, wall_s = _cpu_s(), time.perf_counter()
        try:
            found = self._connection.execute(self._one_that_reads(sql)).fetchnumpy()
        except duckdb.Error as error:
            raise QueryError(_first_lines(error), sql=sql) from error
        (values,) = found.values()
        values.sort()
        return Answer(
            columns=(name,),
            rows=((make(values),),),
            cpu_s=_cpu_s() - cpu_s,
            wall_s=time.perf_counter() - wall_s,
        )

    def _one_that_reads(self, sql: str) -> duckdb.Statement:
        """The parsed statement; running it instead of its text parses once, a tenth of what a small table costs."""
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1:
            raise QueryError(f"`{len(statements)}` statements were given where one is run", sql=sql)
        kind = statements[0].type.name
        if kind not in READING:
            raise QueryError(f"a statement of the kind `{kind}` does not only read", sql=sql)
        if kind == "PRAGMA":
            spoil(self._connection)  # some of them change settings
        return statements[0]


@contextmanager
def _interrupted_after(connection: duckdb.DuckDBPyConnection, timeout_s: float | None) -> Iterator[None]:
    """Let DuckDB break off what it runs when the time is over."""
    timer = threading.Timer(timeout_s, connection.interrupt) if timeout_s is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


def _dataset(key: tuple[str, str, bool, int | None, bool], rows: tuple[tuple[str, ...], ...]) -> Dataset:
    namespace, name, is_view, size, collated = key
    return Dataset(
        ref=DatasetRef(namespace=namespace, name=name),
        columns=tuple(Column(name=row[5], type=row[6], family=family_of(row[6])) for row in rows),
        is_view=is_view,
        rows=size,
        collated=collated,
    )


def entered(connection: duckdb.DuckDBPyConnection, database: Path, *, mode: str = "READ_ONLY") -> str:
    """Attach a version alone, under the name that DuckDB derives for it unless that is ambiguous, and work in it."""
    _attach(connection, database, name=None, mode=mode)
    name = _attached(connection)
    if _is_ambiguous(connection, name):
        connection.execute(f"DETACH {quoted(name)}")
        name = f"{name} (the database)"
        _attach(connection, database, name=quoted(name), mode=mode)
    connection.execute(f"USE {quoted(name)}")
    return name


def asking(connection: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[object, ...]]]:
    """Run one statement and return its rows.

    Raises:
        QueryError: the engine refused it.
    """
    import duckdb

    def ask(sql: str) -> list[tuple[object, ...]]:
        try:
            return connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise QueryError(_first_lines(error), sql=sql) from error

    return ask


def _attach(
    connection: duckdb.DuckDBPyConnection, database: Path, *, name: str | None, mode: str = "READ_ONLY"
) -> None:
    import duckdb

    alias = f" AS {name}" if name else ""
    try:
        connection.execute(f"ATTACH {literal(str(database))}{alias} ({mode})")
    except duckdb.Error as error:
        raise _translated(error, database) from error


def _attached(connection: duckdb.DuckDBPyConnection) -> str:
    """The name that DuckDB derived for the attached database."""
    names = "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"
    ((name,),) = connection.execute(names).fetchall()
    return str(name)


def _is_ambiguous(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a schema has the database's name: DuckDB then refuses `shop.orders`, which could mean either."""
    same = "SELECT count(*) FROM duckdb_schemas() WHERE database_name = $1 AND lower(schema_name) = lower($1)"
    ((count_,),) = connection.execute(same, [name]).fetchall()
    return bool(count_)


def _spread(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Work on all processors where a table is large enough; among small ones that costs a fifth more than it saves."""
    largest = "SELECT max(estimated_size) FROM duckdb_tables() WHERE database_name = $1"
    ((rows,),) = connection.execute(largest, [name]).fetchall()
    if rows is not None and rows > ROWS_OF_ONE_THREAD:
        _work_on_all_processors(connection)


def _work_on_all_processors(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("RESET threads")
    spoil(connection)


def _checkpoint(database: Path) -> None:
    """Move what the logs hold into the file, in the storage version that the file has."""
    import duckdb

    try:
        connection = duckdb.connect(str(database), config={"autoinstall_known_extensions": "false"})
        try:
            connection.execute("CHECKPOINT").fetchall()
        finally:
            connection.close()
    except duckdb.Error as error:
        raise _translated(error, database) from error


def _translated(error: Exception, database: Path) -> TidegateError:
    """The error for what DuckDB said when it could not open or write a file; it has one class for all of these."""
    message = str(error)
    if "No space left" in message:
        return DiskFullError(f"cannot write `{database}`: {_first_lines(error)}")
    if "Could not set lock" in message:
        hint = "stop the program that has it open; a step may have left a process behind"
        return WarehouseError(f"{writer(database)} has `{database}` open for writing", hint=hint)
    if "newer version" in message:
        hint = "install a newer duckdb beside tidegate: `pip install --upgrade duckdb`"
        return WarehouseError(f"`{database}` was written by a newer DuckDB: {_first_lines(error)}", hint=hint)
    hint = "if the file is damaged, restore it from a backup, or go back to a kept version with `tidegate rollback`"
    return WarehouseError(f"cannot open `{database}`: {_first_lines(error)}", hint=hint)


def _first_lines(error: Exception) -> str:
    """What the engine said up to the first empty line; behind it come the statement and general advice."""
    paragraph = str(error).strip().partition("\n\n")[0]
    return " ".join(line.strip() for line in paragraph.splitlines()[:MESSAGE_LINES])


def _stamp(database: Path) -> tuple[int, int]:
    status = database.stat()
    return status.st_ino, status.st_mtime_ns


def _cpu_s() -> float:
    """CPU seconds of this process, the engine's threads included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _pair(old: Path, new: Path, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session over two databases, as the catalogs `old` and `new`."""
    with session(spill) as connection:
        for name, database in (("old", old), ("new", new)):
            _attach(connection, database, name=name)
        connection.execute("USE new")
        _spread(connection, "new")
        yield connection


@contextmanager
def open_pair(old: Path, new: Path, spill: Path) -> Iterator[tuple[DuckDBReader, DuckDBReader]]:
    """Open two files that are versions of different warehouses: readers whose catalogs list the old and the new one, in one
    session that has them as `old` and `new`.
    """
    with _pair(old, new, spill) as connection:
        yield DuckDBReader(connection, "old"), DuckDBReader(connection, "new")


@contextmanager
def open_file(database: Path, spill: Path) -> Iterator[DuckDBReader]:
    """Open a DuckDB file that is no version, for reading."""
    with session(spill) as connection:
        name = entered(connection, database)
        _spread(connection, name)
        yield DuckDBReader(connection, name)


@contextmanager
def open_rows(function: str, pattern: str, name: str, spill: Path) -> Iterator[DuckDBReader]:
    """Open a file of rows, or several as one, as the table `main.NAME`; `function` is the one of DuckDB that reads it.

    Raises:
        QueryError: it cannot be read as such.
    """
    with session(spill) as connection:
        _work_on_all_processors(connection)
        ask = asking(connection)
        ask(f"CREATE VIEW {quoted(name)} AS SELECT * FROM {function}({literal(pattern)})")  # noqa: S608 only quoted names
        yield DuckDBReader(connection, "memory")


@contextmanager
def open_postgres(url: str, spill: Path) -> Iterator[DuckDBReader]:
    """Open a PostgreSQL database through DuckDB's `postgres` extension; the rows that are looked at come over the network.

    Raises:
        ComparisonError: the extension is not installed, or the server refuses.
    """
    import duckdb

    with session(spill) as connection:
        spoil(connection)
        try:
            connection.execute("LOAD postgres")
        except duckdb.Error as error:
            raise ComparisonError(
                f"`{url.partition('@')[2] or 'PostgreSQL'}` cannot be read: DuckDB {duckdb.__version__} on this machine lacks"
                " its `postgres` extension",
                hint="where there is a network, `python -c \"import duckdb; duckdb.sql('INSTALL postgres')\"` fetches it once;"
                " without one, compare an export of the table, such as a CSV or Parquet file",
            ) from error
        try:
            connection.execute(f"ATTACH {literal(url)} AS source (TYPE postgres, READ_ONLY)")
            connection.execute("USE source")
        except duckdb.Error as error:
            raise ComparisonError(f"PostgreSQL cannot be read: {_first_lines(error)}") from error
        yield DuckDBReader(connection, "source")
