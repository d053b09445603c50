"""Every state store goes through the tests of this folder; one line adds another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conformance.state.stories import Opener
from tests.postgres_server import new_schema
from tidegate.ports.state import StateStore
from tidegate.state.postgres import PostgresStateStore
from tidegate.state.sqlite import SQLiteStateStore

Place = Callable[[pytest.FixtureRequest], Callable[[bool], StateStore]]


def _sqlite(request: pytest.FixtureRequest) -> Callable[[bool], StateStore]:
    path = request.getfixturevalue("tmp_path") / ".tidegate" / "state.db"
    return lambda create: SQLiteStateStore(path, create=create)


def _postgres(request: pytest.FixtureRequest) -> Callable[[bool], StateStore]:
    address = new_schema(request.getfixturevalue("postgres"))
    return lambda create: PostgresStateStore(address, create=create)


ADAPTERS: dict[str, Place] = {"sqlite": _sqlite, "postgres": _postgres}


@pytest.fixture(params=ADAPTERS)
def open_store(request: pytest.FixtureRequest) -> Iterator[Opener]:
    opened: list[StateStore] = []
    make = ADAPTERS[request.param](request)

    def open_one(*, create: bool = True) -> StateStore:
        opened.append(make(create))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Opener) -> StateStore:
    return open_store()
