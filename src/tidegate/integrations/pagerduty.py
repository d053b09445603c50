"""PagerDuty Events API v2: an alert that is triggered, acknowledged and resolved under one deduplication key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import ClassVar

from tidegate.errors import TargetError
from tidegate.integrations import http_call
from tidegate.integrations.notice_text import OVER, cut, label
from tidegate.model import IncidentState, Notice, NoticeKind, Severity
from tidegate.ports import NotifierCapabilities, Option, Place, Sending

SEVERITIES = {
    Severity.SEV1: "critical",
    Severity.SEV2: "error",
    Severity.SEV3: "warning",
    Severity.SEV4: "info",
}
"""PagerDuty's words: https://developer.pagerduty.com/docs/events-api-v2-overview"""

KEY_LENGTH, SUMMARY_LENGTH = 255, 1024


class PagerDutyNotifier:
    """`pagerduty:service`, with the integration key of that service."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=True,
        threads=True,
        dedupes=True,
        per_minute=120,
        guarantee="exactly one alert for an incident: PagerDuty knows the deduplication key",
    )
    options: ClassVar = (
        Option(name="key", about="the service's integration key", default="${PAGERDUTY_ROUTING_KEY}", secret=True),
        Option(name="api", about="the Events API's address", default="https://events.pagerduty.com"),
    )

    def __init__(self, place: Place) -> None:
        if not place.options["key"].strip():
            raise TargetError(
                "the integration key is empty", hint="copy it from the service's Events API v2 integration"
            )
        self._service, self._key = place.address, place.options["key"]
        self._url = http_call.demand_url(place.options["api"], what="`api`").rstrip("/") + "/v2/enqueue"

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        self._call(event(notice, self._key, self._service), sending.timeout_s)
        if notice.kind is NoticeKind.TEST:  # nobody is to be woken by it for longer than that
            self._call(
                {"routing_key": self._key, "event_action": "resolve", "dedup_key": dedup_key(notice)}, sending.timeout_s
            )
        return {"dedup_key": dedup_key(notice)}

    def _call(self, body: Mapping[str, object], timeout_s: float) -> None:
        answer = http_call.attempt("POST", self._url, body=body, timeout_s=timeout_s)
        if answer.status >= 300:
            raise http_call.refusal(answer)


def dedup_key(notice: Notice) -> str:
    """What PagerDuty knows the alert by; the same for every message of a thread."""
    if len(notice.thread) <= KEY_LENGTH:
        return notice.thread
    return hashlib.sha256(notice.thread.encode()).hexdigest()


def action(notice: Notice) -> str:
    """What the state of the incident means to a pager: once readers no longer see it, nobody needs to be awake."""
    if notice.state in OVER:
        return "resolve"
    return "acknowledge" if notice.state is IncidentState.ACKNOWLEDGED else "trigger"


def event(notice: Notice, key: str, service: str) -> dict[str, object]:
    """The body of `POST /v2/enqueue`."""
    facts: dict[str, str] = {}
    for name, text in notice.facts:
        facts[name] = f"{facts[name]}\n{text}" if name in facts else text
    return {
        "routing_key": key,
        "event_action": action(notice),
        "dedup_key": dedup_key(notice),
        "client": "tidegate",
        "payload": {
            "summary": cut(f"{label(notice)}: {notice.headline}", SUMMARY_LENGTH),
            "source": notice.project,
            "severity": SEVERITIES[notice.severity],
            "timestamp": notice.at.isoformat(),
            "component": facts.get("where", notice.project),
            "group": service,
            "class": notice.kind.value,
            "custom_details": {"news": notice.news, **facts, "commands": "\n".join(notice.commands)},
        },
        "links": [{"href": url, "text": title} for title, url in notice.links],
    }
