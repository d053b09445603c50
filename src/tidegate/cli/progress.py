"""Progress on stderr: one line per stage, and within a stage a counter that is redrawn on a terminal.

A stderr that is closed or full ends the telling and never the run.
"""

from __future__ import annotations

import contextlib
import sys
import time

from tidegate.cli.output import harmless

REDRAW_S = 0.1
"""How often the counter is redrawn at most."""


class StderrProgress:
    """Tells stages, counts and the time that is left; silent when `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._tty = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._stage_begun = self._begun
        self._stage = ""
        self._drawn = 0.0

    def stage(self, name: str, detail: str = "") -> None:
        self._stage = name
        self._stage_begun = time.monotonic()
        self._write(f"{name}  {detail}".rstrip())

    def advance(self, done: int, total: int, what: str = "") -> None:
        now = time.monotonic()
        if not self._tty or self._quiet or (now - self._drawn < REDRAW_S and done < total):
            return
        self._drawn = now
        left = ""
        if total and 0 < done < total:
            left = f", about {(now - self._stage_begun) * (total - done) / done:.0f} s left"
        count = f"{done}/{total}" if total else f"{done}"
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[2K  {self._stage}  {count}{left}  {what}"[:118])
            if total and done >= total:
                sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()

    def say(self, line: str) -> None:
        self._write(f"  {line}")

    def _write(self, text: str) -> None:
        if self._quiet:
            return
        clear = "\r\x1b[2K" if self._tty else ""
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{clear}[{time.monotonic() - self._begun:6.1f} s] {harmless(text)}\n")
            sys.stderr.flush()
