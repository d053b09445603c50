"""Good and bad time: whatever the track, parts add up to the whole, nothing counts twice, and the unknown stays unknown."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model import Indicator, Interval, Objective, Publication
from tidegate.model.slo import Probe, Probed
from tidegate.slo import Standing, Stretch, Track, account, availability, by_version, freshness, shown, tally, worst
from tidegate.slo.budget import rate

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 24 * 40
NOW = START + timedelta(hours=HOURS)
shares = st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.25, 0.5), (0.9, 0.1)])
quick = settings(deadline=None, max_examples=60)


def hours(count: float) -> datetime:
    return START + timedelta(hours=count)


def span(start: float, end: float) -> Interval:
    return Interval(start=hours(start), end=hours(end))


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    cuts = sorted(draw(st.sets(st.integers(0, HOURS), max_size=12)))
    parts = itertools.pairwise(cuts)
    drawn = [(start, end, draw(shares)) for start, end in parts if draw(st.booleans())]
    return tuple(Stretch(interval=span(start, end), good=good, bad=bad) for start, end, (good, bad) in drawn)


spans = st.tuples(st.integers(0, HOURS), st.integers(0, HOURS)).map(sorted).filter(lambda pair: pair[0] < pair[1])


def objective(target: float, days: int = 30) -> Objective:
    window = timedelta(days=days)
    return Objective(product="p", indicator=Indicator.QUALITY, name="quality", target=target, window=window)


@quick
@given(track=tracks(), pair=spans, cuts=st.sets(st.integers(0, HOURS), max_size=5))
def test_the_parts_of_a_window_add_up_to_the_whole(track, pair, cuts):
    start, end = pair
    inside = sorted({start, end, *(c for c in cuts if start < c < end)})
    parts = [tally(track, span(a, b)) for a, b in itertools.pairwise(inside)]
    whole = tally(track, span(start, end))
    assert sum(p.good_s for p in parts) == pytest.approx(whole.good_s)
    assert sum(p.bad_s for p in parts) == pytest.approx(whole.bad_s)
    assert sum(p.unknown_s for p in parts) == pytest.approx(whole.unknown_s)
    assert whole.total_s == pytest.approx((end - start) * 3600)


@quick
@given(track=tracks(), target=st.sampled_from([0.9, 0.99, 0.999]))
def test_the_budget_burnt_in_a_window_is_the_sum_of_what_its_parts_burnt(track, target):
    """A burn rate times its share of the window is the share of the budget that was spent there."""
    said = objective(target)
    found = account(track, said, NOW)
    parts = [Interval(start=NOW - timedelta(days=30 - d), end=NOW - timedelta(days=29 - d)) for d in range(30)]
    assert sum((rate(track, said, part) or 0.0) / 30 for part in parts) == pytest.approx(found.spent)
    assert sum(cell.bad_s for cell in found.cells) == pytest.approx(found.tally.bad_s)


@quick
@given(track=tracks())
def test_time_that_nothing_covers_is_unknown_and_never_good(track):
    covered = sum(tally(track, s.interval).known_s for s in track)
    whole = tally(track, span(0, HOURS))
    assert whole.known_s == pytest.approx(covered)
    assert whole.unknown_s == pytest.approx(HOURS * 3600 - covered)


@quick
@given(track=tracks(), target=st.sampled_from([0.9, 0.99, 1.0]))
def test_an_objective_is_met_only_when_the_present_is_known(track, target):
    found = account(track, objective(target), NOW)
    if found.standing is Standing.MET:
        assert found.known_now
        assert found.spent <= 1 + 1e-6
    if found.standing is Standing.MISSED:
        assert found.spent > 1


@quick
@given(track=tracks(), later=tracks())
def test_what_comes_later_changes_nothing_now(track, later):
    moved = tuple(
        Stretch(
            interval=Interval(start=s.interval.start + (NOW - START), end=s.interval.end + (NOW - START)),
            good=s.good,
            bad=s.bad,
        )
        for s in later
    )
    assert account((*track, *moved), objective(0.99), NOW) == account(track, objective(0.99), NOW)


@quick
@given(several=st.lists(tracks(), min_size=1, max_size=3), at=st.integers(0, HOURS - 1))
def test_the_worst_of_several_is_as_bad_as_the_worst_and_better_than_none(several, at):
    part = span(at, at + 1)
    joint = tally(worst(several), part)
    begun = [t for t in several if t and t[0].interval.start <= part.start]
    each = [tally(t, part) for t in begun]
    assert joint.bad_s == pytest.approx(max((e.bad_s for e in each), default=0.0))
    assert all(joint.good_s <= e.good_s + 1e-6 for e in each)


@quick
@given(
    moments=st.lists(st.integers(0, HOURS - 1), unique=True, min_size=1, max_size=12),
    lags=st.lists(st.integers(0, 30), min_size=12, max_size=12),
    limit=st.integers(1, 60),
)
def test_freshness_is_the_age_of_what_readers_see_at_every_hour(moments, lags, limit):
    """Checked against the plain definition, instant by instant."""
    arrivals = sorted(moments)
    published = [
        Publication(version=n, previous=None, kind="publish", at=hours(at), actor="a", reason="")
        for n, at in enumerate(arrivals, start=1)
    ]
    born = {n: hours(at - lags[n - 1]) for n, at in enumerate(arrivals, start=1)}
    track = freshness(shown(published[::-1], NOW), born, timedelta(hours=limit))
    for hour in range(0, HOURS, 7):
        seen = [n for n, at in enumerate(arrivals, start=1) if at <= hour]
        found = tally(track, Interval(start=hours(hour), end=hours(hour) + timedelta(seconds=1)))
        if not seen:
            assert found.unknown_s == 1
        else:
            late = hours(hour) >= born[seen[-1]] + timedelta(hours=limit)
            assert (found.good_s, found.bad_s) == ((0, 1) if late else (1, 0))


@quick
@given(
    moments=st.lists(st.integers(0, HOURS - 1), unique=True, min_size=1, max_size=10),
    drawn=st.lists(shares, min_size=10, max_size=10),
)
def test_a_version_that_comes_back_counts_for_the_time_it_is_seen_and_not_twice(moments, drawn):
    published = [
        Publication(version=n % 3, previous=None, kind="publish", at=hours(at), actor="a", reason="")
        for n, at in enumerate(sorted(moments))
    ]
    track = by_version(shown(published, NOW), dict(enumerate(drawn[:3])))
    ends = [*sorted(moments)[1:], HOURS]
    bad = sum((end - at) * drawn[n % 3][1] for n, (at, end) in enumerate(zip(sorted(moments), ends, strict=True)))
    assert tally(track, span(0, HOURS)).bad_s == pytest.approx(bad * 3600)


@quick
@given(
    asked=st.dictionaries(st.integers(0, HOURS - 1), st.booleans(), min_size=1, max_size=20), repeats=st.integers(1, 3)
)
def test_an_answer_counts_as_long_as_it_holds_however_often_it_was_asked(asked, repeats):
    """Asking twice at once makes nothing better or worse, and where nobody asked nothing is known."""
    probe = Probe(product="p", name="web", every=timedelta(hours=1), timeout=timedelta(seconds=1), http="http://x")
    answers = [
        Probed(product="p", probe="web", at=hours(at) + timedelta(seconds=n), answered=right, latency_s=0.1)
        for at, right in asked.items()
        for n in range(repeats)
    ]
    found = tally(availability(answers, [probe], NOW), span(0, HOURS))
    lasting = dict.fromkeys(asked, 0.0)
    ordered = sorted(asked)
    for at, following in zip(ordered, [*ordered[1:], HOURS], strict=True):
        lasting[at] = min(following - at, 2) * 3600.0
    slack = 3.0 * (len(asked) + 1)
    assert found.bad_s == pytest.approx(sum(s for at, s in lasting.items() if not asked[at]), abs=slack)
    assert found.good_s == pytest.approx(sum(s for at, s in lasting.items() if asked[at]), abs=slack)


@quick
@given(track=tracks(), target=st.sampled_from([0.9, 0.99]))
def test_the_forecast_is_when_the_pace_really_spends_the_budget(track, target):
    """If the pace of the last tenth goes on, the objective is kept just before that moment and missed just after it."""
    said = objective(target)
    found = account(track, said, NOW)
    recent = tally(track, Interval(start=NOW - timedelta(days=3), end=NOW)).bad_s / (3 * 86_400)
    if found.exhausted_at is None:
        end = NOW + timedelta(days=30)
    else:
        end = found.exhausted_at
    ahead = Stretch(interval=Interval(start=NOW, end=NOW + timedelta(days=31)), good=1 - recent, bad=recent)
    going_on = (*track, ahead)
    if found.standing is not Standing.MISSED:
        before = account(going_on, said, max(NOW, end - timedelta(minutes=1)))
        assert before.spent <= 1 + 1e-6
    if found.exhausted_at is not None and found.standing is not Standing.MISSED:
        assert account(going_on, said, end + timedelta(minutes=1)).spent > 1 - 1e-6
