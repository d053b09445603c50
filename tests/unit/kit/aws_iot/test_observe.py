"""What Tidegate is told of the stream: each fault of the simulator is found by the check that is for it, and by no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from ruamel.yaml import YAML

from ingest import telemetry
from ingest.handler import handler
from observe import load
from simulator.fleet import FAULTS, Fleet, Message
from simulator.sender import Ledger
from tests.iot import PROJECT, aws
from tools.ledger import history, objects
from tools.replay import replay

START = datetime(2026, 9, 21, 6, tzinfo=UTC)
TICKS = 130
SHARD = "shardId-000000000000"
CHECKS = YAML(typ="safe").load((PROJECT / "tidegate.yml").read_text(encoding="utf-8"))["checks"]
CLOCKED = {"the stream stands still"}
"""Judged by the clock of the machine, and so not here."""


class World:
    """AWS in memory, the real handler, and the tables that the template's step writes."""

    def __init__(self, clients: Mapping[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clients = clients
        self.database = folder / "history.duckdb"
        self.ledger = folder / "sent.db"
        self.number = 0
        monkeypatch.setattr(telemetry, "write", lambda line: None)
        monkeypatch.setenv("TIDEGATE_DATABASE", str(self.database))
        monkeypatch.setenv("SENT_LEDGER", str(self.ledger))
        monkeypatch.setattr(load, "SETTLED_S", -1)  # what was sent a moment ago is demanded too

    def deliver(self, arrivals: Sequence[tuple[Message, datetime]]) -> None:
        """Hand messages, each with its arrival, to the handler as one batch, and note them as sent."""
        batch, sent = [], []
        for message, at in arrivals:
            self.number += 1
            sent.append((SHARD, str(self.number), message.key, message.fault))
            batch.append(record(self.number, message, at))
        ledger = Ledger(self.ledger)
        ledger.note(sent)
        ledger.close()
        assert handler({"Records": batch}, None) == {"batchItemFailures": []}

    def stream(self, fleet: Fleet, *, change: Callable[[bytes], bytes] = bytes) -> None:
        """Deliver what a fleet sends, in batches of about 500; each message arrives when it is sent."""
        waiting: list[tuple[Message, datetime]] = []
        for tick, messages in enumerate(fleet.messages()):
            at = fleet.start + timedelta(seconds=tick * fleet.interval_s)
            waiting += [(replace(message, data=change(message.data)), at) for message in messages]
            if len(waiting) >= 480 or tick == TICKS - 1:
                self.deliver(waiting)
                waiting = []

    def found(self) -> dict[str, float]:
        """Load the history, and name the checks of tidegate.yml that fail, with what they measured."""
        assert load.main() == 0
        with closing(duckdb.connect(str(self.database), read_only=True)) as base:
            measured = {name: measure(base, check) for name, check in named()}
        return {name: value for name, (value, fails) in measured.items() if fails}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(str(self.database), read_only=True)) as base:
            return base.execute(query).fetchall()


def record(number: int, message: Message, at: datetime) -> dict[str, Any]:
    return {
        "eventID": f"{SHARD}:{number}",
        "kinesis": {
            "partitionKey": message.key,
            "sequenceNumber": str(number),
            "data": base64.b64encode(message.data).decode(),
            "approximateArrivalTimestamp": at.timestamp(),
        },
    }


def named() -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((check["name"], check) for check in CHECKS if "name" in check and check["name"] not in CLOCKED)


def measure(base: duckdb.DuckDBPyConnection, check: Mapping[str, Any]) -> tuple[float, bool]:
    """What a check of tidegate.yml measures, and whether it fails, as Tidegate judges it (the e2e test compares)."""
    if "metric" in check:
        ((value,),) = base.execute(check["metric"]).fetchall()
        return float(value), value > check["max"]
    ((rows,),) = base.execute(
        f"select count(*) from {check['table']} where not coalesce(({check['rule']}), false)"
    ).fetchall()
    return float(rows), rows > 0


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with aws(monkeypatch) as clients:
        yield World(clients, tmp_path, monkeypatch)


def fleet(fault: str | None, share: float = 0.2) -> Fleet:
    faulty = {} if fault is None else {fault: share}
    return Fleet(seed=5, devices=15, faulty=faulty, start=START, interval_s=60, ticks=TICKS)


QUARANTINE, DEAD = "share of quarantined readings", "share of dead letters"
SILENT, REFUSED = "devices that fell silent", "devices that are often refused"
CLOCK, LATE = "devices whose clock is wrong", "devices that keep readings back"
FINDS: Mapping[str, set[str]] = {
    "stuck": {"sensors that are stuck"},
    "fahrenheit": {"devices that send °F for °C"},
    "spikes": {"devices whose readings jump", REFUSED},
    "clock_ahead": {SILENT, CLOCK, REFUSED, QUARANTINE},
    "clock_behind": {SILENT, CLOCK, REFUSED, QUARANTINE},
    "silent": {SILENT},
    "duplicates": {"devices that send twice"},
    "out_of_order": {"devices whose readings arrive out of order", LATE},
    "malformed": {REFUSED, DEAD},
    "burst": {LATE, "share of late readings"},
}
"""What each fault of three devices of fifteen is told as: all of it, and nothing else."""


def test_every_fault_of_the_simulator_is_tried() -> None:
    assert set(FINDS) == set(FAULTS)


def test_a_fleet_without_faults_is_told_as_nothing(world: World) -> None:
    world.stream(fleet(None))
    assert world.found() == {}
    ((sent, stored, unaccounted),) = world.ask("select sent, stored, unaccounted from iot.reconciliation")
    assert (sent, stored, unaccounted) == (15 * TICKS, 15 * TICKS, 0)


@pytest.mark.parametrize("fault", FINDS)
def test_a_fault_is_told_as_what_it_is(world: World, fault: str) -> None:
    sent = fleet(fault)
    world.stream(sent)
    assert set(world.found()) == FINDS[fault]
    rules = [check["rule"] for name, check in named() if name in FINDS[fault] and "rule" in check]
    guilty = {
        device for rule in rules for (device,) in world.ask(f"select device_id from iot.devices where not ({rule})")
    }
    assert guilty == set(sent.faults())
    ((count, sums, unaccounted),) = world.ask(
        "select sent, stored + quarantined + dead, unaccounted from iot.reconciliation"
    )
    assert count == sums == world.number
    assert unaccounted == 0


def test_a_field_that_no_contract_knows_is_told_until_it_is_gone(world: World) -> None:
    def updated(data: bytes) -> bytes:
        return json.dumps(json.loads(data) | {"humidity": 40.5}).encode()

    world.stream(fleet(None), change=updated)
    assert world.found() == {"fields that no contract knows": 2}  # of two versions of the message
    later = START + timedelta(hours=4)
    world.stream(replace(fleet(None), start=later, seed=6))
    assert world.found() == {}


def test_lag_and_watermark_are_measured_by_minute(world: World) -> None:
    """The second half hour arrives 20 minutes late: the share, the distribution, and how far the watermark is behind."""
    sent = [
        (message, START + timedelta(minutes=tick + (20 if tick >= 30 else 0)))
        for tick, messages in enumerate(replace(fleet(None), ticks=60).messages())
        for message in messages
    ]
    world.deliver(sent[:450])
    world.deliver(sent[450:])
    found = world.found()
    assert found["seconds that the watermark is behind the arrivals"] == 1200
    assert found["share of late readings"] == 0.75  # 30 of the 40 minutes of the last hour that have arrivals
    rows = world.ask(
        "select readings, devices, lag_p50_s, lag_p95_s, lag_max_s, late_share from iot.minutes order by minute"
    )
    assert rows[0] == (15, 15, 0, 0, 0, 0)
    assert rows[-1] == (15, 15, 1200, 1200, 1200, 1)


def test_a_reading_that_was_refused_comes_back_by_a_replay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is too tight quarantines a fleet's late readings; repaired and replayed, nothing is told any more."""
    monkeypatch.setenv("MAX_BEHIND_S", "120")
    late = [
        (m, START + timedelta(minutes=5)) for messages in replace(fleet(None), ticks=3).messages() for m in messages
    ]
    world.deliver(late)
    assert set(world.found()) == {QUARANTINE, REFUSED, CLOCK}
    monkeypatch.setenv("MAX_BEHIND_S", "604800")
    lines = list(history(world.clients["s3"], "history", "quarantine/"))
    assert len(lines) == 45
    assert replay(lines, lambda event: dict(handler(event, None))) == {"handled": 45, "failed": 0}
    assert set(world.found()) == {LATE, "share of late readings"}  # they were late, and that stays true
    ((sent, stored, quarantined, unaccounted),) = world.ask(
        "select sent, stored, quarantined, unaccounted from iot.reconciliation"
    )
    assert (sent, stored, quarantined, unaccounted) == (45, 45, 0, 0)


def mixed(world: World) -> None:
    """Two records that are stored, one in quarantine, one dead letter; they arrive now."""
    now = datetime.now(UTC)

    def said(celsius: object) -> bytes:
        reading = {"schema_version": 1, "device_id": "dev-1", "event_time": now.isoformat(), "temperature_c": celsius}
        return json.dumps(reading).encode()

    data = [said(20.0), said(21.0), said(-9999), b"{not json"]
    world.deliver([(Message(key="dev-1", data=one), now) for one in data])


def lose_history(world: World) -> None:
    s3 = world.clients["s3"]
    for key in objects(s3, "history", "raw/"):
        s3.delete_object(Bucket="history", Key=key)


def lose_quarantine(world: World) -> None:
    s3 = world.clients["s3"]
    for key in objects(s3, "history", "quarantine/"):
        s3.delete_object(Bucket="history", Key=key)


def lose_letters(world: World) -> None:
    world.clients["sqs"].purge_queue(QueueUrl=world.clients["queue_url"])


@pytest.mark.parametrize(
    ("lose", "check", "records"),
    [
        (lose_history, "every record is accounted for", 4),
        (lose_quarantine, "the quarantine holds what the history says", 1),
        (lose_letters, "the dead letters are those of the history", 1),
    ],
    ids=["history", "quarantine", "dead letters"],
)
def test_what_is_lost_is_told(world: World, lose: Callable[[World], None], check: str, records: int) -> None:
    mixed(world)
    assert not set(world.found()) & ACCOUNTS
    world.database.unlink()
    lose(world)
    assert set(world.found()) & ACCOUNTS == {check}
    ((*counts,),) = world.ask(
        "select coalesce(unaccounted, 0), missing_from_quarantine, missing_from_dead_letters from iot.reconciliation"
    )
    assert sum(counts) == records


ACCOUNTS = {
    "every record is accounted for",
    "the quarantine holds what the history says",
    "the dead letters are those of the history",
}
