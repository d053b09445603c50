"""An event source mapping of our own: reads the stream and hands batches to the real handler, as AWS documents it.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and .../kinesis-on-failure-destination.html

- A shard is read in order; its children begin when it is closed and read to its end.
- With a parallelization factor a shard has that many lanes; a partition key stays in its lane, so a device stays in order.
- A batch is full, or its window is over, or it has 6 MB.
- An error of the function halves the batch (bisect), which uses up no attempt, down to single records; a partial failure goes on from
  the lowest sequence number that is named, and only the rest is tried again.
- After the retry limit, or the age limit, the rest goes to the on-failure destination (as its numbers, not its data) and
  the shard goes on.
- What is done is noted per lane before anything else is handed over, so a killed poller delivers again what it had not
  noted and nothing else: at least once, like Lambda.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MOST_BYTES = 6 * 1024 * 1024
BACKLOG = 4
"""Batches that a lane keeps waiting before its shard is read on."""

PAUSE_S = 0.2
"""Between two reads of a shard that has nothing new; AWS reads once a second."""

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.05, 2.0
Event = dict[str, Any]
Handler = Callable[[Event, object], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """The settings of an event source mapping, in AWS's words and units; -1 is no limit."""

    stream_arn: str
    function_arn: str
    batch_size: int
    window_s: float
    lanes: int
    bisect: bool
    retries: int
    max_age_s: int
    on_failure_url: str | None
    reports_items: bool

    @property
    def stream(self) -> str:
        return self.stream_arn.rpartition("/")[2]

    @classmethod
    def read(cls, said: Mapping[str, Any], queue_url: str | None) -> EventSource:
        """From what `GetEventSourceMapping` answers; refuses a start other than TRIM_HORIZON, which would lose records."""
        if said.get("StartingPosition") != "TRIM_HORIZON":
            raise ValueError(f"the mapping starts at {said.get('StartingPosition')}, not at TRIM_HORIZON")
        return cls(
            stream_arn=said["EventSourceArn"],
            function_arn=said["FunctionArn"],
            batch_size=said["BatchSize"],
            window_s=said.get("MaximumBatchingWindowInSeconds", 0),
            lanes=said.get("ParallelizationFactor", 1),
            bisect=bool(said.get("BisectBatchOnFunctionError")),
            retries=said.get("MaximumRetryAttempts", -1),
            max_age_s=said.get("MaximumRecordAgeInSeconds", -1),
            on_failure_url=queue_url if said.get("DestinationConfig", {}).get("OnFailure") else None,
            reports_items="ReportBatchItemFailures" in said.get("FunctionResponseTypes", []),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as GetRecords gives it; `number` is its sequence number as a number."""

    shard: str
    sequence: str
    key: str
    data: bytes
    arrived_s: float

    @property
    def number(self) -> int:
        return int(self.sequence)


class Checkpoints:
    """Up to which sequence number each lane is done; on disk before the next batch is handed over."""

    def __init__(self, path: Path, *, lanes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.execute("pragma journal_mode = wal")
        self._base.execute(
            "pragma synchronous = normal"
        )  # a killed process loses nothing; a power cut only delivers again
        self._base.execute(
            "create table if not exists checkpoint (shard text, lanes integer, lane integer, sequence text,"
            " primary key (shard, lanes, lane)) without rowid"
        )
        self._lanes = lanes

    def done(self, shard: str) -> list[int]:
        """The number that each lane of the shard has done, 0 for none.

        After a change of the parallelization factor keys have other lanes: all begin where the last one is done.
        """
        with self._lock:
            rows = self._base.execute(
                "select lanes, lane, sequence from checkpoint where shard = ?", (shard,)
            ).fetchall()
        now = {lane: int(sequence) for lanes, lane, sequence in rows if lanes == self._lanes}
        other: dict[int, dict[int, int]] = {}
        for lanes, lane, sequence in rows:
            if lanes != self._lanes:
                other.setdefault(lanes, {})[lane] = int(sequence)
        floor = max((min(by.get(n, 0) for n in range(lanes)) for lanes, by in other.items()), default=0)
        return [max(now.get(lane, 0), floor) for lane in range(self._lanes)]

    def note(self, shard: str, lane: int, sequence: str) -> None:
        with self._lock:
            self._base.execute(
                "insert into checkpoint values (?, ?, ?, ?) on conflict do update set sequence = excluded.sequence",
                (shard, self._lanes, lane, sequence),
            )

    def close(self) -> None:
        self._base.close()


@dataclass(slots=True, kw_only=True)
class Lane:
    """Records of one shard that are handled in order, one batch at a time."""

    shard: str
    number: int
    done: int
    waiting: deque[Record] = field(default_factory=deque)
    since_s: float = 0.0
    busy: Future[None] | None = None

    def add(self, record: Record, now_s: float) -> None:
        if record.number <= self.done:
            return
        if not self.waiting:
            self.since_s = now_s
        self.waiting.append(record)

    def ready(self, mapping: EventSource, now_s: float) -> bool:
        if not self.waiting or self.busy is not None:
            return False
        full = len(self.waiting) >= mapping.batch_size or sum(len(r.data) for r in self.waiting) >= MOST_BYTES
        return full or now_s - self.since_s >= mapping.window_s

    def take(self, mapping: EventSource, now_s: float) -> list[Record]:
        batch = [self.waiting.popleft()]
        size = len(batch[0].data)
        while self.waiting and len(batch) < mapping.batch_size and size + len(self.waiting[0].data) <= MOST_BYTES:
            batch.append(self.waiting.popleft())
            size += len(batch[-1].data)
        self.since_s = now_s
        return batch


def lane_of(key: str, lanes: int) -> int:
    """The lane of a partition key."""
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest()[:8]) % lanes


@dataclass(slots=True, kw_only=True)
class Shard:
    """A shard that is read: its iterator, its lanes, and whether its end was reached."""

    id: str
    parents: tuple[str, ...]
    lanes: list[Lane]
    position: int
    iterator: str | None = None
    opened: bool = False
    closed: bool = False
    idle: bool = False
    next_read_s: float = 0.0

    @property
    def drained(self) -> bool:
        return self.closed and not any(lane.waiting or lane.busy for lane in self.lanes)


Meter = Callable[[str, str, Mapping[str, str], float], None]
"""Told a metric: namespace, name, dimensions, value."""


def unmetered(namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
    """Throws metrics away."""


class Poller:
    """Reads one stream and delivers it to one handler.

    Args:
        kinesis, sqs: boto3 clients.
        handler: the function itself.
        clock: seconds since 1970; given, so that a test can be years later.
        pause: waits for that many seconds between two attempts.
    """

    def __init__(
        self,
        mapping: EventSource,
        handler: Handler,
        checkpoints: Checkpoints,
        *,
        kinesis: Any,
        sqs: Any,
        meter: Meter = unmetered,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._mapping = mapping
        self._handler = handler
        self._checkpoints = checkpoints
        self._kinesis = kinesis
        self._sqs = sqs
        self._meter = meter
        self._clock = clock
        self._pause = pause
        self._shards: dict[str, Shard] = {}
        self._listed_s = -1e9
        self._name = mapping.function_arn.rpartition(":")[2]

    def run(self, *, until_idle_s: float | None = None, stop: threading.Event | None = None) -> None:
        """Deliver until `stop` is set, or until nothing was there for `until_idle_s` seconds."""
        idle_since: float | None = None
        with ThreadPoolExecutor(max_workers=64, thread_name_prefix="lane") as pool:
            while stop is None or not stop.is_set():
                worked = self._round(pool)
                now_s = time.monotonic()
                if worked or not self._quiet():
                    idle_since = None
                elif idle_since is None:
                    idle_since = now_s
                elif until_idle_s is not None and now_s - idle_since >= until_idle_s:
                    return
                if not worked:
                    time.sleep(0.01)

    def _quiet(self) -> bool:
        """Whether every shard was read to its end and nothing waits."""
        open_ = [s for s in self._shards.values() if not s.drained]
        return bool(self._shards) and all(
            s.opened and s.idle and not any(lane.waiting or lane.busy for lane in s.lanes) for s in open_
        )

    def _round(self, pool: ThreadPoolExecutor) -> bool:
        now_s = time.monotonic()
        if now_s - self._listed_s > 5:
            self._list()
            self._listed_s = now_s
        worked = False
        for shard in list(self._shards.values()):
            for lane in shard.lanes:
                if lane.busy is not None and lane.busy.done():
                    lane.busy.result()
                    lane.busy = None
                    worked = True
            if self._may_read(shard, now_s):
                worked |= self._read(shard, now_s)
            for lane in shard.lanes:
                if lane.ready(self._mapping, now_s):
                    batch = lane.take(self._mapping, now_s)
                    lane.busy = pool.submit(self._deliver, lane, batch)
                    worked = True
        return worked

    def _list(self) -> None:
        answer = self._kinesis.list_shards(StreamName=self._mapping.stream)
        found = answer["Shards"]
        while token := answer.get("NextToken"):
            answer = self._kinesis.list_shards(NextToken=token)
            found += answer["Shards"]
        for said in found:
            if said["ShardId"] in self._shards:
                continue
            parents = tuple(said[k] for k in ("ParentShardId", "AdjacentParentShardId") if said.get(k))
            done = self._checkpoints.done(said["ShardId"])
            lanes = [Lane(shard=said["ShardId"], number=n, done=done[n]) for n in range(self._mapping.lanes)]
            self._shards[said["ShardId"]] = Shard(id=said["ShardId"], parents=parents, lanes=lanes, position=min(done))

    def _may_read(self, shard: Shard, now_s: float) -> bool:
        if shard.closed or now_s < shard.next_read_s:
            return False
        if any(not self._shards[p].drained for p in shard.parents if p in self._shards):
            return False
        return all(len(lane.waiting) < BACKLOG * self._mapping.batch_size for lane in shard.lanes)

    def _read(self, shard: Shard, now_s: float) -> bool:
        if shard.iterator is None:
            shard.iterator = self._iterator(shard)
        try:
            answer = self._kinesis.get_records(
                ShardIterator=shard.iterator, Limit=min(self._mapping.batch_size * 2, 10_000)
            )
        except self._kinesis.exceptions.ExpiredIteratorException:
            shard.iterator = None
            return False
        shard.opened = True
        for said in answer["Records"]:
            record = Record(
                shard=shard.id,
                sequence=said["SequenceNumber"],
                key=said["PartitionKey"],
                data=said["Data"],
                arrived_s=said["ApproximateArrivalTimestamp"].timestamp(),
            )
            shard.lanes[lane_of(record.key, self._mapping.lanes)].add(record, now_s)
            shard.position = record.number
        shard.iterator = answer.get("NextShardIterator")
        shard.closed = shard.iterator is None
        shard.idle = not answer["Records"]
        if shard.idle:
            shard.next_read_s = now_s + PAUSE_S
        return not shard.idle

    def _iterator(self, shard: Shard) -> str:
        """Where to read on: after what was read already, or after what every lane had done before."""
        position: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard.position:
            position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(shard.position)}
        answer = self._kinesis.get_shard_iterator(StreamName=self._mapping.stream, ShardId=shard.id, **position)
        return str(answer["ShardIterator"])

    # ---- one batch

    def _deliver(self, lane: Lane, batch: Sequence[Record]) -> None:
        """Deliver a batch to its end: handled, or given up and told."""
        todo: list[tuple[Sequence[Record], int]] = [(batch, 0)]
        while todo:
            records, attempt = todo.pop()
            records = self._without_expired(lane, records)
            if not records:
                continue
            failed_at = self._invoke(records)
            if failed_at is None:
                self._done(lane, records[-1])
                continue
            if failed_at > 0:
                self._done(lane, records[failed_at - 1])
                records, attempt = records[failed_at:], 0
            if self._mapping.bisect and failed_at < 0 and len(records) > 1:
                half = len(records) // 2
                todo += [(records[half:], attempt), (records[:half], attempt)]
                continue
            if 0 <= self._mapping.retries <= attempt:
                self._give_up(lane, records, "RetryAttemptsExhausted", attempt + 1)
                continue
            self._pause(min(FIRST_BACKOFF_S * 2**attempt, LONGEST_BACKOFF_S))
            todo.append((records, attempt + 1))

    def _invoke(self, records: Sequence[Record]) -> int | None:
        """Call the handler: None when all is done, -1 when it failed as a whole, else the place of the first that failed."""
        about = {"FunctionName": self._name}
        begun = time.perf_counter()
        self._meter("AWS/Lambda", "IteratorAge", about, max((self._clock() - records[0].arrived_s) * 1000, 0))
        try:
            answer = self._handler(self._event(records), Context(self._name, self._mapping.function_arn))
        except Exception as error:
            failed = True
            answer = None
            with suppress(BrokenPipeError):
                print(f"poller: the handler failed: {type(error).__name__}: {error}", flush=True)
        else:
            failed = False
        self._meter("AWS/Lambda", "Duration", about, (time.perf_counter() - begun) * 1000)
        self._meter("AWS/Lambda", "Invocations", about, 1)
        self._meter("AWS/Lambda", "Errors", about, int(failed))
        if failed:
            return -1
        return _first_failure(answer, records) if self._mapping.reports_items else None

    def _event(self, records: Sequence[Record]) -> Event:
        return {"Records": [self._shaped(record) for record in records]}

    def _shaped(self, record: Record) -> Event:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.key,
                "sequenceNumber": record.sequence,
                "data": base64.b64encode(record.data).decode("ascii"),
                "approximateArrivalTimestamp": record.arrived_s,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{record.shard}:{record.sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/local",
            "awsRegion": self._mapping.stream_arn.split(":")[3],
            "eventSourceARN": self._mapping.stream_arn,
        }

    def _done(self, lane: Lane, last: Record) -> None:
        self._checkpoints.note(lane.shard, lane.number, last.sequence)
        lane.done = last.number

    def _without_expired(self, lane: Lane, records: Sequence[Record]) -> Sequence[Record]:
        if self._mapping.max_age_s < 0:
            return records
        oldest = self._clock() - self._mapping.max_age_s
        expired = [r for r in records if r.arrived_s < oldest]
        if expired:
            expired = list(records[: records.index(expired[-1]) + 1])
            self._give_up(lane, expired, "RecordAgeExceeded", 0)
        return records[len(expired) :]

    def _give_up(self, lane: Lane, records: Sequence[Record], condition: str, attempts: int) -> None:
        """Tell the on-failure destination, as Lambda does: which records, not what is in them."""
        if self._mapping.on_failure_url is not None:
            said = {
                "requestContext": {
                    "requestId": str(uuid.uuid4()),
                    "functionArn": self._mapping.function_arn,
                    "condition": condition,
                    "approximateInvokeCount": attempts,
                },
                "version": "1.0",
                "timestamp": datetime.now(UTC).isoformat(),
                "KinesisBatchInfo": {
                    "shardId": lane.shard,
                    "startSequenceNumber": records[0].sequence,
                    "endSequenceNumber": records[-1].sequence,
                    "approximateArrivalOfFirstRecord": datetime.fromtimestamp(records[0].arrived_s, UTC).isoformat(),
                    "approximateArrivalOfLastRecord": datetime.fromtimestamp(records[-1].arrived_s, UTC).isoformat(),
                    "batchSize": len(records),
                    "streamArn": self._mapping.stream_arn,
                },
            }
            self._sqs.send_message(QueueUrl=self._mapping.on_failure_url, MessageBody=json.dumps(said))
        self._done(lane, records[-1])


@dataclass(frozen=True, slots=True)
class Context:
    """What the handler may ask of Lambda's context."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def _first_failure(answer: object, records: Sequence[Record]) -> int | None:
    """The place of the lowest sequence number that is named; -1 when one is named that is not in the batch.

    As Lambda has it, an empty answer, one without a list and one with an empty list are complete successes.
    """
    if answer is None or answer == {}:
        return None
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        return None
    places = {record.sequence: place for place, record in enumerate(records)}
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    if not named:
        return None
    if any(name not in places for name in named):
        return -1
    return min(places[name] for name in named if name is not None)
