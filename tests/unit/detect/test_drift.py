"""Slow drifts: found within weeks, told with the day on which they began, and silent on clean tables of any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.unit.detect.days import SETTINGS, Name, evening, history, scaled, segment, shop, spec
from tidegate.detect import DRIFT, DetectSettings, Normal, judge_table
from tidegate.detect.drift import LEAST, OWN, RECENT, added_up, judge, reference, run_length, threshold
from tidegate.detect.panel import build
from tidegate.model import Finding

BEGIN = 70
Days = list[dict[Name, float | None]]


def creeping(rate: float, *, days: int = 110, seed: int = 0) -> Days:
    """A shop whose rows grow by `rate` a day from BEGIN on."""
    rows = shop(days, seed=seed)
    for at in range(BEGIN, days):
        scaled(rows[at], (1 + rate) ** (at - BEGIN + 1))
    return rows


def look(
    rows: Sequence[dict[Name, float | None]], settings: DetectSettings = SETTINGS, **more: object
) -> list[Finding]:
    """Only drifts, at the newest day, which is grown."""
    table = history(rows, **more)
    panel = build(table, now=evening(rows) + timedelta(days=2), settings=settings)
    assert panel is not None
    return judge(replace(panel, new=(len(rows) - 1,)), table, [], settings)


def first(rows: Days) -> tuple[int, Finding] | None:
    found = ((at, told) for at in range(BEGIN, len(rows)) for told in look(rows[: at + 1])[:1])
    return next(found, None)


@pytest.mark.parametrize(("rate", "seed"), [(0.01, 1), (-0.01, 0), (0.02, 2)])
def test_a_drift_is_found_within_three_weeks_and_its_beginning_is_named(rate: float, seed: int) -> None:
    found = first(creeping(rate, seed=seed))
    assert found is not None
    at, told = found
    assert at - BEGIN <= 21
    assert (told.key, told.kind, told.holds) == ("raw.orders/drift/volume/rows", DRIFT, False)
    assert told.interval is not None
    assert told.expected is not None
    assert told.observed is not None
    assert abs((told.interval.start - evening([]) + timedelta(hours=5)).days - BEGIN) <= 7
    assert np.sign(told.observed - told.expected.centre) == np.sign(rate)
    assert "no single day left its band" in told.sentence


def test_counts_are_told_by_the_day_and_means_are_not() -> None:
    rows, means = creeping(0.02, seed=2), shop(110)
    for at in range(BEGIN, 110):
        means[at]["mean", "total", None] = 70 * 1.01 ** (at - BEGIN)
    (counted,), (averaged,) = look(rows), look(means)
    assert " a day, since " in counted.sentence
    assert averaged.column == "total"
    assert " a day, since " not in averaged.sentence


def test_each_kind_of_number() -> None:
    rows = shop(110)
    for at in range(BEGIN, 110):
        rows[at]["mean", "shipping", None] = (rows[at]["mean", "shipping", None] or 0) * 1.01 ** (at - BEGIN)
        rows[at]["null_count", "coupon", None] = round(
            (rows[at]["row_count", None, None] or 0) * max(0.5, 0.8 - 0.008 * (at - BEGIN))
        )
    told = {f.key: f for f in look(rows)}
    assert set(told) == {"raw.orders/drift/location/shipping", "raw.orders/drift/nulls/coupon"}
    assert told["raw.orders/drift/nulls/coupon"].sentence.startswith("the share of NULLs in raw.orders.coupon drifts: ")
    assert told["raw.orders/drift/location/shipping"].spec == spec("mean", "shipping")


@pytest.mark.parametrize(
    ("filled", "gone", "told"), [(0, 0, True), (2, 0, True), (3, 0, False), (40, 0, False), (40, 2, True)]
)
def test_what_is_filled_in_while_rows_age_does_not_drift(filled: int, gone: int, told: bool) -> None:
    """The end of validity: NULL at first, and filled in for a few more rows of some days since the version before. Rows that are gone fill in nothing."""
    rows = shop(110)
    for at, day in enumerate(rows):
        day["null_count", "coupon", None] = round((day["row_count", None, None] or 0) * (0.97 if at >= 85 else 0.87))
    before = [dict(day) for day in rows[:-1]]
    for day in before[20 : 20 + filled]:
        day["null_count", "coupon", None] = (day["null_count", "coupon", None] or 0) + 2
        day["row_count", None, None] = (day["row_count", None, None] or 0) + gone
    assert bool(look(rows, before=before)) is told


def test_clean_tables_say_nothing() -> None:
    assert [
        (seed, at)
        for seed in range(4)
        for rows in [shop(112, seed=50 + seed)]
        for at in range(64, 112, 2)
        if look(rows[: at + 1])
    ] == []


def test_steady_growth_is_no_drift_and_its_end_is_one() -> None:
    rows = shop(118)
    for at, day in enumerate(rows):
        scaled(day, 1.01 ** min(at, 85))
    assert look(rows[:86]) == []
    assert any(
        f.key == "raw.orders/drift/volume/rows" and (f.observed or 0) < f.expected.centre
        for f in look(rows)
        if f.expected
    )


def part_times(day: dict[Name, float | None], country: str, factor: float) -> None:
    """Other rows of one country, and the table's rows with them."""
    name: Name = ("row_count", None, segment(country))
    before = day[name] or 0.0
    day[name] = round(before * factor)
    day["row_count", None, None] = (day["row_count", None, None] or 0.0) + (day[name] or 0.0) - before


def parts_of(rows: Days) -> list[str]:
    return [f.sentence for f in look(rows) if f.spec is not None and f.spec.segment is not None]


def test_a_part_that_grows_with_its_table_does_not_drift() -> None:
    """Growth that is plain in all rows is too faint in a part to be part of its reference."""
    for seed in range(6):
        rows = shop(84, orders=500, seed=60 + seed)
        for at, day in enumerate(rows):
            scaled(day, 1.006**at)
        assert parts_of(rows) == []


def test_a_part_that_grows_by_itself_does() -> None:
    rows = shop(110, seed=3)
    for at in range(BEGIN, 110):
        part_times(rows[at], "NL", 1.015 ** (at - BEGIN + 1))
    assert [s[:60] for s in parts_of(rows)] == ["the number of rows of raw.orders where country = NL drifts: "]


def test_a_part_that_the_newest_days_lack_still_does_not_drift() -> None:
    """As a status that is reached ten days later."""
    rows = shop(100, seed=4)
    for at in range(90, 100):
        part_times(rows[at], "BE", (100 - at) / 20)
    assert parts_of(rows) == []


def test_a_handful_of_rows_scatters_by_its_root() -> None:
    for seed in range(10):
        rng = np.random.default_rng([8, seed])
        rows = [{("row_count", None, None): float(rng.poisson(0.8))} for _ in range(112)]
        assert look(rows) == []


def test_one_accident_is_no_drift() -> None:
    rows = shop(100)
    scaled(rows[96], 0.1)
    scaled(rows[97], 0.1)
    assert look(rows) == []


def test_too_short_a_past_says_nothing() -> None:
    rows = creeping(0.02, days=BEGIN + 40)[BEGIN + 40 - LEAST - RECENT + 1 :]
    assert look(rows) == []


def test_a_new_level_that_was_accepted_is_no_drift() -> None:
    rows = creeping(0.012)
    (told,) = (f for f in look(rows) if f.spec == spec("row_count"))
    accepted = [Normal.of(told, version=1)]
    full = history(rows, accepted=accepted)
    now = evening(rows) + timedelta(days=2)
    after = judge_table(replace(full, base=full.base), now=now, settings=SETTINGS)
    assert not [f for f in after if f.key == told.key]
    assert [f for f in judge_table(replace(full, accepted=()), now=now, settings=SETTINGS) if f.key == told.key]


def test_a_drift_that_nobody_accepted_teaches_no_reference() -> None:
    rows = shop(118)
    for at in range(60, 118):
        scaled(rows[at], 1.01 ** min(at - 60, 20))
    (begun,) = (f.interval for f in look(rows[:95]) if f.spec == spec("row_count"))
    assert begun is not None
    forgotten, remembered = look(rows), look(rows, drifts=[(spec("row_count"), replace(begun, end=evening(rows)))])
    assert len(remembered) >= len(forgotten)
    assert any(f.spec == spec("row_count") for f in remembered)


def test_the_future_teaches_nothing() -> None:
    rows = creeping(0.01, seed=1)
    poisoned = [dict(day) for day in rows]
    for day in poisoned[96:]:
        for name in day:
            day[name] = 1e9
    now = evening(rows[:96])
    honest, lied = (judge_table(history(r, before=r[:95]), now=now, settings=SETTINGS) for r in (rows[:96], poisoned))
    assert honest == lied


@pytest.mark.parametrize("rate", [0.02, 0.01])
def test_the_threshold_is_that_of_the_run_length(rate: float) -> None:
    """Chance alone exceeds it about as seldom as it says, by simulation; the sum restarts after an alarm."""
    rng = np.random.default_rng(1)
    bar, total, alarms, steps = threshold(rate), np.zeros((2, 400)), 0, 1500
    for _ in range(steps):
        z = rng.normal(size=400)
        total = np.maximum(0.0, total + np.stack([z, -z]) - 0.5)
        hit = total.max(axis=0) > bar
        alarms += int(hit.sum())
        total[:, hit] = 0.0
    assert alarms / (400 * steps) == pytest.approx(rate, rel=0.2)
    assert run_length(bar) == pytest.approx(1 / rate, rel=0.01)


def test_what_wandered_before_needs_more() -> None:
    """A table that wanders by itself: its own past sets the threshold, not chance."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(20):
        rows, level = shop(112, seed=9), 0.0
        for day in rows:
            level = 0.9 * level + rng.normal(0, 0.06)
            scaled(day, float(np.exp(level)))
        found += look(rows)
    assert len([f for f in found if f.spec == spec("row_count")]) <= 4
    assert OWN > 1


def test_a_reference_by_hand() -> None:
    y = (3 + 0.5 * np.arange(40) + np.tile([1.0, 0.0, -1.0, 0.0], 10))[None, :].astype(float)
    seen = reference(y, 44, 4, np.array([0.01]))
    assert np.allclose(seen.centre[0, 40:], 3 + 0.5 * np.arange(40, 44) + [1, 0, -1, 0], atol=0.3)
    assert seen.able.tolist() == [True]
    assert seen.error[0, 43] > seen.error[0, 20]
    y[0, 10:] = np.nan
    assert not reference(y, 44, 4, np.array([0.01])).able[0]


def test_sums_fall_to_zero_and_count_clipped_errors() -> None:
    sums = added_up(np.array([[2.0, 2.0, -9.0, 9.0]]), np.zeros((1, 4)))
    assert sums.tolist() == [[1.5, 3.0, 0.0, 2.5]]
