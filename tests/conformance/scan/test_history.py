"""The history that a table holds: numbers per bucket and per segment, against GROUP BY by hand."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest


def test_days(engine):
    engine.run(
        "create table orders (ordered_at timestamp, amount decimal(12, 2), paid boolean, note varchar, full_name varchar)"
    )
    engine.run(
        "insert into orders values"
        " ('2026-04-01 00:00:00', 10, true, null, 'a'), ('2026-04-01 23:59:59.999999', 20, false, 'x', 'b'),"
        " ('2026-04-03 12:00:00', null, null, null, 'c'), (null, 5, true, 'lost', 'd')"
    )
    scan = engine.scan("orders", time_column="ordered_at")
    assert scan.scan.grain == "day"
    assert scan.buckets("row_count") == {"2026-04-01": 2, "2026-04-03": 1}
    assert scan.buckets("mean", "amount") == {"2026-04-01": 15, "2026-04-03": None}
    assert scan.buckets("sum", "amount") == {"2026-04-01": 30, "2026-04-03": None}
    assert scan.buckets("stddev", "amount") == {"2026-04-01": pytest.approx(50**0.5), "2026-04-03": None}
    assert scan.buckets("true_count", "paid") == {"2026-04-01": 1, "2026-04-03": 0}
    assert scan.buckets("null_count", "note") == {"2026-04-01": 1, "2026-04-03": 1}
    assert scan.buckets("null_count", "full_name") == {"2026-04-01": 0, "2026-04-03": 0}, "known without asking"
    assert scan.buckets("distinct_count", "full_name") == {"2026-04-01": 2, "2026-04-03": 1}
    newest = datetime(2026, 4, 1, 23, 59, 59, 999999, tzinfo=UTC).timestamp()
    assert scan.buckets("max", "ordered_at")["2026-04-01"] == pytest.approx(newest, abs=1e-6)


def test_a_column_without_any_value_is_null_in_every_row_of_every_bucket(engine):
    engine.run(
        "create table t as select timestamp '2026-04-01' + to_hours(i::int * 6) as created_at, null::int as n from range(80) t(i)"
    )
    scan = engine.scan("t")
    assert scan.buckets("null_count", "n") == scan.buckets("row_count")


@pytest.mark.parametrize(
    ("step", "rows", "grain", "first"),
    [
        ("to_minutes(i::int)", 5 * 1440, "hour", "2026-01-01"),
        ("to_minutes(i::int)", 19 * 600, "hour", "2026-01-01"),
        ("to_minutes(i::int)", 20 * 600, "day", "2026-01-01"),
        ("to_hours(i::int)", 24 * 60, "day", "2026-01-01"),
        ("to_days(i::int)", 90, "day", "2026-01-01"),
        ("to_days(i::int * 7)", 16, "week", "2025-12-29"),
        ("to_months(i::int)", 15, "month", "2025-01-01"),
    ],
)
def test_the_grain_follows_from_the_data(engine, step, rows, grain, first):
    start = "2025-01-01" if grain == "month" else "2026-01-01"
    engine.run(
        f"create table t as select timestamp '{start}' + {step} as created_at, i % 10 as n from range({rows}) t(i)"
    )
    scan = engine.scan("t")
    assert scan.scan.grain == grain
    buckets = scan.buckets("row_count")
    assert next(iter(buckets)) == first
    assert sum(buckets.values()) == rows
    by_hand = engine.run(
        f"select strftime(date_trunc('{grain}', created_at), '%Y-%m-%dT%H'), count(*), avg(n) from t group by 1 order by 1"
    )
    assert buckets == {key.removesuffix("T00"): count for key, count, _ in by_hand}
    assert scan.buckets("mean", "n") == {key.removesuffix("T00"): mean for key, _, mean in by_hand}


def test_a_month_lasts_to_the_next(engine):
    engine.run(
        "create table t as select date '2025-01-01' + to_months(i::int) as month, i as revenue from range(14) t(i)"
    )
    scan = engine.scan("t")
    intervals = sorted({m.interval for m in scan.scan.measurements if m.interval})
    assert all(a.end == b.start for a, b in itertools.pairwise(intervals))
    assert intervals[-1].end == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
def test_buckets_are_utc_whatever_the_session_says(engine, zone):
    engine.run(f"set timezone = '{zone}'")
    engine.run("create table t (created_at timestamptz, d date, n integer)")
    engine.run(
        "insert into t values ('2026-03-01 23:30:00+00', '2026-03-01', 1), ('2026-03-02 00:30:00+00', '2026-03-02', 3)"
    )
    scan = engine.scan("t", time_column="created_at")
    assert scan.buckets("mean", "n") == {"2026-03-01": 1, "2026-03-02": 3}
    assert engine.scan("t", time_column="d").buckets("mean", "n") == {"2026-03-01": 1, "2026-03-02": 3}


@pytest.mark.parametrize("type_", ["timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp", "date"])
def test_every_time_type_makes_buckets(engine, type_):
    engine.run(
        f"create table t as select (timestamp '2026-01-01' + to_days(i::int))::{type_} as created_at, i as n from range(30) t(i)"
    )
    assert len(engine.scan("t").buckets("mean", "n")) == 30


def test_only_the_newest_buckets_are_looked_at(engine):
    engine.run("create table t as select timestamp '2020-01-01' + to_days(i::int) as created_at from range(1000) t(i)")
    scan = engine.scan("t", history_buckets=10)
    assert list(scan.buckets("row_count")) == [f"2022-09-{day:02}" for day in range(17, 27)]


def test_rows_in_the_future_do_not_push_the_past_out(engine):
    engine.run("create table t as select timestamp '2026-01-01' + to_days(i::int) as created_at from range(100) t(i)")
    engine.run("insert into t values ('9999-12-31'), ('2222-01-01'), ('infinity'), ('0001-01-01')")
    scan = engine.scan("t")
    assert scan.scan.time_column == "created_at"
    assert max(scan.buckets("row_count")) == "2026-04-10"
    assert len(scan.buckets("row_count")) == 100


def test_a_table_of_the_future_has_a_history_too(engine):
    engine.run("create table t as select timestamp '2031-01-01' + to_days(i::int) as created_at from range(10) t(i)")
    assert len(engine.scan("t").buckets("row_count")) == 10


def test_the_ends_of_time_make_buckets_when_there_is_nothing_else(engine):
    engine.run("create table t (created_at timestamp)")
    engine.run("insert into t values ('9999-12-31 10:00'), ('infinity')")
    assert engine.scan("t", time_column="created_at")("row_count") == 2
    engine.run("create table u (created_at timestamp)")
    engine.run("insert into u values ('0001-01-01 10:00'), ('0001-01-02 10:00')")
    assert engine.scan("u", time_column="created_at").buckets("row_count") == {"0001-01-01": 1, "0001-01-02": 1}


def test_segments(engine):
    engine.run(
        "create table orders as select timestamp '2026-01-01' + to_hours(i::int) as created_at, ['DE', 'FR', null][1 + i % 3] as country,"
        " i % 2 = 0 as express, (i % 10)::decimal(12, 2) as amount from range(480) t(i)"
    )
    scan = engine.scan("orders")
    assert scan.scan.segment_columns == ("country", "express")
    for column, value, text in [("country", "'DE'", "DE"), ("country", "null", None), ("express", "true", "true")]:
        by_hand = engine.run(
            f"select created_at::date::varchar, count(*), avg(amount)::double from orders where {column} is not distinct from {value} group by 1"
        )
        assert scan.buckets("row_count", segment=(column, text)) == {day: n for day, n, _ in by_hand}
        assert scan.buckets("mean", "amount", segment=(column, text)) == pytest.approx(
            {day: mean for day, _, mean in by_hand}
        )


def test_segments_stay_few_when_their_combinations_would_be_many(engine):
    parts = ", ".join(f"'v' || (i // {12**at}) % 12 as c{at}" for at in range(5))
    engine.run(
        f"create table t as select timestamp '2026-01-01' + to_minutes(i::int * 6) as created_at, {parts} from range(20000) t(i)"
    )
    assert len(engine.scan("t").scan.segment_columns) == 4


def test_means_of_segments_weigh_by_rows_that_have_a_value(engine):
    engine.run("create table t (created_at timestamp, kind varchar, other varchar, x double)")
    engine.run(
        "insert into t values ('2026-01-01', 'a', 'p', 1), ('2026-01-01', 'a', 'q', null), ('2026-01-01', 'a', 'q', 4), ('2026-01-01', 'b', 'q', 7)"
    )
    scan = engine.scan("t")
    assert scan.buckets("mean", "x", segment=("kind", "a")) == {"2026-01-01": 2.5}
    assert scan.buckets("mean", "x", segment=("other", "q")) == {"2026-01-01": 5.5}


def test_means_of_segments_leave_out_what_is_not_finite(engine):
    engine.run("create table t (created_at timestamp, kind varchar, x double)")
    engine.run(
        "insert into t select '2026-01-01', 'ab'[1 + i % 2], x::double from (values ('1'), ('nan'), ('inf'), ('3')) v(x), range(2) r(i)"
    )
    scan = engine.scan("t")
    assert scan.buckets("mean", "x", segment=("kind", "a")) == {"2026-01-01": 2.0}
    assert scan.buckets("mean", "x") == {"2026-01-01": 2.0}


def test_no_history_when_it_is_not_wanted(engine):
    engine.run("create table t as select timestamp '2026-01-01' as created_at, 1 as n")
    assert engine.scan("t", history=False).buckets("row_count") == {}
    assert engine.scan("t", time_column="").buckets("row_count") == {}
    scan = engine.scan("t", time_column="n")
    assert scan.buckets("row_count") == {}
    assert scan.scan.notes == ("main.t: `n` is not a time column, so there is no history by time",)


def test_the_told_column_and_grain_are_taken(engine):
    engine.run(
        "create table t as select timestamp '2026-01-01' + to_days(i::int) as created_at, timestamp '2025-01-01' + to_days(i::int) as b from range(60) t(i)"
    )
    scan = engine.scan("t", time_column="B", grain="week")
    assert (scan.scan.time_column, scan.scan.grain) == ("b", "week")
    assert all(m.interval.end - m.interval.start == timedelta(days=7) for m in scan.scan.measurements if m.interval)


def test_a_time_that_moves_is_noted(engine):
    engine.run(
        "create table t as select i as n, timestamp '2026-01-01' + to_days(i::int) as updated_at from range(60) t(i)"
    )
    scan = engine.scan("t")
    assert scan.scan.time_column == "updated_at"
    assert "may move" in scan.scan.notes[0]
