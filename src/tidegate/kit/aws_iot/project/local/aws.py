"""Local AWS: moto's server, with what is not as in AWS put right, as far as it matters here; `python -m local.aws`."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import ModuleType
from typing import Any

from moto import server
from moto.awslambda import models as awslambda
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.kinesis import models as kinesis
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler
from moto.s3 import models as s3
from moto.sqs import models as sqs

Environ = dict[str, Any]
Answer = tuple[str, list[tuple[str, str]], bytes]
"""The status, headers and body of what was answered."""

REMEMBERED = 200
"""So many calls are remembered, for when they are sent again."""


class Once:
    """A WSGI application whose calls have one effect each, however often the SDK sends them.

    An SDK that gets no answer sends the call again, with the same `amz-sdk-invocation-id`. moto would then say that what
    was just made exists already, and Terraform would wait five minutes for that to change and give up. The second
    attempt gets the answer of the first instead, and waits for it when it is still being made.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._answers: OrderedDict[str, Future[Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        call = environ.get("HTTP_AMZ_SDK_INVOCATION_ID")
        if call is None or environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._application(environ, start_response)
        with self._lock:
            first = call not in self._answers
            answer = self._answers.setdefault(call, Future())
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        if first:
            self._answer(call, environ, answer)
        status, headers, body = answer.result()
        start_response(status, headers)
        return [body]

    def _answer(self, call: str, environ: Environ, answer: Future[Answer]) -> None:
        """Ask moto. What fails is not remembered: the SDK's next attempt is a first one."""
        said: list[tuple[str, list[tuple[str, str]]]] = []
        try:
            body = b"".join(self._application(environ, lambda status, headers, *_: said.append((status, headers))))
            answer.set_result((*said[0], body))
        finally:
            if not answer.done() or not answer.result()[0].startswith("2"):
                answer.cancel()
                with self._lock:
                    self._answers.pop(call, None)


def application(create_app: Callable[..., Any]) -> Once:
    """What moto serves, each call once."""
    return Once(DomainDispatcherApplication(create_app))


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


def unix_time_millis() -> float:
    """The same clock as moto's, which makes three datetimes to read it.

    The queue asks it three times of every message in it, for each message that is sent: with thousands of dead letters
    that is most of what local AWS would do.
    """
    return time.time() * 1000


def is_message_valid_based_on_retention_period(self: Any, queue_name: str, message: Any) -> bool:
    """The same answer as moto's, which counts all messages of the queue nine times to give it."""
    keeps_s = float(self.get_queue(queue_name).message_retention_period)
    return bool(message.sent_timestamp / 1000 + keeps_s > time.time())


def log_request(self: Any, code: int | str = "-", size: int | str = "-") -> None:
    """Log what failed on the server's side, and not one line for each of a hundred thousand calls."""
    if str(code).startswith("5"):
        self.log("error", "%s %s", self.requestline, code)


PUT_RIGHT: tuple[tuple[type | ModuleType, str, Callable[..., Any]], ...] = (
    (s3.FakeBucket, "get_permission", get_permission),
    (awslambda.LambdaBackend, "send_kinesis_message", deliver_nothing),
    (kinesis.Shard, "get_max_sequence_number", get_max_sequence_number),
    (sqs, "unix_time_millis", unix_time_millis),
    (sqs.SQSBackend, "is_message_valid_based_on_retention_period", is_message_valid_based_on_retention_period),
    (MotoRequestHandler, "log_request", log_request),
    (server, "DomainDispatcherApplication", application),
)


if __name__ == "__main__":
    for owner, name, ours in PUT_RIGHT:
        if not hasattr(owner, name):
            raise SystemExit(f"error: this moto has no `{owner.__name__}.{name}`\nhint: install moto 5.2")
        setattr(owner, name, ours)
    server.main(["-H", "127.0.0.1", "-p", "0"])
