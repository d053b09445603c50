"""Outlook: what is expected of a table's next bucket, and what its past is like: trend, seasons, how long it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from tidegate.detect import snapshots
from tidegate.detect.excuse import quiet
from tidegate.detect.forecast import Floats, forecast, predict
from tidegate.detect.history import DetectSettings, TableHistory
from tidegate.detect.normal import baselines
from tidegate.detect.panel import Panel, build, excluded, made_up_after
from tidegate.detect.score import chances, score
from tidegate.detect.series import Series, series
from tidegate.model import Band, Interval, MetricSpec

CYCLES: Final = 3
"""A season is looked for when there are so many of it. Chosen, not derived."""

STRONG: Final = 0.3
"""A season is found when it explains this share of what is left of the trend. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of one number: `band` in its own unit (a share for shares), None where `points` are too few; and `last`,
    the newest value that is known. `needed` points make a band.
    """

    spec: MetricSpec
    kind: str
    points: int
    needed: int
    last: float | None
    band: Band | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A season of the rows, `length` buckets long: `strength` (0 to 1) is the share of what is left of the trend that it
    explains, None while too little is known. `effects` are the factors of its parts, the first bucket's part first.
    """

    name: str
    length: int
    strength: float | None
    effects: tuple[float, ...] = ()

    @property
    def is_found(self) -> bool:
        """Whether it explains enough."""
        return self.strength is not None and self.strength >= STRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A table's past and its next bucket. `unit` is what a point is: day, version. `trend` is the factor by which the rows grow
    in 30 points, None while fewer than 14 are known.
    """

    unit: str
    points: int
    needed: int
    since: datetime | None
    until: datetime | None
    following: Interval | None
    trend: float | None
    seasons: tuple[Season, ...]
    expectations: tuple[Expectation, ...]


def outlook(history: TableHistory, *, now: datetime, settings: DetectSettings) -> Outlook:
    """Look one bucket, or one version, ahead of what is known; every bucket that has ended teaches.

    Pure; it costs what judging one bucket costs.
    """
    panel = build(history, now=now, settings=settings)
    if panel is None:
        panel = snapshots.panel_of(snapshots.without_buckets(history), None)
    if panel is None:
        return Outlook(
            unit="version", points=0, needed=settings.min_history, since=None, until=None, following=None, trend=None,
            seasons=(), expectations=(),
        )  # fmt: skip
    known = baselines(replace(panel, new=()), history, settings)[0]
    timed = panel.grain != "version"
    intervals = panel.intervals[panel.first_known :] if timed else ()
    rows = teaching(known.panel, known.history)[panel.row("row_count") or 0]
    return Outlook(
        unit=panel.grain,
        points=panel.values.shape[1] - panel.first_known,
        needed=settings.min_history,
        since=intervals[0].start if intervals else None,
        until=intervals[-1].end if intervals else None,
        following=made_up_after(panel, panel.intervals[-1]) if timed else None,
        trend=trend(rows),
        seasons=tuple(season(rows, length, name) for length, name in panel.seasons),
        expectations=tuple(expectations(known.panel, known.history, settings)),
    )


def teaching(panel: Panel, history: TableHistory) -> Floats:
    """The numbers of a panel that teach, NaN for the others."""
    return np.where(excluded(panel, history.excluded), np.nan, panel.values)


def expectations(panel: Panel, history: TableHistory, settings: DetectSettings) -> Iterator[Expectation]:
    """What is expected of every number; of shares and values with the sampling noise of as many rows as are expected."""
    ahead = extended(panel)
    total, at = ahead.row("row_count"), ahead.values.shape[1] - 1
    if total is None:
        return
    teach = np.append(teaching(panel, history), np.full((len(panel.specs), 1), np.nan), axis=1)
    for one in series(ahead, teach, at):
        if one.aspect == "volume":
            (rows,) = bands(one, ahead, teach, chances(one, (one,)), settings)
            ahead.values[total, at] = np.nan if rows is None else rows.centre
    made = series(ahead, teach, at)
    for one in made:
        for i, band in enumerate(bands(one, ahead, teach, chances(one, made), settings)):
            past = one.raw[i, :at][~np.isnan(teach[one.places[i], :at])]
            seen = past[~np.isnan(past)]
            yield Expectation(
                spec=one.specs[i],
                kind=str(one.aspect),
                points=int(seen.size),
                needed=settings.min_history,
                last=float(seen[-1]) if seen.size else None,
                band=band,
            )


def bands(one: Series, panel: Panel, teach: Floats, divided: float, settings: DetectSettings) -> Sequence[Band | None]:
    """The bands of one aspect's series at the last column; None where fewer than `min_history` points are known."""
    at = panel.values.shape[1] - 1
    y = np.where(np.isnan(teach[list(one.places)]), np.nan, one.y)
    said = predict(y, panel.seasons, settings.most_points + 1)
    judged = np.ones(len(one.specs), dtype=bool)
    skip = quiet(panel, settings)
    cast = forecast(y, said, at, points=settings.most_points, skip=skip, floor=one.noise(at))
    scored = score(
        (one,),
        y,
        cast,
        panel,
        at,
        plain=said.values[0, :, at - said.first],
        judged=judged,
        skip=skip,
        chances=(divided,),
        settings=settings,
    )[one.aspect]
    past = (~np.isnan(y[:, :at])).sum(axis=1)
    able = (past >= settings.min_history) & np.isfinite(scored.centre)
    return [scored.band(i, f"{panel.grain}s") if able[i] else None for i in range(len(one.specs))]


def extended(panel: Panel) -> Panel:
    """The panel with one more column of which nothing is known."""
    shape = (len(panel.specs), 1)
    values, base, first = (
        np.append(known, np.full(shape, np.nan), axis=1) for known in (panel.values, panel.base, panel.first)
    )
    last = panel.intervals[-1]
    after = last if panel.grain == "version" else made_up_after(panel, last)
    return replace(
        panel, values=values, base=base, first=first, intervals=(*panel.intervals, after), new=(values.shape[1] - 1,)
    )


def trend(rows: Floats) -> float | None:
    """The factor by which the rows grow in 30 points: Theil and Sen's slope of their logarithm over the last 60."""
    recent = np.log1p(np.maximum(rows[-60:], 0.0))
    there = np.flatnonzero(~np.isnan(recent))
    if there.size < 14:
        return None
    y = recent[there]
    first, second = np.triu_indices(there.size, k=max(1, there.size // 4))
    slopes = (y[second] - y[first]) / (there[second] - there[first])
    return float(np.exp(30 * np.median(slopes)))


def season(rows: Floats, length: int, name: str) -> Season:
    """How much of the rows' variation a season explains, by absolute deviations from the median, in logarithms."""
    y = np.log1p(np.maximum(rows, 0.0))
    if (~np.isnan(y)).sum() < CYCLES * length:
        return Season(name=name, length=length, strength=None)
    places = np.arange(y.size) % length
    smooth = np.array([np.nanmedian(y[max(0, t - length) : t + length + 1]) for t in range(y.size)])
    left = y - smooth
    parts = np.array(
        [np.nanmedian(left[places == p]) if np.isfinite(left[places == p]).any() else 0.0 for p in range(length)]
    )
    whole, rest = (float(np.nansum(np.abs(v))) for v in (left, left - parts[places]))
    strength = max(0.0, 1 - rest / whole) if whole > 0 else 0.0
    return Season(name=name, length=length, strength=strength, effects=tuple(np.exp(parts).round(4).tolist()))
