"""Which stretches of a table's rows are the same in two versions, told from where DuckDB stores them.

A candidate begins as a copy of its parent, and DuckDB never writes into a block that holds data: what changes is written
to other blocks. So two row groups whose columns lie at the same places of the same blocks, with the same checksums,
hold the same values. A deletion leaves the blocks as they are; it is told by the rows that are left.

Where the columns lie is asked of the engine once for each row group. What the file says of a row group is kept with the answer: as
long as it says the same, byte by byte, the engine would answer the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from tidegate.metrics import quoted
from tidegate.model import Dataset, Part
from tidegate.warehouses.content import checksums, logs_beside
from tidegate.warehouses.duckdb_metadata import Described, described, has_no_macros

if TYPE_CHECKING:
    import duckdb

LEAST_ROWS = 4 * 122_880
"""Rows from which a table is looked at by its parts: four row groups. Below, reading it costs little. Chosen, not derived."""

FIRST_MAJOR = 2
"""The release of DuckDB whose states of aggregates can be fetched and joined."""

Segment: TypeAlias = tuple[object, ...]
"""One row of STORED: a stretch of one column in one row group."""

STORED = """
SELECT row_group_id, column_name, column_path, segment_id, segment_type, count, compression, block_offset,
    CASE WHEN block_id < 0 THEN CAST(stats AS VARCHAR) END, list_prepend(block_id, additional_block_ids),
    has_updates OR NOT persistent
FROM pragma_storage_info($1, loaded_segments_only = $2)
"""

MARK_BYTES = 8
"""Of so many random bytes a row group's mark is: two of a million have the same with a probability of 3 in 100 million."""

MACROS = "SELECT count(*) FROM duckdb_functions() WHERE NOT internal AND database_name = $1"

DEARER = 4
"""How many times as much it costs to have a row group loaded and be told of it, as to be told of it among all. Measured: 5 ms
against 1.5, of 23 columns."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group: its rows, those among them that are deleted; a digest of where its columns lie; the blocks there."""

    rows: int
    digest: str
    blocks: tuple[int, ...]

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> _Group:
        first = segments[0][1:3]
        digest = blake2b(digest_size=16)
        for segment in segments:
            digest.update(repr(segment[1:-1]).encode())
        blocks = (block for segment in segments for block in cast("Sequence[int]", segment[-2]) if block >= 0)
        return cls(
            rows=sum(int(str(segment[5])) for segment in segments if segment[1:3] == first),
            digest=digest.hexdigest(),
            blocks=tuple(dict.fromkeys(blocks)),
        )

    @classmethod
    def noted(cls, rows: int, note: str) -> _Group:
        digest, *blocks = note.split()
        return cls(rows, digest, tuple(map(int, blocks)))

    @property
    def note(self) -> str:
        return " ".join([self.digest, *map(str, self.blocks)])

    def place(self, sums: Mapping[int, bytes], more: str) -> str:
        """A digest of where the columns lie and of the checksums of the blocks there."""
        text = b"".join([more.encode(), self.digest.encode(), *(sums[block] for block in self.blocks)])
        return blake2b(text, digest_size=16).hexdigest()


def parts(
    connection: duckdb.DuckDBPyConnection, database: Path, dataset: Dataset, *, engine: str, notes: dict[str, str]
) -> tuple[Part, ...]:
    """The row groups of a table, in their order; none where they cannot be told apart: with
    generated columns, or rows whose numbers do not follow from the row groups. Parts of two engines have no name in common.

    `notes` is what came of it in this version, or in the one that it began as, and becomes what is to be noted now: the mark of each row
    group, and which description of one in the file the engine explained how. The engine is asked of those that are not noted, and of one that is.

    Costs 0.1 ms for each row group of 20 columns that is noted, and a millisecond for others, whatever is in them.
    """
    if dataset.column("rowid") is not None or logs_beside(database):
        return ()
    table = f"{quoted(dataset.ref.namespace)}.{quoted(dataset.ref.name)}"
    marks = dict(notes)
    groups = _groups(connection, database, dataset, table, engine, notes)
    sizes = [group.rows for group in groups]
    left = _left(connection, table, sizes)
    if not left:
        return ()
    sums = checksums(database, {block for group in groups for block in group.blocks})
    places = [group.place(sums, f"{engine} {which}") for group, (_, _, which) in zip(groups, left, strict=True)]
    found = {place: marks.get(place) or os.urandom(MARK_BYTES).hex() for place in places}
    notes.update(found)
    return tuple(
        Part(name=f"{place} {found[place]}", rows=rows, first=first, end=first + group.rows)
        for place, group, (first, rows, _) in zip(places, groups, left, strict=True)
    )


def _groups(
    connection: duckdb.DuckDBPyConnection,
    database: Path,
    dataset: Dataset,
    table: str,
    engine: str,
    notes: dict[str, str],
) -> list[_Group]:
    """The row groups: from the file and the notes where both tell of them, else as the engine has them."""
    told = described(database, dataset.ref.namespace, dataset.ref.name, len(dataset.columns)) or []
    more = repr((engine, [(column.name, column.type) for column in dataset.columns]))
    keys = [blake2b(f"{more} {one.digest}".encode(), digest_size=16).hexdigest() for one in told]
    found = _noted(connection, dataset, table, told, [notes.get(key) for key in keys])
    if not found:
        asked = _asked(connection, dataset, table, loaded=False)
        found = [asked[at] for at in sorted(asked)]
    notes.clear()
    if [group.rows for group in found] == [one.rows for one in told]:
        notes.update(zip(keys, (group.note for group in found), strict=True))
    return found


def _noted(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    table: str,
    told: Sequence[Described],
    notes: Sequence[str | None],
) -> list[_Group]:
    """The row groups of which the file tells, by their notes; what has none is asked, and the last that has, for comparison.

    None of them where the engine says something else, or asking of all is as cheap.
    """
    found = {at: _Group.noted(one.rows, note) for at, (one, note) in enumerate(zip(told, notes, strict=True)) if note}
    last = max(found, default=None)
    ask = [at for at in range(len(told)) if at not in found or at == last]
    if not found or DEARER * len(ask) > len(told):
        return []
    columns = ", ".join(quoted(column.name) for column in dataset.columns)
    for at in ask:
        where = f"rowid >= {told[at].first} AND rowid < {told[at].first + told[at].rows}"
        connection.execute(f"SELECT {columns} FROM {table} WHERE {where} LIMIT 1").fetchall()  # noqa: S608 only quoted names and numbers
    asked = _asked(connection, dataset, table, loaded=True)
    if any(at not in asked or asked[at] != found.get(at, asked[at]) or asked[at].rows != told[at].rows for at in ask):
        return []
    return [asked.get(at) or found[at] for at in range(len(told))]


def _asked(connection: duckdb.DuckDBPyConnection, dataset: Dataset, table: str, *, loaded: bool) -> dict[int, _Group]:
    """The row groups as the engine has them, by their places: all, or only those `loaded` with all of their columns.

    None where they do not hold all columns, as generated ones, or changes that are not in the file yet.
    """
    rows = connection.execute(STORED, [table, loaded]).fetchall()
    names = {column.name for column in dataset.columns}
    groups = {place: tuple(group) for place, group in groupby(rows, key=lambda row: row[0])}
    whole = {place: group for place, group in groups.items() if {row[1] for row in group} == names}
    if any(row[-1] for row in rows) or (len(whole) < len(groups) and not loaded):
        return {}
    return {place: _Group.of(group) for place, group in whole.items()}


def engine_of(connection: duckdb.DuckDBPyConnection, catalog: str, database: Path) -> str | None:
    """The release that reads the file, None where its answers cannot be kept: with macros, whose meaning may change.

    The engine makes a list of all of its functions to tell of macros, which takes 17 ms, so the file is asked first.
    """
    ((release,),) = connection.execute("SELECT version()").fetchall()
    major = str(release).removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < FIRST_MAJOR:
        return None
    if not logs_beside(database) and has_no_macros(database):
        return str(release)
    ((macros,),) = connection.execute(MACROS, [catalog]).fetchall()
    return None if macros else str(release)


def _left(connection: duckdb.DuckDBPyConnection, table: str, sizes: Sequence[int]) -> list[tuple[int, int, str]]:
    """For each row group its first row number, how many of its rows are left, and which, as a digest where some are gone.

    Row groups are numbered without gaps where the last number is what their sizes add up to. With a gap, as where the
    oldest were removed, they are taken to follow one another up to the last number, if all of their rows are there.
    Empty where neither holds.
    """
    total, where = sum(sizes), f"FROM {table} WHERE rowid >="
    if not total:
        return []
    ((rows, beyond, last),) = connection.execute(
        f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) {where} {total}),"  # noqa: S608 only a quoted name and numbers
        f" (SELECT count(*) {where} {total - 1} AND rowid < {total})"
    ).fetchall()
    firsts = [0, *accumulate(sizes[:-1])]
    if not beyond and last and rows == total:
        return [(first, size, "") for first, size in zip(firsts, sizes, strict=True)]
    if not beyond and last:
        digest = "CAST(bit_xor(hash(rowid - {first})) AS VARCHAR)"
        found = [
            _of(connection, table, digest.format(first=first), first, size)
            for first, size in zip(firsts, sizes, strict=True)
        ]
        return [
            (first, left, which if left < size else "")
            for first, size, (left, which) in zip(firsts, sizes, found, strict=True)
        ]
    if rows != total:
        return []
    ((greatest,),) = connection.execute(f"SELECT max(rowid) FROM {table}").fetchall()  # noqa: S608 only a quoted name and numbers
    firsts = [first + greatest + 1 - total for first in firsts]
    found = [_of(connection, table, "''", first, size) for first, size in zip(firsts, sizes, strict=True)]
    if [left for left, _ in found] != list(sizes):
        return []
    return [(first, size, "") for first, size in zip(firsts, sizes, strict=True)]


def _of(connection: duckdb.DuckDBPyConnection, table: str, which: str, first: int, size: int) -> tuple[int, str]:
    sql = f"SELECT count(*), {which} FROM {table} WHERE rowid >= {first} AND rowid < {first + size}"  # noqa: S608 only a quoted name and numbers
    ((left, digest),) = connection.execute(sql).fetchall()
    return left, str(digest)
