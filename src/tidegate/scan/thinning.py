"""How much of a large table is looked at for what its rows tell of others: some of the keys, some of the buckets, some relations.

A sample of rows would miss pairs that did come, and call them new. So keys are drawn instead, by a hash: of those that are looked at
every row counts, and what is said of them is exact.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.scan.relations import Pair, Relations, thinnest
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window, rows_within

MOST_VALUES: Final = 5_000_000
"""Rows times relations that are grouped by many values, up to which they are measured. Chosen, not derived: about a second of CPU and
200 MB at most."""

MOST_READ: Final = 100_000_000
"""Rows times relations that are read, up to which they are measured: 5 to 10 ns each. Chosen, not derived."""

FEW: Final = 200_000
"""Up to so many groups grouping costs little more than reading does (7 to 18 ns a row); with a million, 50 to 180."""

TO_GROW: Final = 2
"""A table that exceeds a limit is cut to this part of it, so that it is not cut again until it has grown so many times."""

LEAST_BUCKETS: Final = 28
"""The window of keys and pairs is not cut to fewer buckets. Chosen, not derived."""

OF_A_KEY: Final = 2
"""A key is asked twice: which values are new, and which regular ones are gone."""


@dataclass(frozen=True, slots=True)
class Work:
    """What it takes, in rows times relations: those that are read, and those of them that are grouped by many values. `able` is the part of the
    latter that can be thinned further.
    """

    read: float = 0.0
    grouped: float = 0.0
    able: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.read + other.read, self.grouped + other.grouped, self.able + other.able)

    @property
    def fits(self) -> bool:
        """Whether it is within the limits."""
        return self.read <= MOST_READ and self.grouped <= MOST_VALUES


def fitted(tally: Tally, span: Window, chosen: Relations, apart: Container[str]) -> Relations:
    """The same for one key in n, and for fewer buckets, where it takes too much; as it is where it does not, or where that helps little.

    What was cut before stays until the work exceeds a limit again, so that the numbers of different runs can be compared.

    Args:
        apart: categories, which are no keys of their own.
    """
    before = _work(tally, span, chosen.beside(apart))
    if before.read <= MOST_READ and before.able <= MOST_VALUES:
        return chosen
    found, most = replace(chosen, one_in={}, buckets=None), 1
    while (work := _work(tally, span, found.beside(apart))).able > MOST_VALUES / TO_GROW and most < 2**20:
        most *= 2
        found = replace(chosen, buckets=None, one_in=_thinned(tally, chosen, most))
    if work.read > MOST_READ:
        buckets = max(LEAST_BUCKETS, int(span.buckets * MOST_READ / TO_GROW / work.read))
        found = replace(found, buckets=buckets if buckets < span.buckets else None)
    after = _work(tally, span, found.beside(apart))
    helps = after.read <= before.read / TO_GROW or after.able <= before.able / TO_GROW
    return found if helps else chosen


def _thinned(tally: Tally, chosen: Relations, most: int) -> dict[str, int]:
    """Of each key one in how many, at most; keys of few values are not thinned: too few would be left, and they cost little."""
    every = {key: min(most, thinnest(_values(tally, key))) for key in chosen.keys}
    return {key: one_in for key, one_in in every.items() if one_in > 1}


def _values(tally: Tally, column: str) -> int:
    return int(tally.number("distinct_count", column) or 0)


def _work(tally: Tally, span: Window, chosen: Relations) -> Work:
    return sum((work for _, work in _works(tally, span, chosen)), Work())


def _works(tally: Tally, span: Window, chosen: Relations) -> Iterator[tuple[Pair | str, Work]]:
    """What each key takes, and each pair beside its key."""
    rows = rows_within(tally, span) * min(1.0, (chosen.buckets or span.buckets) / span.buckets)
    asked: list[tuple[Pair | str, tuple[str, ...], int]] = [(pair, pair.columns, 1) for pair in chosen.pairs]
    asked += [(key, (key,), OF_A_KEY) for key in chosen.keys]
    for one, columns, times in asked:
        grouped = 0.0 if few(tally, columns) else rows * times / chosen.one_in.get(columns[0], 1)
        yield one, Work(rows * times, grouped, grouped if thinnest(_values(tally, columns[0])) > 1 else 0.0)


def few(tally: Tally, columns: Sequence[str], times: int = 1) -> bool:
    """Whether there are few values of some columns together, so many times."""
    return times * math.prod(_values(tally, column) for column in columns) <= FEW


def affordable(tally: Tally, span: Window, chosen: Relations) -> Relations:
    """As many as a window of that size can be asked for, the most telling first; what is left out, and what is looked at in part, is noted."""
    keys: list[str] = []
    pairs: list[Pair] = []
    takes = dict(_works(tally, span, chosen))
    taken = Work()
    for pair in chosen.pairs:
        work = taken + takes[pair] + (Work() if pair.key in keys else takes[pair.key])
        if work.fits:
            taken = work
            pairs.append(pair)
            keys += [pair.key] * (pair.key not in keys)
    for key in chosen.keys:
        if key not in keys and (taken + takes[key]).fits:
            taken += takes[key]
            keys.append(key)
    found = replace(chosen, keys=tuple(keys), pairs=tuple(pairs))
    left = len(chosen.pairs) - len(pairs) + len(chosen.keys) - len(keys)
    _note(tally, span, found, left)
    return found


def _note(tally: Tally, span: Window, found: Relations, left: int) -> None:
    why = f"for it has about {rows_within(tally, span):,} rows since {span.interval.start:%Y-%m-%d}"
    if part := found.in_part:
        tally.notes.append(f"{tally.dataset.ref}: which values go together is looked at {part}, {why}")
    if left:
        every = len(found.keys) + len(found.pairs) + left
        tally.notes.append(f"{tally.dataset.ref}: {left} of {every} keys and pairs are not measured, {why}")
