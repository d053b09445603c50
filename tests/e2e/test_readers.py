"""Readers of the live database through a hundred publications: no error, no mixture, no missing table, ever."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.e2e.harness.driver import ROOT, driver
from tests.e2e.harness.rig import Rig
from tests.e2e.harness.site import Silent, make_site, state_of
from tidegate.model import VersionState
from tidegate.services.publish import publish_by_hand, rollback

pytestmark = pytest.mark.slow

SWAPS = 100
SWAPS_AT_ONCE = 12
LOOKS = 30
"""How often each reader that reopens must have looked; the other one must have outlived several swaps once."""

ROUNDS_AT_MOST = 200


class Reader:
    """A reading process, and what it said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.facts: list[dict[str, Any]] = []
        self.process = process
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.facts.append(json.loads(line))

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._listener.join()
        self.process.wait()

    @property
    def seen(self) -> set[str]:
        return {json.dumps(fact["seen"]) for fact in self.facts if "seen" in fact}

    @property
    def errors(self) -> list[str]:
        return [fact["error"] for fact in self.facts if "error" in fact]


@contextmanager
def reader(live: Path, mode: str) -> Iterator[Reader]:
    command = [sys.executable, "-m", "tests.e2e.harness.reader", str(live), mode]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        reading = Reader(process)
        try:
            yield reading
        finally:
            reading.stop()


def swap_all(rig: Rig) -> int:
    """Put back every version that was shown before, by turns in either way. Returns how many swaps there were so far."""
    with closing(state_of(rig.root)) as state:
        place = make_site(rig.root, state, Silent())
        for swap in range(SWAPS_AT_ONCE):
            shown = sorted(v.number for v in state.versions() if v.state is VersionState.RETIRED)
            number = shown[swap % len(shown)]
            if swap % 3:
                rollback(place, number, reason="to be seen", wait_s=0.0)
            else:
                publish_by_hand(place, number, reason="to be seen", wait_s=0.0)
    rig.look()
    return len(rig.ledger.publications)


def test_readers_see_whole_versions_through_a_hundred_swaps(tmp_path: Path) -> None:
    with driver() as forks, ExitStack() as stack:
        rig = Rig(root=tmp_path, driver=forks)
        stack.callback(rig.close)
        for _ in range(3):
            rig.complete(rig.order("run"))
        allowed = {json.dumps(rig.expected(n)) for n in rig.kept}
        live = rig.warehouse / "live" / "shop.duckdb"
        reopening = [stack.enter_context(reader(live, "reopen")) for _ in range(2)]
        holding = stack.enter_context(reader(live, "hold"))
        swaps = 0
        for _ in range(ROUNDS_AT_MOST):
            swaps = swap_all(rig)
            rig.complete(rig.order("run"))  # and retention removes a version under the readers' feet
            allowed.add(json.dumps(rig.expected(rig.live or 0)))
            enough = all(len(r.facts) >= LOOKS for r in reopening) and holding.facts
            if (swaps >= SWAPS and enough) or any(r.errors for r in (*reopening, holding)):
                break
    for each in (*reopening, holding):
        assert each.errors == []
        assert each.process.returncode == 0
        assert each.seen <= allowed
    assert swaps >= SWAPS
    assert all(len(r.facts) >= LOOKS and len(r.seen) > 1 for r in reopening)
    assert any(fact["swaps"] == 3 for fact in holding.facts)
