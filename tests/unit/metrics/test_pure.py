"""Which of the user's SQL says the same of a row at any time; what is not surely so is not."""

from __future__ import annotations

import pytest

from tidegate.metrics import is_pure

COLUMNS = ("a", "status", "date", "today", 'odd "name"', "current_date")


@pytest.mark.parametrize(
    "text",
    [
        "a > 1",
        "A between 1 and 5.5e3",
        "regexp_matches(status, '^x[.]y$')",
        "status <> 'it''s' or a is not null",
        'length("status") between 1 and 2',
        '"odd ""name""" = 1',
        "cast(a as date) < date '2020-01-01'",
        "date_trunc('day', a::timestamp) = a",
        "case when a is null then 1.0 else 0.0 end",
    ],
)
def test_what_depends_on_the_row_alone(text: str) -> None:
    assert is_pure(text, COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "a <= now()",
        "a <= current_date",
        "a <= CURRENT_TIMESTAMP",
        "a <= today",
        "a = 'today'",
        "a = date ' Yesterday '",
        "random() < a",
        "a = (select max(a) from t)",
        "a in (select 1)",
        "other = 1",
        "rowid = 1",
        "my_macro(a)",
        '"now"() > a',
        '"status"(a)',
        "a = 1 -- now",
        "a /* */ = 1",
        "a = $1",
        "a = ?",
        "a = getvariable('x')",
        "a = E'\\''",
        "a = $$now$$",
        "count(*) over () = 1",
        "",
    ][:-1],
)
def test_what_may_change_while_the_row_does_not(text: str) -> None:
    assert not is_pure(text, COLUMNS)
