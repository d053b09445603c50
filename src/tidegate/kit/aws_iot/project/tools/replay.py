"""Hands records to the handler again: out of the history, the quarantine or the dead-letter queue.

Safe to repeat: a replayed reading never overwrites a newer one, and its record keeps its number, so nothing is counted
twice. Records that the handler accepts now leave the dead-letter queue; the others stay in it. What Lambda gave up on is read
from the stream, as long as that keeps it.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3

from tools.ledger import lines, messages, objects, release

BATCH = 500
BATCH_BYTES = 4_000_000
"""A call of a function takes 6 MB."""
SETTINGS = (
    "TABLE_NAME", "BUCKET_NAME", "DEAD_LETTER_URL", "MAX_AHEAD_S", "MAX_BEHIND_S", "METRIC_NAMESPACE", "STAGE",
)  # fmt: skip
"""What the handler reads from the environment; Terraform sets them for the deployed one."""
Invoke = Callable[[dict[str, Any]], dict[str, Any]]


def event_of(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the history, or a dead letter, as the record that it was."""
    if "data_base64" in line:
        data = line["data_base64"]
    else:
        data = base64.b64encode(line["data"].encode("utf-8", "surrogatepass")).decode("ascii")
    return {
        "eventSource": "aws:kinesis",
        "eventID": f"{line['shard']}:{line['sequence']}",
        "kinesis": {
            "partitionKey": line["partition_key"],
            "sequenceNumber": line["sequence"],
            "data": data,
            "approximateArrivalTimestamp": line["arrived_ms"] / 1000,
        },
    }


def replay(records: Iterable[dict[str, Any]], invoke: Invoke) -> Counter[str]:
    """Hand records to the handler in batches of one shard, in the order of their numbers within a batch.

    Args:
        records: as lines of the history, or dead letters, have them.

    Returns:
        `handled` and `failed` records.
    """
    counts = Counter(handled=0, failed=0)
    for batch in _batches(records):
        left = sorted(batch, key=lambda line: int(line["sequence"]))
        answer = invoke({"Records": [event_of(line) for line in left]})
        named = {item["itemIdentifier"] for item in answer.get("batchItemFailures", [])}
        stop = next((place for place, line in enumerate(left) if line["sequence"] in named), len(left))
        counts["handled"] += stop
        counts["failed"] += len(left) - stop
    return counts


def _batches(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Records of one shard, at most BATCH of them and, unless one alone is larger, BATCH_BYTES."""
    waiting: dict[str, list[dict[str, Any]]] = {}
    sizes: Counter[str] = Counter()
    for line in records:
        shard, size = line["shard"], _size(line)
        if shard in waiting and (len(waiting[shard]) == BATCH or sizes[shard] + size > BATCH_BYTES):
            yield waiting.pop(shard)
            del sizes[shard]
        waiting.setdefault(shard, []).append(line)
        sizes[shard] += size
    yield from waiting.values()


def _size(line: dict[str, Any]) -> int:
    """Bytes of the record in the event, about: its data as base64, and what is said of it."""
    data = line.get("data_base64")
    return 400 + (len(data) if data is not None else len(line["data"].encode("utf-8", "surrogatepass")) * 4 // 3)


def from_files(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The lines of the files that are there now: the handler writes into the folder that is read here."""
    for key in list(objects(s3, bucket, prefix)):
        yield from lines(s3, bucket, key)


def given_up(kinesis: Any, stream: str, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records that Lambda gave up on, read again from the stream.

    Raises:
        LookupError: the stream keeps some of them no longer.
    """
    shard, last = batch["shardId"], int(batch["endSequenceNumber"])
    answer = kinesis.get_shard_iterator(
        StreamName=stream,
        ShardId=shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=batch["startSequenceNumber"],
    )
    iterator = answer["ShardIterator"]
    first = True
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=1000)
        for record in answer["Records"]:
            if first and record["SequenceNumber"] != batch["startSequenceNumber"]:
                raise LookupError(f"{shard}:{batch['startSequenceNumber']} is no longer in the stream")
            first = False
            if int(record["SequenceNumber"]) > last:
                return
            yield {
                "shard": shard,
                "sequence": record["SequenceNumber"],
                "partition_key": record["PartitionKey"],
                "arrived_ms": round(record["ApproximateArrivalTimestamp"].timestamp() * 1000),
                "data_base64": base64.b64encode(record["Data"]).decode("ascii"),
            }
            if int(record["SequenceNumber"]) == last:
                return
        iterator = answer.get("NextShardIterator") if answer["Records"] or answer.get("MillisBehindLatest") else None


def from_queue(*, sqs: Any, kinesis: Any, queue_url: str, stream: str, invoke: Invoke) -> Counter[str]:
    """Replay every dead letter; a message whose records were all handled leaves the queue.

    The handler sends what is still dead to the queue again, as a new message, so none is lost. Every other message can be
    seen by others again at once, also when this ends with an error.

    Returns:
        `handled` and `failed` records, and the messages that cannot be replayed from here, by the reason.
    """
    counts = Counter(handled=0, failed=0)
    kept = {message["receipt"]: message for message in messages(sqs, queue_url)}
    try:
        for receipt, message in list(kept.items()):
            found, why_not = _records(kinesis, stream, message)
            if why_not:
                counts[why_not] += 1
                continue
            done = replay(found, invoke)
            counts.update(done)
            if not done["failed"]:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)
                del kept[receipt]
    finally:
        release(sqs, queue_url, list(kept))
    return counts


def _records(kinesis: Any, stream: str, message: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """The records that a dead letter stands for, or why they are not to be had."""
    if message.get("data_left_out"):
        return [], "too large, replay it from the history"
    if "KinesisBatchInfo" not in message:
        return [message], None
    try:
        return list(given_up(kinesis, stream, message["KinesisBatchInfo"])), None
    except LookupError as error:
        sys.stderr.write(f"warning: {error}\n")
        return [], "no longer in the stream"


def _deployed(name: str) -> Invoke:
    """The deployed function."""
    client = boto3.client("lambda")

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        said = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise RuntimeError(f"`{name}` failed: {said}")
        return dict(said)

    return invoke


def _here() -> Invoke:
    """The handler of this checkout, with the settings of the environment; its log goes to stderr."""
    telemetry: Any = importlib.import_module("ingest.telemetry")
    telemetry.write = lambda line: sys.stderr.write(line + "\n")
    handler = importlib.import_module("ingest.handler").handler
    return lambda event: dict(handler(event, None))


def missing(names: Iterable[str]) -> str | None:
    """What to tell where variables are not set that are needed."""
    unset = [name for name in dict.fromkeys(names) if not os.environ.get(name)]
    if not unset:
        return None
    return (
        f"error: {', '.join(f'`{name}`' for name in unset)} must be set\n"
        "hint: `--function NAME` replays through a deployed function, which has its settings; for the local system:"
        ' eval "$(python -m local env)"\n'
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.replay", description=__doc__)
    parser.add_argument("source", choices=("history", "quarantine", "dead-letters"))
    parser.add_argument("--prefix", default="", help="only that day or hour, such as dt=2026-11-22/hour=16")
    parser.add_argument("--function", help="name of the deployed function; default: the handler here")
    parser.add_argument("--bucket", default=os.environ.get("BUCKET_NAME"))
    parser.add_argument("--queue-url", default=os.environ.get("DEAD_LETTER_URL"))
    parser.add_argument("--stream", default=os.environ.get("STREAM_NAME"))
    said = parser.parse_args()
    needed = ["DEAD_LETTER_URL", "STREAM_NAME"] if said.source == "dead-letters" else ["BUCKET_NAME"]
    given = {"DEAD_LETTER_URL": said.queue_url, "STREAM_NAME": said.stream, "BUCKET_NAME": said.bucket}
    needed = [name for name in needed if not given[name]]
    if wrong := missing(needed + ([] if said.function else list(SETTINGS))):
        sys.stderr.write(wrong)
        return 2
    invoke = _deployed(said.function) if said.function else _here()
    if said.source == "dead-letters":
        counts = from_queue(
            sqs=boto3.client("sqs"),
            kinesis=boto3.client("kinesis"),
            queue_url=said.queue_url,
            stream=said.stream,
            invoke=invoke,
        )
    else:
        prefix = f"{'raw' if said.source == 'history' else 'quarantine'}/v1/{said.prefix}"
        counts = replay(from_files(boto3.client("s3"), said.bucket, prefix), invoke)
    sys.stdout.write(json.dumps(counts) + "\n")
    return 1 if set(+counts) - {"handled"} else 0


if __name__ == "__main__":
    sys.exit(main())
