"""The walk through a table's past."""

import numpy as np
import pytest

from tests.unit.detect.days import REF, shop
from tests.unit.detect.days import history as made
from tidegate.detect.panel import unjudged
from tidegate.detect.pooled import POOL
from tidegate.detect.tails import peaks
from tidegate.detect.traits import VALUES, Traits
from tidegate.detect.walk import BEYOND, surprise, walk
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


@pytest.mark.parametrize("kind", ["mean", "max", "stddev", "quartiles", "segment mean", "quantile 0.95"])
def test_how_far_a_value_goes_that_never_moved_says_little(kind: str) -> None:
    """Rain after forty dry days: that it moved is news, and in what unit it moved far nothing of its past tells."""
    some, more = (
        surprise(found, walk(found.y, ()), slice(0, 41))[0, -1] for found in (still(kind, 30), still(kind, 600))
    )
    assert some == more == pytest.approx(np.log10(40) + BEYOND)
    noise = still(kind, 1)
    assert surprise(noise, walk(noise.y, ()), slice(0, 41))[0, -1] < 1, "nor is noise news"


@pytest.mark.parametrize("kind", ["null_count", "padded_count", "row_count", "max_length", "time max"])
def test_what_has_a_unit_of_its_own_is_the_rarer_the_farther(kind: str) -> None:
    some, more = (
        surprise(found, walk(found.y, ()), slice(0, 41))[0, -1] for found in (still(kind, 30), still(kind, 600))
    )
    assert more > some > np.log10(40) + BEYOND


def test_a_value_that_has_moved_before_has_a_unit() -> None:
    found = still("mean", 600)
    found.y[0, 10] = 0.05
    assert surprise(found, walk(found.y, ()), slice(0, 41))[0, -1] > np.log10(40) + BEYOND


def test_every_kind_of_value_is_one_that_is_measured() -> None:
    spoken = set(POOL.kinds)
    assert spoken > VALUES, "constants know them"
    assert not {k for k in spoken - VALUES if k.startswith("quantile")}, "none is left out"


def test_without_a_scan_of_the_base_only_later_buckets_are_new() -> None:
    days = shop(5)
    history = made(days, base=())
    intervals = [m.interval for m in made(days).current if m.interval is not None]
    buckets = sorted(set(intervals), key=lambda i: i.start)
    base = np.array([[1.0, 1.0, 1.0, np.nan, np.nan]])
    assert unjudged(history, base, buckets[:5]) == (3, 4)
