"""What is found, and what is not, in the newest day of a shop with 60 days of history."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.detect.days import (
    COUNTRIES,
    SETTINGS,
    START,
    Name,
    bucket,
    evening,
    history,
    judged,
    measured,
    scaled,
    segment,
    shop,
    spec,
    without,
)
from tidegate.detect import judge_table, just_ended, newest_of_runs, notes
from tidegate.detect.judge import examine
from tidegate.detect.panel import build
from tidegate.detect.series import Aspect
from tidegate.detect.story import Look, part_rows
from tidegate.model import Grid, Measurement, Slice


def test_clean_day_says_nothing():
    assert judged(shop()) == ()


def test_half_of_the_rows_gone_is_a_volume_finding_that_holds():
    days = shop()
    scaled(days[-1], 0.5)
    (found,) = judged(days)
    assert (found.kind, found.holds, found.key) == ("volume", True, "raw.orders/volume")
    assert found.observed == days[-1][("row_count", None, None)]
    assert found.expected.low < 1150 < found.expected.high
    assert found.interval == bucket(59)
    assert found.sentence.startswith(f"raw.orders has {found.observed:.0f} rows for Thursday 2026-07-30, expected ")
    assert "fewer than usual" in found.sentence
    assert found.rarity > 2.3
    assert 450 < found.affected_rows < 750
    assert 0.4 < found.affected_share < 0.6


@pytest.mark.parametrize(("bills", "holds"), [((), True), ((60,), False), ((29,), False), ((29, 60), False)])
def test_billing_at_the_end_of_a_month_is_news_once(bills, holds):
    """Day 29 is 30 June, 60 is 31 July, and the newest one 31 August."""
    days = shop(92)
    for at in (*bills, 91):
        scaled(days[at], 3)
    found = judge_table(history(days), now=evening(days), settings=replace(SETTINGS, holidays=False))
    assert any(f.holds for f in found) == holds


@pytest.mark.parametrize(("before", "now"), [(3, 9), (3, 1 / 3), (1.2, 3)])
def test_an_end_of_a_month_excuses_nothing_worse_than_earlier_ones(before, now):
    days = shop(92)
    for at, factor in ((29, before), (60, before), (91, now)):
        scaled(days[at], factor)
    found = judge_table(history(days), now=evening(days), settings=replace(SETTINGS, holidays=False))
    assert any(f.holds for f in found)


def test_an_accident_in_the_middle_of_a_month_excuses_no_end_of_one():
    days = shop(92)
    for at in (25, 91):
        scaled(days[at], 3)
    found = judge_table(history(days), now=evening(days), settings=replace(SETTINGS, holidays=False))
    alone = shop(92)
    scaled(alone[91], 3)
    plain = judge_table(history(alone), now=evening(alone), settings=replace(SETTINGS, holidays=False))
    assert [f.key for f in found] == [f.key for f in plain]


def test_twice_the_rows_without_copies_is_a_volume_finding():
    days = shop()
    scaled(days[-1], 2)
    (found,) = judged(days)
    assert (found.kind, found.holds) == ("volume", True)
    assert (
        "2.0 times as many" in found.sentence or "2.1 times as many" in found.sentence or "1.9 times" in found.sentence
    )


@pytest.mark.parametrize("country", ["DE", "AT"])
def test_missing_country_is_one_segment_finding_with_the_tables_numbers(country):
    days = shop()
    without(days[-1], country)
    (found,) = judged(days)
    assert (found.kind, found.holds) == ("segment", True)
    assert found.key == f"raw.orders/segment/country={country}"
    assert found.sentence.startswith(f"country = {country} has 0 of its usual ")
    assert found.slice.segment == segment(country)
    assert found.slice.observed == 0
    assert found.affected_rows == round(found.slice.expected)
    assert "the table has" in found.sentence


def test_missing_large_country_explains_the_difference():
    days = shop()
    without(days[-1], "DE")
    (found,) = judged(days)
    assert found.slice.share > 0.8
    assert "of the difference" in found.sentence


def test_a_category_that_is_nearly_the_table_does_not_explain_what_all_rows_did():
    """14 cancelled orders beside 248 completed ones, usually 13 beside 422: so few do not tell that they stayed."""
    days = shop(orders=435)
    for at, day in enumerate(days):
        total = int(day[("row_count", None, None)] or 0)
        day[("row_count", None, segment("completed", "status"))] = total - 12 - at % 3
    last = days[-1]
    scaled(last, 0.55)
    last[("row_count", None, segment("completed", "status"))] = int(last[("row_count", None, None)] or 0) - 14
    (found,) = judged(days)
    assert (found.key, found.holds) == ("raw.orders/volume", True)


def test_relabelled_country_names_both_labels():
    days = shop()
    moved = days[-1].pop(("row_count", None, segment("DE")))
    days[-1][("row_count", None, segment("de"))] = moved
    (found,) = judged(days)
    assert found.key == "raw.orders/segment/country=DE"
    assert f"country = de has {moved} rows" in found.sentence


def test_load_delivered_twice_is_a_duplicates_finding_that_explains_the_volume():
    days = shop()
    rows = days[-1][("row_count", None, None)]
    scaled(days[-1], 2)
    days[-1][("duplicate_rows", None, None)] = rows
    (found,) = judged(days)
    assert (found.kind, found.holds, found.key) == ("duplicates", True, "raw.orders/duplicates")
    assert found.sentence.startswith(f"raw.orders has {rows:,} extra copies of rows for Thursday 2026-07-30")
    assert "instead" in found.sentence or "expected" in found.sentence
    assert found.affected_rows == rows
    assert found.hint is not None
    assert found.hint.endswith("`tidegate recover N --plan` shows how its copies go"), "there are no load ids"


def test_cents_in_one_country_name_the_country_and_the_factor():
    days = shop()
    days[-1][("mean", "total", segment("NL"))] = 7000.0
    days[-1][("mean", "total", None)] = 1456.0
    (found,) = judged(days)
    assert (found.kind, found.holds, found.column) == ("location", True, "total")
    assert found.key == "raw.orders/location/total"
    assert "where country = NL it is 7,000, about 100 times its usual value" in found.sentence
    assert found.slice.segment == segment("NL")
    assert found.slice.share > 0.8


def test_a_category_whose_rows_are_not_known_explains_nothing():
    days = shop()
    days[-1][("mean", "total", segment("NL"))] = 7000.0
    days[-1][("mean", "total", None)] = 1456.0
    cut = Slice(segment=segment("NL"), share=1.0, observed=7000.0, expected=70.0)
    assert part_rows(newest_look(days), cut) == days[-1][("row_count", None, segment("NL"))]
    assert part_rows(newest_look(days), replace(cut, segment=segment("XX"))) == 0.0
    for country in COUNTRIES:
        days[-1][("row_count", None, segment(country))] = None
    look = newest_look(days)
    assert math.isnan(look.scores[Aspect.SEGMENT].observed(0))
    assert part_rows(look, cut) == part_rows(replace(look, scores={}), cut) == 0.0
    (found,) = judged(days)
    assert (found.kind, found.column, found.slice) == ("location", "total", None)
    assert found.affected_rows == days[-1][("row_count", None, None)]


def newest_look(days: list[dict[Name, float | None]]) -> Look:
    """The scores of the newest day."""
    panel = build(history(days), now=evening(days), settings=SETTINGS)
    assert panel is not None
    return examine(panel, history(days), SETTINGS)[-1]


def test_several_columns_that_moved_are_one_finding():
    days = shop()
    days[-1][("mean", "total", None)] = 7000.0
    days[-1][("mean", "shipping", None)] = 500.0
    (found,) = judged(days)
    assert found.key == "raw.orders/location/total"
    assert "moved too" in found.sentence


def test_changed_sign_is_found():
    days = shop()
    days[-1][("mean", "total", None)] = -70.0
    (found,) = judged(days)
    assert "another sign" in found.sentence


def test_null_jump_in_a_column_that_was_never_null():
    days = shop()
    rows = days[-1][("row_count", None, None)]
    days[-1][("null_count", "total", None)] = round(0.3 * rows)
    (found,) = judged(days)
    assert (found.kind, found.holds, found.column) == ("nulls", True, "total")
    assert f"raw.orders.total is NULL in 30 % of the rows ({round(0.3 * rows)} of {rows:,})" in found.sentence
    assert found.affected_rows == pytest.approx(0.3 * rows, abs=2)


def test_fewer_nulls_are_told_and_do_not_hold():
    days = shop()
    days[-1][("null_count", "coupon", None)] = 0
    (found,) = judged(days)
    assert (found.kind, found.holds) == ("nulls", False)


def test_missing_country_and_cents_are_two_causes():
    days = shop()
    without(days[-1], "DE")
    days[-1][("mean", "total", None)] = 7000.0
    assert [f.kind for f in judged(days)] in (["segment", "location"], ["location", "segment"])


def test_same_cause_tomorrow_has_the_same_key():
    days = shop(61)
    without(days[-1], "DE")
    without(days[-2], "DE")
    today = judged(days[:-1])
    tomorrow = judged(days, before=days[:-2])
    assert {f.key for f in today} == {f.key for f in tomorrow} == {"raw.orders/segment/country=DE"}
    assert "2 days like this since" in tomorrow[0].sentence
    assert tomorrow[0].interval.start == bucket(59).start
    assert tomorrow[0].interval.end == bucket(60).end


def test_late_rows_that_restate_a_day_are_no_anomaly():
    days = shop()
    before = [dict(d) for d in days[:-1]]
    scaled(before[-1], 0.96)
    scaled(before[-5], 0.99)
    assert judged(days, before=before) == ()


def test_published_day_that_doubles_is_found():
    days = shop()
    before = [dict(d) for d in days[:-1]]
    scaled(days[50], 2)
    (found,) = judged(days, before=before)
    assert found.kind == "volume"
    assert found.interval == bucket(50)


def test_published_day_that_loses_rows_is_found():
    days = shop()
    before = [dict(d) for d in days[:-1]]
    scaled(days[50], 0.3)
    (found,) = judged(days, before=before)
    assert found.interval == bucket(50)


def test_repair_of_a_published_day_is_no_anomaly():
    days = shop()
    before = [dict(d) for d in days[:-1]]
    scaled(before[50], 0.3)
    before[51][("mean", "total", None)] = 7000.0
    assert judged(days, before=before) == ()


def test_open_day_is_not_judged_and_noted():
    days = shop()
    scaled(days[-1], 0.2)
    noon = bucket(59).start + timedelta(hours=12)
    given = history(days, before=days[:-1])
    assert judge_table(given, now=noon, settings=SETTINGS) == ()
    assert any("has not ended" in note for note in notes(given, now=noon, settings=SETTINGS))


def test_day_that_was_open_when_it_was_published_is_judged_when_it_is_over():
    days = shop()
    scaled(days[-1], 0.5)
    early = measured(days, taken_at=bucket(59).start + timedelta(hours=8))
    given = history(days, base=early)
    assert [f.kind for f in judge_table(given, now=evening(days), settings=SETTINGS)] == ["volume"]


def test_day_without_rows_between_others_is_zero_rows():
    days = shop()
    days[-2] = {}
    (found,) = judged(days, before=days[:-2])
    assert found.kind == "volume"
    assert "raw.orders has no rows for Wednesday 2026-07-29" in found.sentence


def test_first_run_judges_only_the_newest_day():
    days = shop()
    scaled(days[30], 0.6)
    assert judged(days, base=()) == ()
    scaled(days[-1], 0.3)
    (found,) = judged(days, base=())
    assert found.interval == bucket(59)


def test_excluded_days_do_not_teach():
    days = shop()
    for at in range(44, 59):
        days[at][("mean", "total", None)] = 7000.0
    days[-1][("mean", "total", None)] = 7000.0
    bad = tuple((spec("mean", "total"), bucket(at)) for at in range(44, 59))
    assert judged(days, excluded=bad)[0].key == "raw.orders/location/total"
    assert judged(days) == ()


def test_excluded_category_takes_the_total_along():
    days = shop()
    for at in range(45, 59):
        scaled(days[at], 0.4)
    scaled(days[-1], 0.4)
    bad = tuple((spec("row_count", None, segment("DE")), bucket(at)) for at in range(45, 59))
    assert [f.kind for f in judged(days, excluded=bad)] == ["volume"]


def test_even_drop_on_a_holiday_is_told_and_does_not_hold():
    days = shop(34)  # the newest is Saturday 4 July
    scaled(days[-1], 0.4)
    (found,) = judged(days)
    assert not found.holds
    assert "Independence Day" in found.sentence
    strict = judge_table(history(days), now=evening(days), settings=replace(SETTINGS, holidays=False))
    assert strict[0].holds


def test_country_that_is_missing_on_a_holiday_holds():
    days = shop(34)
    scaled(days[-1], 0.4)
    without(days[-1], "DE")
    (found,) = judged(days)
    assert (found.key, found.holds) == ("raw.orders/segment/country=DE", True)


def test_status_that_ripens_is_no_anomaly_from_the_second_run_on():
    days = shop()
    for back, share in ((1, 0.9), (2, 0.4), (3, 0.05)):
        day = days[-back]
        day[("row_count", None, segment("open", "status"))] = round(share * (day[("row_count", None, None)] or 0))
    before = [dict(d) for d in days[:-1]]
    for back, share in ((1, 0.9), (2, 0.4), (3, 0.05)):
        day = before[-back]
        day[("row_count", None, segment("open", "status"))] = round(share * (day[("row_count", None, None)] or 0))
    assert judged(days, before=before) == ()


def test_delivery_dates_that_are_not_known_yet_are_learned_from_what_was_first_said():
    days, first = shop(), []
    for at, day in enumerate(days):
        rows = day[("row_count", None, None)] or 0
        first.append({("row_count", None, None): rows, ("null_count", "delivered_at", None): round(0.9 * rows)})
        day[("null_count", "delivered_at", None)] = round(rows * (0.9 if at == 59 else 0.0))
    given = history(days, first=just_ended(measured(first[:-1])))
    assert judge_table(given, now=evening(days), settings=SETTINGS) == ()
    days[-1][("null_count", "delivered_at", None)] = 0
    given = history(days, first=just_ended(measured(first[:-1])))
    (found,) = judge_table(given, now=evening(days), settings=SETTINGS)
    assert found.key == "raw.orders/nulls/delivered_at/fewer"


def delivered(days, first, *, late: timedelta, **more):
    """Judge days of which each is delivered so much after its end, and not complete before another day has gone."""
    said = [replace(m, taken_at=m.taken_at + late) for m in measured(first)]
    given = history(days, first=just_ended(said, age=late / timedelta(days=1)), **more)
    return judge_table(given, now=evening(days) + late, settings=SETTINGS)


@pytest.mark.parametrize("late", [0, 1, 2, 9])
def test_what_a_late_delivery_lacks_at_first_is_learned_from_days_that_were_as_old(late):
    days, first = shop(), []
    for at, day in enumerate(days):
        rows = day[("row_count", None, None)] or 0
        first.append({**day, ("null_count", "total", None): round(0.4 * rows)})
        if at == 59:
            day[("null_count", "total", None)] = round(0.4 * rows)
    assert [f.kind for f in judged(days)] == ["nulls"], "it is far from what days become"
    assert delivered(days, first[:-1], late=timedelta(days=late)) == ()
    days[-1][("null_count", "total", None)] = 0
    (found,) = delivered(days, first[:-1], late=timedelta(days=late))
    assert found.key == "raw.orders/nulls/total/fewer"


def test_days_that_were_seen_at_another_age_do_not_tell_how_a_late_one_ripens():
    days, first = shop(), []
    for at, day in enumerate(days):
        rows = day[("row_count", None, None)] or 0
        first.append({**day, ("null_count", "total", None): round(0.4 * rows)})
        if at == 59:
            day[("null_count", "total", None)] = round(0.4 * rows)
    given = history(days, first=just_ended(measured(first[:-1]), age=2.2))
    (found,) = judge_table(given, now=evening(days) + timedelta(days=2), settings=SETTINGS)
    assert (found.kind, found.holds) == ("nulls", True)


def test_days_that_no_run_saw_young_are_not_said_to_have_been_empty():
    """The pipeline was switched off for a month: what it then filled in, nobody ever saw without rows."""
    days = shop()
    seen = [day if at in (*range(16, 24), 58) else {} for at, day in enumerate(days)]
    given = history(days, first=just_ended(measured(seen)))
    assert judge_table(given, now=evening(days), settings=SETTINGS) == ()


def test_a_past_that_was_restated_as_a_whole_does_not_look_like_ripening():
    """All days were loaded anew at twice their level, which a person accepted; the run after it brings a day at that level."""
    days, first = shop(), shop()
    for day in (*days, *first[58:]):
        scaled(day, 2)
    said = [day if at in range(50, 59) else {} for at, day in enumerate(first)]
    given = history(days, first=just_ended(measured(said)))
    assert judge_table(given, now=evening(days), settings=SETTINGS) == ()
    scaled(days[-1], 0.25)
    given = history(days, first=just_ended(measured(said)))
    assert [f.kind for f in judge_table(given, now=evening(days), settings=SETTINGS)] == ["volume"]


def test_the_age_of_a_table_is_that_of_its_newest_closed_bucket_with_rows():
    days, now = shop(20), evening(shop(20)) + timedelta(days=2)
    known = Grid.of(measured(days[:-1]))
    assert history(days).newest_age(now) == pytest.approx(2 + 5 / 24)
    kept = replace(history(days), current=(), known=known, reopened=frozenset())
    assert kept.newest_age(now) == pytest.approx(3 + 5 / 24)
    emptied = replace(kept, reopened=frozenset({bucket(18)}))
    assert emptied.newest_age(now) == pytest.approx(4 + 5 / 24)
    assert history(days).newest_age(bucket(10).end) == 0.0, "buckets that have not ended have no age"
    assert replace(history(days), current=()).newest_age(now) == 0.0


def test_a_run_speaks_first_of_its_newest_bucket():
    def said(at: int, *, days: float) -> Measurement:
        (word,) = (m for m in measured([{("row_count", None, None): 1}], start=bucket(at).start))
        return replace(word, taken_at=START + timedelta(days=days))

    past = [said(at, days=10) for at in range(8)]
    assert newest_of_runs(past) == {}, "a past that came all at once"
    later = [said(8, days=11.25), said(7, days=11.25), said(8, days=12.25), said(10, days=12), said(9, days=13.25)]
    assert newest_of_runs([*later, *past]) == {
        bucket(8): pytest.approx(2.25),
        bucket(10): pytest.approx(1.0),
    }, "late rows of the eighth day and of the ninth, which came after the tenth, are no first word of a newest day"


def test_at_most_three_findings():
    days = shop()
    day = days[-1]
    without(day, "DE")
    day[("duplicate_rows", None, None)] = 300
    day[("mean", "total", None)] = 7000.0
    day[("null_count", "total", None)] = 500
    found = judged(days)
    assert 1 <= len(found) <= 3
    assert all(f.holds for f in found)


def test_since_names_the_load_and_the_day():
    days = shop()
    scaled(days[-1], 0.4)
    (found,) = judged(days, new_loads=("1751328000.1",))
    assert found.since == "load 1751328000.1, Thursday 2026-07-30"


def test_change_that_is_nearly_rare_enough_is_told_and_does_not_hold():
    told = []
    for lost in range(100, 600, 5):
        days = shop(orders=150, seed=4)
        scaled(days[-1], 1 - lost / 1000)
        told.append([f.holds for f in judged(days)])
    assert told[0] == []
    assert told[-1] == [True]
    assert [False] in told
    assert told == sorted(told)


def test_small_table_that_is_always_the_same_size():
    days = [{("row_count", None, None): 21} for _ in range(60)]
    assert judged(days) == ()
    days[-1] = {("row_count", None, None): 10}
    assert [f.kind for f in judged(days)] == ["volume"]


def test_day_without_any_rows_is_about_the_table_and_not_its_largest_category():
    days = shop()
    for day in days:
        day[("row_count", None, segment("web", "channel"))] = round(0.8 * (day[("row_count", None, None)] or 0))
    days[-2] = {}
    assert [f.key for f in judged(days, before=days[:-2])] == ["raw.orders/volume"]


def test_cents_in_some_rows_of_every_country_name_no_country():
    days = shop()
    days[-1][("mean", "total", None)] = 1100.0
    for n, country in enumerate(COUNTRIES):
        days[-1][("mean", "total", segment(country))] = 1000.0 + 80 * n
    (found,) = judged(days)
    assert found.slice is None
    assert "where" not in found.sentence


def test_several_columns_that_became_null_are_one_finding():
    days = shop()
    rows = days[-1][("row_count", None, None)] or 0
    for day in days:
        day[("null_count", "shipping", None)] = 0
    days[-1][("null_count", "shipping", None)] = round(0.5 * rows)
    days[-1][("null_count", "total", None)] = round(0.4 * rows)
    (found,) = judged(days)
    assert found.key == "raw.orders/nulls/total"
    assert found.column == "shipping"
    assert found.sentence.endswith("; total too")


def test_stuck_column_is_told_by_its_distinct_values():
    days = shop()
    for at, day in enumerate(days):
        day[("distinct_count", "coupon", None)] = 40 + at % 5
    days[-1][("distinct_count", "coupon", None)] = 1
    (found,) = judged(days)
    assert (found.kind, found.column) == ("distinct", "coupon")


def test_share_of_true_values():
    days = shop()
    for at, day in enumerate(days):
        day[("true_count", "gift", None)] = round((0.05 + 0.002 * (at % 5)) * (day[("row_count", None, None)] or 0))
    days[-1][("true_count", "gift", None)] = days[-1][("row_count", None, None)]
    (found,) = judged(days)
    assert (found.kind, found.column) == ("share", "gift")
    assert "true in 100 % of the rows" in found.sentence


def test_standard_deviation():
    days = shop()
    for at, day in enumerate(days):
        day[("stddev", "total", None)] = 20 + at % 3
    days[-1][("stddev", "total", None)] = 900.0
    (found,) = judged(days)
    assert (found.kind, found.key) == ("scale", "raw.orders/scale/total")
    assert "the standard deviation of raw.orders.total is 900" in found.sentence


def test_unchanged_numbers_are_not_judged_again():
    days = shop()
    scaled(days[-1], 0.3)
    assert judged(days, before=days) == ()


def test_copies_in_a_tiny_table_hold_because_its_rows_doubled():
    days = [{("row_count", None, None): 21} for _ in range(60)]
    for day in days[-8:]:
        day[("duplicate_rows", None, None)] = 0
    days[-1] = {("row_count", None, None): 42, ("duplicate_rows", None, None): 21}
    (found,) = judged(days)
    assert (found.kind, found.holds) == ("duplicates", True)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bad", [1, 3, 4])
def test_a_bad_day_of_the_first_week_is_no_season_of_the_second(bad, seed):
    """One Tuesday says what Tuesdays are like; when it was half empty, the next full one is no news."""
    days = shop(bad + 8, orders=300, seed=seed)
    scaled(days[bad], 0.4)
    assert [f for f in judged(days) if f.holds] == []


def test_most_of_the_rows_lost_in_the_second_week_hold_by_the_days_before():
    days = shop(12, orders=300)
    scaled(days[11], 0.25)
    assert [(f.kind, f.holds) for f in judged(days)] == [("volume", True)]
