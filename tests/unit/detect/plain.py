"""The walk through the past as its words say it: one series, one batch and one window after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tidegate.detect.forecast import SEASONS_BACK, WEIGHT
from tidegate.detect.walk import STILL, WINDOW, Walk

Seasons = Sequence[tuple[int, str]]
NO = math.nan


def known(values: np.ndarray) -> np.ndarray:
    return np.sort(values[~np.isnan(values)])


def median(values: np.ndarray) -> float:
    some = known(values)
    return float((some[(some.size - 1) // 2] + some[some.size // 2]) / 2) if some.size else NO


def level(values: np.ndarray, width: int) -> float:
    some = known(values)
    cut = max(1, some.size // 7) if some.size >= 5 else 0
    if some.size < width:
        padded = np.concatenate([np.zeros(cut), some[cut : some.size - cut], np.zeros(width)])[:width]
        return float(padded.sum() / max(some.size - 2 * cut, 1)) if some.size else NO
    return float(some[cut : width - cut].mean())


def before(y: np.ndarray, at: int, width: int) -> np.ndarray:
    return y[max(0, at - width) : at]


def seasons_ago(y: np.ndarray, at: int, season: int) -> np.ndarray:
    return np.array([y[at - back * season] for back in range(1, SEASONS_BACK + 1) if at >= back * season])


def predictors(y: np.ndarray, seasons: Seasons) -> np.ndarray:
    """(predictor, batch) of one series."""
    batches = range(y.size)
    said = [[median(before(y, t, 7)) for t in batches], [median(before(y, t, 21)) for t in batches]]
    said.append([float(some[-1]) if (some := y[:t][~np.isnan(y[:t])]).size else NO for t in batches])
    mean, means = NO, []
    for value in y:
        means.append(mean)
        if not math.isnan(value):
            mean = value if math.isnan(mean) else mean + WEIGHT * (value - mean)
    said.append(means)
    for season, _ in seasons:
        width = 2 * seasons[0][0]
        levels = np.array([level(before(y, t, width), width) for t in batches])
        said.append([median(seasons_ago(y, t, season)) for t in batches])
        said.append([levels[t] + median(seasons_ago(y - levels, t, season)) for t in batches])
    return np.array(said)


def walk(y: np.ndarray, seasons: Seasons) -> Walk:
    """What `detect.walk.walk` finds."""
    parts = [walked(one, seasons) for one in y]
    return Walk(*(np.array([part[i] for part in parts]) for i in range(5)))


def walked(y: np.ndarray, seasons: Seasons) -> tuple[list, list, list, list, list]:
    some = y[~np.isnan(y)]
    if not some.size or (some == some[0]).all():
        return standing(y)
    said = predictors(np.append(y, NO), seasons)
    roots = np.sqrt(np.abs(y - said[:, : y.size]))
    centre, errors = [], []
    scale, largest, points, still = [], [], [], []
    for t in range(y.size + 1):
        centre.append(
            said[
                np.argmin([loss(r, t) if not math.isnan(s[t]) else math.inf for r, s in zip(roots, said, strict=True)]),
                t,
            ]
        )
        past = known(np.array(errors[-WINDOW:]))
        scale.append(spread(past))
        largest.append(past[-1] if past.size else 0.0)
        points.append(past.size)
        still.append(not any(e > STILL for e in errors))
        errors.append(abs(y[t] - centre[t]) if t < y.size else NO)
    return centre, scale, largest, points, still


def standing(y: np.ndarray) -> tuple[list, list, list, list, list]:
    counts = [int((~np.isnan(y[:t])).sum()) for t in range(y.size + 1)]
    some = y[~np.isnan(y)]
    points = [max(n - 1, 0) - (max(counts[t - WINDOW] - 1, 0) if t >= WINDOW else 0) for t, n in enumerate(counts)]
    nothing = [0.0] * len(counts)
    return [some[0] if n else NO for n in counts], nothing, nothing, points, [True] * len(counts)


def loss(roots: np.ndarray, at: int) -> float:
    """By sums since the beginning, as they round."""
    sums = np.append(0.0, np.cumsum(np.nan_to_num(roots)))
    count = int((~np.isnan(before(roots, at, WINDOW))).sum())
    total = sums[at] - (sums[at - WINDOW] if at >= WINDOW else 0.0)
    return total / count * (1 + 1 / count) if count else math.inf


def spread(past: np.ndarray) -> float:
    if not past.size:
        return 0.0
    q90 = past[math.ceil(0.9 * (past.size - 1))]
    second = past[-2] if past.size > 1 else 0.0
    return max(1.4826 * median(past), 0.65 * q90, second / 2.8)
