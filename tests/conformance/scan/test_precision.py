"""Means and deviations against exact arithmetic with fractions, where doubles are prone to cancel."""

from decimal import Decimal
from fractions import Fraction
from math import isclose, sqrt

import pytest


def exact(values):
    numbers = [Fraction(value) for value in values]
    mean = sum(numbers) / len(numbers)
    variance = sum((n - mean) ** 2 for n in numbers) / (len(numbers) - 1)
    return float(mean), sqrt(float(variance))


CASES = {
    # type, expression of i, relative bound for the mean, for the deviation
    "small integers": ("integer", "i % 7", 1e-15, 1e-12),
    "large integers": ("bigint", "1000000000000000 + i % 10", 1e-15, 0.02),
    "around zero": ("double", "(i % 1000 - 500) / 7.0", 1e-9, 1e-12),
    "1e9 with tiny steps": ("double", "1e9 + (i % 10) * 1e-3", 1e-12, 1e-5),
    "1e15 with steps of one": ("double", "1e15 + i % 10", 1e-10, 0.02),
    "cents": ("decimal(18, 2)", "(i % 100003) / 100.0", 1e-15, 1e-12),
    "a trend": ("double", "i * 1.5", 1e-13, 1e-12),
    "one far value": ("double", "case when i = 0 then 1e15 else i % 3 end", 1e-12, 1e-9),
    "tiny": ("double", "(i % 11) * 1e-200", 1e-12, 1e-9),
}


@pytest.mark.parametrize("case", CASES)
def test_mean_and_deviation(engine, case):
    type_, expression, mean_bound, deviation_bound = CASES[case]
    engine.run(f"create table t as select ({expression})::{type_} as x, i from range(100000) t(i)")
    mean, deviation = exact(row[0] for row in engine.run("select x from t"))
    scan = engine.scan("t")
    assert isclose(scan("mean", "x"), mean, rel_tol=mean_bound, abs_tol=1e-12)
    if case != "tiny":
        assert isclose(scan("stddev", "x"), deviation, rel_tol=deviation_bound)


def test_integers_and_decimals_have_exact_sums(engine):
    engine.run(
        "create table t as select (i * 10000019)::bigint as b, (i / 100.0)::decimal(18, 2) as d from range(300000) t(i)"
    )
    scan = engine.scan("t")
    assert scan("sum", "b") == float(sum(i * 10000019 for i in range(300000)))
    total = sum((Decimal(i) / 100 for i in range(300000)), Decimal())
    assert scan("sum", "d") == float(total)
    assert scan("mean", "d") == float(total) / 300000


def test_one_value_has_no_spread(engine):
    engine.run("create table t as select 1e15::double as x, 0.1::double as y from range(1000)")
    scan = engine.scan("t")
    assert (scan("stddev", "x"), scan("stddev", "y")) == (0, 0)
    assert scan("mean", "x") == 1e15
