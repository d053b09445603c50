"""Sliding windows over many series at once: what the values before each time are like, without a sort of each window.

Arrays are (time, series), oldest first. A sorted window is a list of arrays, one for each place in the order; what is not
known is infinite and stands last. A comparator then is one operation on all times and series, and neighbouring windows
share what is sorted already: 21 values are three sevens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from itertools import chain
from typing import Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Sorted: TypeAlias = Sequence[Floats]
Places: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]

SEVEN: Final = 7
GREATEST: Final = np.finfo(np.float64).max


@cache
def merging(one: Places, other: Places) -> tuple[Pairs, Places]:
    """Which places to compare, in turn, so that two sorted lists become one, and where its values stand then.

    The odd-even merge of Batcher (Knuth, "The Art of Computer Programming" 3, 5.3.4).
    """
    if not one or not other:
        return (), one + other
    if len(one) == len(other) == 1:
        return ((one[0], other[0]),), one + other
    (first, odd), (second, even) = merging(one[::2], other[::2]), merging(one[1::2], other[1::2])
    pairs = tuple(zip(even, odd[1:], strict=False))
    rest = even[len(odd) - 1 :] + odd[len(even) + 1 :]
    return first + second + pairs, odd[:1] + tuple(chain.from_iterable(pairs)) + rest


@cache
def sorting(places: Places) -> tuple[Pairs, Places]:
    """The same for places in any order."""
    if len(places) < 2:
        return (), places
    half = len(places) // 2
    (first, left), (second, right) = sorting(places[:half]), sorting(places[half:])
    last, order = merging(left, right)
    return first + second + last, order


def compared(values: Sorted, plan: tuple[Pairs, Places]) -> list[Floats]:
    """The arrays put in order by the comparisons of a plan, all cells at once; those that are given stay as they are."""
    wires, own, spare = list(values), [False] * len(values), np.empty(0)
    for low, high in plan[0]:
        if own[low] and own[high]:
            np.minimum(wires[low], wires[high], out=spare)
            np.maximum(wires[low], wires[high], out=wires[high])
            wires[low], spare = spare, wires[low]
        else:
            wires[low], wires[high] = np.minimum(wires[low], wires[high]), np.maximum(wires[low], wires[high])
            own[low] = own[high] = True
            spare = spare if spare.size else np.empty_like(wires[low])
    return [wires[at] for at in plan[1]]


def merged(one: Sorted, other: Sorted) -> list[Floats]:
    """Two sorted lists of arrays as one, in every cell."""
    places = tuple(range(len(one) + len(other)))
    return compared([*one, *other], merging(places[: len(one)], places[len(one) :]))


def ordered(values: Sorted) -> list[Floats]:
    """Some arrays sorted, in every cell."""
    return compared(values, sorting(tuple(range(len(values)))))


def smallest(one: Sorted, other: Sorted, place: int) -> Floats:
    """Which value comes at a place, from 0, when two sorted lists are put together."""
    candidates = (
        [*one[max(i - 1, 0) : i], *other[max(place - i, 0) : place + 1 - i]]
        for i in range(max(0, place + 1 - len(other)), min(len(one), place + 1) + 1)
    )
    return np.asarray(reduce(np.minimum, (reduce(np.maximum, heads) for heads in candidates)))


def filled(y: Floats, before: int) -> Floats:
    """Values with infinity where nothing is known, after so many rows of nothing."""
    out = np.full((before + y.shape[0], y.shape[1]), np.inf)
    np.copyto(out[before:], np.minimum(y, GREATEST), where=~np.isnan(y))
    return out


class Sevens:
    """The values before each column from `first` on, in sorted sevens: the last one, the one before, the one before that."""

    def __init__(self, y: Floats, first: int) -> None:
        columns = y.shape[0] - first
        values = filled(y, 3 * SEVEN)[first : first + columns + 3 * SEVEN - 1]
        runs = ordered([values[at : at + columns + 2 * SEVEN] for at in range(SEVEN)])
        self.oldest, self.middle, self.newest = (
            [run[at : at + columns] for run in runs] for at in (0, SEVEN, 2 * SEVEN)
        )
        self.two = merged(self.middle, self.newest)

    def since(self, later: int) -> Sevens:
        """The same for the columns after the first few."""
        out = object.__new__(Sevens)
        for name in ("oldest", "middle", "newest", "two"):
            setattr(out, name, [run[later:] for run in getattr(self, name)])
        return out

    def median(self) -> Floats:
        """Of the last seven values."""
        return middle(self.newest)

    def long_median(self) -> Floats:
        """Of the last 21 values."""
        out = smallest(self.two, self.oldest, (3 * SEVEN) // 2)
        short, begun = (self.two[-1] == np.inf) | (self.oldest[-1] == np.inf), self.oldest[0] < np.inf
        if (times := np.flatnonzero((short & ~begun).all(axis=1))).size:
            out[times] = middle_of_rows([run[times] for run in self.two])
            short[times] = False
        few, some = np.flatnonzero(short & ~begun), np.flatnonzero(short & begun)
        out.ravel()[few] = middle_of(np.stack([run.take(few) for run in self.two]))
        both = np.stack([run.take(some) for run in (*self.two, *self.oldest)], axis=1)
        out.ravel()[some] = middle_of(np.sort(both, axis=1).T)
        return out

    def level(self) -> Floats:
        """Mean of the last 14 values without the lowest and the highest two; of fewer, without a seventh at each end."""
        a = self.two[2:-2]
        total = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])) + a[8] + a[9]  # as numpy adds them up
        out = np.asarray(total / len(a))
        short = np.flatnonzero(self.two[-1] == np.inf)
        out.ravel()[short] = trimmed(np.stack([run.take(short) for run in self.two]))
        return out


def middle(runs: Sorted) -> Floats:
    """The medians of sorted windows, NaN of those in which nothing is known."""
    low, high = runs[(len(runs) - 1) // 2], runs[len(runs) // 2]
    out = low.copy() if low is high else np.asarray((low + high) / 2)
    short = runs[-1] == np.inf
    if (times := np.flatnonzero(short.all(axis=1))).size:
        out[times] = middle_of_rows([run[times] for run in runs])
        short[times] = False
    if (few := np.flatnonzero(short)).size:
        out.ravel()[few] = middle_of(np.stack([run.take(few) for run in runs]))
    return out


def middle_of_rows(runs: Sorted) -> Floats:
    """The same of times at which no window is full: of one value itself, of each more where there is one more."""
    out = np.where(runs[0] < np.inf, runs[0], np.nan)
    for more in range(1, len(runs)):
        if not (there := runs[more] < np.inf).any():
            break
        np.copyto(out, (runs[more // 2] + runs[(more + 1) // 2]) / 2, where=there)
    return out


def middle_of(some: Floats) -> Floats:
    """The same of windows that are not full, as (place, window)."""
    count, window = (some < np.inf).sum(axis=0), np.arange(some.shape[1])
    low = some[np.maximum(count - 1, 0) // 2, window]
    high = some[np.minimum(count // 2, len(some) - 1), window]
    return np.where(count > 0, (low + high) / 2, np.nan)


def trimmed(some: Floats) -> Floats:
    """The mean of windows that are not full, (place, window), without their extremes; NaN where nothing is known."""
    count, place = (some < np.inf).sum(axis=0), np.arange(len(some))[:, None]
    cut = np.where(count >= 5, np.maximum(1, count // 7), 0)
    inside = np.where((place >= cut) & (place < count - cut), some, 0.0)
    return np.where(count > 0, summed(inside) / np.maximum(count - 2 * cut, 1), np.nan)


def summed(values: Floats) -> Floats:
    """The sum over the first axis, at most 128 long, added up in the order in which numpy adds neighbours in memory.

    Eight sums side by side, then these, then what is left over; so it is the number that each window gives by itself.
    """
    whole = len(values) // 8 * 8
    if not whole:
        return np.asarray(reduce(np.add, values, np.zeros(values.shape[1:])))
    eight = reduce(np.add, values[:whole].reshape(whole // 8, 8, *values.shape[1:]))
    a, b, c, d = eight[::2] + eight[1::2]
    return np.asarray(reduce(np.add, values[whole:], (a + b) + (c + d)))


def level(y: Floats, width: int, first: int) -> Floats:
    """`Sevens.level` of windows of any width, of at least seven, sorted one by one."""
    columns = y.shape[0] - first
    values = np.ascontiguousarray(filled(y, width)[first : first + columns + width - 1].T)
    windows = np.sort(sliding_window_view(values, width, axis=1), axis=2)
    edge = width // 7
    out = np.asarray(windows[..., edge : width - edge].mean(axis=-1))
    short = np.isposinf(windows[..., -1])
    out[short] = trimmed(windows[short].T)
    return out.T


def lagged(y: Floats, season: int, back: int, first: int) -> list[Floats]:
    """For each column from `first` on, the values one to `back` seasons before, sorted."""
    values = filled(y, back * season)
    ends = [(back - lag) * season + first for lag in range(1, back + 1)]
    return ordered([values[at : at + y.shape[0] - first] for at in ends])


def last(y: Floats, first: int) -> Floats:
    """The newest value before each column."""
    out = np.concatenate([np.full((1, y.shape[1]), np.nan), y[:-1]])
    unknown = np.isnan(out)
    if (whole := unknown[1:].all(axis=1)).any():
        out = out[newest(np.concatenate([[False], ~whole]))]
        unknown = np.isnan(out)
    holey = np.flatnonzero(unknown[1:].any(axis=0))
    if holey.size:
        out[:, holey] = np.take_along_axis(out[:, holey], newest(~unknown[:, holey]), axis=0)
    return out[first:]


def newest(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each place of the first axis the newest one that is known, itself included; 0 where there is none."""
    place = np.arange(len(known)).reshape(-1, *(1,) * (known.ndim - 1))
    return np.asarray(np.maximum.accumulate(np.where(known, place, 0), axis=0))


def smoothed(y: Floats, first: int, weight: float) -> Floats:
    """Exponentially weighted mean of everything before each column."""
    out = np.empty((len(y) + 1, y.shape[1]))
    out[0] = np.nan
    whole, known, part = np.asarray(np.isfinite(y).all(axis=1)), False, np.array(weight)
    for value, state, after, is_whole in zip(y, out, out[1:], whole.tolist(), strict=False):
        if known and is_whole:
            np.subtract(value, state, after)
            np.multiply(after, part, after)
            np.add(state, after, after)
            continue
        moved = np.where(np.isnan(state), value, state + weight * (value - state))
        after[:] = np.where(np.isnan(value), state, moved)
        known = bool(np.isfinite(after).all())
    return out[first:-1]
