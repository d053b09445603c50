"""What a version holds, told apart cheaply: a DuckDB file by its headers and checksums, its state by names and ends."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from hashlib import blake2b
from pathlib import Path

HEADER_BYTES = 4096
"""The main header and, behind it, two database headers that take turns: each commit raises an iteration counter."""

BLOCK_SIZE_AT = HEADER_BYTES + 40
"""Where the first database header has the size of a block, in 8 bytes, little end first."""

DEFAULT_BLOCK_BYTES = 262_144
SMALLEST_BLOCK_BYTES = 16_384

CHECKSUM_BYTES = 8
"""A block begins with the checksum of all that follows in it."""

END_BYTES = 4096
"""How much of both ends of a file counts in what identifies a folder; a cursor is smaller. Chosen, not derived."""

NOT_OURS = (".DS_Store", ".nfs")
"""How the names begin of what file managers and network file systems put into folders that they only look at."""

SAMPLED_BLOCKS = 1024
"""How many block checksums are read: all of them up to 256 MiB, evenly spread ones beyond. Chosen, not derived."""


def is_database(path: Path) -> bool:
    """Whether the file begins as every DuckDB file since 2019 does."""
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


def logs_beside(database: Path) -> tuple[Path, ...]:
    """The write-ahead logs of a database: commits that are not in the file yet. For a link, also those beside its file."""
    logs = (
        log
        for path in {database, database.resolve()}
        for log in path.parent.iterdir()
        if log.name.startswith(f"{path.name}.wal")
    )
    return tuple(sorted(logs))


def fingerprint(database: Path) -> str:
    """Identify what a database file and the logs beside it hold, in 32 hexadecimal digits.

    Every commit changes it: DuckDB writes a new header with a higher iteration, or a log. The headers of two files with
    the same history of commits can be equal, so the checksums of the blocks, which cover their content, go in too.
    Reading changes nothing, and neither does copying the file or setting its times. Not seen: bytes that were changed
    behind DuckDB's back without their checksum (DuckDB itself refuses such a block when it reads it), and,
    beyond SAMPLED_BLOCKS, another file of the same size and headers that differs in other blocks only.

    At most SAMPLED_BLOCKS + 2 small reads, whatever the size.

    Raises:
        OSError: the file cannot be read.
    """
    digest = blake2b(digest_size=16)
    descriptor = os.open(database, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        headers = os.pread(descriptor, 3 * HEADER_BYTES, 0)
        digest.update(size.to_bytes(8, "little") + headers)
        for offset in _checksum_offsets(size, headers):
            digest.update(os.pread(descriptor, CHECKSUM_BYTES, offset))
    finally:
        os.close(descriptor)
    for log in logs_beside(database):  # a log only grows
        digest.update(os.fsencode(log.name) + _ends(log))
    return digest.hexdigest()


def checksums(database: Path, blocks: Collection[int]) -> dict[int, bytes]:
    """The checksums of some blocks of a database file, by their numbers; a small read for each.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.open(database, os.O_RDONLY)
    try:
        block = _block_bytes(os.pread(descriptor, 3 * HEADER_BYTES, 0))
        return {n: os.pread(descriptor, CHECKSUM_BYTES, 3 * HEADER_BYTES + n * block) for n in sorted(blocks)}
    finally:
        os.close(descriptor)


def folder_fingerprint(folder: Path) -> str:
    """Identify what a folder holds, in 16 hexadecimal digits: names, links, lengths, and both ends of every file.

    Copying the folder or setting times changes nothing. Not seen: bytes in the middle of a file of more than twice
    END_BYTES whose length stays. One small read for each file; a folder that is not there is an empty one.

    Raises:
        OSError: a file cannot be read.
    """
    digest = blake2b(digest_size=8)
    for path in sorted(files_below(folder)):
        name = os.fsencode(path.relative_to(folder))
        digest.update(len(name).to_bytes(4, "little") + name)
        digest.update(os.fsencode(path.readlink()) if path.is_symlink() else _ends(path))
    return digest.hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Every file and symbolic link in a folder and in those below it; links are not followed."""
    for parent, folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in (*names, *folders) if not name.startswith(NOT_OURS)):
            if path.is_symlink() or path.is_file():
                yield path


def _block_bytes(headers: bytes) -> int:
    block = int.from_bytes(headers[BLOCK_SIZE_AT : BLOCK_SIZE_AT + 8], "little")
    return block if SMALLEST_BLOCK_BYTES <= block <= DEFAULT_BLOCK_BYTES else DEFAULT_BLOCK_BYTES


def _checksum_offsets(size: int, headers: bytes) -> range:
    block = _block_bytes(headers)
    blocks = max(0, size - 3 * HEADER_BYTES) // block
    every = -(-blocks // SAMPLED_BLOCKS) or 1
    return range(3 * HEADER_BYTES, 3 * HEADER_BYTES + blocks * block, every * block)


def _ends(path: Path) -> bytes:
    """Length, and the first and last END_BYTES of a file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(END_BYTES)
        file.seek(max(len(first), size - END_BYTES))
        return size.to_bytes(8, "little") + first + file.read()
