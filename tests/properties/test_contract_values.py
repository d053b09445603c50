"""What a contract lists and bounds, asked of DuckDB, against the same in Python's exact arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Context, Decimal, localcontext
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.checks.listed import among
from tidegate.checks.options import conditions
from tidegate.metrics import family_of
from tidegate.model import Column, ContractColumn

BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
WHOLE = [*BITS, *(f"U{name}" for name in BITS)]
DECIMALS = [(1, 0), (4, 1), (9, 2), (18, 2), (18, 18), (38, 0), (38, 10), (38, 37)]
COMPARED = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
}
EXACT = Context(prec=2_000)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def column(type_text: str) -> Column:
    return Column(name="v", type=type_text, family=family_of(type_text))


def asked(engine: duckdb.DuckDBPyConnection, sql: str, type_text: str, value: object) -> object:
    """What a condition on `v` is for one value, written as a text."""
    told = "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
    (row,) = engine.execute(f"select {sql} from (select cast({told} as {type_text}) as v)").fetchall()
    return row[0]


def option(name: str, bound: object, type_text: str, logical: str | None = None) -> str:
    said = ContractColumn(name="v", physical_name="v", place="", logical_type=logical, options={name: bound})
    ((_, sql),) = conditions(said, '"v"', column(type_text))
    assert sql is not None
    return sql


def limits(type_text: str) -> tuple[int, int]:
    bits = BITS[type_text.removeprefix("U")]
    return (0, 2**bits - 1) if type_text.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@st.composite
def exact_values(draw: Any) -> tuple[str, Decimal]:
    """A type of whole numbers or decimals, and one of its values."""
    if draw(st.booleans()):
        name = draw(st.sampled_from(WHOLE))
        low, high = limits(name)
        return name, Decimal(draw(st.integers(low, high) | st.integers(max(low, -20), 20)))
    digits, scale = draw(st.sampled_from(DECIMALS))
    most = 10**digits - 1
    units = draw(st.integers(-most, most) | st.integers(max(-most, -300), min(most, 300)))
    return f"DECIMAL({digits},{scale})", EXACT.scaleb(Decimal(units), -scale)


BOUNDS = (
    st.integers(-(10**40), 10**40)
    | st.integers(-20, 20)
    | st.sampled_from([0.1, 0.5, 1.5, -0.1, 1e16, 1e22, 1e300, -1e300, 1e-7, 2.5, 1e-30])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-1000, 1000, places=2).map(float)
)
STEPS = st.sampled_from([0.1, 0.01, 0.05, 0.25, 0.3, 1.5, 2.5, 1e-7]) | st.integers(1, 10**20) | st.integers(1, 30)


def near(value: Decimal) -> st.SearchStrategy[int | float]:
    """Numbers that YAML may have, among them some that lie at the value."""
    return BOUNDS | st.sampled_from([int(value), int(value) + 1, int(value) - 1, float(value)])


@given(st.data(), exact_values(), st.sampled_from(sorted(COMPARED)))
def test_a_bound_of_exact_numbers_is_exact(engine: Any, data: Any, made: Any, name: str) -> None:
    type_text, value = made
    bound = data.draw(near(value))
    sql = option(name, bound, type_text)
    assert asked(engine, sql, type_text, format(value, "f")) is COMPARED[name](value, Decimal(str(bound))), sql
    assert asked(engine, sql, type_text, None) is None


@given(st.data(), exact_values())
def test_a_multiple_of_exact_numbers_is_exact(engine: Any, data: Any, made: Any) -> None:
    type_text, value = made
    step = data.draw(STEPS)
    sql = option("multipleOf", step, type_text)
    with localcontext(EXACT):
        expected = value % Decimal(str(step)) == 0
    assert asked(engine, sql, type_text, format(value, "f")) is expected, sql


@given(st.data(), exact_values())
def test_a_list_of_exact_numbers_is_compared_by_value(engine: Any, data: Any, made: Any) -> None:
    type_text, value = made
    listed = data.draw(
        st.lists(near(value) | near(value).map(str) | st.sampled_from(["x", "", "nan", True]), max_size=4)
    )
    numbers = [Decimal(str(one)) for one in listed if not isinstance(one, bool) and one not in ("x", "", "nan")]
    sql = among('"v"', listed, column(type_text))
    assert asked(engine, sql, type_text, format(value, "f")) is (value in numbers), sql


DOUBLES = st.floats(width=64) | st.integers(-50, 50).map(lambda n: n / 10) | st.integers(-50, 50).map(lambda n: n * 0.1)


def shown(value: float, type_text: str) -> str:
    return str(np.float32(value)) if type_text == "FLOAT" else repr(value)


def nearest(number: object, type_text: str) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(str(number))) if type_text == "FLOAT" else float(str(number))


FLOATS = st.sampled_from(["FLOAT", "DOUBLE"])


@given(FLOATS, DOUBLES, BOUNDS, st.sampled_from(sorted(COMPARED)))
@example("DOUBLE", math.nan, 0, "minimum")
@example("DOUBLE", math.nan, 0, "exclusiveMinimum")
@example("FLOAT", math.nan, 0, "maximum")
@example("DOUBLE", math.inf, 1e300, "minimum")
@example("FLOAT", 0.1, 0.1, "minimum")
@example("FLOAT", 0.1, 0.1, "maximum")
def test_a_bound_of_floats_is_the_nearest_number_and_nan_meets_none(
    engine: Any, type_text: str, value: float, bound: float, name: str
) -> None:
    value = nearest(value, type_text)
    beyond = type_text == "FLOAT" and abs(bound) > float(np.finfo(np.float32).max)
    sql = option(name, bound, type_text)
    expected = not math.isnan(value) and COMPARED[name](value, float(bound) if beyond else nearest(bound, type_text))
    assert asked(engine, sql, type_text, shown(value, type_text)) is expected, sql
    assert asked(engine, sql, type_text, None) is None


@given(FLOATS, DOUBLES.filter(lambda v: not abs(v) >= 1e15), STEPS)
@example("DOUBLE", 0.3, 0.1)
@example("DOUBLE", 0.1 + 0.2, 0.1)
@example("FLOAT", 0.7, 0.1)
@example("DOUBLE", math.inf, 1)
@example("DOUBLE", math.nan, 1)
@example("DOUBLE", -0.0, 1)
@example("DOUBLE", 1e-30, 1)
@example("DOUBLE", 1.15, 0.05)
def test_a_multiple_of_floats_is_that_of_the_decimal_that_they_show(
    engine: Any, type_text: str, value: float, step: float
) -> None:
    value = nearest(value, type_text)
    text = shown(value, type_text)
    with localcontext(EXACT):
        expected = math.isfinite(value) and Decimal(text) % Decimal(str(step)) == 0
    sql = option("multipleOf", step, type_text)
    assert asked(engine, sql, type_text, text) is expected, sql
    assert asked(engine, sql, type_text, None) is None


@given(
    FLOATS, DOUBLES, st.lists(BOUNDS | st.sampled_from([math.nan, math.inf, "0.1", "nan"]), max_size=4), st.booleans()
)
def test_a_list_of_floats_is_compared_by_value(
    engine: Any, type_text: str, value: float, listed: list[object], own: bool
) -> None:
    value = nearest(value, type_text)
    if own:
        listed = [*listed, float(shown(value, type_text))]
    meant = [nearest(one, type_text) for one in listed]
    meant = [m for m, one in zip(meant, listed, strict=True) if not (math.isinf(m) and abs(float(str(one))) < math.inf)]
    expected = any(m == value or (math.isnan(m) and math.isnan(value)) for m in meant)
    assert asked(engine, among('"v"', listed, column(type_text)), type_text, shown(value, type_text)) is expected


START = datetime.fromisoformat("2020-01-01")
MOMENTS = st.timedeltas(timedelta(), timedelta(days=2)).map(lambda passed: START + passed) | st.sampled_from(
    [START, START + timedelta(days=1), START + timedelta(days=1, hours=5, minutes=30)]
)
ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5, minutes=-30))])


@st.composite
def moments(draw: Any) -> tuple[str, datetime]:
    """A time as YAML may have it, and what it is in UTC."""
    moment, zone = draw(MOMENTS), draw(ZONES)
    said = moment.replace(tzinfo=zone).isoformat(draw(st.sampled_from(["T", " "])))
    if zone is None and moment.time() == datetime.min.time() and draw(st.booleans()):
        said = f"{moment:%Y-%m-%d}"
    utc = moment if zone is None else moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return said.replace("+00:00", "Z") if draw(st.booleans()) else said, utc


@given(
    st.sampled_from(["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"]),
    MOMENTS,
    st.lists(moments(), min_size=1, max_size=3),
    st.sampled_from(sorted(COMPARED)),
)
def test_times_are_compared_as_times(
    engine: Any, type_text: str, value: datetime, said: list[tuple[str, datetime]], name: str
) -> None:
    if type_text == "DATE":
        value = datetime.combine(date(value.year, value.month, value.day), datetime.min.time())
    if type_text in ("TIMESTAMP_S", "TIMESTAMP_MS"):
        value = value.replace(microsecond=0)
    sql = option(name, said[0][0], type_text)
    assert asked(engine, sql, type_text, value.isoformat(" ")) is COMPARED[name](value, said[0][1]), sql
    sql = among('"v"', [text for text, _ in said], column(type_text))
    assert asked(engine, sql, type_text, value.isoformat(" ")) is (value in [moment for _, moment in said]), sql


HOSTILE = st.text(st.sampled_from("'\"\\;-/*()$,]x1\n\0%_ "), max_size=12)


@given(HOSTILE, st.lists(HOSTILE, min_size=1, max_size=3))
def test_no_text_breaks_out_of_its_literal(engine: Any, value: str, listed: list[str]) -> None:
    value, listed = value.replace("\0", ""), [one.replace("\0", "") for one in listed]
    assert asked(engine, among('"v"', listed, column("VARCHAR")), "VARCHAR", value) is (value in listed)
    for type_text in ("INTEGER", "DECIMAL(9,2)", "DOUBLE", "DATE", "BOOLEAN", "UUID", "TIME"):
        assert asked(engine, among('"v"', listed, column(type_text)), type_text, None) in (None, True)
    for name in ("minimum", "multipleOf", "minLength", "maxItems", "uniqueItems", "pattern"):
        said = ContractColumn(name="v", physical_name="v", place="", options={name: value})
        for _, sql in conditions(said, '"v"', column("INTEGER")):
            assert (
                sql is None
                or asked(engine, f"typeof({sql})" if name != "pattern" else "'BOOLEAN'", "INTEGER", 1) == "BOOLEAN"
            )


@given(st.lists(st.none() | st.integers(-3, 3), max_size=5), st.integers(-3, 3), st.integers(1, 3))
def test_what_is_said_of_items_is_so_for_each(engine: Any, items: list[int | None], low: int, step: int) -> None:
    inner = ContractColumn(
        name="v[]",
        physical_name="v[]",
        place="",
        required=True,
        enum=(1, 2, low),
        options={"minimum": low, "multipleOf": step},
    )
    said = ContractColumn(name="v", physical_name="v", place="", items=inner)
    written = "[" + ", ".join("NULL" if item is None else str(item) for item in items) + "]"
    filled = [item for item in items if item is not None]
    expected = {
        "required of the items": None not in items,
        "enum of the items": all(item in (1, 2, low) for item in filled),
        "minimum of the items": all(item >= low for item in filled),
        "multipleOf of the items": all(item % step == 0 for item in filled),
    }
    for type_text in ("INTEGER[]", "DECIMAL(9,2)[]", "DOUBLE[]"):
        found = dict(conditions(said, '"v"', column(type_text)))
        assert {name: asked(engine, str(sql), type_text, written) for name, sql in found.items()} == expected
