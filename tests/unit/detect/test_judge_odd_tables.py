"""Tables that are constant, empty, tiny, young, gapped or cut by the clock: a verdict or an honest note, never a crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.unit.detect.days import (
    DATASET,
    REF,
    SETTINGS,
    START,
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
from tidegate.detect import TableHistory, judge_table, notes
from tidegate.detect.panel import build
from tidegate.detect.series import by_aspect
from tidegate.model import Dataset, Interval, Measurement


def test_first_batch_ever_says_how_much_history_there_is():
    (found,) = judged(shop(1), base=())
    assert (found.kind, found.holds) == ("unchecked", False)
    assert found.key == "raw.orders/unchecked/history"
    assert "(0 of 8 days)" in found.sentence


@pytest.mark.parametrize("days", range(1, 9))
def test_young_table_says_n_of_m_and_nothing_else(days):
    (found,) = judged(shop(days))
    assert f"({days - 1} of 8 days)" in found.sentence


def test_from_eight_days_on_gross_changes_are_found():
    days = shop(12)
    scaled(days[-1], 0.05)
    assert [f.kind for f in judged(days)] == ["volume"]


def test_nothing_measured():
    nothing = TableHistory(dataset=DATASET, current=())
    (found,) = judge_table(nothing, now=START, settings=SETTINGS)
    assert found.kind == "unchecked"
    assert notes(nothing, now=START, settings=SETTINGS)


def test_empty_table_without_time():
    plain = Dataset(ref=REF, columns=())
    rows = Measurement(spec=spec("row_count"), value=0, unit="rows", version=1, taken_at=START)
    (found,) = judge_table(TableHistory(dataset=plain, current=[rows]), now=START, settings=SETTINGS)
    assert found.kind == "unchecked"


def test_constant_table_that_stays_constant():
    day = {("row_count", None, None): 100, ("mean", "total", None): 5.0, ("null_count", "total", None): 0}
    assert judged([day] * 40) == ()


def test_constant_table_that_changes():
    day = {("row_count", None, None): 100, ("mean", "total", None): 5.0, ("null_count", "total", None): 0}
    (found,) = judged([*[day] * 40, {**day, ("mean", "total", None): 50.0}])
    assert found.kind == "location"


def test_all_null_column():
    day = {("row_count", None, None): 100, ("mean", "total", None): None, ("null_count", "total", None): 100}
    assert judged([day] * 40) == ()


def test_zero_mean():
    day = {("row_count", None, None): 100, ("mean", "total", None): 0.0}
    assert judged([day] * 40) == ()
    assert judged([*[day] * 40, {**day, ("mean", "total", None): 12.0}])[0].kind == "location"


def test_tiny_table_is_left_alone():
    days = [{("row_count", None, None): n % 4} for n in range(1, 60)]
    assert judged(days) == ()


def test_exploding_table():
    days = [{("row_count", None, None): 10.0**n} for n in range(40)]
    assert all(f.kind == "volume" for f in judged(days))


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 1e308, -1e308, None, "text", True, 10**30]
)
def test_values_that_are_no_plain_numbers(value):
    days = shop(30)
    days[-1][("mean", "total", None)] = value
    days[-5][("mean", "total", None)] = value
    judged(days)


@pytest.mark.parametrize("value", [-5, 1e18, 0])
def test_counts_that_cannot_be(value):
    days = shop(30)
    days[-1][("row_count", None, None)] = value
    days[-1][("null_count", "total", None)] = 10
    judged(days)


def test_gap_of_a_month_is_told_once():
    days = shop(90)
    for at in range(50, 80):
        days[at] = {}
    found = judged(days, before=days[:50])
    assert [f.key for f in found] == ["raw.orders/volume"]
    assert "days like this since" in found[0].sentence


@pytest.mark.parametrize("countries", [("FR", "NL", "AT", "BE"), ()])
def test_rows_on_a_weekday_without_any_are_told(countries):
    """Closed on Saturdays, and on one of them somebody sells, in one country or in all."""
    days = shop(48)
    for at in range(5, 47, 7):
        scaled(days[at], 0.0)
    for country in countries:
        without(days[-1], country)
    (found,) = judged(days)
    assert (found.kind, found.column) == ("volume", None)
    assert "expected 0 to" in found.sentence


def test_after_a_gap_that_was_excluded_the_next_day_is_fine():
    days = shop(82)
    for at in range(50, 80):
        days[at] = {}
    gap = (spec("row_count"), Interval(start=bucket(50).start, end=bucket(79).end))
    assert judged(days, excluded=(gap,)) == ()


@pytest.mark.parametrize("came", [0, 1])
def test_nan_is_judged_of_a_column_that_has_any(came):
    days = shop(20)
    for at, day in enumerate(days):
        day["nan_count", "total", None] = came if at == 10 else 0
    panel = build(history(days), now=evening(days), settings=SETTINGS)
    assert panel is not None
    judged_rows = [row for rows in by_aspect(panel, 0).values() for row in rows]
    assert ("nan_count" in {panel.specs[row].metric for row in judged_rows}) == bool(came)


def test_rows_in_the_far_future_and_past():
    days = shop(40)
    now = evening(days)
    odd = [
        Measurement(
            spec=spec("row_count"),
            value=3,
            unit="",
            version=1,
            taken_at=now,
            interval=Interval(start=s, end=s + timedelta(days=1)),
        )
        for s in (datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 30, tzinfo=UTC))
    ]
    given = history(days, current=[*measured(days), *odd])
    assert judge_table(given, now=now, settings=SETTINGS) == ()


def local_days(start: datetime, hours: list[int], counts: list[int]) -> list[Measurement]:
    out, at = [], start
    for length, count in zip(hours, counts, strict=True):
        interval = Interval(start=at, end=at + timedelta(hours=length))
        out.append(
            Measurement(
                spec=spec("row_count"), value=count, unit="", version=1, taken_at=interval.end, interval=interval
            )
        )
        at = interval.end
    return out


def test_local_days_through_both_clock_changes_have_no_gap():
    start = datetime(2026, 2, 28, 23, tzinfo=UTC)  # 1 March in Berlin
    hours = [23 if n == 28 else 25 if n == 238 else 24 for n in range(260)]
    numbers = local_days(start, hours, [1000 + 10 * (n % 7) for n in range(260)])
    for last in range(20, 260):
        given = TableHistory(dataset=DATASET, current=numbers[: last + 1], base=numbers[:last], grain="day")
        assert judge_table(given, now=numbers[last].taken_at, settings=SETTINGS) == ()


def test_leap_day_is_a_day():
    start = datetime(2028, 1, 20, tzinfo=UTC)
    numbers = local_days(start, [24] * 60, [1000 + 10 * (n % 7) for n in range(60)])
    given = TableHistory(dataset=DATASET, current=numbers, base=numbers[:-1], grain="day")
    assert judge_table(given, now=numbers[-1].taken_at, settings=SETTINGS) == ()


def grained(grain: str, n: int) -> list[Interval]:
    if grain == "hour":
        return [bucket(at, hours=1) for at in range(n)]
    if grain == "week":
        return [bucket(at, hours=168) for at in range(n)]
    months = [datetime(2020 + m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in range(n + 1)]
    return [Interval(start=a, end=b) for a, b in pairwise(months)]


@pytest.mark.parametrize(("grain", "n"), [("hour", 24 * 9), ("week", 40), ("month", 40)])
@pytest.mark.parametrize("named", [True, False])
def test_other_grains(grain, n, named):
    def numbers(last: int) -> list[Measurement]:
        return [
            Measurement(
                spec=spec("row_count"),
                value=last if at == n - 1 else 1000 + 5 * (at % 6),
                unit="",
                version=1,
                taken_at=i.end,
                interval=i,
            )
            for at, i in enumerate(grained(grain, n))
        ]

    now = grained(grain, n)[-1].end
    for last, kinds in ((1010, []), (300, ["volume"])):
        given = TableHistory(
            dataset=DATASET, current=numbers(last), base=numbers(last)[:-1], grain=grain if named else None
        )
        assert [f.kind for f in judge_table(given, now=now, settings=SETTINGS)] == kinds


def test_base_of_another_grain_is_ignored():
    days = shop(40)
    hours = measured([{("row_count", None, None): 50.0}] * 200, hours=1)
    assert judged(days, base=hours) == ()


def test_category_that_was_not_asked_for_this_time_did_not_vanish():
    days = shop()
    before = [dict(d) for d in days[:-1]]
    for day in before:
        day[("row_count", None, segment("web", "channel"))] = 600
    assert judged(days, before=before) == ()


def test_scan_of_the_newest_days_only_takes_the_rest_from_the_base():
    days = shop()
    days[-1].pop(("row_count", None, segment("DE")))
    days[-1][("row_count", None, None)] = 800
    newest = [m for m in measured(days) if m.interval is not None and m.interval.start >= bucket(57).start]
    (found,) = judged(days, current=newest)
    assert found.key == "raw.orders/segment/country=DE"
