"""What a long piece of work tells while it goes on, and the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Progress(Protocol):
    """Hears how far a piece of work is. Must never raise and never block."""

    def stage(self, name: str, detail: str = "") -> None:
        """A named point of the run is reached (`copy`, `step:load`, `scan`, `publish`, ...)."""

    def advance(self, done: int, total: int, what: str = "") -> None:
        """`done` of `total` units of the present stage are finished; `total` 0 when unknown."""

    def say(self, line: str) -> None:
        """One line worth reading, such as a tool's own message."""


class Clock(Protocol):
    """The time, as an argument."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def cpu_s(self) -> float:
        """CPU seconds of this process so far, user and system."""

    def wall_s(self) -> float:
        """A monotonic clock, in seconds."""
