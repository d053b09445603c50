"""The light scan's numbers, worked out by hand, on every kind of column and on the odd ones."""

from decimal import Decimal
from math import sqrt

import pytest

from tests.conformance.scan.engine import NOW
from tidegate.errors import QueryError
from tidegate.model import Family
from tidegate.scan import ScanOptions, scan_table


def test_numbers(engine):
    engine.run("create table t (n integer, d decimal(12, 2), f double)")
    engine.run(
        "insert into t values (1, 1.10, 1), (2, 2.20, 2), (3, null, 3), (null, 4.40, 'nan'), (-6, -1, 'inf'), (0, 0, '-inf')"
    )
    scan = engine.scan("t")
    assert scan("row_count") == 6
    assert [scan("null_count", c) for c in "ndf"] == [1, 1, 0]
    assert [scan("min", c) for c in "ndf"] == [-6, -1, 1]
    assert [scan("max", c) for c in "ndf"] == [3, 4.4, 3]
    assert [scan("sum", c) for c in "ndf"] == [0, 6.7, 6]
    assert [scan("mean", c) for c in "ndf"] == [0, pytest.approx(1.34), 2]
    assert scan("stddev", "n") == pytest.approx(sqrt(50 / 4))
    assert scan("stddev", "f") == pytest.approx(1.0)
    assert scan("nan_count", "f") == 1
    assert scan("infinite_count", "f") == 2
    assert scan.find("nan_count", "n") is None, "an integer is never NaN"
    assert scan("distinct_count", "n") == 5


def test_every_number_says_what_it_is(engine):
    engine.run("create table t as select 1 as n")
    scan = engine.scan("t")
    rows, distinct = scan.find("row_count"), scan.find("distinct_count", "n")
    assert (rows.unit, rows.version, rows.taken_at, rows.error, rows.interval) == ("rows", 7, NOW, 0.0, None)
    assert distinct.error == 0.1


def test_digits_that_a_double_cannot_hold_are_kept_as_text(engine):
    engine.run("create table t (b bigint, s bigint, h hugeint, u uhugeint, d decimal(38, 10), e decimal(12, 2))")
    engine.run(
        "insert into t values (9007199254740993, 1, 170141183460469231731687303715884105727,"
        " 340282366920938463463374607431768211455, 1234567890123456789.0000000001, 0.1),"
        " (1, 2, 1, 1, 1, 99.99)"
    )
    scan = engine.scan("t")
    assert scan("max", "b") == 9007199254740992.0
    assert scan("max_exact", "b") == "9007199254740993"
    assert scan("max_exact", "h") == "170141183460469231731687303715884105727"
    assert scan("max_exact", "u") == "340282366920938463463374607431768211455"
    assert scan("max_exact", "d") == "1234567890123456789.0000000001"
    assert scan.find("max_exact", "s") is None
    assert scan.find("min_exact", "b") is None
    assert scan.find("max_exact", "e") is None, "99.99 prints back the same"


def test_sums_that_would_overflow_end_as_doubles(engine):
    engine.run("create table t (h hugeint, b bigint, u ubigint, d decimal(38, 0), f double)")
    row = "(170141183460469231731687303715884105727, 9223372036854775807, 18446744073709551615, 99999999999999999999999999999999999999, 1e308)"
    engine.run(f"insert into t values {row}, {row}, {row}")
    scan = engine.scan("t")
    assert scan("sum", "h") == pytest.approx(3 * 2.0**127)
    assert scan("mean", "b") == pytest.approx(2.0**63)
    assert scan("sum", "u") == pytest.approx(3 * 2.0**64)
    assert scan("sum", "d") == pytest.approx(3e38)
    assert scan("sum", "f") is None, "an infinite sum is unknown, not a number"
    assert scan("max", "f") == 1e308
    assert scan("stddev", "f") is None


def test_texts(engine):
    engine.run("create table t (v varchar)")
    engine.run("insert into t values (''), ('a'), ('äöü'), (null), ('🦆🦆🦆🦆🦆')")
    scan = engine.scan("t")
    assert scan("null_count", "v") == 1
    assert scan("empty_count", "v") == 1
    assert (scan("min_length", "v"), scan("max_length", "v"), scan("mean_length", "v")) == (0, 5, 2.25)


def test_booleans(engine):
    engine.run("create table t (b boolean)")
    engine.run("insert into t values (true), (true), (false), (null)")
    scan = engine.scan("t")
    assert (scan("true_count", "b"), scan("null_count", "b")) == (2, 1)
    assert scan.segments("b") == {"true": 2, "false": 1, None: 1}


@pytest.mark.parametrize("type_", ["date", "timestamp", "timestamp_s", "timestamp_ms", "timestamptz"])
def test_times_at_the_ends_of_time(engine, type_):
    engine.run(f"create table t (made_at {type_})")
    values = "('infinity'), ('-infinity'), ('0001-01-01'), ('9999-12-31'), ('2026-04-30'), (null)"
    engine.run(f"insert into t values {values}")
    scan = engine.scan("t")
    assert scan("min", "made_at") == -62135596800.0
    assert scan("max", "made_at") == 253402214400.0
    assert scan("newest", "made_at") == 1777507200.0, "what lies in the future did not happen"
    assert (scan("infinite_count", "made_at"), scan("null_count", "made_at")) == (2, 1)


def test_nanoseconds_and_dates_before_1970(engine):
    engine.run("create table t (n timestamp_ns, b timestamp)")
    engine.run(
        "insert into t values ('1969-12-31 23:59:59.5', '4000-01-01 (BC) 00:00:00'), ('2026-01-01', '1969-07-20')"
    )
    scan = engine.scan("t")
    assert scan("min", "n") == -0.5
    assert scan("min", "b") < -188000000000
    assert scan("max", "b") == -14256000.0


def test_other_types_only_count_their_nulls(engine):
    engine.run(
        "create table t (l integer[], a integer[2], s struct(x integer), j json, b blob, ti time, tz timetz,"
        " i interval, m map(integer, integer), un union(p integer, q varchar), bi bit)"
    )
    engine.run("insert into t (l) values ([1]), (null)")
    engine.run("insert into t (ti, s) values ('10:00', {'x': 1})")
    scan = engine.scan("t")
    columns = {c.name: c for c in scan.scan.dataset.columns}
    assert {c.family for c in columns.values()} == {Family.OTHER}
    assert [scan("null_count", c) for c in columns] == [2, 3, 2, 3, 3, 2, 3, 3, 3, 3, 3]
    assert {m.spec.metric for m in scan.scan.measurements if m.spec.column} == {"null_count"}


def test_labels_are_measured_as_texts(engine):
    engine.run("create type mood as enum ('sad', 'happy')")
    engine.run("create table t (created_at timestamp, e mood, u uuid, x double)")
    engine.run(
        "insert into t select timestamp '2026-04-01' + to_days(i::int), ['sad', 'happy', null][1 + i % 3]::mood, uuid(), i from range(30) r(i)"
    )
    scan = engine.scan("t")
    assert (scan("max_length", "e"), scan("min_length", "u"), scan("empty_count", "u")) == (5, 36, 0)
    assert scan.segments("e") == {"sad": 10, "happy": 10, None: 10}
    assert scan.segments("u") == {}
    assert scan.buckets("mean", "x", segment=("e", "happy")) == {f"2026-04-{1 + i:02}": i for i in range(1, 30, 3)}


def test_numbers_of_any_size(engine):
    engine.run("create table t (n bignum)")
    engine.run("insert into t values ('123456789012345678901234567890123456789012345'), ('1'), (null)")
    scan = engine.scan("t")
    assert (scan("null_count", "n"), scan("min", "n"), scan("distinct_count", "n")) == (1, 1.0, 2)
    assert scan("mean", "n") == pytest.approx(6.172839450617284e43)
    assert scan("max_exact", "n") == "123456789012345678901234567890123456789012345"


def test_an_empty_table(engine):
    engine.run("create table t (n integer, v varchar, made_at timestamp, b boolean, f double, j json)")
    scan = engine.scan("t")
    assert scan("row_count") == 0
    assert [scan("null_count", c) for c in ("n", "v", "made_at", "b", "f", "j")] == [0] * 6
    assert [scan(m, "n") for m in ("min", "max", "mean", "stddev", "sum")] == [None] * 5
    assert engine.purposes == ["profile"], "nothing more is asked of an empty table"


def test_columns_without_any_value(engine):
    engine.run("create table t (n integer, v varchar, made_at timestamp, b boolean, d date)")
    engine.run("insert into t select null, null, null, null, null from range(40)")
    scan = engine.scan("t")
    assert [scan("null_count", c) for c in ("n", "v", "made_at", "b", "d")] == [40] * 5
    assert scan("mean", "n") is None
    assert scan.scan.time_column is None


def test_one_row(engine):
    engine.run("create table t as select 5 as n, timestamp '2026-01-01 10:00' as created_at, 'x' as v")
    scan = engine.scan("t")
    assert (scan("mean", "n"), scan("stddev", "n")) == (5, None)
    assert scan.buckets("row_count") == {"2026-01-01": 1}


@pytest.mark.parametrize(
    "name",
    [
        'quote"d',
        "select",
        "a.b",
        "ünï çödé 🦆",
        " leading",
        "semi;colon",
        "--dash",
        "/*c*/",
        "new\nline",
        "'",
        "\\",
        "$$",
        "%s",
        "{}",
        "?",
        "a" * 300,
    ],
)
def test_any_name_works(engine, name):
    quoted = '"' + name.replace('"', '""') + '"'
    engine.run(f"create schema {quoted}")
    engine.run(
        f'create table {quoted}.{quoted} ({quoted} integer, created_at timestamp, v varchar, {quoted[:-1]}2" varchar)'
    )
    engine.run(
        f"insert into {quoted}.{quoted} select i, timestamp '2026-01-01' + to_days(i::integer), 'v', 'w' || i % 2 from range(30) t(i)"
    )
    scan = engine.scan(name, schema=name)
    assert scan("sum", name) == 435
    assert scan.segments(name + "2") == {"w0": 15, "w1": 15}
    assert len(scan.buckets("mean", name)) == 30
    assert scan.buckets("row_count", segment=(name + "2", "w1"))["2026-01-02"] == 1


def test_a_thousand_columns_go_in_groups(engine):
    columns = (
        ", ".join(f"i + {at} as c{at}" for at in range(500))
        + ", "
        + ", ".join(f"'v' || i % 2 as v{at}" for at in range(499))
    )
    engine.run(
        f"create table t as select timestamp '2026-01-01' + to_hours(i::integer) as at, {columns} from range(100) t(i)"
    )
    scan = engine.scan("t")
    assert scan("sum", "c499") == sum(range(499, 599))
    assert scan.segments("v498") == {"v0": 50, "v1": 50}
    assert scan.buckets("duplicate_rows")
    profile = [s.sql for s in engine.asked if s.purpose == "profile"]
    assert len(profile) == 20
    assert engine.purposes.count("profile: left open") <= 10
    assert all(sql.count("APPROX_COUNT_DISTINCT") <= 51 for sql in profile)


def test_groups_can_be_of_any_size(engine):
    engine.run("create table t as select i as a, i * 2 as b, 'x' as c, i % 2 = 0 as d from range(10) t(i)")
    one, all_ = engine.scan("t", columns_per_statement=1), engine.scan("t")
    assert {(m.spec, m.value) for m in one.scan.measurements} == {(m.spec, m.value) for m in all_.scan.measurements}


def test_a_view_is_measured_like_a_table(engine):
    engine.run("create table t as select i as n, 'x' || i % 3 as v from range(300) t(i)")
    engine.run("create view w as select n + 1 as n, v from t")
    scan = engine.scan("w")
    assert scan("mean", "n") == 150.5
    assert scan.segments("v") == {"x0": 100, "x1": 100, "x2": 100}


def test_a_broken_view_is_told(engine):
    engine.run("create table t (n integer)")
    engine.run("create view w as select n from t")
    dataset = engine.dataset("w")
    engine.run("drop table t")
    with pytest.raises(QueryError):
        engine.drive(scan_table(dataset, (), ScanOptions(version=1, taken_at=NOW)))


def test_an_unknown_dialect_is_refused(engine):
    engine.run("create table t (n integer)")
    plan = scan_table(engine.dataset("t"), (), ScanOptions(version=1, taken_at=NOW), dialect="cobol")
    with pytest.raises(LookupError, match="cobol"):
        next(plan)


def test_decimals_are_added_exactly(engine):
    engine.run("create table t as select 0.1::decimal(18, 1) as d from range(1000000)")
    assert engine.scan("t")("sum", "d") == 100000.0
    assert Decimal("0.1") * 1000000 == 100000
