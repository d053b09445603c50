"""The new normal: what a person called expected moves the level from that change on, and is forgotten when it was a single day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.unit.detect.days import SETTINGS, Name, bucket, evening, history, scaled, segment, shop, spec, whole, without
from tidegate.detect import Normal, judge_table
from tidegate.model import Finding

CHANGE = 40


def moved(factor: float, *, days: int = 50, until: int | None = None, seed: int = 0) -> list[dict[Name, float | None]]:
    rows = shop(days, seed=seed)
    for day in rows[CHANGE:until]:
        scaled(day, factor)
    return rows


def walk(
    rows: Sequence[dict[Name, float | None]], accepted: Sequence[Normal], *, first: int = CHANGE + 1
) -> dict[int, tuple[Finding, ...]]:
    """What holds on each day, judged with the days before it; a day with an incident teaches nothing."""
    answered_there = any(a.interval == bucket(CHANGE) for a in accepted)
    found, open_incidents = {}, [] if answered_there else [(spec("row_count"), bucket(CHANGE))]
    for at in range(first, len(rows)):
        days = rows[: at + 1]
        known = history(days, accepted=accepted, excluded=open_incidents)
        told = judge_table(known, now=evening(days), settings=SETTINGS)
        if any(f.holds for f in told):
            found[at] = told
            open_incidents += [(f.spec, f.interval) for f in told]
    return found


def answered(rows: Sequence[dict[Name, float | None]]) -> list[Normal]:
    """A person calls expected what is found on the day of the change."""
    days = rows[: CHANGE + 1]
    told = judge_table(history(days), now=evening(days), settings=SETTINGS)
    assert any(f.holds for f in told)
    return [Normal.of(f, version=1) for f in told]


@pytest.mark.parametrize(("factor", "seed"), [(0.4, 0), (0.6, 1), (1.7, 2), (3.0, 0)])
def test_a_level_that_was_accepted_alarms_no_more(factor: float, seed: int) -> None:
    rows = moved(factor, seed=seed)
    assert walk(rows, []), "without an answer the shift is found again"
    assert walk(rows, answered(rows)) == {}


def dearer(factor: float, spread: float, *, days: int = 46) -> list[dict[Name, float | None]]:
    """Prices that rise from the day of the change on, and how far they lie apart."""
    rows, rng = shop(days), np.random.default_rng(3)
    for at, day in enumerate(rows):
        day[("stddev", "total", None)] = float(rng.normal(40, 1)) * (spread if at >= CHANGE else 1.0)
        for name, value in day.items():
            if name[:2] == ("mean", "total") and at >= CHANGE and value is not None:
                day[name] = value * factor
    return rows


def held(rows: Sequence[dict[Name, float | None]], accepted: Sequence[Normal] = ()) -> tuple[Finding, ...]:
    """What holds when all days since the change come at once, for the versions that had them were held."""
    known = history(rows, before=rows[:CHANGE], accepted=accepted)
    return tuple(f for f in judge_table(known, now=evening(rows), settings=SETTINGS) if f.holds)


@pytest.mark.parametrize(
    ("factor", "spread", "again"), [(1.6, 1.6, []), (0.5, 0.5, []), (1.5, 8.0, ["raw.orders/scale/total"])]
)
def test_new_prices_that_were_accepted_bring_their_spread_along(
    factor: float, spread: float, again: Sequence[str]
) -> None:
    """A person is told of the mean alone; a spread that grew far more than it is told afterwards."""
    rows = dearer(factor, spread)
    told = held(rows)
    assert [f.key for f in told] == ["raw.orders/location/total"]
    assert [f.key for f in held(rows, [Normal.of(f, version=1) for f in told])] == again


def test_while_two_levels_may_hold_the_nearer_one_is_told() -> None:
    """Half of the rows on a holiday were expected; the day after has three times as many as ever, and not six times."""
    rows = moved(0.5, days=CHANGE + 2, until=CHANGE + 1)
    scaled(rows[-1], 3)
    usual = rows[-1]["row_count", None, None] / 3
    (found,) = walk(rows, answered(rows))[CHANGE + 1]
    assert found.expected.low < usual < found.expected.high
    assert "3.0 times as many as usual" in found.sentence or "2.9 times as many as usual" in found.sentence


def test_what_was_one_day_only_may_go_back() -> None:
    rows = moved(2.5, until=CHANGE + 1)
    assert walk(rows, answered(rows)) == {}


def test_after_one_day_the_old_level_is_the_only_one_again() -> None:
    rows = moved(2.5, until=CHANGE + 1)
    scaled(rows[48], 2.5)
    assert list(walk(rows, answered(rows), first=46)) == [48]


def test_after_some_days_the_new_level_is_the_only_one() -> None:
    rows = moved(0.4)
    accepted = answered(rows)
    scaled(rows[48], 2.5)
    assert list(walk(rows, accepted, first=46)) == [48]


def test_a_further_fall_is_found_though_the_first_was_accepted() -> None:
    rows = moved(0.5, days=43)
    accepted = answered(rows)
    scaled(rows[CHANGE + 1], 0.3)
    assert CHANGE + 1 in walk(rows, accepted)


def test_the_same_day_with_another_number_was_not_accepted() -> None:
    """The bucket is empty now; a person accepted half of it."""
    rows = moved(0.5)
    accepted = answered(rows)
    scaled(rows[CHANGE], 0.02)
    assert CHANGE + 1 in walk(rows[: CHANGE + 2], accepted)


def test_a_category_that_left_for_good() -> None:
    rows = shop(48)
    for day in rows[CHANGE:]:
        without(day, "DE")
    accepted = answered(rows)
    assert accepted[0].spec == spec("row_count", None, segment("DE"))
    assert walk(rows, accepted) == {}
    assert walk(rows, [])


def test_a_share_of_nulls_and_a_mean() -> None:
    rows = shop(48)
    for day in rows[CHANGE:]:
        day["null_count", "total", None] = round(0.3 * (day["row_count", None, None] or 0))
        day["mean", "shipping", None] = 2 * (day["mean", "shipping", None] or 0)
    accepted = answered(rows)
    assert {a.spec.metric for a in accepted if a.spec} == {"null_count", "mean"}
    assert walk(rows, accepted) == {}


def test_an_answer_of_the_future_says_nothing_today() -> None:
    rows = moved(0.5, days=43)
    later = [Normal(spec=spec("row_count"), interval=bucket(70), observed=600.0, expected=1200.0)]
    assert walk(rows, later) == walk(rows, [])


def test_the_future_does_not_settle_it() -> None:
    rows = moved(0.5)
    accepted = answered(rows)
    honest = walk(rows[: CHANGE + 3], accepted, first=CHANGE + 2)
    poisoned = [dict(day) for day in rows]
    for day in poisoned[CHANGE + 3 :]:
        for name in day:
            day[name] = 1e6
    days = poisoned
    lied = judge_table(
        history(days, before=days[: CHANGE + 2], accepted=accepted), now=evening(rows[: CHANGE + 3]), settings=SETTINGS
    )
    assert not any(f.holds for f in lied)
    assert honest == {}


def test_answers_about_numbers_that_are_not_there() -> None:
    rows = moved(0.5, days=43)
    strange = [
        Normal(spec=None, interval=bucket(CHANGE)),
        Normal(spec=spec("mean", "gone"), interval=bucket(CHANGE), observed=1.0, expected=2.0),
        Normal(spec=spec("row_count"), interval=bucket(-5), observed=1.0, expected=2.0),
        Normal(spec=spec("row_count"), interval=None),
    ]
    assert walk(rows, strange)


def test_a_table_without_time_learns_from_the_accepted_version() -> None:
    rng = np.random.default_rng(3)
    sizes = [round(1000 + rng.normal(0, 8)) for _ in range(14)] + [round(1400 + rng.normal(0, 8)) for _ in range(8)]
    versions = [
        whole({("row_count", None, None): n, ("null_count", "total", None): 0}, version=at)
        for at, n in enumerate(sizes)
    ]

    def held(at: int, accepted: Sequence[Normal]) -> bool:
        _, current = versions[at]
        table = history(
            [], current=current, base=versions[at - 1][1], versions=versions[:at], accepted=accepted, grain=None
        )
        return any(f.holds for f in judge_table(table, now=current[0].taken_at, settings=SETTINGS))

    assert held(14, [])
    assert any(held(at, []) for at in range(15, 22))
    accepted = [Normal(spec=spec("row_count"), version=14, observed=float(sizes[14]), expected=1000.0)]
    assert [at for at in range(15, 22) if held(at, accepted)] == []
