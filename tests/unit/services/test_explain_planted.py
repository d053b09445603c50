"""Faults that are planted in a real table are traced to the category, load or file that has them, or to none."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.unit.services.site import Silence, finding, ref, settings_of
from tidegate.errors import QueryError
from tidegate.model import Finding, Interval, MetricSpec, Segment, Slice
from tidegate.ports import Answer
from tidegate.scan.related import RELATED
from tidegate.services.explain import MOST_QUESTIONS, explain
from tidegate.services.measure import measure
from tidegate.warehouses.duckdb import DuckDBReader

NOW = datetime(2026, 9, 21, 6, tzinfo=UTC)
DAY = Interval(start=datetime(2026, 9, 20, tzinfo=UTC), end=datetime(2026, 9, 21, tzinfo=UTC))

ORDERS = """
create schema s;
create table s.orders as
select d * 1000 + i as order_id, timestamp '2026-09-01' + interval (d) day + to_minutes(i::int) as ordered_at,
  ['DE', 'DE', 'FR', 'NL', null][1 + i % 5] as country, ['web', 'app', 'shop'][1 + i // 5 % 3] as channel,
  40.0 + (i * 7 + d) % 23 as amount, 'batch-' || (100 + d) as _dlt_load_id,
  'store-' || i // 15 % 4 || '/2026-09-' || d + 1 || '.csv' as source_file, 'row ' || d * 1000 + i as file_name
from range(20) as a(d), range(600) as b(i)
"""
"""Twenty days of 600 orders. Each day is one load of four files; by chance neither says anything of country and channel."""

TWO_LOADS = "update s.orders set _dlt_load_id = 'batch-' || order_id // 500"
"""Each day came with two loads, of which the first brought five in six rows."""


class CountedReader(DuckDBReader):
    """Keeps what it was asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalog: str) -> None:
        super().__init__(connection, catalog)
        self.asked: list[str] = []

    def query(self, sql: str) -> Answer:
        self.asked.append(sql)
        return super().query(sql)


class Table:
    """The orders with a fault, measured."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "orders.duckdb"

    def write(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as database:
            for statement in (ORDERS, *statements):
                database.execute(statement)

    def explained(self, *findings: Finding) -> tuple[tuple[Finding, ...], list[str]]:
        """What becomes of findings about the newest day, and the statements that this took."""
        with closing(duckdb.connect(str(self.path))) as connection:
            connection.execute("set TimeZone = 'UTC'")
            reader = CountedReader(connection, "orders")
            settings = settings_of(self.path.parent)
            found = measure(reader, (), version=1, settings=settings, now=NOW, progress=Silence())
            reader.asked.clear()
            return explain(reader, found, findings, now=NOW), reader.asked

    def cut(self, metric: str = "row_count", column: str | None = None) -> Finding:
        """The finding that a number of the newest day is strange, explained."""
        return self.explained(about(metric, column))[0][0]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def about(
    metric: str = "row_count", column: str | None = None, *, part: Slice | None = None, holds: bool = True
) -> Finding:
    spec = MetricSpec(dataset=ref("orders"), metric=metric, column=column)
    told = finding("orders", kind="volume", interval=DAY, part=part, holds=holds)
    return dataclasses.replace(told, spec=spec, column=column)


def named(found: Finding) -> str | None:
    return found.slice.name if found.slice is not None else None


NEWEST = "ordered_at >= '2026-09-20'"
LOST, CENTS = (
    f"{fault} where {NEWEST} and ({{}})"
    for fault in ("delete from s.orders", "update s.orders set amount = amount * 100")
)
NO_LOADS = "alter table s.orders drop _dlt_load_id"
NO_FILES = "alter table s.orders drop source_file"
FILE = "source_file = store-2/2026-09-20.csv"


@pytest.mark.parametrize(
    ("fault", "where", "cut", "share"),
    [
        (LOST, "country = 'DE'", "country = DE", 1.0),
        (LOST, "country = 'DE' and order_id % 2 = 0", "country = DE", 1.0),
        (LOST, "country is null", "country = NULL", 1.0),
        (LOST, "country = 'DE' and channel = 'app'", "channel = app and country = DE", 1.0),
        (LOST, "country is null and channel = 'app'", "country = NULL and channel = app", 1.0),
        (LOST, "country = 'DE' or country = 'FR' and channel = 'web'", "country = DE", 6 / 7),
        (LOST, "source_file like 'store-2%' and order_id % 2 = 0", FILE, 1.0),
        (CENTS, "country = 'FR'", "country = FR", 1.0),
        (CENTS, "country = 'FR' and channel = 'web'", "country = FR and channel = web", 1.0),
        (CENTS, "source_file like 'store-2%'", FILE, 1.0),
        (CENTS, "country = 'NL' and source_file like 'store-2%'", f"country = NL and {FILE}", 1.0),
    ],
)
def test_a_planted_fault_is_traced_to_its_part(table: Table, fault: str, where: str, cut: str, share: float) -> None:
    table.write(fault.format(where))
    found = table.cut() if fault == LOST else table.cut("mean", "amount")
    assert found.slice is not None
    assert found.slice.name == cut
    assert found.slice.share == pytest.approx(share, abs=0.03)
    assert found.spread == ()


def test_two_columns_have_the_numbers_of_both_together(table: Table) -> None:
    table.write(LOST.format("country = 'DE' and channel = 'app'"))
    app, de = Segment(column="channel", value="app"), Segment(column="country", value="DE")
    assert table.cut().slice == Slice(segment=app, within=de, share=1.0, observed=0.0, expected=80.0)


def test_a_second_column_is_looked_for_in_a_slice_that_is_known(table: Table) -> None:
    table.write(LOST.format("country = 'DE' and channel = 'app'"))
    known = Slice(segment=Segment(column="country", value="DE"), share=0.9, observed=160.0, expected=240.0)
    ((found,), asked) = table.explained(about(part=known))
    assert named(found) == "country = DE and channel = app"
    assert found.slice is not None
    assert found.slice.share == pytest.approx(0.9), "of the whole difference, as far as the first explains it"
    assert len(asked) == 1


@pytest.mark.parametrize("load", [38, 39])
def test_one_of_a_days_loads_brought_cents(table: Table, load: int) -> None:
    table.write(TWO_LOADS, CENTS.format(f"_dlt_load_id = 'batch-{load}'"))
    assert named(table.cut("mean", "amount")) == f"_dlt_load_id = batch-{load}"


def test_the_load_that_repeats_a_day_is_told_from_the_one_that_comes_every_day(table: Table) -> None:
    table.write(f"insert into s.orders select * replace ('batch-120' as _dlt_load_id) from s.orders where {NEWEST}")
    found = table.cut()
    assert named(found) == "_dlt_load_id = batch-120"
    assert found.slice is not None
    assert (found.slice.observed, found.slice.expected) == (600.0, 0.0)


def test_a_file_too_many(table: Table) -> None:
    again = "select * replace ('store-2/2026-09-20 (1).csv' as source_file) from s.orders"
    table.write(NO_LOADS, f"insert into s.orders {again} where {NEWEST} and source_file like 'store-2%'")
    assert named(table.cut()) == "source_file = store-2/2026-09-20 (1).csv"


# --- what no slice explains


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        (LOST.format("order_id % 2 = 0"), ("row_count", None)),
        (CENTS.format("true"), ("mean", "amount")),
        (CENTS.format("order_id % 7 = 0"), ("mean", "amount")),
        (f"update s.orders set amount = null where {NEWEST} and order_id % 7 = 0", ("null_count", "amount")),
    ],
)
def test_what_is_everywhere_is_in_no_slice_and_says_so(
    table: Table, fault: str, number: tuple[str, str | None]
) -> None:
    table.write(NO_LOADS, fault)
    ((found,), asked) = table.explained(about(*number))
    assert (named(found), found.spread) == (None, ("channel", "country"))
    assert len(asked) == 1, "and no second column is looked for"


def test_the_only_load_of_a_day_is_named_and_that_no_category_is(table: Table) -> None:
    table.write(CENTS.format("true"))
    found = table.cut("mean", "amount")
    assert named(found) == "_dlt_load_id = batch-119"
    assert found.spread == ("channel", "country")


def test_a_second_column_of_a_few_rows_is_not_named(table: Table) -> None:
    table.write("delete from s.orders where order_id % 1000 >= 150", CENTS.format("country = 'FR' and channel = 'web'"))
    assert named(table.cut("mean", "amount")) == "country = FR"


def test_a_second_column_that_holds_half_of_it_is_not_named(table: Table) -> None:
    table.write(LOST.format("country = 'DE' and (channel = 'app' or channel = 'web')"))
    assert named(table.cut()) == "country = DE"


def test_nothing_of_few_values_says_nothing(table: Table) -> None:
    table.write(*(f"alter table s.orders drop {c}" for c in ("country", "channel")), NO_LOADS, NO_FILES)
    ((found,), asked) = table.explained(about())
    assert (found.slice, found.spread, asked) == (None, (), [])


class LimitedReader(CountedReader):
    """Answers so many questions about slices, and no more."""

    left = 0

    def query(self, sql: str) -> Answer:
        if "GROUPING SETS" in sql and len(self.asked) >= self.left:
            raise QueryError("out of memory", sql=sql)
        return super().query(sql)


@pytest.mark.parametrize(("left", "cut"), [(0, None), (1, "channel = app"), (2, "channel = app and country = DE")])
def test_a_statement_that_fails_leaves_what_is_known(table: Table, left: int, cut: str | None) -> None:
    table.write(LOST.format("country = 'DE' and channel = 'app'"))
    with closing(duckdb.connect(str(table.path))) as connection:
        reader = LimitedReader(connection, "orders")
        reader.left = 10**6
        found = measure(reader, (), version=1, settings=settings_of(table.path.parent), now=NOW, progress=Silence())
        reader.asked.clear()
        reader.left = left
        (told,) = explain(reader, found, [about()], now=NOW)
    assert named(told) == cut


# --- what it costs


def test_a_name_that_is_another_in_every_row_is_not_asked(table: Table) -> None:
    table.write(LOST.format("country = 'DE' and channel = 'app'"))
    _, asked = table.explained(about())
    assert len(asked) == 2
    assert all("source_file" in sql and "file_name" not in sql for sql in asked)


def test_what_does_not_hold_or_is_known_asks_nothing(table: Table) -> None:
    table.write(LOST.format("country = 'DE'"))
    app, de = Segment(column="channel", value="app"), Segment(column="country", value="DE")
    told = Slice(segment=app, within=de, share=1.0, observed=0.0, expected=80.0)
    findings = (about(holds=False), about(part=told))
    assert table.explained(*findings) == (findings, [])


def test_however_many_findings_there_are_few_statements_are_asked(table: Table) -> None:
    table.write(LOST.format("country = 'DE' and channel = 'app'"))
    found, asked = table.explained(*[about()] * (MOST_QUESTIONS + 5))
    assert len(asked) == 2 * MOST_QUESTIONS
    assert [f.slice is not None for f in found] == [True] * MOST_QUESTIONS + [False] * 5


@pytest.mark.parametrize("metric", sorted(RELATED))
def test_what_a_row_breaks_of_others_is_shared_out_among_no_categories(table: Table, metric: str) -> None:
    """Rows are missing in one country as well; that is no explanation of pairs that are new."""
    table.write(LOST.format("country = 'DE'"))
    finding = about(metric, "country")
    assert table.explained(finding) == ((finding,), [])
