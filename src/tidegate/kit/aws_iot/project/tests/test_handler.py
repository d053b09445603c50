"""The handler against AWS in memory: the promises of the README, one test each."""

from __future__ import annotations

from typing import Any

from ingest.handler import handler
from tests.readings import reading, record
from tools.ledger import history, messages


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


def test_only_what_the_table_refuses_for_the_moment_is_tried_again(aws: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("ingest.stores._put", lambda table, r: "again" if r.sequence == "2" else "written")
    batch = [record(n, reading(20.0, device=f"dev-{n}")) for n in (1, 2, 3)]
    assert handler({"Records": batch}, None) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert [i["sequence"] for i in history(aws["s3"], "history", "raw/")] == ["1"]
