"""The user's SQL is one expression, or it is refused."""

import subprocess
import sys
from itertools import accumulate

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from tidegate.metrics import ConditionError, column_names, condition, query
from tidegate.metrics.predicate import PLAIN, is_plainly_one


@pytest.mark.parametrize(
    "text",
    [
        "a > 0",
        "a is not null and b <> ''",
        "a::int % 2 = 0",
        "regexp_matches(v, '^\\d+$')",
        "x in (select id from other)",
        "exists (select 1 from other)",
        "case when a then b else c end",
        'not "Is Gift"',
        "a between 1 and 2 or a is null",
        "true",
        "list_contains([1, 2], a)",
        "$$a;b$$ = c",
        "a = 'x;y'",
    ],
)
def test_a_condition_is_kept_as_it_was_written(text):
    assert condition(f"  {text}\n") == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a > 0 -- positive", "a > 0"), ("a /* the amount */ > 0", "a > 0"), ("/* x */ a", "a"), ("a > 1 --", "a > 1")],
)
def test_comments_are_dropped(text, kept):
    assert condition(text) == kept


@pytest.mark.parametrize(
    "text",
    ["", " ", "-- nothing", ";", "a;", "a > 0; drop table t", "a > 0) or (1 = 1", "select 1", "(select 1)", "a, b", "(a, b)", "*", "a as b",
     "drop table t", "update t set a = 1", "set x = 1", "pragma version", "attach 'x'", "copy t to 'x'", "a > 0 order by 1", "a /*", "'a", '"a', "a >", "\0"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ConditionError):
        condition(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("select 1", "select 1"),
        ("select 1;\n", "select 1"),
        ("with a as (select 1) select * from a", "with a as (select 1) select * from a"),
        ("select 1 union all select 2", "select 1 union all select 2"),
        ("select a -- why\nfrom t", "SELECT a FROM t"),
    ],
)
def test_a_query_loses_its_semicolon_and_comments(text, kept):
    assert query(text) == kept


@pytest.mark.parametrize(
    "text", ["", "a > 0", "drop table t", "select 1; select 2", "insert into t select 1", "select 1; drop table t"]
)
def test_what_is_no_query_is_refused(text):
    with pytest.raises(ConditionError):
        query(text)


PLAINLY = [
    "status = 'paid'",
    "status='a;b (c)'",
    "a >= -1.5 AND \"Is ) Gift\" is not null and b <> ''",
    "a IS NULL",
]


def test_plain_conditions_are_taken_without_loading_sqlglot():
    code = f"import sys; from tidegate.metrics import condition; [condition(t) for t in {PLAINLY!r}]"
    done = subprocess.run([sys.executable, "-c", f"{code}; sys.exit('sqlglot' in sys.modules)"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("text", PLAINLY)
def test_what_is_plain_is_one_condition_to_sqlglot_too(text):
    assert isinstance(sqlglot.parse_one(text, read="duckdb"), sqlglot.exp.Condition)
    assert sqlglot.tokenize(text, read="duckdb")[0].comments == []
    assert condition(text) == text


@pytest.mark.parametrize(
    "text",
    ["a = 'b", "a = 'it''s'", "a = e'\\''", "a = 1) or (b = 1", "a = 1; b", "a = b", "a = 1 or b = 1", "f(a) = 1",
     "a = 1\nand b = 2", "a = 1 -- b", "a = 1 and", '"a = 1', '"a""b" = 1', "a = $$x$$", "a = 'b\0'", "a\u2028= 1"],
)  # fmt: skip
def test_what_is_not_plain_is_parsed(text):
    assert PLAIN.fullmatch(text) is None


PLAIN_QUERIES = [
    "select 1",
    "SELECT count(*) FROM t WHERE (a - 1) * 2 / 3 > 0 AND s = 'it''s ) here'",
    'with a as (select "b )" from t) select * from a',
    "select\n    a\nfrom t\nhaving sum(b) != sum(c) - d",
]


def test_plain_queries_are_taken_without_loading_sqlglot():
    code = f"import sys; from tidegate.metrics import query; [query(t) for t in {PLAIN_QUERIES!r}]"
    done = subprocess.run([sys.executable, "-c", f"{code}; sys.exit('sqlglot' in sys.modules)"], check=False)
    assert done.returncode == 0


PIECES = ["select ", "with a as (", "1", "a", "(", ")", "'", '"', ";", "--", "/*", "*/", "\\", "$$", " e'", "\n", "''", " union ", "-", "/", "*", "'x'", '"y"']  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_plainly_one_query_stays_inside_of_parentheses(text):
    if not is_plainly_one(text):
        return
    tokens = [
        t.text
        for t in sqlglot.tokenize(f"({text})", read="duckdb")
        if t.token_type.name in ("L_PAREN", "R_PAREN", "SEMICOLON")
    ]
    depths = list(accumulate({"(": 1, ")": -1}[token] for token in tokens))
    assert depths[-1] == 0
    assert all(depth > 0 for depth in depths[:-1])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("amount >= 0", ["amount"]),
        ("status = 'amount' and \"Is Gift\" is null and Status <> 'x'", ["status", "Is Gift", "Status"]),
        ("abs(a - b) < c::int", ["a", "c", "b"]),
        ("current_date > a", ["a"]),
        ("rowid > 1", []),
        ("payload.amount > 0", []),
        ("list_filter(l, y -> y > 1) is not null", []),
        ("a in (select b from t)", []),
        ("a >", []),
    ],
)
def test_the_columns_that_an_expression_surely_names(text, names):
    assert sorted(column_names(text)) == sorted(names)
