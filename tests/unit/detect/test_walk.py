"""The walk through a table's past."""

import numpy as np
import pytest

from tests.unit.detect.days import REF, shop
from tests.unit.detect.days import history as made
from tidegate.detect.panel import unjudged
from tidegate.detect.pooled import POOL
from tidegate.detect.tails import peaks
from tidegate.detect.traits import UNSCALED, Traits
from tidegate.detect.walk import BEYOND, RECORD, surprise, walk
from tidegate.model import MetricSpec

SPEC = MetricSpec(dataset=REF, metric="mean", column="total")


def numbers(unknown_floor_at: int | None) -> Traits:
    y = 5 + np.random.default_rng(1).normal(scale=0.1, size=(1, 60))
    y[0, -1] = 9.0
    floor = np.full_like(y, 0.01)
    if unknown_floor_at is not None:
        floor[0, unknown_floor_at] = np.nan
    return Traits(specs=(SPEC,), kinds=("mean",), families=("location",), y=y, floor=floor)


@pytest.mark.parametrize("at", [None, 40, 59])
def test_a_noise_that_is_not_known_silences_nothing(at: int | None) -> None:
    """As where the rows of a batch are not known, and its mean is: what its past errors were is known."""
    found = numbers(at)
    told = surprise(found, walk(found.y, ()), slice(0, 60))
    assert not np.isnan(told).any()
    assert told[0, -1] > 3
    assert np.isfinite(peaks(told, np.ones(60, dtype=bool)).height).all()


def still(kind: str, scale: float, y: float = 0.0) -> Traits:
    """A number that stood still for 40 batches, and moves in the last one by so many of its least spread."""
    values = np.full((1, 41), y)
    values[0, -1] += scale * 0.01
    return Traits(specs=(SPEC,), kinds=(kind,), families=("",), y=values, floor=np.full_like(values, 0.01))


@pytest.mark.parametrize(
    "kind", ["mean", "max", "stddev", "quartiles", "segment mean", "quantile 0.95", "max_length", "rest_most"]
)
def test_how_far_a_value_goes_that_never_moved_says_little(kind: str) -> None:
    """Rain after forty dry days: that it moved is news, and in what unit it moved far nothing of its past tells."""
    some, more = (
        surprise(found, walk(found.y, ()), slice(0, 41))[0, -1] for found in (still(kind, 30), still(kind, 600))
    )
    assert some == more == pytest.approx(np.log10(40) + BEYOND)
    noise = still(kind, 1)
    assert surprise(noise, walk(noise.y, ()), slice(0, 41))[0, -1] < 1, "nor is noise news"


@pytest.mark.parametrize("kind", ["null_count", "padded_count", "row_count", "mean_length", "time max"])
def test_what_has_a_unit_of_its_own_is_the_rarer_the_farther(kind: str) -> None:
    some, more = (
        surprise(found, walk(found.y, ()), slice(0, 41))[0, -1] for found in (still(kind, 30), still(kind, 600))
    )
    assert more > some > np.log10(40) + BEYOND


def of_a_column(
    kinds: tuple[str, ...], least: float, greatest: float, scale: float, moved_at: int | None = None
) -> Traits:
    """A column's numbers, which stood still, in the last batch but for its extremes by so many of their least spread."""
    y = np.array([[least] if kind == "min" else [greatest] if kind == "max" else [0.0] for kind in kinds]) * np.ones(41)
    y[[kind not in ("min", "max") for kind in kinds], -1] = scale * 0.01
    if moved_at is not None:
        y[kinds.index("max"), moved_at] += 0.5
    specs = tuple(MetricSpec(dataset=REF, metric=kind, column="rain") for kind in kinds)
    return Traits(specs=specs, kinds=kinds, families=("",) * len(kinds), y=y, floor=np.full_like(y, 0.01))


@pytest.mark.parametrize(
    ("least", "greatest", "moved_at", "is_capped"),
    [
        (0.0, 0.0, None, True),
        (1.5, 1.5, None, True),
        (0.0, 1.5, None, False),
        (0.0, 0.0, 20, False),
        (0.0, 0.0, 40, True),
    ],
)
def test_in_how_many_rows_a_column_varies_that_had_one_number_says_little(
    least: float, greatest: float, moved_at: int | None, *, is_capped: bool
) -> None:
    kinds = ("zero_count", "min", "null_count", "whole_count", "max", "lone_null_count")
    found = of_a_column(kinds, least, greatest, 600, moved_at)
    told = dict(zip(kinds, surprise(found, walk(found.y, ()), slice(0, 41))[:, -1], strict=True))
    assert (told["zero_count"] == told["whole_count"] == pytest.approx(np.log10(40) + BEYOND)) == is_capped
    assert told["null_count"] == told["lone_null_count"] > np.log10(40) + BEYOND, "a NULL is no value"
    alone = of_a_column(("zero_count", "max"), least, greatest, 600)
    assert surprise(alone, walk(alone.y, ()), slice(0, 41))[0, -1] > np.log10(40) + BEYOND, "one end does not tell"


def test_the_first_move_of_what_stood_still_is_as_rare_as_the_batches_before_say() -> None:
    """One NULL in twenty rows: of so few rows it would be noise, and no batch ever had one."""
    found = still("null_count", 2)
    told = surprise(found, walk(found.y, ()), slice(0, 41))[0, -1]
    assert told == pytest.approx(np.log10(40))


def moving(times: float) -> Traits:
    """A number that hardly moves but for one day, and in the last batch so many times as far as on that day."""
    y = np.random.default_rng(3).normal(scale=0.01, size=(1, 200))
    y[0, 170] = 1.0
    past = walk(y[:, :-1], ())
    y[0, -1] = past.centre[0, -1] + times * past.largest[0, -1]
    return Traits(specs=(SPEC,), kinds=("mean",), families=("location",), y=y, floor=np.full_like(y, 0.001))


def test_a_record_is_rarer_than_one_in_so_many_by_a_power_of_how_much_larger_it_is() -> None:
    """Of n + 1 errors each is the largest as often; by the spread of most of them, either would be one in millions."""
    none, hair, half = (
        surprise(m := moving(times), walk(m.y, ()), slice(0, 200))[0, -1] for times in (0.99, 1.01, 1.5)
    )
    assert none == pytest.approx(np.log10(61))
    assert hair == pytest.approx(np.log10(61) + RECORD * np.log10(1.01))
    assert half == pytest.approx(np.log10(61) + RECORD * np.log10(1.5))


def test_a_value_that_has_moved_before_has_a_unit() -> None:
    found = still("mean", 600)
    found.y[0, 10] = 0.05
    assert surprise(found, walk(found.y, ()), slice(0, 41))[0, -1] > np.log10(40) + BEYOND


def test_every_kind_of_value_is_one_that_is_measured() -> None:
    spoken = set(POOL.kinds)
    assert spoken > UNSCALED, "constants know them"
    assert not {k for k in spoken - UNSCALED if k.startswith("quantile")}, "none is left out"


def test_without_a_scan_of_the_base_only_later_buckets_are_new() -> None:
    days = shop(5)
    history = made(days, base=())
    intervals = [m.interval for m in made(days).current if m.interval is not None]
    buckets = sorted(set(intervals), key=lambda i: i.start)
    base = np.array([[1.0, 1.0, 1.0, np.nan, np.nan]])
    assert unjudged(history, base, buckets[:5]) == (3, 4)
