"""The failing rows of each kind of check: the right ones, keys first, all of them or some."""

import pytest

from tidegate.checks import sample_query
from tidegate.model import Check, DatasetRef

T = DatasetRef(namespace="main", name="t")


@pytest.fixture
def t(engine):
    engine.run("create table t (v varchar, t_id integer, n integer, w varchar, _dlt_id varchar)")
    engine.run(
        "insert into t values ('a', 1, 1, 'x', '1'), ('a', 2, 2, 'x', '2'), ('b', 3, -3, 'y', '3'), (null, 4, 4, 'z', '4'), ('c', 5, 5, 'z', '5')"
    )
    engine.run("create table p as select * from (values ('a'), ('b')) as rows(k)")
    return engine


def ask(engine, kind, column=None, *, keys=(), limit=10, ref=T, **more):
    return sample_query(
        Check(id="c", name="c", dataset=ref, kind=kind, column=column, **more), engine.catalog(), limit=limit, keys=keys
    )


def test_null_rows(t):
    query = ask(t, "not_null", "v")
    assert query.columns == ("t_id", "v", "n", "w")
    assert t.run(query.sql_all) == [(4, None, 4, "z")]


def test_repeated_values_come_with_their_rows(t):
    query = ask(t, "unique", "v", keys=["t_id"])
    assert t.run(query.sql_all) == [(1, "a", 1, "x"), (2, "a", 2, "x")]


def test_unaccepted_values(t):
    query = ask(t, "accepted_values", "w", arguments={"values": ["x"]})
    assert query.columns == ("value_field", "n_records")
    assert t.run(query.sql_all) == [("z", 2), ("y", 1)]


def test_orphans(t):
    query = ask(t, "relationships", "v", arguments={"to": "p", "field": "k"})
    assert t.run(query.sql_all) == [(5, "c", 5, "z")]


def test_orphans_of_a_column_with_an_awkward_name(t):
    t.run("create table c as select 'q' as k, 1 as from_field, 2 as child, 3 as parent")
    query = ask(
        t, "relationships", "k", ref=DatasetRef(namespace="main", name="c"), arguments={"to": "p", "field": "k"}
    )
    assert t.run(query.sql_all) == [("q", 1, 2, 3)]


def test_a_rule_shows_the_columns_that_it_names(t):
    query = ask(t, "rule", arguments={"expression": "n > 0"}, where="w <> 'z'", keys=["T_ID", "nope"])
    assert query.columns == ("t_id", "w", "n", "v")
    assert t.run(query.sql_all) == [(3, "y", -3, "b")]


def test_a_users_query(t):
    query = ask(t, "sql", arguments={"sql": "select n from t where n > 1"}, limit=2)
    assert query.columns == ()
    assert len(t.run(query.sql_sample)) == 2
    assert len(t.run(query.sql_all)) == 3


def test_an_expression_of_dbt(t):
    query = ask(t, "not_null", "v || w", source="dbt")
    assert query.columns == ("t_id", "v", "w", "n")
    assert t.run(query.sql_all) == [(4, None, "z", 4)]


def test_the_limit_holds(t):
    t.run("insert into t select null, i, i, 'm', '' from range(100) r(i)")
    query = ask(t, "not_null", "v", limit=7)
    assert len(t.run(query.sql_sample)) == 7
    assert len(t.run(query.sql_all)) == 101


def test_wide_tables_show_few_columns(engine):
    engine.run("create table t as select " + ", ".join(f"{i} as c{i}" for i in range(40)) + ", 1 as row_id")
    query = ask(engine, "rule", arguments={"expression": "c30 > 100 and c31 > 0"})
    assert query.columns == ("row_id", "c30", "c31", "c0", "c1", "c2", "c3", "c4")


@pytest.mark.parametrize("kind", ["row_count", "freshness", "metric", "dbt", "nope"])
def test_kinds_without_failing_rows(t, kind):
    assert ask(t, kind, "n") is None


def test_what_cannot_be_asked_has_no_sample(t):
    assert ask(t, "rule", arguments={"expression": "n >"}) is None
    assert ask(t, "relationships", "v", arguments={}) is None
