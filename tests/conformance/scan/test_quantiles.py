"""Quantiles are exact on small tables, and within their stated bound on large ones, in whatever order the rows are."""

from bisect import bisect_left, bisect_right

import pytest

SHARES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")


def test_small_tables_are_exact(engine):
    engine.run("create table t as select i::double as x from range(101) t(i)")
    scan = engine.scan("t")
    assert [scan("quantile", "x", argument=q) for q in SHARES] == [1, 5, 25, 50, 75, 95, 99]
    assert scan.find("quantile", "x", argument="0.5").error == 0.0


def test_not_a_number_is_left_out(engine):
    engine.run("create table t (x double)")
    engine.run("insert into t values ('nan'), ('inf'), ('-inf'), (null), (1), (2), (3)")
    scan = engine.scan("t")
    assert scan("quantile", "x", argument="0.5") == 2
    assert scan("quantile", "x", argument="0.99") == pytest.approx(2.98)


@pytest.mark.parametrize("source", ["t", "w", "r"])
def test_large_tables_keep_their_bound_whatever_the_order(engine, source):
    """`reservoir_quantile` fails this: it is 94 rank points off on values that rise with time."""
    engine.run(
        "create table t as select i::double as risen, (hash(i) % 100000)::double as shuffled,"
        " case when i % 10 = 0 then (i % 977)::double end as sparse from range(500000) t(i)"
    )
    engine.run("create view w as select * from t")
    engine.run("create table r as select 1 as rowid, * from t")
    scan = engine.scan(source, sample_rows=20_000)
    for column in ("risen", "shuffled", "sparse"):
        values = sorted(row[0] for row in engine.run(f"select {column} from t where {column} is not null"))
        for share in SHARES:
            found = scan.find("quantile", column, argument=share)
            low, high = bisect_left(values, found.value) / len(values), bisect_right(values, found.value) / len(values)
            assert 0.005 < found.error < 0.05
            assert low - found.error <= float(share) <= high + found.error


def test_the_sample_is_the_same_every_time(engine):
    engine.run("create table t as select hash(i)::double as x from range(300000) t(i)")
    first, second = (engine.scan("t", sample_rows=1000) for _ in range(2))
    assert [first("quantile", "x", argument=q) for q in SHARES] == [second("quantile", "x", argument=q) for q in SHARES]


def test_keys_have_no_quantiles(engine):
    engine.run("create table t as select i as order_id, i as n from range(10) t(i)")
    scan = engine.scan("t")
    assert scan.find("quantile", "order_id", argument="0.5") is None
    assert scan.find("quantile", "n", argument="0.5") is not None
