"""Rows that came twice: per bucket, per load, and in all where there is no time."""

import pytest


@pytest.fixture
def orders(engine):
    engine.run(
        "create table orders as select i as order_id, timestamp '2026-04-01' + to_hours(i::int) as ordered_at, i % 7 as amount,"
        " '17' || lpad((i // 24)::varchar, 8, '0') || '.0' as _dlt_load_id, 'r' || i as _dlt_id from range(480) t(i)"
    )
    return engine


def test_no_duplicates_is_said_for_every_recent_bucket_and_load(orders):
    scan = orders.scan("orders")
    assert scan.buckets("duplicate_rows") == {f"2026-04-{day}": 0 for day in range(13, 21)}
    assert set(scan.segments("_dlt_load_id", "duplicate_rows").values()) == {0}
    assert len(scan.segments("_dlt_load_id", "duplicate_rows")) == 8


def test_a_file_that_came_twice(orders):
    orders.run(
        "insert into orders select order_id, ordered_at, amount, '1799999999.0', 'again' || order_id from orders where ordered_at::date = '2026-04-20'"
    )
    scan = orders.scan("orders")
    assert scan.buckets("duplicate_rows")["2026-04-20"] == 24
    assert scan.buckets("duplicate_rows")["2026-04-19"] == 0
    assert scan.segments("_dlt_load_id", "duplicate_rows")["1799999999.0"] == 24, "the newer load brought the copies"
    assert sum(scan.segments("_dlt_load_id", "duplicate_rows").values()) == 24


def test_an_old_file_that_comes_again_is_found_outside_the_newest_buckets(orders):
    orders.run(
        "insert into orders select order_id, ordered_at, amount, '1799999999.0', 'again' || order_id from orders where ordered_at::date = '2026-04-03'"
    )
    scan = orders.scan("orders")
    assert scan.buckets("duplicate_rows")["2026-04-03"] == 24
    assert scan.segments("_dlt_load_id", "duplicate_rows")["1799999999.0"] == 24
    assert min(scan.buckets("duplicate_rows")) == "2026-04-03"


def test_three_copies_are_two_too_many(orders):
    for _ in range(2):
        orders.run(
            "insert into orders select order_id, ordered_at, amount, _dlt_load_id, uuid() from orders where order_id = 479 limit 1"
        )
    assert orders.scan("orders").buckets("duplicate_rows")["2026-04-20"] == 2


def test_rows_that_differ_in_one_business_column_are_two(orders):
    orders.run("insert into orders select order_id, ordered_at, amount + 1, _dlt_load_id, _dlt_id from orders")
    assert set(orders.scan("orders").buckets("duplicate_rows").values()) == {0}


def test_nulls_are_equal_here(engine):
    engine.run("create table t (a integer, b varchar)")
    engine.run("insert into t values (null, 'x'), (null, 'x'), (1, null), (1, null), (1, 'x')")
    assert engine.scan("t")("duplicate_rows") == 2


def test_odd_types_take_part(engine):
    engine.run(
        "create table t (l integer[], s struct(x integer), j json, b blob, m map(integer, integer), un union(p integer, q varchar))"
    )
    row = "([1, 2], {'x': 1}, '{}', 'ab', map {1: 2}, 5)"
    engine.run(f"insert into t values {row}, {row}, ([2, 1], {{'x': 1}}, '{{}}', 'ab', map {{1: 2}}, 5)")
    assert engine.scan("t")("duplicate_rows") == 1


def test_a_large_table_without_time_is_searched_by_its_newest_loads(engine, monkeypatch):
    monkeypatch.setattr("tidegate.scan.duplicates.WHOLE_TABLE", 100)
    engine.run("create table t as select i % 150 as n, (10 + i // 50)::varchar as _dlt_load_id from range(300) t(i)")
    scan = engine.scan("t", recent_buckets=2)
    assert scan.segments("_dlt_load_id", "duplicate_rows") == {"15": 0, "14": 0}
    assert scan.find("duplicate_rows") is None
    engine.run("create table u as select i as n from range(300) t(i)")
    noted = engine.scan("u")
    assert noted.find("duplicate_rows") is None
    assert "not searched for duplicates" in noted.scan.notes[0]


def test_a_table_with_nothing_but_the_loaders_columns(engine):
    engine.run("create table t (_dlt_id varchar, _dlt_load_id varchar)")
    engine.run("insert into t values ('a', '1'), ('a', '1')")
    assert engine.scan("t").find("duplicate_rows") is None
