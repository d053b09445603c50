"""The contract: what is a reading, what cannot be read, and what cannot be true. Add a line for whatever your devices send."""

from __future__ import annotations

import json

import pytest

from ingest.contract import Reading, Refused, judge
from tests.readings import ARRIVED, NOON, reading

ARRIVED_MS = round(ARRIVED.timestamp() * 1000)


def judged(data: bytes) -> Reading:
    return judge(data, ARRIVED_MS, max_ahead_ms=300_000, max_behind_ms=604_800_000)


def test_a_reading_is_normalised() -> None:
    found = judged(reading(20.12345, at="2026-09-21T14:00:00+02:00"))
    assert (found.device_id, found.event_ms, found.temperature_c) == ("dev-1", ARRIVED_MS, 20.123)


def test_version_2_names_its_unit() -> None:
    said = {"schema_version": 2, "device_id": "dev-1", "event_time": NOON, "temperature": 68, "unit": "F"}
    assert judged(json.dumps(said).encode()).temperature_c == 20.0


@pytest.mark.parametrize(
    ("data", "outcome", "reason"),
    [
        (b"{not json", "dead", "not-json"),
        (b"\xff\xfe", "dead", "not-json"),
        (b"[]", "dead", "not-an-object"),
        (reading(20, schema_version=99), "dead", "unknown-version"),
        (b'{"schema_version": 1}', "dead", "missing-field"),
        (reading(float("nan")), "dead", "not-finite"),
        (reading(None), "dead", "wrong-type"),
        (reading("20.5"), "dead", "wrong-type"),
        (reading(20, device=17), "dead", "wrong-type"),
        (reading(20, device=""), "dead", "not-allowed"),
        (reading(20, at="not-a-time"), "dead", "not-a-time"),
        (reading(20, at="2026-09-21T12:00:00"), "dead", "no-time-zone"),
        (reading(-9999), "quarantined", "out-of-range"),
        (reading(20, at="2999-01-01T00:00:00Z"), "quarantined", "clock-ahead"),
        (reading(20, at="2026-09-01T00:00:00Z"), "quarantined", "clock-behind"),
    ],
    ids=range(15),
)
def test_what_is_no_reading_is_refused_with_its_reason(data: bytes, outcome: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        judged(data)
    assert (refused.value.outcome, refused.value.reason) == (outcome, reason)
