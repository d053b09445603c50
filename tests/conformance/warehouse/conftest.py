"""One house per adapter and test, with a first version published when that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.warehouse.adapters import ADAPTERS, House
from tidegate.ports import Warehouse

FIRST = (
    "CREATE SCHEMA raw",
    "CREATE TABLE raw.orders AS SELECT 1 AS id, 10.5 AS amount UNION ALL SELECT 2, 20.0",
    "CREATE TABLE raw.refunds AS SELECT 1 AS version",
    "CREATE VIEW raw.big_orders AS SELECT * FROM raw.orders WHERE amount > 15",
)


@pytest.fixture(params=sorted(ADAPTERS))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    return ADAPTERS[request.param](tmp_path)


@pytest.fixture
def warehouse(house: House) -> Warehouse:
    """Empty: nothing was ever built in it."""
    return house.open()


@pytest.fixture
def published(house: House, warehouse: Warehouse) -> Warehouse:
    """Version 1 is published: two orders of 10.5 and 20, one table that says the version's number, one view."""
    candidate = warehouse.begin(number=1, parent=None)
    house.write(candidate, *FIRST)
    candidate.state.joinpath("cursor.txt").write_text("up to order 2", encoding="utf-8")
    warehouse.seal(1)
    warehouse.publish(1)
    return warehouse
