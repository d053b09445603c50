"""Local AWS: moto's server, with what is not as in AWS put right, as far as it matters here; `python -m local.aws PORT`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from moto.awslambda import models as awslambda
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.kinesis import models as kinesis
from moto.s3 import models as s3
from moto.server import main as serve


def get_permission(self: Any, action: str, resource: str) -> PermissionResult:
    """Judge a bucket policy by its statements without conditions.

    moto 5.2 knows no value of `aws:SecureTransport` or of an encryption key, and takes a condition that it cannot
    evaluate for a refusal, so that our bucket, which refuses other keys and plain HTTP, would refuse everything.
    """
    if self.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(self.policy.decode())
    policy["Statement"] = [said for said in policy["Statement"] if not said.get("Condition")]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


def deliver_nothing(self: Any, *record: Any, **named: Any) -> None:
    """Leave the records to our poller.

    moto hands each record to the function at once, alone, in a Docker container, and forgets it when that fails: no
    batch, no retry, no destination, no order, and where Docker is, everything would be handled twice.
    """


def get_max_sequence_number(self: Any) -> int:
    """The same number as moto's, without copying all records of the shard for each new one."""
    return next(reversed(self.records)) if self.records else 0


PUT_RIGHT: tuple[tuple[type, str, Callable[..., Any]], ...] = (
    (s3.FakeBucket, "get_permission", get_permission),
    (awslambda.LambdaBackend, "send_kinesis_message", deliver_nothing),
    (kinesis.Shard, "get_max_sequence_number", get_max_sequence_number),
)


if __name__ == "__main__":
    for owner, name, ours in PUT_RIGHT:
        if not hasattr(owner, name):
            raise SystemExit(f"error: this moto has no `{owner.__name__}.{name}`\nhint: install moto 5.2")
        setattr(owner, name, ours)
    serve(["-H", "127.0.0.1", "-p", sys.argv[1]])
