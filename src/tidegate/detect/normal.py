"""The new normal: when a person called a change expected, the past before it is moved to the level that came with it.

Moving the past keeps what it taught, its weekdays and its spread, and forgets its level alone. A change that was one
day only is undone: a few later buckets say which of the two levels holds, and until they do, both are normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np

from tidegate.detect.forecast import Flags, Floats, sorted_median
from tidegate.detect.history import DetectSettings, Normal, TableHistory
from tidegate.detect.panel import Panel, excluded
from tidegate.detect.series import SHARES, usual_size
from tidegate.model import MetricSpec

SETTLED: Final = 4
"""So many buckets, those of the change and later ones, say whether it is here to stay. Chosen, not derived, like these:"""

FURTHER: Final = 1.5
"""A bucket that moved by more than this many times what was accepted is not what was accepted."""

LEAST: Final = 0.1
"""Series that moved by less than this on the even scale, about a tenth, are left where they are."""

NEWEST: Final = 7
"""So many of the newest buckets since the change tell the new level: a drift goes on until it is accepted."""

SEEN: Final = 21
"""How many buckets before the change tell its old level, and how many after it are asked whether it stayed."""


OF_THE_VALUES: Final = frozenset({"stddev", "quantile"})
"""What goes with the mean of a column when its values change by a factor: a price that rises spreads further, too."""

OWN_LEVEL: Final = frozenset({"row_count", "distinct_count"})
"""Counts that do not simply grow with the rows: categories, and different values."""


class Standing(Enum):
    """Whether a change that was accepted stayed, went, or may yet do either."""

    NEW = "new"
    OLD = "old"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a table is judged by: its panel, and its history with what must not teach."""

    panel: Panel
    history: TableHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An accepted change in a panel: the rows that it moved, by how much on the even scale, from which column on."""

    normal: Normal
    first: int
    moved: dict[int, float]
    standing: Standing


def baselines(panel: Panel, history: TableHistory, settings: DetectSettings) -> tuple[Baseline, ...]:
    """One baseline, or two while it is open which level holds: then only what is strange by both is strange.

    Buckets under test say nothing, but those that a person accepted: they were looked at. O(answers × series × SEEN).
    """
    changes = [c for normal in history.accepted if (c := change(panel, normal, history, settings)) is not None]
    known = [c.normal for c in changes]
    undone = [n for n in history.accepted if n not in known] + [c.normal for c in changes if c.standing is Standing.OLD]
    new = [c for c in changes if c.standing is not Standing.OLD]
    found = [Baseline(panel=shifted(panel, new), history=without(history, undone))]
    if any(c.standing is Standing.OPEN for c in new):
        stayed = [c for c in new if c.standing is Standing.NEW]
        gone = undone + [c.normal for c in new if c.standing is Standing.OPEN]
        found.append(Baseline(panel=shifted(panel, stayed), history=without(history, gone)))
    return tuple(found)


def without(history: TableHistory, undone: Sequence[Normal]) -> TableHistory:
    """The history in which answers about one occasion do not teach."""
    more = [(n.spec, n.interval) for n in undone if n.interval is not None]
    return replace(history, excluded=(*history.excluded, *more)) if more else history


def change(panel: Panel, normal: Normal, history: TableHistory, settings: DetectSettings) -> Change | None:
    """What an answer means for a panel; None where the panel has nothing of it, or not what was accepted."""
    columns = columns_of(panel, normal)
    own = [i for i, s in enumerate(panel.specs) if s == normal.spec]
    if not own or not columns or columns[0] < settings.min_history // 2:
        return None
    hidden = excluded(panel, history.excluded)
    apart = {i: distances(panel, i, columns[0], hidden[i]) for i in related(panel, own[0])}
    before, there = apart[own[0]], np.array(columns)
    came = before[there]
    if not np.isfinite(came).any() or not is_accepted(float(np.nanmedian(came)), normal, panel, own[0]):
        return None
    later = [t for t in range(columns[-1] + 1, panel.values.shape[1]) if t not in panel.new and np.isfinite(before[t])]
    standing = settles(float(np.nanmedian(came)), before[[*columns, *later[:SEEN]]])
    of = np.array([*columns, *(later[:SEEN] if standing is Standing.NEW else ())][-NEWEST:])
    levels = {i: middle(far[of]) for i, far in apart.items()}
    moved = {i: level for i, level in levels.items() if i == own[0] or goes_along(panel, i, level, levels[own[0]])}
    return Change(normal=normal, first=columns[0], moved=moved, standing=standing)


def columns_of(panel: Panel, normal: Normal) -> list[int]:
    """The buckets, or the version, that an answer is about."""
    if panel.grain == "version":
        return [t for t, number in enumerate(panel.versions) if number == normal.version and t not in panel.new]
    if normal.interval is None:
        return []
    return [t for t, i in enumerate(panel.intervals) if normal.interval.overlaps(i)]


def related(panel: Panel, own: int) -> list[int]:
    """The number itself with its segments, or its whole; rows take the numbers of different values along, a mean the spread."""
    spec = panel.specs[own]
    same = {(spec.metric, spec.column)}
    if spec.metric == "row_count":
        same |= {(s.metric, s.column) for s in panel.specs if s.metric == "distinct_count"}
    if spec.metric == "mean":
        same |= {(metric, spec.column) for metric in OF_THE_VALUES}
    return [i for i, s in enumerate(panel.specs) if (s.metric, s.column) in same]


def goes_along(panel: Panel, row: int, level: float, own: float) -> bool:
    """Whether a related number moved, and if it is another one of the values, about as the mean that was accepted did."""
    with_mean = panel.specs[row].metric in OF_THE_VALUES
    return abs(level) >= LEAST and not (with_mean and (level * own < 0 or abs(level) > FURTHER * abs(own) + LEAST))


def distances(panel: Panel, row: int, first: int, hidden: Flags) -> Floats:
    """How far each bucket from `first` on lies from what the buckets before `first` led to expect, on the even scale.

    Expected is the median of the last three of the same weekday (hour), else that of the last buckets.
    """
    y = np.where(hidden, np.nan, even(panel, row))
    length = panel.seasons[0][0] if panel.seasons else 1
    out = np.full(y.shape, np.nan)
    for t in range(first, y.size):
        latest = first - 1 - (first - 1 - t) % length
        alike = known(y[latest::-length][: max(SEEN // length, 3)]) if latest >= 0 else y[:0]
        usual = alike if alike.size >= 3 else known(y[max(0, first - SEEN) : first])
        out[t] = y[t] - float(np.median(usual)) if usual.size else np.nan
    return out


def known(values: Floats) -> Floats:
    """Those that are there."""
    return values[np.isfinite(values)]


def middle(values: Floats) -> float:
    """The median of those that are there, 0 where none is."""
    there = known(values)
    return float(sorted_median(np.sort(there)[None, :])[0]) if there.size else 0.0


def is_accepted(came: float, normal: Normal, panel: Panel, row: int) -> bool:
    """Whether a bucket lies where it lay when it was accepted: on the same side, and hardly further out."""
    if normal.observed is None or normal.expected is None:
        return True
    said = scaled(panel.specs[row], normal.observed, panel, row) - scaled(panel.specs[row], normal.expected, panel, row)
    return came * said >= 0 and abs(came) <= FURTHER * abs(said) + LEAST


def settles(level: float, apart: Floats) -> Standing:
    """Which of the levels 0 and `level` the buckets lie nearer to, when there are enough of them."""
    there = known(apart)
    if there.size < SETTLED:
        return Standing.OPEN
    nearer = float((np.abs(there - level) < np.abs(there)).mean())
    return Standing.NEW if nearer > 1 / 2 else Standing.OLD


def even(panel: Panel, row: int) -> Floats:
    """A row of a panel on the scale on which its noise is even."""
    spec, values = panel.specs[row], panel.values[row]
    if is_share(spec):
        total = panel.row("row_count")
        rows = panel.values[total] if total is not None else np.full(values.shape, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.arcsin(np.sqrt(np.clip(np.where(rows > 0, values / rows, np.nan), 0.0, 1.0))))
    return scaled_values(spec, values, panel, row)


def scaled(spec: MetricSpec, value: float, panel: Panel, row: int) -> float:
    """One number in the unit of findings, a share for shares, on the even scale."""
    if is_share(spec):
        return float(np.arcsin(np.sqrt(min(max(value, 0.0), 1.0))))
    return float(scaled_values(spec, np.array([value]), panel, row)[0])


def scaled_values(spec: MetricSpec, values: Floats, panel: Panel, row: int) -> Floats:
    """Counts as logarithms, values as asinh by their usual size."""
    if is_count(spec):
        return np.log1p(np.maximum(values, 0.0))
    return np.asarray(np.arcsinh(values / usual_size(panel.values[row])))


def is_share(spec: MetricSpec) -> bool:
    """Whether a number is judged as a share of the rows."""
    return spec.metric in SHARES and spec.segment is None


def is_count(spec: MetricSpec) -> bool:
    """Whether a number counts rows or values."""
    return spec.metric.endswith("_count") or spec.metric == "duplicate_rows"


def shifted(panel: Panel, changes: Sequence[Change]) -> Panel:
    """The panel whose past before each change lies at the level after it; earlier changes first."""
    for one in sorted(changes, key=lambda c: c.first):
        said = [moved_by(panel, one, values) for values in (panel.values, panel.base, panel.first)]
        panel = replace(panel, values=said[0], base=said[1], first=said[2])
    return panel


def moved_by(panel: Panel, one: Change, values: Floats) -> Floats:
    """Numbers with the columns before a change moved. Where the rows move, everything that is counted or added up does."""
    out, past, total = values.copy(), slice(0, one.first), panel.row("row_count")
    rows = None if total is None else values[total, past]
    factor = float(np.exp(one.moved.get(total, 0.0))) if total is not None else 1.0
    for i, spec in enumerate(panel.specs):
        if i in one.moved:
            out[i, past] = at_level(panel, i, values[i, past], one.moved[i], rows)
        elif (is_count(spec) and spec.metric not in OWN_LEVEL) or spec.metric == "sum":
            out[i, past] = values[i, past] * factor
    return out


def at_level(panel: Panel, row: int, values: Floats, level: float, rows: Floats | None) -> Floats:
    """Past numbers moved by `level` on their even scale."""
    spec = panel.specs[row]
    if is_share(spec) and rows is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            angle = np.arcsin(np.sqrt(np.clip(np.where(rows > 0, values / rows, np.nan), 0.0, 1.0)))
        return np.asarray(np.square(np.sin(np.clip(angle + level, 0.0, np.pi / 2))) * rows)
    if is_count(spec):
        return np.asarray(np.maximum((values + 1) * np.exp(level) - 1, 0.0))
    size = usual_size(panel.values[row])
    return np.asarray(np.sinh(np.arcsinh(values / size) + level) * size)
