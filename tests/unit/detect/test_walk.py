"""The walk through a table's past."""

import numpy as np
import pytest

from tests.unit.detect.days import REF, shop
from tests.unit.detect.days import history as made
from tidegate.detect.panel import unjudged
from tidegate.detect.tails import peaks
from tidegate.detect.traits import Traits
from tidegate.detect.walk import surprise, walk
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


def test_without_a_scan_of_the_base_only_later_buckets_are_new() -> None:
    days = shop(5)
    history = made(days, base=())
    intervals = [m.interval for m in made(days).current if m.interval is not None]
    buckets = sorted(set(intervals), key=lambda i: i.start)
    base = np.array([[1.0, 1.0, 1.0, np.nan, np.nan]])
    assert unjudged(history, base, buckets[:5]) == (3, 4)
