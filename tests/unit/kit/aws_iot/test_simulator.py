"""The fleet and its sender: deterministic, every fault as described, nothing lost on the way."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from ingest.contract import Refused, judge
from simulator.fleet import FAULTS, Fleet, Message, every_fault, parse_faults
from simulator.sender import ATTEMPTS, Ledger, Sender

START = datetime(2026, 9, 21, 12, tzinfo=UTC)


def fleet(**changed: Any) -> Fleet:
    said = {"seed": 7, "devices": 40, "faulty": every_fault(0.05), "start": START, "interval_s": 10, "ticks": 60}
    return Fleet(**(said | changed))


def all_of(one: Fleet) -> list[Message]:
    return [message for tick in one.messages() for message in tick]


def test_the_same_seed_sends_the_same_bytes() -> None:
    assert all_of(fleet()) == all_of(fleet())
    assert all_of(fleet(seed=8)) != all_of(fleet())


def test_a_fleet_without_faults_is_accepted_whole() -> None:
    messages = all_of(fleet(faulty={}))
    assert len(messages) == 40 * 60
    for n, message in enumerate(messages):
        arrived_ms = round(START.timestamp() * 1000) + n // 40 * 10_000
        assert judge(message.data, arrived_ms, max_ahead_ms=0, max_behind_ms=0).device_id == message.key


def test_every_fault_happens_and_does_what_it_says() -> None:
    one = fleet(devices=100, ticks=100)
    sent = all_of(one)
    of = {fault: [m for m in sent if m.key == device] for device, fault in one.faults().items()}
    assert set(of) == set(FAULTS)
    values = [json.loads(m.data) for m in of["stuck"][-20:]]
    assert len({v.get("temperature_c", v.get("temperature")) for v in values}) == 1
    assert len(of["silent"]) == 30
    assert len(of["duplicates"]) > 100
    assert len({m.data for m in of["duplicates"]}) == 100
    times = [json.loads(m.data)["event_time"] for m in of["out_of_order"]]
    assert times != sorted(times)
    assert len(times) == 100
    assert len(of["burst"]) == 100
    last = [json.loads(m.data) for m in of["fahrenheit"][-5:]]
    before = [json.loads(m.data) for m in of["fahrenheit"][25:30]]
    value = [v.get("temperature_c", v.get("temperature")) for v in (before[-1], last[0])]
    assert value[1] == pytest.approx(value[0] * 1.8 + 32, abs=6)


def test_malformed_is_refused_and_spikes_and_clocks_are_not_plausible() -> None:
    arrived_ms = round(START.timestamp() * 1000)
    ends: dict[str, Counter[str]] = {}
    for message in all_of(fleet(devices=100, ticks=100, faulty={"malformed": 0.1, "spikes": 0.1, "clock_ahead": 0.1})):
        try:
            judge(message.data, arrived_ms, max_ahead_ms=1_000_000, max_behind_ms=10_000)
            end = "accepted"
        except Refused as refused:
            end = refused.outcome
        ends.setdefault(message.fault or "none", Counter())[end] += 1
    assert ends["none"] == {"accepted": ends["none"].total()}
    assert ends["malformed"]["dead"] > 100
    assert ends["spikes"]["quarantined"] > 20
    assert ends["clock_ahead"] == {"quarantined": ends["clock_ahead"].total()}


@pytest.mark.parametrize(
    ("text", "faults"),
    [("none", {}), ("stuck", {"stuck": 0.01}), ("stuck=0.5, silent=0.1", {"stuck": 0.5, "silent": 0.1})],
)
def test_faults_are_parsed(text: str, faults: dict[str, float]) -> None:
    assert parse_faults(text) == faults


@pytest.mark.parametrize("text", ["broken", "stuck=2", "stuck=x", "stuck=0.6,silent=0.6"])
def test_wrong_faults_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_faults(text)


class Kinesis:
    """Refuses the records that `refuse` says, by call and place."""

    def __init__(self, refuse: Any) -> None:
        self.refuse, self.taken, self.calls = refuse, [], 0

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  as boto3 has them
        self.calls += 1
        answers = []
        for place, entry in enumerate(Records):
            if self.refuse(self.calls, place):
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.taken.append(entry["Data"])
                answers.append({"ShardId": "s", "SequenceNumber": str(len(self.taken))})
        return {"Records": answers}


def messages(count: int) -> list[Message]:
    return [Message(key=f"d{n}", data=str(n).encode()) for n in range(count)]


def test_what_is_refused_is_sent_again_and_only_that(tmp_path: Path) -> None:
    kinesis = Kinesis(lambda call, place: call == 1 and place % 3 == 0)
    ledger = Ledger(tmp_path / "sent.db")
    sender = Sender(kinesis, "s", seed=1, ledger=ledger, pause=lambda _: None)
    sender.send(messages(10))
    ledger.close()
    assert sorted(kinesis.taken, key=int) == [str(n).encode() for n in range(10)]
    assert (sender.sent.records, sender.sent.retried, sender.sent.lost, sender.sent.calls) == (10, 4, 0, 2)
    with sqlite3.connect(tmp_path / "sent.db") as base:
        assert base.execute("select count(*), count(distinct device) from sent").fetchone() == (10, 10)


def test_a_later_batch_waits_for_the_one_before() -> None:
    kinesis = Kinesis(lambda call, place: call <= 3 and place == 0)
    Sender(kinesis, "s", seed=1, pause=lambda _: None).send(messages(1001))
    assert len(kinesis.taken) == 1001
    assert {int(d) for d in kinesis.taken[:500]} == set(range(500))


def test_a_stream_that_takes_nothing_is_told_and_not_hidden() -> None:
    pauses: list[float] = []
    sender = Sender(Kinesis(lambda call, place: True), "s", seed=1, pause=pauses.append)
    sender.send(messages(3))
    assert (sender.sent.records, sender.sent.lost) == (0, 3)
    assert len(pauses) == ATTEMPTS
    assert max(pauses) <= 5.0


class Once(Kinesis):
    """Takes everything, after its first call has ended with an error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(lambda call, place: False)
        self.error = error

    def put_records(self, **said: Any) -> dict[str, Any]:
        if self.calls == 0:
            self.calls = 1
            raise self.error
        return super().put_records(**said)


def code(name: str) -> ClientError:
    return ClientError({"Error": {"Code": name}}, "PutRecords")


@pytest.mark.parametrize(
    "error",
    [
        code("ThrottlingException"),
        EndpointConnectionError(endpoint_url="x"),
        ConnectTimeoutError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        ConnectionClosedError(endpoint_url="x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_call_that_may_do_better_is_made_again(error: Exception) -> None:
    kinesis = Once(error)
    Sender(kinesis, "s", seed=1, pause=lambda _: None).send(messages(3))
    assert len(kinesis.taken) == 3


def test_an_error_that_stays_is_raised() -> None:
    with pytest.raises(ClientError):
        Sender(Once(code("AccessDeniedException")), "s", seed=1, pause=lambda _: None).send(messages(3))
