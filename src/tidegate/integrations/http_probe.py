"""Ask a URL as a reader's browser would, in a bounded time."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import urllib.error
import urllib.request

import tidegate
from tidegate.ports.probe import HttpAnswer

READ_AT_MOST = 1_048_576
CHUNK = 65_536

REFUSED: tuple[type[Exception], ...] = (OSError, http.client.HTTPException, ValueError)
"""What the standard library raises for a name that is not found, a refused connection, a broken answer, a bad redirect."""


class UrllibAsker:
    """The standard library's client. It honours the proxies of the environment and verifies certificates."""

    def ask(self, url: str, *, contains: str | None, timeout_s: float) -> HttpAnswer:
        """A name server that hangs, and a server that sends a byte a minute, keep each single wait short; so the whole is
        waited for from outside, and a thread that is still at it then is left behind.
        """
        answers: list[HttpAnswer] = []
        begun = time.monotonic()
        thread = threading.Thread(
            target=lambda: answers.append(_asked(url, contains, begun, timeout_s)), name="probe", daemon=True
        )
        thread.start()
        thread.join(timeout_s)
        return answers[0] if answers else _late(timeout_s)


def _asked(url: str, contains: str | None, begun: float, timeout_s: float) -> HttpAnswer:
    headers = {"User-Agent": f"tidegate/{tidegate.__version__} (probe)", "Cache-Control": "no-cache"}
    request = urllib.request.Request(url, headers=headers, method="GET")  # noqa: S310  the configuration allows http and https only
    try:
        with _opened(request, timeout_s) as response:
            text = _body(response, begun + timeout_s)
            status = int(response.status)
    except TimeoutError:
        return _late(timeout_s)
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return _late(timeout_s)
        return HttpAnswer(status=None, found=False, latency_s=None, error=_words(error.reason))
    except REFUSED as error:
        return HttpAnswer(status=None, found=False, latency_s=None, error=_words(error))
    found = contains is None or contains in text
    return HttpAnswer(status=status, found=found, latency_s=time.monotonic() - begun)


def _opened(request: urllib.request.Request, timeout_s: float) -> http.client.HTTPResponse:
    """The response, of whatever status."""
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    try:
        response = opener.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        response = error
    return response  # type: ignore[no-any-return]  # an HTTPError is a response too, and the stubs give Any for both


def _body(response: http.client.HTTPResponse, until: float) -> str:
    """The first megabyte.

    Raises:
        TimeoutError: it did not come until then.
        HTTPException: less came than was announced.
    """
    parts = bytearray()
    while len(parts) < READ_AT_MOST and (chunk := response.read(CHUNK)):
        parts += chunk
        if time.monotonic() > until:
            raise TimeoutError
    if len(parts) < READ_AT_MOST and response.length:
        raise http.client.IncompleteRead(bytes(parts), response.length)
    return parts.decode(response.headers.get_content_charset("utf-8"), "replace")


def _late(timeout_s: float) -> HttpAnswer:
    return HttpAnswer(
        status=None, found=False, latency_s=None, timed_out=True, error=f"no whole answer within {timeout_s:g} s"
    )


def _words(error: object) -> str:
    said = str(error) or type(error).__name__
    return " ".join(said.split())[:300]
