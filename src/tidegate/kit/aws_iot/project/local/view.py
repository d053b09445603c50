"""The live view: devices, lag, throughput, what is refused and why, and the alarms."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from local.metrics import MetricStore, Verdict, look_at
from local.stack import Stack

WINDOW_S = 10
SHOWN = 40
NARROWEST = 40
COLOURS = {"ALARM": "\x1b[1;31m", "OK": "\x1b[32m", "INSUFFICIENT_DATA": "\x1b[33m", "HEAD": "\x1b[1m"}
WORDS = {"ALARM": "RINGING", "OK": "ok", "INSUFFICIENT_DATA": "no data"}
ORDER = ("ALARM", "INSUFFICIENT_DATA", "OK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the view shows at one instant."""

    at: datetime
    devices: int
    latest: Sequence[tuple[str, float, float]]
    accepted: int
    quarantined: int
    dead: int
    by_reason: Mapping[str, int]
    per_second: float
    lag_median_s: float | None
    lag_max_s: float | None
    queue: int
    silent: int | None
    alarms: Mapping[str, Verdict]


class Watcher:
    """Takes pictures of a stack; also does what CloudWatch does with alarms: it evaluates them and sets their state."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._store = MetricStore(stack.metrics)
        self._namespace = ""
        self._devices: dict[str, tuple[float, float]] = {}
        self._dynamodb = stack.client("dynamodb")
        self._sqs = stack.client("sqs")
        self._cloudwatch = stack.client("cloudwatch")
        self._states: dict[str, str] = {}
        self._looked_s = -1e9

    def picture(self) -> Picture:
        now_s = time.time()
        alarms = self.alarms(now_s)
        own = next(a for a in self._cloudwatch_alarms() if a["MetricName"] == "Accepted")
        namespace, stage = own["Namespace"], {d["Name"]: d["Value"] for d in own["Dimensions"]}
        if now_s - self._looked_s > 3:
            self._look_at_devices()
            self._looked_s = now_s

        def all_of(name: str, since_s: float = 0) -> list[float]:
            return [value for _, value in self._store.values(namespace, name, stage, since_s, now_s + 1)]

        recent = [sum(all_of(name, now_s - WINDOW_S)) for name in ("Accepted", "Quarantined", "DeadLettered")]
        medians, highest = all_of("EventLagMedian", now_s - WINDOW_S), all_of("EventLagMax", now_s - WINDOW_S)
        newest = sorted(self._devices.items(), key=lambda entry: -entry[1][1])[:SHOWN]
        return Picture(
            at=datetime.fromtimestamp(now_s, UTC),
            devices=len(self._devices),
            latest=[(device, value, now_s - at_s) for device, (value, at_s) in newest],
            accepted=int(sum(all_of("Accepted"))),
            quarantined=int(sum(all_of("Quarantined"))),
            dead=int(sum(all_of("DeadLettered"))),
            by_reason={k: int(v) for k, v in sorted(self._store.by_dimension(namespace, "Rejected", "reason").items())},
            per_second=sum(recent) / WINDOW_S,
            lag_median_s=statistics.median(medians) if medians else None,
            lag_max_s=max(highest) if highest else None,
            queue=self.queue_depth(),
            silent=int(silent[-1]) if (silent := all_of("SilentDevices")) else None,
            alarms=alarms,
        )

    def queue_depth(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        said = self._sqs.get_queue_attributes(QueueUrl=self._stack.system["dead_letter_url"], AttributeNames=names)
        return int(said["Attributes"]["ApproximateNumberOfMessages"])

    def alarms(self, now_s: float) -> dict[str, Verdict]:
        """Evaluate every alarm that Terraform made, and tell (local) CloudWatch what changed."""
        name = self._stack.system["dead_letter_url"].rpartition("/")[2]
        depth = float(self.queue_depth())
        self._store.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name}, depth)
        found = {}
        for alarm in self._cloudwatch_alarms():
            verdict = look_at(alarm, self._store, now_s)
            found[alarm["AlarmName"]] = verdict
            if verdict.state != alarm["StateValue"]:
                self._cloudwatch.set_alarm_state(
                    AlarmName=alarm["AlarmName"], StateValue=verdict.state, StateReason=verdict.reason
                )
        return found

    def _cloudwatch_alarms(self) -> list[dict[str, Any]]:
        found = self._cloudwatch.describe_alarms(AlarmNames=list(self._stack.system["alarms"]))["MetricAlarms"]
        return sorted(found, key=lambda alarm: str(alarm["AlarmName"]))

    def _look_at_devices(self) -> None:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._stack.system["table"])
        for page in pages:
            for item in page["Items"]:
                at_s = int(item["event_ms"]["N"]) / 1000
                self._devices[item["device_id"]["S"]] = (float(item["temperature_c"]["N"]), at_s)

    def close(self) -> None:
        self._store.close()


def lines(picture: Picture, *, colour: bool, width: int = 100, height: int = 50) -> list[str]:
    """The picture as text: at most `height` lines of at most `width` columns, the alarms that ring first."""
    frame = _Frame(width=max(width, NARROWEST), colour=colour)
    frame.add(f"{picture.at:%H:%M:%S} UTC", f"devices {picture.devices:,}", f"{picture.per_second:,.0f} records/s")
    frame.add(
        f"event lag {_seconds(picture.lag_median_s)} median, {_seconds(picture.lag_max_s)} most", *_silence(picture)
    )
    frame.add(
        f"accepted {picture.accepted:,}",
        f"quarantined {picture.quarantined:,}",
        f"dead letters {picture.dead:,} ({picture.queue:,} in the queue)",
    )
    frame.head(_ringing(picture))
    _draw_alarms(frame, picture.alarms, most=max(height - len(frame.told) - 10, 1))
    frame.head("refused for")
    reasons = sorted(picture.by_reason.items(), key=lambda item: (-item[1], item[0]))
    frame.wrap("  ", [f"{reason} {count:,}" for reason, count in reasons] or ["nothing"])
    frame.head("latest readings")
    _draw_devices(frame, picture.latest, rows=height - len(frame.told))
    return frame.told[:height]


def _seconds(value: float | None) -> str:
    """A span as a person says it: 0.4 s, 3 min, 2.1 h, 12 d."""
    if value is None:
        return "-"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if abs(value) >= 2 * size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:.1f} s"


def _silence(picture: Picture) -> list[str]:
    return [] if picture.silent is None else [f"silent devices {picture.silent:,}"]


def _ringing(picture: Picture) -> str:
    ringing = sum(verdict.state == "ALARM" for verdict in picture.alarms.values())
    return f"alarms: {ringing} of {len(picture.alarms)} ringing"


class _Frame:
    """Lines that are no wider than the terminal; colours cost no width."""

    def __init__(self, *, width: int, colour: bool) -> None:
        self.width = width
        self.told: list[str] = []
        self._colour = colour

    def add(self, *parts: str) -> None:
        self.told.append(_cut("   ".join(parts), self.width))

    def head(self, text: str) -> None:
        self.told += ["", self.paint(_cut(text, self.width), "HEAD")]

    def wrap(self, label: str, words: Sequence[str]) -> None:
        """Words after a label, on as many lines as they need."""
        line = label
        for place, word in enumerate(words):
            more = word + (", " if place < len(words) - 1 else "")
            if len(line) + len(more.rstrip()) > self.width and line.strip():
                self.add(line.rstrip())
                line = " " * len(label)
            line += more
        self.add(line.rstrip())

    def paint(self, text: str, state: str) -> str:
        return f"{COLOURS[state]}{text}\x1b[0m" if self._colour else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _draw_alarms(frame: _Frame, alarms: Mapping[str, Verdict], *, most: int) -> None:
    """What rings, then what has no data, each with its reason; what is fine in one list when there is no room for more."""
    prefix = _shared(list(alarms))
    order = sorted(alarms.items(), key=lambda item: (ORDER.index(item[1].state), item[0]))
    telling = [(name.removeprefix(prefix), verdict) for name, verdict in order]
    fine = [name for name, verdict in telling if verdict.state == "OK"] if len(telling) > most else []
    shown = [(name, verdict) for name, verdict in telling if name not in fine]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, verdict in shown:
        word = WORDS[verdict.state]
        reason = _cut(verdict.reason, max(frame.width - wide - 14, 0))
        frame.told.append(f"  {frame.paint(f'{word:<7}', verdict.state)}  {name:<{wide}}  {reason}".rstrip())
    if fine:
        frame.wrap("  ok       ", fine)


def _shared(names: Sequence[str]) -> str:
    """What all names begin with, up to a hyphen: `iot-dev-`."""
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False))
    return "".join(column[0] for column in letters).rpartition("-")[0] + "-" if len(names) > 1 else ""


def _draw_devices(frame: _Frame, latest: Sequence[tuple[str, float, float]], *, rows: int) -> None:
    """In as many columns as there is room for, the newest first, read down and then right."""
    cells = [f"{device}  {value:7.2f} °C  {_seconds(age):>9} ago" for device, value, age in latest]
    wide = max((len(cell) for cell in cells), default=0) + 4
    columns = max((frame.width - 2 + 4) // wide, 1)
    rows = max(min(rows, -(-len(cells) // columns)), 0)
    for row in range(rows):
        frame.add("  " + "    ".join(cells[row : rows * columns : rows]))


class Screen:
    """The terminal while the view is on it: a screen of its own, without a cursor, and the last frame stays behind."""

    def __init__(self) -> None:
        self._colour = "NO_COLOR" not in os.environ
        self._last: list[str] = []

    def __enter__(self) -> Screen:
        self._write("\x1b[?1049h\x1b[?25l")
        return self

    def __exit__(self, *_: object) -> None:
        self._write("\x1b[?25h\x1b[?1049l" + "".join(f"{line}\n" for line in self._last))

    def draw(self, picture: Picture) -> None:
        """Draw over what is there: no line is empty in between, so nothing flickers."""
        size = shutil.get_terminal_size()
        self._last = lines(picture, colour=self._colour, width=size.columns, height=max(size.lines - 2, 8))
        self._write("\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in [*self._last, ""]) + "Ctrl-C ends it\x1b[J")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def short(picture: Picture) -> str:
    """One line, for a pipe."""
    ringing = [name for name, verdict in picture.alarms.items() if verdict.state == "ALARM"]
    return (
        f"devices {picture.devices}, {picture.per_second:.0f} records/s, accepted {picture.accepted},"
        f" quarantined {picture.quarantined}, dead letters {picture.dead}, in alarm: {', '.join(ringing) or 'none'}"
    )
