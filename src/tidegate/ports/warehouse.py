"""What Tidegate asks of a warehouse: catalogue and queries of one version, and the life of versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tidegate.model import Dataset, DatasetRef, Part, Quarantined, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can do, as data. `atomic_publish` is `set`, `table` or `none`; `limits` says why something lacks."""

    dialect: str
    atomic_publish: str
    reflink: bool
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a statement returned, all of it, and what it cost in seconds."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version that is being built.

    `database` is the file (or URL) that the steps write; `stable_database` is a path to the same file that is the same
    in every run (dbt's partial parsing depends on it) and leads there until `seal`; `state` is the folder that travels
    with the version. `copied_bytes` and `copy_s` say what the copy of the parent cost, `copy_method` is reflink, copy or
    none.
    """

    number: int
    parent: int | None
    folder: Path
    database: Path
    stable_database: Path
    state: Path
    copied_bytes: int
    copy_s: float
    copy_method: str


ROW = "tidegate_row"
"""The further column by which `Warehouse.quarantine` knows a row again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Rows that a check does not want. `failing` gives, for the name of a relation that has the table's columns and ROW,
    the SELECT of the failing rows; ROW must be among its columns, other columns may be too.
    """

    check: str
    reason: str
    failing: Callable[[DatasetRef], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is kept beside a row in quarantine: the run that moved it, its version, the last load if known, and the time."""

    run: str
    version: int
    load: str | None
    at: datetime


class Reader(Protocol):
    """Reads one version; open it only as long as needed, and in one thread.

    Values come back as Python values, times aware in UTC (one without a zone is read as UTC). A time that Python cannot
    hold comes as text.
    """

    def catalog(self) -> tuple[Dataset, ...]:
        """List every table and view outside the engine's own schemas, ordered by name. Reads no data."""

    def parts(self, dataset: Dataset, notes: dict[str, str]) -> tuple[Part, ...]:
        """Cut a table into stretches of rows by which a later version can be told to hold the same rows: in the order of
        their row numbers, every row in one. Empty where the engine cannot tell, or reading the table is as cheap. Reads
        a few rows at most.

        `notes` are what the reader left there in this version, or in the one that this one began as, and nothing in any other
        case: only what they tell of may have the name of an earlier part.
        """

    def query(self, sql: str, *, timeout_s: float | None = None) -> Answer:
        """Run one statement that only reads; with a timeout it is broken off after that many seconds.

        Raises:
            QueryError: the engine refused it, it took too long, or it is not one statement that reads; carries the SQL.
        """

    def repeats(self, sql: str) -> Answer:
        """How many different values of the one column that a statement returns, unsigned 64-bit integers without NULL,
        come more than once: one row of one number. Takes 8 bytes of memory a row, twice.

        Raises:
            QueryError: as `query`.
        """

    def ascending(self, sql: str) -> Answer:
        """The values of the one column that a statement returns, unsigned 64-bit integers without NULL, in ascending order:
        one row of their bytes, in the machine's order, 8 a value. Takes as much memory, twice.

        Raises:
            QueryError: as `query`.
        """


class Warehouse(Protocol):
    """A warehouse whose versions are built aside, published in one step, and can be put back.

    Numbers are given by the caller (the ledger allocates them) and never used twice. Every method is idempotent, so
    that the caller can repeat it after a crash.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def lock(self, *, owner: str, wait_s: float) -> AbstractContextManager[None]:
        """Hold the one writer's lock. A lock whose owner is dead is taken over, and the dead owner's steps are stopped.

        Raises:
            WarehouseLockedError: a living owner still holds it after `wait_s` seconds.
            ReadOnlyError: the folder cannot be written.
        """

    def note_process(self, pgid: int) -> None:
        """Record, beside the lock, the process group of the step that runs, so that a take-over can stop it."""

    def published(self) -> int | None:
        """The number that readers see now, None before the first publication."""

    def kept(self) -> tuple[int, ...]:
        """The numbers whose data is on disk, ascending."""

    def metadata(self, number: int) -> Mapping[str, object]:
        """The `version.json` of a kept version; empty when it has none.

        Raises:
            VersionNotFoundError: not kept.
        """

    def adopt(self, database: Path, *, number: int, link_back: bool) -> Candidate:
        """Make a copy of an existing database the content of version `number`; with `link_back` remember that the
        method of that name is to replace the original by a link.

        Raises:
            DatabaseNotFoundError: no such file, or it is no database.
            WarehouseError: it is open for writing, or has commits in a log beside it.
        """

    def unlinked(self, number: int) -> Path | None:
        """The database that kept version `number` was adopted from and that `link_back` has still to replace, or None."""

    def link_back(self, number: int) -> bool:
        """Replace that database by a link to the live file, once the version is live; the original stays beside the link.

        Returns:
            False when it is not what was adopted any more: it was written, or is gone. It is left alone then, and
            still to be replaced. True when it is a link, or was never to be one.

        Raises:
            WarehouseError: somebody has it open for writing.
        """

    def let_original_be(self, number: int) -> None:
        """Forget that the database which version `number` was adopted from was to be replaced by a link."""

    def written_at(self, original: Path) -> datetime | None:
        """When a database that may be adopted was last written, also into its log; None when it is a link, or is gone."""

    def begin(self, *, number: int, parent: int | None) -> Candidate:
        """Make a candidate: a copy of the parent with its travelling state, or an empty folder when there is no parent.

        A candidate that has this number already is replaced.

        Raises:
            VersionNotFoundError: the parent is not kept.
            WarehouseError: the number is published or was judged (its `version.json` says so), or the parent is being written.
            DiskFullError: no space; what was copied is removed.
        """

    def receive(self, folder: Path, *, number: int) -> Candidate:
        """Make a candidate that is a copy of a version of another warehouse of the same kind, with its travelling state.

        Args:
            folder: that version's folder, the parent of its `state_folder`; nobody writes to it meanwhile.

        Raises:
            DatabaseNotFoundError: there is no database of this warehouse's name.
            WarehouseError: the number is published or was judged, or the version is being written.
            DiskFullError: as `begin`.
        """

    def guard(self, others: Sequence[Path]) -> AbstractContextManager[None]:
        """Keep the published version, and the existing files among `others`, from being written while it is held. What
        cannot be kept from it, such as the state that travels with the published version, is compared.

        Raises:
            WarehouseError: on entering, somebody has the published version open for writing.
            StepEscapedError: on leaving, one of them changed all the same, or one that was not there exists now; raised
                from the body's own error if it had one.
        """

    def quarantine(
        self, number: int, ref: DatasetRef, suspicions: Sequence[Suspicion], *, mark: Mark, most: float
    ) -> Quarantined:
        """Move the failing rows of a candidate's table into `quarantine_table(ref)`: all of them, in one transaction, or,
        when they are more than the share `most` (0 to 1) of the table's rows, none.

        That table has the columns of `ref`, and the texts `_tidegate_check` and `_tidegate_reason` (several are
        joined by `; `), `_tidegate_run`, `_tidegate_load`, the integer `_tidegate_version` and the UTC time
        `_tidegate_at`. Rows that are kept there because of the same checks, with the same values, are not kept again,
        each counted once. New columns are added to it; when a column's type changed it is renamed with `__until_` and
        the version, and begun anew. Call it before `seal`.

        Raises:
            QueryError: the engine cannot say which rows fail, or refuses to move them; nothing was changed.
            WarehouseError: the version is no candidate any more, or another process has it open for writing.
            VersionNotFoundError, DatabaseNotFoundError: there is nothing to look at.
        """

    def seal(self, number: int) -> str:
        """End the writing: the steps' path leads nowhere, what they wrote is in the file and on the disk. Returns the
        fingerprint. Cost independent of the size of the data.

        Raises:
            DatabaseNotFoundError: the steps made no database.
            WarehouseError: a process that the steps left behind has it open for writing.
        """

    def fingerprint(self, number: int) -> str:
        """Identify the present content of a kept version, with its travelling state; equal to what `seal` gave only if
        nothing wrote since.
        """

    def altered(self, number: int, fingerprint: str) -> tuple[str, ...]:
        """What of a kept version is not what it was when `seal` gave that fingerprint, in words; empty when nothing is."""

    def reader(self, number: int) -> AbstractContextManager[Reader]:
        """Open a kept version for reading.

        Raises:
            VersionNotFoundError: not kept.
        """

    def compare(self, old: int, new: int) -> AbstractContextManager[Reader]:
        """Open two kept versions in one reader, as the catalogs `old` and `new`; its `catalog` lists `new`."""

    def compare_with(self, old: int, folder: Path) -> AbstractContextManager[Reader]:
        """Like `compare`, with a version of another warehouse of the same kind as `new`; see `receive`."""

    def describe(self, version: Version, extra: Mapping[str, object]) -> None:
        """Write `version.json`, whole or not at all."""

    def publish(self, number: int) -> None:
        """Let readers see version `number`, all tables at once; what they have open keeps its snapshot.

        Raises:
            VersionNotFoundError, DatabaseNotFoundError: there is nothing to publish.
            WarehouseError: it was written since it was sealed.
        """

    def discard(self, number: int) -> None:
        """Remove the data of a version; the published one is refused with WarehouseError."""

    def state_folder(self, number: int) -> Path:
        """The folder that travels with a kept version: dlt's working directory, dbt's artifacts.

        Raises:
            VersionNotFoundError: not kept.
        """

    def size_bytes(self, number: int) -> int:
        """What a kept version takes on disk."""

    def public_path(self) -> Path:
        """What readers open: the live database file."""
