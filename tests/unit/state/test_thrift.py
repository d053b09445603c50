"""How little is written: a row of a bucket only where something changed, a text that is always the same once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.state.stories import NULLS, ORDERS, ROWS, buckets, check, number, publish_chain, result, save
from tidegate.state.sqlite import SQLiteStateStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStateStore]:
    with closing(SQLiteStateStore(tmp_path / "state.db", create=True)) as store:
        publish_chain(store, 6)
        yield store


def count(store: SQLiteStateStore, table: str) -> int:
    with closing(sqlite3.connect(store.path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_bucket_is_a_row_only_where_it_changed(store: SQLiteStateStore) -> None:
    rows = []
    for version, values in enumerate(({0: 1, 1: 2, 2: 3}, {0: 1, 1: 2, 2: 3}, {0: 1, 1: 2, 2: 4, 3: 5}, {0: 1, 2: 4},
                                      {0: 1, 2: 4}, {0: 1, 1: 2, 2: 4}), start=1):  # fmt: skip
        save(store, version, buckets(version, values))
        rows.append(count(store, "bucket"))
    assert rows == [3, 3, 5, 7, 7, 8]  # version 4 says twice that a bucket vanished, version 5 does not repeat it


def test_a_second_try_leaves_no_row_of_the_first(store: SQLiteStateStore) -> None:
    for version in (1, 2):
        save(store, version, [number(version, 1), *buckets(version, {0: version, 1: version})])
    for _ in range(3):
        save(store, 2, [number(2, 1), *buckets(2, {0: 1, 1: 1})])
    assert (count(store, "measurement"), count(store, "bucket")) == (2, 2)


def test_series_checks_and_column_lists_are_kept_once(store: SQLiteStateStore) -> None:
    for version in range(1, 4):
        save(
            store,
            version,
            [number(version, version), number(version, version, NULLS), *buckets(version, {0: version, 1: version})],
            results=[result(reason=f"{version}"), result(check=check(id="other")), result()],
            schemas={ORDERS: [("id", "BIGINT")]},
        )
    tables = ("series", "dataset", "document", "measurement", "result", "dataset_shape")
    assert {table: count(store, table) for table in tables} == {
        "series": 2, "dataset": 1, "document": 3, "measurement": 6, "result": 9, "dataset_shape": 3,
    }  # fmt: skip


def test_a_series_cannot_be_there_twice(store: SQLiteStateStore) -> None:
    save(store, 1, [number(1, 1, ROWS)])
    with closing(sqlite3.connect(store.path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO series (dataset, metric, unit) SELECT dataset, metric, unit FROM series")
