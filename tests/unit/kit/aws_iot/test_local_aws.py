"""What local AWS puts right of moto gives the same answers as moto, only sooner, and the ones of AWS where moto's are wrong."""

from __future__ import annotations

import http.client
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from moto.core.utils import unix_time_millis as slow_millis
from moto.sqs.models import SQSBackend

from local import aws, stack

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


@contextmanager
def losing_the_first_answer(endpoint: str) -> Iterator[tuple[str, list[str]]]:
    """A way to the server that passes calls on and loses the first answer; its address, and the calls that came."""
    calls: list[str] = []

    class Way(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server asks for
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.append(self.path)
            server = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=60)
            server.request("POST", self.path, body, dict(self.headers))
            answer = server.getresponse()
            said = answer.read()
            server.close()
            self.close_connection = True
            if len(calls) == 1:
                return
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Way) as way:
        threading.Thread(target=way.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{way.server_port}", calls
        way.shutdown()


def archive() -> bytes:
    """A function's package."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as package:
        package.writestr("handler.py", "def handle(event, context): ...")
    return written.getvalue()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stack.moto(tmp_path_factory.mktemp("aws")) as endpoint:
        yield endpoint


def test_a_call_whose_answer_was_lost_is_done_once(endpoint: str) -> None:
    """The SDK sends it again; without memory it would hear that the function exists, and Terraform would give up."""
    iam = stack.client("iam", endpoint)
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    with losing_the_first_answer(endpoint) as (way, calls):
        made = stack.client("lambda", way).create_function(
            FunctionName="f", Role=role, Runtime="python3.13", Handler="handler.handle", Code={"ZipFile": archive()}
        )
    assert made["FunctionName"] == "f"
    assert calls == ["/2015-03-31/functions"] * 2
    assert [f["FunctionName"] for f in stack.client("lambda", endpoint).list_functions()["Functions"]] == ["f"]


def test_another_call_for_the_same_is_refused_as_in_aws(endpoint: str) -> None:
    iam = stack.client("iam", endpoint)
    iam.create_role(RoleName="twice", AssumeRolePolicyDocument="{}")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="twice", AssumeRolePolicyDocument="{}")


class Counting:
    """An application that answers with how often it was asked, or fails."""

    def __init__(self, *statuses: str) -> None:
        self.statuses, self.asked = list(statuses), 0

    def __call__(self, environ: aws.Environ, start_response: object) -> list[bytes]:
        self.asked += 1
        if self.statuses[0] == "broken":
            self.statuses.pop(0)
            raise RuntimeError("broken")
        assert callable(start_response)
        start_response(self.statuses.pop(0), [])
        return [str(self.asked).encode()]


def ask(application: aws.Once, call: str, method: str = "POST") -> tuple[str, bytes]:
    said: list[str] = []
    body = application(
        {"HTTP_AMZ_SDK_INVOCATION_ID": call, "REQUEST_METHOD": method}, lambda status, _: said.append(status)
    )
    return said[0], b"".join(body)


@pytest.mark.parametrize("failed", ["400 Throttled", "500 Broken"])
def test_what_failed_is_tried_again(failed: str) -> None:
    application = aws.Once(Counting(failed, "200 OK"))
    assert [ask(application, "a")[0] for _ in range(3)] == [failed, "200 OK", "200 OK"]


def test_what_broke_is_tried_again() -> None:
    application = aws.Once(Counting("broken", "200 OK"))
    with pytest.raises(RuntimeError, match="broken"):
        ask(application, "a")
    assert ask(application, "a") == ("200 OK", b"2")


def test_reading_is_never_remembered() -> None:
    application = aws.Once(Counting("200 OK", "200 OK"))
    assert [ask(application, "a", "GET")[1] for _ in range(2)] == [b"1", b"2"]


def test_so_many_calls_are_remembered_and_no_more() -> None:
    counting = Counting(*["200 OK"] * (2 * aws.REMEMBERED + 1))
    application = aws.Once(counting)
    for call in range(2 * aws.REMEMBERED):
        ask(application, str(call))
    assert ask(application, str(aws.REMEMBERED)) == ("200 OK", str(aws.REMEMBERED + 1).encode())
    ask(application, "0")
    assert counting.asked == 2 * aws.REMEMBERED + 1
