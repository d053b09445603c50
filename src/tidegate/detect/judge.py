"""The way through: numbers to a panel, the panel to scores, scores to findings; and what could not be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from tidegate.detect import drift, gross, loads, rewritten, snapshots, stale, story, undated, unlike
from tidegate.detect.excuse import quiet
from tidegate.detect.forecast import Flags, Floats, Predictors, forecast, predict
from tidegate.detect.history import DetectSettings, TableHistory
from tidegate.detect.normal import Baseline, baselines
from tidegate.detect.panel import Panel, build, excluded
from tidegate.detect.score import Scored, chances, score
from tidegate.detect.series import Aspect, Series, series
from tidegate.detect.words import bucket, buckets
from tidegate.model import Finding, Layer

# Chosen, not derived: how far a number of a bucket that was published before must move to be looked at again.
RESTATED = {Aspect.VOLUME: 0.18, Aspect.SEGMENT: 0.3, Aspect.DISTINCT: 0.3, Aspect.LOCATION: 0.2, Aspect.SCALE: 0.3}
RESTATED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about one table."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def judge(history: TableHistory, *, now: datetime, settings: DetectSettings) -> Verdict:
    """Judge the buckets under test, then what has no buckets, and merge what tells one story."""
    panel = build(history, now=now, settings=settings)
    whole = snapshots.without_buckets(history)
    found: list[Finding] = []
    said: list[str] = []
    if panel is not None:
        told = [by_time(one, whole, now, settings) for one in baselines(panel, history, settings)]
        found += agreed([t.findings for t in told])
        said += told[0].notes
    if away := stale.moved_away(panel, history, now=now, settings=settings):
        found = [f for f in found if f.kind != "freshness"] + away
    versions = snapshots.panel_of(whole, panel)
    known = () if versions is None else baselines(versions, whole, settings)
    half = replace(settings, budget=settings.budget / 2) if whole.loads else settings
    found += agreed([by_version(one, panel, half) for one in known])
    found += loads.judge(whole, panel, settings=half)
    found += rewritten.judge(panel, history, settings) if panel is not None else []
    found += undated.judge(whole, settings) if history.time_column is not None else []
    ordered = story.limited(found, settings.most_findings)
    if short := too_short(whole, panel, settings):
        said.append(short.sentence)
        ordered = ordered or (short,)
    return Verdict(ordered, tuple(said))


def by_time(known: Baseline, whole: TableHistory, now: datetime, settings: DetectSettings) -> Verdict:
    """Judge the buckets under test by one baseline."""
    panel, history = known.panel, known.history
    looks = examine(panel, history, settings)
    found = story.tell(looks, story.Context(history=history, settings=settings, panel=panel))
    found += stale.judge(panel, whole, now=now, settings=settings)
    whole_batch = replace(settings, budget=settings.budget_of("unlike"))
    found += unlike.judge(panel, looks, history, found, whole_batch)
    found += drift.judge(panel, history, found, settings)
    return Verdict(tuple(found), tuple(notes(panel, looks, settings)))


def by_version(known: Baseline, timed: Panel | None, settings: DetectSettings) -> tuple[Finding, ...]:
    """Judge what has no buckets by one baseline."""
    found = snapshots.judge(known.history, known.panel, timed=timed is not None, settings=settings)
    rules = gross.judge(known.history, known.panel, timed=timed is not None, settings=settings)
    told = {f.column for f in found}
    return (*found, *(f for f in rules if f.kind != "unlike" or f.column not in told))


def agreed(told: Sequence[tuple[Finding, ...]]) -> list[Finding]:
    """What every baseline finds strange, in the words of the one that is surprised least, of equals the one that takes the past as it was published;
    where one would not hold it, it does not hold.
    """
    if len(told) < 2:
        return list(told[0]) if told else []
    views = [{f.key: f for f in sorted(found, key=story.gravity, reverse=True)} for found in told]
    found = []
    for key in views[0]:
        if all(key in view for view in views):
            same = [view[key] for view in reversed(views)]
            least = min(same, key=lambda f: round(f.rarity or 0.0, 1))
            found.append(replace(least, holds=all(f.holds for f in same)))
    return found


def examine(panel: Panel, history: TableHistory, settings: DetectSettings) -> list[story.Look]:
    """Score every series at every column under test, oldest first; what is strange there does not teach the next one."""
    hidden = excluded(panel, history.excluded)
    teach = np.where(hidden, np.nan, panel.values)
    restated = moved_columns(panel, settings)
    columns = sorted({*panel.new, *restated} - {0})[-settings.most_buckets :]
    if not columns:
        return []
    made = series(panel, teach, columns[0])
    skip = quiet(panel, settings)
    span = teach.shape[1] - columns[0] + settings.most_points
    y = np.concatenate([np.empty((0, teach.shape[1])), *(taught(one, teach) for one in made)])
    said, looks = predict(y, panel.seasons, span), []
    for at in columns:
        scores = scored(made, y, said, panel, at, skip=skip, settings=settings)
        looks.append(story.Look(at=at, new=at in panel.new, quiet=bool(skip[at]), scores=scores))
        strange = [s.rarity > story.threshold(settings, s.aspect) for s in scores.values()]
        if at < columns[-1] and (rows := np.flatnonzero(np.concatenate([np.empty(0, dtype=bool), *strange]))).size:
            y[rows, at] = np.nan
            said.values[:, rows] = predict(y[rows], panel.seasons, span).values
    return looks


def taught(one: Series, teach: Floats) -> Floats:
    """An aspect's series, NaN where a number must not teach."""
    return np.where(np.isnan(teach[list(one.places)]), np.nan, one.y)


def scored(
    made: Sequence[Series],
    y: Floats,
    said: Predictors,
    panel: Panel,
    at: int,
    *,
    skip: Flags,
    settings: DetectSettings,
) -> dict[Aspect, Scored]:
    """Score every aspect at one column; `y` and what is `said` of it are those of all series, aspect after aspect."""
    floor = np.concatenate([np.empty(0), *(one.noise(at) for one in made)])
    every = np.ones(len(y), dtype=bool)
    return score(
        made,
        y,
        forecast(y, said, at, points=settings.most_points, skip=skip, floor=floor),
        panel,
        at,
        plain=said.values[0, :, at - said.first],
        judged=every if at in panel.new else np.concatenate([moved(one, at, settings) for one in made]),
        skip=skip,
        chances=[chances(one, made) for one in made],
        settings=settings,
    )


def moved(one: Series, at: int, settings: DetectSettings) -> Flags:
    """Which series of a published bucket have materially other numbers now; late rows alone do not do that."""
    now, before = one.y[:, at], one.published(slice(at, at + 1))[:, 0]
    far = np.abs(now - before) >= RESTATED.get(one.aspect, RESTATED_SHARE)
    if one.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
        far &= np.abs(np.expm1(now) - np.expm1(before)) >= settings.least_rows
    return np.asarray(far & np.isfinite(before))


def moved_columns(panel: Panel, settings: DetectSettings) -> list[int]:
    """Published buckets in which some series moved materially."""
    if not np.isfinite(panel.base).any():
        return []
    changed = (np.where(np.isnan(panel.values), 0.0, panel.values) != panel.base) & np.isfinite(panel.base)
    columns = [int(t) for t in np.flatnonzero(changed.any(axis=0)) if int(t) not in panel.new]
    if not columns:
        return []
    made = series(panel, panel.values, columns[0])
    return [t for t in columns if any(moved(one, t, settings).any() for one in made)]


def notes(panel: Panel, looks: Sequence[story.Look], settings: DetectSettings) -> list[str]:
    """Say what was looked at."""
    past = len(panel.intervals) - panel.first_known
    lines = [f"grain: {panel.grain}; {buckets(panel.grain, past)} known, {len(panel.specs)} series"]
    if panel.open:
        lines.append(f"the newest {panel.grain} has not ended and was not judged")
    lines += [f"judged: {bucket(panel.intervals[look.at], panel.grain)}" for look in looks[-settings.most_buckets :]]
    return lines


def too_short(history: TableHistory, panel: Panel | None, settings: DetectSettings) -> Finding | None:
    """Say honestly that there is not enough history, with n of m; None when there is."""
    unit = panel.grain if panel is not None else "version"
    known = max(snapshots.points(history), loads.points(history))
    if panel is not None:
        known = max(known, len(panel.intervals) - panel.first_known - max(1, len(panel.new)))
    if known >= settings.min_history:
        return None
    ref = history.dataset.ref
    have = f"{max(known, 0)} of {buckets(unit, settings.min_history)}"
    return Finding(
        key=f"{ref}/unchecked/history",
        kind="unchecked",
        layer=Layer.TECHNICAL,
        dataset=ref,
        sentence=f"{ref} has not enough history for learned bands ({have}); only gross changes are judged",
        holds=False,
        hint="nothing to do: the bands come with the next runs",
    )
