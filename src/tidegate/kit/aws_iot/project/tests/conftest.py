"""AWS in memory: the table, the bucket and the queue, and the settings that Terraform gives the function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ingest import stores

REGION = "eu-central-1"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "TABLE_NAME": "latest",
    "BUCKET_NAME": "history",
    "MAX_AHEAD_S": "300",
    "MAX_BEHIND_S": "604800",
    "METRIC_NAMESPACE": "iot/readings",
    "STAGE": "test",
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        stores.client.cache_clear()
        found = {name: boto3.client(name, region_name=REGION) for name in ("dynamodb", "kinesis", "s3", "sqs")}
        found["dynamodb"].create_table(
            TableName="latest",
            KeySchema=[{"AttributeName": "device_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "device_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        found["s3"].create_bucket(Bucket="history", CreateBucketConfiguration={"LocationConstraint": REGION})
        found["queue_url"] = found["sqs"].create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("DEAD_LETTER_URL", found["queue_url"])
        yield found
    stores.client.cache_clear()
