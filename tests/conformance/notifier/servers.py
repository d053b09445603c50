"""Stand-ins for the outside: real HTTP and SMTP servers on this machine, which check what they get as the real ones do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

TOKEN = "s3cr3t-token-of-the-test"


@dataclass
class Request:
    """What a server got."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Trouble:
    """What a server does instead of its work, `times` times: an HTTP status with headers, `reset`, `hang` or `drop`.

    `drop` does the work and then closes the connection without an answer, as when the network goes at the worst moment.
    """

    what: int | str
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """The work of one outside service; answers (status, JSON)."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.troubles: list[Trouble] = []
        self.lock = threading.Lock()
        self.watch: Callable[[str], None] = lambda when: None

    def answer(self, request: Request) -> tuple[int, object]:
        return 200, {}


class Webhook(Service):
    """Keeps each `webhook-id` once, as its senders are told to rely on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Any] = {}

    def answer(self, request: Request) -> tuple[int, object]:
        self.seen.setdefault(request.headers["webhook-id"], request.body)
        return 202, {}


class PagerDuty(Service):
    """Alerts by deduplication key; refuses what Events API v2 refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, str] = {}
        self.opened: list[str] = []

    def answer(self, request: Request) -> tuple[int, object]:
        said = request.body
        if request.path != "/v2/enqueue" or said["routing_key"] != TOKEN:
            return 400, {"status": "invalid event", "errors": ["Invalid routing key"]}
        action, key = said["event_action"], said["dedup_key"]
        if action == "trigger":
            payload = said["payload"]
            fine = payload["severity"] in {"critical", "error", "warning", "info"} and payload["source"]
            if not fine or not 0 < len(payload["summary"]) <= 1024 or len(key) > 255:
                return 400, {"status": "invalid event", "errors": ["bad payload"]}
            if self.alerts.get(key) not in {"trigger", "acknowledge"}:
                self.opened.append(key)
            self.alerts[key] = action
        elif action in {"acknowledge", "resolve"}:
            if key in self.alerts:
                self.alerts[key] = action
        else:
            return 400, {"status": "invalid event", "errors": ["event_action is wrong"]}
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}


class Slack(Service):
    """Messages of one channel with their threads, by the Web API."""

    def __init__(self, *, may_read: bool = True) -> None:
        super().__init__()
        self.may_read = may_read
        self.messages: dict[str, dict[str, Any]] = {}
        self.error: str | None = None

    def answer(self, request: Request) -> tuple[int, object]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if self.error:
            return 200, {"ok": False, "error": self.error}
        method = request.path.rpartition("/")[2]
        if method == "chat.postMessage":
            return 200, self._post(request.body)
        if method == "chat.update":
            if request.body["ts"] not in self.messages:
                return 200, {"ok": False, "error": "message_not_found"}
            demand_blocks(request.body)
            self.messages[request.body["ts"]] |= request.body
            return 200, {"ok": True, "ts": request.body["ts"]}
        if method in {"conversations.history", "conversations.replies"}:
            if not self.may_read:
                return 200, {"ok": False, "error": "missing_scope"}
            thread = request.query.get("ts")
            found = [m for m in self.messages.values() if m.get("thread_ts") == thread]
            return 200, {"ok": True, "messages": found}
        return 404, {}

    def _post(self, said: dict[str, Any]) -> dict[str, Any]:
        demand_blocks(said)
        assert said["channel"] in {"#data", "C1"}
        ts = f"{1700000000 + len(self.messages)}.000100"
        self.messages[ts] = {**said, "ts": ts}
        return {"ok": True, "channel": "C1", "ts": ts}

    @property
    def top(self) -> list[dict[str, Any]]:
        return [m for m in self.messages.values() if "thread_ts" not in m]

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [m for m in self.messages.values() if "thread_ts" in m]


def demand_blocks(said: dict[str, Any]) -> None:
    """The limits of Block Kit."""
    assert said["text"]
    assert 0 < len(said["blocks"]) <= 50
    for block in said["blocks"]:
        assert block["type"] in {"section", "context"}
        if block["type"] == "section":
            assert block["text"]["type"] == "mrkdwn"
            assert 0 < len(block["text"]["text"]) <= 3000


class SlackHook(Service):
    """An incoming webhook."""

    def answer(self, request: Request) -> tuple[int, object]:
        demand_blocks(request.body)
        return 200, "ok"


class Teams(Service):
    """A workflow that takes adaptive cards of at most 28 kB."""

    def answer(self, request: Request) -> tuple[int, object]:
        (attachment,) = request.body["attachments"]
        card = attachment["content"]
        assert request.body["type"] == "message"
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        assert {part["type"] for part in card["body"]} <= {"TextBlock", "FactSet"}
        return (202, {}) if len(request.raw) <= 28_000 else (413, {"error": "too large"})


class GitHub(Service):
    """Issues of one repository with comments and labels, in pages."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: list[dict[str, Any]] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}

    def answer(self, request: Request) -> tuple[int, object]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        words = request.path.strip("/").split("/")
        if words[:4] != ["repos", "shop", "data", "issues"]:
            return 404, {"message": "Not Found"}
        page = slice((int(request.query.get("page", 1)) - 1) * 100, int(request.query.get("page", 1)) * 100)
        match request.method, words[4:]:
            case "GET", []:
                label = request.query["labels"]
                mine = [i for i in reversed(self.issues) if label in i["labels"]]
                return 200, mine[page]
            case "POST", []:
                assert len(request.body["title"]) <= 256
                number = len(self.issues) + 1
                url = f"https://github.example.com/shop/data/issues/{number}"
                self.issues.append({"number": number, "state": "open", "html_url": url, **request.body})
                return 201, self.issues[-1]
            case "PATCH", [number]:
                self.issues[int(number) - 1] |= request.body
                return 200, self.issues[int(number) - 1]
            case "POST", [number, "comments"]:
                self.comments.setdefault(int(number), []).append(request.body)
                return 201, request.body
            case "GET", [number, "comments"]:
                return 200, self.comments.get(int(number), [])[page]
        return 404, {}


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """The address of a server that does a service's work."""

    hung = threading.Event()

    class Work(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(
                method=self.command,
                path=parts.path,
                query={k: v[0] for k, v in parse_qs(parts.query).items()},
                headers={k.lower(): v for k, v in self.headers.items()},
                raw=raw,
            )
            with service.lock:
                service.requests.append(request)
                trouble = next((t for t in service.troubles if t.times > 0), None)
                if trouble is not None:
                    trouble.times -= 1
                service.watch("before")
                if trouble is None or trouble.what == "drop":
                    status, said = service.answer(request)
                    service.watch("after")
                else:
                    status, said = 500, {"error": f"trouble; you sent {self.headers.get('Authorization')}"}
            self._finish(trouble, status, said)

        def _finish(self, trouble: Trouble | None, status: int, said: object) -> None:
            if trouble is not None and trouble.what in {"reset", "drop"}:
                # closed with what is unsent thrown away: the other side sees a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            if trouble is not None and trouble.what == "hang":
                hung.wait(1.5)
                return
            sent = json.dumps(said).encode()
            self.send_response(trouble.what if trouble is not None and isinstance(trouble.what, int) else status)
            for name, value in (trouble.headers if trouble is not None else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_PUT = _do  # noqa: N815  the names that http.server calls

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):  # the connection was closed on purpose
                super().finish()

        def _say_nothing(self, *words: object) -> None: ...

        log_message = _say_nothing

    server = ThreadingHTTPServer(("127.0.0.1", 0), Work)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away is part of the tests
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        hung.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Mailbox:
    """What an SMTP server took; `refuse` is its reply to DATA instead."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.refuse: str | None = None
        self.refuse_recipient: str | None = None
        self.hang_s = 0.0

    async def _recipient(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuse_recipient is not None:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def _data(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.hang_s:
            await asyncio.sleep(self.hang_s)
        if self.refuse is not None:
            return self.refuse
        self.taken.append((envelope.rcpt_tos, envelope.original_content))
        return "250 Message accepted"

    handle_RCPT, handle_DATA = _recipient, _data  # noqa: N815  the names that aiosmtpd calls


class Bound(Controller):
    """A controller whose port the system chose when it was bound, so that nobody takes it in between."""

    def __init__(self, handler: object, **more: Any) -> None:
        self._bound = socket.create_server(("127.0.0.1", 0))
        super().__init__(handler, hostname="127.0.0.1", port=self._bound.getsockname()[1], **more)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._bound, ssl=self.ssl_context)


@contextmanager
def mail(*, certificate: Path | None = None) -> Iterator[tuple[Mailbox, int]]:
    """An SMTP server; with a certificate it demands STARTTLS and a login."""
    box = Mailbox()
    extra: dict[str, Any] = {}
    if certificate is not None:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def check(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
            return AuthResult(success=data.password == TOKEN.encode(), handled=False)

        extra = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "auth_require_tls": True,
            "authenticator": check,
        }
    controller = Bound(box, ready_timeout=60.0, **extra)
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()


def certificate(folder: Path) -> Path:
    """A certificate of this machine's own, key and all in one file."""
    path = folder / "mail.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*words.split(), "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True,
        capture_output=True,
    )
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return path
