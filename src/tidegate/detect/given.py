"""Numbers that follow from a category of their row: told from a table's first batches, by each category's middle and spread.

A long table has glucose and sodium in one column: its mean says little, the value of each test much. A row's category is a
number from 0 on, -1 where it has none. What is left of a row is its distance from the middle of its category, in spreads of that; nothing
of a batch itself, nor of later ones, is in the middles and spreads that it is held against. Chosen and measured as decision 37 says.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import Floats
from tidegate.detect.others import FAR, FIRST, FOLLOWS, LATE, LEAST_VALUES, Left, quartiles

Codes = NDArray[np.int64]

LEAST_AT_FIRST: Final = 4
"""Rows that a category has in the first batches, at least: one a day of a table with a row for each of them. Chosen, not derived, as what follows."""

LEAST_BEFORE: Final = 10
"""Rows that a category has in the batches before, at least; no value of a rarer one is judged."""

LEAST_FILLED: Final = 0.3
"""The share of the first rows that have the number, at least: a long table has other columns for texts."""

LEAST_KNOWN: Final = 0.8
"""The share of the rows after the first batches whose category these had, at least."""

ONE_SIGNED: Final = 0.95
"""Numbers of which so many are positive are looked at as logarithms, unless that leaves more rows far, by:"""

MORE_FAR: Final = 0.03

STANDS_STILL: Final = 0.005
"""The spread of a category whose values hardly differ, of its middle: four of them are two percent."""


CLEARLY: Final = 0.5
"""Of a number that also follows from the other numbers of its row a category must leave so much of what they leave, or less:
they know rows of new categories too."""

FURTHEST: Final = 1e150
"""Values are cut here, so that their differences and shares are numbers."""


class Usual(NamedTuple):
    """The middle and the spread of each category, NaN where it has too few rows."""

    middle: Floats
    spread: Floats


class Given(NamedTuple):
    """How a number follows: on which scale (`bent`), and how much is left of it, as a share of its own quartile distance."""

    size: float
    share: float


class Told(NamedTuple):
    """What is left of a batch's rows, None where no row can be judged, and how many rows cannot: their category is new or too rare."""

    left: Left | None
    unjudged: int


def bent(values: Floats, size: float) -> Floats:
    """Values on a logarithmic scale that is straight about zero, up to `size`; as they are where that is 0. Infinities are no values."""
    known = np.clip(np.where(np.isfinite(values), values, np.nan), -FURTHEST, FURTHEST)
    return np.asarray(np.arcsinh(known / size)) if size > 0 else known


def by_category(codes: Codes, even: Floats, shares: tuple[float, ...]) -> tuple[Floats, NDArray[np.int64]]:
    """Quantiles of the rows of each category, (share, category), and how many rows each has; NaN of one without rows. O(n log n)."""
    order = np.lexsort((even, codes))
    ordered, count = even[order], np.bincount(codes, minlength=1)
    start, there = np.cumsum(count) - count, count > 0
    found = np.full((len(shares), len(count)), np.nan)
    for at, share in enumerate(shares):
        place = share * (count[there] - 1)
        low = place.astype(np.int64)
        high = np.minimum(low + 1, count[there] - 1)
        below, above = ordered[start[there] + low], ordered[start[there] + high]
        found[at, there] = below + (above - below) * (place - low)
    return found, count


def usual(codes: Codes, even: Floats, categories: int, *, least: int, size: float) -> Usual:
    """The middle and spread of each category by the rows of batches before.

    A spread is the distance of the quartiles by 1.35, which is the deviation of a normal distribution, and never less than what
    `STANDS_STILL` says, or a ten-thousandth of the quartile distance of all rows.
    """
    known = (codes >= 0) & np.isfinite(even)
    middle, spread = np.full((2, categories), np.nan)
    if not known.any():
        return Usual(middle, spread)
    (low, centre, high), count = by_category(codes[known], even[known], (0.25, 0.5, 0.75))
    enough = np.flatnonzero(count >= least)
    middle[enough] = centre[enough]
    still = STANDS_STILL * (np.ones(len(enough)) if size > 0 else np.abs(centre[enough]))
    floor = np.maximum(np.maximum(still, 1e-4 * quartiles(even[known])), 1e-9)
    spread[enough] = np.maximum((high - low)[enough] / 1.35, floor)
    return Usual(middle, spread)


def left_of(codes: Codes, even: Floats, before: Usual) -> Told:
    """What is left of a batch's rows: those that have the number, by what their category had before."""
    there = np.isfinite(even)
    rest = _rest(codes[there], even[there], before)
    left = Left.of(rest)
    return Told(left, len(rest) - (0 if left is None else left.rows))


def _rest(codes: Codes, even: Floats, before: Usual) -> Floats:
    """What is left of each row, in spreads of its category; NaN where that has none."""
    rest, known = np.full(len(codes), np.nan), (codes >= 0) & (codes < len(before.middle))
    rest[known] = (even[known] - before.middle[codes[known]]) / before.spread[codes[known]]
    return rest


def is_able(values: Floats) -> bool:
    """Whether a number of the first batches has enough values, and enough different ones."""
    known = np.isfinite(values)
    return bool(known.sum() >= LEAST_FILLED * len(values) > 0) and np.unique(values[known]).size >= LEAST_VALUES


def follows(codes: Codes, values: Floats, batch: NDArray[np.int64]) -> Given | None:
    """How a number follows from a category, by the first batches: learned from their beginning, tried out on the rest; None where it does not.

    Both distances of quartiles, of what is left and the number's own, are taken of the rows as they are, and with categories counting the
    same: where one category has most of the rows, the others are still told apart. The smaller share counts.

    Args:
        batch: the place of each row's batch, the first 0.
    """
    known = (codes >= 0) & np.isfinite(values)
    codes, values, learned = codes[known], values[known], batch[known] < FIRST
    if min(learned.sum(), (~learned).sum()) < LATE:
        return None
    sizes = [0.0] + ([bend] if (bend := _size(values[learned])) > 0 else [])
    tried = [one for size in sizes if (one := _tried(codes, values, learned, size)) is not None]
    if not tried:
        return None
    given = tried[-1 if tried[-1][0] <= tried[0][0] + MORE_FAR else 0][1]
    return given if given.share < FOLLOWS else None


def _size(values: Floats) -> float:
    """Up to where the logarithmic scale is straight; 0 of numbers of both signs."""
    positive = values[values > 0]
    if len(positive) < ONE_SIGNED * len(values):
        return 0.0
    low, middle = np.quantile(positive, (0.01, 0.5))
    return float(max(low, 1e-9 * middle, 1e-100))


def _tried(codes: Codes, values: Floats, learned: NDArray[np.bool_], size: float) -> tuple[float, Given] | None:
    """The share of rows that are far on a scale, and how much is left on it; None where too few categories are known."""
    even = bent(values, size)
    before = usual(codes[learned], even[learned], int(codes.max()) + 1, least=LEAST_AT_FIRST, size=size)
    late_codes, late = codes[~learned], even[~learned]
    known = np.isfinite(before.middle[late_codes])
    if known.mean() < LEAST_KNOWN or len(np.unique(late_codes[known])) < 2:
        return None
    late_codes, late = late_codes[known], late[known]
    rest = late - before.middle[late_codes]
    evenly = 1.0 / np.bincount(late_codes)[late_codes]
    shares = [
        part / own
        for part, own in ((quartiles(rest), quartiles(late)), (weighed(rest, evenly), weighed(late, evenly)))
        if own > 0
    ]
    far = float((np.abs(rest / before.spread[late_codes]) > FAR).mean())
    return (far, Given(size, min(shares))) if shares else None


def weighed(values: Floats, weights: Floats) -> float:
    """The distance of the quartiles of rows that count differently."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    low, high = np.searchsorted(reached, np.array([0.25, 0.75]) * reached[-1])
    return float(values[order[high]] - values[order[low]])
