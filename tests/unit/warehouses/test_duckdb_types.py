"""DuckDB's types in Tidegate's terms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate.metrics import family_of
from tidegate.model import Family
from tidegate.warehouses.duckdb_types import aware, without_zones


@pytest.mark.parametrize(
    ("expected", "types"),
    [
        (
            Family.NUMBER,
            "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT UINTEGER UHUGEINT BIGNUM DECIMAL(18,2) FLOAT DOUBLE",
        ),
        (Family.TEXT, "VARCHAR UUID ENUM('a','b')"),
        (Family.TIME, "DATE TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS"),
        (Family.BOOLEAN, "BOOLEAN"),
        (
            Family.OTHER,
            "TIME BLOB BIT INTERVAL JSON INTEGER[] VARCHAR[3] DECIMAL(18,2)[] BOOLEAN[] DATE[][] NULL GEOMETRY",
        ),
    ],
)
def test_families(expected: Family, types: str):
    assert {t: family_of(t) for t in types.split()} == dict.fromkeys(types.split(), expected)


@pytest.mark.parametrize(
    ("type_text", "expected"),
    [
        ("TIMESTAMP WITH TIME ZONE", Family.TIME),
        ("TIME WITH TIME ZONE", Family.OTHER),
        ("STRUCT(a INTEGER, b VARCHAR)", Family.OTHER),
        ("MAP(VARCHAR, DOUBLE)", Family.OTHER),
        ("UNION(num INTEGER, s VARCHAR)", Family.OTHER),
        ("ENUM('a (b', '[]')", Family.TEXT),
        ("TIMESTAMP WITH TIME ZONE[]", Family.OTHER),
    ],
)
def test_families_of_types_with_spaces(type_text: str, expected: Family):
    assert family_of(type_text) is expected


def test_rows_without_times_stay_the_rows_that_they_are():
    rows = [(1, "a"), (2, None)]
    assert aware(rows, ["INTEGER", "VARCHAR"]) == tuple(rows)
    assert aware([], ["TIMESTAMP"]) == ()


def test_naive_times_are_utc_and_text_for_a_time_stays_text():
    rows = [(1, datetime(2026, 1, 1)), (2, None), (3, "20000-01-01 00:00:00")]  # noqa: DTZ001 what the client returns
    assert aware(rows, ["INTEGER", "TIMESTAMP_NS"]) == (
        (1, datetime(2026, 1, 1, tzinfo=UTC)),
        (2, None),
        (3, "20000-01-01 00:00:00"),
    )


def test_only_columns_with_a_zone_are_cast():
    sql = without_zones(
        "SELECT 'a', z, l FROM t;", ["VARCHAR", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE[]"]
    )
    assert sql == (
        "SELECT c0, CAST(c1 AS TIMESTAMP), CAST(c2 AS VARCHAR)"
        " FROM query('SELECT ''a'', z, l FROM t;') AS answer(c0, c1, c2)"
    )
