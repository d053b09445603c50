"""One HTTP call with the standard library, and what its failures mean for a message: try again later, or never."""

from __future__ import annotations

import email.utils
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from tidegate.errors import DeliveryError, TargetError

MOST_BYTES = 2_000_000
"""How much of an answer is read. Chosen, not derived."""

LONGEST_S = 86_400.0
"""The longest time that a channel may ask to wait."""

BUSY = frozenset({408, 425, 429})
"""What is no server error and passes all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server said; `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            DeliveryError: it is none.
        """
        try:
            return json.loads(self.text)
        except ValueError:
            said = _short(self.text)
            raise DeliveryError(f"HTTP {self.status} with what is no JSON: {said}", transient=True) from None


def _opener() -> urllib.request.OpenerDirector:
    """Everything but the following of redirects: a message that is redirected would arrive as an empty GET."""
    opener = urllib.request.OpenerDirector()
    for made in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(made)
    return opener


def demand_url(url: str, *, what: str) -> str:
    """The address, when it is one of http or https.

    Raises:
        TargetError: it is none; the address itself is not told, because it may be a secret.
    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or any(c.isspace() for c in url):
        raise TargetError(f"{what} is no address that begins with https://", hint="copy it from the channel's settings")
    return url


def call(
    method: str,
    url: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
) -> HttpAnswer:
    """Make one call; `body` is sent as JSON, or as it is when it is bytes. Returns any answer below 300.

    Raises:
        DeliveryError: transient for a network failure, 408, 425, 429 and 5xx; terminal for what else is refused.
    """
    answer = attempt(method, url, body=body, headers=headers, timeout_s=timeout_s)
    if answer.status >= 300:
        raise refusal(answer)
    return answer


def attempt(
    method: str,
    url: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
) -> HttpAnswer:
    """Make one call and return whatever was answered.

    Raises:
        DeliveryError: there was no whole answer; transient.
    """
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    said = {"User-Agent": "tidegate", "Content-Type": "application/json; charset=utf-8", **(headers or {})}
    request = urllib.request.Request(url, data=data, headers=said, method=method)  # noqa: S310  `demand_url` lets nothing but http and https through
    host = urlsplit(url).hostname
    try:
        with _opener().open(request, timeout=timeout_s) as response:
            return _answer(response.status, response.headers, response)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error)
    except (OSError, http.client.HTTPException) as error:
        because = error.reason if isinstance(error, urllib.error.URLError) else error
        said_so = "no answer in time" if isinstance(because, TimeoutError) else str(because) or type(because).__name__
        raise DeliveryError(f"`{host}` could not be reached: {said_so}", transient=True) from None


def _answer(status: int, headers: Message, body: Any) -> HttpAnswer:
    text = body.read(MOST_BYTES).decode("utf-8", "replace")
    return HttpAnswer(status=status, headers={k.lower(): v for k, v in headers.items()}, text=text)


def refusal(answer: HttpAnswer, *, said: str | None = None) -> DeliveryError:
    """The error that an answer means; `said` is what the channel said, where it says it in a form of its own."""
    transient = answer.status >= 500 or answer.status in BUSY
    words = said or _short(answer.text)
    return DeliveryError(
        f"HTTP {answer.status}" + (f": {words}" if words else ""),
        transient=transient,
        retry_after_s=retry_after(answer.headers.get("retry-after")) if transient else None,
    )


def retry_after(text: str | None) -> float | None:
    """Seconds to wait: the header holds them, or the time of day (RFC 9110, section 10.2.3). None when it holds neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text), LONGEST_S)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - datetime.fromtimestamp(time.time(), UTC)).total_seconds()), LONGEST_S)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 200 else words[:199] + "…"
