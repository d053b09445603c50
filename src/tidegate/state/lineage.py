"""The ancestors of a version: the versions that it was copied from, one after the other."""

from __future__ import annotations

import json

from tidegate.state.connection import Connection

ANCESTORS = """
WITH RECURSIVE lineage(number) AS (
    SELECT number FROM version WHERE number = ?
    UNION ALL
    SELECT version.parent FROM version JOIN lineage USING (number) WHERE version.parent IS NOT NULL
)
SELECT number FROM lineage JOIN version USING (number) ORDER BY number DESC
"""
"""A parent has a lower number than its child, so the highest is the version itself."""


def lineage(connection: Connection, version: int) -> tuple[int, ...]:
    """The version and its ancestors as far as the ledger knows them, newest first; empty for an unknown version."""
    return tuple(number for (number,) in connection.execute(ANCESTORS, (version,)))


def as_json(numbers: tuple[int, ...]) -> str:
    """Versions as one value for a statement, to be read with SQLite's `json_each`."""
    return json.dumps(numbers)
