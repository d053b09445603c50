"""How strange each series is at one time: forecast, spread, rarity after all the chances that a table has."""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import (
    Flags,
    Floats,
    Forecast,
    between,
    finite,
    forecast,
    predict,
    rarity,
    sorted_median,
    unsure,
)
from tidegate.detect.history import DetectSettings
from tidegate.detect.panel import Panel
from tidegate.detect.series import LEAST_SPREAD, Aspect, Series
from tidegate.detect.sliding import SEVEN
from tidegate.model import Band, MetricSpec

RIPE = 4
"""How many buckets must have been seen young before their difference is believed. Chosen, not derived, like these two:"""
CAME_BACK = 0.5
LEADS_UP = (0.2, 0.85)

TRUSTED = (20, 60)
LEFT = 0.35
"""From 20 to 60 past errors the sampling noise of a count shrinks to this part of itself as the least spread."""

AS_FAR, LAST_DAYS = 1.5, 2
"""An earlier month excuses what is up to half as much again; so many days before the last one are told from the end."""

USUAL = 2.0
"""Half-width of the band that is shown, in spreads; a spread is cautious, so that about 99 % lie inside."""


NEVER_NEGATIVE = frozenset({"stddev", "mean_length"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Every series of one aspect at one column: what was expected, and -log10 of the chance of what came.

    `rarity` is after Bonferroni over the table's series; `own` is the second-highest that the aspect reached in the past
    that it learned from, 0 where nothing is rare. Both NaN-free; a series that cannot be judged has rarity 0.
    """

    series: Series
    at: int
    centre: Floats
    scale: Floats
    error: Floats
    rarity: Floats
    points: Floats
    methods: tuple[str, ...]
    own: float

    @property
    def aspect(self) -> Aspect:
        """What the series are about."""
        return self.series.aspect

    def spec(self, i: int) -> MetricSpec:
        """The number that series `i` is made from."""
        return self.series.specs[i]

    def observed(self, i: int) -> float:
        """What came, in the number's own unit."""
        return float(self.series.raw[i, self.at])

    def rows(self, i: int) -> float:
        """The rows that it was taken from."""
        return float(np.nan_to_num(self.series.rows[i, self.at]))

    def expected(self, i: int) -> float:
        """What was expected, in the number's own unit; NaN where nothing was."""
        return self.series.back(i, float(self.centre[i])) if math.isfinite(self.centre[i]) else math.nan

    def band(self, i: int, unit: str) -> Band:
        """The usual range. `unit` names the points: days, versions."""
        wide = USUAL * float(self.scale[i])
        ends = sorted(self.series.back(i, float(self.centre[i]) + side * wide) for side in (-1, 1))
        if self.spec(i).metric in NEVER_NEGATIVE:
            ends = [max(0.0, end) for end in ends]
        n = int(self.points[i])
        return Band(
            low=ends[0], high=ends[1], centre=self.expected(i), method=f"{self.methods[i]}, {n} {unit}", points=n
        )


def score(
    made: Sequence[Series],
    teach: Floats,
    cast: Forecast,
    panel: Panel,
    at: int,
    *,
    plain: Floats,
    judged: Flags,
    skip: Flags,
    chances: Sequence[float],
    settings: DetectSettings,
) -> dict[Aspect, Scored]:
    """Judge the series of some aspects at one column. What is given of series is of all of them, aspect after aspect.

    Args:
        made: the series.
        teach: their `y` with NaN where a value must not teach.
        cast: what was expected of them there.
        panel: where they come from.
        at: the column.
        plain: what was expected there without a season; a season of which one time alike is known is not enough.
        judged: (series,) which of them are under test here.
        skip: (time,) columns whose errors teach nothing.
        chances: by how much the budget is divided for each series of an aspect.
        settings: how sensitive to be.
    """
    bars = [math.log10(one) for one in chances]
    shift, wobble, ripe = ripening(made, teach, panel, at)
    y = np.concatenate([np.empty(0), *(one.y[:, at] for one in made)])
    nearer = np.abs(y - cast.centre) < np.abs(y - cast.centre - shift)
    shift = np.where(nearer & unmoved(made, teach, panel, at), 0.0, shift)
    centre = cast.centre + shift
    scale = np.hypot(np.maximum(cast.scale, counting_noise(made, centre, cast.points)), wobble)
    error, df = y - centre, 3 + cast.points / 6
    rare = rareness(error, cast, scale, df, judged & is_known(made, teach[:, :at], cast, settings))
    beyond = rare > each(made, bars)
    if beyond.any() and (young := unsure(teach, cast, panel.seasons, at)).any():
        apart = np.nan_to_num(np.abs(y - plain - shift))
        rare = np.where(young, np.minimum(rare, rarity(apart / scale, df)), rare)
        beyond = rare > each(made, bars)
    if panel.grain == "day" and beyond.any():
        times = monthly(teach, error, panel.days(), at)
        rare = np.where(times > 1, 0.0, np.where(times > 0, np.minimum(rare, np.log10(cast.points + 1.0)), rare))
    out: dict[Aspect, Scored] = {}
    for (one, rows), bar in zip(each_rows(made), bars, strict=True):
        left = rare[rows]
        if (left > bar).any():  # what excuses a series is looked for where something is left to excuse
            left = np.where(unripe(one, panel, at, error[rows], scale[rows], ripe[rows]), 0.0, left)
            if (also := one.also()) is not None:
                left = with_companions(left, also, at, skip, bar, settings)
        found, own = np.maximum(0.0, left - bar), cast.of(rows)
        out[one.aspect] = Scored(
            series=one,
            at=at,
            centre=centre[rows],
            scale=scale[rows],
            error=finite(error[rows]),
            rarity=found,
            points=own.points.astype(np.float64),
            methods=own.methods,
            own=reached(own, scale[rows], df[rows]) - bar if found.any() else 0.0,
        )
    return out


def each_rows(made: Sequence[Series]) -> Iterator[tuple[Series, slice]]:
    """The series of each aspect, and which rows they have among all."""
    end = 0
    for one in made:
        yield one, slice(end, end := end + len(one.specs))


def each(made: Sequence[Series], values: Sequence[float]) -> Floats:
    """Something that is said of each aspect, for each of its series."""
    return np.repeat(np.array(values, dtype=np.float64), [len(one.specs) for one in made])


def is_known(made: Sequence[Series], past: Floats, cast: Forecast, settings: DetectSettings) -> Flags:
    """Of which series enough is known to judge them."""
    needed = [settings.min_history // 2 if one.aspect is Aspect.DUPLICATES else settings.min_history for one in made]
    points = (~np.isnan(past)).sum(axis=1)
    return np.asarray((points >= each(made, needed)) & (cast.points >= settings.min_history // 2))


def rareness(error: Floats, cast: Forecast, scale: Floats, df: Floats, enough: Flags) -> Floats:
    """-log10 of the chance of errors where enough is known, else 0; what has been as far off before is no rarer than one in so many."""
    enough = enough & np.isfinite(error)
    rare = rarity(np.abs(np.where(enough, error, 0.0)) / scale, df)
    capped = np.abs(error) <= cast.largest
    return np.where(enough, np.where(capped, np.minimum(rare, np.log10(cast.points + 1.0)), rare), 0.0)


def monthly(teach: Floats, error: Floats, days: Sequence[date], at: int) -> NDArray[np.int64]:
    """How often each series was as far off on the same day of an earlier month: billing at its end, salaries on its first.

    As far off is to the same side and, both against the seven days before and against the same weekday, two thirds as far.
    """
    alike = [t for t in range(SEVEN, at) if same_in_month(days[t], days[at])]
    if not alike:
        return np.zeros(error.shape, dtype=np.int64)
    before = [[t - apart for t in alike] for apart in range(1, SEVEN + 1)]
    weeks = [[max(t - SEVEN * apart, t % SEVEN) for t in alike] for apart in (1, 2, 3)]
    usual = [sorted_median(np.sort(np.stack([teach[:, t] for t in some], axis=2), axis=2)) for some in (before, weeks)]
    gaps = np.sign(error)[:, None] * (teach[:, alike][None] - np.stack(usual))
    return np.asarray((AS_FAR * gaps.min(axis=0) >= np.abs(error)[:, None]).sum(axis=1))


def same_in_month(one: date, other: date) -> bool:
    """Whether two days have the same number in their months, or are as near to the end of them."""
    left = [calendar.monthrange(day.year, day.month)[1] - day.day for day in (one, other)]
    return one.day == other.day or left[0] == left[1] <= LAST_DAYS


def ripening(made: Sequence[Series], teach: Floats, panel: Panel, at: int) -> tuple[Floats, Floats, Flags]:
    """How young buckets differ from what they become: shift and spread on the even scale, and where that is known.

    Learned from what was first said of past buckets. Cases: late rows, delivery dates that are still NULL.
    """
    nothing, unknown = np.zeros(len(teach)), np.zeros(len(teach), dtype=bool)
    if at not in panel.young or at not in panel.new or not made:
        return nothing, nothing, unknown
    gap = np.concatenate([one.first(slice(at)) for one in made]) - teach[:, :at]
    known = ~np.isnan(gap)
    columns = known.any(axis=0)
    if not columns.any():
        return nothing, nothing, unknown
    gap, known = gap[:, columns], known[:, columns]
    middle = sorted_median(np.sort(gap, axis=1))
    apart = sorted_median(np.sort(np.abs(gap - middle[:, None]), axis=1))
    enough = known.sum(axis=1) >= RIPE
    return np.where(enough, middle, 0.0), np.where(enough, 1.4826 * apart, 0.0), enough


def unmoved(made: Sequence[Series], teach: Floats, panel: Panel, at: int) -> Flags:
    """Of which series the newest published bucket is what was first said of it: then a past that was restated as a whole looks like ripening.

    A table that is loaded anew at twice its level has days of which half was said at first; the next one comes at its full level.
    """
    last = panel.new[0] - 1 if at in panel.new and panel.new[0] > 0 else at
    if last == at:
        return np.zeros(len(teach), dtype=bool)
    gap = np.concatenate([np.empty(0), *(one.first(slice(last, last + 1))[:, 0] for one in made)]) - teach[:, last]
    return np.asarray(np.abs(gap) <= each(made, [LEAST_SPREAD[one.aspect] for one in made]))


def unripe(series: Series, panel: Panel, at: int, error: Floats, scale: Floats, known: Flags) -> Flags:
    """Which series are only young, not strange.

    A published bucket that comes nearer to what is expected ripens or was repaired. A new one is unripe when the buckets
    before it were as strange while they were new and have come back since; without a base, when the buckets before it
    lead up to it, as open orders do. `known` are series whose ripening is learned already.
    """
    if panel.grain == "version" or at == 0:
        return np.zeros(error.shape, dtype=bool)
    if at not in panel.new:
        return np.asarray(
            np.abs(error) <= np.abs(series.published(slice(at, at + 1))[:, 0] - (series.y[:, at] - error))
        )
    if np.isfinite(panel.base).any():
        return came_back(series, panel, at, error) & ~known
    before = series.y[:, at - 1] - (series.y[:, at] - error)
    even = ratio(before, error)
    plain = ratio(series.raw[:, at - 1] - series.raw[:, at], off(series, at, error)) + 1
    leads = within(even, LEADS_UP) | within(plain, LEADS_UP)
    leads &= np.abs(before) > 2 * scale
    return np.asarray(leads & (series.aspect not in (Aspect.VOLUME, Aspect.DUPLICATES)))


def came_back(series: Series, panel: Panel, at: int, error: Floats) -> Flags:
    """Whether the newest published buckets have moved by a good part of the error since they were published."""
    last = panel.new[0] - 1
    if last < 0:
        return np.zeros(error.shape, dtype=bool)
    recent = slice(max(0, last - 2), last + 1)
    published = series.published(recent)
    even = ratio(published[:, -1] - series.y[:, last], error)
    moved = series.plain(published) - series.raw[:, recent]
    plain = ratio(moved, off(series, at, error)[:, None])
    if series.aspect in (Aspect.VOLUME, Aspect.SEGMENT, Aspect.DUPLICATES):
        return np.asarray(np.maximum(even, plain[:, -1]) >= CAME_BACK)
    return np.asarray((even >= CAME_BACK) | (plain.max(axis=1) >= CAME_BACK / 2))


def off(series: Series, at: int, error: Floats) -> Floats:
    """How far from the expected, in the numbers' own units."""
    return np.asarray(series.raw[:, at] - series.plain((series.y[:, at] - error)[:, None])[:, 0])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part by whole, 0 where that says nothing."""
    return finite(part / np.where(whole == 0, np.inf, whole))


def within(values: Floats, limits: tuple[float, float]) -> Flags:
    """Which values lie between the limits."""
    return np.asarray((values >= limits[0]) & (values <= limits[1]))


def with_companions(
    rare: Floats, also: Series, at: int, skip: Flags, divided: float, settings: DetectSettings
) -> Floats:
    """No rarer than the accompanying series; these are looked at where something is left of what is `divided` among all."""
    rows = np.flatnonzero(rare > divided)
    if not rows.size:
        return rare
    out, before = rare.copy(), also.y[rows, : at + 1]
    before[:, at] = np.nan
    said = predict(before, (), settings.most_points + 1)
    cast = forecast(before, said, at, points=settings.most_points, skip=skip, floor=also.noise(at)[rows])
    error = finite(np.abs(also.y[rows, at] - cast.centre))
    out[rows] = np.minimum(rare[rows], rarity(error / cast.scale, 3 + cast.points / 6))
    return out


def reached(cast: Forecast, scale: Floats, df: Floats) -> float:
    """The second-highest rarity of any series in the past that a forecast learned from."""
    before = rarity(np.abs(finite(cast.errors)) / scale[:, None], df[:, None])
    return second_highest(before.max(axis=0) if before.size else before.ravel())


def chances(one: Series, made: Sequence[Series]) -> float:
    """By how much Bonferroni divides the budget for one of these series: a third is for volume, the rest in even parts."""
    others = sum(m.aspect is not Aspect.VOLUME for m in made)
    return 3.0 if one.aspect is Aspect.VOLUME else 1.5 * max(others, 1) * len(one.specs)


def counting_noise(made: Sequence[Series], centre: Floats, points: NDArray[np.int64]) -> Floats:
    """The root of a count, relative to it: what chance alone does to an expected number of rows.

    The more past errors there are, the less it counts: a table of 21 rows every day for two months is no game of chance.
    """
    is_count = each(made, [one.aspect in (Aspect.VOLUME, Aspect.SEGMENT, Aspect.DISTINCT) for one in made])
    expected = np.expm1(np.fmin(np.fmax(centre, 0.0), 700.0))
    trust = between((points - TRUSTED[0]) / (TRUSTED[1] - TRUSTED[0]), 0.0, 1.0)
    return np.asarray(is_count * ((1 - (1 - LEFT) * trust) / np.sqrt(1 + expected)))


def second_highest(values: Floats) -> float:
    """The second-highest, 0 of fewer than two."""
    return float(np.partition(values, -2)[-2]) if values.size >= 2 else 0.0
