"""The replay tool as it is called: out of the history, the quarantine and the dead-letter queue, against AWS in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest import contract, telemetry
from ingest.handler import handler
from simulator.sender import Ledger
from tests.iot import ARRIVED_MS, aws, message, record
from tools import replay as tool
from tools.ledger import Id, history, messages, release
from tools.reconcile import Account, account, outcomes, reconcile

SHARD = "shardId-000000000000"


class World:
    """AWS in memory with a stream; what was sent is counted here, and accounted for by the tool that does so."""

    def __init__(self, clients: Mapping[str, Any]) -> None:
        self.s3, self.sqs, self.kinesis, self.dynamodb = (
            clients[name] for name in ("s3", "sqs", "kinesis", "dynamodb")
        )
        self.url = clients["queue_url"]
        self.sent: set[Id] = set()

    def send(self, *data: bytes) -> None:
        first = len(self.sent) + 1
        records = [record(first + place, one) for place, one in enumerate(data)]
        self.sent |= {Id(SHARD, first + place) for place in range(len(data))}
        assert handler({"Records": records}, None) == {"batchItemFailures": []}

    def letters(self) -> list[dict[str, Any]]:
        found = list(messages(self.sqs, self.url))
        release(self.sqs, self.url, [m["receipt"] for m in found])
        return found

    def account(self) -> Account:
        quarantine = frozenset(Id(r["shard"], int(r["sequence"])) for r in history(self.s3, "history", "quarantine/"))
        return account(frozenset(self.sent), outcomes(history(self.s3, "history", "raw/")), quarantine, self.letters())

    def latest(self, device: str) -> float | None:
        item = self.dynamodb.get_item(TableName="latest", Key={"device_id": {"S": device}}).get("Item")
        return float(item["temperature_c"]["N"]) if item else None


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(telemetry, "write", lambda line: None)  # the tool puts its own there; this puts it back
    with aws(monkeypatch) as clients:
        clients["kinesis"].create_stream(StreamName="readings", ShardCount=1)
        monkeypatch.setenv("STREAM_NAME", "readings")
        yield World(clients)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call_(*words: str) -> tuple[int, dict[str, int], str]:
        monkeypatch.setattr(sys, "argv", ["replay", *words])
        status = tool.main()
        said = capsys.readouterr()
        return status, json.loads(said.out) if said.out else {}, said.err

    return call_


def test_a_lost_table_comes_back_out_of_the_history(world: World, call) -> None:
    for batch in range(18):
        world.send(*[message(f"dev-{n:02d}", celsius=n / 2, event_ms=ARRIVED_MS + batch) for n in range(30)])
    for n in range(30):
        world.dynamodb.delete_item(TableName="latest", Key={"device_id": {"S": f"dev-{n:02d}"}})
    assert call("history")[:2] == (0, {"handled": 540, "failed": 0})
    assert [world.latest(f"dev-{n:02d}") for n in range(30)] == [n / 2 for n in range(30)]
    assert world.account().counts() | {"sent": 540, "stored": 540, "exact": True} == world.account().counts()


def test_only_the_day_that_is_named_is_replayed(world: World, call) -> None:
    world.send(message())
    assert call("history", "--prefix", "dt=2026-09-21/hour=14/")[1] == {"handled": 1, "failed": 0}
    assert call("history", "--prefix", "dt=2026-09-20")[:2] == (0, {"handled": 0, "failed": 0})


def test_the_quarantine_comes_back_once_a_limit_is_repaired(
    world: World, call, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = message("dev-early", celsius=7.0, event_ms=ARRIVED_MS + 400_000)
    world.send(message(), early, message("dev-hot", celsius=-9999))
    before = world.account()
    assert (len(before.quarantined), before.faults) == (2, ())
    assert call("quarantine")[:2] == (0, {"handled": 2, "failed": 0})
    assert len(world.account().quarantined) == 2
    monkeypatch.setenv("MAX_AHEAD_S", "600")
    status, said, err = call("quarantine")
    assert (status, said) == (0, {"handled": 2, "failed": 0})
    assert "out-of-range" in err
    after = world.account()
    assert (len(after.stored), len(after.quarantined), after.faults) == (2, 1, ())
    assert world.latest("dev-early") == 7.0


def test_the_dead_letters_come_back_once_the_contract_is_repaired(
    world: World, call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(contract, "contracts", lambda: {1: {"required": ["nothing"], "properties": {}}})
        world.send(message(celsius=33.0), b"\xff", message("dev-000002", celsius=34.0))
    assert (len(world.account().dead), world.account().faults) == (3, ())
    assert call("dead-letters")[:2] == (0, {"handled": 3, "failed": 0})
    after = world.account()
    assert (len(after.stored), len(after.dead), after.faults) == (2, 1, ())
    assert [letter["sequence"] for letter in world.letters()] == ["2"], "what is dead stays, once"
    assert (world.latest("dev-000001"), world.latest("dev-000002")) == (33.0, 34.0)


def test_what_cannot_be_replayed_is_told_and_stays(world: World, call) -> None:
    world.send(b"x" * 300_000)
    put = world.kinesis.put_record(StreamName="readings", Data=b"{}", PartitionKey="k")["SequenceNumber"]
    batch = {"shardId": SHARD, "startSequenceNumber": "0", "endSequenceNumber": put}
    world.sqs.send_message(QueueUrl=world.url, MessageBody=json.dumps({"KinesisBatchInfo": batch}))
    status, said, err = call("dead-letters")
    assert status == 1
    left = {"too large, replay it from the history": 1, "no longer in the stream": 1}
    assert said == {"handled": 0, "failed": 0} | left
    assert "is no longer in the stream" in err
    assert len(world.letters()) == 2
    assert call("history")[1] == {"handled": 1, "failed": 0}


def test_what_the_table_refuses_fails_and_its_letter_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(contract, "contracts", lambda: {1: {"required": ["nothing"], "properties": {}}})
        world.send(message(celsius=33.0), message("dev-000002"))
    refused = {"batchItemFailures": [{"itemIdentifier": "1"}]}
    done = tool.from_queue(
        sqs=world.sqs, kinesis=world.kinesis, queue_url=world.url, stream="readings", invoke=lambda event: refused
        if event["Records"][0]["kinesis"]["sequenceNumber"] == "1"
        else handler(event, None),
    )  # fmt: skip
    assert done == {"handled": 1, "failed": 1}
    assert [letter["sequence"] for letter in world.letters()] == ["1"]


def test_letters_are_free_again_when_the_handler_cannot_be_called(world: World) -> None:
    world.send(b"x", b"y", b"z")

    def down(_: object) -> dict[str, Any]:
        raise RuntimeError("it is down")

    with pytest.raises(RuntimeError, match="down"):
        tool.from_queue(sqs=world.sqs, kinesis=world.kinesis, queue_url=world.url, stream="readings", invoke=down)
    assert len(world.letters()) == 3


@pytest.mark.parametrize(
    ("words", "unset", "names"),
    [
        (["history"], ["BUCKET_NAME", "TABLE_NAME"], "`BUCKET_NAME`, `TABLE_NAME`"),
        (["dead-letters"], ["STREAM_NAME"], "`STREAM_NAME`"),
        (["dead-letters", "--function", "ingest"], ["DEAD_LETTER_URL", "MAX_AHEAD_S"], "`DEAD_LETTER_URL`"),
        (["quarantine", "--bucket", "history"], ["BUCKET_NAME"], "`BUCKET_NAME`"),
    ],
    ids=range(4),
)
def test_what_must_be_set_is_named(
    world: World, call, monkeypatch: pytest.MonkeyPatch, words: list[str], unset: list[str], names: str
) -> None:
    for name in unset:
        monkeypatch.delenv(name)
    status, said, err = call(*words)
    assert (status, said) == (2, {})
    assert err.startswith(f"error: {names} must be set\nhint: ")


def test_batches_are_small_enough_for_a_function(world: World) -> None:
    sizes: list[tuple[int, int]] = []

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        sizes.append((len(event["Records"]), len(json.dumps(event))))
        return {"batchItemFailures": []}

    def line(number: int, size: int, shard: str = "s") -> dict[str, Any]:
        about = {"shard": shard, "sequence": str(number), "partition_key": "k" * 200, "arrived_ms": ARRIVED_MS}
        return about | {"data": "ü" * size}

    big = [line(n, 250_000) for n in range(40)]
    small = [line(n, 20, "t") for n in range(1100)]
    assert tool.replay([*big, *small], invoke) == {"handled": 1140, "failed": 0}
    assert max(size for _, size in sizes) < 6_000_000
    assert max(count for count, _ in sizes) == tool.BATCH
    assert sum(count for count, _ in sizes) == 1140


def test_what_is_still_on_its_way_is_waited_for_and_what_comes_meanwhile_is_left_out(
    world: World, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "sent.db")
    ledger.note([(SHARD, str(n), "dev", None) for n in (1, 2)])
    world.send(message())
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        ledger.note([(SHARD, str(n), "dev", None) for n in (3, 4)])
        world.send(message(), b"x", message(celsius=-9999))

    def found(patience_s: float) -> Account:
        return reconcile(
            s3=world.s3, sqs=world.sqs, kinesis=world.kinesis, bucket="history", queue_url=world.url, stream="readings",
            ledger=tmp_path / "sent.db", patience_s=patience_s, pause=pause,
        )  # fmt: skip

    assert found(0).faults == (f"1 sent, and not in the history nor given up: {SHARD}:2",)
    assert found(60).counts() == {
        "sent": 2, "stored": 2, "quarantined": 0, "dead_lettered": 0, "exact": True, "faults": [],
    }  # fmt: skip
    assert len(looks) == 1
    assert found(0).counts()["sent"] == 4
    ledger.close()
