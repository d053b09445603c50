"""Robust one-step forecasts of many series at once, and how rare an error is.

Arrays are (series, time), oldest first, NaN where nothing is known; a forecast for a time uses earlier columns only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.sliding import GREATEST, SEVEN, Sevens, lagged, last, level, middle, smoothed

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHORT, LONG = SEVEN, 3 * SEVEN
WEIGHT = 0.3
CHEBYSHEV = (
    *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
    *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
)
"""Coefficients of `erfcc`, Press et al., "Numerical Recipes", 6.2."""

SEASONS_BACK = 6
"""How many earlier weeks (days, years) a seasonal forecast looks at. Chosen, not derived."""


SURE_OF_SEASON = 2
"""So many times alike must be known for a season to be held against a batch by itself."""


@dataclass(frozen=True, slots=True)
class Predictors:
    """What every predictor said for the last columns: `values` is (predictor, series, time), `first` its first column."""

    names: tuple[str, ...]
    values: Floats
    first: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was expected of each series at one time.

    `centre` and `scale` are (series,), NaN where nothing could be expected; `points` counts the past errors;
    `largest` is the largest of them; `errors` are the chosen predictor's own past errors (series, time).
    """

    centre: Floats
    scale: Floats
    points: NDArray[np.int64]
    largest: Floats
    errors: Floats
    methods: tuple[str, ...]

    def of(self, rows: slice) -> Forecast:
        """The same of some of the series."""
        return Forecast(*(getattr(self, field.name)[rows] for field in fields(self)))


def predict(y: Floats, seasons: Sequence[tuple[int, str]], span: int) -> Predictors:
    """Forecast each of the last `span` columns from the columns before it, by every predictor.

    `seasons` are (length in columns, name), the shortest first. O(series x span); with a season of more than seven columns
    times its length.
    """
    first = max(0, y.shape[1] - span)
    names, said = by_time(np.ascontiguousarray(y.T), seasons, first)
    return Predictors(names, np.stack([np.ascontiguousarray(one.T) for one in said]), first)


def by_time(y: Floats, seasons: Sequence[tuple[int, str]], first: int) -> tuple[tuple[str, ...], list[Floats]]:
    """The predictors' names, and what each says of the columns from `first` on; `y` and what they say are (time, series)."""
    deepest = max(0, first - SEASONS_BACK * seasons[-1][0]) if seasons else first
    sevens = Sevens(y, deepest)
    recent = sevens.since(first - deepest)
    names = [f"median of {SHORT}", f"median of {LONG}", "last value", "moving average"]
    said = [recent.median(), recent.long_median(), last(y, first), smoothed(y, first, WEIGHT)]
    if seasons:
        width = 2 * seasons[0][0]
        levels = sevens.level() if width == 2 * SEVEN else level(y, width, deepest)
        said += [one for season, _ in seasons for one in seasonal(y, levels, season, first)]
        names += [name.format(season) for _, season in seasons for name in ("same {}", "level and {}")]
    return tuple(names), said


def sorted_median(ordered: Floats) -> Floats:
    """Median along the last axis of what is sorted with NaN last; NaN where there is nothing."""
    width = ordered.shape[-1]
    if not width:
        return np.full(ordered.shape[:-1], np.nan)
    out = np.asarray((ordered[..., (width - 1) // 2] + ordered[..., width // 2]) / 2)
    short = np.isnan(ordered[..., -1])
    if short.any():
        some = ordered[short]
        count, row = width - np.isnan(some).sum(axis=-1), np.arange(len(some))
        low, high = some[row, np.maximum(count - 1, 0) // 2], some[row, np.minimum(count // 2, width - 1)]
        out[short] = (low + high) / 2
    return out


def finite(values: Floats) -> Floats:
    """Zero for what is not known, and the largest float for what is infinite: `np.nan_to_num`, in fewer steps."""
    return np.where(np.isnan(values), 0.0, between(values, -GREATEST, GREATEST))


def between(values: Floats, low: float | Floats, high: float | Floats) -> Floats:
    """`np.clip`, which takes longer for a few values."""
    return np.asarray(np.minimum(np.maximum(values, low), high))


def seasonal(y: Floats, levels: Floats, season: int, first: int) -> list[Floats]:
    """Two forecasts: the median of the last seasons; and the level of the newest values plus the season's usual distance from it.

    `levels` are of the last columns, as many as the longest season needs.
    """
    apart = y[len(y) - len(levels) :] - levels
    plain = middle(lagged(y, season, SEASONS_BACK, first))
    effect = middle(lagged(apart, season, SEASONS_BACK, first - len(y) + len(levels)))
    return [plain, levels[first - len(y) + len(levels) :] + effect]


def forecast(y: Floats, said: Predictors, at: int, *, points: int, skip: Flags, floor: Floats) -> Forecast:
    """Take for each series the predictor with the lowest clipped past error, and measure its spread on that past.

    Args:
        y: the series.
        said: what the predictors said of them.
        at: the column under test; nothing from it on is looked at.
        points: how many past errors are looked at.
        skip: (time,) columns whose errors teach nothing, such as holidays.
        floor: (series,) the smallest believable spread, from sampling noise.
    """
    begin = max(said.first, at - points)
    past = said.values[:, :, begin - said.first : at - said.first]
    errors = y[None, :, begin:at] - past
    errors[:, :, skip[begin:at]] = np.nan
    size = np.abs(errors)
    known = ~np.isnan(size)
    count = known.sum(axis=2)
    clip = 3 * np.maximum(sorted_median(np.sort(size[0], axis=1)), floor)
    loss = np.where(known, np.minimum(size, np.nan_to_num(clip, nan=np.inf)[None, :, None]), 0.0).sum(axis=2)
    loss = np.where(count > 0, loss / np.maximum(count, 1) * (1 + 2 / np.maximum(count, 1)), np.inf)
    loss[np.isnan(said.values[:, :, at - said.first])] = np.inf
    best = np.argmin(loss, axis=0)
    row = np.arange(y.shape[0])
    chosen, own = errors[best, row], np.sort(size[best, row], axis=1)
    number = count[best, row]
    return Forecast(
        centre=said.values[best, row, at - said.first],
        scale=np.maximum(spread(own, number), floor),
        points=number,
        largest=np.where(number > 0, finite(own[row, pick(number, 1.0)]), 0.0),
        errors=chosen,
        methods=tuple(said.names[b] for b in best),
    )


def unsure(y: Floats, cast: Forecast, seasons: Sequence[tuple[int, str]], at: int) -> Flags:
    """Which series were told by a season of which one time like this is known: whether that one was right, nothing says."""
    out = np.zeros(len(cast.methods), dtype=bool)
    for length, name in seasons:
        told = np.array([method in (f"same {name}", f"level and {name}") for method in cast.methods], dtype=bool)
        alike = y[:, max(at - SEASONS_BACK * length, at % length) : at : length]
        out |= told & ((~np.isnan(alike)).sum(axis=1) < SURE_OF_SEASON)
    return out


def spread(ordered: Floats, count: NDArray[np.int64]) -> Floats:
    """How far absolute errors (sorted, NaN last) usually reach: the largest of three estimates of one sigma.

    1.4826 median, 0.65 q90, and the second-largest by 2.4, which grows with heavy tails and forgives one accident.
    Chosen by walk-forward over made-up shops and real tables.
    """
    if not ordered.shape[1]:
        return np.zeros(ordered.shape[0])
    row = np.arange(len(ordered))
    q90, second = ordered[row, pick(count, 0.9)], ordered[row, np.maximum(count - 2, 0)]
    return finite(np.maximum(np.maximum(1.4826 * sorted_median(ordered), 0.65 * q90), second / 2.4))


def pick(count: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """The place of a quantile among `count` sorted values, rounded up."""
    return np.asarray(np.ceil(share * np.maximum(count - 1, 0)).astype(np.int64))


def rarity(error: Floats, df: Floats) -> Floats:
    """-log10 of the two-sided Student tail of a scaled error, good to a few percent and finite far out.

    Wallace, "Bounds on normal approximations to Student's and the chi-square distributions" (1959).
    """
    normal = np.sqrt(df * np.log1p(np.square(error) / df)) * (8 * df + 1) / (8 * df + 3)
    return log_erfc(normal / np.sqrt(2.0))


def log_erfc(x: Floats) -> Floats:
    """-log10 erfc(x) for x >= 0. The Chebyshev fit `erfcc` of Press et al., "Numerical Recipes", 6.2."""
    t = 1 / (1 + 0.5 * x)
    inner = np.zeros_like(x)
    for term in reversed(CHEBYSHEV):
        inner *= t
        inner += term
    return np.asarray(-(np.log(t) - np.square(x) + inner) / np.log(10.0))
