"""A generic webhook: the notice as JSON, signed as the Standard Webhooks specification says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import ClassVar

from tidegate.errors import TargetError
from tidegate.integrations import http_call
from tidegate.model import Notice
from tidegate.ports import NotifierCapabilities, Option, Place, Sending

SCHEMA_VERSION = 1
"""The version of the body; raised when a field is removed or changes its meaning."""


class WebhookNotifier:
    """`webhook:name`, or `webhook:https://...` for an address that is no secret."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=True,
        threads=True,
        dedupes=True,
        per_minute=300,
        guarantee="at least once, always with the same `webhook-id`, by which the receiver tells that it has it",
    )
    options: ClassVar = (
        Option(name="url", about="where to post; default: the address in `to`", secret=True),
        Option(name="secret", about="the signing secret, plain or as `whsec_` and base64", secret=True),
    )

    def __init__(self, place: Place) -> None:
        self._url = http_call.demand_url(place.options.get("url", place.address), what="the webhook's `url`")
        self._secret = _secret(place.options["secret"]) if "secret" in place.options else None

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        sent = json.dumps(body(notice), ensure_ascii=False, separators=(",", ":")).encode()
        moment = str(int(time.time()))
        headers = {"webhook-id": notice.key, "webhook-timestamp": moment, "Idempotency-Key": notice.key}
        if self._secret is not None:
            headers["webhook-signature"] = signature(self._secret, notice.key, moment, sent)
        http_call.call("POST", self._url, body=sent, headers=headers, timeout_s=sending.timeout_s)
        return {}


def _secret(text: str) -> bytes:
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise TargetError("the signing secret begins with `whsec_` and is no base64", hint="copy it again") from None


def signature(secret: bytes, key: str, moment: str, sent: bytes) -> str:
    """HMAC-SHA256 of id, time and body: https://www.standardwebhooks.com, so that nobody can replay or forge it."""
    said = b".".join((key.encode(), moment.encode(), sent))
    return "v1," + base64.b64encode(hmac.new(secret, said, hashlib.sha256).digest()).decode()


def body(notice: Notice) -> dict[str, object]:
    """What is posted, and what a file gets as a line."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": notice.key,
        "thread": notice.thread,
        "kind": notice.kind.value,
        "state": notice.state.value,
        "severity": notice.severity.value,
        "project": notice.project,
        "incidents": list(notice.incidents),
        "at": notice.at.isoformat(),
        "headline": notice.headline,
        "news": notice.news,
        "facts": [{"name": name, "text": text} for name, text in notice.facts],
        "commands": list(notice.commands),
        "links": [{"title": title, "url": url} for title, url in notice.links],
    }
