"""The fleet and its sender: the same seed sends the same bytes, and what the stream refuses is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.contract import judge
from simulator.fleet import FAULTS, Fleet, Message, every_fault
from simulator.sender import Sender
from tests.readings import ARRIVED


def fleet(*, share: float, seed: int = 7) -> list[Message]:
    made = Fleet(seed=seed, devices=40, faulty=every_fault(share), start=ARRIVED, interval_s=10, ticks=60)
    return [message for tick in made.messages() for message in tick]


def test_the_same_seed_sends_the_same_bytes() -> None:
    assert fleet(share=0.05) == fleet(share=0.05)
    assert fleet(share=0.05) != fleet(share=0.05, seed=8)


def test_every_fault_happens() -> None:
    said = {message.fault for message in fleet(share=0.05)}
    assert said >= set(FAULTS) - {"silent"}  # who is silent sends nothing


def test_devices_without_faults_send_what_the_contract_accepts() -> None:
    sent = fleet(share=0)
    assert len(sent) == 40 * 60
    arrived_ms = round(ARRIVED.timestamp() * 1000)
    for message in sent:
        assert judge(message.data, arrived_ms, max_ahead_ms=600_000, max_behind_ms=0).device_id == message.key


class Kinesis:
    """Refuses every third record of its first call."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.calls = 0

    def put_records(self, **said: Any) -> dict[str, Any]:
        self.calls += 1
        answers: list[dict[str, str]] = []
        for place, entry in enumerate(said["Records"]):
            if self.calls == 1 and place % 3 == 0:
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException"})
                continue
            self.taken.append(entry["Data"])
            answers.append({"ShardId": "s", "SequenceNumber": str(len(self.taken))})
        return {"Records": answers}


@pytest.mark.parametrize("count", [1, 10, 501])
def test_what_is_refused_is_sent_again_and_only_that(count: int) -> None:
    kinesis = Kinesis()
    sender = Sender(kinesis, "readings", seed=1, pause=lambda _: None)
    sender.send([Message(key=f"d{n}", data=str(n).encode()) for n in range(count)])
    assert sorted(kinesis.taken, key=int) == [str(n).encode() for n in range(count)]
    assert (sender.sent.records, sender.sent.lost) == (count, 0)
    assert sender.sent.retried == -(-min(count, 500) // 3)
