"""A process that writes to a state store until it is done or killed, and says on stdout what was accepted."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conformance.state.stories import begun, buckets, event, number, save
from tidegate.errors import StateError
from tidegate.ports.state import StateStore
from tidegate.state.postgres import PostgresStateStore
from tidegate.state.sqlite import SQLiteStateStore


def opened(place: Path | str, *, create: bool) -> StateStore:
    """The store at an address, or else in a file."""
    if isinstance(place, Path):
        return SQLiteStateStore(place, create=create, busy_timeout_s=60)
    return PostgresStateStore(place, create=create, busy_timeout_s=60)


def main(place: Path | str, name: str, count: int) -> None:
    """Append `count` batches of three events, each about a run of its own; every fourth also scans a version."""
    store = opened(place, create=True)
    say("open")
    for position in range(count):
        run = f"run:{name}-{position}"
        accepted = store.append(
            [
                event("run.started", run),
                event("step.started", run, step="load", kind="dlt"),
                event("run.finished", run, status="held", reason=f"{position}"),
            ]
        )
        say(*(e.id for e in accepted))
        if position % 4 == 3:
            version = begin(store)
            save(store, version, [number(version, version), *buckets(version, {position: version, 1: 1})])
            say("scanned", version)


def begin(store: StateStore) -> int:
    """Take the next number; another process may take it first, and is then the one that has it."""
    while True:
        version = store.next_version()
        try:
            accepted = store.append([begun(version, version - 1 or None)])
        except StateError:
            continue
        say(*(e.id for e in accepted))
        return version


def say(*words: object) -> None:
    print(*words, flush=True)


if __name__ == "__main__":
    said = sys.argv[1]
    main(said if "://" in said else Path(said), sys.argv[2], int(sys.argv[3]))
