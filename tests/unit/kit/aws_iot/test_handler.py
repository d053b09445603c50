"""The handler against AWS in memory: nothing lost, nothing blocked, everything repeatable."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest import contract, stores, telemetry, watch
from ingest.handler import handler
from tests.iot import ARRIVED_MS, PROJECT, aws, message, record
from tools.ledger import history, messages
from tools.replay import from_queue, replay


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Any]]:
    with aws(monkeypatch) as clients:
        yield clients


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(telemetry, "write", lambda line: lines.append(json.loads(line)))
    return lines


def handle(*records: Mapping[str, Any]) -> list[str]:
    return [item["itemIdentifier"] for item in handler({"Records": list(records)}, None)["batchItemFailures"]]


def latest(world: Mapping[str, Any], device: str = "dev-000001") -> float | None:
    item = world["dynamodb"].get_item(TableName="latest", Key={"device_id": {"S": device}}).get("Item")
    return float(item["temperature_c"]["N"]) if item else None


def test_a_late_reading_never_overwrites_a_newer_one(world, log) -> None:
    assert handle(record(1, message(celsius=24.5))) == []
    assert handle(record(2, message(celsius=99.9 - 20, event_ms=ARRIVED_MS - 60_000))) == []
    assert latest(world) == 24.5
    assert [line["Outdated"] for line in log if "Outdated" in line] == [0, 1]


def test_whatever_the_order_the_newest_stays(world, log) -> None:
    readings = [(n, message(celsius=float(n), event_ms=ARRIVED_MS - 1000 * (30 - n))) for n in range(1, 31)]
    random.Random(3).shuffle(readings)
    for start in range(0, 30, 7):
        handle(*[record(n, data) for n, data in readings[start : start + 7]])
    assert latest(world) == 30


def test_of_two_readings_of_one_instant_the_later_record_stays(world, log) -> None:
    handle(record(10, message(celsius=1)))
    handle(record(9, message(celsius=2)))
    assert latest(world) == 1
    handle(record(11, message(celsius=3)))
    assert latest(world) == 3


def test_a_batch_twice_changes_nothing(world, log) -> None:
    batch = [record(1, message()), record(2, b"x"), record(3, message(celsius=-9999))]
    handle(*batch)
    before = {name: list(history(world["s3"], "history", name)) for name in ("raw/", "quarantine/")}
    handle(*batch)
    assert {name: list(history(world["s3"], "history", name)) for name in ("raw/", "quarantine/")} == before


def test_every_record_comes_to_one_end_and_none_blocks(world, log) -> None:
    batch = [
        record(1, message()),
        record(2, b"\xff\x00 no text"),
        record(3, message(event_time="2999-01-01T00:00:00Z")),
        record(4, message(celsius=float("nan"))),
        record(5, message(celsius=21.0)),
    ]
    assert handle(*batch) == []
    ends = {line["sequence"]: line["outcome"] for line in history(world["s3"], "history", "raw/")}
    assert ends == {"1": "accepted", "2": "dead", "3": "quarantined", "4": "dead", "5": "accepted"}
    assert [line["reason"] for line in history(world["s3"], "history", "quarantine/")] == ["clock-ahead"]
    letters = {m["sequence"]: m["reason"] for m in messages(world["sqs"], world["queue_url"])}
    assert letters == {"2": "not-json", "4": "not-finite"}
    assert latest(world) == 21.0


def test_a_thrown_out_write_is_tried_again_from_there_on(world, log, monkeypatch: pytest.MonkeyPatch) -> None:
    put = stores._put
    monkeypatch.setattr(stores, "_put", lambda table, r: "again" if r.reading.device_id == "dev-b" else put(table, r))
    batch = [record(1, message("dev-a")), record(2, b"x"), record(3, message("dev-b")), record(4, message("dev-c"))]
    assert handle(*batch) == ["3"]
    assert [line["sequence"] for line in history(world["s3"], "history", "raw/")] == ["1", "2"]
    monkeypatch.setattr(stores, "_put", put)
    assert handle(*batch[2:]) == []
    assert sorted(line["sequence"] for line in history(world["s3"], "history", "raw/")) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("code", "outcome"), [("ThrottlingException", "again"), ("ValidationException", None)])
def test_only_errors_that_pass_are_tried_again(world, log, monkeypatch, code: str, outcome: str | None) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:
            assert name == "put_item"
            raise ClientError({"Error": {"Code": code}}, "PutItem")

    reading = stores.Reading(device_id="d", event_ms=1, temperature_c=1.0, schema_version=1)
    received = stores.Received(
        shard="s", sequence="1", partition_key="k", arrived_ms=1, data=b"", outcome="accepted", reading=reading
    )
    with monkeypatch.context() as refusing:
        refusing.setattr(stores, "client", lambda _: Refusing())
        if outcome is not None:
            assert stores._put("latest", received) == outcome
            return
        with pytest.raises(ClientError):
            stores._put("latest", received)


def test_the_history_is_compressed_partitioned_and_whole(world, log) -> None:
    handle(record(7, message()), record(8, b"\xff"))
    (key,) = [o["Key"] for o in world["s3"].list_objects_v2(Bucket="history")["Contents"]]
    assert key == "raw/v1/dt=2026-09-21/hour=14/shardId-000000000000-7-8-2.ndjson.gz"
    lines = gzip.decompress(world["s3"].get_object(Bucket="history", Key=key)["Body"].read()).splitlines()
    first, second = (json.loads(line) for line in lines)
    assert first["data"].encode() == message()
    assert second["data_base64"] == "/w=="


def test_a_dead_letter_that_is_too_large_leaves_its_data_in_the_history(world, log) -> None:
    handle(record(1, b"x" * 300_000))
    (letter,) = messages(world["sqs"], world["queue_url"])
    assert letter["data_left_out"]
    assert letter["reason"] == "not-json"
    (line,) = history(world["s3"], "history", "raw/")
    assert len(line["data"]) == 300_000


def test_many_dead_letters_are_all_sent(world, log) -> None:
    handle(*[record(n, b"x" * (100_000 if n % 3 else 10)) for n in range(1, 36)])
    assert len(list(messages(world["sqs"], world["queue_url"]))) == 35


def test_metrics_are_in_cloudwatchs_format(world, log) -> None:
    handle(
        record(1, message(event_ms=ARRIVED_MS - 90_000)),
        record(2, b"x"),
        record(3, b"y"),
        record(4, message(celsius=900)),
    )
    (main,) = [line for line in log if "Accepted" in line]
    counted = {k: main[k] for k in ("Accepted", "Quarantined", "DeadLettered", "Late", "EventLagMax")}
    assert counted == {"Accepted": 1, "Quarantined": 1, "DeadLettered": 2, "Late": 1, "EventLagMax": 90.0}
    (directive,) = main["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["stage"]]
    assert {m["Name"] for m in directive["Metrics"]} <= set(main)
    rejected = {line["reason"]: line["Rejected"] for line in log if "Rejected" in line}
    assert rejected == {"not-json": 2, "out-of-range": 1}
    assert {line["sequence"] for line in log if line.get("level") == "WARNING"} == {"2", "3", "4"}


def test_the_watch_counts_silent_devices(world, log, monkeypatch: pytest.MonkeyPatch) -> None:
    handle(record(1, message("dev-old")), record(2, message("dev-new")))
    table = {"TableName": "latest", "Key": {"device_id": {"S": "dev-new"}}}
    now_ms = ARRIVED_MS + 3_600_000
    world["dynamodb"].update_item(
        **table, UpdateExpression="SET arrived_ms = :n", ExpressionAttributeValues={":n": {"N": str(now_ms)}}
    )
    monkeypatch.setattr(watch.time, "time_ns", lambda: now_ms * 1_000_000)
    assert watch.handler({}, None) == {"KnownDevices": 2, "SilentDevices": 1}
    assert log[-1]["devices"] == ["dev-old"]


def test_a_replay_of_the_history_changes_nothing_that_is_newer(world, log) -> None:
    handle(record(1, message(celsius=1.0, event_ms=ARRIVED_MS - 5000)))
    handle(record(2, message(celsius=2.0)))
    lines = list(history(world["s3"], "history", "raw/"))
    assert replay(reversed(lines), lambda event: handler(event, None)) == {"handled": 2, "failed": 0}
    assert latest(world) == 2.0


def test_a_replay_rebuilds_a_lost_table(world, log) -> None:
    handle(*[record(n, message(f"dev-{n:03d}", celsius=float(n))) for n in range(1, 21)])
    lines = list(history(world["s3"], "history", "raw/"))
    for n in range(1, 21):
        world["dynamodb"].delete_item(TableName="latest", Key={"device_id": {"S": f"dev-{n:03d}"}})
    replay(lines, lambda event: handler(event, None))
    assert [latest(world, f"dev-{n:03d}") for n in range(1, 21)] == [float(n) for n in range(1, 21)]


def test_dead_letters_are_replayed_once_the_contract_is_repaired(world, log, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(contract, "contracts", lambda: {1: {"required": ["nothing"], "properties": {}}})
        handle(record(1, message(celsius=33.0)))
    assert latest(world) is None
    done = from_queue(
        sqs=world["sqs"],
        kinesis=world["kinesis"],
        queue_url=world["queue_url"],
        stream="none",
        invoke=lambda event: handler(event, None),
    )
    assert done["handled"] == 1
    assert latest(world) == 33.0
    assert list(messages(world["sqs"], world["queue_url"])) == []


def test_what_lambda_gave_up_on_is_read_again_from_the_stream(world, log) -> None:
    kinesis = world["kinesis"]
    kinesis.create_stream(StreamName="readings", ShardCount=1)
    data = [message("dev-a", celsius=float(n)) for n in range(4)]
    put = [kinesis.put_record(StreamName="readings", Data=d, PartitionKey="dev-a")["SequenceNumber"] for d in data]
    batch = {"shardId": "shardId-000000000000", "startSequenceNumber": put[1], "endSequenceNumber": put[2]}
    world["sqs"].send_message(QueueUrl=world["queue_url"], MessageBody=json.dumps({"KinesisBatchInfo": batch}))
    limits = {"max_ahead_ms": 10**15, "max_behind_ms": 10**15}  # its records arrive now, and not at ARRIVED_MS
    with pytest.MonkeyPatch.context() as anywhen:
        anywhen.setattr(
            "ingest.handler.judge", lambda data, arrived_ms, **_: contract.judge(data, arrived_ms, **limits)
        )
        done = from_queue(
            sqs=world["sqs"],
            kinesis=kinesis,
            queue_url=world["queue_url"],
            stream="readings",
            invoke=lambda event: handler(event, None),
        )
    assert done == {"handled": 2, "failed": 0}
    assert [line["sequence"] for line in history(world["s3"], "history", "raw/")] == put[1:3]
    assert list(messages(world["sqs"], world["queue_url"])) == []


IMPORTS = """
import sys
before = set(sys.modules)
import ingest.handler, ingest.watch
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before if not name.startswith("_")}))
"""


def test_the_handler_imports_the_standard_library_and_boto3_only() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=PROJECT, check=True, capture_output=True, text=True)
    allowed = {
        "ingest",
        "boto3",
        "botocore",
        "s3transfer",
        "jmespath",
        "dateutil",
        "urllib3",
        "six",
        "certifi",
        "awscrt",
    }
    found = set(done.stdout.split()) - set(sys.stdlib_module_names)
    assert "boto3" in found
    assert found - allowed - {name for name in found if name.startswith(("__", "distutils"))} == set()
