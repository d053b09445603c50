"""Slow drifts: numbers of which no batch leaves its band, and that are elsewhere after some weeks.

A band follows its number; what moves slowly enough takes it along. Here the newest buckets are held against a reference
that does not follow: level, trend and season of what came before them. The errors are added up, upwards and downwards
apart, less an allowance (Page, "Continuous inspection schemes", Biometrika 1954); the sum starts anew when it falls to zero,
which tells since when a drift lasts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.detect import words
from tidegate.detect.forecast import Flags, Floats, between, finite, sorted_median
from tidegate.detect.history import DRIFT, DetectSettings, TableHistory
from tidegate.detect.panel import Panel, excluded
from tidegate.detect.series import Aspect, Series, series
from tidegate.model import Band, Finding, Interval, Layer

RECENT: Final = 35
"""How many buckets are held against the reference. Chosen, not derived, like all that follows."""

LEAST: Final = 28
"""A reference is made from no fewer buckets."""

ALLOWED: Final = 0.5
"""The allowance in sigmas: half of the shift that is looked for (Page 1954). The error of the reference comes on top."""

CLIPPED: Final = 3.0
"""An error counts for no more sigmas than this, so that one accident is no drift."""

SHARE: Final = 0.25
"""The part of a table's budget that drifts may spend, beside it: they hold nothing."""

OWN: Final = 1.25
"""The sum must exceed what it ever was in the reference by this factor."""

AGED: Final = 3
MOSTLY: Final = 5
"""So many buckets that are over move against a drift, and so many times as many as move along with it, where it is the age of the newest ones."""

LOOKED_AT: Final = (Aspect.VOLUME, Aspect.SEGMENT, Aspect.NULLS, Aspect.SHARE, Aspect.LOCATION)
SHORTEST: Final = 5
"""A drift lasts so many buckets at least; a shorter one is for the bands."""

GROWN: Final = 14
"""One of a part of a table lasts longer: a status is reached days after its row was made, so the newest buckets lack it."""

BEFORE: Final = 28
"""A part of a table must be elsewhere than in so many buckets before, too: its reference may follow an older change of rows."""

SURE: Final = 4.0
"""By how many standard errors it must be elsewhere: a table has dozens of parts."""

MATTERS: Final = {
    Aspect.VOLUME: 0.1,
    Aspect.SEGMENT: 0.2,
    Aspect.NULLS: 0.05,
    Aspect.SHARE: 0.1,
    Aspect.LOCATION: 0.1,
}
"""How far a number must have moved on its even scale, about a tenth for counts and values."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What was expected of every bucket of some series by the reference: (series, time); `sigma` and `error`, the uncertainty of
    what is expected in sigmas, likewise. `able` tells of which series enough was known.
    """

    centre: Floats
    sigma: Floats
    error: Floats
    able: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A series that drifted: its sum and the threshold, the column that it began at, and by how much it is off since, even scale."""

    series: Series
    i: int
    total: float
    threshold: float
    since: int
    off: float
    centre: float
    sigma: float


def judge(panel: Panel, history: TableHistory, told: Sequence[Finding], settings: DetectSettings) -> list[Finding]:
    """The strongest drift of each column and kind of number at the newest grown bucket, none about what a finding tells already.

    Young buckets are left out, for they still fill; those that are held against the reference teach it nothing.
    O(series × buckets).
    """
    at = max((t for t in range(panel.values.shape[1]) if t not in panel.young), default=-1)
    split = at + 1 - RECENT
    if not panel.new or split - panel.first_known < LEAST:
        return []
    accepted = [(n.spec, n.interval) for n in history.accepted]
    hidden = excluded(panel, (*history.excluded, *history.drifts))
    answered = excluded(panel, (*history.excluded, *accepted))
    teach = np.where(hidden, np.nan, panel.values)
    made = [beside_rows(s, panel) for s in series(panel, teach, split, LOOKED_AT)]
    number = sum(len(s.specs) for s in made)
    known = {(f.spec.metric, f.spec.column) for f in told if f.spec is not None}
    bar = threshold(settings.budget_of(DRIFT) * SHARE / max(number, 1))
    found: dict[tuple[Aspect, str | None], Drift] = {}
    beyond_bars = drifts(made, hidden, answered, panel, (split, at + 1), bar)
    for drift in (one for one in beyond_bars if not is_age(panel, one)):
        aspect, spec = drift.series.aspect, drift.series.specs[drift.i]
        best = found.get((aspect, spec.column))
        if (spec.metric, spec.column) not in known and (best is None or drift.total > best.total):
            found[aspect, spec.column] = drift
    return [finding(panel, history, drift, at, number) for drift in found.values()]


def is_age(panel: Panel, drift: Drift) -> bool:
    """Whether a count is off in the newest buckets because these are young: those that are over still move the other way, with the same
    rows, since they were published or first seen. An end of validity is filled in, or a status reached, weeks after its row was made.
    """
    total, one = panel.row("row_count"), drift.series
    if total is None or one.aspect not in (Aspect.NULLS, Aspect.SHARE, Aspect.SEGMENT):
        return False
    now, at = (
        panel.values[[total, one.places[drift.i]]],
        [t for t in range(panel.values.shape[1]) if t not in panel.new],
    )
    for known in (side[[total, one.places[drift.i]]] for side in (panel.base, panel.first)):
        moved = math.copysign(1.0, drift.off) * (now[1] - known[1])[at][(now[0] == known[0])[at]]
        back, along = int((moved < 0).sum()), int((moved > 0).sum())
        if back >= AGED and back >= MOSTLY * along:
            return True
    return False


def beside_rows(one: Series, panel: Panel) -> Series:
    """Parts of a table beside its rows, as the logarithm of their share: what grows with the whole table does not drift.

    A table's own growth is in its reference, where all its rows tell of it; in a part it may be too faint to be told from none.
    """
    total = panel.row("row_count")
    if one.aspect is not Aspect.SEGMENT or total is None:
        return one
    return replace(one, y=one.y - np.log1p(np.maximum(panel.values[total], 0)))


def least_spread(one: Series, before: int) -> Floats:
    """The smallest believable spread of each series; counts scatter by their root at least (Poisson)."""
    least = one.noise(before)
    if one.aspect not in (Aspect.VOLUME, Aspect.SEGMENT):
        return least
    n = finite(sorted_median(np.sort(one.raw[:, :before], axis=1)))
    return np.maximum(least, np.sqrt(np.maximum(n, 1.0)) / (n + 1.0))


def drifts(
    made: Sequence[Series], hidden: Flags, answered: Flags, panel: Panel, stretch: tuple[int, int], least: float
) -> Iterator[Drift]:
    """The series whose sum is beyond its threshold at the end of a stretch of columns, and which moved far enough to matter.

    What is `hidden` teaches the reference nothing; what is `answered` says nothing of a drift: a person accepted it, or an
    incident tells of it already.
    """
    if not made:
        return
    split, end = stretch
    places = [place for one in made for place in one.places]
    y = np.concatenate([one.y[:, :end] for one in made])
    y[:, :split][hidden[places, :split]] = np.nan
    y[:, split:][answered[places, split:end]] = np.nan
    floor = np.concatenate([least_spread(one, split) for one in made])
    seen = reference(y[:, :split], end, panel.seasons[0][0] if panel.seasons else 1, floor)
    noise = np.concatenate([one.noises(end) for one in made])  # a few rows at night scatter more than many by day
    apart = finite((y - seen.centre) / np.maximum(seen.sigma, noise))
    sums = added_up(np.concatenate([apart, -1.0 * apart]), np.concatenate([seen.error, seen.error]))
    bars = np.full(len(sums), np.inf)
    high = np.flatnonzero(np.tile(seen.able, 2) & (sums[:, -1] > least))
    bars[high] = np.maximum(OWN * largest_before(sums[high, :split]), least)
    for one, i, at, side in beyond(made, (sums[:, -1] > bars).reshape(2, -1)):
        row = at if side > 0 else at + len(y)
        zeros = np.flatnonzero(sums[row] <= 0)
        since = max(int(zeros[-1]) + 1 if zeros.size else split, split)
        sigma = float(seen.sigma[at, 0])
        centre, off, least_off = moved(one, i, seen.centre[at], sigma, (split, since, end))
        shortest = GROWN if one.aspect is Aspect.SEGMENT else SHORTEST
        if end - since >= shortest and side * off >= least_off:
            yield Drift(
                series=one, i=i, total=float(sums[row, -1]), threshold=float(bars[row]), since=since, off=off,
                centre=centre, sigma=sigma,
            )  # fmt: skip


def beyond(made: Sequence[Series], found: Flags) -> Iterator[tuple[Series, int, int, float]]:
    """What was found, upwards and downwards, in each series: its place among its own, among all, and the side."""
    end = 0
    for one in made:
        begin, end = end, end + len(one.specs)
        for flags, side in zip(found[:, begin:end], (1.0, -1.0), strict=True):
            yield from ((one, i, begin + i, side) for i in np.flatnonzero(flags).tolist())


def moved(
    one: Series, i: int, expected: Floats, sigma: float, columns: tuple[int, int, int]
) -> tuple[float, float, float]:
    """Where a series is expected, by how far it is off, and how far it must be, in the columns (split, since, end)."""
    split, since, end = columns
    if one.aspect is not Aspect.SEGMENT:
        off = float(np.nanmedian((one.y[i, :end] - expected)[since:]))
        return float(expected[-1]), off, MATTERS[one.aspect]
    centre = float(np.nanmedian(one.y[i, max(0, split - BEFORE) : split]))
    error = sigma * math.sqrt(1 / min(BEFORE, split) + 1 / (end - since))
    return centre, float(np.nanmedian(one.y[i, since:end])) - centre, max(MATTERS[one.aspect], SURE * error)


def reference(y: Floats, until: int, season: int, floor: Floats) -> Reference:
    """Level, trend and season of `y`, told for `until` columns: least squares over errors that are clipped once.

    Args:
        y: (series, time), NaN where nothing teaches.
        until: how many columns are told; those after `y` by the same line and season.
        season: its length in columns; 1 for none.
        floor: (series,) the smallest believable spread.
    """
    width, time = y.shape[1], np.arange(until, dtype=np.float64)
    there = ~np.isnan(y)
    n = np.maximum(there.sum(axis=1), 1)
    rough, _ = fitted(y, there, floor)
    effect = phases(y - rough, season)
    plain = y - effect[:, np.arange(width) % season]
    line, sigma = fitted(plain, there, floor)
    off = np.where(there, between(plain - line, -CLIPPED * sigma[:, None], CLIPPED * sigma[:, None]), 0.0)
    clipped = line + off
    middle = (there * time[:width]).sum(axis=1) / n
    away = time[None, :] - middle[:, None]
    spread = np.maximum(np.where(there, np.square(away[:, :width]), 0.0).sum(axis=1), 1e-9)
    level = np.where(there, clipped, 0.0).sum(axis=1) / n
    slope = np.where(there, away[:, :width] * (clipped - level[:, None]), 0.0).sum(axis=1) / spread
    longer = sigma * wandering(off)
    slope = np.where(np.abs(slope) * np.sqrt(spread) > CLIPPED * longer, slope, 0.0)
    centre = level[:, None] + slope[:, None] * away + effect[:, np.arange(until) % season]
    error = np.sqrt(1 / n[:, None] + np.square(away) / spread[:, None])
    return Reference(centre, np.broadcast_to(longer[:, None], centre.shape), error, there.sum(axis=1) >= LEAST)


def wandering(off: Floats) -> Floats:
    """By how much sums of these errors spread more than those of independent ones: the root of (1 + r) / (1 - r), with the
    correlation r of neighbours, for errors that are an autoregression of first order.
    """
    size = np.maximum(np.square(off).sum(axis=1), 1e-12)
    together = between((off[:, 1:] * off[:, :-1]).sum(axis=1) / size, 0.0, 0.95)
    return np.asarray(np.sqrt((1 + together) / (1 - together)))


def fitted(y: Floats, there: Flags, floor: Floats) -> tuple[Floats, Floats]:
    """A first line through each series, by the medians of its halves, and the robust spread around it."""
    half = y.shape[1] // 2
    left, right = (sorted_median(np.sort(part, axis=1)) for part in (y[:, :half], y[:, half:]))
    slope = finite((right - left) / max(y.shape[1] / 2, 1))
    time = np.arange(y.shape[1]) - y.shape[1] / 2
    rough = slope[:, None] * time
    level = finite(sorted_median(np.sort(y - rough, axis=1)))
    line = level[:, None] + rough
    off = np.sort(np.where(there, np.abs(y - line), np.nan), axis=1)
    return line, np.maximum(finite(1.4826 * sorted_median(off)), floor)


def phases(y: Floats, season: int) -> Floats:
    """The effect of each phase of a season: (series, season), the median distance from the median of the cycle around."""
    cycles = y.shape[1] // season
    if season == 1 or cycles < 3:
        return np.zeros((y.shape[0], season))
    whole = y[:, : cycles * season].reshape(y.shape[0], cycles, season)
    around = sorted_median(np.sort(whole, axis=2))
    return finite(sorted_median(np.sort((whole - around[:, :, None]).transpose(0, 2, 1), axis=2)))


def added_up(apart: Floats, error: Floats) -> Floats:
    """Page's sums of errors in sigmas, less the allowance: (series, time)."""
    steps = np.ascontiguousarray((between(apart, -CLIPPED, CLIPPED) - ALLOWED - error).T)
    total = nothing = np.zeros(steps.shape[1])
    for step in steps:
        np.add(total, step, step)
        total = np.maximum(nothing, step, out=step)
    return steps.T


def largest_before(sums: Floats) -> Floats:
    """The second-largest peak of the sums in the reference, which forgives one accident; 0 where there is none."""
    if sums.shape[1] < 2:
        return np.zeros(sums.shape[0])
    falls = np.concatenate([sums[:, 1:] < sums[:, :-1], np.ones((sums.shape[0], 1), dtype=bool)], axis=1)
    peaks = np.where(falls, sums, 0.0)
    return np.asarray(np.partition(peaks, -2, axis=1)[:, -2])


def run_length(total: float) -> float:
    """How many batches go by on average until a sum of pure chance exceeds `total`, both directions together.

    Siegmund, "Sequential Analysis" (1985), section 2.6, with the overshoot of 1.166 sigmas.
    """
    high = 2 * ALLOWED * (total + 1.166)
    return (math.exp(min(high, 700.0)) - high - 1) / (2 * ALLOWED**2) / 2


def threshold(rate: float) -> float:
    """The sum that chance exceeds once in 1 / `rate` batches."""
    low, high = 0.0, 100.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if run_length(middle) < 1 / rate else (low, middle)
    return high


def finding(panel: Panel, history: TableHistory, drift: Drift, at: int, number: int) -> Finding:
    """The words of one drift."""
    one, spec, ref = drift.series, drift.series.specs[drift.i], history.dataset.ref
    level = drift.centre + rows_beside(drift, panel, at)
    centre, came = one.back(drift.i, level), one.back(drift.i, level + drift.off)
    low, high = sorted(one.back(drift.i, level + side * 2 * drift.sigma) for side in (-1.0, 1.0))
    span = Interval(start=panel.intervals[drift.since].start, end=panel.intervals[at].end)
    days = words.buckets(panel.grain, at + 1 - drift.since)
    name = spec.column if spec.segment is None else spec.segment.column
    points = int(np.isfinite(one.y[drift.i, : drift.since]).sum())
    return Finding(
        key=f"{ref}/{DRIFT}/{one.aspect}/{name or 'rows'}",
        kind=DRIFT,
        layer=Layer.DATA,
        dataset=ref,
        column=name,
        sentence=f"{subject(one, drift.i, str(ref))} drifts: {told(one, came)} instead of {told(one, centre)}{each(one, panel)},"
        f" since {words.bucket(panel.intervals[drift.since], panel.grain)}, {days}; no single {panel.grain} left its band",
        holds=False,
        spec=spec,
        observed=came,
        expected=Band(
            low=low, high=high, centre=centre, method=f"level, trend and season, {points} {panel.grain}s", points=points
        ),
        interval=span,
        since=words.bucket(panel.intervals[drift.since], panel.grain),
        rarity=round(max(0.0, math.log10(run_length(drift.total) / max(number, 1))), 2),
        hint="see what changed then; if this is the new normal, answer `expected`, and the level is learned from then on",
        affected_share=round(min(1.0, abs(came - centre) / max(abs(centre), abs(came), 1e-9)), 4),
    )


def rows_beside(drift: Drift, panel: Panel, at: int) -> float:
    """What a part of a table was held beside since it drifts, as a logarithm; 0 for anything else."""
    total = panel.row("row_count")
    if drift.series.aspect is not Aspect.SEGMENT or total is None:
        return 0.0
    return float(np.nanmedian(np.log1p(np.maximum(panel.values[total, drift.since : at + 1], 0))))


def subject(one: Series, i: int, table: str) -> str:
    """What drifts."""
    spec = one.specs[i]
    match one.aspect:
        case Aspect.VOLUME:
            return f"the number of rows of {table}"
        case Aspect.SEGMENT:
            return f"the number of rows of {table} where {spec.segment}"
        case Aspect.NULLS:
            return f"the share of NULLs in {table}.{spec.column}"
        case Aspect.SHARE:
            return f"the share of {words.SHARES[spec.metric]} values in {table}.{spec.column}"
        case _:
            return f"the {spec.metric.replace('_', ' ')} of {table}.{spec.column}"


def each(one: Series, panel: Panel) -> str:
    """What a count is of: ` a day`, ` an hour`."""
    if one.aspect not in (Aspect.VOLUME, Aspect.SEGMENT):
        return ""
    return f" {'an' if panel.grain == 'hour' else 'a'} {panel.grain}"


def told(one: Series, value: float) -> str:
    """A number in words."""
    if one.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
        return words.count(value)
    return words.number(value) if one.aspect is Aspect.LOCATION else words.percent(value)
