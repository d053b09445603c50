"""Numbers that follow from a category, as the benchmark measures them: chosen by the first batches, judged by what came before alone."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from bench.detection_adapter import Detector, Gauge
from bench.detection_keyed import spec
from tidegate.scan.rest import LEFT

START = datetime(2026, 1, 5)  # noqa: DTZ001 - the benchmark hands over naive times
BATCHES = 40
TESTS, MIDDLE, SPREAD = np.array(["glucose", "sodium", "hb"]), np.array([95.0, 140.0, 14.0]), np.array([12.0, 3.0, 1.2])


def batch(at: int) -> tuple[datetime, pd.DataFrame]:
    """A lab's results, fewer of them on weekends; `total` follows from its parts and from no test."""
    dice = np.random.default_rng([7, at])
    rows = 120 if at % 7 < 5 else 30
    kind = dice.integers(0, 3, rows)
    parts = dice.normal(50, 9, (rows, 2))
    return START + timedelta(days=at), pd.DataFrame(
        {
            "test": TESTS[kind],
            "lab": dice.choice(["north", "south"], rows),
            "value": dice.normal(MIDDLE[kind], SPREAD[kind]).round(2),
            "net": parts[:, 0],
            "tax": parts[:, 1],
            "total": parts.sum(axis=1),
        }
    )


def in_another_unit(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=frame["value"].where(frame["test"] != "glucose", frame["value"] / 18))


@pytest.fixture(scope="module")
def results() -> list[tuple[datetime, pd.DataFrame]]:
    return [batch(at) for at in range(BATCHES)]


def gauged(stream: list[tuple[datetime, pd.DataFrame]]) -> Gauge:
    gauge = Gauge()
    gauge.load(stream)
    gauge.remember(gauge.recipe(), len(stream))
    return gauge


def measured(gauge: Gauge, frame: pd.DataFrame, at: int) -> list[float]:
    gauge.load([(START, frame)], [at])
    told = gauge.parts.measure(gauge.db, 1)
    return [told[spec(metric, "value", "test")][0] for metric in LEFT]


def test_a_value_follows_from_its_test_and_a_total_from_its_parts(results):
    gauge = gauged(results)
    assert {name: by for name, (by, _) in gauge.parts.chosen.items()} == {"value": "test"}
    rest = gauge.relations[1]
    assert {rest.names[i] for i in rest.follow} == {"net", "tax", "total"}


def test_another_unit_of_one_test_is_far_and_new_tests_are_not_judged(results):
    gauge, frame = gauged(results), results[30][1]
    rows, _, far, *_ = measured(gauge, frame, 30)
    assert rows == 120
    assert far <= 1
    glucose = (frame["test"] == "glucose").sum()
    assert glucose <= measured(gauge, in_another_unit(frame), 30)[2] <= glucose + far
    renamed = frame.assign(test=frame["test"].replace({"glucose": "sugar"}))
    assert measured(gauge, renamed, 30)[0] == (frame["test"] != "glucose").sum()


def test_what_comes_later_and_the_batch_itself_teach_nothing(results):
    at, said = 25, []
    other = [(when, in_another_unit(frame)) for when, frame in results[at:]]
    for later in (results[at:], other, []):
        said.append(measured(gauged(results[:at] + later), in_another_unit(results[at][1]), at))
    assert said[0] == said[1] == said[2]


def test_another_unit_of_one_test_alarms_on_any_day_and_clean_days_do_not(results):
    detector = Detector(0.01)
    detector.learn(results)
    days = range(14, BATCHES)
    assert not [at for at in days if detector.clean(at).alarm]
    told = [detector.judge(at, results[at][0], in_another_unit(results[at][1])) for at in days]
    assert np.mean([one.alarm for one in told]) > 0.8, "of a young table, weekends of 30 rows among them"
    assert all("value" in {r.split(":")[0] for r in one.reasons[:3]} for one in told if one.alarm)


def test_identical_batches_never_alarm(results):
    frame = results[0][1]
    detector = Detector(0.01)
    detector.learn([(START + timedelta(days=at), frame) for at in range(BATCHES)])
    assert not any(detector.clean(at).alarm for at in range(BATCHES))
    assert not detector.judge(BATCHES, START + timedelta(days=BATCHES), frame).alarm
