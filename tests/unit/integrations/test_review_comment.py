"""One comment on a pull or merge request, against servers that check what they get as GitHub and GitLab do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.notifier.servers import TOKEN, Request, Service, Trouble, serving
from tidegate.errors import DeliveryError, TargetError, UsageError
from tidegate.integrations import review_comment
from tidegate.integrations.review_comment import marker, pull_request, review

MARKER = marker("shop")


class GitHubComments(Service):
    """Comments of the issue that pull request 12 is, in pages; refuses what is too long."""

    def __init__(self) -> None:
        super().__init__()
        self.comments: list[dict[str, Any]] = []

    def answer(self, request: Request) -> tuple[int, object]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if request.headers.get("accept") != "application/vnd.github+json" or not request.headers["user-agent"]:
            return 400, {"message": "headers"}
        if request.raw and len(request.body["body"]) > 65_536:
            return 422, {"message": "body is too long (maximum is 65536 characters)"}
        page = int(request.query.get("page", 1))
        match request.method, request.path:
            case "GET", "/repos/shop/data/issues/12/comments":
                return 200, self.comments[(page - 1) * 100 : page * 100]
            case "POST", "/repos/shop/data/issues/12/comments":
                url = f"https://github.example/shop/data/pull/12#{len(self.comments)}"
                self.comments.append({"id": 1000 + len(self.comments), "html_url": url, **request.body})
                return 201, self.comments[-1]
            case "PATCH", path:
                found = [c for c in self.comments if path == f"/repos/shop/data/issues/comments/{c['id']}"]
                found[0].update(request.body)
                return 200, found[0]
        return 404, {"message": "Not Found"}


class GitLabNotes(Service):
    """Notes of merge request 7 of project 42, in pages."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[dict[str, Any]] = []

    def answer(self, request: Request) -> tuple[int, object]:
        if request.headers.get("private-token") != TOKEN:
            return 401, {"message": "401 Unauthorized"}
        root = "/api/v4/projects/42/merge_requests/7/notes"
        page = int(request.query.get("page", 1))
        if request.method == "GET" and request.path == root:
            return 200, self.notes[(page - 1) * 100 : page * 100]
        if request.method == "POST" and request.path == root:
            self.notes.append({"id": len(self.notes) + 1, **request.body})
            return 201, self.notes[-1]
        if request.method == "PUT":
            note = next(n for n in self.notes if request.path == f"{root}/{n['id']}")
            note.update(request.body)
            return 200, note
        return 404, {}


def github(url: str, **more: str) -> dict[str, str]:
    said = {
        "GITHUB_REPOSITORY": "shop/data",
        "GITHUB_API_URL": url,
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REF": "refs/pull/12/merge",
    }
    return {**said, **more}


def test_github_gets_one_comment_that_is_updated():
    service = GitHubComments()
    service.comments = [{"id": n, "body": f"talk about `{MARKER}` {n}"} for n in range(150)]
    with serving(service) as url:
        first = review(github(url), number=None).post("one ❌", MARKER)
        second = review(github(url), number=None).post("two", MARKER)
        other = review(github(url), number=None).post("another project's", marker("other"))
    assert (first.created, second.created, other.created) == (True, False, True)
    mine = [c["body"] for c in service.comments if c["body"].startswith(MARKER)]
    assert mine == [f"{MARKER}\ntwo"]
    assert len(service.comments) == 152
    assert [r.method for r in service.requests] == ["GET", "GET", "POST", "GET", "GET", "PATCH", "GET", "GET", "POST"]
    assert first.url == second.url == "https://github.example/shop/data/pull/12#150"


def test_gitlab_gets_one_note_that_is_updated():
    service = GitLabNotes()
    service.notes = [{"id": n, "body": "x"} for n in range(120)]
    with serving(service) as url:
        said = {"GITLAB_CI": "true", "CI_API_V4_URL": f"{url}/api/v4", "CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7",
                "GITLAB_TOKEN": TOKEN}  # fmt: skip
        assert review(said, number=None).post("one", MARKER).created
        assert not review(said, number=None).post("two", MARKER).created
    assert [n["body"] for n in service.notes if n["body"].startswith(MARKER)] == [f"{MARKER}\ntwo"]


def test_a_refusal_is_told_without_the_token():
    service = GitHubComments()
    with serving(service) as url, pytest.raises(DeliveryError, match=r"HTTP 401: .*Bad credentials") as caught:
        review(github(url, GITHUB_TOKEN="wrong-secret"), number=None).post("text", MARKER)
    assert "wrong-secret" not in str(caught.value)


def test_a_server_in_trouble_is_told():
    service = GitHubComments()
    service.troubles = [Trouble(what=502)]
    with serving(service) as url, pytest.raises(DeliveryError, match="HTTP 502") as caught:
        review(github(url), number=None).post("text", MARKER)
    assert caught.value.transient
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        github("https://api.github.com"),
        {"GITLAB_CI": "true", "CI_API_V4_URL": "https://gitlab.example.com/api/v4", "CI_PROJECT_ID": "42",
         "CI_MERGE_REQUEST_IID": "7", "GITLAB_TOKEN": TOKEN},
    ],
    ids=["github", "gitlab"],
)  # fmt: skip
def test_when_its_time_is_over_nothing_is_asked_and_it_may_be_tried_again(
    said: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(review_comment, "TIMEOUT_S", 0)
    with pytest.raises(DeliveryError, match="did not answer in time") as caught:
        review(said, number=None).post("text", MARKER)
    assert caught.value.transient


def test_the_pull_request_is_found(tmp_path: Path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 34}}), encoding="utf-8")
    assert pull_request({"GITHUB_REF": "refs/pull/12/merge"}) == 12
    assert pull_request({"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(event)}) == 34
    event.write_text("{", encoding="utf-8")
    assert pull_request({"GITHUB_EVENT_PATH": str(event)}) is None
    assert pull_request({}) is None


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ("GITHUB_REPOSITORY", "neither GitHub Actions nor GitLab"),
        ("GITHUB_REF", "found no pull request"),
        ("GITHUB_TOKEN", "the environment has no `GITHUB_TOKEN`"),
    ],
)
def test_what_is_missing_is_said(without: str, says: str):
    said = github("https://api.github.com")
    del said[without]
    with pytest.raises(UsageError, match=says):
        review(said, number=None)


def test_a_merge_request_that_is_none():
    with pytest.raises(UsageError, match="found no merge request"):
        review({"GITLAB_CI": "true"}, number=None)


def test_an_address_that_is_none():
    with pytest.raises(TargetError, match="is no address"):
        review(github("ftp://x"), number=None)


def test_a_marker_cannot_end_early():
    assert marker("a --> b").count("--") == 2
