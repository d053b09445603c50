"""The HTTP probe against real servers on the loopback: right, wrong, slow, dripping, broken and gone ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tidegate.integrations.http_probe import READ_AT_MOST, UrllibAsker
from tidegate.ports import HttpAnswer

STOP = threading.Event()


class Pages(BaseHTTPRequestHandler):
    """A page for each way in which a server behaves."""

    def do_GET(self) -> None:
        match self.path:
            case "/ok":
                self._answer(200, "the data is grün".encode())
            case "/gone":
                self._answer(503, b"no")
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/ok")
                self.end_headers()
            case "/round":
                self.send_response(302)
                self.send_header("Location", "/round")
                self.end_headers()
            case "/file":
                self.send_response(302)
                self.send_header("Location", "file:///etc/hostname")
                self.end_headers()
            case "/slow":
                STOP.wait(20)
            case "/drip":
                self._drip()
            case "/short":
                self._answer(200, b"half", announced=100)
            case "/large":
                self._answer(200, b"x" * (READ_AT_MOST + 5) + b"end")

    def _answer(self, status: int, body: bytes, announced: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(announced or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """A byte now and then: each single wait is short, and the whole never ends."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not STOP.wait(0.05):
            self.wfile.write(b".")
            self.wfile.flush()

    def log_message(self, *said: object) -> None:
        """Nobody reads it."""


class Quiet(ThreadingHTTPServer):
    """A client that hangs up is what is tested here."""

    daemon_threads = True

    def handle_error(self, *said: object) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    httpd = Quiet(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    STOP.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def ask(url: str, *, contains: str | None = None, timeout_s: float = 10) -> HttpAnswer:
    return UrllibAsker().ask(url, contains=contains, timeout_s=timeout_s)


def test_an_answer_has_a_status_and_a_time(server: str) -> None:
    answer = ask(f"{server}/ok")
    assert (answer.status, answer.found, answer.timed_out, answer.error) == (200, True, False, None)
    assert answer.latency_s is not None
    assert 0 < answer.latency_s < 10


def test_a_text_is_looked_for(server: str) -> None:
    assert ask(f"{server}/ok", contains="is grün").found
    assert not ask(f"{server}/ok", contains="is red").found


def test_another_status_is_an_answer_too(server: str) -> None:
    assert ask(f"{server}/gone").status == 503


def test_redirects_are_followed_but_not_for_ever_and_not_into_files(server: str) -> None:
    assert ask(f"{server}/moved").status == 200
    assert ask(f"{server}/round").status == 302
    answer = ask(f"{server}/file")
    assert (answer.status, answer.found) != (200, True)


@pytest.mark.parametrize("path", ["/slow", "/drip"])
def test_one_that_takes_too_long_is_late(server: str, path: str) -> None:
    answer = ask(f"{server}{path}", timeout_s=0.4)
    assert (answer.status, answer.timed_out, answer.latency_s) == (None, True, None)
    assert answer.error == "no whole answer within 0.4 s"


def test_half_an_answer_is_none(server: str) -> None:
    answer = ask(f"{server}/short")
    assert (answer.status, answer.timed_out) == (None, False)
    assert answer.error


def test_at_most_a_megabyte_is_read(server: str) -> None:
    assert not ask(f"{server}/large", contains="end").found


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_nobody_there() -> None:
    with closed_port() as port:
        answer = ask(f"http://127.0.0.1:{port}/")
    assert answer.status is None
    assert "refused" in str(answer.error)


def test_a_server_that_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            client, _ = listening.accept()
            with client:
                client.recv(1000)
                client.sendall(b"220 mail.example.com ESMTP\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        answer = ask(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()
    assert answer.status is None
    assert answer.error
