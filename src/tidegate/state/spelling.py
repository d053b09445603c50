"""The statements of the store in PostgreSQL's spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from tidegate.state import history, measurements

PLACE = re.compile(r"'[^']*'|(?P<plain>\?)|(?<!:):(?P<name>[a-z_]+)|(?P<percent>%)|\bjson_each\(")

LATEST = """
SELECT DISTINCT ON ({key}) {columns} FROM bucket
WHERE dataset = :dataset AND version IN (SELECT CAST(value AS BIGINT) FROM json_each(:lineage)) {more}
ORDER BY {key}, version {order}
"""
WORD = "bucket_start, bucket_end, series, version, value, text, unit, error, taken_at, vanished"
CELL = "bucket_start, bucket_end, series"
IN_TIME = """AND bucket_start >= :since AND NOT vanished AND (CAST(:most AS double precision) IS NULL
    OR taken_at BETWEEN bucket_end + CAST(:least AS double precision) * (bucket_end - bucket_start)
    AND bucket_end + CAST(:most AS double precision) * (bucket_end - bucket_start))
"""


def _words(which: str) -> str:
    return LATEST.format(key=CELL, columns=f"dataset, {WORD}", order="DESC", more=f"AND bucket_start {which}")


SPELLED: Mapping[str, str] = {
    history.LATEST: f"SELECT * FROM ({LATEST.format(key=CELL, columns=WORD, order='DESC', more='')}) AS newest WHERE NOT vanished",
    history.FIRST: LATEST.format(key=CELL, columns=WORD, order="ASC", more=IN_TIME),
    measurements.SINCE: _words(">= :start"),
    measurements.OF_BUCKETS: _words("IN (SELECT CAST(value AS BIGINT) FROM json_each(:starts))"),
}
"""What SQLite says with a column beside max() or min(), which no other engine understands so."""


@lru_cache(maxsize=256)
def postgres(statement: str) -> str:
    """A statement of the store as psycopg takes it: its own where it has one, `%s` and `%(name)s` for the values."""
    return PLACE.sub(_spelled, SPELLED.get(statement, statement))


def _spelled(found: re.Match[str]) -> str:
    if found["plain"]:
        return "%s"
    if found["name"]:
        return f"%({found['name']})s"
    if found["percent"]:
        return "%%"
    text = found.group(0)
    return "members(" if text == "json_each(" else text.replace("%", "%%")
