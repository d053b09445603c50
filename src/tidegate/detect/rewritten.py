"""Closed buckets that were published before, held against what they are now: a model that was rebuilt is wrong in every bucket alike.

Bands cannot tell that, since the past that they learn from changed along. Nothing that is over changes by chance, so rules do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.detect import words
from tidegate.detect.forecast import Flags, Floats
from tidegate.detect.gross import made
from tidegate.detect.history import DetectSettings, TableHistory
from tidegate.detect.panel import Panel, Places, excluded
from tidegate.detect.series import Aspect, Series, series
from tidegate.model import Band, Finding, Measurement, MetricSpec

# Chosen, not derived: how far a number must have moved in a bucket, on its even scale, and in which share of the buckets.
FAR: Final = {Aspect.VOLUME: 0.08, Aspect.SEGMENT: 0.3, Aspect.NULLS: 0.1, Aspect.SHARE: 0.1, Aspect.LOCATION: 0.2}
MOST: Final = 0.5

AS_FAR: Final = 1.25
"""Rows that moved by about as much from one version to the next before are no news: what was multiplied is repaired, or comes and goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number of the buckets `at`, of all of them together: what was published and what is there now."""

    aspect: Aspect
    spec: MetricSpec
    before: float
    now: float
    far: float

    @property
    def gone(self) -> bool:
        """Whether it is a category that has no rows any more."""
        return self.aspect is Aspect.SEGMENT and self.now == 0

    @property
    def gravity(self) -> tuple[bool, bool, bool, float]:
        """A category that is gone explains its rows, rows explain those of every category; then what moved furthest, and of categories the largest."""
        size = self.before if self.gone else self.far
        return not self.gone, self.aspect is not Aspect.VOLUME, self.aspect is Aspect.SEGMENT, -size


def judge(panel: Panel, history: TableHistory, settings: DetectSettings) -> list[Finding]:
    """Tell the gravest number that most of the closed and published buckets have otherwise now. O(numbers of the panel)."""
    at = settled(panel, history)
    if at.size < settings.min_history:
        return []
    panel = with_lost_categories(panel)
    order = {column.name: n for n, column in enumerate(history.dataset.columns)}
    found = sorted(
        (c for one in series(panel, panel.base, panel.base.shape[1], among=FAR) for c in changes(one, at, settings)),
        key=lambda c: (c.gravity, order.get(column_of(c.spec), -1), str(c.spec)),
    )
    if any(c.aspect is Aspect.VOLUME and not is_news(c, history) for c in found):
        found = [c for c in found if c.aspect not in (Aspect.VOLUME, Aspect.SEGMENT)]
    return [told(found, panel, history, at, settings)] if found else []


def settled(panel: Panel, history: TableHistory) -> Places:
    """The buckets that were published with rows, were no longer young, and of which no unanswered incident is."""
    total = panel.row("row_count")
    if total is None:
        return np.empty(0, dtype=np.int64)
    known = (panel.base[total] > 0) & np.isfinite(panel.values[total]) & ~excluded(panel, history.excluded)[total]
    known[[*panel.new, *panel.young]] = False
    return np.flatnonzero(known)


def with_lost_categories(panel: Panel) -> Panel:
    """With the rows that categories have at most which the scan found nowhere: what is left of all rows by the others of their column."""
    total = panel.row("row_count")
    columns: dict[str, list[int]] = {}
    for i, spec in enumerate(panel.specs):
        if spec.metric == "row_count" and spec.segment is not None:
            columns.setdefault(spec.segment.column, []).append(i)
    values = panel.values.copy()
    for rows in columns.values():
        lost = [i for i in rows if np.isnan(values[i]).all()]
        if 0 < len(lost) < len(rows):
            values[lost] = np.maximum(values[total] - np.nansum(values[rows], axis=0), 0.0)
    return replace(panel, values=values)


def changes(one: Series, at: Places, settings: DetectSettings) -> Iterator[Change]:
    """The numbers of one aspect that moved, in one direction, in most of the buckets and in all of them together."""
    moved = (one.y - one.published(slice(None)))[:, at]
    known = np.isfinite(moved)
    enough = np.maximum(settings.min_history, MOST * known.sum(axis=1))
    up, down = (((sign * moved >= FAR[one.aspect]) & known).sum(axis=1) >= enough for sign in (1, -1))
    for i in np.flatnonzero(up | down).tolist():
        before, now = together(one, i, at[known[i]])
        if (now > before) != up[i]:
            continue
        far = abs(float(np.median(moved[i, known[i]])))
        change = Change(aspect=one.aspect, spec=one.specs[i], before=before, now=now, far=far)
        if matters(change, float(one.panel.base[one.total, at].sum()), settings):
            yield change


def together(one: Series, i: int, at: Places) -> tuple[float, float]:
    """A number of all the buckets: their sum of rows, otherwise their mean by rows; as published, and now."""
    sides: tuple[Floats, Floats] = (one.panel.base, one.panel.values)
    numbers = [side[one.places[i], at] for side in sides]
    rows = [side[one.total, at] for side in sides]
    if one.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
        before, now = (float(n.sum()) for n in numbers)
    elif one.aspect is Aspect.LOCATION:
        before, now = (float((n * r).sum() / max(r.sum(), 1.0)) for n, r in zip(numbers, rows, strict=True))
    else:
        before, now = (float(n.sum() / max(r.sum(), 1.0)) for n, r in zip(numbers, rows, strict=True))
    return before, now


def matters(change: Change, rows: float, settings: DetectSettings) -> bool:
    """Whether somebody would miss it: the floors that hold for one bucket, and for rows about half of theirs."""
    moved = abs(change.now - change.before)
    if change.aspect is Aspect.VOLUME:
        return moved >= settings.least_rows
    if change.aspect is Aspect.SEGMENT:
        return moved >= max(settings.least_rows, settings.least_segment * rows)
    if change.aspect is Aspect.LOCATION:
        return moved >= settings.least_shift * abs(change.before)
    return moved >= settings.least_share


def is_news(change: Change, history: TableHistory) -> bool:
    """Whether rows came or went, and did not move to other buckets; and never so many from one version to the next."""
    before, now = (whole(numbers) for numbers in (history.base, history.current))
    moved = change.now - change.before
    if before is None or now is None or (now - before) * math.copysign(1.0, moved) < MOST * abs(moved):
        return False
    sizes = [size for _, numbers in history.versions if (size := whole(numbers))]
    steps = np.abs(np.diff(np.log(sizes)))
    step = abs(math.log1p(change.now) - math.log1p(change.before))
    alike: Flags = (steps <= AS_FAR * step) & (steps >= step / AS_FAR)
    return not alike.any()


def whole(numbers: Sequence[Measurement]) -> float | None:
    """The rows of the whole table."""
    for m in numbers:
        asked = (m.spec.metric, m.spec.segment, m.spec.where, m.interval)
        if asked == ("row_count", None, None, None) and isinstance(m.value, (int, float)):
            return float(m.value)
    return None


# --- what is said ----------------------------------------------------------------------------------------------------


def told(found: Sequence[Change], panel: Panel, history: TableHistory, at: Places, settings: DetectSettings) -> Finding:
    """The first change with the names of the others; rows that moved by less than what holds are told."""
    change, ref = found[0], history.dataset.ref
    version = max((m.version for m in history.base), default=0)
    closed = words.buckets(panel.grain, at.size)
    sentence = f"the past of {ref} was rewritten: {said(change, f'the {closed}', f'version {version}')}"
    columns = {c.spec.column for c in found if c.spec.column and c.spec.segment is None}
    if change.aspect is not Aspect.VOLUME and not change.gone and (more := sorted(columns - {change.spec.column})):
        sentence += f"; {words.listed(more)} moved too"
    rows = float(panel.values[panel.row("row_count") or 0, at].sum())
    share = affected(change, rows)
    name = str(change.spec.segment or change.spec.column or "").replace(" ", "")
    finding = made(
        history,
        f"{change.aspect}/past{f'/{name}' if name else ''}",
        change.spec,
        sentence,
        change.now,
        Band(
            low=change.before,
            high=change.before,
            centre=change.before,
            method=f"rule: {panel.grain}s that are over stay as they were published",
            points=int(at.size),
        ),
        share * rows,
        share,
        hint(change, version, max((m.version for m in history.current), default=0)),
    )
    small = change.aspect is Aspect.VOLUME and abs(change.now - change.before) < settings.least_change * change.before
    return replace(finding, holds=not small, since="this version")


def said(change: Change, buckets: str, version: str) -> str:
    """What the number is and what it was: of rows counts, of shares percent."""
    spec = change.spec
    if change.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
        whose = f"{spec.segment} has " if spec.segment else ""
        rows = f"{whose}{words.count(change.now)} rows in {buckets} that had {words.count(change.before)} in {version}"
        if change.gone or change.before <= 0:
            return rows
        return (
            f"{rows}, {words.change(change.now, change.before).removesuffix(' than usual').removesuffix(' as usual')}"
        )
    if change.aspect is Aspect.LOCATION:
        what = "mean length" if spec.metric == "mean_length" else spec.metric
        numbers = f"{words.number(change.now)} in {buckets}, {words.number(change.before)} in {version}"
        factor = words.factor(change.now, change.before).replace("its usual value", "what it was")
        return f"the {what} of {spec.column} is {numbers}: {factor}"
    what = "NULL" if spec.metric == "null_count" else words.SHARES.get(spec.metric, spec.metric)
    numbers = f"{words.percent(change.now)} of the rows of {buckets}, {words.percent(change.before)} in {version}"
    return f"{spec.column} is {what} in {numbers}"


def column_of(spec: MetricSpec) -> str:
    """The column that a number is about, as a number of its values or as that of a category; empty for all rows."""
    return spec.segment.column if spec.segment is not None else spec.column or ""


def affected(change: Change, rows: float) -> float:
    """The share of the buckets' rows that are otherwise."""
    if change.aspect is Aspect.LOCATION:
        return 1.0
    moved = abs(change.now - change.before)
    if change.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
        return min(1.0, moved / max(rows, change.before, 1.0))
    return min(1.0, moved)


def hint(change: Change, old: int, new: int) -> str:
    """Where to look."""
    if change.aspect is Aspect.VOLUME and change.now > change.before:
        where = "a join that finds several rows for one multiplies them, and so does a load that appends the past again"
    elif change.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
        where = "a filter or an inner join that loses rows"
    elif change.aspect is Aspect.LOCATION:
        where = "a changed unit (cents for euros), a changed sign, another formula"
    else:
        where = "a join that finds nothing, or a column that the source stopped sending"
    return f"look for what changed in the code that builds it: {where}; `tidegate diff {old} {new}` counts the rows"
