"""Which stretches of a table's rows are the same in two versions, told from where DuckDB stores them.

A candidate begins as a copy of its parent, and DuckDB never writes into a block that holds data: what changes is written
to other blocks. So two row groups whose columns lie at the same places of the same blocks, with the same checksums,
hold the same values. A deletion leaves the blocks as they are; it is told by the rows that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from tidegate.model import Dataset, Part
from tidegate.warehouses.content import checksums, logs_beside

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
FROM pragma_storage_info($1)
"""

MACROS = "SELECT count(*) FROM duckdb_functions() WHERE NOT internal AND database_name = $1"


def parts(connection: duckdb.DuckDBPyConnection, database: Path, dataset: Dataset, *, engine: str) -> tuple[Part, ...]:
    """The row groups of a table, in their order; none where they cannot be told apart: with
    generated columns, or rows whose numbers do not follow from the row groups. Parts of two engines have no name in common.

    Costs about a millisecond for each row group of 20 columns, whatever is in them.
    """
    if dataset.column("rowid") is not None or logs_beside(database):
        return ()
    table = f"{_quoted(dataset.ref.namespace)}.{_quoted(dataset.ref.name)}"
    stored = connection.execute(STORED, [table]).fetchall()
    if any(row[-1] for row in stored) or {row[1] for row in stored} != {column.name for column in dataset.columns}:
        return ()
    groups = [tuple(group) for _, group in groupby(stored, key=lambda row: row[0])]
    sizes = [_size(group) for group in groups]
    left = _left(connection, table, sizes)
    if not left:
        return ()
    sums = checksums(database, {block for row in stored for block in row[-2] if block >= 0})
    return tuple(
        Part(name=_name(group, sums, f"{engine} {which}"), rows=rows, first=first, end=first + size)
        for group, size, (first, rows, which) in zip(groups, sizes, left, strict=True)
    )


def engine_of(connection: duckdb.DuckDBPyConnection, catalog: str) -> str | None:
    """The release that reads the file, None where its answers cannot be kept: with macros, whose meaning may change."""
    ((release,),) = connection.execute("SELECT version()").fetchall()
    ((macros,),) = connection.execute(MACROS, [catalog]).fetchall()
    major = str(release).removeprefix("v").partition(".")[0]
    return str(release) if major.isdigit() and int(major) >= FIRST_MAJOR and not macros else None


def _size(group: Sequence[Segment]) -> int:
    """How many rows a row group has, those among them that are deleted: as many as its first column."""
    column = (group[0][1], group[0][2])
    return sum(int(str(segment[5])) for segment in group if (segment[1], segment[2]) == column)


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


def _name(group: Sequence[Segment], sums: Mapping[int, bytes], more: str) -> str:
    """A digest of where the columns of a row group lie and what the blocks there hold."""
    digest = blake2b(more.encode(), digest_size=16)
    for segment in group:
        blocks = cast("Sequence[int]", segment[-2])
        digest.update(repr(segment[1:-1]).encode())
        digest.update(b"".join(sums[block] for block in blocks if block >= 0))
    return digest.hexdigest()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
