"""Traits: every measured number of a table's batches on a scale where chance is even, with the chance that is left in it.

A batch is a bucket of time, a load or a version. Arrays are (series, batch), oldest first, NaN where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import Flags, Floats, between, finite
from tidegate.model import MetricSpec, Segment

Sketch: TypeAlias = frozenset[int] | None
Sketches: TypeAlias = Mapping[MetricSpec, Sequence[Sketch]]
Places: TypeAlias = NDArray[np.int64]

WARM: Final = 7
"""Batches from which units and categories are learned; they stay as they are then. Chosen, not derived."""

LAGS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28)
"""Which earlier batches a mixture of categories is compared with: last week's and the same weekday's. Chosen, not derived."""

NAMED: Final = 8
"""How many of a column's categories are judged by themselves: those with the most rows at first. Chosen, not derived."""

LEARNING: Final = 3
"""Batches in which every value is new and tells nothing. Chosen, not derived."""

NEAREST: Final = 3
"""Of those, how many of the most alike count."""

SKETCH: Final = 256
"""Hashes in a sketch."""

TIMES: Final = frozenset({"epoch_count", "off_hour_count"})
"""Shares that tell of a clock."""

UNSCALED: Final = frozenset(
    {
        *("mean", "min", "max", "stddev", "quartiles", "segment mean", "min_length", "max_length"),
        *(f"quantile {q}" for q in ("0.05", "0.25", "0.5", "0.75", "0.95")),
        *("rest_median", "rest_most", "rest_wide"),
    }
)
"""Kinds of numbers of which only their own moves tell how far is far: in the unit of a column, in spreads of what never differed, the length of one text. Shares, counts and times have
units of their own."""

RELATIONS: Final = frozenset({"dependency", "given others", "far from others"})
"""Families that tell of several columns of a row at once."""


class Trait(NamedTuple):
    """What a number is about (`family`) and on which scale it is judged."""

    family: str
    scale: str


TRAITS: Final[Mapping[str, Trait]] = MappingProxyType(
    {
        "row_count": Trait("volume", "rows"),
        "duplicate_rows": Trait("copies", "share of rows"),
        "null_count": Trait("nulls", "share of rows"),
        "lone_null_count": Trait("nulls", "share of rows"),
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
        "finer_count": Trait("sign", "share"),
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
        "unknown_count": Trait("novel", "share"),
        "gone_count": Trait("gone", "share of both"),
        "gap_count": Trait("gaps", "share of both"),
        "break_count": Trait("gaps", "share of both"),
        "new_pair_count": Trait("dependency", "share of both"),
        "split_count": Trait("dependency", "share of both"),
        "again_count": Trait("overlap", "share of both"),
        "rest_median": Trait("given others", "rest"),
        "rest_far_count": Trait("far from others", "share of both"),
        "rest_most": Trait("far from others", "most"),
        "rest_wide": Trait("given others", "wide"),
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

    def at(self, batch: int) -> Traits:
        """One batch by itself."""
        return replace(self, y=self.y[:, batch : batch + 1], floor=self.floor[:, batch : batch + 1])

    def before(self, batch: int) -> Traits:
        """The same without what is known of a batch."""
        y = self.y.copy()
        y[:, batch] = np.nan
        return replace(self, y=y)


class Row(NamedTuple):
    """One series that is made by itself."""

    spec: MetricSpec
    kind: str
    family: str
    y: Floats
    floor: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Numbers of one scale, which become series together, each with its kind and family.

    `own` are their rows in the profile, `nulls` and `spreads` those of the NULLs and the spread of the same column, `wholes` those
    of the counts of which they are a share; -1 where that was not measured.
    """

    scale: str
    specs: tuple[MetricSpec, ...]
    kinds: tuple[str, ...]
    families: tuple[str, ...]
    own: Places
    nulls: Places
    spreads: Places
    wholes: Places


Name = tuple[str, str | None, str | None]
"""Metric, column and argument: what tells numbers of all rows apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What of a profile is judged, told from its specs and its first batches: made once, good for any later batch.

    `total` is the number of rows, at `rows`; `places` tells where numbers of all rows are. `columns` are theirs;
    `categories` has for each column the rows of its counts by category, `named` the judged segments with the rows of
    their counts. `blocks` are what becomes series. `units` has the usual size and spread of each column.
    """

    specs: tuple[MetricSpec, ...]
    total: MetricSpec
    rows: int
    places: Mapping[Name, int]
    columns: tuple[str, ...]
    categories: Mapping[str, tuple[int, ...]]
    named: Mapping[Segment, int]
    blocks: tuple[Block, ...]
    units: Mapping[str | None, tuple[float, float]]


def layout(profile: Profile) -> Layout:
    """Look through the specs once.

    Raises:
        ValueError: the profile has no row count.
    """
    whole = [(s, i) for i, s in enumerate(profile.specs) if s.segment is None]
    total = next(((s, i) for s, i in whole if s.metric == "row_count"), None)
    if total is None:
        raise ValueError("a profile without row_count cannot be judged")
    counts: dict[str, list[int]] = {}
    for i, s in enumerate(profile.specs):
        if s.segment is not None and s.metric == "row_count":
            counts.setdefault(s.segment.column, []).append(i)
    early = np.flatnonzero(np.isfinite(profile.values[total[1]]))[:WARM]
    named = {s: i for places in counts.values() for s, i in _largest(profile, places, early)}
    places = {name_of(s): i for s, i in whole if s.where is None}
    return Layout(
        specs=profile.specs,
        total=total[0],
        rows=total[1],
        places=places,
        columns=tuple(dict.fromkeys(s.column for s, _ in whole if s.column)),
        categories={column: tuple(rows) for column, rows in counts.items()},
        named=named,
        blocks=tuple(_blocks(profile, places, named)),
        units=dict(_units(profile, places)),
    )


NO_UNIT: Final = (1.0, 1.0)
"""The unit of a column whose values nothing is known of."""


def _units(profile: Profile, places: Mapping[Name, int]) -> Iterator[tuple[str | None, tuple[float, float]]]:
    """The usual size of each column's values and their usual spread, from the first batches."""
    for column in dict.fromkeys(column for metric, column, _ in places if metric in ("mean", "stddev")):
        mean, spread = places.get(("mean", column, None)), places.get(("stddev", column, None))
        size = usual(np.abs(warm(profile.values[mean]))) if mean is not None else 0.0
        wide = usual(warm(profile.values[spread])) if spread is not None else 0.0
        yield column, (size or wide or 1.0, wide or size or 1.0)


def name_of(spec: MetricSpec) -> Name:
    """What a number of all rows is called."""
    return spec.metric, spec.column, spec.argument


def _blocks(profile: Profile, places: Mapping[Name, int], named: Mapping[Segment, int]) -> Iterator[Block]:
    """The numbers that become series, by scale."""
    found: dict[str, list[int]] = {}
    for i, spec in enumerate(profile.specs):
        if scale := _scale(spec, profile, named):
            found.setdefault(scale, []).append(i)
    for scale, rows in found.items():
        specs = tuple(profile.specs[i] for i in rows)
        yield Block(
            scale=scale,
            specs=specs,
            kinds=tuple(f"time {kind_of(s)}" if scale == "time" else kind_of(s) for s in specs),
            families=tuple(TRAITS[s.metric].family if s.metric in TRAITS else "" for s in specs),
            own=np.array(rows),
            nulls=np.array([places.get(("null_count", s.column, None), -1) for s in specs]),
            spreads=np.array([places.get(("stddev", s.column, None), -1) for s in specs]),
            wholes=np.array([_whole(s, places, named) for s in specs]),
        )


def _scale(spec: MetricSpec, profile: Profile, named: Mapping[Segment, int]) -> str | None:
    """On which scale a number is judged; None where it is not."""
    if spec.segment is not None:
        part = "part" if spec.metric == "row_count" else "value of a part"
        return part if spec.segment in named else None
    trait = TRAITS.get(spec.metric)
    is_time = trait is not None and trait.scale == "value" and spec.column in profile.times
    return "time" if is_time else trait and trait.scale


WHOLES: Final = {
    "unknown_count": "keyed_count",
    "gone_count": "regular_count",
    "gap_count": "due_count",
    "break_count": "next_count",
    "new_pair_count": "known_key_count",
    "split_count": "shared_key_count",
    "again_count": "sampled_count",
    "rest_far_count": "rest_count",
    "rest_median": "rest_count",
    "rest_wide": "rest_count",
}
"""Of which count another one is a share, or how many values it is from; `both_count` where nothing is said. What has no such count is a
share of the rows with a value."""


def _whole(spec: MetricSpec, places: Mapping[Name, int], named: Mapping[Segment, int]) -> int:
    if spec.segment is not None:
        return named[spec.segment]
    return places.get((WHOLES.get(spec.metric, "both_count"), spec.column, spec.argument), -1)


def _largest(profile: Profile, places: Sequence[int], early: Places) -> list[tuple[Segment, int]]:
    """The categories of a column that had the most rows in the first batches."""
    rows = np.nansum(profile.values[list(places)][:, early], axis=1)
    found = [
        (-float(n), str(s), s, i)
        for n, i in zip(rows, places, strict=True)
        if n > 0 and (s := profile.specs[i].segment)
    ]
    return [(s, i) for _, _, s, i in sorted(found, key=lambda f: f[:2])[:NAMED]]


def traits(profile: Profile, batches: slice, plan: Layout | None = None) -> Traits:
    """Put every number on its scale, for some of the batches; distances look at earlier ones only.

    `plan` is the layout of a profile with the same specs and first batches, where one is at hand.

    Raises:
        ValueError: the profile has no row count.
    """
    source = _Source(profile, batches, plan if plan is not None else layout(profile))
    rows = [row for column in source.plan.columns for row in _spreads(source, column)]
    rows += [row for places in source.plan.categories.values() for row in _mixture(source, places)]
    rows += [row for spec in profile.sketches for row in _sketched(source, spec)]
    plain = _plain(source)
    return Traits(
        specs=(*plain.specs, *(row.spec for row in rows)),
        kinds=(*plain.kinds, *(row.kind for row in rows)),
        families=(*plain.families, *(row.family for row in rows)),
        y=np.concatenate([plain.y, *(row.y[None] for row in rows)]),
        floor=np.concatenate([plain.floor, *(row.floor[None] for row in rows)]),
    )


class _Source:
    """The numbers of a profile by what they are about, cut to some batches."""

    def __init__(self, profile: Profile, batches: slice, plan: Layout) -> None:
        self.profile, self.batches, self.plan = profile, batches, plan
        self.rows = np.asarray(profile.values[plan.rows, batches])

    def find(self, metric: str, column: str | None, argument: str | None = None) -> Floats | None:
        """Another number of a column, in every batch; None when it was not measured."""
        place = self.plan.places.get((metric, column, argument))
        return None if place is None else self.profile.values[place]

    def at(self, places: Places) -> Floats:
        """The numbers of some rows, NaN where a place is -1: (place, batch)."""
        return np.where(places[:, None] >= 0, self.profile.values[places, self.batches], np.nan)

    def present(self, nulls: Places) -> Floats:
        """In how many rows of each batch columns have a value, by the rows of their NULLs."""
        return np.asarray(np.maximum(self.rows - np.fmax(self.at(nulls), 0.0), 0.0))

    def whole(self, block: Block) -> Floats:
        """The counts of which a block's are shares; all rows where they were not measured."""
        return np.where(block.wholes[:, None] >= 0, self.at(block.wholes), self.rows)

    def units(self, block: Block) -> tuple[Floats, Floats]:
        """The usual size of each number's column and its usual spread: (series, 1) each."""
        found = np.array([self.plan.units.get(s.column, NO_UNIT) for s in block.specs])
        return found[:, :1], found[:, 1:]


def warm(values: Floats) -> Floats:
    """The first known values."""
    return values[np.isfinite(values)][:WARM]


def usual(values: Floats) -> float:
    """Their median, 0 of none."""
    some = sorted(values.tolist())
    return float((some[(len(some) - 1) // 2] + some[len(some) // 2]) / 2) if some else 0.0


def noise(n: Floats, much: float, least: float) -> Floats:
    """What chance does to a mean of n values: `much` by the root of n, and never below `least`."""
    return np.asarray(np.maximum(least, much / np.sqrt(np.fmax(n, 1.0))))


def angle(count: Floats, n: Floats) -> Floats:
    """A share as the arcsine of its root, whose noise is 0.5 / sqrt(n) whatever the share (Freeman and Tukey, 1950)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(n > 0, count / n, np.nan)
    return np.asarray(np.arcsin(np.sqrt(between(share, 0.0, 1.0))))


class Scaled(NamedTuple):
    """A block on a scale: `y` and `floor` are (series, batch); a kind or a family, where given, is that of all."""

    y: Floats
    floor: Floats
    kind: str | None = None
    family: str | None = None


def _plain(source: _Source) -> Traits:
    """The series of single numbers, in the order of these."""
    made = [(block, one) for block in source.plan.blocks for one in SCALES[block.scale](source, block)]
    names = [
        (spec, one.kind or kind, one.family or family)
        for block, one in made
        for spec, kind, family in zip(block.specs, block.kinds, block.families, strict=True)
    ]
    order = np.argsort(np.concatenate([block.own for block, _ in made]), kind="stable")
    specs, kinds, families = zip(*(names[i] for i in order.tolist()), strict=True)
    return Traits(
        specs=specs,
        kinds=kinds,
        families=families,
        y=np.concatenate([one.y for _, one in made])[order],
        floor=np.concatenate([one.floor for _, one in made])[order],
    )


KINDS: Final = {"again_count": "rows again"}
"""What was counted from a sketch has the constants of what is told from sketches."""


def kind_of(spec: MetricSpec) -> str:
    """The name under which constants are pooled: a metric, and for quantiles which one."""
    return f"{spec.metric} {spec.argument}" if spec.metric == "quantile" else KINDS.get(spec.metric, spec.metric)


def _count(source: _Source, block: Block) -> list[Scaled]:
    """Counts of different values as their logarithm, and as shares of the rows, since copies lower these."""
    values = source.at(block.own)
    present = source.present(block.nulls)
    ratio = np.where(present > 0, np.log((values + 1) / (present + 1)), np.nan)
    return [
        Scaled(np.log1p(np.maximum(values, 0.0)), noise(values, 0.5, 0.03)),
        Scaled(ratio, noise(present, 0.5, 0.03), "distinct_share"),
    ]


def _rows(source: _Source, block: Block) -> list[Scaled]:
    values = source.at(block.own)
    return [Scaled(np.log1p(np.maximum(values, 0.0)), np.full(values.shape, 0.01))]


def _share(source: _Source, block: Block) -> list[Scaled]:
    some = source.at(block.wholes)
    n = np.where(np.isfinite(some), some, source.present(block.nulls))
    return [Scaled(angle(source.at(block.own), n), noise(n, 0.5, 0.0))]


def _share_of_rows(source: _Source, block: Block) -> list[Scaled]:
    values = source.at(block.own)
    n = np.broadcast_to(source.rows, values.shape)
    return [Scaled(angle(values, n), noise(n, 0.5, 0.0))]


def _share_of_both(source: _Source, block: Block) -> list[Scaled]:
    n = source.whole(block)
    return [Scaled(angle(source.at(block.own), n), noise(n, 0.5, 0.0))]


WIDER: Final = {
    "quantile 0.5": 1.25,
    "quantile 0.25": 1.4,
    "quantile 0.75": 1.4,
    "quantile 0.05": 2.2,
    "quantile 0.95": 2.2,
}
"""The standard error of a quantile, in those of the mean (of normal values)."""


def slope(values: Floats, unit: Floats) -> Floats:
    """By how much a value moves where its asinh moves by one."""
    return np.asarray(np.hypot(unit, finite(values)))


def _value(source: _Source, block: Block) -> list[Scaled]:
    """Values as asinh of them by their usual size: a factor is a distance, and a changed sign is one too."""
    values = source.at(block.own)
    unit, wide = source.units(block)
    spread = source.at(block.spreads)
    own = np.minimum(np.where(np.isnan(spread), wide, spread), 3 * wide)
    wider = np.array([WIDER.get(kind, 1.0) for kind in block.kinds])[:, None]
    error = own / np.sqrt(np.maximum(source.present(block.nulls), 1.0)) * wider
    return [Scaled(np.arcsinh(values / unit), np.maximum(0.003, error / slope(values, unit)))]


def _time(source: _Source, block: Block) -> list[Scaled]:
    """Times by their offset to the batch."""
    values = source.at(block.own)
    hours = (values - source.profile.at[source.batches]) / 3600.0
    return [Scaled(np.arcsinh(hours), np.full(values.shape, 0.02), family="time")]


def _spread(source: _Source, block: Block) -> list[Scaled]:
    values = source.at(block.own)
    n, wide = source.present(block.nulls), source.units(block)[1]
    known = np.where(n > 1, np.log(np.maximum(values, 0.0) + 1e-9 * wide), np.nan)
    return [Scaled(known, noise(n, 0.7, 0.02))]


def _length(source: _Source, block: Block) -> list[Scaled]:
    values = source.at(block.own)
    mean = np.array([s.metric.startswith("mean") for s in block.specs])[:, None]
    floor = np.where(mean, noise(source.present(block.nulls), 0.3, 0.005), 0.1)
    return [Scaled(np.log1p(np.maximum(values, 0.0)), floor)]


def _rest(source: _Source, block: Block) -> list[Scaled]:
    """What is left of a number after the others of its row, in usual spreads; far out its logarithm."""
    return [Scaled(np.arcsinh(source.at(block.own)), noise(source.whole(block), 1.25, 0.003))]


def _most(source: _Source, block: Block) -> list[Scaled]:
    """How far the farthest row is, in usual spreads; far out its logarithm, of which chance moves a tenth."""
    values = source.at(block.own)
    return [Scaled(np.arcsinh(values), np.full(values.shape, 0.1))]


QUARTERED: Final = 4
"""Fewer rows than this have no quartiles to speak of."""


def _wide(source: _Source, block: Block) -> list[Scaled]:
    """The distance of the quartiles of what is left, in usual spreads, as its logarithm."""
    values, n = source.at(block.own), source.whole(block)
    known = np.where(n >= QUARTERED, np.log(np.maximum(values, 0.0) + 1e-3), np.nan)
    return [Scaled(known, noise(n, 1.0, 0.03))]


def _part(source: _Source, block: Block) -> list[Scaled]:
    """Categories' shares of the rows and their counts."""
    values = source.at(block.own)
    n = np.broadcast_to(source.rows, values.shape)
    count = np.where(np.isnan(n), np.nan, np.fmax(values, 0.0))
    return [
        Scaled(angle(count, n), noise(n, 0.5, 0.0), "segment share", "segment"),
        Scaled(np.log1p(count), noise(1 + count, 0.8, 0.05), "segment count", "segment count"),
    ]


def _value_of_part(source: _Source, block: Block) -> list[Scaled]:
    """The mean of a number in a category."""
    values = source.at(block.own)
    unit, wide = source.units(block)
    error = wide / np.sqrt(np.fmax(source.at(block.wholes), 1.0)) / slope(values, unit)
    return [Scaled(np.arcsinh(values / unit), np.maximum(0.005, error), "segment mean", "segment mean")]


SCALES: Final[Mapping[str, Callable[[_Source, Block], list[Scaled]]]] = {
    "count": _count,
    "share": _share,
    "share of rows": _share_of_rows,
    "share of both": _share_of_both,
    "value": _value,
    "spread": _spread,
    "length": _length,
    "rest": _rest,
    "most": _most,
    "wide": _wide,
    "rows": _rows,
    "time": _time,
    "part": _part,
    "value of a part": _value_of_part,
}


def _spreads(source: _Source, column: str) -> list[Row]:
    """The distance of a number's quartiles, which a few enormous values leave alone."""
    spec = MetricSpec(dataset=source.plan.total.dataset, metric="quantile", column=column, argument="0.75")
    high, low = (source.find("quantile", column, argument) for argument in ("0.75", "0.25"))
    if high is None or low is None or column in source.profile.times:
        return []
    nulls = np.array([source.plan.places.get(("null_count", column, None), -1)])
    wide = source.plan.units.get(column, NO_UNIT)[1]
    apart = np.maximum(high[source.batches] - low[source.batches], 0.0)
    return [Row(spec, "quartiles", "scale", np.log(apart + 1e-3 * wide), noise(source.present(nulls)[0], 1.0, 0.03))]


def _mixture(source: _Source, places: tuple[int, ...]) -> list[Row]:
    """How far a column's categories are from earlier mixtures; the share of new ones, and of regular ones that are gone."""
    counts = np.fmax(source.profile.values[list(places)], 0.0)
    total = counts.sum(axis=0)
    here = np.arange(counts.shape[1])[source.batches]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(total > 0, counts / total, np.nan)
    n, spec = total[here], source.profile.specs[places[0]]
    first = np.cumsum(counts > 0, axis=1)[:, here] <= 1
    new = np.where(first, counts[:, here], 0.0).sum(axis=0)
    known = (n > 0) & (np.cumsum(total > 0)[here] > LEARNING)
    return [
        Row(spec, "mixture", "mixture", nearest(shares, here), noise(n, 0.3, 0.0)),
        Row(spec, "new category", "novel", np.where(known, angle(new, n), np.nan), noise(n, 0.5, 0.0)),
        Row(spec, "gone category", "gone", np.arcsin(np.sqrt(gone(shares, here))), noise(n, 0.5, 0.0)),
    ]


def nearest(shares: Floats, here: Places) -> Floats:
    """Mean Jensen-Shannon distance (root, base 2) to the most alike of some earlier mixtures; NaN where there are none."""
    past = earlier(shares, here, LAGS)
    distances = np.sort(jensen_shannon(shares[:, here], past), axis=0)
    known = (~np.isnan(distances)).sum(axis=0)
    counted = np.where(np.arange(len(LAGS))[:, None] < NEAREST, finite(distances), 0.0).sum(axis=0)
    return np.where(known > 0, counted / np.minimum(np.maximum(known, 1), NEAREST), np.nan)


def earlier(shares: Floats, here: Places, lags: Sequence[int]) -> Floats:
    """The mixtures so many batches before some places, NaN before the first: (lag, category, place)."""
    first = np.concatenate([np.full((len(shares), 1), np.nan), shares], axis=1)
    places = np.maximum(here - np.array(lags)[:, None], -1) + 1
    return np.asarray(first[:, places].swapaxes(0, 1))


def jensen_shannon(one: Floats, other: Floats) -> Floats:
    """The root of the divergence of Lin, "Divergence measures based on the Shannon entropy" (1991), of each column.

    Both are (…, category, column).
    """
    middle = (one + other) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(p > 0, p * np.log2(p / middle), np.where(np.isnan(p), np.nan, 0.0)) for p in (one, other)]
    return np.asarray(np.sqrt(np.maximum(0.5 * (parts[0].sum(axis=-2) + parts[1].sum(axis=-2)), 0.0)))


def gone(shares: Floats, here: Places) -> Floats:
    """The usual share of what was in each of the last eight known batches and is not here."""
    before = earlier(shares, here, range(1, 9))
    known: Flags = np.asarray(~np.isnan(before).any(axis=1))
    regular = (np.where(known[:, None, :], before, 1.0) > 0).all(axis=0) & known.any(axis=0)
    usual_share = finite(before).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    lost = np.where(regular & (shares[:, here] == 0), usual_share, 0.0).sum(axis=0)
    return np.where(known.any(axis=0) & ~np.isnan(shares[:, here]).any(axis=0), np.minimum(lost, 1.0), np.nan)


def _sketched(source: _Source, spec: MetricSpec) -> list[Row]:
    """Values never seen before; or, of whole rows, the largest share of them that an earlier batch had."""
    kept = source.profile.sketches[spec]
    here = range(len(kept))[source.batches]
    sizes = np.array([len(kept[t] or ()) for t in here], dtype=float)
    if spec.metric == "values_sketch":
        shares = unseen(kept, here)
        return [Row(spec, "unseen values", "novel", np.arcsin(np.sqrt(shares)), noise(sizes, 0.5, 0.0))]
    shares = np.array([overlap(kept, t) for t in here])
    return [Row(spec, "rows again", "overlap", np.arcsin(np.sqrt(shares)), noise(sizes, 0.5, 0.0))]


def unseen(sketches: Sequence[Sketch], here: range) -> Floats:
    """For some batches the share of their sketch that no earlier one holds; NaN of none, and while values are being learned."""
    earlier_ones = [s for s in sketches[: here.start] if s]
    seen, batches = set[int]().union(*earlier_ones), len(earlier_ones)
    shares = np.full(len(here), np.nan)
    for i, at in enumerate(here):
        if now := sketches[at]:
            shares[i] = len(now - seen) / len(now) if batches >= LEARNING else np.nan
            batches += 1
            seen |= now
    return shares


AGAIN: Final = (1, 2, 3)
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
