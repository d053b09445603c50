"""The live view: devices, lag, throughput, what is refused and why, and the alarms."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.metrics import MetricStore, Verdict, look_at
from local.stack import Stack

WINDOW_S = 10
SHOWN = 12
COLOURS = {"ALARM": "\x1b[1;31m", "OK": "\x1b[32m", "INSUFFICIENT_DATA": "\x1b[33m"}


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


def lines(picture: Picture, *, colour: bool) -> list[str]:
    """The picture as text, a line each."""

    def paint(text: str, state: str) -> str:
        return f"{COLOURS[state]}{text}\x1b[0m" if colour else text

    def seconds(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f} s"

    reasons = ", ".join(f"{reason} {count}" for reason, count in picture.by_reason.items()) or "none"
    told = [
        f"{picture.at:%H:%M:%S} UTC   devices {picture.devices}   {picture.per_second:.0f} records/s"
        f"   event lag {seconds(picture.lag_median_s)} median, {seconds(picture.lag_max_s)} most",
        f"accepted {picture.accepted}   quarantined {picture.quarantined}   dead letters {picture.dead}"
        f" ({picture.queue} in the queue)",
        f"refused for: {reasons}",
        "",
        "alarms",
    ]
    width = max((len(name) for name in picture.alarms), default=0)
    told += [f"  {name:<{width}}  {paint(v.state, v.state):<6}  {v.reason}" for name, v in picture.alarms.items()]
    told += ["", "latest readings"]
    told += [f"  {device}  {value:8.2f} °C  {age:6.1f} s ago" for device, value, age in picture.latest]
    return told


def short(picture: Picture) -> str:
    """One line, for a pipe."""
    ringing = [name for name, verdict in picture.alarms.items() if verdict.state == "ALARM"]
    return (
        f"devices {picture.devices}, {picture.per_second:.0f} records/s, accepted {picture.accepted},"
        f" quarantined {picture.quarantined}, dead letters {picture.dead}, in alarm: {', '.join(ringing) or 'none'}"
    )
