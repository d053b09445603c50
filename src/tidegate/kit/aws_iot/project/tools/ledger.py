"""Reads what became of records: the history in S3 and the dead-letter queue, without changing either."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HELD_S = 900
"""How long messages of the queue are hidden while they are counted; afterwards they are there again."""


@dataclass(frozen=True, slots=True, order=True)
class Id:
    """A record of the stream."""

    shard: str
    number: int


def objects(s3: Any, bucket: str, prefix: str, *, after: str = "") -> Iterator[str]:
    """The keys below a prefix, in their order."""
    yield from (key for key, _ in written(s3, bucket, prefix, after=after))


def written(s3: Any, bucket: str, prefix: str, *, after: str = "") -> Iterator[tuple[str, str]]:
    """The keys below a prefix and what S3 calls the bytes under each: a replay may write a key again."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after):
        yield from ((entry["Key"], entry["ETag"]) for entry in page.get("Contents", []))


def lines(s3: Any, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    """The records of one file of the history."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    for line in gzip.decompress(body).decode("utf-8", "surrogatepass").splitlines():
        yield json.loads(line)


def history(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for key in objects(s3, bucket, prefix):
        yield from lines(s3, bucket, key)


def messages(sqs: Any, queue_url: str, *, held_s: int = HELD_S) -> Iterator[dict[str, Any]]:
    """Every message of the queue, once; they become visible again after `held_s` seconds.

    It ends when the queue answers three times with nothing that is new. A message that somebody else holds is not seen.
    """
    idle = 0
    seen: set[str] = set()
    while idle < 3:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=held_s, WaitTimeSeconds=0
        )
        found = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        idle = 0 if found else idle + 1
        for message in found:
            seen.add(message["MessageId"])
            yield json.loads(message["Body"]) | {"receipt": message["ReceiptHandle"]}


def release(sqs: Any, queue_url: str, receipts: list[str]) -> None:
    """Make messages visible again at once."""
    for start in range(0, len(receipts), 10):
        entries = [
            {"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for n, receipt in enumerate(receipts[start : start + 10])
        ]
        sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
