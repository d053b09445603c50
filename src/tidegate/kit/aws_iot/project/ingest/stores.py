"""Where readings go: the table of the latest ones, the history in S3, the dead-letter queue. Each write may be repeated."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ingest.contract import Reading

WRITERS = 16
"""Writes to the table at once; each waits for the network most of the time."""

RETIRED_AFTER_DAYS = 90
"""A device that sent nothing for so long leaves the table (its history stays)."""

PASSING = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "InternalServerError"}
)
"""Errors of DynamoDB that are over after a while: only the records concerned are tried again."""

NEWER = (
    "attribute_not_exists(device_id) OR event_ms < :event_ms OR (event_ms = :event_ms AND sequence_number < :sequence)"
)
"""A late or replayed reading never overwrites a newer one; the same reading twice changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One record of the stream and what became of it: `accepted` with its reading, `quarantined` or `dead` with a reason."""

    shard: str
    sequence: str
    partition_key: str
    arrived_ms: int
    data: bytes
    outcome: str
    reading: Reading | None = None
    reason: str | None = None
    detail: str | None = None

    def line(self) -> dict[str, Any]:
        """As the history and the dead-letter queue have it; `data`, or `data_base64` where it is no text, is the record."""
        said: dict[str, Any] = {
            "shard": self.shard,
            "sequence": self.sequence,
            "partition_key": self.partition_key,
            "arrived_ms": self.arrived_ms,
            "outcome": self.outcome,
        }
        try:
            said["data"] = self.data.decode("utf-8")
        except UnicodeDecodeError:
            said["data_base64"] = base64.b64encode(self.data).decode("ascii")
        if self.reading is not None:
            said |= {
                "device_id": self.reading.device_id,
                "event_ms": self.reading.event_ms,
                "temperature_c": self.reading.temperature_c,
                "schema_version": self.reading.schema_version,
            }
        if self.reason is not None:
            said |= {"reason": self.reason, "detail": self.detail}
        return said


@cache
def client(service: str) -> Any:
    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=WRITERS,
    )
    return boto3.client(service, config=config)


@cache
def _writers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WRITERS)


def keep_latest(table: str, accepted: Sequence[Received]) -> tuple[frozenset[str], int]:
    """Write the newest reading of each device, where it is newer than the stored one.

    Returns:
        The devices whose write has to be tried again, and how many readings were not newer than what is stored.
    """
    newest: dict[str, Received] = {}
    for received in accepted:
        reading = _reading(received)
        best = newest.get(reading.device_id)
        if best is None or _age(best) < _age(received):
            newest[reading.device_id] = received
    client("dynamodb")  # made here, once: making a client is not safe in threads
    answers = _writers().map(lambda r: _put(table, r), newest.values())
    outcomes = dict(zip(newest, answers, strict=True))
    again = frozenset(device for device, outcome in outcomes.items() if outcome == "again")
    return again, sum(outcome == "older" for outcome in outcomes.values())


def _reading(received: Received) -> Reading:
    if received.reading is None:
        raise ValueError(f"record {received.sequence} has no reading")
    return received.reading


def _age(received: Received) -> tuple[int, str]:
    return _reading(received).event_ms, padded(received.sequence)


def padded(sequence: str) -> str:
    """A sequence number so that texts compare as the numbers do; it is too long for DynamoDB's numbers."""
    return sequence.zfill(64)


def _put(table: str, received: Received) -> str:
    reading, sequence = _reading(received), padded(received.sequence)
    item = {
        "device_id": {"S": reading.device_id},
        "event_ms": {"N": str(reading.event_ms)},
        "temperature_c": {"N": str(reading.temperature_c)},
        "arrived_ms": {"N": str(received.arrived_ms)},
        "sequence_number": {"S": sequence},
        "schema_version": {"N": str(reading.schema_version)},
        "expires_at": {"N": str(received.arrived_ms // 1000 + RETIRED_AFTER_DAYS * 86_400)},
    }
    if reading.battery_pct is not None:
        item["battery_pct"] = {"N": str(reading.battery_pct)}
    try:
        client("dynamodb").put_item(
            TableName=table,
            Item=item,
            ConditionExpression=NEWER,
            ExpressionAttributeValues={":event_ms": item["event_ms"], ":sequence": {"S": sequence}},
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            return "older"
        if code in PASSING:
            return "again"
        raise
    return "written"


def keep_history(bucket: str, received: Sequence[Received]) -> None:
    """Write the records of one batch: all under `raw/`, those that are not plausible under `quarantine/` too.

    The key is made of the records, so that writing the batch again writes the same object.
    """
    _write_object(bucket, "raw", received)
    _write_object(bucket, "quarantine", [r for r in received if r.outcome == "quarantined"])


def _write_object(bucket: str, prefix: str, received: Sequence[Received]) -> None:
    if not received:
        return
    first, last = received[0], received[-1]
    at = datetime.fromtimestamp(first.arrived_ms / 1000, UTC)
    key = (
        f"{prefix}/v1/dt={at:%Y-%m-%d}/hour={at:%H}/"
        f"{first.shard}-{first.sequence}-{last.sequence}-{len(received)}.ndjson.gz"
    )
    text = "".join(json.dumps(r.line(), ensure_ascii=False) + "\n" for r in received)
    body = gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=6, mtime=0)
    client("s3").put_object(
        Bucket=bucket, Key=key, Body=body, ContentType="application/x-ndjson", ContentEncoding="gzip"
    )


def send_dead_letters(queue_url: str, received: Iterable[Received]) -> None:
    """Send each dead record with its reason.

    Raises:
        RuntimeError: the queue refused some; the batch is tried again, so some may be there twice, with the same id.
    """
    for entries in _by_ten([r.line() | {"kind": "record"} for r in received if r.outcome == "dead"]):
        answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"the dead-letter queue refused {answer['Failed']}")


def _by_ten(lines: Sequence[Mapping[str, Any]]) -> Iterable[list[dict[str, str]]]:
    """SQS takes ten messages and 256 KiB at once; a record that is larger is found in the history by its number."""
    entries: list[dict[str, str]] = []
    size = 0
    for line in lines:
        body = json.dumps(line)
        if len(body) > 200_000:
            body = json.dumps({k: v for k, v in line.items() if not k.startswith("data")} | {"data_left_out": True})
        if entries and (len(entries) == 10 or size + len(body) > 250_000):
            yield entries
            entries, size = [], 0
        entries.append({"Id": str(len(entries)), "MessageBody": body})
        size += len(body)
    if entries:
        yield entries


def known_devices(table: str) -> Iterable[tuple[str, int]]:
    """Each device with the arrival of its latest reading, milliseconds since 1970."""
    pages = (
        client("dynamodb").get_paginator("scan").paginate(TableName=table, ProjectionExpression="device_id, arrived_ms")
    )
    for page in pages:
        for item in page["Items"]:
            yield item["device_id"]["S"], int(item["arrived_ms"]["N"])


def setting(name: str) -> str:
    """A setting of the function; Terraform sets them all."""
    return os.environ[name]
