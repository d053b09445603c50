"""Counts the devices that fell silent, every few minutes: what does not arrive cannot report itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ingest import stores, telemetry
from ingest.stores import setting

NAMED = 20
"""How many silent devices the log names."""


def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Write the metrics `KnownDevices` and `SilentDevices`."""
    limit_ms = time.time_ns() // 1_000_000 - int(setting("SILENT_AFTER_S")) * 1000
    known = sorted(stores.known_devices(setting("TABLE_NAME")), key=lambda device: device[1])
    silent = [device for device, arrived_ms in known if arrived_ms < limit_ms]
    values = {"KnownDevices": len(known), "SilentDevices": len(silent)}
    telemetry.metrics(setting("METRIC_NAMESPACE"), {"stage": setting("STAGE")}, values)
    if silent:
        telemetry.log("WARNING", "silent devices, the longest silent first", devices=silent[:NAMED])
    return values
