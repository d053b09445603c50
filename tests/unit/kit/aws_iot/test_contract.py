"""The contract: what is a reading, what is dead, what is not plausible; compared with an implementation of JSON Schema."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import timedelta

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import contract
from ingest.contract import Reading, Refused, judge
from tests.iot import ARRIVED_MS, PROJECT, iso, message

LIMITS = {"max_ahead_ms": 300_000, "max_behind_ms": 604_800_000}


def judged(data: bytes) -> Reading:
    return judge(data, ARRIVED_MS, **LIMITS)


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        judged(data)
    return refused.value.outcome, refused.value.reason


def test_a_reading_is_normalised() -> None:
    reading = judged(message(celsius=20.12345, battery_pct=77.77))
    assert reading == Reading(
        device_id="dev-000001", event_ms=ARRIVED_MS, temperature_c=20.123, schema_version=1, battery_pct=77.8
    )


@pytest.mark.parametrize(("unit", "value", "celsius"), [("C", 20, 20.0), ("F", 68, 20.0), ("F", -40, -40.0)])
def test_version_2_names_its_unit(unit: str, value: float, celsius: float) -> None:
    said = {
        "schema_version": 2,
        "device_id": "dev-1",
        "event_time": iso(ARRIVED_MS),
        "temperature": value,
        "unit": unit,
    }
    assert judged(json.dumps(said).encode()).temperature_c == celsius


def test_a_field_that_no_contract_knows_is_let_through() -> None:
    assert judged(message(humidity=55)).temperature_c == 20.5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{not json", "not-json"),
        (b"", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}", "not-json"),
        (b"[]", "not-an-object"),
        (b"null", "not-an-object"),
        (b"{}", "unknown-version"),
        (message(schema_version=3), "unknown-version"),
        (message(schema_version="1"), "unknown-version"),
        (message(schema_version=True), "unknown-version"),
        (b'{"schema_version": 1}', "missing-field"),
        (message(celsius=math.nan), "not-finite"),
        (message(celsius=math.inf), "not-finite"),
        (message().replace(b"20.5", b"1e999"), "not-finite"),
        (message(celsius=None), "wrong-type"),
        (message(celsius="20.5"), "wrong-type"),
        (message(celsius=True), "wrong-type"),
        (message(celsius=[20.5]), "wrong-type"),
        (message(device_id=17), "wrong-type"),
        (message(device_id=""), "not-allowed"),
        (message(device_id="dev-1\n"), "not-allowed"),
        (message(device_id="Dev 1"), "not-allowed"),
        (message(device_id="d" * 65), "not-allowed"),
        (message(event_time="not-a-time"), "not-a-time"),
        (message(event_time="2026-11-22"), "not-a-time"),
        (message(event_time=1_790_000_000), "wrong-type"),
        (message(event_time="2026-09-21T12:00:00"), "no-time-zone"),
    ],
    ids=range(28),
)
def test_what_cannot_be_read_is_dead(data: bytes, reason: str) -> None:
    assert refusal(data) == ("dead", reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message(celsius=-9999), "out-of-range"),
        (message(celsius=85.01), "out-of-range"),
        (message(battery_pct=101), "out-of-range"),
        (message(event_time="2999-01-01T00:00:00Z"), "clock-ahead"),
        (message(event_time="9999-12-31T23:59:59-23:59"), "clock-ahead"),
        (message(event_ms=ARRIVED_MS + 300_001), "clock-ahead"),
        (message(event_ms=ARRIVED_MS - 604_800_001), "clock-behind"),
        (message(event_time="0001-01-01T00:00:00+23:59"), "clock-behind"),
    ],
    ids=range(8),
)
def test_what_cannot_be_true_is_quarantined(data: bytes, reason: str) -> None:
    assert refusal(data) == ("quarantined", reason)


@pytest.mark.parametrize("event_ms", [ARRIVED_MS + 300_000, ARRIVED_MS - 604_800_000])
def test_the_limits_of_clocks_are_within(event_ms: int) -> None:
    assert judged(message(event_ms=event_ms)).event_ms == event_ms


def test_fahrenheit_has_the_range_of_celsius() -> None:
    """The contract's limit in °F is 185 for both units: 100 °C would pass it and is not air."""
    said = {"schema_version": 2, "device_id": "dev-1", "event_time": iso(ARRIVED_MS), "temperature": 100, "unit": "C"}
    assert refusal(json.dumps(said).encode()) == ("quarantined", "out-of-range")


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_but_refused_is_ever_raised(data: bytes) -> None:
    with suppress(Refused):
        judged(data)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "schema_version": st.sampled_from([1, 2, 3, "1", None]),
            "device_id": st.sampled_from(["dev-1", "", 17, None, "DEV", "dev-" + "x" * 70]),
            "event_time": st.sampled_from([iso(ARRIVED_MS), "x", "2026-09-21T12:00:00", None, 5]),
            "temperature_c": st.sampled_from([20.5, 21, "20", None, True, -500.0, 1e300]),
            "temperature": st.sampled_from([20.5, 21, "20", None, True, -500.0, 1e300]),
            "unit": st.sampled_from(["C", "F", "K", None]),
            "battery_pct": st.sampled_from([50, 100.5, None, "x"]),
            "firmware": st.sampled_from(["1.0", "x" * 40, 5]),
        },
    )
)
def test_verdicts_are_those_of_json_schema(said: dict[str, object]) -> None:
    """An implementation of the whole standard accepts exactly what is neither dead nor out of range here, clocks aside."""
    try:
        judged(json.dumps(said).encode())
        ours = True
    except Refused as refused:
        ours = refused.reason in {"clock-ahead", "clock-behind"}
        if refused.reason in {"not-a-time", "no-time-zone"} or "°C" in refused.detail:
            return  # formats are notes to JSON Schema, and the range of both units in °C is ours
    version = said.get("schema_version")
    schema = contract.contracts().get(version) if type(version) is int else None
    assert ours == (schema is not None and jsonschema.Draft202012Validator(schema).is_valid(said))


def test_a_keyword_that_nobody_evaluates_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = json.loads((PROJECT / "ingest/contracts/reading.v1.json").read_text(encoding="utf-8"))
    schema["properties"]["temperature_c"]["multipleOf"] = 0.5
    (tmp_path / "reading.v1.json").write_text(json.dumps(schema), encoding="utf-8")
    monkeypatch.setattr(contract, "CONTRACTS", tmp_path)
    contract.contracts.cache_clear()
    try:
        with pytest.raises(ValueError, match="multipleOf"):
            contract.contracts()
    finally:
        contract.contracts.cache_clear()


@given(st.integers(946_684_800_000, 4_102_444_800_000), st.integers(-23, 23))
def test_offsets_are_understood(ms: int, hours: int) -> None:
    local = contract.EPOCH + timedelta(milliseconds=ms, hours=hours)
    assert contract._milliseconds(local.replace(tzinfo=None).isoformat() + f"{hours:+03d}:00") == ms
