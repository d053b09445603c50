"""What is kept of aggregates joins to what one pass gives: against exact arithmetic, and against DuckDB itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.scan.merging import POINTS, Item, Kept, Merge, UnkeepableError, estimate, quantiles, worth
from tidegate.scan.pieces import joined

HOSTILE = {
    "1e15 with steps of one": ([1e15 + i % 10 for i in range(5000)], 0.02),
    "1e9 with tiny steps": ([1e9 + (i % 10) * 1e-3 for i in range(5000)], 1e-5),
    "one far value": ([1e15, *(float(i % 3) for i in range(5000))], 1e-9),
    "around zero": ([(i % 1000 - 500) / 7 for i in range(5000)], 1e-12),
    "a trend": ([i * 1.5 for i in range(5000)], 1e-12),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("pieces", [2, 7, 100])
def test_joined_moments_against_exact_arithmetic(case: str, pieces: int) -> None:
    values, bound = HOSTILE[case]
    numbers = [Fraction(value) for value in values]
    mean = sum(numbers, Fraction()) / len(numbers)
    exact = math.sqrt(sum(((n - mean) ** 2 for n in numbers), Fraction()) / (len(numbers) - 1))
    item = Item("STDDEV_SAMP(x)", Merge.MOMENTS)
    with duckdb.connect() as connection:
        connection.execute(
            "create table t as select unnest($1::double[]) as x, unnest($2::int[]) as i",
            [values, list(range(len(values)))],
        )
        sql = f"select {item.state_sql} from t group by i * {pieces} // {len(values)}"
        answers = [Kept.of([item], [row]) for row in connection.execute(sql).fetchall()]
    assert len(answers) == pieces
    assert math.isclose(float(str(joined(answers).answer()[0][0])), exact, rel_tol=bound)


@pytest.mark.parametrize("rows", [0, 1, 2, 50, 999, 5000, 100_000, 1_000_000])
def test_distinct_counts_are_those_of_the_engine(rows: int) -> None:
    item = Item("APPROX_COUNT_DISTINCT(x)", Merge.DISTINCT)
    with duckdb.connect() as connection:
        made = f"from (select hash(i) as x, i % 5 as part from range({rows}) r(i))"
        ((whole, state),) = connection.execute(f"select {item.sql}, {item.state_sql} {made}").fetchall()
        parts = connection.execute(f"select {item.state_sql} {made} group by part").fetchall()
    assert estimate(bytes(state["registers"])) == whole
    if parts:
        assert joined([Kept.of([item], [row]) for row in parts]).answer() == [(whole,)]


cells = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False), st.text(),
    st.decimals(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.lists(st.tuples(st.text(), cells), max_size=5))
def test_what_is_written_is_read(rows: list[tuple[str, object]]) -> None:
    kept = Kept.of([Item("k", Merge.KEY), Item("v", Merge.SUM)], rows)
    again = Kept.read(kept.written())
    assert again == kept
    assert [type(row[1]) for row in again.rows] == [type(row[1]) for row in rows]


def test_rows_with_the_same_keys_join() -> None:
    items = [Item("k", Merge.KEY), Item("n", Merge.SUM), Item("a", Merge.MIN), Item("z", Merge.MAX)]
    one = Kept.of(items, [("x", 1, 5, None), (None, 2, 1, 1)])
    other = Kept.of(items, [("x", Decimal("0.5"), 3, 7), ("y", 4, None, None)])
    assert one.joined([other]).answer() == [("x", Decimal("1.5"), 3, 7), (None, 2, 1, 1), ("y", 4, None, None)]


NAN = float("nan")


@pytest.mark.parametrize(
    ("cells", "least", "greatest"),
    [
        ([5.0, NAN], 5.0, NAN),
        ([NAN, 5.0], 5.0, NAN),
        ([NAN, None, NAN], NAN, NAN),
        ([None, NAN, 1.0, float("inf")], 1.0, NAN),
        ([-0.5, float("-inf"), None], float("-inf"), -0.5),
        ([None, None], None, None),
        (["b", "a", None], "a", "b"),
    ],
)
def test_extremes_are_those_of_the_engine(cells: list[object], least: object, greatest: object) -> None:
    items = [Item("a", Merge.MIN), Item("z", Merge.MAX)]
    first, *others = (Kept.read(Kept.of(items, [(cell, cell)]).written()) for cell in cells)
    assert repr(first.joined(others).answer()) == repr([(least, greatest)])


def test_a_value_that_no_store_can_hold_is_refused() -> None:
    with pytest.raises(UnkeepableError):
        Kept.of([Item("MIN(t)", Merge.MIN)], [(object(),)])


def sample(values: Sequence[float], nth: int) -> list[float]:
    ordered = sorted(values)
    return [len(values), nth, *(ordered[(2 * i + 1) * len(ordered) // (2 * POINTS)] for i in range(POINTS))]


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(-500, 500)), min_size=1, max_size=4))
def test_quantiles_of_samples_are_within_their_bound(pieces: list[tuple[int, int]]) -> None:
    parts = [[float(start + i) for i in range(size)] for start, size in [(start, size) for size, start in pieces]]
    every = sorted(value for part in parts for value in part)
    for share, value in zip(
        (0.01, 0.5, 0.99), quantiles([sample(p, 1) for p in parts], [0.01, 0.5, 0.99]), strict=True
    ):
        low, high = (sum(v < value for v in every) - 1) / len(every), (sum(v <= value for v in every) + 1) / len(every)
        assert low - 1 / POINTS <= share <= high + 1 / POINTS


def test_samples_are_worth_less_than_their_rows_when_some_stand_for_more() -> None:
    even = [[100.0, 4.0, 1.0], [100.0, 4.0, 1.0]]
    assert worth(even) == 200
    assert worth([[100.0, 1.0, 1.0], [100.0, 9.0, 1.0]]) == pytest.approx(100 * 100 * 10 * 10 / (100 * (1 + 81)))
