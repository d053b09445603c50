"""Every state store goes through the tests of this folder; one line adds another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.state.stories import Opener
from tidegate.ports.state import StateStore
from tidegate.state.sqlite import SQLiteStateStore

ADAPTERS: dict[str, Callable[[Path, bool], StateStore]] = {
    "sqlite": lambda folder, create: SQLiteStateStore(folder / ".tidegate" / "state.db", create=create),
}


@pytest.fixture(params=ADAPTERS)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opened: list[StateStore] = []

    def open_one(*, create: bool = True) -> StateStore:
        opened.append(ADAPTERS[request.param](tmp_path, create))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Opener) -> StateStore:
    return open_store()
