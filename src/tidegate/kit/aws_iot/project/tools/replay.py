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

from tools.ledger import history, messages, release

BATCH = 500
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


def replay(lines: Iterable[dict[str, Any]], invoke: Invoke) -> Counter[str]:
    """Hand lines to the handler in batches of one shard, in the order of their numbers within a batch.

    Returns:
        `handled` and `failed` records.
    """
    counts: Counter[str] = Counter()
    for batch in _batches(lines):
        left = sorted(batch, key=lambda line: int(line["sequence"]))
        answer = invoke({"Records": [event_of(line) for line in left]})
        named = {item["itemIdentifier"] for item in answer.get("batchItemFailures", [])}
        stop = next((place for place, line in enumerate(left) if line["sequence"] in named), len(left))
        counts["handled"] += stop
        counts["failed"] += len(left) - stop
    return counts


def _batches(lines: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        batch = waiting.setdefault(line["shard"], [])
        batch.append(line)
        if len(batch) == BATCH:
            yield waiting.pop(line["shard"])
    yield from waiting.values()


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

    The handler sends what is still dead to the queue again, as a new message, so none is lost.
    """
    counts: Counter[str] = Counter()
    for message in list(messages(sqs, queue_url)):
        if "KinesisBatchInfo" in message:
            found = list(given_up(kinesis, stream, message["KinesisBatchInfo"]))
        elif message.get("data_left_out"):
            counts["too large, replay it from the history"] += 1
            release(sqs, queue_url, [message["receipt"]])
            continue
        else:
            found = [message]
        done = replay(found, invoke)
        counts += done
        if done["failed"]:
            release(sqs, queue_url, [message["receipt"]])
        else:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["receipt"])
    return counts


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
    """The handler of this checkout, with the settings of the environment."""
    handler = importlib.import_module("ingest.handler").handler
    return lambda event: dict(handler(event, None))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.replay", description=__doc__)
    parser.add_argument("source", choices=("history", "quarantine", "dead-letters"))
    parser.add_argument("--prefix", default="", help="only that day or hour, such as dt=2026-11-22/hour=16")
    parser.add_argument("--function", help="name of the deployed function; default: the handler here")
    parser.add_argument("--bucket", default=os.environ.get("BUCKET_NAME"))
    parser.add_argument("--queue-url", default=os.environ.get("DEAD_LETTER_URL"))
    parser.add_argument("--stream", default=os.environ.get("STREAM_NAME"))
    said = parser.parse_args()
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
        # All lines first: the handler writes into the history what is read from it.
        counts = replay(list(history(boto3.client("s3"), said.bucket, prefix)), invoke)
    sys.stdout.write(json.dumps(counts) + "\n")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
