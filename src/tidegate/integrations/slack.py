"""Slack: one message for an incident, changed in place, with the later news in its thread; or an incoming webhook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from tidegate.errors import DeliveryError, TargetError
from tidegate.integrations import http_call
from tidegate.integrations.notice_text import DOUBLED, LOUD, cut, label, line
from tidegate.model import IncidentState, Notice, NoticeKind
from tidegate.ports import NotifierCapabilities, Option, Place, Sending

SECTION = 3000
"""Characters in the text of a section: https://docs.slack.dev/reference/block-kit/blocks/section-block/"""

EVENT = "tidegate_notice"

PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
"""Errors of the Web API that pass by themselves."""

HINTS = {
    "not_in_channel": "invite the app into the channel: `/invite @your-app`",
    "channel_not_found": "write the channel's id, or `#name` of a channel that the app may see",
    "missing_scope": "give the app the scope `chat:write`, and install it again",
    "invalid_auth": "copy the bot token (`xoxb-...`) again from the app's page",
    "is_archived": "name another channel, or unarchive it",
}

MARKS = {
    IncidentState.OPEN: ":red_circle:",
    IncidentState.ACKNOWLEDGED: ":large_yellow_circle:",
    IncidentState.MITIGATED: ":large_blue_circle:",
    IncidentState.RESOLVED: ":large_green_circle:",
    IncidentState.REVIEWED: ":large_green_circle:",
}


class SlackNotifier:
    """`slack:#channel`, with a bot token."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=True,
        threads=True,
        dedupes=False,
        per_minute=50,  # one a second and channel: https://docs.slack.dev/apis/web-api/rate-limits/
        guarantee="at least once; a message that was cut off is looked for first, where the app has `channels:history`",
    )
    options: ClassVar = (
        Option(name="token", about="the app's bot token", default="${SLACK_BOT_TOKEN}", secret=True),
        Option(name="api", about="the Web API's address", default="https://slack.com/api"),
    )

    def __init__(self, place: Place) -> None:
        if len(place.address.lstrip("#")) < 2 or any(c.isspace() for c in place.address):
            raise TargetError(
                f"`{place.address}` is no Slack channel", hint="write `slack:#data-incidents` or `slack:C0123ABCD`"
            )
        self._channel, self._token = place.address, place.options["token"]
        self._api = http_call.demand_url(place.options["api"], what="`api`").rstrip("/")

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        if "ts" not in sending.receipt or notice.kind is NoticeKind.REOPENED:
            found = self._find(notice, sending.receipt, sending.timeout_s, thread=None) if sending.retry else None
            return found or self._post(notice, {"channel": self._channel}, blocks(notice), sending.timeout_s)
        channel, ts = sending.receipt["channel"], sending.receipt["ts"]
        self._update(notice, channel, ts, sending.timeout_s)
        if not notice.quiet and not (
            sending.retry and self._find(notice, sending.receipt, sending.timeout_s, thread=ts)
        ):
            place = {"channel": channel, "thread_ts": ts, "reply_broadcast": notice.kind in LOUD}
            self._post(notice, place, reply(notice), sending.timeout_s)
        return {"channel": channel, "ts": ts}

    def _post(
        self, notice: Notice, place: Mapping[str, object], shown: Sequence[object], timeout_s: float
    ) -> Mapping[str, str]:
        metadata = {"event_type": EVENT, "event_payload": {"key": notice.key}}
        said = {**place, "text": _escaped(line(notice)), "blocks": shown, "metadata": metadata, "unfurl_links": False}
        answer = self._call("chat.postMessage", said, timeout_s)
        return {"channel": str(answer["channel"]), "ts": str(answer["ts"])}

    def _update(self, notice: Notice, channel: str, ts: str, timeout_s: float) -> None:
        """Show the present state; of a message that somebody removed, the thread still tells it."""
        said = {"channel": channel, "ts": ts, "text": _escaped(line(notice)), "blocks": blocks(notice)}
        try:
            self._call("chat.update", said, timeout_s)
        except DeliveryError as error:
            if not any(
                word in str(error) for word in ("message_not_found", "cant_update_message", "edit_window_closed")
            ):
                raise

    def _find(
        self, notice: Notice, receipt: Mapping[str, str], timeout_s: float, *, thread: str | None
    ) -> Mapping[str, str] | None:
        """The message of this key, where the app may read the channel; None where it may not, or there is none."""
        channel = receipt.get("channel", self._channel)
        wanted = {"channel": channel, "limit": "100", "include_all_metadata": "true"}
        method = "conversations.history"
        if thread is not None:
            method, wanted = "conversations.replies", {**wanted, "ts": thread}
        try:
            answer = self._call(f"{method}?{urlencode(wanted)}", None, timeout_s, verb="GET")
        except DeliveryError as error:
            if error.transient:
                raise
            return None
        for message in answer.get("messages", ()):
            if message.get("metadata", {}).get("event_payload", {}).get("key") == notice.key:
                return {"channel": channel, "ts": str(message["ts"])}
        return None

    def _call(self, method: str, body: object, timeout_s: float, *, verb: str = "POST") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = http_call.call(verb, f"{self._api}/{method}", body=body, headers=headers, timeout_s=timeout_s)
        said = answer.json()
        if isinstance(said, dict) and said.get("ok") is True:
            return said
        error = str(said.get("error", "unknown")) if isinstance(said, dict) else "unknown"
        wait = http_call.retry_after(answer.headers.get("retry-after"))
        raise DeliveryError(
            f"Slack says `{error}`", transient=error in PASSING, retry_after_s=wait, hint=HINTS.get(error)
        )


class SlackWebhookNotifier:
    """`slack-webhook:name`, with the address of an incoming webhook: every message is a new one."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False,
        threads=False,
        dedupes=False,
        per_minute=50,
        guarantee="at least once; one that was cut off is sent again and says that it may be there twice",
    )
    options: ClassVar = (
        Option(name="url", about="the webhook's address", default="${SLACK_WEBHOOK_URL}", secret=True),
    )

    def __init__(self, place: Place) -> None:
        self._url = http_call.demand_url(place.options["url"], what="`url`")

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        said = {"text": _escaped(line(notice)), "blocks": blocks(notice, doubled=True), "unfurl_links": False}
        http_call.call("POST", self._url, body=said, timeout_s=sending.timeout_s)
        return {}


def blocks(notice: Notice, *, doubled: bool = False) -> list[dict[str, object]]:
    """The message as Block Kit: what is wrong, the facts, what to paste."""
    mark = ":test_tube:" if notice.kind is NoticeKind.TEST else MARKS[notice.state]
    said = [_section(f"{mark} *{_escaped(label(notice))}*\n{_escaped(notice.headline)}")]
    facts = "\n".join(f"*{_escaped(name)}*  {_escaped(text)}" for name, text in (("news", notice.news), *notice.facts))
    said.append(_section(facts))
    if notice.commands:
        said.append(_section("```" + "\n".join(_escaped(c).replace("`", "'") for c in notice.commands) + "```"))
    if notice.links:
        said.append(_section(" · ".join(f"<{url}|{_escaped(title)}>" for title, url in notice.links)))
    if notice.again and doubled:
        said.append({"type": "context", "elements": [{"type": "plain_text", "text": DOUBLED}]})
    return said


def reply(notice: Notice) -> list[dict[str, object]]:
    """The news, for the thread of the message."""
    return [_section(f"*{_escaped(label(notice))}*  {_escaped(notice.news)}")]


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION)}}


def _escaped(text: str) -> str:
    """Slack's three: https://docs.slack.dev/messaging/formatting-message-text/#escaping; data cannot mention anybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
