"""GitHub's REST API: one call with its headers, pages of answers, and what a refusal means."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from tidegate.errors import DeliveryError
from tidegate.integrations import http_call

PAGE, PAGES = 100, 10
"""How many issues or comments are looked through for a marker: a thousand. Chosen, not derived."""


class GitHubApi:
    """The API at an address, with a token; paths begin with `/`.

    Raises:
        TargetError: the address is none.
    """

    def __init__(self, api: str, token: str) -> None:
        self._root = http_call.demand_url(api, what="`api`").rstrip("/")
        self._token = token

    def call(self, method: str, path: str, body: object, until: float) -> Any:
        """Make one call and return the JSON of its answer; `until` is on the monotonic clock.

        Raises:
            DeliveryError: it was refused, or there was no answer in time.
        """
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise DeliveryError("GitHub did not answer in time", transient=True)
        answer = http_call.attempt(method, f"{self._root}{path}", body=body, headers=headers, timeout_s=left_s)
        if answer.status >= 300:
            raise _refusal(answer)
        return answer.json()

    def pages(self, path: str, wanted: Mapping[str, str], until: float) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page.

        Raises:
            DeliveryError: see `call`.
        """
        for page in range(1, PAGES + 1):
            query = urlencode({**wanted, "per_page": PAGE, "page": page})
            found = self.call("GET", f"{path}?{query}", None, until)
            yield from found
            if len(found) < PAGE:
                return


def _refusal(answer: http_call.HttpAnswer) -> DeliveryError:
    """What a refusal means; GitHub also says 403 when there were too many calls.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    spent = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    if answer.status == 403 and spent:
        reset = answer.headers.get("x-ratelimit-reset", "")
        wait = http_call.retry_after(answer.headers.get("retry-after"))
        if wait is None and reset.isdecimal():
            wait = max(0.0, float(reset) - time.time())
        return DeliveryError("HTTP 403: too many calls", transient=True, retry_after_s=wait)
    return http_call.refusal(answer)
