"""What CloudWatch would keep of metrics, in one SQLite file; and what it would say of alarms.

The alarms are read back from (local) CloudWatch, where Terraform made them, so that their definitions are tried and not a copy.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarm-evaluation
"""

from __future__ import annotations

import json
import operator
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEEP_S = 3 * 3600


class MetricStore:
    """Values by namespace, metric and dimensions; several processes may write."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._base.execute("pragma journal_mode = wal")
        self._base.execute("pragma synchronous = off")
        self._base.execute(
            "create table if not exists metric (at_s real, namespace text, name text, dimensions text, value real)"
        )
        self._base.execute("create index if not exists metric_by on metric (namespace, name, dimensions, at_s)")

    def put(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        row = (time.time(), namespace, name, _key(dimensions), value)
        with self._lock:
            self._base.execute("insert into metric values (?, ?, ?, ?, ?)", row)

    def hear(self, line: str) -> None:
        """Take the metrics out of one line of a function's log, as CloudWatch does."""
        try:
            said = json.loads(line)
        except ValueError:
            return
        for directive in said.get("_aws", {}).get("CloudWatchMetrics", []) if isinstance(said, dict) else []:
            for names in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    dimensions = {n: str(said[n]) for n in names}
                    self.put(directive["Namespace"], metric["Name"], dimensions, float(said[metric["Name"]]))

    def values(
        self, namespace: str, name: str, dimensions: Mapping[str, str], since_s: float, until_s: float
    ) -> list[tuple[float, float]]:
        """Time and value, oldest first; half-open."""
        query = (
            "select at_s, value from metric where namespace = ? and name = ? and dimensions = ?"
            " and at_s >= ? and at_s < ? order by at_s"
        )
        with self._lock:
            return self._base.execute(query, (namespace, name, _key(dimensions), since_s, until_s)).fetchall()

    def by_dimension(self, namespace: str, name: str, dimension: str) -> dict[str, float]:
        """The sum of all values by one dimension."""
        query = "select dimensions, sum(value) from metric where namespace = ? and name = ? group by dimensions"
        with self._lock:
            rows = self._base.execute(query, (namespace, name)).fetchall()
        return {json.loads(dims)[dimension]: total for dims, total in rows if dimension in json.loads(dims)}

    def trim(self, now_s: float) -> None:
        with self._lock:
            self._base.execute("delete from metric where at_s < ?", (now_s - KEEP_S,))

    def close(self) -> None:
        self._base.close()


def _key(dimensions: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(dimensions.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an alarm says: OK, ALARM or INSUFFICIENT_DATA, and why."""

    state: str
    reason: str


COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": lambda values: float(len(values)),
}


def datapoints(alarm: Mapping[str, Any], values: Sequence[tuple[float, float]], now_s: float) -> list[float | None]:
    """One number a period, oldest first, of the last periods that are over; None for a period without values."""
    period, count = alarm["Period"], alarm["EvaluationPeriods"]
    end = now_s // period * period
    statistic = STATISTICS[alarm["Statistic"]]
    points: list[float | None] = []
    for place in range(count, 0, -1):
        low = end - place * period
        inside = [value for at_s, value in values if low <= at_s < low + period]
        points.append(statistic(inside) if inside else None)
    return points


def evaluate(alarm: Mapping[str, Any], points: Sequence[float | None], before: str) -> Verdict:
    """What CloudWatch makes of the data points: M of N over the threshold, missing ones treated as the alarm says.

    Args:
        before: the state until now, which `ignore` keeps.
    """
    compare, threshold = COMPARE[alarm["ComparisonOperator"]], alarm["Threshold"]
    missing = alarm.get("TreatMissingData") or "missing"
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    there = [p for p in points if p is not None]
    if not there and missing == "missing":
        return Verdict(state="INSUFFICIENT_DATA", reason="no data")
    if not there and missing == "ignore":
        return Verdict(state=before, reason="no data, the state is kept")
    over = sum(compare(p, threshold) for p in there)
    empty = len(points) - len(there) if missing == "breaching" else 0
    over += empty
    said = f"{over} of the last {len(points)} periods ({alarm['Period']} s) breach {threshold:g}, {needed} are needed"
    if empty:
        said = f"{empty} without data, which counts: {said}"
    return Verdict(state="ALARM" if over >= needed else "OK", reason=said)


def look_at(alarm: Mapping[str, Any], store: MetricStore, now_s: float) -> Verdict:
    """Evaluate one alarm against what the store has."""
    dimensions = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
    since_s = now_s - alarm["Period"] * (alarm["EvaluationPeriods"] + 1)
    values = store.values(alarm["Namespace"], alarm["MetricName"], dimensions, since_s, now_s)
    return evaluate(alarm, datapoints(alarm, values, now_s), alarm["StateValue"])
