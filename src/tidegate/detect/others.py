"""Numbers that follow from the other numbers of their row: told from a table's first batches, by least squares.

Rows are (row, number), on a scale on which each number's usual spread is one. A batch's relation is its mean products, which
add up over batches; what is left of a row is the number less what the others lead to expect. Chosen and measured
as decision 27 says; nothing of a batch itself, nor of later ones, is in the relation that it is held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import Floats

FIRST: Final = 4
"""The relation of so many first batches is tried out on those that follow; no batch is judged by fewer."""

LATE: Final = 20
"""Rows that it takes on both sides."""

FOLLOWS: Final = 0.5
"""What is left of a number after the others, by the distance of its own quartiles: at most this."""

BACK: Final = 14
"""From so many batches back a number's relation to the others is learned."""

FAR: Final = 4.0
"""Usual spreads of what is left beyond which a row is far."""

OUTSIDE: Final = 20.0
"""Rows that are so many spreads from their batch's middle teach nothing."""

FURTHEST: Final = 1e9
"""Values are cut here, in usual spreads, so that their products are numbers; what was cut teaches nothing."""

EXPLAINED: Final = 0.5
"""What a change of clocks explains leaves of rows at most this part of what is left of them else."""

CLEARLY: Final = 0.9
"""More of its times are taken for an hour off where that leaves this part, at most, of what fewer of them do."""

LEAST_VALUES, LEAST_FILLED = 5, 0.8
"""A number that is looked at has so many different values at first, and one in this share of the rows."""


class Left(NamedTuple):
    """Of the rows of a batch that can be judged: how many, the median of what is left, how many are far, how far the farthest is, and
    the distance of the quartiles.
    """

    rows: int
    median: float
    far: int
    most: float
    wide: float

    @classmethod
    def of(cls, rest: Floats) -> Left | None:
        """What is left of each row, in usual spreads; None where no row can be judged."""
        known = rest[np.isfinite(rest)]
        if not known.size:
            return None
        apart = np.abs(known)
        return cls(
            rows=known.size,
            median=float(np.median(known)),
            far=int((apart > FAR).sum()),
            most=float(apart.max()),
            wide=quartiles(known),
        )


class Follows(NamedTuple):
    """How much is usually left of a number, and which share that is of its own quartile distance."""

    usual: float
    share: float


class Scale(NamedTuple):
    """The middle and the spread of each number."""

    middle: Floats
    wide: Floats

    def even(self, rows: Floats) -> Floats:
        """Rows on it; infinities are no values."""
        known = np.where(np.isfinite(rows), rows, np.nan)
        with np.errstate(over="ignore"):
            return np.asarray(np.clip((known - self.middle) / self.wide, -FURTHEST, FURTHEST))


def able(rows: Floats) -> list[int]:
    """Which numbers of the first batches' rows are looked at."""
    filled = np.isfinite(rows)
    enough = filled.mean(axis=0) >= LEAST_FILLED if len(rows) else np.zeros(rows.shape[1], dtype=bool)
    return [i for i in np.flatnonzero(enough).tolist() if np.unique(rows[filled[:, i], i]).size >= LEAST_VALUES]


def scale(rows: Floats) -> Scale:
    """The scale of rows without gaps, one at least."""
    low, high = np.quantile(rows, (0.05, 0.95), axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        wide = np.where(high > low, high - low, rows.std(axis=0))
    return Scale(np.median(rows, axis=0), np.where((wide > 0) & np.isfinite(wide), wide, 1.0))


def whole(rows: Floats) -> Floats:
    """The rows in which every number has a value."""
    return np.asarray(rows[np.isfinite(rows).all(axis=1)])


def products(even: Floats) -> Floats:
    """The mean products of a batch's rows, (1 + numbers) squared, without those that lie far outside."""
    known = whole(np.where(np.abs(even) < FURTHEST, even, np.nan))
    if len(known):
        low, middle, high = np.quantile(known, (0.05, 0.5, 0.95), axis=0)
        known = known[(np.abs(known - middle) < OUTSIDE * (high - low + 0.1)).all(axis=1)]
    design = designed(known)
    return np.asarray(design.T @ design / max(1, len(design)))


def designed(even: Floats) -> Floats:
    """Rows with a one before their numbers."""
    return np.concatenate([np.ones((len(even), 1)), even], axis=1)


def solved(square: Floats, number: int) -> Floats:
    """1 for the number and minus the weights of the others, from the products of all; NaN where there is no row."""
    out = np.full(len(square), np.nan)
    if square[0, 0] > 0:
        rest = np.delete(np.arange(len(square)), number + 1)
        part = square[np.ix_(rest, rest)]
        out[rest] = -np.linalg.solve(part + np.diag(1e-6 * np.diag(part) + 1e-9), square[rest, number + 1])
        out[number + 1] = 1.0
    return out


def followers(even: Floats, batch: NDArray[np.int64]) -> dict[int, Follows]:
    """Numbers of which the first batches, by their relation before, leave little in those after; with how much.

    Args:
        even: rows without gaps of the first batches.
        batch: the place of each row's batch, the first 0.
    """
    design = designed(even)
    learn, try_out = design[batch < FIRST], design[batch >= FIRST]
    if min(len(learn), len(try_out)) < LATE:
        return {}
    square, found = learn.T @ learn / len(learn), dict[int, Follows]()
    for i in range(even.shape[1]):
        left, own = quartiles(try_out @ solved(square, i)), quartiles(try_out[:, i + 1])
        if own > 0 and left < FOLLOWS * own:
            found[i] = Follows(max(left / 1.35, 1e-4), left / own)
    return found


def quartiles(values: Floats) -> float:
    """The distance of the quartiles."""
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low)


def left_of(even: Floats, weights: Floats, usual: float) -> Left | None:
    """What is left of a number in a batch's rows, in usual spreads of that; None where no row has all numbers."""
    return Left.of(designed(even) @ weights / usual)


def burden(even: Floats, weights: Sequence[Floats], usual: Sequence[float]) -> Floats:
    """What is left of each row, over all that follows: in usual spreads, and of each no more than twice of what is far; 0 where it cannot be told."""
    rest = designed(even) @ np.column_stack(weights) / np.array(usual)
    return np.asarray(np.nan_to_num(np.minimum(np.abs(rest), 2 * FAR)).sum(axis=1))


def without_hour(
    even: Floats, weights: Sequence[Floats], usual: Sequence[float], hours: Floats
) -> tuple[Floats, tuple[int, ...]]:
    """Rows of which those are put right in which some times are an hour off, with the times that leave least so; as they are where none do.

    Tried are each time alone, all but one, and all of them: a number is an hour off then.

    Args:
        hours: what an hour is on the scale, by number; 0 of what is no time.
    """
    plain, times = burden(even, weights, usual), np.flatnonzero(hours).tolist()
    tried = [*((one,) for one in times), *(tuple(t for t in times if t != one) for one in times), tuple(times)]
    best, least, moved = even, EXPLAINED * plain.sum(), tuple[int, ...]()
    for some in dict.fromkeys(tried):
        for sign in (1.0, -1.0):
            put = even + sign * np.where(np.isin(np.arange(len(hours)), some), hours, 0.0)
            there = burden(put, weights, usual)
            if (total := np.minimum(plain, there).sum()) < least:
                best, least, moved = np.where((there < plain)[:, None], put, even), CLEARLY * total, some
    return best, moved
