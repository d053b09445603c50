"""Numbers that follow from the others of their row."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.detect import others
from tidegate.detect.traits import Profile, overlap, traits
from tidegate.model import DatasetRef, MetricSpec

REF = DatasetRef(namespace="raw", name="t")


def rows(batches: int = 7, size: int = 60, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A total of two parts, and a number that nothing tells."""
    dice = np.random.default_rng(seed)
    parts = dice.lognormal(3.0, 0.6, (batches * size, 2))
    total = parts.sum(axis=1) + dice.normal(0.0, 0.2, len(parts))
    return np.column_stack([parts, total, dice.normal(0, 5, len(parts))]), np.repeat(np.arange(batches), size)


def learned(made: np.ndarray, batch: np.ndarray) -> tuple[others.Scale, dict[int, others.Follows]]:
    scale = others.scale(others.whole(made))
    return scale, others.followers(scale.even(made), batch)


def test_a_total_and_its_parts_follow_from_each_other_and_chance_from_nothing() -> None:
    made, batch = rows()
    assert set(learned(made, batch)[1]) == {0, 1, 2}


def test_what_is_left_is_the_number_less_what_least_squares_leads_to_expect() -> None:
    made, batch = rows()
    scale, follow = learned(made, batch)
    even = scale.even(made)
    square = others.products(even)
    weights = others.solved(square, 2)
    assert weights[3] == 1.0
    exact = np.linalg.lstsq(others.designed(even[:, [0, 1, 3]]), even[:, 2], rcond=None)[0]
    assert -weights[[0, 1, 2, 4]] == pytest.approx(exact, abs=1e-4)
    told = others.left_of(even, weights, follow[2].usual)
    assert told is not None
    assert (told.rows, told.far) == (420, 0)
    assert abs(told.median) < 0.2


def test_shuffled_rows_are_far() -> None:
    made, batch = rows()
    scale, follow = learned(made, batch)
    weights = others.solved(others.products(scale.even(made)), 2)
    made[:, 2] = np.random.default_rng(3).permutation(made[:, 2])
    told = others.left_of(scale.even(made), weights, follow[2].usual)
    assert told is not None
    assert told.far > 0.9 * told.rows


def test_one_row_is_the_farthest_and_all_of_them_are_how_wide() -> None:
    made, batch = rows()
    scale, follow = learned(made, batch)
    weights = others.solved(others.products(scale.even(made)), 2)
    whole = others.left_of(scale.even(made), weights, follow[2].usual)
    made[7, 2] = 0.0
    one = others.left_of(scale.even(made), weights, follow[2].usual)
    assert whole is not None
    assert one is not None
    assert one.far == 1
    assert whole.most < 4 < 10 < one.most
    assert one.wide == pytest.approx(whole.wide, rel=0.05)
    still = others.left_of(scale.even(np.repeat(made[:1], 60, axis=0)), weights, follow[2].usual)
    assert still is not None
    assert still.wide == pytest.approx(0.0, abs=1e-9)


def test_what_is_left_of_rows_is_told_in_five_numbers() -> None:
    told = others.Left.of(np.array([-6.0, 0.0, 1.0, 2.0, np.nan, 5.0]))
    assert told == others.Left(rows=5, median=1.0, far=2, most=6.0, wide=2.0)
    assert others.Left.of(np.array([np.nan])) is None


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_row_with_a_gap_is_no_row(odd: float) -> None:
    made, batch = rows()
    scale, follow = learned(made, batch)
    weights = others.solved(others.products(scale.even(made)), 2)
    made[::2, 0] = odd
    told = others.left_of(scale.even(made), weights, follow[2].usual)
    assert told is not None
    assert told.rows == 210
    assert others.left_of(scale.even(np.full((3, 4), odd)), weights, follow[2].usual) is None


@pytest.mark.parametrize("far", [1e12, 1e150, 1e308, -1e308])
def test_values_out_of_this_world_bend_no_relation_and_are_far(far: float) -> None:
    made, batch = rows()
    scale, follow = learned(made, batch)
    before = others.solved(others.products(scale.even(made)), 2)
    made[:20, 2] = far
    even = scale.even(made)
    assert others.solved(others.products(even), 2) == pytest.approx(before, abs=0.02)
    told = others.left_of(even, before, follow[2].usual)
    assert told is not None
    assert 20 <= told.far <= 22


def test_a_batch_without_rows_says_nothing_and_teaches_nothing() -> None:
    nothing = np.zeros((0, 3))
    assert others.able(nothing) == []
    assert not others.products(nothing).any()
    assert np.isnan(others.solved(others.products(nothing), 0)).all()
    assert others.left_of(nothing, others.solved(others.products(nothing), 0), 1.0) is None


def test_constant_few_valued_and_sparse_numbers_are_not_looked_at() -> None:
    made, _ = rows()
    made[:, 0] = 7.0
    made[:, 1] = np.arange(len(made)) % 4
    made[: len(made) // 3, 2] = np.nan
    assert others.able(made) == [3]


def test_a_constant_has_a_scale() -> None:
    scale = others.scale(np.full((5, 2), 3.0))
    assert scale.wide.tolist() == [1.0, 1.0]
    assert scale.even(np.full((1, 2), 3.0)).tolist() == [[0.0, 0.0]]


def test_too_few_rows_choose_nothing() -> None:
    made, batch = rows(size=4)
    assert learned(made, batch)[1] == {}


def test_counts_of_rows_that_came_again_are_judged_as_sketches_of_rows_are() -> None:
    """What a run counts becomes the very series that the pooled constants were taught on."""
    dice = np.random.default_rng(5)
    sketches = [frozenset(dice.integers(0, 2**64, 40, dtype=np.uint64).tolist()) for _ in range(12)]
    sketches[7] = frozenset([*list(sketches[6])[:25], *list(sketches[5])[:10]])
    total, sampled, came = (MetricSpec(dataset=REF, metric=m) for m in ("row_count", "sampled_count", "again_count"))
    sizes = np.array([len(s) for s in sketches], dtype=float)
    counts = np.array([len(s) * overlap(sketches, at) for at, s in enumerate(sketches)])
    at = np.arange(12) * 86_400.0
    one = traits(
        Profile(
            specs=(total,),
            values=sizes[None, :],
            at=at,
            sketches={MetricSpec(dataset=REF, metric="rows_sketch"): sketches},
        ),
        slice(None),
    )
    other = traits(Profile(specs=(total, sampled, came), values=np.stack([sizes, sizes, counts]), at=at), slice(None))
    place, counted = one.kinds.index("rows again"), other.kinds.index("rows again")
    assert one.families[place] == other.families[counted] == "overlap"
    assert other.y[counted] == pytest.approx(one.y[place])
    assert other.floor[counted] == pytest.approx(one.floor[place])
    assert np.sin(other.y[counted, 7]) ** 2 == pytest.approx(25 / 35)
