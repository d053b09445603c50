"""Aggregates that were taken apart give what the whole aggregate gives, for every metric and kind of column."""

from __future__ import annotations

import math
from decimal import Decimal

import duckdb
import pytest

from tidegate.metrics import METRICS, aggregate, family_of, kind_of, taken_apart
from tidegate.metrics.atoms import apart
from tidegate.metrics.rendered import RENDERED
from tidegate.model import Column, Dataset, DatasetRef, MetricSpec

REF = DatasetRef(namespace="main", name="t")
COLUMNS = {
    "tiny": ("utinyint", "0, 255, null"),
    "whole": ("bigint", "-9223372036854775808, 9223372036854775807, 1, null"),
    "huge": ("hugeint", "170141183460469231731687303715884105727, 5, null"),
    "any": ("bignum", "123456789012345678901234567890123456789012345, 1, null"),
    "money": ("decimal(18, 10)", "0, 0.0000000001, 12345678.9, null"),
    "wide": ("decimal(38, 2)", "99999999999999999999999999999999999.99, -1, null"),
    "real": ("double", "1.5, -0.0, 'nan', 'inf', null"),
    "day": ("date", "'2026-04-01', '0001-01-01', 'infinity', null"),
    "local": ("timestamp", "'2026-04-01 12:00', '9999-12-31', null"),
    "zoned": ("timestamptz", "'2026-04-01 12:00+02', null"),
    "text": ("varchar", "'', 'é', 'abc', null"),
    "flag": ("boolean", "true, false, null"),
    "nothing": ("integer", "null, null"),
    "none": ("decimal(9, 2)", ""),
}
ASKED = [
    (column, metric)
    for column, (type_text, _) in COLUMNS.items()
    for metric, known in METRICS.items()
    if known.aggregate is not None
    and known.argument is None
    and known.families
    and known.applies_to(
        kind_of(Column(name="c", type=type_text.upper(), family=family_of(type_text.upper()))),
        family_of(type_text.upper()),
    )
]


@pytest.mark.parametrize(("name", "metric"), ASKED)
def test_parts_give_the_whole(name: str, metric: str) -> None:
    type_text, values = COLUMNS[name]
    rows = (
        ", ".join(f"(cast({value} as {type_text}))" for value in values.split(", "))
        if values
        else f"(cast(null as {type_text}))"
    )
    with duckdb.connect() as connection:
        connection.execute(f"create table t as select * from (values {rows}) v(c) {'' if values else 'where false'}")
        ((stored,),) = connection.execute("select data_type from duckdb_columns() where table_name = 't'").fetchall()
        column = Dataset(ref=REF, columns=(Column(name="c", type=stored, family=family_of(stored)),)).columns[0]
        spec = MetricSpec(dataset=REF, metric=metric, column="c")
        taken = taken_apart(spec, column)
        ((whole,),) = connection.execute(f"select {aggregate(spec, column)} from t").fetchall()
        (parts,) = connection.execute(f"select {', '.join(taken.parts)} from t").fetchall()
    found = taken.combine(parts)
    if isinstance(whole, float) and not math.isnan(whole):
        assert found == pytest.approx(whole, rel=1e-15)
    elif isinstance(whole, float):
        assert isinstance(found, float)
        assert math.isnan(found)
    else:
        assert found == whole


def test_most_of_a_profile_is_taken_apart() -> None:
    taken = {key[0] for key, (plain, _) in RENDERED.items() if apart(plain).parts != (plain,)}
    assert {"null_count", "mean", "min", "max", "sum", "min_exact", "max_exact"} <= taken


def test_a_decimal_of_zeros_keeps_its_digits() -> None:
    assert apart('CAST(MIN("{column}") AS TEXT)').combine([Decimal("0.0000000000")]) == "0.0000000000"
