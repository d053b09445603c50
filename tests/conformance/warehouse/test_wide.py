"""What a wide table leaves in the engine's cache is given back after each statement."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tidegate.warehouses import duckdb as adapter

ROWS = 20_000
CACHED = "select sum(memory_usage_bytes) / 1e6 from duckdb_memory() where tag = 'BASE_TABLE'"


def cached_mb(path: Path, columns: int) -> float:
    """How many megabytes stay in the cache after all columns were read."""
    items = ", ".join(f"hash(i, {at}) as c{at}" for at in range(columns))
    with duckdb.connect(path) as connection:
        connection.execute(f"create table t as select {items} from range({ROWS}) r(i)")
    with duckdb.connect(path, read_only=True) as connection:
        reader = adapter.DuckDBReader(connection, path.stem)
        reader.catalog()
        ((limit,),) = connection.execute("select current_setting('memory_limit')").fetchall()
        answer = reader.query(f"select {', '.join(f'bit_xor(c{at})' for at in range(columns))} from t")
        assert len(answer.rows[0]) == columns
        assert connection.execute("select current_setting('memory_limit')").fetchall() == [(limit,)]
        ((size,),) = connection.execute(CACHED).fetchall()
        return float(size)


def test_a_wide_table_leaves_little_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "CACHED_OF_WIDE", "8MB")
    assert cached_mb(tmp_path / "wide.duckdb", adapter.WIDE + 1) < 10


def test_others_stay_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "CACHED_OF_WIDE", "8MB")
    assert cached_mb(tmp_path / "narrow.duckdb", adapter.WIDE) > 25


def test_what_cannot_be_let_go_of_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "CACHED_OF_WIDE", "1KB")
    assert cached_mb(tmp_path / "wide.duckdb", adapter.WIDE + 1) < 40
