"""Microsoft Teams: an adaptive card to the address of a workflow ("Post to a channel when a webhook request is received")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tidegate.integrations import http_call
from tidegate.integrations.notice_text import DOUBLED, OVER, cut, label
from tidegate.model import IncidentState, Notice
from tidegate.ports import NotifierCapabilities, Option, Place, Sending

TEXT = 1500
"""Characters of one fact; a whole message may have 28 kB."""


class TeamsNotifier:
    """`teams:name`, with the address of a workflow."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False,
        threads=False,
        dedupes=False,
        per_minute=60,
        guarantee="at least once; one that was cut off is sent again and says that it may be there twice",
    )
    options: ClassVar = (
        Option(name="url", about="the workflow's address", default="${TEAMS_WEBHOOK_URL}", secret=True),
    )

    def __init__(self, place: Place) -> None:
        self._url = http_call.demand_url(place.options["url"], what="`url`")

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        kind = "application/vnd.microsoft.card.adaptive"
        attachment = {"contentType": kind, "contentUrl": None, "content": card(notice)}
        http_call.call(
            "POST", self._url, body={"type": "message", "attachments": [attachment]}, timeout_s=sending.timeout_s
        )
        return {}


def card(notice: Notice) -> dict[str, object]:
    """The message as an adaptive card of version 1.4, which every Teams client shows."""
    open_now = notice.state is IncidentState.OPEN
    colour = "Good" if notice.state in OVER else "Attention" if open_now else "Warning"
    facts = [{"title": name, "value": cut(_plain(text), TEXT)} for name, text in (("news", notice.news), *notice.facts)]
    body: list[dict[str, object]] = [
        {"type": "TextBlock", "text": _plain(label(notice)), "weight": "Bolder", "color": colour, "wrap": True},
        {"type": "TextBlock", "text": cut(_plain(notice.headline), TEXT), "size": "Medium", "wrap": True},
        {"type": "FactSet", "facts": facts},
    ]
    body += [
        {"type": "TextBlock", "text": _plain(c), "fontType": "Monospace", "wrap": True, "spacing": "Small"}
        for c in notice.commands
    ]
    if notice.again:
        body.append({"type": "TextBlock", "text": DOUBLED, "isSubtle": True, "wrap": True})
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in notice.links],
    }


def _plain(text: str) -> str:
    """Without what a text block would take for Markdown: data may hold any character."""
    for sign in "\\*_[]`":
        text = text.replace(sign, f"\\{sign}")
    return text
