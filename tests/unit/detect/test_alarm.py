"""The whole table's alarm: what it knows, what it does not know, and how often it cries."""

from dataclasses import replace

import numpy as np
import pytest

from tidegate.detect.alarm import (
    CLASSES,
    GROWN,
    ONSET,
    column,
    combined,
    finished,
    heard,
    leading,
    strongest,
    study,
    voices,
    weighed,
)
from tidegate.detect.pooled import POOL
from tidegate.detect.tails import Peaks, Tail, Trust, calibrated, peaks
from tidegate.detect.traits import Profile, gone, jensen_shannon, layout, nearest, overlap, traits, unseen
from tidegate.detect.walk import spreads, surprise, walk
from tidegate.model import DatasetRef, MetricSpec, Segment

REF = DatasetRef(namespace="s", name="t")
WEEK = ((7, "weekday"),)
NAMES = ("row_count", "null_count v", "mean v", "stddev v", "min v", "max v", "zero_count v", "padded_count name")


def spec(name: str) -> MetricSpec:
    metric, _, column = name.partition(" ")
    return MetricSpec(dataset=REF, metric=metric, column=column or None)


SEGMENTS = tuple(MetricSpec(dataset=REF, metric="row_count", segment=Segment(column="c", value=v)) for v in "abc")
SPECS = (*map(spec, NAMES), *SEGMENTS)


def shop(batches: int = 60, seed: int = 0) -> Profile:
    dice = np.random.default_rng(seed)
    rows = dice.poisson(500, batches).astype(float)
    parts = np.stack([dice.binomial(int(n), 0.5) for n in rows]), np.stack([dice.binomial(int(n), 0.2) for n in rows])
    mean, spread = dice.normal(70, 1, batches), dice.normal(20, 0.7, batches)
    numbers = [
        rows,
        dice.binomial(500, 0.02, batches),
        mean,
        spread,
        mean - dice.normal(60, 2, batches),
        mean + dice.normal(60, 2, batches),
        dice.binomial(500, 0.1, batches),
        np.zeros(batches),
        parts[0],
        parts[1],
        rows - parts[0] - parts[1],
    ]
    return Profile(specs=SPECS, values=np.array(numbers, dtype=float), at=np.arange(batches) * 86_400.0)


def changed(profile: Profile, at: int, **numbers: float) -> Profile:
    """Another value of some numbers in one batch; keywords name the metric and the column with two underscores between."""
    values = profile.values[:, : at + 1].copy()
    for name, value in numbers.items():
        values[NAMES.index(name.replace("__", " ")), at] = value
    return replace(profile, values=values, at=profile.at[: at + 1])


def opinion(profile: Profile, at: int, **numbers: float):
    known = study(profile, WEEK, POOL)
    return known.judge(traits(changed(profile, at, **numbers), slice(at, at + 1)), at)


@pytest.mark.parametrize(
    "numbers",
    [
        {"row_count": 240.0},
        {"null_count__v": 200.0},
        {"mean__v": 140.0, "min__v": 20.0, "max__v": 260.0, "stddev__v": 40.0},
        {"zero_count__v": 250.0},
        {"padded_count__name": 100.0},
        {"max__v": 9_000.0},
    ],
)
@pytest.mark.parametrize("at", [12, 59])
def test_what_is_gross_is_rare(numbers, at):
    assert opinion(shop(), at, **numbers).score > 2


def test_the_strongest_reason_names_the_column():
    first = opinion(shop(), 50, padded_count__name=100.0).reasons[0]
    assert (first.spec.metric, first.spec.column) == ("padded_count", "name")
    assert np.sin(first.observed) ** 2 == pytest.approx(100 / shop().values[0, 50], rel=1e-6)
    assert first.expected == 0


def test_a_clean_shop_cries_about_as_seldom_as_it_says():
    scores = np.concatenate([study(shop(seed=seed), WEEK, POOL).scores[7:] for seed in range(20)])
    assert (scores > 2).mean() < 0.02
    assert (scores > 1).mean() < 0.15


def test_the_future_teaches_nothing():
    past, poisoned = shop(), shop()
    poisoned.values[:, 40:] = np.random.default_rng(1).normal(0, 1e6, poisoned.values[:, 40:].shape)
    one, other = (study(p, WEEK, POOL) for p in (past, poisoned))
    assert np.array_equal(one.scores[:40], other.scores[:40])
    batch = traits(changed(past, 39, mean__v=90.0), slice(39, 40))
    assert one.judge(batch, 39) == other.judge(batch, 39)


def test_a_prefix_says_the_same():
    whole = study(shop(), WEEK, POOL)
    part = replace(shop(), values=shop().values[:, :30], at=shop().at[:30])
    assert np.allclose(study(part, WEEK, POOL).scores, whole.scores[:30], rtol=1e-9)


@pytest.mark.parametrize("batches", [1, 2, 8, 40])
def test_an_identical_batch_never_alarms(batches):
    one = shop(1).values
    still = Profile(specs=SPECS, values=np.repeat(one, batches, axis=1), at=np.arange(batches) * 86_400.0)
    assert study(still, WEEK, POOL).scores.max() == 0


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e300, -1e300])
def test_no_number_makes_it_stumble(value):
    odd = shop()
    odd.values[2:, 20:30] = value
    odd.values[:, 35] = np.nan
    scores = study(odd, WEEK, POOL).scores
    assert np.isfinite(scores).all()


def test_without_rows_nothing_is_judged():
    with pytest.raises(ValueError, match="row_count"):
        study(replace(shop(), specs=SPECS[1:], values=shop().values[1:]), WEEK, POOL)


def test_what_the_pool_does_not_know_is_judged_by_its_first_cell():
    unknown = replace(POOL, kinds={}, families={})
    assert np.isfinite(study(shop(), WEEK, unknown).scores).all()


def test_tails_follow_the_own_past_once_there_is_one():
    pool, trust = Tail(np.array(0.1), np.array(0.434)), Trust()
    calm, wild = (Peaks(*(np.array([x]) for x in p)) for p in ((0.0, 0.0, 140.0), (60.0, 20.0, 140.0)))
    rare = [float(calibrated(np.array([6.0]), p, pool, trust)[0]) for p in (calm, wild)]
    assert rare[0] > 5
    assert rare[1] < 2.5
    new = Peaks(*(np.array([0.0]) for _ in range(3)))
    assert calibrated(np.array([6.0]), new, pool, trust)[0] == pytest.approx(
        6.0, rel=0.01
    )  # well-made tails need no change
    assert calibrated(np.array([0.0]), calm, pool, trust)[0] == 0


def test_peaks_are_counted_before_each_batch():
    found = peaks(np.array([[0.0] * 7 + [3.0, 0.0, 2.0]]), np.ones(10, dtype=bool))
    assert found.over[0].tolist() == [0] * 8 + [1, 1, 2]
    assert found.height[0].tolist() == [0] * 8 + [2, 2, 3]
    assert found.of[0].tolist() == [0] * 5 + [1, 2, 3, 4, 5, 6]


def test_one_accident_counts_as_a_peak_of_three_decades_and_no_more():
    quiet, noisy = (np.array([[0.5] * 60 + [height] + [0.5] * 30]) for height in (4.0, 40.0))
    there = np.ones(91, dtype=bool)
    assert peaks(noisy, there).height[0, -1] == peaks(quiet, there).height[0, -1] == 3.0


def test_peaks_are_remembered_for_a_year():
    surprises = np.zeros((1, 500))
    surprises[0, 50] = 2.0
    over = peaks(surprises, np.ones(500, dtype=bool)).over[0]
    assert over[450] == 1
    assert over[451] == 0


def test_the_strongest_speaks_for_its_group_after_bonferroni():
    series, member = np.array([[3.0], [1.0], [2.0]]), np.array([[0], [0], [2]])
    assert strongest(series, member, 4)[:, 0] == pytest.approx([3 - np.log10(2), 0, 2, 0])


def test_quiet_families_are_hardly_heard_and_loud_ones_less_and_less():
    said = heard(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    assert said == pytest.approx([0, 0, np.log(2) / ONSET, 1, 2], abs=0.02)
    assert said[0] == 0, "what says nothing is not heard at all"
    assert (np.diff(heard(np.linspace(0.0, 6.0, 61))) > 0).all(), "quiet families keep their order"
    assert heard(np.array([100.0]))[0] < 8
    groups = np.zeros((len(POOL.weights), 2))
    groups[2, 1] = 5.0
    assert combined(groups, POOL)[1] > combined(groups, POOL)[0] == 0


def test_where_all_are_quiet_several_that_nearly_speak_are_stranger_than_one():
    one, three, loud = (
        np.array([*said, *[0.0] * (len(POOL.weights) - len(said))]) for said in ([1.2], [1.2] * 3, [5.0])
    )
    said = combined(np.stack([one, three, loud], axis=1), POOL)
    assert 0 < said[0] < said[1] < said[2]
    assert said[1] < 3 * said[0], "they add up like noise"


def test_the_pool_has_every_cell():
    cells = 2 * CLASSES
    assert len(POOL.series.chance) == len(POOL.series.height) == cells * (len(POOL.kinds) + 1)
    assert len(POOL.groups.chance) == len(POOL.groups.height) == cells * (len(POOL.families) + 1)
    assert len(POOL.weights) == 2 * (len(POOL.families) + 1)
    assert (POOL.weights >= 0).all()
    assert len(POOL.table.chance) == CLASSES
    assert len(POOL.worth.chance) == 2
    for tail in (POOL.series, POOL.groups, POOL.table, POOL.worth):
        assert ((tail.chance > 0) & (tail.chance < 1)).all()
        assert (tail.height > 0).all()


def test_jensen_shannon_by_hand():
    one, other = np.array([[1.0, 0.5], [0.0, 0.5]]), np.array([[0.0, 0.5], [1.0, 0.5]])
    assert jensen_shannon(one, other).tolist() == [1.0, 0.0]


def test_a_mixture_is_near_to_the_same_weekday():
    shares = np.tile(np.array([[0.9], [0.1]]), (1, 15))
    shares[:, [0, 7, 14]] = [[0.2], [0.8]]
    assert nearest(shares, np.array([14]))[0] > 0.1  # two of the three nearest are other days
    assert nearest(shares, np.array([13]))[0] == 0
    assert np.isnan(nearest(shares, np.array([0]))[0])


def test_only_regular_categories_can_be_missed():
    shares = np.full((2, 10), 0.5)
    shares[:, 4], shares[:, 9] = [1.0, 0.0], [1.0, 0.0]
    assert gone(shares, np.array([9]))[0] == 0  # it was missing before
    shares[:, 4] = 0.5
    assert gone(shares, np.array([9]))[0] == pytest.approx(0.5)


def test_sketches_tell_new_values_and_rows_that_came_before():
    a, b = frozenset(range(10)), frozenset(range(5, 15))
    whole = unseen([None, a, a, a, b, a], range(6))
    assert np.isnan(whole[:4]).all()  # no sketch, then three batches to learn from
    assert whole[4:].tolist() == [0.5, 0.0]
    assert unseen([None, a, a, a, b, a], range(4, 5)).tolist() == [0.5]
    assert overlap([a, b], 1) == 0.5
    assert overlap([b], 0) == 0.0
    full = frozenset(range(256))
    assert overlap([full, frozenset(range(128)) | frozenset(range(10_000, 10_128))], 1) == 1.0  # of what is comparable


def test_copies_of_rows_show_in_the_sketches_of_a_profile():
    rows = MetricSpec(dataset=REF, metric="rows_sketch")
    kept = [frozenset({100 * t + i for i in range(50)}) for t in range(30)]
    profile = replace(shop(30), sketches={rows: kept})
    clean = study(profile, WEEK, POOL)
    stale = replace(profile, sketches={rows: [*kept[:-1], kept[-2]]})
    assert clean.judge(traits(stale, slice(29, 30)), 29).score > 2 > clean.scores[29]


def test_still_series_are_still_until_they_move():
    y = np.array([[1.0] * 10 + [2.0] * 5])
    past = walk(y, ())
    assert past.still[0].tolist() == [True] * 11 + [False] * 5
    scale, largest, points = spreads(np.array([[np.nan, 1.0, 2.0]]))
    assert (points[0].tolist(), largest[0].tolist()) == ([0, 0, 1, 2], [0, 0, 1, 2])
    assert scale[0, 0] == 0


def test_an_error_no_larger_than_a_past_one_is_no_rarer_than_that():
    noisy = shop()
    noisy.values[2, 30] = 500.0
    found = traits(noisy, slice(0, 60))
    past = walk(found.y, WEEK)
    again = traits(changed(noisy, 50, mean__v=400.0), slice(50, 51))
    at = found.kinds.index("mean")
    assert surprise(again, past, slice(50, 51))[at, 0] <= np.log10(past.points[at, 50] + 1)


def test_a_layout_made_of_the_past_serves_the_next_batch():
    profile = shop(40)
    at = slice(39, 40)
    blank = profile.values.copy()
    blank[:, 39] = np.nan
    plan = layout(replace(profile, values=blank))
    with_plan, without = traits(profile, at, plan), traits(profile, at)
    assert (with_plan.kinds, with_plan.specs) == (without.kinds, without.specs)
    assert np.array_equal(with_plan.y, without.y, equal_nan=True)


def test_a_layout_names_the_largest_categories_of_the_first_batches():
    kept = layout(shop(40)).named
    assert {s.value for s in kept} <= {"a", "b", "c"}
    assert kept


def test_what_stands_still_is_forecast_as_if_it_were_not_known_to():
    rng = np.random.default_rng(3)
    still = np.full((1, 80), 5.0)
    still[0, [0, 1, 30]] = np.nan
    alone = walk(still, WEEK)
    almost = still.copy()
    almost[0, 79] = 6.0  # moves in the last batch only, so the slow way is taken
    together = walk(np.concatenate([almost, rng.normal(size=(1, 80))]), WEEK)
    for name in ("centre", "scale", "largest", "points", "still"):
        one, other = getattr(alone, name)[0, :79], getattr(together, name)[0, :79]
        assert np.array_equal(np.isnan(one), np.isnan(other)), name
        assert np.array_equal(one[3:], other[3:]), name


def test_scores_are_put_in_terms_of_what_they_are_worth_at_their_age():
    scores = np.linspace(0.0, 8.0, 60)
    nothing = Peaks(*(np.zeros(121) for _ in range(3)))
    for at, cell in ((GROWN - 1, 0), (60, 1)):
        place = slice(at, at + 1)
        said, told = (
            np.array([f(score, nothing, POOL, place)[0] for score in scores[:, None]]) for f in (weighed, finished)
        )
        assert (np.diff(told) > 0).all()  # the order stays
        assert np.interp(1.0, said, told) == pytest.approx(-np.log10(POOL.worth.chance[cell]), abs=0.05)


def test_a_young_table_needs_more_where_young_scores_are_worth_less():
    worth = Tail(np.array([0.2, 0.1]), np.array([0.9, 0.5]))
    apart, alike = (replace(POOL, worth=Tail(worth.chance[i], worth.height[i])) for i in ([0, 1], [1, 1]))
    scores, nothing = np.full(GROWN + 1, 4.0), Peaks(*(np.zeros(GROWN + 2) for _ in range(3)))
    young, as_if_grown = (finished(scores, nothing, pool, slice(0, GROWN + 1)) for pool in (apart, alike))
    assert (young[:GROWN] < as_if_grown[:GROWN]).all()
    assert young[GROWN] == as_if_grown[GROWN], "it is young no more"


def test_a_column_is_named_for_what_its_families_say_together():
    columns, member = ["a", "a", "b", "c", "b", None], np.array([0, 1, 0, 2, 0, 3])
    loud = np.array([2.0, 1.5, 2.2, 0.0, 1.9, 2.5])
    assert leading(columns, member, loud) == [0, 5, 2], (
        "two families of one beat one louder family; what is silent is not named"
    )


def test_of_one_family_the_loudest_is_heard_and_others_hardly():
    said = voices(np.array([4.0, 2.0, 1.0]), np.array([3.0, 5.0]), np.array([0, 0, 1]))
    assert said == pytest.approx([3.04, 3 / 16 + 0.02, 5.01])
    assert voices(np.zeros(2), np.zeros(1), np.zeros(2, dtype=np.int64)).tolist() == [0, 0]


def test_each_column_has_one_reason_and_the_altered_one_is_first():
    told = opinion(shop(), 50, mean__v=140.0, stddev__v=60.0, max__v=300.0, padded_count__name=8.0)
    named = [column(r.spec) for r in told.reasons]
    assert named[0] == "v"
    assert len(named) == len(set(named))
    assert "name" in named[:3]
    others = [r.spec.metric for r in told.also]
    assert {column(r.spec) for r in told.also} == {"v"}
    assert sorted([told.reasons[0].spec.metric, *others])[:2] == ["max", "mean"], (
        "the rest of the first column, once each"
    )
    assert len(others) == len(set(others))
