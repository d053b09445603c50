"""GitHub: an issue for an incident, found again by a marker in its text; news are comments, and a resolved one is closed."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tidegate.errors import TargetError
from tidegate.integrations.github_api import GitHubApi
from tidegate.integrations.notice_text import cut, label
from tidegate.model import IncidentState, Notice, NoticeKind
from tidegate.ports import NotifierCapabilities, Option, Place, Sending

REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
TITLE, BODY = 256, 65_000
"""What GitHub takes; a body may have 65,536 characters."""

CLOSED = frozenset({IncidentState.RESOLVED, IncidentState.REVIEWED})


class GitHubIssueNotifier:
    """`github:owner/repository`, with a token that may write issues."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=True,
        threads=True,
        dedupes=True,
        per_minute=20,  # 80 that make something in a minute, up to 500 in an hour
        guarantee="exactly one issue for an incident and one comment for its news: each is looked for before it is made again",
    )
    options: ClassVar = (
        Option(name="token", about="a token that may write issues", default="${GITHUB_TOKEN}", secret=True),
        Option(name="label", about="the label that its issues have", default="tidegate"),
        Option(name="api", about="the REST API's address", default="https://api.github.com"),
    )

    def __init__(self, place: Place) -> None:
        if not REPOSITORY.fullmatch(place.address):
            raise TargetError(f"`{place.address}` is no repository", hint="write `github:owner/repository`")
        self._label = place.options["label"]
        self._api = GitHubApi(place.options["api"], place.options["token"])
        self._issues = f"/repos/{place.address}/issues"

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        until = time.monotonic() + sending.timeout_s
        known = sending.receipt.get("issue")
        found = None if known else self._find(notice, until)
        if known is None and found is None:
            made = {"title": title(notice), "body": text(notice), "labels": [self._label]}
            issue = self._api.call("POST", self._issues, made, until)
        else:
            known = known or str(found and found["number"])
            if not notice.quiet and not (sending.retry and self._has(notice, known, found, until)):
                self._api.call("POST", f"{self._issues}/{known}/comments", {"body": comment(notice)}, until)
            issue = self._update(notice, known, until)
        if notice.kind is NoticeKind.TEST:
            self._api.call("PATCH", f"{self._issues}/{issue['number']}", {"state": "closed"}, until)
        return {"issue": str(issue["number"]), "url": str(issue.get("html_url", ""))}

    def _update(self, notice: Notice, number: str, until: float) -> dict[str, Any]:
        changes: dict[str, object] = {"title": title(notice), "body": text(notice), "state": "open"}
        if notice.state in CLOSED:
            changes |= {"state": "closed", "state_reason": "completed"}
        issue: dict[str, Any] = self._api.call("PATCH", f"{self._issues}/{number}", changes, until)
        return issue

    def _find(self, notice: Notice, until: float) -> dict[str, Any] | None:
        """The issue of this thread. They are listed, because GitHub's search lags behind."""
        wanted = {"state": "all", "labels": self._label, "sort": "created", "direction": "desc"}
        issues = self._api.pages(self._issues, wanted, until)
        return next((issue for issue in issues if marker(notice.thread) in (issue.get("body") or "")), None)

    def _has(self, notice: Notice, number: str, found: dict[str, Any] | None, until: float) -> bool:
        """Whether the issue was made by this message, or has it as a comment."""
        if found is not None and marker(notice.key) in found["body"]:
            return True
        pages = self._api.pages(f"{self._issues}/{number}/comments", {}, until)
        return any(marker(notice.key) in (said.get("body") or "") for said in pages)


def marker(name: str) -> str:
    """An HTML comment that nobody sees; what could end it early is written as entities."""
    return f"<!-- {html.escape(name.replace('--', '- -'))} -->"


def title(notice: Notice) -> str:
    """The issue's title."""
    return cut(f"{label(notice)}: {notice.headline}", TITLE)


def text(notice: Notice) -> str:
    """The issue's text: the marker, what is wrong, a table of facts, what to paste."""
    facts = "\n".join(f"| {_cell(name)} | {_cell(said)} |" for name, said in notice.facts)
    lines = [
        marker(notice.thread),
        marker(notice.key),
        f"**{_inline(notice.headline)}**\n",
        f"{_inline(notice.news)}\n",
    ]
    lines += ["| | |\n|---|---|", facts] if facts else []
    lines += ["\n```sh", *(c.replace("```", "") for c in notice.commands), "```"] if notice.commands else []
    lines += [f"\n[{_inline(name)}]({url})" for name, url in notice.links]
    return cut("\n".join(lines), BODY)


def comment(notice: Notice) -> str:
    """The news, as a comment."""
    return f"{marker(notice.key)}\n**{_inline(label(notice))}** {_inline(notice.news)}"


def _inline(said: str) -> str:
    """Data as text: no HTML, and a zero-width space after each `@`, so that nobody is called."""
    return html.escape(" ".join(said.split()), quote=False).replace("@", "@\u200b")


def _cell(said: str) -> str:
    return _inline(said).replace("|", "\\|")
