"""Sends messages with PutRecords: in batches, again what was refused, and never a device's later reading before its earlier one."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from simulator.fleet import Message

MOST_RECORDS, MOST_BYTES = 500, 4_500_000
"""What one PutRecords takes; AWS allows 5 MiB with the keys."""

ATTEMPTS = 12
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


@dataclass(slots=True, kw_only=True)
class Sent:
    """Counts of a sender: `retried` were refused at least once, `lost` after every attempt."""

    records: int = 0
    calls: int = 0
    retried: int = 0
    lost: int = 0


class Ledger:
    """What the stream confirmed: shard and sequence number of each record, for the reconciliation."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path)
        self._base.execute("pragma journal_mode = wal")
        self._base.execute(
            "create table if not exists sent (shard text, sequence text, device text, fault text, sent_at real,"
            " primary key (shard, sequence)) without rowid"
        )

    def note(self, rows: Sequence[tuple[str, str, str, str | None]]) -> None:
        with self._base:
            now = time.time()
            self._base.executemany("insert or ignore into sent values (?, ?, ?, ?, ?)", [(*row, now) for row in rows])

    def close(self) -> None:
        self._base.close()


class Sender:
    """Sends to one stream.

    Args:
        kinesis: a boto3 client.
        pause: waits for that many seconds; given, so that a test need not wait.
    """

    def __init__(
        self,
        kinesis: Any,
        stream: str,
        *,
        seed: int,
        ledger: Ledger | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self._random = random.Random(f"{seed}:sender")
        self._ledger = ledger
        self._pause = pause
        self.sent = Sent()

    def send(self, messages: Sequence[Message]) -> None:
        """Send all; a batch waits until the one before it is whole, so that devices stay in order."""
        for batch in _batches(messages):
            self._send_batch(batch)

    def _send_batch(self, batch: Sequence[Message]) -> None:
        left = list(batch)
        for attempt in range(ATTEMPTS):
            refused = self._put(left)
            if not refused:
                return
            if attempt == 0:
                self.sent.retried += len(refused)
            left = refused
            longest = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S)
            self._pause(self._random.uniform(longest / 2, longest))
        self.sent.lost += len(left)

    def _put(self, messages: Sequence[Message]) -> list[Message]:
        """One call; returns the messages that were refused, in their order."""
        self.sent.calls += 1
        entries = [{"Data": m.data, "PartitionKey": m.key} for m in messages]
        try:
            answer = self._kinesis.put_records(StreamName=self._stream, Records=entries)
        except (
            ClientError,
            NoConnection,
            HTTPClientError,
        ) as error:  # no answer: it may be there, and then is there twice
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in PASSING:
                raise
            return list(messages)
        pairs = list(zip(messages, answer["Records"], strict=True))
        taken = [(r["ShardId"], r["SequenceNumber"], m.key, m.fault) for m, r in pairs if "ErrorCode" not in r]
        self.sent.records += len(taken)
        if self._ledger is not None:
            self._ledger.note(taken)
        return [m for m, r in pairs if "ErrorCode" in r]


PASSING = frozenset(
    {"InternalFailure", "KMSThrottlingException", "ProvisionedThroughputExceededException", "ThrottlingException"}
)
"""Errors of a whole call that are over after a while."""


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        weight = len(message.data) + len(message.key)
        if batch and (len(batch) == MOST_RECORDS or size + weight > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += weight
    if batch:
        yield batch
