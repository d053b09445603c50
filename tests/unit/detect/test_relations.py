"""What rows tell of others, as series: shares of the rows that could be wrong, and who is named for them."""

from dataclasses import replace

import numpy as np
import pytest

from tidegate.detect.alarm import study
from tidegate.detect.pooled import POOL
from tidegate.detect.traits import RELATIONS, TRAITS, Profile, traits
from tidegate.model import DatasetRef, MetricSpec

REF = DatasetRef(namespace="s", name="t")
BATCHES = 40


def spec(metric: str, column: str | None = None, key: str | None = None) -> MetricSpec:
    return MetricSpec(dataset=REF, metric=metric, column=column, argument=key)


ROWS, NULLS = spec("row_count"), spec("null_count", "city")
KNOWN, NEW = spec("known_key_count", "city", "shop"), spec("new_pair_count", "city", "shop")
REGULAR, GONE = spec("regular_count", "shop"), spec("gone_count", "shop")
COUNT, MEDIAN, FAR = (spec(m, "total") for m in ("rest_count", "rest_median", "rest_far_count"))
MOST, WIDE = (spec(m, "total") for m in ("rest_most", "rest_wide"))
PADDED = spec("padded_count", "shop")
SPECS = (ROWS, NULLS, KNOWN, NEW, REGULAR, GONE, COUNT, MEDIAN, FAR, MOST, WIDE, PADDED)


@pytest.fixture
def profile() -> Profile:
    dice = np.random.default_rng(4)
    rows = dice.poisson(400, BATCHES).astype(float)
    numbers = {
        ROWS: rows,
        NULLS: np.zeros(BATCHES),
        KNOWN: rows - 100,
        NEW: dice.binomial(300, 0.01, BATCHES),
        REGULAR: np.full(BATCHES, 50.0),
        GONE: dice.binomial(50, 0.02, BATCHES),
        COUNT: rows,
        MEDIAN: dice.normal(0, 0.05, BATCHES),
        FAR: dice.binomial(400, 0.01, BATCHES),
        MOST: dice.uniform(2.5, 4, BATCHES),
        WIDE: dice.normal(1.35, 0.05, BATCHES),
        PADDED: np.zeros(BATCHES),
    }
    return Profile(
        specs=SPECS, values=np.array([numbers[s] for s in SPECS], dtype=float), at=np.arange(BATCHES) * 86_400.0
    )


def judged(profile: Profile, **numbers: float):
    at = BATCHES - 1
    values = profile.values.copy()
    for metric, value in numbers.items():
        values[next(i for i, s in enumerate(SPECS) if s.metric == metric), at] = value
    changed = traits(replace(profile, values=values), slice(at, at + 1))
    return study(profile, (), POOL).judge(changed, at)


@pytest.mark.parametrize(
    ("part", "whole"), [(NEW, KNOWN), (GONE, REGULAR), (FAR, COUNT)], ids=["pairs", "keys", "rest"]
)
def test_each_count_is_a_share_of_its_own_whole(profile, part, whole):
    found = traits(profile, slice(0, BATCHES))
    y = found.y[found.specs.index(part)]
    wanted = profile.values[SPECS.index(part)] / profile.values[SPECS.index(whole)]
    assert np.sin(y) ** 2 == pytest.approx(wanted)
    assert found.floor[found.specs.index(part)] == pytest.approx(0.5 / np.sqrt(profile.values[SPECS.index(whole)]))


def test_nothing_to_be_wrong_says_nothing(profile):
    profile.values[SPECS.index(KNOWN), 5] = 0.0
    found = traits(profile, slice(0, BATCHES))
    assert np.isnan(found.y[found.specs.index(NEW), 5])


@pytest.mark.parametrize(
    "numbers",
    [
        {"new_pair_count": 60.0},
        {"gone_count": 45.0},
        {"rest_median": 4.0},
        {"rest_far_count": 90.0},
        {"rest_most": 60.0},
        {"rest_wide": 0.0},
    ],
)
def test_a_broken_relation_alone_is_rarer_than_one_batch_in_thirty(profile, numbers):
    limit = -np.log10(1 / 30)
    assert judged(profile).score < limit < judged(profile, **numbers).score


def test_how_far_and_how_wide_rows_lie_are_told_by_their_logarithm(profile):
    found = traits(profile, slice(0, BATCHES))
    most, wide = (found.specs.index(one) for one in (MOST, WIDE))
    assert found.y[most] == pytest.approx(np.arcsinh(profile.values[SPECS.index(MOST)]))
    assert found.floor[most] == pytest.approx(0.1)
    assert found.y[wide] == pytest.approx(np.log(profile.values[SPECS.index(WIDE)] + 1e-3))
    rows = profile.values[SPECS.index(COUNT)]
    assert found.floor[wide] == pytest.approx(np.maximum(1 / np.sqrt(rows), 0.03))


def test_a_few_rows_have_no_width(profile):
    profile.values[SPECS.index(COUNT), 5:7] = 3, 4
    profile.values[SPECS.index(WIDE), 5:7] = 0.0
    found = traits(profile, slice(0, BATCHES))
    assert np.isnan(found.y[found.specs.index(WIDE), 5:7]).tolist() == [True, False]


def test_a_past_in_which_it_was_never_measured_stays_readable(profile):
    profile.values[[SPECS.index(MOST), SPECS.index(WIDE)], :-1] = np.nan
    assert judged(profile).score < -np.log10(1 / 30)


def test_a_relation_is_named_where_nothing_else_speaks(profile):
    assert judged(profile, new_pair_count=90.0).reasons[0].spec == NEW
    both = judged(profile, new_pair_count=90.0, padded_count=90.0).reasons
    assert [r.spec for r in both[:2]] == [PADDED, NEW], "who is wrong, the shop or the city, its own number tells"


def test_relations_are_families_that_exist():
    assert {t.family for t in TRAITS.values()} >= RELATIONS
    assert set(POOL.families) >= RELATIONS, "and some table has taught them"
