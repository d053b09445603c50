"""What local AWS puts right of moto gives the same answers as moto, only sooner, and the ones of AWS where moto's are wrong."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from moto.core.utils import unix_time_millis as slow_millis
from moto.sqs.models import SQSBackend

from local import aws

DAY_S = 86_400


def test_all_that_is_put_right_is_there_to_be_put_right() -> None:
    assert [name for owner, name, _ in aws.PUT_RIGHT if not hasattr(owner, name)] == []


def test_the_clock_is_the_same() -> None:
    assert abs(aws.unix_time_millis() - slow_millis()) < 1000


@pytest.mark.parametrize("age_s", [0, 3 * DAY_S, 4 * DAY_S - 60, 4 * DAY_S + 60, 30 * DAY_S])
def test_a_message_ends_when_moto_says_so(age_s: int) -> None:
    backend = SQSBackend("eu-central-1", "123456789012")
    backend.create_queue("dead", {})  # four days, moto's default as AWS's
    message = SimpleNamespace(sent_timestamp=(time.time() - age_s) * 1000)
    ours = aws.is_message_valid_based_on_retention_period(backend, "dead", message)
    assert ours == backend.is_message_valid_based_on_retention_period("dead", message)
    assert ours == (age_s < 4 * DAY_S)


@pytest.mark.parametrize(("code", "logged"), [("200", 0), ("412", 0), ("500", 1), (503, 1)])
def test_only_what_failed_in_the_server_is_logged(code: str | int, logged: int) -> None:
    lines: list[str] = []
    handler = SimpleNamespace(requestline="POST /", log=lambda kind, text, *values: lines.append(text % values))
    aws.log_request(handler, code)
    assert len(lines) == logged
