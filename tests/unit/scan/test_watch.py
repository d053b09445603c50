"""What is watched of every batch."""

import duckdb
import pytest

from tidegate.metrics import METRICS, aggregate, kind_of
from tidegate.model import Column, DatasetRef, Family
from tidegate.scan import watch

REF = DatasetRef(namespace="s", name="t")
COLUMNS = (
    Column(name="v", type="DOUBLE", family=Family.NUMBER),
    Column(name="n", type="BIGINT", family=Family.NUMBER),
    Column(name="name", type="VARCHAR", family=Family.TEXT),
    Column(name="at", type="TIMESTAMP", family=Family.TIME),
    Column(name="on", type="DATE", family=Family.TIME),
    Column(name="ok", type="BOOLEAN", family=Family.BOOLEAN),
    Column(name="doc", type="JSON", family=Family.OTHER),
)
ROWS = """
    (1.5, 0, 'Amélie', TIMESTAMP '2026-01-01 10:30:00', DATE '2026-01-01', true, NULL),
    (-2.0, 3, ' KLM 12', TIMESTAMP '1970-01-01', DATE '1970-01-01', false, NULL),
    (0.0, 3, 'n/a', TIMESTAMP '2026-01-01 11:00:00', NULL, NULL, NULL),
    (NULL, -1, '', NULL, NULL, true, NULL)
"""


def measured(column: Column) -> dict[str, object]:
    """Every number that is watched of a column of four rows, in DuckDB."""
    specs = watch.of_column(REF, column)
    asked = ", ".join(aggregate(spec, column) for spec in specs)
    names = ", ".join(f'"{c.name}"' for c in COLUMNS)
    row = duckdb.connect().execute(f"SELECT {asked} FROM (VALUES {ROWS}) AS t({names})").fetchone()
    return {s.metric: value for s, value in zip(specs, row, strict=True) if s.argument is None}


def test_only_what_applies_is_watched():
    for column in COLUMNS:
        for spec in (*watch.of_column(REF, column), *watch.in_buckets(REF, column)):
            assert METRICS[spec.metric].applies_to(kind_of(column), column.family)


def test_numbers_by_hand():
    found = measured(COLUMNS[0])
    assert (found["zero_count"], found["negative_count"], found["whole_count"]) == (1, 1, 2)
    assert (found["null_count"], found["top_count"], found["min"], found["max"]) == (1, 1, -2.0, 1.5)
    assert "whole_count" not in measured(COLUMNS[1])
    assert measured(COLUMNS[1])["top_count"] == 2


def test_texts_by_hand():
    found = measured(COLUMNS[2])
    assert (found["upper_count"], found["lower_count"], found["padded_count"]) == (1, 1, 1)
    assert (found["non_ascii_count"], found["empty_count"], found["placeholder_count"]) == (1, 1, 1)
    assert found["mean_digits"] == 0.5
    assert (found["min_length"], found["max_length"]) == (0.0, 7.0)


def test_times_by_hand():
    found = measured(COLUMNS[3])
    assert (found["epoch_count"], found["off_hour_count"]) == (1, 1)
    assert measured(COLUMNS[4])["epoch_count"] == 1
    assert "off_hour_count" not in measured(COLUMNS[4])


@pytest.mark.parametrize(
    ("type_", "grain", "asked"),
    [
        ("TIMESTAMP", "day", ["min", "off_hour_count"]),
        ("TIMESTAMP WITH TIME ZONE", "hour", ["min", "off_hour_count"]),
        ("DATE", "day", []),
        ("DATE", "week", ["min"]),
    ],
)
def test_the_clock_that_cuts_the_buckets_is_asked_what_it_can_tell(type_, grain, asked):
    found = watch.of_clock(REF, Column(name="at", type=type_, family=Family.TIME), grain)
    assert [spec.metric for spec in found] == asked


def test_neighbours_in_size_are_compared():
    pairs = watch.of_pairs(REF, {"big": 100.0, "small": 1.0, "mid": 10.0, "huge": 1e6})
    assert {(s.column, s.argument) for s in pairs} == {
        ("small", "mid"),
        ("small", "big"),
        ("mid", "big"),
        ("mid", "huge"),
        ("big", "huge"),
    }
    sql = ", ".join(aggregate(s, COLUMNS[1]) for s in watch.of_pairs(REF, {"n": 1.0, "v": 2.0}))
    values = (
        duckdb.connect().execute("SELECT " + sql + " FROM (VALUES (1, 2.0), (2, 2.0), (3, NULL)) AS t(n, v)").fetchone()
    )
    assert values == (2, 1, 1)


def test_sketches_keep_the_least_hashes():
    rows = "(VALUES ('a', 1, DATE '2026-01-01'), ('a', 1, DATE '2026-01-02'), ('b', 2, NULL), (NULL, 3, NULL)) AS t(x, y, d)"
    text = Column(name="x", type="VARCHAR", family=Family.TEXT)
    columns = (
        text,
        Column(name="y", type="INTEGER", family=Family.NUMBER),
        Column(name="d", type="DATE", family=Family.TIME),
    )
    sql = f"SELECT {watch.values_sketch_sql(text, 2)}, {watch.rows_sketch_sql(columns, 9)}, {watch.copies_sql(columns)} FROM {rows}"
    values, whole, copies = duckdb.connect().execute(sql).fetchone()
    assert sorted(values) == sorted(duckdb.connect().execute("SELECT HASH('a'), HASH('b')").fetchone())
    assert (len(whole), len(set(whole)), copies) == (4, 3, 0)
