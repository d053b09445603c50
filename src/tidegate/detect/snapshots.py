"""Whole-table numbers: the past is the earlier published versions, for tables and numbers that have no buckets of time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter

import numpy as np

from tidegate.detect import story
from tidegate.detect.forecast import forecast, predict
from tidegate.detect.history import LOAD_COLUMN, DetectSettings, TableHistory
from tidegate.detect.panel import Key, Panel, believable, key_of
from tidegate.detect.score import chances, score
from tidegate.detect.series import Aspect, series
from tidegate.model import Finding, Interval, Measurement, MetricSpec

EPOCH = Interval(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(1970, 1, 1, tzinfo=UTC))


def without_buckets(history: TableHistory) -> TableHistory:
    """The same history with whole-table numbers only."""
    current = [m for m in history.current if m.interval is None]
    return replace(history, current=current, base=[m for m in history.base if m.interval is None])


def past(history: TableHistory) -> list[Sequence[Measurement]]:
    """Whole-table numbers of every earlier version, oldest first; the base is one of them."""
    known = {number for number, _ in history.versions}
    out = [numbers for _, numbers in history.versions]
    if history.base and not known.intersection(m.version for m in history.base):
        out.append(history.base)
    return [numbers for numbers in out if numbers]


def points(history: TableHistory) -> int:
    """How many earlier versions there are to learn from."""
    return len(past(history))


def panel_of(history: TableHistory, timed: Panel | None) -> Panel | None:
    """The versions as a panel, one column each, the candidate last; without numbers that buckets tell better."""
    versions = [*past(history)[-90:], history.current]
    seen: dict[int, tuple[Key, MetricSpec] | None] = {}
    told = bucketed(timed)
    cells = [by_key(numbers, seen, lambda spec: wanted(spec, told, timed)) for numbers in versions]
    specs = dict(reversed([entry for entry in seen.values() if entry is not None]))
    keys = sorted(specs)
    if not keys:
        return None
    chosen = tuple(specs[k] for k in keys)
    values = believable(chosen, np.array([[cell.get(key, np.nan) for cell in cells] for key in keys]))
    zero_rows(keys, values)
    return Panel(
        grain="version",
        specs=chosen,
        values=values,
        base=np.full(values.shape, np.nan),
        first=np.full(values.shape, np.nan),
        intervals=(EPOCH,) * len(versions),
        new=(len(versions) - 1,),
        first_known=0,
        open=False,
        versions=tuple(max(map(attrgetter("version"), numbers), default=0) for numbers in versions),
    )


def by_key(
    numbers: Sequence[Measurement],
    seen: dict[int, tuple[Key, MetricSpec] | None],
    is_wanted: Callable[[MetricSpec], bool],
) -> dict[Key, float]:
    """Whole-table numbers by what they are; `seen` keeps what each spec object says, None where it is not wanted."""
    found: dict[Key, float] = {}
    for m in numbers:
        known = seen.get(id(m.spec), ())
        if known is None or m.interval is not None or not isinstance(m.value, (int, float)):
            continue
        if not known:
            known = seen[id(m.spec)] = (key_of(m.spec), m.spec) if is_wanted(m.spec) else None
        if known is not None:
            found[known[0]] = float(m.value)
    return found


def zero_rows(keys: Sequence[Key], values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """A category that a version does not list has no rows there, once it was listed; in place."""
    for i, key in enumerate(keys):
        if key[0] != "row_count" or not key[4]:
            continue
        known = np.flatnonzero(~np.isnan(values[i]))
        later = values[i, known[0] if known.size else len(values[i]) :]
        later[np.isnan(later)] = 0.0


def wanted(spec: MetricSpec, told: Collection[tuple[str, str | None]], timed: Panel | None) -> bool:
    """Numbers of the whole table or of a category, not of a load, that buckets do not tell better."""
    if spec.where is not None or (
        spec.segment is not None and (timed is not None or spec.segment.column == LOAD_COLUMN)
    ):
        return False
    return spec.metric == "row_count" or (spec.metric, spec.column) not in told


def bucketed(timed: Panel | None) -> set[tuple[str, str | None]]:
    """(metric, column) that are judged by time; a whole table's mean says less than its newest day's."""
    if timed is None:
        return set()
    told = {(s.metric, s.column) for s in timed.specs}
    values = {column for metric, column in told if metric in ("mean", "sum")}
    also = {(metric, column) for column in values for metric in ("mean", "sum", "stddev", "quantile")}
    return told | also


def judge(history: TableHistory, panel: Panel | None, *, timed: bool, settings: DetectSettings) -> list[Finding]:
    """Judge the candidate's whole-table numbers by learned bands; nothing below `min_history` versions.

    Rows of a table with buckets are left to the buckets: the whole only grows.
    """
    if panel is None or panel.values.shape[1] <= settings.min_history:
        return []
    at = panel.values.shape[1] - 1
    made = series(panel, panel.values, at)
    if timed:
        made = tuple(one for one in made if one.aspect not in (Aspect.VOLUME, Aspect.DUPLICATES))
    if not made:
        return []
    skip = np.zeros(at + 1, dtype=bool)
    y = np.concatenate([one.y for one in made])
    said = predict(y, (), settings.most_points + 1)
    floor = np.concatenate([one.noise(at) for one in made])
    scores = score(
        made,
        y,
        forecast(y, said, at, points=settings.most_points, skip=skip, floor=floor),
        panel,
        at,
        plain=said.values[0, :, at - said.first],
        judged=np.ones(len(y), dtype=bool),
        skip=skip,
        chances=[chances(one, made) for one in made],
        settings=settings,
    )
    look = story.Look(at=at, new=True, quiet=False, scores=scores)
    return story.tell([look], story.Context(history=history, settings=settings, panel=panel))
