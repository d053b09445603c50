"""What a reading has to be: the JSON Schemas in `contracts/`, by version, and two rules about clocks.

A record that cannot be read is dead (`not-json`, `wrong-type` ...); one that can be read and cannot be true is
quarantined (`out-of-range`, `clock-ahead`, `clock-behind`). Clocks are compared with the arrival at the stream, so that
a replay years later comes to the same verdict.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

CONTRACTS = Path(__file__).parent / "contracts"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ABOUT = frozenset({"$schema", "title", "description"})
KEYWORDS = frozenset({"type", "const", "enum", "pattern", "format", "minimum", "maximum", "maxLength"})
CELSIUS = (-60.0, 85.0)
"""What a reading in °C may be, whatever unit it came in; the limits of the contracts in their own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One plausible reading: °C, milliseconds since 1970 in UTC."""

    device_id: str
    event_ms: int
    temperature_c: float
    schema_version: int
    battery_pct: float | None = None


class Refused(Exception):
    """The record is no reading. `outcome` is `dead` or `quarantined`, `reason` one of a few words, `detail` a sentence."""

    def __init__(self, outcome: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.reason = reason
        self.detail = detail


def dead(reason: str, detail: str) -> Refused:
    return Refused("dead", reason, detail)


def implausible(reason: str, detail: str) -> Refused:
    return Refused("quarantined", reason, detail)


@cache
def contracts() -> Mapping[int, Mapping[str, Any]]:
    """The contracts by version.

    Raises:
        ValueError: one of them uses a keyword of JSON Schema that nobody here evaluates.
    """
    found = {}
    for path in sorted(CONTRACTS.glob("reading.v*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        used = set(schema) - ABOUT - {"type", "required", "properties"}
        used |= {keyword for field in schema["properties"].values() for keyword in field} - KEYWORDS
        if used:
            raise ValueError(f"`{path.name}` uses {', '.join(sorted(used))}, which contract.py does not evaluate")
        found[schema["properties"]["schema_version"]["const"]] = schema
    return found


def judge(data: bytes, arrived_ms: int, *, max_ahead_ms: int, max_behind_ms: int) -> Reading:
    """The reading that a record holds.

    Args:
        arrived_ms: when the stream got the record, milliseconds since 1970 in UTC.
        max_ahead_ms, max_behind_ms: how far the device's clock may differ from the arrival.

    Raises:
        Refused: it is none.
    """
    message = _message(data)
    version = message.get("schema_version")
    schema = contracts().get(version) if type(version) is int else None
    if schema is None:
        raise dead("unknown-version", f"schema_version is {_shown(version)}; known are {sorted(contracts())}")
    for name in schema["required"]:
        if name not in message:
            raise dead("missing-field", f"`{name}` is missing")
    limits = []
    for name, rule in schema["properties"].items():
        if name in message:
            _demand(name, message[name], rule)
            limits.append((name, message[name], rule))
    event_ms = _milliseconds(message["event_time"])
    for name, value, rule in limits:
        _demand_limits(name, value, rule)
    celsius = _celsius(message)
    ahead_ms = event_ms - arrived_ms
    if ahead_ms > max_ahead_ms:
        raise implausible("clock-ahead", f"event_time is {ahead_ms / 1000:.0f} s after the arrival")
    if -ahead_ms > max_behind_ms:
        raise implausible("clock-behind", f"event_time is {-ahead_ms / 1000:.0f} s before the arrival")
    battery = message.get("battery_pct")
    return Reading(
        device_id=message["device_id"],
        event_ms=event_ms,
        temperature_c=celsius,
        schema_version=schema["properties"]["schema_version"]["const"],
        battery_pct=None if battery is None else round(float(battery), 1),
    )


def _message(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise dead("not-json", f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise dead("not-json", "it is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, and an integer with thousands of digits
        raise dead("not-json", str(error)[:200]) from None
    if not isinstance(message, dict):
        raise dead("not-an-object", f"it is {_kind(message)}")
    return message


def _no_constant(name: str) -> NoReturn:
    raise dead("not-finite", f"`{name}` is no number in JSON")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    return json.dumps(value)[:60]


def _demand(name: str, value: object, rule: Mapping[str, Any]) -> None:
    """Everything but the limits: what makes a record unreadable."""
    wanted = rule.get("type")
    if wanted == "string" and not isinstance(value, str):
        raise dead("wrong-type", f"`{name}` is {_kind(value)}, not a string")
    if wanted == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise dead("wrong-type", f"`{name}` is {_kind(value)}, not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise dead("not-finite", f"`{name}` is not finite")
    if "enum" in rule and value not in rule["enum"]:
        raise dead("not-allowed", f"`{name}` is {_shown(value)}; allowed are {rule['enum']}")
    if isinstance(value, str):
        if len(value) > rule.get("maxLength", len(value)):
            raise dead("not-allowed", f"`{name}` has {len(value)} characters")
        if "pattern" in rule and not _matches(rule["pattern"], value):
            raise dead("not-allowed", f"`{name}` is {_shown(value)}, which does not match {rule['pattern']}")


def _matches(pattern: str, value: str) -> bool:
    """Whether the whole value matches; Python's `$` would let a line feed follow."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is not None


def _demand_limits(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    low, high = rule.get("minimum", -math.inf), rule.get("maximum", math.inf)
    if ("minimum" in rule or "maximum" in rule) and not low <= value <= high:
        raise implausible("out-of-range", f"`{name}` is {_shown(value)}, not between {low} and {high}")


def _milliseconds(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise dead("not-a-time", f"event_time is {_shown(text)}") from None
    if "T" not in text.upper():
        raise dead("not-a-time", f"event_time is {_shown(text)}, a date without a time")
    if time.tzinfo is None:
        raise dead("no-time-zone", f"event_time is {_shown(text)}, without Z or an offset")
    return (time - EPOCH) // timedelta(milliseconds=1)


def _celsius(message: Mapping[str, Any]) -> float:
    """The temperature in °C with three decimals: more is noise, and DynamoDB refuses numbers below 1e-130."""
    if "unit" in message and message["schema_version"] != 1:
        value = float(message["temperature"])
        celsius = (value - 32) / 1.8 if message["unit"] == "F" else value
    else:
        celsius = float(message["temperature_c"])
    low, high = CELSIUS
    if not low <= celsius <= high:
        raise implausible("out-of-range", f"the temperature is {celsius:.3f} °C, not between {low} and {high}")
    return round(celsius, 3)
