"""How a DuckDB file describes the row groups of a table, read from the file itself: a tenth of what asking costs.

Behind the headers a file consists of blocks. Some hold 64 pages of metadata, each with a pointer to the next and then
fields: a number of two bytes, and a value whose kind the number tells; integers have seven bits a byte, the lowest
first, and an object ends with 0xFFFF. The catalogue names, for each table, the page where its statistics and then its row
groups are listed; a row group names the pages that describe its columns. A page that something names is never written to.

Nothing is said of a file of another format, nor where anything but what is expected is met. Source: DuckDB 2.0,
`src/storage` (`metadata/metadata_manager.cpp`, `checkpoint_manager.cpp`, `checkpoint/table_data_writer.cpp`,
`table/row_group.cpp`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from tidegate.warehouses.content import DEFAULT_BLOCK_BYTES, HEADER_BYTES, SMALLEST_BLOCK_BYTES

FORMATS: Final = frozenset({(999, 69)})
"""The versions of storage, and of what is written into it, that are known: those that DuckDB 2.0 gives new files."""

VERSION_AT: Final = 12
PAGES: Final = 64
NOWHERE: Final = (1 << 64) - 1
NO_POINTER: Final = 1 << 63
"""Numbers among pointers that name a column and no page have this bit."""

INTEGER: Final = rb"[\x80-\xff]*[\x00-\x7f]"
POINTER: Final = b"d\x00(?P<page>%b)(?:e\x00%b)?\xff\xff" % (INTEGER, INTEGER)
PAGE_OF: Final = re.compile(POINTER, re.DOTALL)
PLACE: Final = re.compile(
    b"e\x00d\x00(%b)(?:e\x00(%b))?\xff\xfff\x00(%b)g\x00" % (INTEGER, INTEGER, INTEGER), re.DOTALL
)
"""What stands behind the columns of a table: the page and offset of its list, and how many rows it has."""

ANOTHER: Final = b"\xff\xff\xc8\x00"
"""What stands before the name of every table in the catalogue, and nowhere between a name and the PLACE that belongs to it."""

ENTRIES: Final = re.compile(b"d\x00(%b)" % INTEGER, re.DOTALL)
ENTRY: Final = re.compile(rb"c\x00(?P<kind>[\x01-\x7f])d\x00\x01d\x00(?P=kind)", re.DOTALL)
"""What the catalogue begins with, the number of its entries, and what each of these begins with."""

WITHOUT_SQL: Final = frozenset(b"\x01\x02\x03\x06\x08")
"""The kinds of entries that are tables, schemas, views, sequences and types; macros are others."""

END: Final = b"\xff\xff"
AHEAD_BYTES: Final = 4096
AHEAD_OF_A_COLUMN_BYTES: Final = 128
"""How much is read ahead of a row group's description, and for each column; one that is longer is not understood."""


@dataclass(frozen=True, slots=True)
class Described:
    """A row group as a file describes it: its first row number, how many rows it has, those among them that are deleted,
    and a digest of all bytes by which the engine finds its columns.
    """

    first: int
    rows: int
    digest: str


class _UnexpectedError(ValueError):
    """The file has something else than what is known of its format."""


def described(database: Path, namespace: str, name: str, columns: int) -> list[Described] | None:
    """The row groups of a table that has so many columns, in their order; None where the file does not tell.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.open(database, os.O_RDONLY)
    try:
        pages = _Pages(descriptor)
        page, offset, rows = _place(b"".join(pages.following(pages.root)), namespace, name)
        groups = list(_listed(pages, pages.following(page, offset), columns))
    except _UnexpectedError:
        return None
    finally:
        os.close(descriptor)
    return groups if sum(group.rows for group in groups) == rows else None


def has_no_macros(database: Path) -> bool:
    """Whether a file tells that it has no macro: its catalogue has as many tables, schemas, views, sequences and types as it has
    entries, and no entry of another kind is met. False where it does not tell.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.open(database, os.O_RDONLY)
    try:
        pages = _Pages(descriptor)
        catalogue = b"".join(pages.following(pages.root))
    except _UnexpectedError:
        return False
    finally:
        os.close(descriptor)
    counted, kinds = ENTRIES.match(catalogue), [found["kind"][0] for found in ENTRY.finditer(catalogue)]
    return counted is not None and WITHOUT_SQL.issuperset(kinds) and len(kinds) == _integer(counted[1])[0]


class _Pages:
    """The pages of metadata of a file, by their pointers: the block in 56 bits, and which of its pages in the 8 above."""

    def __init__(self, descriptor: int) -> None:
        headers = os.pread(descriptor, 3 * HEADER_BYTES, 0)
        databases = [_numbers(headers, start + 8, 7) for start in (HEADER_BYTES, 2 * HEADER_BYTES)]
        _, self.root, _, self._blocks, self._block, _, kind = max(databases)
        known = (_numbers(headers, VERSION_AT, 1)[0], kind) in FORMATS
        if not known or not SMALLEST_BLOCK_BYTES <= self._block <= DEFAULT_BLOCK_BYTES:
            raise _UnexpectedError
        self._descriptor = descriptor
        self._page = (self._block - 8) // PAGES // 8 * 8
        self._digests: dict[int, bytes] = {}

    def page(self, pointer: int) -> bytes:
        """A whole page: the pointer to the next one, and what it holds."""
        block, which = pointer & ((1 << 56) - 1), pointer >> 56
        at = 3 * HEADER_BYTES + block * self._block + 8 + which * self._page
        found = os.pread(self._descriptor, self._page, at) if which < PAGES and block < self._blocks else b""
        if len(found) != self._page:
            raise _UnexpectedError
        return found

    def digest(self, pointer: int) -> bytes:
        """A digest of a page, which may describe several row groups."""
        found = self._digests.get(pointer)
        if found is None:
            self._digests[pointer] = found = blake2b(self.page(pointer), digest_size=16).digest()
        return found

    def following(self, pointer: int, offset: int = 8) -> Iterator[bytes]:
        """What stands from an offset of a page to the end of the last page behind it, page by page."""
        seen: set[int] = set()
        while pointer != NOWHERE:
            if pointer in seen:
                raise _UnexpectedError
            seen.add(pointer)
            page = self.page(pointer)
            yield page[offset:]
            pointer, offset = _numbers(page, 0, 1)[0], 8


def _place(catalogue: bytes, namespace: str, name: str) -> tuple[int, int, int]:
    """The page and the offset where a table's statistics and row groups are listed, and how many rows there are."""
    named = _text(namespace) + _text(name) + ANOTHER + _text(name) + b"\xc9\x00d\x00"
    at = catalogue.find(named)
    found = PLACE.search(catalogue, at + len(named)) if at >= 0 else None
    if found is None or catalogue.find(named, at + 1) >= 0 or ANOTHER in catalogue[at + len(named) : found.start()]:
        raise _UnexpectedError
    page, offset, rows = (0 if part is None else _integer(part)[0] for part in found.groups())
    return page, offset, rows


def _listed(pages: _Pages, following: Iterator[bytes], columns: int) -> Iterator[Described]:
    """The row groups of a list that comes page by page; before it stand statistics, whose length is not known."""
    several = re.escape(_written(columns))
    first = b"(..\x00{6})d\x00%be\x00%bf\x00%bd\x00" % (INTEGER, INTEGER, several)
    begin = re.compile(first, re.DOTALL)
    plain = POINTER.replace(b"(?P<page>", b"(?:")
    head = re.compile(
        b"d\x00(%b)e\x00(%b)f\x00%b((?:%b){%d})g\x00" % (INTEGER, INTEGER, several, plain, columns), re.DOTALL
    )
    text = next(following, b"")
    while (found := begin.search(text)) is None:
        text += _more(following)
    text, at = text[found.end(1) :], 0
    for _ in range(int.from_bytes(found[1], "little")):
        while len(text) - at < AHEAD_BYTES + columns * AHEAD_OF_A_COLUMN_BYTES and (more := next(following, b"")):
            text, at = text[at:] + more, 0
        group = head.match(text, at)
        if group is None:
            raise _UnexpectedError
        used = [_integer(page)[0] for page in dict.fromkeys(PAGE_OF.findall(group[3]))]
        besides, at = _besides(text, group.end())
        digest = blake2b(group[2] + group[3], digest_size=16)
        for pointer in (*used, *besides):
            digest.update(pages.digest(pointer))
        yield Described(_integer(group[1])[0], _integer(group[2])[0], digest.hexdigest())


def _besides(text: bytes, at: int) -> tuple[list[int], int]:
    """The pages of a row group that no column's pointer names, and where its description ends; its deletions are passed."""
    deletions, at = _integer(text, at)
    for _ in range(deletions):
        found = PAGE_OF.match(text, at)
        if found is None:
            raise _UnexpectedError
        at = found.end()
    numbers: list[int] = []
    for listed, field in ((b"h\x00\x01", b"i\x00"), (b"j\x00\x01", b"k\x00")):  # a list without numbers is left out
        at = _passed(text, at, listed)
        count, at = _integer(text, at + len(field)) if text.startswith(field, at) else (0, at)
        for _ in range(count):
            number, at = _integer(text, at)
            numbers.append(number)
    return [number for number in numbers if not number & NO_POINTER], _passed(text, at, END)


def _passed(text: bytes, at: int, expected: bytes) -> int:
    if not text.startswith(expected, at):
        raise _UnexpectedError
    return at + len(expected)


def _more(following: Iterator[bytes]) -> bytes:
    more = next(following, b"")
    if not more:
        raise _UnexpectedError
    return more


def _numbers(text: bytes, at: int, count: int) -> list[int]:
    """Some numbers of 8 bytes, little end first."""
    return [int.from_bytes(text[start : start + 8], "little") for start in range(at, at + 8 * count, 8)]


def _integer(text: bytes, at: int = 0) -> tuple[int, int]:
    """The integer at a place, and the place behind it."""
    number = shift = 0
    for place in range(at, min(at + 10, len(text))):
        number |= (text[place] & 0x7F) << shift
        shift += 7
        if text[place] < 0x80:
            return number, place + 1
    raise _UnexpectedError


def _written(number: int) -> bytes:
    """An integer as it stands in the file."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _text(text: str) -> bytes:
    """A text as it stands in the file."""
    raw = text.encode()
    return _written(len(raw)) + raw
