"""The user's SQL is one expression, or it is refused."""

import subprocess
import sys
from itertools import accumulate

import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.metrics import ConditionError, column_names, condition, plain, predicate, query
from tidegate.metrics.predicate import is_light, is_plainly_one


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
        "a at time zone 'UTC'",
        "count(*) filter (where a > 1)",
        "percentile_cont(0.5) within group (order by a)",
        "interval 1 day",
    ],
)
def test_a_condition_is_kept_as_it_was_written(text):
    assert condition(f"  {text}\n") == text


def test_what_lacks_a_part_is_told_in_words():
    with pytest.raises(ConditionError, match=r"`a > 0 or` does not parse: `OR` lacks a part\. Line 1") as raised:
        condition("a > 0 or")
    assert "class" not in str(raised.value)


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
    ("text", "kept"),
    [
        ("values (1)", "values (1)"),
        ("from t", "from t"),
        ("pivot t on a using count(*)", "pivot t on a using count(*)"),
        ("pivot t -- of ';' (\non a /* ) */ using count(*);", "pivot t  \non a   using count(*)"),
    ],
)
def test_what_sqlglot_cannot_read_is_one_query_if_it_plainly_is(text, kept):
    assert query(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "pivot t on a in ('--', '/*') -- why",
        "pivot t) union (select 1",
        "pivot t /* /* */ ) */ on a",
        "pivot t; -- x\ndrop table t",
        "pivot t on $$;$$ --",
    ],
)
def test_what_sqlglot_cannot_read_and_is_not_plain_is_refused(text):
    with pytest.raises(ConditionError):
        query(text)


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
    "a = b",
    "a = 1 or not (b = 1 and c < 2)",
    "regexp_matches(email, '^[a-z0-9.]+@[a-z]+[.]com$')",
    "quantity between 1 and 5",
    "length(country) not between -2 and b + 2",
    "order_date = cast(ordered_at as date)",
    "cast(a as decimal(12, 2)) <> - 3 * b",
    "a not in (1, 'x', b)",
    "lower(a) not like 'x%' or a is not null",
    "avg(case when a is null then 1.0 when b > 2 then 2 else 0.0 end)",
    "sum(a) / count(*)",
    "coalesce(a, f(), 'x') || b = 'y'",
    "a = 1\nand b = 2",
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
    ["", "a = 'b", "a = 'it''s'", "a = e'\\''", "a = 1) or (b = 1", "a = 1; b", "a = 1 -- b", "a = 1 and", '"a = 1', '"a""b" = 1',
     "a = $$x$$", "a = 'b\0'", "a\u2028= 1", "a, b", "(a, b) = c", "a as b", "a b", "*", "count(distinct a)", "t.a = 1", "a::int", "a[1]",
     "sum(a) over ()", "sum(a) filter (where b)", "a in (select b from t)", "exists (select 1)", "x -> x", "f(x := 1)", "a < b < c", "a = 1e5",
     "a = current_date", "date '2026-01-01'", "interval 1 day", "a is true", "case a when 1 then 2 end", "cast(a as int[])", "a not 1",
     "select", "(a", "a)", "f(a,)", "()", "a = -- 1", "a /* b */", "cast(a, b)", "null(a)", '"f"(a)', "(" * 100 + "a" + ")" * 100],
)  # fmt: skip
def test_what_is_not_plain_is_parsed(text):
    assert plain.read(text) is None


WORDS = ["a", "b", '"C d"', "1", "2.5", "'x'", "null", "true", "(", ")", "and", "or", "not", "is", "null", "between", "in", "like", "=", "<>", "<", "+", "-",
         "*", "/", "||", ",", "f(", "sum(", "count(", "count(*)", "abs(", "cast(", "as date)", "case when", "then", "else", "end", "--", ";", "as", "select",
         "distinct", "date", "over", "x."]  # fmt: skip


def by_sqlglot(monkeypatch, function, text):
    """What a function of `predicate` says without the plain grammar."""
    with monkeypatch.context() as patch:
        patch.setattr(predicate.plain, "read", lambda _: None)
        return (
            function.__wrapped__(text) if function is not predicate._condition else function.__wrapped__(text, "duckdb")
        )


def operands(inner):
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "||", "=", "<", ">=", "<>", "and", "or"]), inner).map(
            " ".join
        ),
        st.tuples(st.sampled_from(["abs", "f", "sum", "avg", "count", "max", "coalesce", "nullif"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})" if t[0] in ("coalesce", "f", "nullif") else f"{t[0]}({t[1]})"
        ),
        inner.map("({})".format),
        inner.map("not {}".format),
        inner.map("{} is not null".format),
        inner.map("cast({} as decimal(9, 2))".format),
        st.tuples(inner, inner, inner).map(lambda t: f"case when {t[0]} then {t[1]} else {t[2]} end"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]}) between {t[1]} and {t[2]}"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}) not in ({t[1]}, 'y')"),
    )


made = st.recursive(st.sampled_from(["a", "b", '"C d"', "1", "2.5", "'x'", "null", "count(*)"]), operands, max_leaves=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.one_of(made, st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)))
def test_what_is_plain_is_the_same_to_sqlglot(monkeypatch, text):
    known = plain.read(text)
    if known is None:
        return
    assert by_sqlglot(monkeypatch, predicate._condition, text) == text.strip()
    assert set(by_sqlglot(monkeypatch, column_names, text)) == set(known.columns)
    if known.is_light:
        assert by_sqlglot(monkeypatch, is_light, text)


@pytest.mark.parametrize(
    "name", sorted(plain.AGGREGATES | plain.SCALARS - {"cast", "try_cast", "coalesce", "nullif", "greatest", "least"})
)
def test_sqlglot_knows_the_functions_of_the_plain_grammar(monkeypatch, name):
    text = f"sum({name}(a))" if name in plain.SCALARS else f"{name}(a)"
    assert plain.read(text).is_light
    assert by_sqlglot(monkeypatch, is_light, text)


@pytest.mark.parametrize("text", ["a", "sum(a) + b", "f(sum(a))", "sum(f(a))", "1", "abs(a)", "median(a)"])
def test_what_is_no_light_aggregate_is_not_taken_for_one(text):
    assert not plain.read(text).is_light
    assert not is_light(text)


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


PIECES = ["select ", "pivot ", "values ", "with a as (", "1", "a", "(", ")", "'", '"', ";", "--", "/*", "*/", "\\", "$$", " e'", "\n", "''", " union ", "-", "/", "*", "'x'", '"y"']  # fmt: skip


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
