"""What must hold for any table: the future teaches nothing, order says nothing, the same again is no news."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.detect.days import REF, SETTINGS, evening, history, measured, scaled, shop, shop_day, spec
from tidegate.detect import DetectSettings, TableHistory, judge_table, just_ended, notes
from tidegate.detect.forecast import predict
from tidegate.model import Column, Dataset, Family, Interval, Measurement, Segment

ODD = (None, float("nan"), float("inf"), -float("inf"), 1e308, -1e308, "", "x", "12", True, 0, 10**30)
METRICS = ("row_count", "null_count", "mean", "sum", "true_count", "distinct_count", "duplicate_rows", "stddev", "max")
SEGMENTS = (
    None,
    Segment(column="c", value="a"),
    Segment(column="c", value=None),
    Segment(column="_dlt_load_id", value="1"),
)
quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10**6)


def odd_table(seed: int) -> TableHistory:
    """Any numbers at all, in any shape. Drawn from a seed, because a failing example is too long to print."""
    dice = random.Random(seed)
    days, wild = dice.randrange(41), dice.random()
    specs = [spec("row_count")]
    specs += [spec(dice.choice(METRICS), "x", dice.choice(SEGMENTS)) for _ in range(dice.randrange(5))]
    specs = list(dict.fromkeys(specs))  # of two values of one number, the order says which one counts

    def number() -> float | str | None:
        return dice.choice(ODD) if dice.random() < wild / 4 else dice.choice((1, 10, 1000)) * dice.randrange(-1, 50)

    rows = [{(s.metric, s.column, s.segment): number() for s in specs if dice.random() < 0.95} for _ in range(days)]
    extra = [Measurement(spec=s, value=number(), unit="", version=1, taken_at=evening(rows)) for s in specs]
    return TableHistory(
        dataset=Dataset(ref=REF, columns=(Column(name="x", type="INTEGER", family=Family.NUMBER),)),
        current=[*measured(rows), *extra],
        base=measured(rows[: dice.randrange(days + 1)]),
        first=just_ended(measured(rows)),
        versions=[(n, extra) for n in range(dice.randrange(11))],
        new_loads=("1",),
        time_column="x",
        grain=dice.choice([None, "day"]),
    )


@quick
@given(seed=seeds, later=st.integers(0, 50))
def test_no_table_makes_it_stumble(seed, later):
    found = judge_table(odd_table(seed), now=evening([{}] * later), settings=SETTINGS)
    assert len(found) <= SETTINGS.most_findings
    assert len({f.key for f in found}) == len(found)
    for finding in found:
        assert finding.sentence
        assert "nan" not in finding.sentence
        assert finding.affected_share is None or 0 <= finding.affected_share <= 1
        assert finding.rarity is None or finding.rarity >= 0


@quick
@given(seed=seeds, order=st.integers())
def test_order_of_measurements_says_nothing(seed, order):
    table, shuffled = odd_table(seed), random.Random(order)
    now = evening([{}] * 41)
    current, base = list(table.current), list(table.base)
    shuffled.shuffle(current)
    shuffled.shuffle(base)
    again = judge_table(replace(table, current=current, base=base), now=now, settings=SETTINGS)
    assert again == judge_table(table, now=now, settings=SETTINGS)


@quick
@given(
    seed=st.integers(0, 10**6),
    days=st.integers(20, 45),
    fault=st.sampled_from([1.0, 0.5, 2.0]),
    poison=st.floats(0, 1e9),
)
def test_the_future_teaches_nothing(seed, days, fault, poison):
    rows = shop(days + 6, seed=seed)
    scaled(rows[days - 1], fault)
    now = evening(rows[:days])
    poisoned = [dict(day) for day in rows]
    for day in poisoned[days:]:
        for name in day:
            day[name] = poison
    honest, lied = (
        judge_table(history(r, before=rows[: days - 1]), now=now, settings=SETTINGS) for r in (rows, poisoned)
    )
    assert honest == lied
    assert all(f.interval is None or f.interval.end <= now for f in honest)


@quick
@given(seed=st.integers(0, 10**6), days=st.integers(12, 50))
def test_the_same_batch_again_raises_no_alarm(seed, days):
    rows = shop(days, seed=seed)
    rows.append(dict(rows[-7]))
    found = judge_table(history(rows), now=evening(rows), settings=SETTINGS)
    assert not any(f.holds for f in found)
    unchanged = history(rows, before=rows)
    assert judge_table(unchanged, now=evening(rows) + timedelta(hours=1), settings=SETTINGS) == ()


@quick
@given(seed=seeds)
def test_the_same_question_has_the_same_answer(seed):
    table = odd_table(seed)
    now = evening([{}] * 41)
    assert judge_table(table, now=now, settings=SETTINGS) == judge_table(table, now=now, settings=SETTINGS)
    assert notes(table, now=now, settings=SETTINGS) == notes(table, now=now, settings=SETTINGS)


@quick
@given(seed=st.integers(0, 10**6), budget=st.sampled_from([1 / 20, 1 / 200, 1 / 2000]))
def test_a_smaller_budget_never_finds_more(seed, budget):
    rows = [shop_day(at, seed=seed) for at in range(40)]
    scaled(rows[-1], 0.75)
    table, now = history(rows), evening(rows)
    loose = judge_table(table, now=now, settings=DetectSettings(budget=budget))
    strict = judge_table(table, now=now, settings=DetectSettings(budget=budget / 10))
    assert {f.key for f in strict} <= {f.key for f in loose}


@quick
@given(seed=st.integers(0, 10**6), at=st.integers(10, 39))
def test_a_forecast_uses_earlier_columns_only(seed, at):
    import numpy as np

    rng = np.random.default_rng(seed)
    y = rng.normal(size=(3, 40))
    later = y.copy()
    later[:, at:] = 1e9
    ours, theirs = (predict(values, ((7, "weekday"),), 30).values[:, :, at - 10] for values in (y, later))
    assert np.array_equal(ours, theirs, equal_nan=True)


@quick
@given(start=st.integers(0, 30), length=st.integers(1, 20))
def test_findings_lie_in_buckets_that_are_over(start, length):
    rows = shop(60)
    for day in rows[start : start + length]:
        scaled(day, 0.1)
    found = judge_table(history(rows, before=rows[:start]), now=evening(rows), settings=SETTINGS)
    spans = [f.interval for f in found if f.interval is not None]
    assert all(isinstance(i, Interval) and i.end <= evening(rows) for i in spans)
