"""Names, values and conditions from anywhere stay what they are: no text becomes another statement."""

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.conformance.scan.engine import NOW, engines
from tidegate.checks import judge, needs, sample_query
from tidegate.metrics import ConditionError, condition, literal, quoted
from tidegate.model import Check, CheckResult, DatasetRef, MetricSpec, Segment

NASTY = [
    '"',
    "'",
    ";",
    "--",
    "/*",
    "*/",
    "\\",
    "$$",
    "\n",
    ")",
    "(",
    "%",
    "{",
    "?",
    ":x",
    '"{column}"',
    "{argument}",
    "{condition}",
    "🦆",
    " ",
    "drop table t",
    "a",
]
TEXT = st.one_of(
    st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12),
)


@pytest.fixture(scope="module")
def engine():
    yield from engines()


def statements(sql):
    return len(duckdb.extract_statements(sql))


@given(TEXT)
def test_names_and_literals_read_back(engine, text):
    assert engine.run(f"select {literal(text)}") == [(text,)]
    assert engine.connection.execute(f"select 1 as {quoted(text)}").description[0][0] == text


@settings(max_examples=40)
@given(name=TEXT, value=TEXT)
def test_a_scan_of_any_table(engine, name, value):
    assume(name.casefold() not in ("created_at", "n"))
    engine.run(f"create or replace table main.{quoted(name)} ({quoted(name)} varchar, created_at timestamp, n integer)")
    engine.connection.executemany(
        f"insert into main.{quoted(name)} values (?, ?, ?)",
        [[value, "2026-04-01", 1], [value, "2026-04-02", 2], [None, "2026-04-02", 3]] * 2,
    )
    ref = DatasetRef(namespace="main", name=name)
    wanted = [
        MetricSpec(dataset=ref, metric="row_count", segment=Segment(column=name, value=value)),
        MetricSpec(dataset=ref, metric="failing_rows", argument=f"{quoted(name)} <> {literal(value)}"),
    ]
    checks = [
        Check(id="a", name="a", dataset=ref, kind="accepted_values", column=name, arguments={"values": [value]}),
        Check(id="u", name="u", dataset=ref, kind="unique", column=name),
        Check(id="r", name="r", dataset=ref, kind="relationships", column=name, arguments={"to": ref, "field": name}),
    ]
    for check in checks:
        needed = needs(check, engine.catalog())
        assert not isinstance(needed, CheckResult), needed.reason
        wanted += needed
    scan = engine.scan(name, *wanted)
    assert all(statements(statement.sql) == 1 for statement in engine.asked)
    assert scan.scan.values[wanted[0]] == 4
    assert scan.scan.values[wanted[1]] == 4
    assert [judge(check, scan.scan.values, now=NOW).failures for check in checks] == [0, 1, 0]
    for check in checks:
        query = sample_query(check, engine.catalog(), limit=2)
        assert len(engine.run(query.sql_all)) == (4 if check.kind == "unique" else 0)
    engine.run(f"drop table main.{quoted(name)}")


PIECES = [
    "n",
    "1",
    "= ",
    "> ",
    "(",
    ")",
    "'",
    '"',
    "--",
    "/*",
    "*/",
    ";",
    "$$",
    "$a$",
    "e'",
    "\\'",
    "\n",
    " or ",
    " and ",
    "select ",
    "drop table keep",
    "null",
    ",",
    "case when ",
    " then ",
    " end",
    "::int",
    "x'",
    "{",
    "}",
    "[",
    "]",
    "@",
    "\r",
    "\u2028",
    "#",
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join))
def test_a_condition_that_is_accepted_stays_inside_its_parentheses(engine, text):
    """Whatever passes is one expression to DuckDB too, or DuckDB refuses the statement; nothing else is run."""
    try:
        checked = condition(text)
    except ConditionError:
        return
    engine.run("create table if not exists keep as select 1 as n")
    sql = f"SELECT COUNT(CASE WHEN NOT ({checked}) THEN 1 END), 'mark' FROM keep"
    try:
        assert statements(sql) == 1
        rows = engine.run(sql)
    except duckdb.Error:
        return
    assert len(rows) == 1
    assert rows[0][1] == "mark"
