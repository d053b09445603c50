"""Local AWS: moto's server, with one thing put right; `python -m local.aws PORT`."""

from __future__ import annotations

import json
import sys
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3 import models
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


if __name__ == "__main__":
    setattr(models.FakeBucket, "get_permission", get_permission)  # noqa: B010  mypy refuses to assign to a method
    serve(["-H", "127.0.0.1", "-p", sys.argv[1]])
