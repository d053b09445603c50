"""Repeats are counted by hashes of large tables: a proof where none repeats, and only a hint where one does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.conformance.scan.engine import NOW, Engine
from tidegate.errors import QueryError
from tidegate.model import DatasetRef, MetricSpec, Statement
from tidegate.scan import ScanOptions, scan_table
from tidegate.scan.own import LEAST_HASHED
from tidegate.warehouses.duckdb import DuckDBReader

REF = DatasetRef(namespace="main", name="t")
UNIQUE = MetricSpec(dataset=REF, metric="repeated_values", column="v")


def asked(
    engine: Engine, spec: MetricSpec, *, colliding: bool = False, collated: bool = False
) -> tuple[object, list[str]]:
    """The number, and what was asked for it; `colliding` answers that two hashes are the same."""
    dataset = replace(engine.dataset("t"), rows=LEAST_HASHED, collated=collated)
    options = ScanOptions(version=1, taken_at=NOW, profile=False)
    plan, purposes = scan_table(dataset, (spec,), options), []
    try:
        statement: Statement = next(plan)
        while True:
            purposes += [statement.purpose] if statement.purpose.startswith("unique") else []
            rows = [(1,)] if colliding and statement.repeats else None
            rows = rows or (engine.repeats(statement.sql) if statement.repeats else engine.run(statement.sql))
            statement = plan.send(rows)
    except StopIteration as stop:
        (found,) = (m.value for m in stop.value.measurements if m.spec == spec)
        return found, purposes


def test_values_without_repeats_are_proved_by_their_hashes(engine: Engine) -> None:
    engine.run(
        "create table t as select 'v' || i as v from range(100) r(i) union all select null union all select null"
    )
    assert asked(engine, UNIQUE) == (0, ["unique: hashes"])


def test_a_collision_of_hashes_is_looked_into(engine: Engine) -> None:
    engine.run("create table t as select 'v' || i as v from range(100) r(i)")
    assert asked(engine, UNIQUE, colliding=True) == (0, ["unique: hashes", "unique"])


def test_repeated_values_are_counted_as_they_are(engine: Engine) -> None:
    engine.run("create table t as select 'v' || (i % 70) as v from range(100) r(i)")
    assert asked(engine, UNIQUE) == (30, ["unique: hashes", "unique"])


def test_hashes_say_nothing_where_a_collation_does(engine: Engine) -> None:
    engine.run("create table t (v varchar collate nocase)")
    engine.run("insert into t values ('a'), ('A')")
    assert asked(engine, UNIQUE, collated=True) == (1, ["unique"])


def test_hashes_say_nothing_of_values_that_are_equal_in_two_types(engine: Engine) -> None:
    engine.run("create table t as select i::variant as v from range(3000) r(i)")
    engine.run("insert into t values (5.0::decimal(4, 1)::variant)")
    assert asked(engine, UNIQUE) == (1, ["unique"])


def test_different_values_with_one_hash_are_told_apart(engine: Engine) -> None:
    engine.run("create table t as select (1::hugeint << 64) + 2 as v union all select (2::hugeint << 64) + 1")
    assert engine.run("select count(distinct hash(v)) from t") == [(1,)], "the engine's hash of two halves that swap"
    assert asked(engine, UNIQUE) == (0, ["unique: hashes", "unique"])


ROWS = MetricSpec(dataset=REF, metric="repeated_rows", argument='["v", "w"]')


@pytest.mark.parametrize(
    ("rows", "repeated"),
    [("(1, 1), (1, 2), (2, 1)", 0), ("(1, 1), (1, 1), (2, 1)", 1), ("(1, null), (1, null), (null, null), (null, null)", 2), ("(1, null), (null, 1)", 0)],
)  # fmt: skip
def test_combinations_take_null_for_a_value(engine: Engine, rows: str, repeated: int) -> None:
    engine.run(f"create table t as select * from (values {rows}) x(v, w)")
    found, purposes = asked(engine, ROWS)
    assert found == repeated
    assert purposes[0] == "unique rows: hashes"


def test_a_key_among_the_columns_proves_the_combination(engine: Engine) -> None:
    engine.run("create table t as select i as v, i % 2 as w from range(10) r(i)")
    wanted = (ROWS, UNIQUE, MetricSpec(dataset=REF, metric="null_count", column="v"))
    scan = engine.scan("t", *wanted, profile=False)
    assert scan.scan.values[ROWS] == 0
    assert "unique rows" not in " ".join(engine.purposes)


@pytest.mark.parametrize("values", ["(1, 1), (1, 2)", "(1, 1), (null, 2)"])
def test_what_is_no_key_proves_nothing(engine: Engine, values: str) -> None:
    engine.run(f"create table t as select * from (values {values}, {values}) x(v, w)")
    wanted = (ROWS, UNIQUE, MetricSpec(dataset=REF, metric="null_count", column="v"))
    assert engine.scan("t", *wanted, profile=False).scan.values[ROWS] == 2


def test_a_column_that_is_not_there(engine: Engine) -> None:
    engine.run("create table t as select 1 as v")
    assert "w" in str(engine.scan("t", ROWS, profile=False).scan.values[ROWS])


def test_the_readers_repeats(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "x.duckdb") as connection:
        connection.execute("create table t as select i % 70 as v from range(100) r(i)")
        reader = DuckDBReader(connection, "x")
        assert reader.repeats("select hash(v) from t").rows == ((30,),)
        assert reader.repeats("select hash(v) from t where v > 90").rows == ((0,),)
        with pytest.raises(QueryError):
            reader.repeats("select hash(nothing) from t")
        with pytest.raises(QueryError):
            reader.repeats("delete from t")
        collated = {d.ref.name: d.collated for d in reader.catalog()}
        assert collated == {"t": False}
        connection.execute("create table c (v varchar collate nocase)")
        assert {d.ref.name: d.collated for d in reader.catalog()} == {"t": False, "c": True}
