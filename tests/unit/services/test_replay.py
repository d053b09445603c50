"""What detection is given about an earlier time, and that nothing later is in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.detect.days import DATASET, START, bucket, judged, measured, scaled, segment, shop, spec, whole, without
from tidegate.detect import DetectSettings, lookback
from tidegate.model import Finding, Grid
from tidegate.services.replay import BucketPast, Point, bucket_past, line, look, version_past

SETTINGS = DetectSettings(budget=1 / 200)
LATE = START + timedelta(days=400)


def past_of(days, **more) -> BucketPast:
    found = bucket_past(DATASET, Grid.of(measured(days)), now=more.pop("now", LATE), **more)
    assert found is not None
    return found


def told(past, *, settings=SETTINGS) -> dict[int, tuple[Finding, ...]]:
    return {at: found for at in range(8, len(past)) if (found := look(past, at, settings))}


def test_a_replayed_day_is_judged_as_a_run_would_have_judged_it():
    days = shop(40)
    without(days[30], "DE")
    (found,) = look(past_of(days), 30, SETTINGS)
    (run,) = judged(days[:31])
    assert (found.key, found.sentence, found.interval) == (run.key, run.sentence, run.interval)
    assert found.key == "raw.orders/segment/country=DE"


def test_a_fault_is_found_on_its_day_and_on_no_other():
    days = shop(60)
    scaled(days[45], 0.5)
    found = told(past_of(days))
    assert [at for at, said in found.items() if any(f.holds for f in said)] == [45]
    assert found[45][0].interval == bucket(45)


def test_a_category_that_came_later_is_not_looked_for():
    days = shop(30)
    days[29]["row_count", None, segment("CH")] = 50
    past = past_of(days)
    history = past.history(20)
    assert history.known is not None
    specs = {*history.known.specs, *(m.spec for m in history.current)}
    assert spec("row_count", None, segment("CH")) not in specs
    assert spec("row_count", None, segment("DE")) in specs


def test_only_the_buckets_that_detection_looks_at_are_handed_over():
    days = shop(150)
    past = past_of(days)
    known = past.history(149).known
    assert known is not None
    assert min(known.intervals).start == bucket(148).start - lookback(bucket(148)) > START
    assert max(known.intervals) == bucket(148)
    assert {i for _, i, _ in known.cells()} == set(known.intervals)


def test_a_day_without_rows_is_judged_for_freshness():
    days = shop(40)
    days[36] = {}
    found = told(past_of(days))
    assert [f.kind for f in found[36]] == ["freshness"]
    assert found[36][0].holds
    assert {f.kind for f in found[37]} == {"volume"}, "the next day the gap is known for what it is"


def test_the_line_of_a_gap_that_the_next_day_tells_ends_in_the_gap():
    days = shop(40)
    days[36] = {}
    past = past_of(days)
    (gap,) = told(past)[37]
    assert (gap.interval, gap.observed) == (bucket(36), 0)
    assert line(past, gap, 37)[-1] == Point(at=bucket(36).start, value=0.0)


def test_a_table_that_rests_at_weekends_is_not_late():
    days = [day if at % 7 < 5 else {} for at, day in enumerate(shop(70))]
    past = past_of(days[:68])
    assert [at for at, said in told(past).items() if at > 20 and any(f.kind == "freshness" for f in said)] == []


def test_a_bucket_that_has_not_ended_is_no_step():
    past = past_of(shop(20), now=START + timedelta(days=19, hours=5))
    assert len(past) == 19
    assert past.interval(18) == bucket(18)


def test_no_closed_bucket_is_no_past():
    assert bucket_past(DATASET, Grid(), now=LATE) is None
    assert bucket_past(DATASET, Grid.of(measured(shop(5))), now=START) is None


def test_buckets_of_another_grain_are_left_out():
    grid = Grid.of([*measured(shop(20)), *measured(shop(3), hours=1, start=START - timedelta(days=2))])
    past = bucket_past(DATASET, grid, now=LATE)
    assert past is not None
    assert (len(past), past.unit) == (20, "day")


def test_what_an_incident_is_about_does_not_teach_later_and_is_unknown_before():
    days = shop(40)
    past = past_of(days, excluded=[(None, bucket(20))])
    assert past.history(21).excluded == ((None, bucket(20)),)
    assert past.history(20).excluded == ()


def test_a_bucket_stands_as_the_run_had_it_that_saw_it():
    """Deliveries that are still open: NULL at first, filled a day later. Today's numbers do not show it."""
    grown, young = shop(30), shop(30)
    for at in range(10, 30):
        young[at]["null_count", "coupon", None] = young[at]["row_count", None, None]
    first = [replace(m, version=at) for at in range(10, 30) for m in measured(young) if m.interval == bucket(at)]
    past = past_of(grown, first=first)
    history = past.history(25)
    nulls, rows = spec("null_count", "coupon"), spec("row_count")
    came = {m.interval: m.value for m in history.current if m.spec == nulls}
    assert came == {bucket(24): grown[24][nulls.metric, "coupon", None], bucket(25): young[25][rows.metric, None, None]}
    assert history.known is not None
    known = {i: v for s, i, v in history.known.cells() if s == nulls}
    assert known[bucket(24)] == young[24]["row_count", None, None]
    assert known[bucket(23)] == grown[23]["null_count", "coupon", None]
    assert past.now(25) == bucket(25).end + timedelta(hours=5)
    assert {at: said for at, said in told(past).items() if at > 16} == {}


def test_a_day_that_was_delivered_late_is_held_against_days_that_were_as_old():
    """Two days late, and NULL at first; the past came all at once, ten days before."""
    grown, young = shop(40), shop(40)
    for at in range(10, 40):
        young[at]["null_count", "coupon", None] = young[at]["row_count", None, None]
    late, begun = timedelta(days=2), bucket(9).end + timedelta(days=2, hours=5)
    first = [replace(m, taken_at=begun, version=1) for m in measured(grown[:10])]
    first += [
        replace(m, taken_at=m.taken_at + late, version=at)
        for at in range(10, 40)
        for m in measured(young)
        if m.interval == bucket(at)
    ]
    past = past_of(grown, first=first)
    assert past.steps[30].age == pytest.approx(2 + 5 / 24)
    assert past.now(30) == bucket(30).end, "by the run's time the next days would seem to be missing"
    words = past.history(30).first
    assert set(words.intervals) == {bucket(at) for at in range(10, 30)}
    assert {at: said for at, said in told(past).items() if at > 16} == {}


def test_two_days_that_one_run_saw_are_each_judged_at_their_own_time():
    """The first run sees the last two days while they are young; that it comes after the second does not make the first one late."""
    days, run = shop(40), bucket(39).end + timedelta(hours=2)
    past = past_of(days, first=[replace(m, taken_at=run) for m in measured(days)])
    assert past.now(39) == run
    assert past.now(38) == bucket(38).end
    assert told(past) == {}


def test_the_first_words_of_a_backfill_tell_nothing_but_of_its_newest_day():
    days, first = shop(20), shop(20)
    for day in first:
        day["null_count", "coupon", None] = 0
    past = past_of(days, first=[replace(m, taken_at=LATE) for m in measured(first)])
    nulls = spec("null_count", "coupon")
    assert [step.came()[nulls] for step in past.steps[-2:]] == [days[18]["null_count", "coupon", None], 0]
    assert past.now(19) == bucket(19).end, "it was not young when the backfill saw it"


def test_a_table_without_time_is_replayed_over_its_versions():
    numbers = {("row_count", None, None): 100.0, ("mean", "total", None): 70.0}
    versions = [whole({**numbers, ("row_count", None, None): 100.0 + n % 3}, version=n) for n in range(1, 15)]
    versions[11] = whole({**numbers, ("row_count", None, None): 20.0}, version=12)
    versions.insert(3, (99, ()))
    past = version_past(DATASET, versions)
    assert (len(past), past.unit, past.interval(11), past.version(11)) == (14, "version", None, 12)
    assert 11 in [at for at, said in told(past).items() if any(f.holds for f in said)]
    assert [number for number, _ in past.history(11).versions] == list(range(1, 12))
    assert [m.version for m in past.history(0).base] == []


def test_an_alteration_changes_the_step_under_test_alone():
    past = past_of(shop(30))
    plain, altered = past.history(20), past.history(20, lambda came: {**came, spec("row_count"): 1})
    assert plain.known == altered.known
    assert [m.value for m in altered.current if m.spec == spec("row_count")] == [1]


@pytest.mark.parametrize(
    ("name", "observed", "expected"),
    [
        (("row_count", None), 900.0, 900.0),
        (("null_count", "coupon"), 0.25, 0.25),
        (("mean", "total"), 70.0, 70.0),
    ],
)
def test_a_line_is_in_the_unit_of_its_finding(name, observed, expected):
    days = shop(20)
    days[19].update(
        {("row_count", None, None): 900, ("null_count", "coupon", None): 225, ("mean", "total", None): 70.0}
    )
    past = past_of(days)
    finding = Finding(
        key="k", kind="volume", layer="data", dataset=DATASET.ref, sentence="s", holds=True,
        spec=spec(*name), observed=observed,
    )  # fmt: skip
    drawn = line(past, finding, 19)
    assert drawn[-1] == Point(at=bucket(19).start, value=expected)
    assert len(drawn) == 20
    if name[0] == "null_count":
        assert all(point.value is not None and 0.7 < point.value < 0.9 for point in drawn[:-1])


def test_a_finding_about_no_number_has_no_line():
    finding = Finding(key="k", kind="freshness", layer="data", dataset=DATASET.ref, sentence="s", holds=True)
    assert line(past_of(shop(10)), finding, 9) == ()
