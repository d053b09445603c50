"""The handler against AWS in memory: the promises of the README, one test each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ingest import stores
from ingest.handler import handler
from tools.ledger import history, messages

ARRIVED = datetime(2026, 9, 21, 12, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    region = "eu-central-1"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": region,
        "TABLE_NAME": "latest",
        "BUCKET_NAME": "history",
        "MAX_AHEAD_S": "300",
        "MAX_BEHIND_S": "604800",
        "METRIC_NAMESPACE": "iot/readings",
        "STAGE": "test",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        stores.client.cache_clear()
        found = {name: boto3.client(name, region_name=region) for name in ("dynamodb", "s3", "sqs")}
        found["dynamodb"].create_table(
            TableName="latest",
            KeySchema=[{"AttributeName": "device_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "device_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        found["s3"].create_bucket(Bucket="history", CreateBucketConfiguration={"LocationConstraint": region})
        found["queue_url"] = found["sqs"].create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("DEAD_LETTER_URL", found["queue_url"])
        yield found
    stores.client.cache_clear()


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


def reading(celsius: object, at: str = "2026-09-21T12:00:00Z") -> bytes:
    return json.dumps({"schema_version": 1, "device_id": "dev-1", "event_time": at, "temperature_c": celsius}).encode()


def latest(aws: dict[str, Any]) -> float:
    item = aws["dynamodb"].get_item(TableName="latest", Key={"device_id": {"S": "dev-1"}})["Item"]
    return float(item["temperature_c"]["N"])


def test_a_late_reading_never_overwrites_a_newer_one(aws: dict[str, Any]) -> None:
    handler({"Records": [record(1, reading(24.5))]}, None)
    handler({"Records": [record(2, reading(79.9, at="2026-09-21T11:00:00Z"))]}, None)
    assert latest(aws) == 24.5


def test_nothing_blocks_and_nothing_is_lost(aws: dict[str, Any]) -> None:
    batch = [record(1, b"{not json"), record(2, reading(-9999)), record(3, reading(21.0))]
    assert handler({"Records": batch}, None) == {"batchItemFailures": []}
    assert latest(aws) == 21.0
    assert [i["outcome"] for i in history(aws["s3"], "history", "raw/")] == ["dead", "quarantined", "accepted"]
    assert [m["reason"] for m in messages(aws["sqs"], aws["queue_url"])] == ["not-json"]
    assert [i["reason"] for i in history(aws["s3"], "history", "quarantine/")] == ["out-of-range"]


def test_a_batch_may_be_delivered_again(aws: dict[str, Any]) -> None:
    batch = [record(1, reading(20.0)), record(2, reading(21.0, at="2026-09-21T12:00:01Z"))]
    for _ in range(3):
        handler({"Records": batch}, None)
    assert latest(aws) == 21.0
    assert len(list(history(aws["s3"], "history", "raw/"))) == 2
