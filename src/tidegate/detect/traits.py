"""Traits: every measured number of a table's batches on a scale where chance is even, with the chance that is left in it.

A batch is a bucket of time, a load or a version. Arrays are (series, batch), oldest first, NaN where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from tidegate.detect.forecast import Flags, Floats
from tidegate.model import MetricSpec

Sketch: TypeAlias = frozenset[int] | None
Sketches: TypeAlias = Mapping[MetricSpec, Sequence[Sketch]]

WARM: Final = 7
"""Batches from which units and categories are learned; they stay as they are then. Chosen, not derived."""

LAGS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28)
"""Which earlier batches a mixture of categories is compared with: last week's and the same weekday's. Chosen, not derived."""

NAMED: Final = 8
"""How many of a column's categories are judged by themselves: those with the most rows at first. Chosen, not derived."""

NEAREST: Final = 3
"""Of those, how many of the most alike count."""

SKETCH: Final = 256
"""Hashes in a sketch."""

TIMES: Final = frozenset({"epoch_count", "off_hour_count"})
"""Shares that tell of a clock."""


class Trait(NamedTuple):
    """What a number is about (`family`) and on which scale it is judged."""

    family: str
    scale: str


TRAITS: Final[Mapping[str, Trait]] = MappingProxyType(
    {
        "row_count": Trait("volume", "count"),
        "duplicate_rows": Trait("copies", "share of rows"),
        "null_count": Trait("nulls", "share of rows"),
        "distinct_count": Trait("distinct", "count"),
        "top_count": Trait("top", "share"),
        "mean": Trait("location", "value"),
        "quantile": Trait("quantile", "value"),
        "min": Trait("extreme", "value"),
        "max": Trait("extreme", "value"),
        "stddev": Trait("scale", "spread"),
        "zero_count": Trait("sign", "share"),
        "negative_count": Trait("sign", "share"),
        "whole_count": Trait("sign", "share"),
        "true_count": Trait("sign", "share"),
        "min_length": Trait("length", "length"),
        "max_length": Trait("length", "length"),
        "mean_length": Trait("length", "length"),
        "mean_digits": Trait("length", "length"),
        "upper_count": Trait("text", "share"),
        "lower_count": Trait("text", "share"),
        "padded_count": Trait("text", "share"),
        "non_ascii_count": Trait("text", "share"),
        "empty_count": Trait("text", "share"),
        "placeholder_count": Trait("text", "share"),
        "epoch_count": Trait("time", "share"),
        "off_hour_count": Trait("time", "share"),
        "less_count": Trait("pair", "share of both"),
        "equal_count": Trait("pair", "share of both"),
    }
)
"""By metric. Location and extremes of times are taken from their offset to the batch, and are of the family `time`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was measured of a table's batches.

    `values` is (spec, batch). `at` (batch,) is each batch's nominal time in seconds since 1970, by which times are judged.
    `times` names the columns that hold times. `sketches` has for `values_sketch` and `rows_sketch` one set of hashes per
    batch, None where none was taken.
    """

    specs: tuple[MetricSpec, ...]
    values: Floats
    at: Floats
    times: frozenset[str] = frozenset()
    sketches: Sketches = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """Series on even scales: `y` and the sampling noise `floor` are (series, batch).

    `kinds` (what the number is) choose the pooled constants, `families` the groups in which surprises compete; `specs` are
    the numbers that the series are made from.
    """

    specs: tuple[MetricSpec, ...]
    kinds: tuple[str, ...]
    families: tuple[str, ...]
    y: Floats
    floor: Floats


class Row(NamedTuple):
    """One series while they are made."""

    spec: MetricSpec
    kind: str
    family: str
    y: Floats
    floor: Floats


def traits(profile: Profile, batches: slice) -> Traits:
    """Put every number on its scale, for some of the batches; distances look at earlier ones only.

    Raises:
        ValueError: the profile has no row count.
    """
    source = _Source(profile, batches)
    rows = [row for spec in profile.specs for row in _plain(source, spec)]
    rows += [row for column in source.columns for row in _spreads(source, column)]
    rows += [row for column in source.categories for row in _mixture(source, column)]
    rows += [row for spec in profile.sketches for row in _sketched(source, spec)]
    return Traits(
        specs=tuple(row.spec for row in rows),
        kinds=tuple(row.kind for row in rows),
        families=tuple(row.family for row in rows),
        y=np.array([row.y for row in rows]),
        floor=np.array([row.floor for row in rows]),
    )


class _Source:
    """The numbers of a profile by what they are about, cut to some batches."""

    def __init__(self, profile: Profile, batches: slice) -> None:
        self.profile, self.batches = profile, batches
        self.places = {spec: i for i, spec in enumerate(profile.specs)}
        total = next((s for s in profile.specs if s.metric == "row_count" and s.segment is None), None)
        if total is None:
            raise ValueError("a profile without row_count cannot be judged")
        self.total = total
        self.rows = self.all(total)[batches]
        self.units: dict[str | None, tuple[float, float]] = {}
        self.columns = list(dict.fromkeys(s.column for s in profile.specs if s.column and s.segment is None))
        counts = [s for s in profile.specs if s.metric == "row_count" and s.segment is not None]
        self.categories = list(dict.fromkeys(s.segment.column for s in counts if s.segment))
        self.named = {s.segment for column in self.categories for s in self._largest(counts, column)}

    def _largest(self, counts: Sequence[MetricSpec], column: str) -> list[MetricSpec]:
        """The categories of a column that had the most rows in the first batches."""
        early = np.flatnonzero(np.isfinite(self.all(self.total)))[:WARM]
        mine = [s for s in counts if s.segment is not None and s.segment.column == column]
        rows = {s: float(np.nansum(self.all(s)[early])) for s in mine}
        found = sorted((s for s in mine if rows[s] > 0), key=lambda s: (-rows[s], str(s.segment)))
        return found[:NAMED]

    def all(self, spec: MetricSpec) -> Floats:
        """A number in every batch."""
        return np.asarray(self.profile.values[self.places[spec]])

    def find(self, metric: str, spec: MetricSpec, *, argument: str | None = None) -> Floats | None:
        """Another number of the same column, in every batch; None when it was not measured."""
        place = self.places.get(MetricSpec(dataset=spec.dataset, metric=metric, column=spec.column, argument=argument))
        return None if place is None else self.profile.values[place]

    def present(self, spec: MetricSpec) -> Floats:
        """In how many rows of each batch the column has a value."""
        nulls = self.find("null_count", spec)
        known = 0.0 if nulls is None else np.fmax(nulls[self.batches], 0.0)
        return np.asarray(np.maximum(self.rows - known, 0.0))

    def unit(self, spec: MetricSpec) -> tuple[float, float]:
        """The usual size of a column's values and their usual spread, from the first batches."""
        if spec.column not in self.units:
            self.units[spec.column] = self._unit(spec)
        return self.units[spec.column]

    def _unit(self, spec: MetricSpec) -> tuple[float, float]:
        mean, spread = self.find("mean", spec), self.find("stddev", spec)
        size = usual(np.abs(warm(mean))) if mean is not None else 0.0
        wide = usual(warm(spread)) if spread is not None else 0.0
        return size or wide or 1.0, wide or size or 1.0


def warm(values: Floats) -> Floats:
    """The first known values."""
    return values[np.isfinite(values)][:WARM]


def usual(values: Floats) -> float:
    """Their median, 0 of none."""
    return float(np.median(values)) if values.size else 0.0


def noise(n: Floats, much: float, least: float) -> Floats:
    """What chance does to a mean of n values: `much` by the root of n, and never below `least`."""
    return np.asarray(np.maximum(least, much / np.sqrt(np.fmax(n, 1.0))))


def angle(count: Floats, n: Floats) -> Floats:
    """A share as the arcsine of its root, whose noise is 0.5 / sqrt(n) whatever the share (Freeman and Tukey, 1950)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(n > 0, count / n, np.nan)
    return np.asarray(np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))))


def _plain(source: _Source, spec: MetricSpec) -> list[Row]:
    """The series of one number."""
    if spec.segment is not None:
        return _of_segment(source, spec)
    trait = TRAITS.get(spec.metric)
    if trait is None:
        return []
    values = source.all(spec)[source.batches]
    if spec.column in source.profile.times and trait.scale == "value":
        hours = (values - source.profile.at[source.batches]) / 3600.0
        return [Row(spec, f"time {kind_of(spec)}", "time", np.arcsinh(hours), np.full(values.shape, 0.02))]
    return SCALES[trait.scale](source, spec, trait.family, values)


def kind_of(spec: MetricSpec) -> str:
    """The name under which constants are pooled: a metric, and for quantiles which one."""
    return f"{spec.metric} {spec.argument}" if spec.metric == "quantile" else spec.metric


def _count(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    """A count as its logarithm; of distinct values their share of the rows too, since copies lower it."""
    y = np.log1p(np.maximum(values, 0.0))
    if spec.metric == "row_count":
        return [Row(spec, "row_count", family, y, np.full(y.shape, 0.01))]
    present = source.present(spec)
    ratio = np.where(present > 0, np.log((values + 1) / (present + 1)), np.nan)
    return [
        Row(spec, "distinct_count", family, y, noise(values, 0.5, 0.03)),
        Row(spec, "distinct_share", family, ratio, noise(present, 0.5, 0.03)),
    ]


def _share(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    n = source.present(spec)
    return [Row(spec, kind_of(spec), family, angle(values, n), noise(n, 0.5, 0.0))]


def _share_of_rows(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    return [Row(spec, kind_of(spec), family, angle(values, source.rows), noise(source.rows, 0.5, 0.0))]


def _share_of_both(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    both = source.find("both_count", spec, argument=spec.argument)
    n = source.rows if both is None else both[source.batches]
    return [Row(spec, kind_of(spec), family, angle(values, n), noise(n, 0.5, 0.0))]


WIDER: Final = {
    "quantile 0.5": 1.25,
    "quantile 0.25": 1.4,
    "quantile 0.75": 1.4,
    "quantile 0.05": 2.2,
    "quantile 0.95": 2.2,
}
"""The standard error of a quantile, in those of the mean (of normal values)."""


def slope(values: Floats, unit: float) -> Floats:
    """By how much a value moves where its asinh moves by one."""
    return np.asarray(np.hypot(unit, np.nan_to_num(values)))


def _value(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    """A value as asinh of it by its usual size: a factor is a distance, and a changed sign is one too."""
    unit, wide = source.unit(spec)
    spread = source.find("stddev", spec)
    own = wide if spread is None else np.minimum(np.nan_to_num(spread[source.batches], nan=wide), 3 * wide)
    error = own / np.sqrt(np.maximum(source.present(spec), 1.0)) * WIDER.get(kind_of(spec), 1.0)
    floor = np.maximum(0.003, error / slope(values, unit))
    return [Row(spec, kind_of(spec), family, np.arcsinh(values / unit), floor)]


def _spread(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    n = source.present(spec)
    wide = source.unit(spec)[1]
    known = np.where(n > 1, np.log(np.maximum(values, 0.0) + 1e-9 * wide), np.nan)
    return [Row(spec, kind_of(spec), family, known, noise(n, 0.7, 0.02))]


def _length(source: _Source, spec: MetricSpec, family: str, values: Floats) -> list[Row]:
    n = source.present(spec)
    mean = spec.metric.startswith("mean")
    floor = noise(n, 0.3, 0.005) if mean else np.full(values.shape, 0.02)
    return [Row(spec, kind_of(spec), family, np.log1p(np.maximum(values, 0.0)), floor)]


SCALES: Final[Mapping[str, Callable[[_Source, MetricSpec, str, Floats], list[Row]]]] = {
    "count": _count,
    "share": _share,
    "share of rows": _share_of_rows,
    "share of both": _share_of_both,
    "value": _value,
    "spread": _spread,
    "length": _length,
}


def _spreads(source: _Source, column: str) -> list[Row]:
    """The distance of a number's quartiles, which a few enormous values leave alone."""
    spec = MetricSpec(dataset=source.total.dataset, metric="quantile", column=column, argument="0.75")
    high, low = source.find("quantile", spec, argument="0.75"), source.find("quantile", spec, argument="0.25")
    if high is None or low is None or column in source.profile.times:
        return []
    wide = source.unit(spec)[1]
    apart = np.maximum(high[source.batches] - low[source.batches], 0.0)
    return [Row(spec, "quartiles", "scale", np.log(apart + 1e-3 * wide), noise(source.present(spec), 1.0, 0.03))]


def _of_segment(source: _Source, spec: MetricSpec) -> list[Row]:
    """A category's share of the rows and its count; or the mean of a number in it."""
    values = source.all(spec)[source.batches]
    if spec.segment not in source.named:
        return []
    if spec.metric == "row_count":
        count = np.where(np.isnan(source.rows), np.nan, np.maximum(np.nan_to_num(values), 0.0))
        return [
            Row(spec, "segment share", "segment", angle(count, source.rows), noise(source.rows, 0.5, 0.0)),
            Row(spec, "segment count", "segment count", np.log1p(count), noise(1 + count, 0.8, 0.05)),
        ]
    unit, wide = source.unit(spec)
    counted = MetricSpec(dataset=spec.dataset, metric="row_count", segment=spec.segment)
    n = source.all(counted)[source.batches] if counted in source.places else source.rows
    error = wide / np.sqrt(np.maximum(np.nan_to_num(n), 1.0)) / slope(values, unit)
    return [Row(spec, "segment mean", "segment mean", np.arcsinh(values / unit), np.maximum(0.005, error))]


def _mixture(source: _Source, column: str) -> list[Row]:
    """How far a column's categories are from earlier mixtures; the share of new ones, and of regular ones that are gone."""
    specs = [s for s in source.profile.specs if s.metric == "row_count" and s.segment and s.segment.column == column]
    counts = np.maximum(np.nan_to_num(source.profile.values[[source.places[s] for s in specs]]), 0.0)
    total = counts.sum(axis=0)
    here = np.arange(counts.shape[1])[source.batches]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(total > 0, counts / total, np.nan)
    n, spec = total[here], specs[0]
    first = np.cumsum(counts > 0, axis=1)[:, here] <= 1
    new = np.where(first, counts[:, here], 0.0).sum(axis=0)
    return [
        Row(spec, "mixture", "mixture", nearest(shares, here), noise(n, 0.3, 0.0)),
        Row(spec, "new category", "novel", np.where(n > 0, angle(new, n), np.nan), noise(n, 0.5, 0.0)),
        Row(spec, "gone category", "gone", np.arcsin(np.sqrt(gone(shares, here))), noise(n, 0.5, 0.0)),
    ]


def nearest(shares: Floats, here: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """Mean Jensen-Shannon distance (root, base 2) to the most alike of some earlier mixtures; NaN where there are none."""
    distances = np.sort([jensen_shannon(shares[:, here], earlier(shares, here - lag)) for lag in LAGS], axis=0)
    known = (~np.isnan(distances)).sum(axis=0)
    counted = np.where(np.arange(len(LAGS))[:, None] < NEAREST, np.nan_to_num(distances), 0.0).sum(axis=0)
    return np.where(known > 0, counted / np.clip(known, 1, NEAREST), np.nan)


def earlier(shares: Floats, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """The mixtures at some places, NaN before the first."""
    return np.where(places >= 0, shares[:, np.maximum(places, 0)], np.nan)


def jensen_shannon(one: Floats, other: Floats) -> Floats:
    """The root of the divergence of Lin, "Divergence measures based on the Shannon entropy" (1991), of each column."""
    middle = (one + other) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(p > 0, p * np.log2(p / middle), np.where(np.isnan(p), np.nan, 0.0)) for p in (one, other)]
    return np.asarray(np.sqrt(np.maximum(0.5 * (parts[0].sum(axis=0) + parts[1].sum(axis=0)), 0.0)))


def gone(shares: Floats, here: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """The usual share of what was in each of the last eight known batches and is not here."""
    before = np.stack([earlier(shares, here - lag) for lag in range(1, 9)])
    known: Flags = np.asarray(~np.isnan(before).any(axis=1))
    regular = (np.where(known[:, None, :], before, 1.0) > 0).all(axis=0) & known.any(axis=0)
    usual_share = np.nan_to_num(before).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    lost = np.where(regular & (shares[:, here] == 0), usual_share, 0.0).sum(axis=0)
    return np.where(known.any(axis=0) & ~np.isnan(shares[:, here]).any(axis=0), np.minimum(lost, 1.0), np.nan)


def _sketched(source: _Source, spec: MetricSpec) -> list[Row]:
    """Values never seen before; or, of whole rows, the largest share of them that an earlier batch had."""
    kept = source.profile.sketches[spec]
    here = range(len(kept))[source.batches]
    sizes = np.array([len(kept[t] or ()) for t in here], dtype=float)
    if spec.metric == "values_sketch":
        shares = unseen(kept[: here.stop])[source.batches]
        return [Row(spec, "unseen values", "novel", np.arcsin(np.sqrt(shares)), noise(sizes, 0.5, 0.0))]
    shares = np.array([overlap(kept, t) for t in here])
    return [Row(spec, "rows again", "overlap", np.arcsin(np.sqrt(shares)), noise(sizes, 0.5, 0.0))]


def unseen(sketches: Sequence[Sketch]) -> Floats:
    """For each batch the share of its sketch that no earlier one holds; NaN of none."""
    seen: set[int] = set()
    shares = np.full(len(sketches), np.nan)
    for at, now in enumerate(sketches):
        if now:
            shares[at] = len(now - seen) / len(now)
            seen |= now
    return shares


AGAIN: Final = (1, 2, 3, 7)
"""Which earlier batches are looked through for the same rows."""


def overlap(sketches: Sequence[Sketch], at: int) -> float:
    """The largest share of the rows that one earlier batch had too, from the least hashes of both; NaN of none.

    Below the lesser of the two greatest hashes kept, both sketches are complete (Beyer et al., SIGMOD 2007).
    """
    now = sketches[at]
    if not now:
        return float("nan")
    known = [t for t in range(at) if sketches[t]]
    return max((shared(now, sketches[known[-back]]) for back in AGAIN if back <= len(known)), default=0.0)


def shared(now: frozenset[int], before: Sketch) -> float:
    """Which share of the rows of one sketch the other has."""
    before = before or frozenset()
    limit = min((max(s) for s in (now, before) if len(s) >= SKETCH), default=max(now))
    comparable = [value for value in now if value <= limit]
    return sum(value in before for value in comparable) / len(comparable) if comparable else 0.0
