"""The fleet: daily temperature curves with noise and drift, and devices with one fault each. Pure; a seed decides all."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

DAY_S = 86_400
BEGINS = 0.3
"""A fault begins after this share of the ticks that are known in advance, so that there is a past to compare with."""

FAULTS: Mapping[str, str] = {
    "stuck": "the sensor repeats its last value",
    "fahrenheit": "an update sends °F in the field for °C",
    "spikes": "single values that no air has, or that are much too high",
    "clock_ahead": "the clock is years or an hour ahead",
    "clock_behind": "the clock is weeks behind",
    "silent": "the device stops sending",
    "duplicates": "readings are sent twice",
    "out_of_order": "readings of a few minutes arrive in another order",
    "malformed": "what is sent is no reading",
    "burst": "the device keeps readings back and sends them at once",
}
"""What can go wrong with a device, and what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a device sends: `key` is its id, whatever the data says; `fault` is why the data is not what it should be."""

    key: str
    data: bytes
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Devices that each send one reading a tick.

    Args:
        faulty: the share of devices that has each fault, 0 to 1; together at most 1.
        start: when the first tick is.
        interval_s: from one tick to the next.
        ticks: how many; None for no end (then faults begin after 30 ticks).
    """

    seed: int
    devices: int
    faulty: Mapping[str, float] = field(default_factory=dict)
    start: datetime
    interval_s: float
    ticks: int | None = None

    def ids(self) -> list[str]:
        return [f"dev-{number:06d}" for number in range(self.devices)]

    def faults(self) -> dict[str, str]:
        """The faulty devices and their faults; drawn, but as many of each as was asked for, at least one."""
        ids = self.ids()
        random.Random(f"{self.seed}:faults").shuffle(ids)
        drawn: dict[str, str] = {}
        for fault, share in self.faulty.items():
            count = max(round(share * self.devices), 1) if share > 0 else 0
            for _ in range(min(count, len(ids))):
                drawn[ids.pop()] = fault
        return drawn

    def messages(self) -> Iterator[list[Message]]:
        """What is sent in each tick, in the order in which it is sent."""
        faults = self.faults()
        sensors = [_Sensor(self, device, faults.get(device)) for device in self.ids()]
        tick = 0
        while self.ticks is None or tick < self.ticks:
            last = self.ticks is not None and tick == self.ticks - 1
            yield [message for sensor in sensors for message in sensor.send(tick, last=last)]
            tick += 1


class _Sensor:
    """One device: its climate, its habits, and its fault."""

    def __init__(self, fleet: Fleet, device: str, fault: str | None) -> None:
        self._fleet = fleet
        self._device = device
        self._fault = fault
        self._random = draw = random.Random(f"{fleet.seed}:{device}")
        self._mean = draw.gauss(16, 5)
        self._swing = draw.uniform(2, 8)
        self._peak_s = draw.gauss(14.5, 1) * 3600
        self._drift_per_day = draw.gauss(0, 0.05)
        self._battery = draw.uniform(40, 100)
        self._version = 2 if draw.random() < 0.25 else 1
        self._begins = round((fleet.ticks * BEGINS) if fleet.ticks is not None else 30)
        self._value: float | None = None
        self._kept: list[Message] = []

    def send(self, tick: int, *, last: bool) -> list[Message]:
        """What the device sends in this tick; what it keeps back it sends at the last one."""
        faulty = self._fault is not None and tick >= self._begins
        message = self._reading(tick, faulty=faulty)
        if not faulty:
            return [message]
        if self._fault == "silent":
            return []
        if self._fault == "duplicates" and self._random.random() < 0.3:
            return [message, Message(key=message.key, data=message.data, fault="duplicates")]
        if self._fault in {"out_of_order", "burst"}:
            return self._keep(message, last=last)
        return [message]

    def _keep(self, message: Message, *, last: bool) -> list[Message]:
        self._kept.append(message)
        if len(self._kept) < (5 if self._fault == "out_of_order" else 20) and not last:
            return []
        kept, self._kept = self._kept, []
        if self._fault == "out_of_order":
            self._random.shuffle(kept)
        return kept

    def _reading(self, tick: int, *, faulty: bool) -> Message:
        at_s = self._fleet.start.timestamp() + tick * self._fleet.interval_s
        value = self._temperature(at_s, tick * self._fleet.interval_s)
        fault = self._fault if faulty else None
        if fault == "stuck":
            value = self._value if self._value is not None else value
        elif fault == "spikes" and self._random.random() < 0.2:
            value = self._random.choice([-9999.0, 999.9, 150.0, value + 30])
        elif fault == "clock_ahead":
            at_s += self._random.choice([3600.0, 31_536_000.0 * 900])
        elif fault == "clock_behind":
            at_s -= 30 * DAY_S
        self._value = value
        if fault == "malformed" and self._random.random() < 0.5:
            return Message(key=self._device, data=self._garbage(at_s, value), fault=fault)
        return Message(key=self._device, data=self._encode(at_s, value, fahrenheit=fault == "fahrenheit"), fault=fault)

    def _temperature(self, at_s: float, since_s: float) -> float:
        daily = self._swing * math.cos(2 * math.pi * (at_s % DAY_S - self._peak_s) / DAY_S)
        return round(self._mean + daily + self._drift_per_day * since_s / DAY_S + self._random.gauss(0, 0.15), 2)

    def _encode(self, at_s: float, value: float, *, fahrenheit: bool) -> bytes:
        self._battery = max(self._battery - self._random.uniform(0, 0.001), 1)
        shown = round(value * 1.8 + 32, 2) if fahrenheit else value
        reading: dict[str, object] = {
            "schema_version": self._version,
            "device_id": self._device,
            "event_time": _iso(at_s),
        }
        if self._version == 1:
            reading |= {"temperature_c": shown}
        else:
            reading |= {"temperature": shown, "unit": "C", "firmware": "2.4.1"}  # the fault: °F, and it says °C
        return json.dumps(reading | {"battery_pct": round(self._battery, 1)}).encode()

    def _garbage(self, at_s: float, value: float) -> bytes:
        good = {"schema_version": 1, "device_id": self._device, "event_time": _iso(at_s), "temperature_c": value}
        naive = _iso(at_s).removesuffix("Z")
        return self._random.choice(
            [
                b"{not json",
                b"\xff\xfe\x00 no text",
                b"[]",
                json.dumps(good)[:-7].encode(),
                json.dumps({k: v for k, v in good.items() if k != "event_time"}).encode(),
                json.dumps(good | {"temperature_c": math.nan}).encode(),
                json.dumps(good | {"temperature_c": None}).encode(),
                json.dumps(good | {"temperature_c": str(value)}).encode(),
                json.dumps(good | {"device_id": ""}).encode(),
                json.dumps(good | {"device_id": 17}).encode(),
                json.dumps(good | {"event_time": "not-a-time"}).encode(),
                json.dumps(good | {"event_time": naive}).encode(),
                json.dumps(good | {"schema_version": 99}).encode(),
            ]
        )


def _iso(at_s: float) -> str:
    """UTC with milliseconds; what a clock says that is years ahead is capped at the year 9999."""
    try:
        time = datetime.fromtimestamp(at_s, UTC)
    except (OverflowError, ValueError):
        time = datetime(9999, 12, 31, tzinfo=UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def every_fault(share: float) -> dict[str, float]:
    """Each fault at the same share of the devices."""
    return dict.fromkeys(FAULTS, share)


def parse_faults(text: str) -> dict[str, float]:
    """`all`, `none`, or `stuck=0.02,silent=0.05`; a name alone means one device in a hundred.

    Raises:
        ValueError: an unknown fault, a share that is none, or more than all devices.
    """
    if text in {"all", "none"}:
        return every_fault(0.02) if text == "all" else {}
    asked: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, share = part.partition("=")
        if name not in FAULTS:
            raise ValueError(f"there is no fault `{name}`; known are {', '.join(FAULTS)}")
        asked[name] = float(share or "0.01")
        if not 0 <= asked[name] <= 1:
            raise ValueError(f"`{part}`: a share is 0 to 1")
    if sum(asked.values()) > 1:
        raise ValueError("the shares are more than all devices")
    return asked


def count(messages: Sequence[Message]) -> dict[str, int]:
    """How many messages there are of each fault; `none` for those that are as they should be."""
    counted: dict[str, int] = {}
    for message in messages:
        counted[message.fault or "none"] = counted.get(message.fault or "none", 0) + 1
    return counted
