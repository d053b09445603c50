"""Every notifier beside the outside that it talks to; one entry adds another."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conformance.notifier.servers import (
    TOKEN,
    GitHub,
    Mailbox,
    PagerDuty,
    Service,
    Slack,
    SlackHook,
    Teams,
    Webhook,
    mail,
    serving,
)
from tidegate.integrations.apprise import AppriseNotifier
from tidegate.integrations.console import ConsoleNotifier
from tidegate.integrations.email import EmailNotifier
from tidegate.integrations.github_issues import GitHubIssueNotifier
from tidegate.integrations.json_lines import FileNotifier
from tidegate.integrations.pagerduty import PagerDutyNotifier
from tidegate.integrations.slack import SlackNotifier, SlackWebhookNotifier
from tidegate.integrations.teams import TeamsNotifier
from tidegate.integrations.webhook import WebhookNotifier
from tidegate.model import IncidentState, Notice, NoticeKind, Severity
from tidegate.ports import Notifier, Place

NOW = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)


def notice(kind: NoticeKind = NoticeKind.OPENED, **changes: Any) -> Notice:
    """What a team gets at three in the morning."""
    given: dict[str, Any] = {
        "key": f"tidegate/shop/incident/7/x#{kind}",
        "thread": "tidegate/shop/incident/7/x",
        "kind": kind,
        "state": STATES.get(kind, IncidentState.OPEN),
        "severity": Severity.SEV2,
        "project": "shop",
        "headline": "raw.orders: `amount >= 0` is false for 5 of 100 rows",
        "news": "opened 2026-06-01 02:58 UTC",
        "at": NOW,
        "facts": (
            ("where", "raw.orders, column amount"),
            ("since", "load 1750000003"),
            ("readers", "they do not read it: version 2 is held"),
            ("do", 'repair the source; then `tidegate run`, or `tidegate publish 2 --reason "..."`'),
        ),
        "commands": ("tidegate incidents show 7", "tidegate incidents ack 7"),
        "links": (("the job", "https://ci.example.com/jobs/1"),),
        "incidents": (7,),
    }
    return Notice(**{**given, **changes})


STATES = {
    NoticeKind.ACKNOWLEDGED: IncidentState.ACKNOWLEDGED,
    NoticeKind.MITIGATED: IncidentState.MITIGATED,
    NoticeKind.RESOLVED: IncidentState.RESOLVED,
}


@dataclass(kw_only=True)
class World:
    """A notifier, and a look at what its readers see: the texts of all messages that are there now."""

    notifier: Notifier
    texts: Callable[[], list[str]]
    service: Service | None = None
    box: Mailbox | None = None
    secret: str | None = None


def _made(kind: Callable[[Place], Notifier], address: str, root: Path, options: Mapping[str, str]) -> Notifier:
    return kind(Place(address=address, options=options, root=root))


@contextmanager
def slack(root: Path) -> Iterator[World]:
    service = Slack()
    with serving(service) as url:
        made = _made(SlackNotifier, "#data", root, {"token": TOKEN, "api": f"{url}/api"})
        yield World(
            notifier=made,
            service=service,
            secret=TOKEN,
            texts=lambda: [_slack_text(m) for m in service.messages.values()],
        )


@contextmanager
def slack_webhook(root: Path) -> Iterator[World]:
    service = SlackHook()
    with serving(service) as url:
        made = _made(SlackWebhookNotifier, "data", root, {"url": f"{url}/services/{TOKEN}"})
        yield World(
            notifier=made, service=service, secret=TOKEN, texts=lambda: [_slack_text(r.body) for r in service.requests]
        )


def _slack_text(said: Mapping[str, Any]) -> str:
    texts = [b["text"]["text"] for b in said["blocks"] if b["type"] == "section"]
    texts += [e["text"] for b in said["blocks"] if b["type"] == "context" for e in b["elements"]]
    return "\n".join(texts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@contextmanager
def pagerduty(root: Path) -> Iterator[World]:
    service = PagerDuty()
    with serving(service) as url:
        made = _made(PagerDutyNotifier, "finance", root, {"key": TOKEN, "api": url})
        yield World(
            notifier=made, service=service, secret=TOKEN, texts=lambda: [_alert(service, k) for k in service.opened]
        )


def _alert(service: PagerDuty, key: str) -> str:
    mine = [r.body for r in service.requests if r.body["dedup_key"] == key and "payload" in r.body]
    details = mine[-1]["payload"]["custom_details"]
    return "\n".join([mine[-1]["payload"]["summary"], *details.values()])


@contextmanager
def teams(root: Path) -> Iterator[World]:
    service = Teams()
    with serving(service) as url:
        made = _made(TeamsNotifier, "data", root, {"url": f"{url}/{TOKEN}"})

        def texts() -> list[str]:
            return [_card(r.body["attachments"][0]["content"]) for r in service.requests]

        yield World(notifier=made, service=service, secret=TOKEN, texts=texts)


def _card(card: Mapping[str, Any]) -> str:
    texts = [p["text"] for p in card["body"] if p["type"] == "TextBlock"]
    texts += [f["value"] for p in card["body"] if p["type"] == "FactSet" for f in p["facts"]]
    return "\n".join(texts).replace("\\", "")


@contextmanager
def webhook(root: Path) -> Iterator[World]:
    service = Webhook()
    with serving(service) as url:
        made = _made(WebhookNotifier, url, root, {"secret": TOKEN})
        yield World(
            notifier=made,
            service=service,
            secret=TOKEN,
            texts=lambda: [_document(said) for said in service.seen.values()],
        )


def _document(said: Mapping[str, Any]) -> str:
    texts = [said["headline"], said["news"], *(f["text"] for f in said["facts"]), *said["commands"]]
    return "\n".join(texts)


@contextmanager
def github(root: Path) -> Iterator[World]:
    service = GitHub()
    with serving(service) as url:
        options = {"token": TOKEN, "label": "tidegate", "api": url}
        made = _made(GitHubIssueNotifier, "shop/data", root, options)

        def texts() -> list[str]:
            comments = [c["body"] for said in service.comments.values() for c in said]
            return [_unescaped(text) for text in [*(i["body"] for i in service.issues), *comments]]

        yield World(notifier=made, service=service, secret=TOKEN, texts=texts)


def _unescaped(text: str) -> str:
    return html.unescape(text).replace("\u200b", "").replace("\\|", "|")


@contextmanager
def email(root: Path) -> Iterator[World]:
    with mail() as (box, port):
        options = {"host": "127.0.0.1", "port": str(port), "security": "none"}
        made = _made(EmailNotifier, "oncall@example.com, data@example.com", root, options)
        yield World(notifier=made, box=box, texts=lambda: [plain_part(raw) for _, raw in box.taken])


def plain_part(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=default)
    part = message.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text


@contextmanager
def console(root: Path) -> Iterator[World]:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:  # pytest gives every phase of a test another stderr
        patch.setattr("tidegate.integrations.console.sys", SimpleNamespace(stderr=said))
        yield World(
            notifier=_made(ConsoleNotifier, "", root, {}),
            texts=lambda: [t for t in said.getvalue().split("\n\n") if t.strip()],
        )


@contextmanager
def file(root: Path) -> Iterator[World]:
    path = root / "logs" / "out.jsonl"

    def texts() -> list[str]:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [_document(json.loads(line)) for line in lines]

    yield World(notifier=_made(FileNotifier, "logs/out.jsonl", root, {}), texts=texts)


@contextmanager
def apprise(root: Path) -> Iterator[World]:
    service = Service()
    with serving(service) as url:
        made = _made(AppriseNotifier, "any", root, {"url": f"{url.replace('http', 'json')}/{TOKEN}"})
        yield World(
            notifier=made,
            service=service,
            secret=TOKEN,
            texts=lambda: [f"{r.body['title']}\n{r.body['message']}" for r in service.requests],
        )


WORLDS = {
    "slack": slack,
    "slack-webhook": slack_webhook,
    "pagerduty": pagerduty,
    "teams": teams,
    "webhook": webhook,
    "github": github,
    "email": email,
    "console": console,
    "file": file,
    "apprise": apprise,
}
