"""A bucket that is unlike its past as a whole: what the single numbers leave to it, and what they do not."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.unit.detect.days import REF, SETTINGS, evening, history, judged, shop
from tidegate.detect import judge_table
from tidegate.detect.alarm import Opinion, Reason
from tidegate.detect.panel import build
from tidegate.detect.traits import Profile, Traits, kind_of, layout, traits
from tidegate.detect.unlike import clearest, finding, looked_at, said, same_matter
from tidegate.model import Family, Finding, MetricSpec, Segment

NAME = "country"


def texts(days: int = 60, *, seed: int = 0):
    """The shop, with how its country names look."""
    dice = np.random.default_rng(seed)
    made = shop(days, seed=seed)
    for day in made:
        rows = int(day[("row_count", None, None)])
        day[("padded_count", NAME, None)] = 0
        day[("upper_count", NAME, None)] = rows
        day[("lower_count", NAME, None)] = 0
        day[("mean_length", NAME, None)] = 2.0
        day[("placeholder_count", "coupon", None)] = int(dice.binomial(rows, 0.01))
    return made


def test_texts_that_look_otherwise_hold():
    days = texts()
    days[-1][("padded_count", NAME, None)] = round(0.3 * days[-1][("row_count", None, None)])
    (found,) = judged(days)
    assert (found.kind, found.column, found.holds) == ("unlike", NAME, True)
    assert found.key == "raw.orders/unlike/country"
    assert "country: 30 % texts with a blank at an end, expected 0 %" in found.sentence
    assert found.interval == build(history(days), now=evening(days), settings=SETTINGS).intervals[-1]
    assert found.rarity > 2.3


def test_a_small_share_is_told_and_does_not_hold():
    days = texts()
    days[-1][("padded_count", NAME, None)] = round(0.03 * days[-1][("row_count", None, None)])
    (found,) = judged(days)
    assert (found.kind, found.holds) == ("unlike", False)


@pytest.mark.parametrize(("odd", "holds"), [(1, False), (2, True), (5, True)])
def test_one_row_of_five_is_told_and_does_not_hold(odd, holds):
    """A mart with a row for each country: one of the sums has no cents."""
    dice, numbers = np.random.default_rng(3), ("paid", "revenue")
    days = [
        {("row_count", None, None): 5}
        | {
            (m, n, None): float(dice.normal(100, 10)) if m == "mean" else 0
            for m in ("mean", "whole_count")
            for n in numbers
        }
        for _ in range(119)
    ]
    days[-1] |= {("whole_count", name, None): odd for name in numbers}
    (found,) = judge_table(history(days), now=evening(days), settings=replace(SETTINGS, budget=0.01))
    assert (found.kind, found.holds) == ("unlike", holds)
    assert f"{20 * odd} % values without a fraction, expected 0 %" in found.sentence


def test_what_another_finding_holds_is_not_told_again():
    days = texts()
    days[-1][("null_count", "total", None)] = round(0.4 * days[-1][("row_count", None, None)])
    days[-1][("padded_count", NAME, None)] = 300
    assert [f.kind for f in judged(days)] == ["nulls"]


@pytest.mark.parametrize("under_test", [1, 3])
def test_traits_of_a_past_and_of_a_bucket_made_together_are_those_made_apart(under_test):
    panel = build(history(texts()), now=evening(texts()), settings=SETTINGS)
    here = range(60 - under_test, 60)
    values = panel.values.copy()
    values[:, here] = np.nan
    profile = Profile(specs=panel.specs, values=values, at=np.arange(60) * 86_400.0)
    plan = layout(profile)
    past, batches = looked_at(profile, panel, here, plan)
    assert same(past, traits(profile, slice(None), plan), floors=here[0])
    for at, batch in zip(here, batches, strict=True):
        alone = values.copy()
        alone[:, at] = panel.values[:, at]
        assert same(batch, traits(replace(profile, values=alone), slice(at, at + 1), plan))


def same(one: Traits, other: Traits, *, floors: int | None = None) -> bool:
    """Noise is compared up to a batch: of one of which nothing is known it says nothing."""
    assert (one.specs, one.kinds, one.families) == (other.specs, other.kinds, other.families)
    return np.array_equal(one.y, other.y, equal_nan=True) and np.array_equal(
        one.floor[:, :floors], other.floor[:, :floors], equal_nan=True
    )


def test_ordinary_days_are_like_their_past():
    assert [f for seed in range(12) for f in judged(texts(seed=seed))] == []


def test_a_short_past_says_nothing_of_it():
    days = texts(7)
    days[-1][("padded_count", NAME, None)] = 900
    assert [f.kind for f in judged(days)] == ["unchecked"]


def test_an_excluded_day_does_not_teach():
    days = texts()
    for at in (-1, -5):
        days[at][("padded_count", NAME, None)] = 400
    whole = history(days)
    interval = build(whole, now=evening(days), settings=SETTINGS).intervals[-5]
    (found,) = judged(days, excluded=((None, interval),))
    assert found.holds
    assert "expected 0 %" in found.sentence


@pytest.mark.parametrize(("seasonality", "kinds"), [(True, ["unlike"]), (False, [])])
def test_without_seasonality_a_weekday_is_not_compared_with_its_like(seasonality, kinds):
    """Every Sunday a third of the names have blanks; so has a Friday. Where weekdays count, that is none of its own."""
    days = texts(145)
    for at in (*range(6, 145, 7), 144):
        days[at][("padded_count", NAME, None)] = round(0.3 * days[at][("row_count", None, None)])
    found = judge_table(history(days), now=evening(days), settings=replace(SETTINGS, seasonality=seasonality))
    assert [f.kind for f in found] == kinds


@pytest.mark.parametrize("later", [0, 1, 30])
def test_what_comes_later_changes_nothing(later):
    days = texts()
    days[-1][("padded_count", NAME, None)] = 400
    now = evening(days)
    future = texts(60 + later, seed=3)[60:]
    given = history([*days, *future], before=days[:-1])
    found = judge_table(given, now=now + timedelta(seconds=1), settings=SETTINGS)
    assert [f.key for f in found] == ["raw.orders/unlike/country"]


PAIRS = ("known_key_count", "new_pair_count")


def with_pairs(
    share: float, *, key: str = "store_id", days: int = 60, metrics: tuple[str, str] = PAIRS, usual: float = 0.01
) -> list[Finding]:
    """The shop, in which orders of known stores lie in their cities; on the newest day a share of them does not."""
    made, dice = texts(days), np.random.default_rng(8)
    whole = history(made)
    counted = {m.interval: m for m in whole.current if m.spec.metric == "row_count" and m.spec.segment is None}
    known, new = (MetricSpec(dataset=REF, metric=metric, column="city", argument=key) for metric in metrics)
    pairs = []
    for at, rows in enumerate(counted.values()):
        broken = round(share * rows.value) if at == days - 1 else int(dice.binomial(rows.value, usual))
        pairs += [replace(rows, spec=known), replace(rows, spec=new, value=broken)]
    return list(judge_table(replace(whole, current=(*whole.current, *pairs)), now=evening(made), settings=SETTINGS))


def test_a_broken_pair_holds_and_is_told_in_words():
    (found,) = with_pairs(0.4)
    assert (found.kind, found.column, found.holds) == ("unlike", "city", True)
    assert (
        "city: 40 % of the rows have a store_id and city that never went together before, expected 1" in found.sentence
    )
    assert found.spec.metric == "new_pair_count"


def test_orders_in_two_cities_hold_and_are_told_by_their_key():
    split = ("shared_key_count", "split_count")
    (found,) = with_pairs(0.2, key="order_id", metrics=split, usual=0.0)
    assert (found.kind, found.column, found.holds) == ("unlike", "city", True)
    assert "city: 20 % of the order_id with several rows have different ones, expected 0 %" in found.sentence
    assert with_pairs(0.0, key="order_id", metrics=split, usual=0.0) == []


def test_a_few_broken_pairs_are_told_and_do_not_hold():
    (found,) = with_pairs(0.055)
    assert (found.kind, found.column, found.holds) == ("unlike", "city", False)


@pytest.mark.parametrize(("usual", "now", "holds"), [(0.02, 0.6, True), (0.3, 0.0, False)])
def test_fewer_rows_that_come_twice_are_told_and_do_not_hold(usual, now, holds):
    made, dice = texts(60), np.random.default_rng(8)
    whole = history(made)
    rows = [m for m in whole.current if m.spec.metric == "row_count" and m.spec.segment is None]
    looked, again = (MetricSpec(dataset=REF, metric=metric) for metric in ("sampled_count", "again_count"))
    shares = [*(usual for _ in rows[1:]), now]
    more = [replace(m, spec=looked, value=256) for m in rows]
    more += [replace(m, spec=again, value=int(dice.binomial(256, p))) for m, p in zip(rows, shares, strict=True)]
    (found,) = judge_table(replace(whole, current=(*whole.current, *more)), now=evening(made), settings=SETTINGS)
    assert (found.kind, found.column, found.holds) == ("unlike", None, holds)
    assert " for Thursday 2026-07-30: " in found.sentence
    assert found.hint.startswith("see whether an earlier file or page was sent again") is holds


def test_pairs_as_usual_are_no_news():
    assert with_pairs(0.012) == []


@pytest.mark.parametrize(
    ("metric", "said_of"),
    [
        ("unknown_count", "city: 25 % rows whose value never came before, expected 0 %"),
        ("gone_count", "city: values that each bucket had and this one has not"),
    ],
)
def test_a_key_is_told_in_words(metric, said_of):
    spec = MetricSpec(dataset=REF, metric=metric, column="city")
    reason = Reason(spec=spec, kind=metric, rarity=4.0, observed=np.arcsin(0.5), expected=0.0)
    assert said(reason, "day") == said_of


@pytest.mark.parametrize(
    ("metric", "column", "said_of"),
    [
        ("again_count", None, "25 % of the rows came before, in one of the three buckets before it and with other times"),
        ("rest_far_count", "net", "net: 25 % of the rows are far from what their other numbers lead to expect"),
    ],
)  # fmt: skip
def test_what_rows_do_is_told_in_words(metric, column, said_of):
    spec = MetricSpec(dataset=REF, metric=metric, column=column)
    reason = Reason(spec=spec, kind=kind_of(spec), rarity=4.0, observed=np.arcsin(0.5), expected=0.0)
    assert said(reason, "day") == f"{said_of}, expected 0 %"


def test_rows_that_do_not_agree_are_told_by_their_key():
    spec = MetricSpec(dataset=REF, metric="split_count", column="buyer", argument="order_id")
    reason = Reason(spec=spec, kind=kind_of(spec), rarity=4.0, observed=np.arcsin(0.5), expected=0.0)
    assert said(reason, "day") == "buyer: 25 % of the order_id with several rows have different ones, expected 0 %"


@pytest.mark.parametrize(
    ("metric", "argument", "said_of"),
    [
        ("finer_count", "2", "city: 25 % of the values have more than 2 decimals, expected 0 %"),
        ("finer_count", "1", "city: 25 % of the values have more than 1 decimal, expected 0 %"),
        ("lone_null_count", "store", "city: 25 % of the rows have no city although store is there, expected 0 %"),
    ],
)
def test_what_rows_kept_to_exactly_is_told_in_words(metric, argument, said_of):
    spec = MetricSpec(dataset=REF, metric=metric, column="city", argument=argument)
    reason = Reason(spec=spec, kind=kind_of(spec), rarity=4.0, observed=np.arcsin(0.5), expected=0.0)
    assert said(reason, "day") == said_of


@pytest.mark.parametrize(
    ("metric", "argument", "said_of"),
    [
        ("gap_count", "1", "of its numbers, which go up by one, are missing"),
        ("gap_count", "1 by order", "of its numbers, which go up by one for each order, are missing"),
        ("gap_count", "300 s by sensor", "of its times, one every 5 minutes for each sensor, are missing"),
        ("break_count", "1", "of its numbers, which go up by one, come after a gap"),
        ("break_count", "3600 s", "of its times, one every hour, come after a gap"),
    ],
)
def test_gaps_are_told_in_words(metric, argument, said_of):
    spec = MetricSpec(dataset=REF, metric=metric, column="no", argument=argument)
    reason = Reason(spec=spec, kind=kind_of(spec), rarity=4.0, observed=np.arcsin(0.5), expected=0.0)
    assert said(reason, "day") == f"no: 25 % {said_of}, expected 0 %"


@pytest.mark.parametrize("metric", ["gap_count", "break_count"])
def test_gaps_are_not_silenced_by_what_is_only_told_of_their_column(metric):
    (found,) = with_lone_nulls(0.06)
    told = replace(found, kind="location", holds=False, spec=MetricSpec(dataset=REF, metric="mean", column="city"))
    gap = replace(found, spec=MetricSpec(dataset=REF, metric=metric, column="city", argument="1"))
    assert not same_matter(gap, told)
    assert same_matter(replace(gap, holds=False), told)


def with_lone_nulls(share: float, days: int = 60) -> list[Finding]:
    """The shop, in which each row with a store has its city; on the newest day a share of all rows has not."""
    made = texts(days)
    whole = history(made)
    counted = {m.interval: m for m in whole.current if m.spec.metric == "row_count" and m.spec.segment is None}
    spec = MetricSpec(dataset=REF, metric="lone_null_count", column="city", argument="store")
    lone = [
        replace(rows, spec=spec, value=round(share * rows.value) if at == days - 1 else 0)
        for at, rows in enumerate(counted.values())
    ]
    return list(judge_table(replace(whole, current=(*whole.current, *lone)), now=evening(made), settings=SETTINGS))


def test_nulls_that_go_alone_hold_from_five_points_on():
    (found,) = with_lone_nulls(0.06)
    assert (found.kind, found.column, found.holds) == ("unlike", "city", True)
    (found,) = with_lone_nulls(0.03)
    assert (found.kind, found.column, found.holds) == ("unlike", "city", False)
    assert with_lone_nulls(0.0) == []


def test_ids_that_were_left_out_are_named():
    spec = MetricSpec(dataset=REF, metric="again_count", argument='["order_id", "line_no"]')
    reason = Reason(spec=spec, kind=kind_of(spec), rarity=4.0, observed=np.arcsin(0.5), expected=0.0)
    assert said(reason, "day").endswith("before it and with other times and another order_id and line_no, expected 0 %")


def again(share: float, *, days: int = 60) -> list[Finding]:
    """The shop, and on the newest day a share of its rows came before."""
    made = texts(days)
    whole = history(made)
    counted = {m.interval: m for m in whole.current if m.spec.metric == "row_count" and m.spec.segment is None}
    size, came = (MetricSpec(dataset=REF, metric=metric) for metric in ("sampled_count", "again_count"))
    more = []
    for at, rows in enumerate(counted.values()):
        of = 256 * share if at == days - 1 else 0.0
        more += [replace(rows, spec=size, value=256), replace(rows, spec=came, value=of)]
    return list(judge_table(replace(whole, current=(*whole.current, *more)), now=evening(made), settings=SETTINGS))


def test_rows_that_come_again_hold_and_name_no_column():
    (found,) = again(0.9)
    assert (found.kind, found.column, found.holds) == ("unlike", None, True)
    assert found.key == "raw.orders/unlike/rows"
    assert again(0.0) == []


def by_test(metric: str = "rest_far_count", *, far: float = 0.3, rarity: float = 4.0, column: str = "value") -> Reason:
    """What is left of a value after its test."""
    spec = MetricSpec(dataset=REF, metric=metric, column=column, argument="test")
    return Reason(spec=spec, kind=kind_of(spec), rarity=rarity, observed=np.arcsin(np.sqrt(far)), expected=0.0)


MEAN = Reason(
    spec=MetricSpec(dataset=REF, metric="mean", column="value"), kind="mean", rarity=4.0, observed=1.0, expected=2.0
)


def test_what_is_left_after_a_category_is_told_in_words():
    assert (
        said(by_test(far=0.25), "day")
        == "value: 25 % of the rows are far from what their test leads to expect, expected 0 %"
    )
    assert said(by_test("rest_median"), "day") == "value: how far the value lies from what its test usually has"
    assert said(by_test("rest_wide"), "day") == "value: how far its values lie apart beside what their test usually has"


def test_how_far_the_farthest_row_lies_is_told_in_spreads():
    far = replace(by_test("rest_most"), observed=np.arcsinh(1234.0), expected=np.arcsinh(3.2))
    told = "usual spreads from what its {} to expect, expected 3"
    assert said(far, "day") == f"value: the farthest row lies 1,234 {told.format('test leads')}"
    others = replace(far, spec=replace(far.spec, argument=None))
    assert said(others, "day") == f"value: the farthest row lies 1,234 {told.format('other numbers lead')}"
    assert said(replace(others, kind="rest_wide", spec=replace(others.spec, metric="rest_wide")), "day") == (
        "value: how far its values lie apart after the other numbers of their row"
    )


def test_a_number_of_one_category_is_told_in_words():
    glucose = Segment(column="test", value="glucose")
    mean = replace(MEAN, kind="segment mean", spec=replace(MEAN.spec, segment=glucose))
    rows = replace(MEAN, kind="segment count", spec=MetricSpec(dataset=REF, metric="row_count", segment=glucose))
    assert said(mean, "day") == "value: the mean where test = glucose"
    assert said(rows, "day") == "test: the number of rows where test = glucose"


def test_rows_that_are_far_come_before_other_numbers_of_their_column_where_they_are_many_and_rare():
    def first(*reasons: Reason) -> Reason:
        return clearest(Opinion(score=4.0, reasons=reasons[:1], also=reasons[1:]), 0.05)

    far = by_test()
    assert first(MEAN, by_test("rest_median"), far) is far
    assert first(by_test("rest_most"), far) is far
    assert first(by_test("rest_most"), MEAN).spec.metric == "rest_most"
    assert first(far, MEAN) is far
    for other in (by_test(far=0.04), by_test(rarity=1.9)):
        assert first(MEAN, other) is MEAN
    others = replace(far, spec=replace(far.spec, argument=None))
    assert first(MEAN, others) is MEAN, "what is left after other numbers does not tell which one is wrong"
    wide = replace(by_test("rest_wide"), spec=replace(by_test("rest_wide").spec, argument=None))
    assert first(wide, MEAN, others) is others, "it is the same matter, and the share holds"
    assert first(wide, replace(others, observed=0.0)) is wide


@pytest.mark.parametrize(
    ("others", "named"),
    [((3.0, 2.0), ", and in coupon and city;"), ((1.9, 2.4), ", and in city;"), ((1.9, 0.4), "expected 0 %;")],
)
def test_another_column_is_named_where_it_says_something_itself(others, named):
    days = texts()
    given = history(days)
    panel = build(given, now=evening(days), settings=SETTINGS)
    beside = (
        replace(MEAN, spec=replace(MEAN.spec, column=c), rarity=r)
        for c, r in zip(("coupon", "city"), others, strict=True)
    )
    said_of = finding(panel, 59, Opinion(score=4.0, reasons=(by_test(), *beside)), given, 59, SETTINGS).sentence
    assert named in said_of
    assert said_of.count(", and in") == ("and in" in named)


def results(far: float, *, days: int = 60) -> list[Finding]:
    """The shop, of whose totals on the newest day a share is far from what their channel leads to expect."""
    dice, made = np.random.default_rng(3), texts(days)
    whole = history(made)
    counted = {m.interval: m for m in whole.current if m.spec.metric == "row_count" and m.spec.segment is None}
    specs = [
        MetricSpec(dataset=REF, metric=metric, column="coupon", argument="channel")
        for metric in ("rest_count", "rest_median", "rest_far_count", "rest_unknown_count")
    ]
    more = []
    for at, rows in enumerate(counted.values()):
        share = far if at == days - 1 else 0.01
        told = [400, dice.normal(0, 0.05) - 2 * (share > 0.1), round(400 * share), dice.integers(0, 400)]
        more += [replace(rows, spec=spec, value=value) for spec, value in zip(specs, told, strict=True)]
    return list(judge_table(replace(whole, current=(*whole.current, *more)), now=evening(made), settings=SETTINGS))


def test_rows_that_are_far_from_their_category_hold():
    (found,) = results(0.3)
    assert (found.kind, found.column, found.holds) == ("unlike", "coupon", True)
    assert "coupon: 30 % of the rows are far from what their channel leads to expect, expected 1.0 %" in found.sentence
    assert (found.spec.metric, found.spec.argument) == ("rest_far_count", "channel")
    assert results(0.01) == [], "how many rows could not be judged is no number to be judged"


def test_rows_that_are_far_are_not_silenced_by_what_is_only_told_of_their_column():
    (found,) = results(0.3)
    told = replace(found, kind="location", holds=False, spec=MetricSpec(dataset=REF, metric="mean", column="coupon"))
    assert not same_matter(found, told)
    assert same_matter(found, replace(told, holds=True))
    assert same_matter(replace(found, holds=False), told)
    assert same_matter(told, replace(found, holds=False))


def test_nulls_that_go_alone_are_not_silenced_by_more_nulls_and_are_told_before_them():
    (found,) = with_lone_nulls(0.06)
    told = replace(found, kind="nulls", holds=False, spec=MetricSpec(dataset=REF, metric="null_count", column="city"))
    assert not same_matter(found, told)
    assert same_matter(replace(found, holds=False), told)
    nulls = Reason(spec=told.spec, kind="null_count", rarity=5.0, observed=0.6, expected=0.5)
    lone = Reason(spec=found.spec, kind="lone_null_count", rarity=4.0, observed=np.arcsin(0.25), expected=0.0)
    opinion = Opinion(score=4.0, reasons=(nulls,), also=(lone,))
    assert clearest(opinion, 0.05) == lone
    assert clearest(opinion, 0.07) == nulls


CLOCK = "created_at"


def clocks(days: int = 60, *, known: int = 60, off: float = 0.0) -> list[Finding]:
    """The shop, whose orders come from eight to eighteen; on the newest day so many hours later. Earlier runs asked the clock of the newest
    `known` days alone.
    """
    dice, made = np.random.default_rng(5), texts(days)
    whole = history(made, time_column=CLOCK)
    counted = sorted(
        (m for m in whole.current if m.spec.metric == "row_count" and m.spec.segment is None),
        key=lambda m: m.interval.start,
    )
    specs = [MetricSpec(dataset=REF, metric=metric, column=CLOCK) for metric in ("min", "max", "off_hour_count")]
    more = []
    for at, rows in enumerate(counted[-known:], days - known):
        begin = rows.interval.start.timestamp() + 3600 * off * (at == days - 1)
        first, last = (begin + 3600 * hour + dice.exponential(60) * sign for hour, sign in ((8, 1), (18, -1)))
        told = [first, last, dice.binomial(rows.value, 59 / 60)]
        more += [replace(rows, spec=one, value=value) for one, value in zip(specs, told, strict=True)]
    before = [m for m in more if m.interval != counted[-1].interval]
    dataset = replace(
        whole.dataset,
        columns=tuple(
            replace(c, type="TIMESTAMP", family=Family.TIME) if c.name == CLOCK else c for c in whole.dataset.columns
        ),
    )
    given = replace(whole, dataset=dataset, current=(*whole.current, *more), base=(*whole.base, *before))
    return list(judge_table(given, now=evening(made), settings=SETTINGS))


def test_a_clock_that_was_put_forward_is_told():
    (found,) = clocks(off=5)
    assert (found.kind, found.column, found.holds) == ("unlike", CLOCK, False)
    assert "created_at: the first one 13 h after the day began, expected 8 h 1 min after" in found.sentence
    assert clocks() == []


@pytest.mark.parametrize("known", [1, 2, 4])
@pytest.mark.parametrize("off", [0, 5])
def test_a_clock_that_earlier_runs_did_not_ask_is_no_news(known, off):
    assert clocks(known=known, off=off) == []


def test_a_clock_is_not_silenced_by_how_many_rows_came():
    (found,) = clocks(off=5)
    rows = replace(found, kind="volume", column=None, holds=True, spec=MetricSpec(dataset=REF, metric="row_count"))
    assert not same_matter(found, rows, clock=CLOCK)
    assert same_matter(found, rows, clock="shipped_at"), "another time is no clock of the table"
    assert same_matter(found, replace(rows, kind="nulls", column="total"), clock=CLOCK)


@pytest.mark.parametrize(
    ("metric", "hours", "grain", "told"),
    [
        ("max", (3.5, 24.0), "day", "at: the last one 3 h 30 min after the day began, expected 24 h after"),
        ("min", (-84.0, 0.2), "week", "at: the first one 3.5 days before the week began, expected 12 min after"),
    ],
)
def test_times_are_told_by_where_they_lie_in_the_bucket(metric, hours, grain, told):
    came, usual = (float(np.arcsinh(one)) for one in hours)
    number = MetricSpec(dataset=REF, metric=metric, column="at")
    reason = Reason(spec=number, kind=f"time {metric}", rarity=4.0, observed=came, expected=usual)
    assert said(reason, grain) == told
