"""What Tidegate asks of something that puts an HTTP request to a product, as its readers would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back: `status` and whether the text was found, or what went wrong before an answer came.

    `latency_s` is from the first packet to the last byte that was read; None without an answer. `found` is True when no text
    was asked for.
    """

    status: int | None
    found: bool
    latency_s: float | None
    timed_out: bool = False
    error: str | None = None


class HttpAsker(Protocol):
    """Asks a URL with GET."""

    def ask(self, url: str, *, contains: str | None, timeout_s: float) -> HttpAnswer:
        """Ask once, follow redirects, read at most a megabyte; it takes at most `timeout_s` seconds, whatever the other side
        does. What goes wrong is an answer, not an exception.
        """
