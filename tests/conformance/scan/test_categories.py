"""Rows per value of columns with few values, and per load."""

import pytest


def test_top_values_and_null(engine):
    engine.run(
        "create table t as select case when i % 10 = 0 then null else 'v' || least(i % 10, 3) end as v from range(100) t(i)"
    )
    assert engine.scan("t").segments("v") == {None: 10, "v1": 10, "v2": 10, "v3": 70}


def test_only_the_most_frequent_values_are_kept(engine):
    engine.run("create table t as select 'v' || (sqrt(i)::int) as v from range(1000) t(i)")
    scan = engine.scan("t", top_values=3)
    assert scan.segments("v") == {"v29": 58, "v30": 60, "v31": 62} or len(scan.segments("v")) == 4


def test_integers_that_stand_for_kinds_are_listed_and_others_measured(engine):
    engine.run(
        "create table t as select i % 5 as stars, i % 4 as store_id, i % 6 as quantity, i % 300 as tier from range(1000) t(i)"
    )
    scan = engine.scan("t")
    assert scan.segments("stars") == {str(v): 200 for v in range(5)}
    assert scan.segments("store_id") == {str(v): 250 for v in range(4)}
    assert scan.segments("quantity") == {}
    assert scan.segments("tier") == {}


@pytest.mark.parametrize("name", ["email", "customer_name", "phone", "iban", "ip_address", "note"])
def test_values_of_personal_columns_are_never_kept(engine, name):
    engine.run(f"create table t as select 'secret' || i % 3 as {name}, 'plain' || i % 3 as kind from range(100) t(i)")
    scan = engine.scan("t")
    assert scan.segments(name) == {}
    assert scan.segments("kind")
    assert not any("secret" in str(m.value) + str(m.spec) for m in scan.scan.measurements)


def test_long_texts_are_no_categories(engine):
    engine.run("create table t as select repeat('x', 300) || i % 2 as v from range(100) t(i)")
    assert engine.scan("t").segments("v") == {}


def test_values_with_quotes_and_odd_characters(engine):
    engine.run("create table t (v varchar)")
    for value in ("it's", '"', "ü🦆", "", " ", "NULL", "\n"):
        engine.connection.executemany("insert into t values (?)", [[value]] * 3)
    assert engine.scan("t").segments("v") == dict.fromkeys(["it's", '"', "ü🦆", "", " ", "NULL", "\n"], 3)


@pytest.mark.parametrize("loads", [12, 1500])
def test_rows_of_the_newest_loads(engine, loads):
    engine.run(
        f"create table t as select i as n, (1700000000 + i // 4)::varchar || '.5' as _dlt_load_id from range({loads * 4}) t(i)"
    )
    scan = engine.scan("t")
    found = scan.segments("_dlt_load_id")
    assert len(found) == min(loads, 30)
    assert set(found.values()) == {4}
    assert f"{1700000000 + loads - 1}.5" in found
    assert scan.scan.load_column == "_dlt_load_id"


def test_a_statement_takes_all_categories(engine):
    engine.run("create table t as select i % 2 as kind, i % 3 = 0 as b, 'v' || i % 4 as c from range(100) t(i)")
    engine.scan("t")
    assert engine.purposes.count("categories") == 1
