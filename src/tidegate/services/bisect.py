"""Bisect: find the keys in which two tables differ by checksums of ranges, without moving the tables.

The method is that of `data-diff` (Datafold, 2022) and of Percona's `pt-table-checksum`: cut the range of keys into segments,
let each side add up a checksum for each segment, and look again only into the segments whose checksums differ, cut finer, until
one is small enough to fetch its rows. Ranges of positions form a tree whose node sums are compared from the root down, as in
Merkle, "A Digital Signature Based on a Conventional Encryption Function" (CRYPTO 1987).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

FANOUT = 64
"""Into how many parts a segment that differs is cut. Chosen, not derived: three looks reach 400 rows of 10^8."""

LEAF = 128
"""A segment with at most this many rows is fetched, as hashes of its rows. Chosen, not derived."""

ONE_SIDED = 100
"""A segment that only one side has is fetched when it is this many times larger: all of its rows differ. Chosen, not derived."""

BATCH = 500
"""How many segments one statement fetches. Chosen, not derived."""

Key: TypeAlias = tuple[str | None, ...]


class What(StrEnum):
    """How a key differs: on one side only, with other values, or with the same rows another number of times."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    COPIES = "copies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Rows that are alike: `hash` of all their values, at the `position` of their key, `count` times."""

    position: int
    key: Key
    hash: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A key in which the sides differ; how many rows have it on each side. One side may have several rows of a key."""

    key: Key
    what: What
    position: int
    old_rows: int
    new_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What bisecting found, and what it took: levels that were looked at, checksums and rows (as hashes) that were moved.

    `complete` is False when it stopped because more than `most` keys differ.
    """

    differences: tuple[Difference, ...]
    complete: bool
    levels: int
    checksums: int
    rows: int


class Bisected(Protocol):
    """One side as `bisect` asks it. Positions are integers from 0 to below the span; every row has one, by its key."""

    def segments(self, step: int, within: Sequence[int] | None, before: int) -> Mapping[int, tuple[int, int]]:
        """By number of the segment (position // step): how many rows it has, and the sum of their hashes; segments without
        rows are left out. Only those inside the segments `within` of `before` positions; everywhere when it is None.
        """

    def rows(self, step: int, within: Sequence[int]) -> Sequence[Row]:
        """The different rows of these segments."""


def bisect(
    old: Bisected, new: Bisected, *, span: int, fanout: int = FANOUT, leaf: int = LEAF, most: int | None = None
) -> Found:
    """Find every key in which two multisets of rows differ.

    Fetches at most `2 · leaf` rows for each key that differs, and those that only one side has; adds up checksums of the
    whole range once, and then of what differs, at most log(span) / log(fanout) times.

    Args:
        span: positions are below this; at least 1.
        most: stop after more than this many differences.
    """
    step = 1
    while step * fanout < span:
        step *= fanout
    within: Sequence[int] | None = None
    before, levels, checksums, rows = span, 0, 0, 0
    differences: list[Difference] = []
    while True:
        sides = old.segments(step, within, before), new.segments(step, within, before)
        levels, checksums = levels + 1, checksums + sum(map(len, sides))
        small, large = _sorted_out(*sides, leaf=leaf, finest=step == 1)
        for part in _batches(small):
            left, right = old.rows(step, part), new.rows(step, part)
            rows += len(left) + len(right)
            differences += compared(left, right)
            if most is not None and len(differences) > most:
                return Found(
                    differences=tuple(differences), complete=False, levels=levels, checksums=checksums, rows=rows
                )
        if not large:
            return Found(differences=tuple(differences), complete=True, levels=levels, checksums=checksums, rows=rows)
        within, before, step = large, step, step // fanout


def _sorted_out(
    old: Mapping[int, tuple[int, int]], new: Mapping[int, tuple[int, int]], *, leaf: int, finest: bool
) -> tuple[list[int], list[int]]:
    """The segments that differ: those to fetch, and those to cut finer."""
    small: list[int] = []
    large: list[int] = []
    for number in sorted(old.keys() | new.keys()):
        left, right = old.get(number, (0, 0)), new.get(number, (0, 0))
        if left != right:
            most = max(left[0], right[0])
            few = finest or most <= leaf or (min(left[0], right[0]) == 0 and most <= leaf * ONE_SIDED)
            (small if few else large).append(number)
    return small, large


def _batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


def compared(old: Sequence[Row], new: Sequence[Row]) -> Iterator[Difference]:
    """The keys in which two lists of rows differ as multisets, in the order of their positions."""
    sides: tuple[dict[tuple[int, Key], Counter[int]], ...] = ({}, {})
    for rows, found in zip((old, new), sides, strict=True):
        for row in rows:
            found.setdefault((row.position, row.key), Counter())[row.hash] += row.count
    left, right = sides
    for at in sorted(left.keys() | right.keys(), key=lambda at: (at[0], tuple(map(str, at[1])))):
        ours, theirs = left.get(at, Counter()), right.get(at, Counter())
        if ours != theirs:
            what = What.ADDED if not ours else What.REMOVED if not theirs else What.CHANGED
            if what is What.CHANGED and ours.keys() == theirs.keys():
                what = What.COPIES
            yield Difference(key=at[1], what=what, position=at[0], old_rows=ours.total(), new_rows=theirs.total())
