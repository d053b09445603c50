"""The template `aws-iot` as tests import it: its modules (`ingest`, `local`, `simulator`, `tools`) from where they are kept."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ingest import stores

PROJECT = Path(__file__).parent.parent / "src" / "tidegate" / "kit" / "aws_iot" / "project"

ARRIVED_MS = 1_790_000_000_000
"""An instant in September 2026 at which the records of tests arrive."""

REGION = "eu-central-1"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "TABLE_NAME": "latest",
    "BUCKET_NAME": "history",
    "MAX_AHEAD_S": "300",
    "MAX_BEHIND_S": "604800",
    "SILENT_AFTER_S": "900",
    "METRIC_NAMESPACE": "iot/readings",
    "STAGE": "test",
}


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(device: str = "dev-000001", *, event_ms: int = ARRIVED_MS, celsius: object = 20.5, **more: object) -> bytes:
    """A reading of version 1; `more` replaces or adds fields."""
    said = {"schema_version": 1, "device_id": device, "event_time": iso(event_ms), "temperature_c": celsius}
    return json.dumps(said | more).encode()


def record(number: int, data: bytes, *, key: str = "dev-000001", shard: str = "shardId-000000000000") -> dict[str, Any]:
    """A record as Lambda gives it to the handler."""
    return {
        "eventSource": "aws:kinesis",
        "eventID": f"{shard}:{number}",
        "kinesis": {
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": ARRIVED_MS / 1000,
        },
    }


@contextmanager
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Any]]:
    """In-process AWS with a table, a bucket and a queue; the handler's settings are in the environment."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        stores.client.cache_clear()
        clients = {name: boto3.client(name, region_name=REGION) for name in ("dynamodb", "s3", "sqs", "kinesis")}
        clients["dynamodb"].create_table(
            TableName="latest",
            KeySchema=[{"AttributeName": "device_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "device_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        clients["s3"].create_bucket(Bucket="history", CreateBucketConfiguration={"LocationConstraint": REGION})
        url = clients["sqs"].create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("DEAD_LETTER_URL", url)
        yield {**clients, "queue_url": url}
        stores.client.cache_clear()


SERVICES = {"cloudwatch logs": "logs", "eventbridge": "events"}
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
"""Calls whose action is called otherwise: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""

ANYBODY = frozenset({"sts:GetCallerIdentity"})
"""Calls that need no permission."""


def calls(log: Path) -> set[str]:
    """The actions that Terraform's provider used, out of its log of level DEBUG; a record of it may have several lines."""
    found = set()
    for entry in re.split(r"(?m)^(?=\d{4}-\d\d-\d\dT)", log.read_text(encoding="utf-8", errors="replace")):
        if "HTTP Request Sent" in entry:
            service, method = re.search(r'rpc\.service=("[^"]+"|\S+)', entry), re.search(r"rpc\.method=(\w+)", entry)
            assert service, entry
            assert method, entry
            name = service[1].strip('"').lower()
            call = f"{SERVICES.get(name, name)}:{method[1]}"
            found.add(ACTIONS.get(call, call))
    return found - ANYBODY
