"""The event source poller: each rule that AWS documents, and whatever fails and whenever it is killed."""

from __future__ import annotations

import base64
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.poller import Checkpoints, EventSource, Lane, Poller, Record, _first_failure, lane_of

NOW_S = 1_790_000_000.0
SHARD = "shardId-000000000000"


class Stream:
    """Kinesis in memory: shards with records, parents, and closed ends."""

    class exceptions:  # noqa: N801  a client has it so
        class ExpiredIteratorException(Exception): ...  # noqa: N818  Amazon calls it so

    def __init__(self, *, closed: Mapping[str, str] | None = None) -> None:
        self.shards: dict[str, list[tuple[str, bytes, float]]] = {SHARD: []}
        self.parents = closed or {}
        self.expire = 0
        for child, parent in self.parents.items():
            self.shards.setdefault(parent, [])
            self.shards.setdefault(child, [])

    def add(self, key: str, data: bytes = b"x", *, shard: str = SHARD, at_s: float = NOW_S) -> int:
        self.shards[shard].append((key, data, at_s))
        return len(self.shards[shard])

    def list_shards(self, **_: object) -> dict[str, Any]:
        listed = []
        for shard in self.shards:
            listed.append(
                {"ShardId": shard} | ({"ParentShardId": self.parents[shard]} if shard in self.parents else {})
            )
        return {"Shards": listed}

    def get_shard_iterator(self, *, ShardId: str, StartingSequenceNumber: str = "0", **_: object) -> dict[str, str]:  # noqa: N803  as boto3 has them
        return {"ShardIterator": f"{ShardId}:{StartingSequenceNumber}"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803  as boto3 has them
        if self.expire:
            self.expire -= 1
            raise self.exceptions.ExpiredIteratorException
        shard, after = ShardIterator.split(":")
        found = self.shards[shard][int(after) : int(after) + Limit]
        end = int(after) + len(found)
        records = [
            {
                "SequenceNumber": str(int(after) + n),
                "PartitionKey": key,
                "Data": data,
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(at_s, UTC),
            }
            for n, (key, data, at_s) in enumerate(found, start=1)
        ]
        over = shard in self.parents.values() and end == len(self.shards[shard])
        return {"Records": records} | ({} if over else {"NextShardIterator": f"{shard}:{end}"})


class Queue:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        assert name == "send_message"
        return lambda QueueUrl, MessageBody: self.bodies.append(json.loads(MessageBody))  # noqa: N803  as boto3 has them


def source(**changed: Any) -> EventSource:
    said = {
        "stream_arn": "arn:aws:kinesis:eu-central-1:123456789012:stream/readings",
        "function_arn": "arn:aws:lambda:eu-central-1:123456789012:function:ingest",
        "batch_size": 10,
        "window_s": 0.0,
        "lanes": 1,
        "bisect": True,
        "retries": 2,
        "max_age_s": -1,
        "on_failure_url": "queue",
        "reports_items": True,
    }
    return EventSource(**(said | changed))


def run(
    stream: Stream,
    handler: Callable[..., Any],
    path: Path,
    *,
    queue: Queue | None = None,
    clock_s: float = NOW_S,
    **changed: Any,
) -> Queue:
    queue = queue or Queue()
    mapping = source(**changed)
    checkpoints = Checkpoints(path / "checkpoints.db", lanes=mapping.lanes)
    try:
        Poller(
            mapping, handler, checkpoints, kinesis=stream, sqs=queue, clock=lambda: clock_s, pause=lambda _: None
        ).run(until_idle_s=0)
    finally:
        checkpoints.close()
    return queue


def numbers(event: Mapping[str, Any]) -> list[int]:
    return [int(r["kinesis"]["sequenceNumber"]) for r in event["Records"]]


def test_batches_are_full_and_in_order(tmp_path: Path) -> None:
    stream, seen = Stream(), []
    for _ in range(25):
        stream.add("a")
    run(stream, lambda event, _: seen.append(numbers(event)), tmp_path)
    assert [len(batch) for batch in seen] == [10, 10, 5]
    assert [n for batch in seen for n in batch] == list(range(1, 26))


def test_events_have_the_shape_of_awss(tmp_path: Path) -> None:
    stream, seen = Stream(), []
    stream.add("dev-1", b"\x00data")
    run(stream, lambda event, context: seen.append((event, context)), tmp_path)
    ((event, context),) = seen
    (record,) = event["Records"]
    assert record["eventID"] == f"{SHARD}:1"
    assert base64.b64decode(record["kinesis"]["data"]) == b"\x00data"
    assert record["kinesis"]["approximateArrivalTimestamp"] == NOW_S
    assert record["awsRegion"] == "eu-central-1"
    assert context.function_name == "ingest"
    assert context.aws_request_id


def test_a_window_waits_for_a_fuller_batch() -> None:
    lane = Lane(shard=SHARD, number=0, done=0)
    lane.add(Record(shard=SHARD, sequence="1", key="a", data=b"", arrived_s=0), now_s=100.0)
    assert not lane.ready(source(window_s=5), 104.9)
    assert lane.ready(source(window_s=5), 105.0)
    assert lane.ready(source(window_s=5, batch_size=1), 100.0)


def test_a_batch_has_six_megabytes_at_most(tmp_path: Path) -> None:
    stream, seen = Stream(), []
    for _ in range(8):
        stream.add("a", b"x" * 1_000_000)
    run(stream, lambda event, _: seen.append(len(event["Records"])), tmp_path, window_s=0.3, batch_size=8)
    assert max(seen) == 6
    assert sum(seen) == 8


def test_an_error_is_bisected_down_to_the_bad_record(tmp_path: Path) -> None:
    stream, handled = Stream(), []
    for n in range(1, 11):
        stream.add("a", b"bad" if n == 7 else b"good")

    def handler(event: Mapping[str, Any], _: object) -> None:
        if any(base64.b64decode(r["kinesis"]["data"]) == b"bad" for r in event["Records"]):
            raise ValueError("bad")
        handled.extend(numbers(event))

    queue = run(stream, handler, tmp_path)
    assert handled == [1, 2, 3, 4, 5, 6, 8, 9, 10]
    (told,) = queue.bodies
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 3
    batch = told["KinesisBatchInfo"]
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"], batch["batchSize"]) == ("7", "7", 1)


def test_without_bisect_the_whole_batch_is_given_up(tmp_path: Path) -> None:
    stream, calls = Stream(), []
    for _ in range(3):
        stream.add("a")

    def handler(event: Mapping[str, Any], _: object) -> None:
        calls.append(numbers(event))
        raise ValueError

    queue = run(stream, handler, tmp_path, bisect=False)
    assert calls == [[1, 2, 3]] * 3
    assert queue.bodies[0]["KinesisBatchInfo"]["batchSize"] == 3


def test_a_partial_failure_goes_on_from_the_lowest_number(tmp_path: Path) -> None:
    stream, calls = Stream(), []
    for _ in range(6):
        stream.add("a")
    answers = iter([["5", "3"], [], []])

    def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
        calls.append(numbers(event))
        return {"batchItemFailures": [{"itemIdentifier": n} for n in next(answers)]}

    queue = run(stream, handler, tmp_path)
    assert calls == [[1, 2, 3, 4, 5, 6], [3, 4, 5, 6]]
    assert queue.bodies == []


def test_what_is_too_old_is_not_handled(tmp_path: Path) -> None:
    stream, handled = Stream(), []
    stream.add("a", at_s=NOW_S - 61)
    stream.add("a", at_s=NOW_S - 59)
    queue = run(stream, lambda event, _: handled.extend(numbers(event)), tmp_path, max_age_s=60)
    assert handled == [2]
    assert queue.bodies[0]["requestContext"]["condition"] == "RecordAgeExceeded"


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (None, None),
        ({}, None),
        ({"batchItemFailures": None}, None),
        ({"batchItemFailures": []}, None),
        ({"batchItemFailures": [{"itemIdentifier": "2"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, -1),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, -1),
        ({"batchItemFailures": [{"wrong": "2"}]}, -1),
        ({"batchItemFailures": [{"itemIdentifier": "99"}]}, -1),
    ],
    ids=range(10),
)
def test_answers_are_read_as_lambda_reads_them(answer: object, place: int | None) -> None:
    records = [Record(shard=SHARD, sequence=str(n), key="a", data=b"", arrived_s=0) for n in (1, 2, 3)]
    assert _first_failure(answer, records) == place


def test_children_wait_for_their_parent(tmp_path: Path) -> None:
    child = "shardId-000000000001"
    stream, seen = Stream(closed={child: SHARD}), []
    for _ in range(30):
        stream.add("a")
        stream.add("a", shard=child)
    run(stream, lambda event, _: seen.extend(r["eventID"].split(":")[0] for r in event["Records"]), tmp_path)
    assert seen == [SHARD] * 30 + [child] * 30


def test_an_expired_iterator_is_taken_anew_where_it_was(tmp_path: Path) -> None:
    stream, handled = Stream(), []
    for _ in range(45):
        stream.add("a")
    get, calls = stream.get_records, []

    def sometimes(**said: Any) -> dict[str, Any]:
        calls.append(1)
        stream.expire = int(len(calls) == 3)
        return get(**said)

    stream.get_records = sometimes
    run(stream, lambda event, _: handled.extend(numbers(event)), tmp_path)
    assert handled == list(range(1, 46))


def test_another_parallelization_factor_loses_nothing(tmp_path: Path) -> None:
    stream, handled = Stream(), []
    for n in range(40):
        stream.add(f"dev-{n % 7}")
    run(stream, lambda event, _: handled.extend(numbers(event)), tmp_path, lanes=2)
    for n in range(40):
        stream.add(f"dev-{n % 7}")
    run(stream, lambda event, _: handled.extend(numbers(event)), tmp_path, lanes=5)
    assert set(handled) == set(range(1, 81))


def test_a_latest_start_is_refused() -> None:
    with pytest.raises(ValueError, match="LATEST"):
        EventSource.read({"StartingPosition": "LATEST"}, None)


class Killed(BaseException):
    """Ends the poller as a signal would: nothing catches it."""


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), lanes=st.integers(1, 4), batch_size=st.integers(1, 12))
def test_whatever_fails_and_whenever_it_is_killed(tmp_path_factory, seed: int, lanes: int, batch_size: int) -> None:
    """Every record is handled or told to be given up; and of each key, in its order, but for what is delivered again."""
    draw, stream, queue = random.Random(seed), Stream(), Queue()
    path = tmp_path_factory.mktemp("killed")
    total = 60
    for n in range(total):
        stream.add(f"dev-{draw.randrange(6)}", b"bad" if draw.random() < 0.05 else str(n).encode())
    keys = {n: key for n, (key, _, _) in enumerate(stream.shards[SHARD], start=1)}
    handled: dict[str, list[int]] = defaultdict(list)
    kills = [3]

    def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
        if kills[0] and draw.random() < 0.05:
            kills[0] -= 1
            raise Killed
        if any(base64.b64decode(r["kinesis"]["data"]) == b"bad" for r in event["Records"]):
            raise ValueError
        stop = draw.randrange(len(event["Records"])) if draw.random() < 0.2 else len(event["Records"])
        for n in numbers(event)[:stop]:
            handled[keys[n]].append(n)
        left = numbers(event)[stop:]
        return {"batchItemFailures": [{"itemIdentifier": str(n)} for n in left]}

    for _ in range(4):
        try:
            run(stream, handler, path, queue=queue, lanes=lanes, batch_size=batch_size, retries=50)
            break
        except Killed:
            continue
    done = {n for mine in handled.values() for n in mine}
    given_up = {int(m["KinesisBatchInfo"]["startSequenceNumber"]) for m in queue.bodies}
    assert all(m["KinesisBatchInfo"]["batchSize"] == 1 for m in queue.bodies)
    assert done | given_up == set(range(1, total + 1))
    assert done & given_up == set()
    for mine in handled.values():
        first_time = list(dict.fromkeys(mine))
        assert first_time == sorted(first_time)


def test_a_key_keeps_its_lane() -> None:
    assert {lane_of("dev-1", 4) for _ in range(3)} == {lane_of("dev-1", 4)}
    assert {lane_of(f"dev-{n}", 4) for n in range(100)} == {0, 1, 2, 3}
