"""Accounts for every record: what was sent is stored, quarantined or a dead letter; each once, none missing, none invented.

`sent` comes from the sender's ledger where there is one (the simulator writes it), else from the stream itself, as long as
it keeps its records. Records are compared one by one, not as sums.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tools.ledger import Id, history, messages, release

SHOWN = 5
LOOK_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The records by what became of them, and every disagreement between two sources."""

    sent: frozenset[Id]
    stored: frozenset[Id]
    quarantined: frozenset[Id]
    dead: frozenset[Id]
    given_up: frozenset[Id]
    faults: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return not self.faults

    def counts(self) -> dict[str, object]:
        return {
            "sent": len(self.sent),
            "stored": len(self.stored),
            "quarantined": len(self.quarantined),
            "dead_lettered": len(self.dead) + len(self.given_up),
            "exact": self.exact,
            "faults": list(self.faults),
        }


def account(
    sent: frozenset[Id], raw: dict[Id, str], quarantine: frozenset[Id], letters: list[dict[str, Any]]
) -> Account:
    """Compare the sources.

    Args:
        raw: what the history says became of each record: accepted, quarantined, dead.
        quarantine: the records under `quarantine/`.
        letters: the bodies of the dead-letter queue, of both kinds.
    """
    by = {
        outcome: frozenset(i for i, o in raw.items() if o == outcome) for outcome in ("accepted", "quarantined", "dead")
    }
    told_dead = frozenset(Id(m["shard"], int(m["sequence"])) for m in letters if m.get("kind") == "record")
    ranges = [m["KinesisBatchInfo"] for m in letters if "KinesisBatchInfo" in m]
    given_up = frozenset(i for i in sent - raw.keys() if any(_within(i, r) for r in ranges))
    faults = [
        *_fault("sent, and not in the history nor given up", sent - raw.keys() - given_up),
        *_fault("in the history, and never sent", frozenset(raw) - sent),
        *_fault("quarantined by the history, and not in quarantine", by["quarantined"] - quarantine),
        *_fault("in quarantine, and not in the history", quarantine - raw.keys()),
        *_fault("dead by the history, and not in the dead-letter queue", by["dead"] - told_dead),
        *_fault("in the dead-letter queue, and not in the history", told_dead - raw.keys()),
    ]
    return Account(
        sent=sent,
        stored=by["accepted"],
        quarantined=by["quarantined"],
        dead=by["dead"],
        given_up=given_up,
        faults=tuple(faults),
    )


def _within(record: Id, batch: dict[str, Any]) -> bool:
    low, high = int(batch["startSequenceNumber"]), int(batch["endSequenceNumber"])
    return record.shard == batch["shardId"] and low <= record.number <= high


def _fault(what: str, records: frozenset[Id]) -> Iterator[str]:
    if records:
        shown = ", ".join(f"{r.shard}:{r.number}" for r in sorted(records)[:SHOWN])
        yield f"{len(records)} {what}: {shown}{', ...' if len(records) > SHOWN else ''}"


BETTER = ("dead", "quarantined", "accepted")


def outcomes(lines: Iterable[dict[str, Any]]) -> dict[Id, str]:
    """What became of each record; one that was replayed after a repair is what it came to at best, and counts once."""
    found: dict[Id, str] = {}
    for line in lines:
        record, outcome = Id(line["shard"], int(line["sequence"])), line["outcome"]
        if record not in found or BETTER.index(outcome) > BETTER.index(found[record]):
            found[record] = outcome
    return found


def reconcile(
    *,
    s3: Any,
    sqs: Any,
    kinesis: Any,
    bucket: str,
    queue_url: str,
    stream: str,
    ledger: Path | None,
    patience_s: float = 0,
    pause: Callable[[float], None] = time.sleep,
) -> Account:
    """Read every source and compare what was sent until now; what is sent meanwhile is left out.

    Args:
        patience_s: how long to look again while the sources disagree: what was just sent is still on its way.
    """

    def sent() -> frozenset[Id]:
        return _from_ledger(ledger) if ledger is not None else frozenset(_from_stream(kinesis, stream))

    known = sent()
    ends_s = time.monotonic() + patience_s
    while True:
        letters = list(messages(sqs, queue_url))
        release(sqs, queue_url, [m["receipt"] for m in letters])
        quarantine = {Id(r["shard"], int(r["sequence"])) for r in history(s3, bucket, "quarantine/")}
        raw = outcomes(history(s3, bucket, "raw/"))
        newer = sent() - known
        found = account(
            known,
            {record: outcome for record, outcome in raw.items() if record not in newer},
            frozenset(quarantine - newer),
            [m for m in letters if m.get("kind") != "record" or Id(m["shard"], int(m["sequence"])) not in newer],
        )
        if found.exact or time.monotonic() >= ends_s:
            return found
        pause(LOOK_AGAIN_S)


def _from_ledger(path: Path) -> frozenset[Id]:
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return frozenset(
            Id(shard, int(sequence)) for shard, sequence in base.execute("select shard, sequence from sent")
        )
    finally:
        base.close()


def _from_stream(kinesis: Any, stream: str) -> Iterator[Id]:
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**where)["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            yield from (Id(shard["ShardId"], int(r["SequenceNumber"])) for r in answer["Records"])
            if not answer["Records"] and answer.get("MillisBehindLatest", 0) == 0:
                break
            iterator = answer.get("NextShardIterator")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.reconcile", description=__doc__)
    parser.add_argument("--stream", default=os.environ.get("STREAM_NAME"))
    parser.add_argument("--bucket", default=os.environ.get("BUCKET_NAME"))
    parser.add_argument("--queue-url", default=os.environ.get("DEAD_LETTER_URL"))
    parser.add_argument("--ledger", type=Path, help="the simulator's ledger; default: what the stream still keeps")
    parser.add_argument(
        "--patience", type=float, default=60, metavar="S", help="look again for so long what was just sent; default: 60"
    )
    said = parser.parse_args()
    found = reconcile(
        s3=boto3.client("s3"),
        sqs=boto3.client("sqs"),
        kinesis=boto3.client("kinesis"),
        bucket=said.bucket,
        queue_url=said.queue_url,
        stream=said.stream,
        ledger=said.ledger,
        patience_s=said.patience,
    )
    sys.stdout.write(json.dumps(found.counts(), indent=2) + "\n")
    return 0 if found.exact else 1


if __name__ == "__main__":
    sys.exit(main())
