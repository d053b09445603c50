"""What is judged: series made from the measured numbers, on scales where the noise is even."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tidegate.detect.forecast import Floats, between, sorted_median
from tidegate.detect.panel import Panel
from tidegate.model import MetricSpec


class Aspect(StrEnum):
    """What a series is about; the values are kinds of findings."""

    VOLUME = "volume"
    SEGMENT = "segment"
    NULLS = "nulls"
    DUPLICATES = "duplicates"
    SHARE = "share"
    LOCATION = "location"
    SCALE = "scale"
    DISTINCT = "distinct"


SHARES = {
    "null_count": Aspect.NULLS,
    "duplicate_rows": Aspect.DUPLICATES,
    "true_count": Aspect.SHARE,
    "empty_count": Aspect.SHARE,
    "nan_count": Aspect.SHARE,
    "infinite_count": Aspect.SHARE,
}
NO_NUMBERS = frozenset({"nan_count", "infinite_count"})
"""What the mean leaves out; a column that never had any is no series, so that the budget is not divided by it."""

VALUES = {
    "mean": Aspect.LOCATION,
    "sum": Aspect.LOCATION,
    "quantile": Aspect.LOCATION,
    "mean_length": Aspect.LOCATION,
    "stddev": Aspect.SCALE,
}
OF_METRIC = {**SHARES, **VALUES, "distinct_count": Aspect.DISTINCT}

# Chosen, not derived: the smallest believable day-to-day spread on each scale.
LEAST_SPREAD = {
    Aspect.VOLUME: 0.02,
    Aspect.SEGMENT: 0.05,
    Aspect.NULLS: 0.02,
    Aspect.SHARE: 0.02,
    Aspect.DUPLICATES: 0.005,
    Aspect.LOCATION: 0.02,
    Aspect.SCALE: 0.05,
    Aspect.DISTINCT: 0.05,
}


WIDE = 0.1
"""Of a column's spread, the least size by which its quantiles are told. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All series of one aspect, (series, time): `y` on its even scale.

    `places` are the rows of the `panel` that they come from, `total` is the one with the table's rows. `raw` is the number in its own unit
    (a share for shares), `rows` the rows that it was taken from. `unit` (series,) is what a value is divided by before asinh, 1 elsewhere.
    """

    aspect: Aspect
    specs: tuple[MetricSpec, ...]
    panel: Panel
    places: tuple[int, ...]
    total: int
    raw: Floats
    y: Floats
    rows: Floats
    unit: Floats

    def published(self, at: slice) -> Floats:
        """What the published version has at some times, on the even scale."""
        return self._even(self.panel.base, at)

    def first(self, at: slice) -> Floats:
        """The same of the version that first saw the bucket."""
        return self._even(self.panel.first, at)

    def _even(self, values: Floats, at: slice) -> Floats:
        return even(self.aspect, own_unit(self.aspect, values[:, at], self.places, self.total), self.unit)

    def also(self) -> Series | None:
        """Series that must be strange too: distinct values fall with the rows, and their share of the rows rises."""
        if self.aspect is not Aspect.DISTINCT:
            return None
        return made(self.panel, Aspect.SHARE, self.places, self.total, self.unit)

    def noise(self, at: int) -> Floats:
        """The sampling noise of each series at one time, on the even scale."""
        return self._noise(self.rows[:, at])

    def noises(self, end: int) -> Floats:
        """The same at every time before `end`: (series, time)."""
        return self._noise(self.rows[:, :end])

    def _noise(self, rows: Floats) -> Floats:
        least = LEAST_SPREAD[self.aspect]
        if self.aspect in (Aspect.VOLUME, Aspect.SEGMENT):
            return np.full(rows.shape, least)
        return np.maximum(least, (0.55 if self.aspect in SHARES.values() else 0.7) / np.sqrt(np.fmax(rows, 1.0)))

    def plain(self, y: Floats) -> Floats:
        """From the even scale, (series, time), to the numbers' own units."""
        if self.aspect in (Aspect.VOLUME, Aspect.SEGMENT, Aspect.DISTINCT):
            return np.asarray(np.expm1(between(y, 0.0, 700.0)))
        if self.aspect in SHARES.values():
            return np.asarray(np.square(np.sin(between(y, 0.0, np.pi / 2))))
        return np.asarray(np.sinh(between(y, -300.0, 300.0)) * self.unit[:, None])

    def back(self, series: int, y: float) -> float:
        """One number of one series from the even scale to its own unit."""
        return float(self.plain(np.full((len(self.specs), 1), y))[series, 0])


def series(panel: Panel, teach: Floats, before: int, among: Collection[Aspect] = tuple(Aspect)) -> tuple[Series, ...]:
    """Make every series of a panel.

    Args:
        panel: the numbers.
        teach: `panel.values` with NaN where a number must not teach; only units are learned from it.
        before: the first column under test; units are learned from earlier ones.
        among: which aspects are asked for.
    """
    total = panel.row("row_count")
    if total is None:
        return ()
    found = [(aspect, rows) for aspect, rows in by_aspect(panel, total).items() if aspect in among and rows]
    return tuple(of_aspect(panel, aspect, rows, total, teach[:, :before]) for aspect, rows in found)


def by_aspect(panel: Panel, total: int) -> dict[Aspect, list[int]]:
    """The rows of a panel that each aspect is about, in the order of aspects."""
    found: dict[Aspect, list[int]] = {aspect: [] for aspect in Aspect}
    found[Aspect.VOLUME].append(total)
    for i, spec in enumerate(panel.specs):
        if spec.segment is None:
            never = spec.metric in NO_NUMBERS and not has_some(panel.values[i])
            aspect = None if never else OF_METRIC.get(spec.metric)
        else:
            aspect = Aspect.SEGMENT if spec.metric == "row_count" else None
        if aspect is not None:
            found[aspect].append(i)
    found[Aspect.LOCATION] = without_sums(panel, found[Aspect.LOCATION])
    return found


def of_aspect(panel: Panel, aspect: Aspect, rows: list[int], total: int, past: Floats) -> Series:
    """The series of some rows; `past` are the columns that units are learned from."""
    is_value = aspect in VALUES.values()
    unit = widened(panel, rows, usual_sizes(past[rows]), past) if is_value else np.ones(len(rows))
    return made(panel, aspect, rows, total, unit)


def made(panel: Panel, aspect: Aspect, rows: Sequence[int], total: int, unit: Floats) -> Series:
    """The series of some rows, whose units are known."""
    raw = own_unit(aspect, panel.values, rows, total)
    return Series(
        aspect=aspect,
        specs=tuple(panel.specs[i] for i in rows),
        panel=panel,
        places=tuple(rows),
        total=total,
        raw=raw,
        y=even(aspect, raw, unit),
        rows=np.broadcast_to(panel.values[total], raw.shape),
        unit=unit,
    )


def own_unit(aspect: Aspect, values: Floats, rows: Sequence[int], total: int) -> Floats:
    """Some numbers of a panel in their own unit: shares of the table's rows, NaN where there are none; all else as it is."""
    some = values[list(rows)]
    if aspect not in SHARES.values():
        return some
    n = values[total]
    with np.errstate(divide="ignore", invalid="ignore"):
        return between(np.where(n > 0, some / n, np.nan), 0.0, 1.0)


def even(aspect: Aspect, raw: Floats, unit: Floats) -> Floats:
    """Numbers on the scale where their noise is even: shares as arcsin of the root; counts as log(1 + n); values as asinh of the value
    by its usual size, so that a factor is a distance and a sign change is one too.
    """
    if aspect in SHARES.values():
        return np.asarray(np.arcsin(np.sqrt(raw)))
    if aspect in VALUES.values():
        return np.asarray(np.arcsinh(raw / unit[:, None]))
    return np.log1p(np.maximum(raw, 0))


def without_sums(panel: Panel, rows: list[int]) -> list[int]:
    """Leave out sums of columns whose mean is there: a sum is the mean times the rows."""
    means = {panel.specs[i].column for i in rows if panel.specs[i].metric == "mean"}
    return [i for i in rows if panel.specs[i].metric != "sum" or panel.specs[i].column not in means]


def has_some(values: Floats) -> bool:
    """Whether one is known that is not zero."""
    return bool(((values < 0) | (values > 0)).any())


def widened(panel: Panel, rows: Sequence[int], sizes: Floats, teach: Floats) -> Floats:
    """The sizes of some rows, of quantiles a tenth of their column's usual spread at least: one that lies about zero moves by its column's noise, and
    a step from 0 to 1 is nothing where values are hundreds.
    """
    quantiles = [n for n, row in enumerate(rows) if panel.specs[row].metric == "quantile"]
    if not quantiles:
        return sizes
    spreads = {s.column: i for i, s in enumerate(panel.specs) if s.metric == "stddev" and s.segment is None}
    out = sizes.copy()
    for n in quantiles:
        place = spreads.get(panel.specs[rows[n]].column)
        spread = usual_size(teach[place]) if place is not None and np.nanmax(teach[place], initial=0.0) > 0 else 0.0
        own = sizes[n] if has_some(teach[rows[n]]) else 0.0
        out[n] = max(own, WIDE * spread) or sizes[n]
    return out


def usual_sizes(past: Floats) -> Floats:
    """The usual size of each of some series."""
    middle = sorted_median(np.sort(np.abs(past), axis=1))
    return np.array([size if size > 0 else usual_size(row) for size, row in zip(middle.tolist(), past, strict=True)])


def usual_size(past: Floats) -> float:
    """Median of the absolute values; their mean where the median is zero; 1 where there is nothing else."""
    size = np.abs(past[~np.isnan(past)])
    if not size.size:
        return 1.0
    middle = float(np.median(size))
    return middle or float(size.mean()) or 1.0
