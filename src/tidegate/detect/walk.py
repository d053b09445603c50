"""The walk through a table's past: what was expected of every series at every batch, and how far off it came.

Every batch is looked at with the batches before it alone, so that what a detector would have said of it is known.
Arrays are (series, batch), oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tidegate.detect.forecast import Flags, Floats, predict, rarity
from tidegate.detect.traits import Traits

WINDOW: Final = 60
"""How many past errors tell the spread of a series. Chosen, not derived."""

LEAST: Final = 3
"""Fewer past errors than this, and a series says nothing."""

STILL: Final = 1e-9
"""An error below this is none: the series stands still."""


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
    first = np.take_along_axis(y, np.argmax(~np.isnan(y), axis=1)[:, None], axis=1)
    moving = (~np.isnan(y) & (y != first)).any(axis=1)
    place = np.argsort(np.concatenate([np.flatnonzero(~moving), np.flatnonzero(moving)]))
    rest, others = _standing(y[~moving], first[~moving]), _moving(y[moving], seasons)
    return Walk(*(np.concatenate([getattr(rest, f.name), getattr(others, f.name)])[place] for f in fields(Walk)))


def _standing(y: Floats, first: Floats) -> Walk:
    """Of series with one value: that value, once it is known, without error."""
    before = np.pad(np.cumsum(~np.isnan(y), axis=1), ((0, 0), (1, 0)))
    points = np.maximum(before - 1, 0).astype(np.float64)
    points -= np.pad(points, ((0, 0), (WINDOW, 0)))[:, : points.shape[1]]
    nothing = np.zeros_like(points)
    return Walk(np.where(before > 0, first, np.nan), nothing, nothing, points, nothing == 0)


def _moving(y: Floats, seasons: Sequence[tuple[int, str]]) -> Walk:
    series, batches = y.shape
    said = predict(np.concatenate([y, np.full((series, 1), np.nan)], axis=1), seasons, batches + 1).values
    centre = np.take_along_axis(said, np.argmin(losses(y, said), axis=0)[None], axis=0)[0]
    errors = np.abs(y - centre[:, :batches])
    scale, largest, points = spreads(errors)
    moved = np.cumsum(np.nan_to_num(errors) > STILL, axis=1) > 0
    still = np.concatenate([np.ones((series, 1), dtype=bool), ~moved], axis=1)
    return Walk(centre, scale, largest, points, still)


def losses(y: Floats, said: Floats) -> Floats:
    """(predictor, series, batch): the mean root of each predictor's errors in the window before a batch."""
    size = np.sqrt(np.abs(y[None] - said[:, :, : y.shape[1]]))
    known = ~np.isnan(size)
    total, count = in_window(np.where(known, size, 0.0)), in_window(known)
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.where(count > 0, total / count * (1 + 1 / count), np.inf)
    return np.asarray(np.where(np.isnan(said), np.inf, loss))


def in_window(values: Floats | Flags) -> Floats:
    """The sum over the window before each place of the last axis, and before the next one."""
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=total[..., 1:])
    total[..., WINDOW:] -= total[..., :-WINDOW].copy()
    return total


def spreads(errors: Floats) -> tuple[Floats, Floats, Floats]:
    """Before each batch: the spread of the errors in the window (as in `forecast.spread`), the largest, and their number."""
    padded = np.concatenate([np.full((errors.shape[0], WINDOW), np.nan), errors], axis=1)
    ordered = np.sort(sliding_window_view(padded, WINDOW, axis=1), axis=2)
    number = in_window(~np.isnan(errors))
    count = number.astype(np.int64)
    last = np.maximum(count - 1, 0)
    places = (
        last // 2,
        np.minimum(count // 2, WINDOW - 1),
        np.ceil(0.9 * last).astype(np.int64),
        np.maximum(count - 2, 0),
        last,
    )
    picked = np.nan_to_num(np.take_along_axis(ordered, np.stack(places, axis=2), axis=2))
    low, high, q90, second, largest = np.moveaxis(picked, 2, 0)
    second = np.where(count >= 2, second, 0.0)
    scale = np.maximum(np.maximum(1.4826 * ((low + high) / 2), 0.65 * q90), second / 2.8)
    return scale, largest, number


def surprise(found: Traits, past: Walk, at: slice) -> Floats:
    """-log10 of the chance of an error as large, for the batches `at` of the walk, which are those of `found`.

    Student's tail, heavy on purpose: two degrees of freedom and one more for every ten errors, since errors of real tables
    are not normal; more for a series that has stood still, whose only noise is that of sampling. An error that is not
    larger than a past one is at most as rare as that.
    """
    points, still = past.points[:, at], past.still[:, at]
    scale = np.maximum(np.fmax(past.scale[:, at], found.floor), 1e-12)  # a floor is not known where the rows are not
    error = np.abs(found.y - past.centre[:, at])
    known = np.isfinite(error) & (points >= LEAST) & (np.nan_to_num(error) > STILL)
    error = np.where(known, error, 0.0)
    rare = rarity(error / scale, np.where(still, 10 + points / 2, 2 + points / 10))
    rare = np.where(error <= past.largest[:, at], np.minimum(rare, np.log10(points + 1)), rare)
    return np.where(known, rare, 0.0)
