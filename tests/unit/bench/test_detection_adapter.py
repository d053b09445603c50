"""The adapter to the detection benchmark: the product's numbers and judging, and no knowledge of the future."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from bench.detection_adapter import Detector, grain, places

START = datetime(2026, 1, 5)  # noqa: DTZ001 - the benchmark hands over naive times
COUNTRIES = ("DE", "FR", "NL")


def batch(at: int, rows: int = 200) -> tuple[datetime, pd.DataFrame]:
    dice, when = np.random.default_rng([7, at]), START + timedelta(days=at)
    frame = pd.DataFrame(
        {
            "id": [f"A{at:03d}{i:05d}" for i in range(rows)],
            "country": dice.choice(COUNTRIES, rows, p=[0.5, 0.3, 0.2]),
            "amount": dice.normal(70, 20, rows).round(2),
            "items": dice.poisson(3, rows),
            "at": [when + timedelta(minutes=int(m)) for m in np.sort(dice.integers(0, 1440, rows))],
        }
    )
    return when, frame


@pytest.fixture(scope="module")
def shop() -> list[tuple[datetime, pd.DataFrame]]:
    return [batch(at) for at in range(40)]


@pytest.fixture(scope="module")
def learned(shop: list[tuple[datetime, pd.DataFrame]]) -> Detector:
    detector = Detector(0.01)
    detector.learn(shop)
    return detector


def rewritten(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return frame.assign(**columns)


FAULTS = {
    "twice": lambda f, before: pd.concat([f, f], ignore_index=True),
    "stale": lambda f, before: before,
    "half": lambda f, before: f.iloc[::2],
    "amount": lambda f, before: rewritten(f, amount=f["amount"] * 100),
    "country": lambda f, before: rewritten(f, country=f["country"].str.lower()),
    "items": lambda f, before: rewritten(f, items=-f["items"]),
    "at": lambda f, before: rewritten(f, at=f["at"] + pd.Timedelta(days=365)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [14, 39])
def test_gross_faults_alarm_and_name_the_column(shop, learned, fault, at):
    when, frame = shop[at]
    score, alarm, reasons = learned.judge(at, when, FAULTS[fault](frame, shop[at - 1][1]))
    assert alarm, (score, reasons)
    assert fault not in frame.columns or fault in {r.split(":")[0] for r in reasons[:3]}


def test_clean_batches_say_the_same_both_ways_and_seldom_alarm(shop, learned):
    clean = [learned.clean(at) for at in range(7, 40)]
    again = [learned.judge(at, *shop[at]) for at in range(7, 40)]
    assert [v.score for v in clean] == pytest.approx([v.score for v in again])
    assert sum(v.alarm for v in clean) <= 1


@pytest.mark.parametrize("at", [8, 30])
def test_the_past_alone_says_the_same(shop, learned, at):
    young = Detector(0.01)
    young.learn(shop[:at])
    assert young.judge(at, *shop[at]).score == pytest.approx(learned.clean(at).score)


def test_a_batch_without_rows_alarms(shop, learned):
    assert learned.judge(30, shop[30][0], shop[30][1].iloc[:0]).alarm


def test_a_run_of_batches_is_judged_and_leaves_nothing_behind(shop, learned):
    before = learned.clean(39)
    grown = [(w, rewritten(f, amount=f["amount"] * (1 + 0.5 * n))) for n, (w, f) in enumerate(shop[30:37], start=1)]
    said = learned.judge_sequence(30, grown)
    assert len(said) == 7
    assert any(v.alarm for v in said)
    assert learned.clean(39) == before


def test_places_follow_the_calendar():
    day = 86_400.0
    assert grain([0, day, 2 * day, 5 * day]) == "day"
    assert grain([0, 3_600, 7_200]) == "hour"
    assert places([0, day, 4 * day, 4 * day, 400 * day], "day") == [0, 1, 4, 5, 36]


def test_months_follow_one_another_whatever_their_length():
    months = [datetime(2025 + (m - 1) // 12, (m - 1) % 12 + 1, 1, tzinfo=UTC).timestamp() for m in (1, 2, 3, 4, 8, 20)]
    assert grain(months[:4]) == "month"
    assert places(months, "month") == [0, 1, 2, 3, 7, 19]


def test_batches_that_come_a_few_times_a_year_are_versions():
    seldom = [0.0, 100 * 86_400.0, 190 * 86_400.0, 400 * 86_400.0]
    assert grain(seldom) == "version"
    assert places(seldom, "version") == [0, 1, 2, 3]


@pytest.mark.parametrize("apart", [30.5, 300])
def test_a_table_of_seldom_batches_is_judged_from_the_eighth_on(shop, apart):
    """Months and longer, whose batches would lie so far apart on an axis of weeks that none has a past."""
    late = [(START + timedelta(days=apart * n), frame) for n, (_, frame) in enumerate(shop[:9])]
    detector = Detector(0.01)
    detector.learn(late)
    when, frame = late[8]
    assert detector.judge(8, when, rewritten(frame, amount=frame["amount"] * 100)).score > 1


def test_a_batch_after_a_gap_is_judged_as_with_the_whole_stream(shop):
    """What comes three days after the last known batch stands where it stands when all of it was learned."""
    gappy = [*shop[:20], *shop[23:30]]
    whole, begun = Detector(0.01), Detector(0.01)
    whole.learn(gappy)
    begun.learn(gappy[:20])
    when, frame = gappy[20]
    doubled = pd.concat([frame, frame], ignore_index=True)
    for altered in (frame, doubled):
        assert begun.judge(20, when, altered).score == pytest.approx(whole.judge(20, when, altered).score)
    run = [(when, doubled), gappy[21]]
    assert [v.score for v in begun.judge_sequence(20, run)] == pytest.approx(
        [v.score for v in whole.judge_sequence(20, run)]
    )
