"""A replay knows nothing in advance: whatever comes later, what was found before stays as it was."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.detect.days import DATASET, START, Name, bucket, measured, scaled, segment, shop, spec, without
from tidegate.detect import DetectSettings
from tidegate.model import Finding, Grid, Measurement
from tidegate.services.replay import bucket_past, look

LOUD = DetectSettings(budget=1 / 20)
LATE = bucket(400).end
quick = settings(max_examples=15, deadline=None)


def replayed(numbers, first, until) -> list[tuple[Finding, ...]]:
    past = bucket_past(DATASET, Grid.of(numbers), now=LATE, first=first, excluded=[(None, bucket(12))])
    assert past is not None
    return [look(past, at, LOUD) for at in range(8, until)]


def hurt(day: dict[Name, float | None], dice: random.Random) -> None:
    """One of several accidents: of rows, of a category, of NULLs, of a column's values."""
    match dice.randrange(4):
        case 0:
            scaled(day, dice.choice([0.3, 0.6, 1.7]))
        case 1:
            without(day, dice.choice(["DE", "FR", "AT"]))
        case 2:
            day["null_count", "total", None] = round((day["row_count", None, None] or 0) * 0.3)
        case _:
            day["mean", "shipping", None] = 8.0


def tampered(numbers: list[Measurement], after: int, dice: random.Random) -> list[Measurement]:
    """The same up to a day; later numbers are changed, gone or new, in days and categories that never were."""
    kept = [m for m in numbers if m.interval is not None and m.interval.start < bucket(after).start]
    rest = [
        replace(m, value=dice.choice([0, 1, 10**9, -5.5, None])) for m in numbers[len(kept) :] if dice.random() < 0.8
    ]
    strange = [spec("row_count", None, segment("ZZ")), spec("mean", "new"), spec("null_count", "new")]
    new = [
        Measurement(spec=s, value=dice.randrange(10**6), unit="", version=1, taken_at=LATE, interval=bucket(at))
        for s in strange
        for at in range(after, after + 9)
    ]
    return [*kept, *rest, *new]


@quick
@given(seed=st.integers(0, 10**6), until=st.integers(9, 30), live=st.booleans(), late=st.sampled_from([0, 0, 1, 2, 5]))
def test_what_comes_later_changes_no_alarm_before(seed, until, live, late):
    dice = random.Random(seed)
    days = shop(36, seed=seed)
    for at in dice.sample(range(8, 36), 12):
        hurt(days[at], dice)
    numbers = measured(days)
    words = (
        [
            replace(m, version=1 + (m.interval.start - START).days, taken_at=m.taken_at + timedelta(days=late))
            for m in measured(shop(36, seed=seed + 1))
        ]
        if live
        else []
    )
    honest = replayed(numbers, words, until)
    told = tampered(words, until, dice) if live else []
    assert replayed(tampered(numbers, until, dice), told, until) == honest
    assert all(f.interval is None or f.interval.end <= bucket(until).end for found in honest for f in found)


@quick
@given(seed=st.integers(0, 10**6))
def test_the_order_of_the_numbers_says_nothing(seed):
    days = shop(20, seed=seed)
    scaled(days[15], 0.4)
    numbers = measured(days)
    shuffled = list(numbers)
    random.Random(seed).shuffle(shuffled)
    assert replayed(shuffled, [], 20) == replayed(numbers, [], 20)
