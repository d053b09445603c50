"""What rows tell of others: which pairs and numbers are chosen, and what a batch breaks, by the batches before it alone."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from bench.detection_adapter import Detector, Gauge
from bench.detection_keyed import Memory, others, spec

START = datetime(2026, 1, 5)  # noqa: DTZ001 - the benchmark hands over naive times
BATCHES = 30


def batch(at: int, rows: int = 120) -> tuple[datetime, pd.DataFrame]:
    """Orders of 20 shops, each of which lies in one city; `total` is what its parts add up to."""
    dice, when = np.random.default_rng([3, at]), START + timedelta(days=at)
    shop = np.concatenate([np.arange(20), dice.integers(0, 20, rows - 20)])
    net, tax = dice.normal(100, 30, rows).round(2), dice.normal(20, 9, rows).round(2)
    frame = pd.DataFrame(
        {
            "key": [f"S{s:02d}" for s in shop],
            "value": [f"city {s % 7}" for s in shop],
            "note": dice.choice(["a", "b", "c"], rows),
            "id": [f"{at}-{i}" for i in range(rows)],
            "net": net,
            "tax": tax,
            "total": net + tax,
            "other": dice.normal(5, 1, rows),
            "pieces": dice.integers(1, 6, rows),
        }
    )
    return when, frame


@pytest.fixture(scope="module")
def orders() -> list[tuple[datetime, pd.DataFrame]]:
    return [batch(at) for at in range(BATCHES)]


@pytest.fixture
def gauge(orders) -> Gauge:
    gauge = Gauge()
    gauge.load(orders)
    gauge.remember(gauge.recipe(), BATCHES)
    return gauge


def measured(gauge: Gauge, frame: pd.DataFrame, at: int = 25) -> dict:
    gauge.load([(START, frame)], [at])
    memory, rest = gauge.relations
    return {s: v[0] for s, v in (memory.measure(1) | rest.measure(gauge.db, 1)).items()}


def test_keys_come_again_and_only_what_goes_with_them_is_watched(gauge):
    memory, rest = gauge.relations
    assert memory.keys == ["key", "value", "note"]
    assert memory.pairs == [("key", "value"), ("value", "key")], (
        "a note goes with no shop, an id comes once, pieces are no key"
    )
    assert {rest.names[i] for i in rest.follow} == {"net", "tax", "total"}


def test_a_clean_batch_breaks_nothing(gauge, orders):
    now = measured(gauge, orders[25][1])
    assert now[spec("new_pair_count", "value", "key")] == 0
    assert now[spec("known_key_count", "value", "key")] == 120
    assert now[spec("unknown_count", "key")] == 0
    assert (now[spec("regular_count", "key")], now[spec("gone_count", "key")]) == (20, 0)
    assert now[spec("rest_far_count", "total")] == 0


def test_swapped_labels_are_pairs_that_never_were(gauge, orders):
    frame = orders[25][1]
    swapped = frame["value"].replace({"city 1": "city 2", "city 2": "city 1"})
    now = measured(gauge, frame.assign(value=swapped))
    assert now[spec("new_pair_count", "value", "key")] == (swapped != frame["value"]).sum() > 0


def test_orphans_are_unknown_and_those_that_stay_away_are_gone(gauge, orders):
    frame = orders[25][1]
    now = measured(gauge, frame.assign(key=frame["key"].replace("S03", "T03")))
    orphans = (frame["key"] == "S03").sum()
    assert now[spec("unknown_count", "key")] == orphans
    assert now[spec("gone_count", "key")] == 1
    assert now[spec("known_key_count", "value", "key")] == 120 - orphans


def test_a_number_that_leaves_the_others_is_far_from_them(gauge, orders):
    frame = orders[25][1]
    now = measured(gauge, frame.assign(total=frame["total"] + 2))
    assert now[spec("rest_far_count", "total")] == now[spec("rest_count", "total")] == 120
    some = np.where(np.arange(120) < 6, -frame["tax"], frame["tax"])
    assert measured(gauge, frame.assign(tax=some))[spec("rest_far_count", "tax")] == 6


def test_a_time_is_hours_from_its_batch_and_follows_from_an_hour():
    """A column that tells the hour of another one, which moves by one; what is written again is no time of a row."""
    stream = []
    for at in range(BATCHES):
        when, frame = batch(at)
        hour = pd.Series(np.random.default_rng([5, at]).integers(0, 24, len(frame)))
        times = when + pd.to_timedelta(hour, unit="h")
        stream.append((when, frame.assign(hour=hour, taken=times, updated_at=times)))
    gauge = Gauge()
    gauge.load(stream)
    assert "_at" not in {c.name for c in gauge.columns()}
    gauge.remember(gauge.recipe(), BATCHES)
    assert {gauge.timed.names[i] for i in gauge.timed.follow} == {"hour", "taken"}
    when, frame = stream[25]
    late = frame.assign(taken=frame["taken"] + pd.Timedelta(hours=1))
    for now, far in ((frame, 0), (late, 120)):
        gauge.load([(when, now)], [25])
        assert gauge.timed.measure(gauge.db, 1)[spec("rest_far_count", "taken")][0] == far


def test_null_is_neither_a_key_nor_a_value(gauge, orders):
    frame = orders[25][1]
    empty = frame.assign(key=None, value=None, tax=np.nan).astype({"key": "object", "value": "object"})
    now = measured(gauge, empty)
    assert np.isnan(now[spec("new_pair_count", "value", "key")])
    assert np.isnan(now[spec("unknown_count", "key")])
    assert np.isnan(now[spec("rest_count", "total")])


def test_a_batch_teaches_itself_nothing_and_later_ones_nothing(orders):
    """A shop that moves in batch 12: what was known before it is all that counts, whatever else is remembered."""
    moved = [
        (w, f.assign(value=f["value"].where(f["key"] != "S05", "moved")) if at >= 12 else f)
        for at, (w, f) in enumerate(orders)
    ]
    counts = {}
    for known in (13, BATCHES):
        gauge = Gauge()
        gauge.load(moved[:known])
        memory = Memory(gauge.db, gauge.columns())
        counts[known] = memory.measure(known)[spec("new_pair_count", "value", "key")]
    assert counts[BATCHES][12] == (moved[12][1]["key"] == "S05").sum() > 0
    assert np.array_equal(counts[13], counts[BATCHES][:13], equal_nan=True)
    assert not counts[BATCHES][13:].any()


def test_a_key_is_missed_once_and_regular_no_more(orders):
    left = [(w, f[f["key"] != "S05"] if at >= 15 else f) for at, (w, f) in enumerate(orders)]
    gauge = Gauge()
    gauge.load(left)
    found = Memory(gauge.db, gauge.columns()).measure(BATCHES)
    assert found[spec("gone_count", "key")][4:].tolist() == [0] * 11 + [1] + [0] * 14
    assert found[spec("regular_count", "key")][14:18].tolist() == [20, 20, 19, 19]


@pytest.mark.parametrize("at", [12, 20])
def test_what_comes_later_changes_nothing(orders, at):
    """Later batches have other pairs, other keys and other sums."""
    other = [(w, f.assign(key=f["key"] + "x", value=f["note"], total=-f["tax"])) for w, f in orders[at:]]
    said = []
    for later in (orders[at:], other, []):
        gauge = Gauge()
        stream = orders[:at] + later
        gauge.load(stream)
        gauge.remember(gauge.recipe(), len(stream))
        changed = orders[at][1].assign(total=orders[at][1]["total"] + 2, value="elsewhere")
        said.append(measured(gauge, changed, at))
    assert said[0] == pytest.approx(said[1], nan_ok=True)
    assert said[0] == pytest.approx(said[2], nan_ok=True)


def test_first_batches_tell_nothing(gauge, orders):
    now = measured(gauge, orders[2][1].assign(value="elsewhere"), at=2)
    assert np.isnan(now[spec("new_pair_count", "value", "key")])
    assert np.isnan(now[spec("rest_median", "total")])


@pytest.mark.parametrize("columns", [["id"], ["net"], ["note", "other"]])
def test_a_table_without_relations_has_none(orders, columns):
    gauge = Gauge()
    gauge.load([(w, f[columns]) for w, f in orders])
    assert Memory(gauge.db, gauge.columns()).pairs == []
    assert not others(gauge.db, gauge.columns(), BATCHES).follow


def test_swapped_labels_alarm(orders):
    detector = Detector(0.01)
    detector.learn(orders)
    when, frame = orders[25]
    swapped = frame.assign(value=frame["value"].replace({"city 1": "city 2", "city 2": "city 1"}))
    score, alarm, reasons = detector.judge(25, when, swapped)
    assert alarm, (score, reasons)
    assert {r.split(":")[0] for r in reasons[:3]} & {"key", "value"}
    assert not detector.judge(25, when, frame).alarm
