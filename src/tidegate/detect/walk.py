"""The walk through a table's past: what was expected of every series at every batch, and how far off it came.

Every batch is looked at with the batches before it alone, so that what a detector would have said of it is known.
Arrays are (series, batch), oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Final, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tidegate.detect.forecast import Flags, Floats, by_time, rarity
from tidegate.detect.traits import UNSCALED, Traits

Places = NDArray[np.int64]
Found = TypeVar("Found", Floats, Flags)

WINDOW: Final = 60
"""How many past errors tell the spread of a series. Chosen, not derived."""

LEAST: Final = 3
"""Fewer past errors than this, and a series says nothing."""

STILL: Final = 1e-9
"""An error below this is none: the series stands still."""

BEYOND: Final = 1.5
"""By how much a value that has always stood still may exceed the one in n + 1 of its moving at all. Chosen by walk-forward; 0.5 to 3 do alike."""

RECORD: Final = 8.0
"""To this power goes how much larger than all before an error is (a Pareto tail). Chosen by walk-forward; 4 to 12 do alike."""

KEPT: Final = 16 << 20
"""More bytes than any array of a walk has. Chosen, not derived."""

OF_NULLS: Final = frozenset({"null_count", "lone_null_count"})
"""What moves without that the values of a column do."""

STEP: Final = 32
"""So many windows are sorted at once."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Forecasts for `batches` + 1 columns: the last one is the next batch.

    `centre` and `scale` are what was expected and how far errors usually reach; `largest` the largest past error; `points`
    how many there are; `still` tells that the series has never moved.
    """

    centre: Floats
    scale: Floats
    largest: Floats
    points: Floats
    still: Flags


def walk(y: Floats, seasons: Sequence[tuple[int, str]]) -> Walk:
    """Forecast every batch from those before it, by the predictor whose past errors were least.

    The least mean root of past errors decides, which one accident does not sway. A series that never moved needs no
    forecast. O(moving series x batches x WINDOW).
    """
    keep_memory()
    first = y[np.arange(len(y)), np.argmax(~np.isnan(y), axis=1)][:, None]
    moving = (~np.isnan(y) & (y != first)).any(axis=1)
    rest, others = _standing(y[~moving], first[~moving]), _moving(y[moving], seasons)
    return Walk(*(_together(getattr(rest, f.name), getattr(others, f.name), moving) for f in fields(Walk)))


def _together(standing: Found, moved: Found, moving: Flags) -> Found:
    out = np.empty((len(moving), moved.shape[1]), dtype=moved.dtype)
    out[moving], out[~moving] = moved, standing
    return out


@cache
def keep_memory() -> None:
    """Let the allocator keep for the next table what the arrays of one give back.

    glibc returns freed memory to the system, and gets it again page by page, until a larger piece was freed once
    (mallopt(3), "M_MMAP_THRESHOLD"). This one is never touched, so it costs nothing. Elsewhere nothing happens.
    """
    np.empty(KEPT, dtype=np.uint8)


def _standing(y: Floats, first: Floats) -> Walk:
    """Of series with one value: that value, once it is known, without error."""
    before = np.zeros((len(y), y.shape[1] + 1))
    np.cumsum(~np.isnan(y), axis=1, out=before[:, 1:])
    points = np.maximum(before - 1, 0)
    points[:, WINDOW:] -= points[:, :-WINDOW].copy()
    nothing = np.zeros_like(points)
    return Walk(np.where(before > 0, first, np.nan), nothing, nothing, points, nothing == 0)


def _moving(y: Floats, seasons: Sequence[tuple[int, str]]) -> Walk:
    series, batches = y.shape
    known = np.concatenate([y.T, np.full((1, series), np.nan)])
    centre = np.ascontiguousarray(chosen(known[:-1], by_time(known, seasons, 0)[1]).T)
    errors = np.abs(y - centre[:, :batches])
    scale, largest, points = spreads(errors)
    moved = errors > STILL
    since = np.where(moved.any(axis=1), np.argmax(moved, axis=1), batches)
    return Walk(centre, scale, largest, points, np.arange(batches + 1) <= since[:, None])


def chosen(y: Floats, said: Sequence[Floats]) -> Floats:
    """Of what the predictors said, that of the one whose loss was least before, the first of equal ones; all (batch, series).

    A loss is the mean root of the errors in the window before a batch, a little more where they are few; infinite where
    the predictor says nothing. Predictors that were silent at the same places are counted once.
    """
    sizes = np.empty((len(y), len(said), y.shape[1]))
    for n, one in enumerate(said):
        np.subtract(y, one[: len(y)], sizes[:, n])
    unknown = np.isnan(sizes)
    np.sqrt(np.abs(sizes, out=sizes), out=sizes)
    np.copyto(sizes, 0.0, where=unknown)
    total = in_window(sizes)
    centre, least = said[0], np.full(said[0].shape, np.inf)
    counted: Counted | None = None
    for n, one in enumerate(said):
        if counted is None or not np.array_equal(unknown[:, n], counted.unknown):
            counted = Counted.of(unknown[:, n])
        loss = total[:, n] / counted.number
        loss *= counted.weight
        np.copyto(loss, np.inf, where=counted.none | np.isnan(one))
        centre = np.where(loss < least, one, centre)
        np.minimum(least, loss, out=least)
    return centre


@dataclass(frozen=True, slots=True)
class Counted:
    """How many errors there are in each window, 1 where there are `none`, and what a mean of so many is multiplied by."""

    unknown: Flags
    number: Floats
    weight: Floats
    none: Flags

    @classmethod
    def of(cls, unknown: Flags) -> Counted:
        """Count what is not unknown, (batch, series)."""
        count = number_in_window(~unknown)
        number = np.maximum(count, 1.0)
        return cls(unknown, number, 1 + 1 / number, count == 0)


def in_window(values: Floats) -> Floats:
    """The sum over the window before each place of the first axis, and before the next one.

    Row by row: where the others are many, `np.cumsum` along the first axis takes several times as long.
    """
    total = np.zeros((len(values) + 1, *values.shape[1:]))
    for before, value, after in zip(total, values, total[1:], strict=False):
        np.add(before, value, after)
    total[WINDOW:] -= total[:-WINDOW].copy()
    return total


def number_in_window(known: Flags) -> Places:
    """How many are known in the window before each place of the first axis, and before the next one."""
    total = np.zeros((len(known) + 1, *known.shape[1:]), dtype=np.int64)
    np.cumsum(known, axis=0, out=total[1:])
    total[WINDOW:] -= total[:-WINDOW].copy()
    return total


def spreads(errors: Floats) -> tuple[Floats, Floats, Floats]:
    """Before each batch: the spread of the errors in the window (as in `forecast.spread`), the largest, and their number."""
    series, batches = errors.shape
    there = ~np.isnan(errors)
    padded = np.full((series, WINDOW + batches + 1), np.inf)
    np.copyto(padded[:, WINDOW:-1], errors, where=there)
    places = np.ascontiguousarray(number_in_window(there.T).T)
    scale, largest = np.empty(places.shape), np.empty(places.shape)
    for begin in range(0, batches + 1, STEP):
        part = slice(begin, min(begin + STEP, batches + 1))
        scale[:, part], largest[:, part] = ranked(padded, places[:, part], part)
    return scale, largest, places.astype(np.float64)


def ranked(padded: Floats, count: Places, part: slice) -> tuple[Floats, Floats]:
    """The spread and the largest of the errors before some batches, `count` in each window; no more is sorted than there can be.

    Two neighbouring windows have all but one error in common, which are sorted once: where the one is among them, each
    place of the window follows from two of theirs.
    """
    width = max(min(part.stop - 1, WINDOW), 2)
    begin, end = part.start + WINDOW - width, part.stop + WINDOW - width
    pairs, (row, step) = (count.shape[1] + 1) // 2, padded.strides
    common = as_strided(padded[:, begin + 1 :], (len(count), pairs, width - 1), (row, 2 * step, step), writeable=False)
    ordered = np.empty((len(count), pairs, width + 1))
    ordered[..., 0], ordered[..., 1:-1], ordered[..., -1] = -np.inf, common, np.inf
    ordered[..., 1:-1].sort(axis=2)
    own = padded[:, begin:end].copy()
    own[:, 1::2] = padded[:, begin + width : end + width - 1 : 2]
    first = np.arange(len(count))[:, None] * pairs + np.arange(count.shape[1]) // 2
    flat, first, last = ordered.ravel(), first * (width + 1), np.maximum(count - 1, 0)

    def at(place: Places) -> Floats:
        place = first + place
        return np.asarray(np.maximum(flat.take(place), np.minimum(flat.take(place + 1), own)))

    low, high = at(last // 2), at(np.minimum(count // 2, width - 1))
    q90 = at(np.ceil(0.9 * last).astype(np.int64))
    second = np.where(count >= 2, at(np.maximum(count - 2, 0)), 0.0)
    scale = np.maximum(np.maximum(1.4826 * ((low + high) / 2), 0.65 * q90), second / 2.8)
    none = count == 0
    return np.where(none, 0.0, scale), np.where(none, 0.0, at(last))


def surprise(found: Traits, past: Walk, at: slice) -> Floats:
    """-log10 of the chance of an error as large, for the batches `at` of the walk, which are those of `found`.

    Student's tail, heavy on purpose: two degrees of freedom and one more for every ten errors, since errors of real tables
    are not normal; more for a series that has stood still, whose only noise is that of sampling. Of n + 1 errors that may come in any
    order each is the largest as often (Renyi, 1962): an error that is not larger than the n before it is at most as rare as one in n + 1, a
    larger one by a power of how much larger, and the first move of what stood still, beyond its noise, no less. Nor is that move much rarer of a value: in
    what unit it is far, nothing of its past tells (millimetres of rain after a dry fortnight), or in how many rows a column varies that had one number.
    """
    points, still = past.points[:, at], past.still[:, at]
    error = np.abs(found.y - past.centre[:, at])
    known = np.isfinite(error) & (points >= LEAST) & (error > STILL)
    out, rows = np.zeros(error.shape), np.flatnonzero(known.any(axis=1))
    known, points, still, largest = known[rows], points[rows], still[rows], past.largest[rows, at]
    floor = found.floor[rows]
    scale = np.maximum(np.fmax(past.scale[rows, at], floor), 1e-12)  # no floor where the rows are not known
    error = np.where(known, error[rows], 0.0)
    rare = rarity(error / scale, np.where(still, 10 + points / 2, 2 + points / 10))
    usual = np.log10(points + 1)
    larger = np.log10(np.maximum(error / np.maximum(np.fmax(largest, floor), 1e-12), 1.0))
    moved = still & ~(error <= floor)
    rare = np.where(moved, np.maximum(rare, usual), rare)
    rare = np.where(still, rare, np.minimum(rare, usual + RECORD * larger))
    unscaled = np.array([kind in UNSCALED for kind in found.kinds], dtype=bool)[:, None] | of_one_value(found, past, at)
    rare = np.where(still & unscaled[rows], np.minimum(rare, usual + BEYOND), rare)
    out[rows] = np.where(known, rare, 0.0)
    return out


def of_one_value(found: Traits, past: Walk, at: slice) -> Flags:
    """Whether the column of each series has had one and the same number so far: its least and its greatest stood still there. (series, batch); not of its NULLs."""
    ends: dict[str | None, dict[str, int]] = {}
    for i, (spec, kind) in enumerate(zip(found.specs, found.kinds, strict=True)):
        if kind in ("min", "max"):
            ends.setdefault(spec.column, {})[kind] = i
    both = {column: (one["min"], one["max"]) for column, one in ends.items() if len(one) == 2}
    least, greatest = np.array([*both.values()], dtype=np.int64).reshape(-1, 2).T
    one = past.still[least, at] & past.still[greatest, at]
    one &= np.abs(past.centre[least, at] - past.centre[greatest, at]) <= STILL
    place = {column: n for n, column in enumerate(both)}
    rows = [
        -1 if kind in OF_NULLS else place.get(spec.column, -1)
        for spec, kind in zip(found.specs, found.kinds, strict=True)
    ]
    return np.concatenate([one, np.zeros((1, one.shape[1]), dtype=bool)])[rows]
