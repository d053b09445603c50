"""A scan that takes the cheaper way finds what the catalogue's own aggregates find, whatever is in the column."""

from __future__ import annotations

import math
from datetime import timedelta

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conformance.scan.engine import NOW, Engine
from tests.conformance.scan.test_precision import exact
from tidegate.metrics import METRICS, aggregate, kind_of
from tidegate.model import MetricSpec
from tidegate.scan.light import PROFILE

FLOATS = "0 -0.0 1.5 1e15 1e15+1 1e-200 1e149 -1e151 1.7e308 'nan' 'inf' '-inf'".split()
TIMES = "'2026-04-30' '2026-05-01' '2026-05-03' '9999-12-31' '1970-01-01' '0001-01-01' 'infinity' '-infinity'".split()
VALUES = {
    "tinyint": ["-128", "0", "1", "127"],
    "integer": ["-2147483648", "2147483647", "0", "7", "8"],
    "uinteger": ["4294967295", "0", "5"],
    "bigint": ["9223372036854775807", "-9223372036854775808", "1000000000000000", "1000000000000001", "3"],
    "decimal(14, 2)": ["999999999999.99", "-999999999999.99", "0.01", "5"],
    "decimal(18, 4)": ["99999999999999.9999", "99999999999999.9998", "0.5"],
    "decimal(4, 3)": ["9.999", "-1", "0.001"],
    "float": ["0", "1.5", "3e38", "'nan'", "'-inf'"],
    "double": FLOATS,
    "date": TIMES,
    "timestamp": TIMES,
    "timestamptz": TIMES,
    "varchar": ["''", "'é'", "'abc'", "' '"],
    "boolean": ["true", "false"],
}
LIMIT = (NOW + timedelta(days=1)).isoformat()
columns = st.sampled_from(list(VALUES)).flatmap(
    lambda type_: st.tuples(
        st.just(type_), st.lists(st.sampled_from([*VALUES[type_], "null"]), max_size=6), st.booleans()
    )
)


def expected(engine: Engine, metric: str) -> object:
    """What the catalogue's aggregate gives, asked by itself; how many bits a double can hold is no part of it."""
    dataset = engine.dataset("t")
    argument = LIMIT if metric == "newest" else None
    sql = aggregate(MetricSpec(dataset=dataset.ref, metric=metric, column="c", argument=argument), dataset.columns[0])
    ((value,),) = engine.run(f"select {sql} from t")
    return value


@settings(max_examples=50, deadline=None)
@example(("double", ["1e15", "1e15+1"], False))
@example(("double", ["1.7e308", "1.7e308"], False))
@example(("timestamp", ["'-infinity'"], False))
@example(("timestamp", ["'9999-12-31'", "'2026-04-30'"], False))
@example(("varchar", ["''", "'abc'"], False))
@example(("integer", ["2147483647"] * 6, True))
@given(columns)
def test_the_cheaper_way_leads_to_the_same_numbers(made: tuple[str, list[str], bool]) -> None:
    type_, values, often = made
    with duckdb.connect() as connection:
        engine = Engine(connection)
        rows = ", ".join(f"(({value})::{type_})" for value in values or ["null"])
        times = 3000 if often else 1
        where = "" if values else "where false"
        engine.run(f"create table t as select c from (values {rows}) v(c), range({times}) {where}")
        scan, column = engine.scan("t", history=False), engine.dataset("t").columns[0]
        asked = [m for m in PROFILE if METRICS[m].applies_to(kind_of(column), column.family)]
        for metric in [m for m in asked if not m.endswith("_exact")]:
            whole, found = expected(engine, metric), scan(metric, "c")
            if isinstance(whole, float) and not math.isfinite(whole):
                assert found is None, metric
            elif metric == "stddev" and isinstance(whole, float):
                assert found == pytest.approx(_deviation(engine, whole), rel=1e-9, abs=1e-290)
            else:
                assert found == (pytest.approx(float(whole), rel=1e-12) if isinstance(whole, float) else whole), metric


def _deviation(engine: Engine, whole: float) -> float:
    """By exact arithmetic, unless the catalogue leaves values out, or a double has not the digits for Welford's method."""
    values = [value for (value,) in engine.run("select c from t where c is not null")]
    tame = all(abs(value) < 1e150 for value in values)
    _, deviation = exact(values) if tame else (0.0, whole)
    return deviation if deviation > 1e-6 * max(map(abs, map(float, values)), default=0) else whole


def test_what_is_tame_is_asked_once(engine):
    engine.run(
        "create table t as select i as n, i / 7.0 as x, timestamp '2026-04-01' + to_minutes(i::integer) as at,"
        " 'v' || i as s, (i / 100.0)::decimal(18, 2) as d from range(5000) r(i)"
    )
    engine.scan("t", history=False)
    assert engine.purposes.count("profile") == 1
    assert "profile: left open" not in engine.purposes
    assert "STDDEV" not in engine.asked[0].sql
    assert "ISFINITE" not in engine.asked[0].sql


def test_only_what_is_open_is_asked_again(engine):
    engine.run(
        "create table t as select i as n, 1e12 + i as x, case i when 3 then 'infinity'::timestamp else '2026-04-01' end as at,"
        " case i when 3 then '' else 'v' end as s from range(500) r(i)"
    )
    scan = engine.scan("t", history=False)
    (again,) = [statement.sql for statement in engine.asked if statement.purpose == "profile: left open"]
    assert again.count("STDDEV_SAMP") == 1
    assert '"n"' not in again
    assert (scan("infinite_count", "at"), scan("empty_count", "s")) == (1, 1)
    assert scan("max", "at") == scan("newest", "at") == scan("min", "at")


def test_the_users_own_deviation_takes_it_too(engine):
    engine.run("create table t as select i as n, 5 as k, 1e12 + i as x from range(1000) r(i)")
    ref = engine.dataset("t").ref
    names = ("stddev(n)", 'STDDEV_SAMP( "N" )', "stddev_samp(k)", "stddev_samp(x)", "stddev_pop(n)", "stddev(n + 0)")
    wanted = [MetricSpec(dataset=ref, metric="aggregate", argument=name) for name in names]
    scan = engine.scan("t", *wanted, profile=False)
    ((*whole,),) = engine.run(f"select {', '.join(names)} from t")
    assert [scan("aggregate", argument=name) for name in names] == pytest.approx(whole, rel=1e-12)
    assert [engine.asked[0].sql.count(word) for word in ("STDDEV", "stddev")] == [0, 2]


def test_squares_beyond_a_double_are_left_to_the_engine(engine):
    engine.run("create table t as select 1.7e308 * (i % 2) as x from range(10) r(i)")
    spec = MetricSpec(dataset=engine.dataset("t").ref, metric="aggregate", argument="stddev(x)")
    scan = engine.scan("t", spec, profile=False)
    assert [statement.sql.count("stddev") for statement in engine.asked] == [0, 1]
    assert scan("aggregate", argument="stddev(x)") is None  # infinite, as the engine says


CONDITIONS = {
    "n between {0} and {1}": "integer",
    "N >= {0} and n < {1}": "bigint",
    '"n" > {0}': "decimal(18, 2)",
    "n = {0}": "decimal(4, 1)",
    "n between {0} and {1} and length(s) <= {1}": "integer",
    "length(s) between {0} and {1}": "integer",
    "LENGTH( \"S\" ) = 1 AND n <= {1}": "hugeint",
    "n between {0} and {1} or n is null": "integer",
    "not n between {0} and {1}": "integer",
    "n + 1 between {0} and {1}": "integer",
    "n between {0} and m": "integer",
    "n <= {0}": "double",
    "n >= '{0}'": "integer",
    "n >= {0} and (n < {1})": "integer",
}  # fmt: skip
numbers = st.sampled_from(["0", "-1", "1.5", "2", "99", "100.05", "123456789012345"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(CONDITIONS)),
    numbers,
    numbers,
    st.lists(st.tuples(st.sampled_from(["0", "-1", "2", "99", "1.5", "null"]), st.sampled_from(["''", "'é'", "'abc'", "null"])), max_size=4),
)  # fmt: skip
def test_a_bound_fails_as_many_rows_as_the_condition(form, low, high, rows) -> None:
    condition = form.format(low, high)
    with duckdb.connect() as connection:
        engine = Engine(connection)
        engine.run(f"create table t (n {CONDITIONS[form]}, s varchar, m integer default 3)")
        for n, s in rows:
            engine.run(f"insert into t (n, s) values ({n}, {s})")
        spec = MetricSpec(dataset=engine.dataset("t").ref, metric="failing_rows", argument=condition)
        scan = engine.scan("t", spec, history=False)
        try:
            ((failing,),) = engine.run(f"select count(*) from t where not ({condition})")
        except duckdb.ConversionException:
            assert spec in scan.scan.unmeasured
        else:
            assert scan("failing_rows", argument=condition) == failing


def test_what_is_in_range_is_not_counted(engine):
    engine.run("create table t as select i as n, 'é' || i as s, (i / 7)::decimal(9, 2) as d from range(100) r(i)")
    ref = engine.dataset("t").ref
    inside = ("n between 0 and 99", '"n" >= 0 AND "n" <= 99', "length(s) between 2 and 3", "d > -0.01 and d < 15")
    outside = ("n between 0 and 98", "length(s) > 2", "n > 0 or d > 0")
    wanted = [MetricSpec(dataset=ref, metric="failing_rows", argument=text) for text in (*inside, *outside)]
    scan = engine.scan("t", *wanted, history=False)
    assert [scan("failing_rows", argument=text) for text in (*inside, *outside)] == [0, 0, 0, 0, 1, 10, 1]
    first, again, *_ = engine.asked
    assert [sum(text in first.sql for text in texts) for texts in (inside, outside)] == [0, 1]
    assert sum(text in again.sql for text in outside) == 2
    engine.scan("t", *wanted, profile=False)
    assert sum(text in engine.asked[0].sql for text in (*inside, *outside)) == 7
