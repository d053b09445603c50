"""Handles a batch of the stream: judge each record, keep the latest reading of each device, keep everything in the history.

Nothing is lost and nothing blocks: a record that cannot be read goes to the dead-letter queue with the reason, one that
is not plausible to quarantine, and only what the table refuses for the moment is tried again. Every write may be repeated.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from ingest import stores, telemetry
from ingest.contract import Refused, judge
from ingest.stores import Received, setting

LATE_S = 60
"""A reading that arrives longer than this after it was measured counts as late."""


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Handle one batch; what Lambda has to deliver again is named by its sequence number.

    Raises:
        ClientError: S3, SQS or the table cannot be used at all; Lambda tries the batch again.
    """
    received = [_received(record) for record in event["Records"]]
    accepted = [r for r in received if r.outcome == "accepted"]
    again, outdated = stores.keep_latest(setting("TABLE_NAME"), accepted)
    done = _before_first(received, again)
    stores.keep_history(
        setting("BUCKET_NAME"), done
    )  # first: written again it is the same, a message would be a second one
    stores.send_dead_letters(setting("DEAD_LETTER_URL"), done)
    _tell(done, outdated=outdated, again=len(received) - len(done), request=getattr(context, "aws_request_id", None))
    failed = received[len(done) :][:1]  # Lambda goes on from the first one that is named
    return {"batchItemFailures": [{"itemIdentifier": r.sequence} for r in failed]}


def _received(record: Mapping[str, Any]) -> Received:
    kinesis = record["kinesis"]
    data = base64.b64decode(kinesis["data"])
    arrived_ms = round(kinesis["approximateArrivalTimestamp"] * 1000)
    came = {
        "shard": record["eventID"].partition(":")[0],
        "sequence": kinesis["sequenceNumber"],
        "partition_key": kinesis["partitionKey"],
        "arrived_ms": arrived_ms,
        "data": data,
    }
    try:
        reading = judge(
            data,
            arrived_ms,
            max_ahead_ms=int(setting("MAX_AHEAD_S")) * 1000,
            max_behind_ms=int(setting("MAX_BEHIND_S")) * 1000,
        )
    except Refused as refused:
        return Received(**came, outcome=refused.outcome, reason=refused.reason, detail=refused.detail)
    return Received(**came, outcome="accepted", reading=reading)


def _before_first(received: Sequence[Received], again: frozenset[str]) -> Sequence[Received]:
    """The records before the first one of a device whose write has to be tried again."""
    for place, record in enumerate(received):
        if record.reading is not None and record.reading.device_id in again:
            return received[:place]
    return received


def _tell(done: Sequence[Received], *, outdated: int, again: int, request: str | None) -> None:
    namespace, stage = setting("METRIC_NAMESPACE"), {"stage": setting("STAGE")}
    lags = [(r.arrived_ms - r.reading.event_ms) / 1000 for r in done if r.reading is not None]
    outcomes = Counter(r.outcome for r in done)
    values: dict[str, float] = {
        "Accepted": outcomes["accepted"],
        "Quarantined": outcomes["quarantined"],
        "DeadLettered": outcomes["dead"],
        "Late": sum(lag > LATE_S for lag in lags),
        "Outdated": outdated,
        "TriedAgain": again,
    }
    if lags:
        values |= {"EventLagMax": max(lags), "EventLagMedian": median(lags)}
    telemetry.metrics(namespace, stage, values, request_id=request)
    for reason, count in Counter(r.reason for r in done if r.reason is not None).items():
        telemetry.metrics(namespace, stage | {"reason": reason}, {"Rejected": count}, request_id=request)
    for record in done:
        if record.outcome != "accepted":
            telemetry.log(
                "WARNING",
                f"{record.outcome}: {record.detail}",
                reason=record.reason,
                shard=record.shard,
                sequence=record.sequence,
                request_id=request,
            )
