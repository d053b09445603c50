"""One comment on a pull or merge request that is found again by a hidden marker, so that it is updated and not doubled."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from tidegate.errors import DeliveryError, UsageError
from tidegate.integrations import http_call
from tidegate.integrations.github_api import PAGE, PAGES, GitHubApi

TIMEOUT_S = 30.0
"""How long all calls together may take. Chosen, not derived."""

PULL = re.compile(r"refs/pull/([0-9]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Where the comment stands, and whether it is new."""

    url: str
    created: bool


class Review(Protocol):
    """A request that can be commented on."""

    def post(self, text: str, marker: str) -> Posted:
        """Put the text into the comment that begins with the marker, or into a new one.

        Raises:
            DeliveryError: it was refused, or there was no answer in time.
        """


def marker(name: str) -> str:
    """The line that a comment begins with; a browser does not show it."""
    return f"<!-- tidegate ci report: {name.replace('--', '- -')} -->"


def review(environment: Mapping[str, str], *, number: int | None) -> Review:
    """The request that this job is about, as GitHub Actions or GitLab CI say it.

    Raises:
        UsageError: neither says it, or there is no token.
        TargetError: the address of the API is none.
    """
    if environment.get("CI_MERGE_REQUEST_IID") or environment.get("GITLAB_CI"):
        return _gitlab(environment, number)
    repository = environment.get("GITHUB_REPOSITORY")
    if not repository:
        raise UsageError("`--post` found neither GitHub Actions nor GitLab CI", hint="set `GITHUB_REPOSITORY`")
    found = number or pull_request(environment)
    if found is None:
        raise UsageError(
            "`--post` found no pull request: this job is about none", hint="name it with `--pull-request N`"
        )
    token = _demanded(environment, "GITHUB_TOKEN", "GH_TOKEN")
    api = environment.get("GITHUB_API_URL") or "https://api.github.com"
    return _Discreet(GitHubReview(GitHubApi(api, token), repository, found), token)


def pull_request(environment: Mapping[str, str]) -> int | None:
    """The number of the pull request that a GitHub job is about; None when it is about none."""
    if found := PULL.match(environment.get("GITHUB_REF", "")):
        return int(found[1])
    event = environment.get("GITHUB_EVENT_PATH")
    try:
        said = json.loads(Path(event).read_text(encoding="utf-8")) if event else {}
    except (OSError, ValueError):
        return None
    number = said.get("pull_request", {}).get("number") if isinstance(said, dict) else None
    return number if isinstance(number, int) else None


def _gitlab(environment: Mapping[str, str], number: int | None) -> Review:
    iid = number or environment.get("CI_MERGE_REQUEST_IID")
    if not iid:
        raise UsageError(
            "`--post` found no merge request: this job is about none", hint="run it in a merge request pipeline"
        )
    token = _demanded(environment, "GITLAB_TOKEN")
    api = http_call.demand_url(environment.get("CI_API_V4_URL") or "https://gitlab.com/api/v4", what="`CI_API_V4_URL`")
    project = quote(environment.get("CI_PROJECT_ID", ""), safe="")
    return _Discreet(GitLabReview(f"{api.rstrip('/')}/projects/{project}/merge_requests/{iid}/notes", token), token)


def _demanded(environment: Mapping[str, str], *names: str) -> str:
    for name in names:
        if said := environment.get(name):
            return said
    hint = f"hand it to the step that runs this: `env: {{{names[0]}: …}}`, with permission to write comments"
    raise UsageError(f"the environment has no `{names[0]}`", hint=hint)


class _Discreet:
    """A review whose errors do not show the token, whatever the server sends back."""

    def __init__(self, review: Review, token: str) -> None:
        self._review = review
        self._token = token

    def post(self, text: str, marker: str) -> Posted:
        try:
            return self._review.post(text, marker)
        except DeliveryError as error:
            hint = "see whether the token may write comments; in GitHub Actions: `permissions: {pull-requests: write}`"
            told = str(error).replace(self._token, "***")
            raise DeliveryError(told, transient=error.transient, hint=hint) from None


class GitHubReview:
    """A pull request; its comments are those of the issue with its number."""

    def __init__(self, api: GitHubApi, repository: str, number: int) -> None:
        self._api = api
        self._repository = f"/repos/{repository}"
        self._comments = f"{self._repository}/issues/{number}/comments"

    def post(self, text: str, marker: str) -> Posted:
        until = time.monotonic() + TIMEOUT_S
        body = {"body": f"{marker}\n{text}"}
        for said in self._api.pages(self._comments, {}, until):
            if (said.get("body") or "").startswith(marker):
                answer = self._api.call("PATCH", f"{self._repository}/issues/comments/{said['id']}", body, until)
                return Posted(url=str(answer.get("html_url", "")), created=False)
        answer = self._api.call("POST", self._comments, body, until)
        return Posted(url=str(answer.get("html_url", "")), created=True)


class GitLabReview:
    """A merge request of GitLab; its comments are notes."""

    def __init__(self, notes: str, token: str) -> None:
        self._notes = notes
        self._token = token

    def post(self, text: str, marker: str) -> Posted:
        until = time.monotonic() + TIMEOUT_S
        body = {"body": f"{marker}\n{text}"}
        known = self._find(marker, until)
        if known is not None:
            answer = self._call("PUT", f"{self._notes}/{known}", body, until)
            return Posted(url=f"note {answer.get('id')}", created=False)
        answer = self._call("POST", self._notes, body, until)
        return Posted(url=f"note {answer.get('id')}", created=True)

    def _find(self, marker: str, until: float) -> int | None:
        for page in range(1, PAGES + 1):
            found = self._call("GET", f"{self._notes}?sort=asc&per_page={PAGE}&page={page}", None, until)
            for said in found:
                if (said.get("body") or "").startswith(marker):
                    return int(said["id"])
            if len(found) < PAGE:
                break
        return None

    def _call(self, method: str, url: str, body: object, until: float) -> Any:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise DeliveryError("GitLab did not answer in time", transient=True)
        headers = {"PRIVATE-TOKEN": self._token}
        return http_call.call(method, url, body=body, headers=headers, timeout_s=left_s).json()
