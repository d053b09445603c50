"""Open incidents and flush the outbox of a project in a process of its own, which somebody may kill at any instant."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.unit.services.site import finding
from tidegate.app.compose import open_site
from tidegate.app.notify import channels
from tidegate.cli.progress import StderrProgress
from tidegate.lineage import Graph
from tidegate.services import incidents, notify


class LaterClock:
    """The machine's clock, put forward, so that nobody has to wait for a dead process's lease or for a next try."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return datetime.now().astimezone() + self._ahead

    def cpu_s(self) -> float:
        return 0.0

    def wall_s(self) -> float:
        return time.monotonic()


def main() -> None:
    folder, ahead_s, opens = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    with open_site(folder, StderrProgress(quiet=True), with_steps=False) as site:
        site = replace(site, clock=LaterClock(timedelta(seconds=ahead_s)))
        for number in range(opens):
            found = [finding(f"t{ahead_s:.0f}_{number}")]
            site.state.append(incidents.record(site, found, Graph(), version=1, run=None, held=True))
            sys.stdout.write(f"{found[0].key}\n")
            sys.stdout.flush()
        notify.flush(site, channels(site.settings), budget_s=20)
        sys.stdout.write("flushed\n")
        sys.stdout.flush()
        os._exit(0)  # what open_site tells at its end was told


main()
