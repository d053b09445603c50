"""Logs and metrics: one JSON object a line on stdout, which Lambda hands to CloudWatch.

Metrics are in CloudWatch's embedded metric format: a line of the log from which CloudWatch makes metrics, without a call.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

UNITS = {"EventLagMax": "Seconds", "EventLagMedian": "Seconds"}


def _stdout(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


write: Callable[[str], None] = _stdout
"""Where lines go; the local poller puts its own function here."""


def log(level: str, message: str, **fields: Any) -> None:
    """Write one line of the log."""
    write(json.dumps({"level": level, "message": message, **fields}, default=str))


def metrics(namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float], **fields: Any) -> None:
    """Write one line from which CloudWatch makes a metric per value; `fields` are only in the log."""
    names = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in values]
    about = {
        "Timestamp": time.time_ns() // 1_000_000,
        "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": names}],
    }
    write(json.dumps({"_aws": about, **dimensions, **values, **fields}, default=str))
