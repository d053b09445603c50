"""Records as Kinesis hands them over, for the tests."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

ARRIVED = datetime(2026, 9, 21, 12, tzinfo=UTC)
"""When the records of the tests arrive."""

NOON = "2026-09-21T12:00:00Z"


def reading(celsius: object, at: object = NOON, device: object = "dev-1", **more: object) -> bytes:
    said = {"schema_version": 1, "device_id": device, "event_time": at, "temperature_c": celsius}
    return json.dumps(said | more).encode()


def record(number: int, data: bytes) -> dict[str, Any]:
    return {
        "eventID": f"shardId-000000000000:{number}",
        "kinesis": {
            "partitionKey": "dev-1",
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": ARRIVED.timestamp(),
        },
    }
