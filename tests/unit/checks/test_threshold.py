"""dbt's conditions on the number of failures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.checks import ThresholdError, meets


@pytest.mark.parametrize(
    ("condition", "true", "false"),
    [
        ("!= 0", 1, 0),
        ("<>0", 5, 0),
        ("> 10", 11, 10),
        (">=10", 10, 9),
        ("< 5", 4, 5),
        ("<= 5", 5, 6),
        ("= 3", 3, 4),
        ("== 3", 3, 4),
        ("> -1", 0, -1),
        ("> 0.5", 1, 0.5),
        ("between 1 and 3", 3, 4),
        ("not between 1 and 3", 4, 3),
        ("in (1, 3)", 3, 2),
        ("> 1 and failures < 5", 2, 5),
        ("< 1 or failures > 5", 6, 3),
        (">= (2)", 2, 1),
        ("is not null", 1, math.nan),
        ("% 2 = 1", 3, 4),
        ("* 2 > 5", 3, 2),
        ("> 5 / 2", 3, 2),
        ("- 1 > 2 + 1", 5, 4),
        ("// 2 = 1", 3, 4),
        ("!= 0 and true", 1, 0),
        ("> 1 or false", 2, 1),
        ("is true", 2, 0),
        ("is not false", 2, 0),
        ("is distinct from 3", 2, 3),
        ("is not distinct from 3", 3, 2),
    ],
)
def test_conditions(condition, true, false):
    assert meets(true, condition)
    assert not meets(false, condition)


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "ten",
        "> ten",
        ">",
        "> 1; drop table t",
        "> (select 1)",
        "> abs(1)",
        "> 'a'",
        "> count(*)",
        "> null::int",
        "> x.failures",
        "0",
        "> 0 and 1 / 0 = 1",
        "% 0 = 1",
        "> 8 // failures",
        "in (2, null)",
        "> null",
        "> 5 is true",
    ],
)
def test_what_is_no_condition_on_a_number(condition):
    with pytest.raises(ThresholdError):
        meets(1, condition)


@given(st.integers(-100, 100), st.integers(-100, 100))
def test_operators_compare_numbers(number, bound):
    assert meets(number, f"> {bound}") == (number > bound)
    assert meets(number, f"!= {bound}") == (number != bound)
