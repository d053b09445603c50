"""Numbers that checks want: on the shared statement where possible, alone where the user's SQL breaks it."""

import json

import pytest

from tidegate.metrics import Unmeasured
from tidegate.model import DatasetRef, MetricSpec, Segment

T = DatasetRef(namespace="main", name="t")


def spec(metric, column=None, **more):
    return MetricSpec(dataset=T, metric=metric, column=column, **more)


@pytest.fixture
def t(engine):
    engine.run("create table t (id integer, v varchar, n integer)")
    engine.run("insert into t values (1, 'a', 10), (2, 'b', null), (3, 'b', -5), (3, null, 0), (null, 'c', 7)")
    return engine


def test_conditions_ride_on_the_profile(t):
    wanted = [
        spec("failing_rows", argument="n > 0"),
        spec("failing_rows", argument="n > 0", where="id < 3"),
        spec("failing_rows", argument="v in ('a', 'b')"),
        spec("row_count", where="n is not null"),
        spec("null_count", "v", where="n = 0"),
        spec("mean", "n", where="v = 'b' or v = 'a'"),
        spec("max", "id", segment=Segment(column="v", value="b")),
        spec("row_count", segment=Segment(column="v", value=None)),
    ]
    scan = t.scan("t", *wanted)
    assert [scan.scan.values[s] for s in wanted] == [2, 0, 1, 4, 1, 2.5, 3.0, 1]
    assert t.purposes.count("profile") == 1
    assert "condition" not in t.purposes
    assert [s.purpose for s in t.asked if "(n > 0)" in s.sql] == ["profile", "profile: left open"]


def test_a_condition_that_is_unknown_does_not_fail(t):
    assert (
        t.scan("t", spec("failing_rows", argument="n > 100")).scan.values[spec("failing_rows", argument="n > 100")] == 4
    )


def test_what_the_profile_measures_anyway_is_not_asked_twice(t):
    t.scan("t", spec("null_count", "id"), spec("row_count"), spec("max", "n"))
    with_wishes = t.asked[0].sql
    t.scan("t")
    assert with_wishes == t.asked[0].sql


def test_a_broken_condition_breaks_only_itself(t):
    good, bad = spec("failing_rows", argument="n > 0"), spec("failing_rows", argument="nope > 0")
    worse = spec("row_count", where="v::integer > 1")
    scan = t.scan("t", bad, good, worse)
    assert scan.scan.values[good] == 2
    assert "nope" in scan.scan.unmeasured[bad]
    assert "Conversion" in scan.scan.unmeasured[worse]
    assert isinstance(scan.scan.values[bad], Unmeasured)
    assert scan("mean", "n") == 3.0, "the profile is there all the same"


def test_a_division_by_zero_is_kept_away_by_where(t):
    wanted = spec("failing_rows", argument="100 // n > 5", where="n <> 0")
    assert t.scan("t", wanted).scan.values[wanted] == 1


def test_conditions_with_subqueries_and_windows(t):
    t.run("create table u as select 1 as id")
    inside, window = (
        spec("failing_rows", argument="id in (select id from u)"),
        spec("failing_rows", argument="row_number() over () > 1"),
    )
    scan = t.scan("t", inside, window)
    assert scan.scan.values[inside] == 3
    assert "window" in scan.scan.unmeasured[window].lower()


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (spec("mean", "nope"), "no column `nope`"),
        (spec("mean", "v"), "means nothing for `v`"),
        (spec("no_such"), "no metric"),
        (spec("failing_rows", argument="1 = 1; drop table t"), "more than one"),
        (spec("repeated_values", "nope"), "no column"),
        (spec("query", argument="drop table t"), "not one SELECT"),
        (spec("query", argument="select * from nowhere"), "nowhere"),
        (spec("unaccepted_values", "v", argument="{"), ""),
    ],
)
def test_what_cannot_be_measured_says_why(t, wanted, reason):
    scan = t.scan("t", wanted)
    assert reason in scan.scan.unmeasured[wanted]
    assert t.run("select count(*) from t") == [(5,)]


def test_repeated_values(t):
    assert t.scan("t", spec("repeated_values", "id"), spec("repeated_values", "v"))("repeated_values", "id") == 1
    assert t.scan("t", spec("repeated_values", "v", where="n > 0"))("repeated_values", "v", where="n > 0") == 0


def test_an_ascending_key_is_proven_unique_without_grouping(engine):
    engine.run("create table t as select i as id, (hash(i) % 1000000007)::bigint as h from range(10000) t(i)")
    assert engine.scan("t", spec("repeated_values", "id"))("repeated_values", "id") == 0
    assert "unique: order" in engine.purposes
    assert "unique" not in engine.purposes
    engine.run("insert into t values (5, 1)")
    assert engine.scan("t", spec("repeated_values", "id"))("repeated_values", "id") == 1
    assert "unique" in engine.purposes


def test_values_that_a_collation_takes_for_equal_are_repeated(engine):
    engine.run("create table t (v varchar collate nocase)")
    engine.run("insert into t values ('A'), ('a'), ('b')")
    assert engine.scan("t", spec("repeated_values", "v"))("repeated_values", "v") == 1


def test_values_outside_a_list(t):
    for quote, values, column, expected in [
        (True, ["a"], "v", 2),
        (False, ["1", "2"], "id", 1),
        (True, ["1"], "id", 2),
    ]:
        wanted = spec("unaccepted_values", column, argument=json.dumps({"values": values, "quote": quote}))
        assert t.scan("t", wanted).scan.values[wanted] == expected


def test_accepted_values_of_a_counted_category_cost_nothing(engine):
    engine.run("create table t as select 'v' || i % 4 as v from range(100) t(i)")
    wanted = spec("unaccepted_values", "v", argument=json.dumps({"values": ["v0", "v1"], "quote": True}))
    assert engine.scan("t", wanted).scan.values[wanted] == 2
    assert "accepted values" not in engine.purposes


def test_orphans(t):
    t.run("create table p (id integer)")
    t.run("insert into p values (1), (1), (null), (3)")
    wanted = spec("orphan_rows", "id", argument=json.dumps({"to": ["main", "p"], "field": "id"}))
    assert t.scan("t", wanted).scan.values[wanted] == 1
    t.run("delete from p")
    assert t.scan("t", wanted).scan.values[wanted] == 4


def test_an_exact_quantile(t):
    wanted = spec("quantile", "n", argument="0.9")
    assert t.scan("t", wanted).scan.values[wanted] == pytest.approx(9.1)


def test_many_conditions_go_on_several_statements(engine):
    engine.run("create table t as select i as n from range(100) t(i)")
    wanted = [spec("failing_rows", argument=f"n > {at}") for at in range(450)]
    scan = engine.scan("t", *wanted)
    assert [scan.scan.values[s] for s in wanted] == [min(at + 1, 100) for at in range(450)]
    assert engine.purposes.count("profile") == 3


def test_only_what_is_wanted(t):
    scan = t.scan("t", spec("null_count", "v"), spec("repeated_values", "id"), profile=False)
    assert {m.spec.metric for m in scan.scan.measurements} == {"row_count", "null_count", "repeated_values"}
    assert not scan.scan.profiled


def test_numbers_of_other_datasets_are_not_ours(t):
    other = MetricSpec(dataset=DatasetRef(namespace="main", name="u"), metric="row_count")
    assert other not in t.scan("t", other).scan.values


def test_names_are_found_without_regard_to_case(t):
    assert t.scan("t", spec("null_count", "V"))("null_count", "V") == 1


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select count(*) from main.t group by v", "returned more than one row"),
        ("select n from main.t", "returned more than one row"),
        ("select count(*), max(n) from main.t", "returned 2 columns"),
    ],
)
def test_of_a_query_that_returns_more_than_a_number_none_is_chosen(t, sql, says):
    """The first of many is a number that nobody asked for, and another one tomorrow."""
    asked, good = spec("query", argument=sql), spec("query", argument="select max(n) from main.t")
    scan = t.scan("t", asked, good)
    assert says in scan.scan.unmeasured[asked]
    assert scan.scan.values[good] == 10


def test_of_a_query_without_an_end_two_rows_are_read(t):
    t.scan("t", spec("query", argument="select * from main.t -- all of it"))
    (statement,) = [s for s in t.asked if s.purpose == "query"]
    assert statement.sql.endswith("LIMIT 2")
