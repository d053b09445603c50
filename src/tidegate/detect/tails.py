"""Tails: how often, and how far, surprises went beyond one in ten before; shrunk to what other tables showed.

Above one in ten, surprises (-log10 of a chance) of a well-made forecast fall off exponentially; how steeply, each series
tells itself once it is old, and while it is young the pool of other tables does: peaks over a threshold with a conjugate
prior (Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4, with shape zero).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import Floats, between

OVER: Final = 1.0
"""Surprises beyond this count as peaks: one in ten."""

MOST: Final = 3.0
"""A peak counts as at most so high, so that one accident does not deafen a year. Chosen by walk-forward."""

MEMORY: Final = 400
"""How many batches back peaks are remembered: a year of days. Chosen by walk-forward."""

AGES: Final = (8, 10, 12, 14, 20, 28, 60, 120)
"""Where pooled tails change: so many batches of past."""

BEGIN: Final = 4
"""Batches before this one are too young to tell of tails."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Of the remembered batches before each batch (last axis): the sum of heights over the threshold, how many, of how many."""

    height: Floats
    over: Floats
    of: Floats

    def at(self, place: int | slice) -> Peaks:
        """The same before one or some of the batches."""
        return Peaks(self.height[..., place], self.over[..., place], self.of[..., place])


@dataclass(frozen=True, slots=True)
class Tail:
    """What the pool says: the chance of a peak and its mean height, in surprise."""

    chance: Floats
    height: Floats


@dataclass(frozen=True, slots=True)
class Trust:
    """How much the pool weighs: as so many batches for the chance, and so many peaks for the height."""

    batches: float = 60.0
    peaks: float = 4.0


def peaks(surprises: Floats, there: NDArray[np.bool_]) -> Peaks:
    """Count the peaks before each batch and before the next one: one more column than `surprises` has.

    `there` (batch,) tells which batches there were.
    """
    old = (np.arange(surprises.shape[-1]) >= BEGIN) & there
    height = np.where(old, between(surprises - OVER, 0.0, MOST), 0.0)
    of = remembered(old)
    of = np.broadcast_to(of, (*height.shape[:-1], of.size))
    return Peaks(remembered(height), remembered(old & (surprises > OVER)), of)


def remembered(values: NDArray[np.float64] | NDArray[np.bool_]) -> Floats:
    """The sum over the remembered batches before each; flags are counted in whole numbers, which is faster."""
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1), np.int64 if values.dtype == bool else np.float64)
    np.cumsum(values, axis=-1, out=total[..., 1:])
    total[..., MEMORY:] -= total[..., :-MEMORY].copy()
    return total.astype(np.float64, copy=False)


def calibrated(surprises: Floats, past: Peaks, pool: Tail, trust: Trust) -> Floats:
    """-log10 of how often a surprise as large comes, by the series' own past and the pool's; 0 where there is no surprise."""
    chance = (past.over + trust.batches * pool.chance) / (past.of + trust.batches)
    height = (past.height + trust.peaks * pool.height) / (past.over + trust.peaks)
    rare = -np.log10(np.maximum(chance, 1e-12))
    beyond = rare + (surprises - OVER) / height / np.log(10.0)
    out = np.where(surprises > OVER, beyond, surprises * rare / OVER)
    return np.where(surprises > 0, np.maximum(out, 0.0), 0.0)


CLASS_OF_AGE: Final = np.digitize(np.arange(AGES[-1] + 1), AGES).astype(np.int64)


def age(batches: Floats | NDArray[np.int64]) -> NDArray[np.int64]:
    """The class of an age, for the pool."""
    return CLASS_OF_AGE.take(np.minimum(batches, AGES[-1]).astype(np.int64))
