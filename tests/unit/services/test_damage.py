"""Every fault that a drill can cause, on a small table in DuckDB, with the rows that it leaves worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import duckdb
import pytest

from tidegate.model import Column, Family
from tidegate.ports import HIT, Damage, Fault

COLUMNS = (
    Column(name="id", type="INTEGER", family=Family.NUMBER),
    Column(name="amount", type="DECIMAL(10,2)", family=Family.NUMBER),
    Column(name="name", type="VARCHAR", family=Family.TEXT),
    Column(name="at", type="TIMESTAMP", family=Family.TIME),
)
ROWS = (
    "(select 1 as id, 1.50::decimal(10,2) as amount, 'old' as name, timestamp '2026-01-01' as at, false as tidegate_hit"
    " union all select 2, 2.50, 'Anna', timestamp '2026-01-02', true"
    " union all select 3, 3.25, 'BOB', timestamp '2026-01-02 10:00', true)"
)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def fault(name: str) -> Fault:
    (found,) = entry_points(group="tidegate.faults", name=name)
    made: Fault = found.load()
    assert made.name == name, "it is registered under its own name"
    return made


def after(database: duckdb.DuckDBPyConnection, name: str, column: str | None, magnitude: float | None = None) -> Any:
    chosen = next((c for c in COLUMNS if c.name == column), None)
    made = fault(name)
    said = Damage(
        rows=ROWS, columns=COLUMNS, column=chosen, magnitude=made.magnitude if magnitude is None else magnitude
    )
    return database.sql(made.select(said)).order("id, name")


def values(database: duckdb.DuckDBPyConnection, name: str, column: str, magnitude: float | None = None) -> list[Any]:
    """The values of a column after the fault; the first one is not hit."""
    table = after(database, name, column, magnitude)
    assert table.columns == [c.name for c in COLUMNS], "the same columns"
    assert [str(t) for t in table.types] == [c.type for c in COLUMNS], "of the same types"
    return [str(v) if v is not None else None for (v,) in table.project(f'"{column}"').fetchall()]


@pytest.mark.parametrize(
    ("name", "column", "magnitude", "left"),
    [
        ("nulls", "amount", None, ["1.50", None, None]),
        ("zeros", "amount", None, ["1.50", "0.00", "0.00"]),
        ("values-times", "amount", None, ["1.50", "250.00", "325.00"]),
        ("values-times", "amount", 1.1, ["1.50", "2.75", "3.58"]),
        ("sign-flipped", "amount", None, ["1.50", "-2.50", "-3.25"]),
        ("rounded", "amount", None, ["1.50", "2.00", "3.00"]),
        ("constant", "name", None, ["old", "Anna", "Anna"]),
        ("shuffled", "name", None, ["old", "BOB", "Anna"]),
        ("placeholders", "name", None, ["old", "N/A", "N/A"]),
        ("cut-off", "name", 2, ["old", "An", "BO"]),
        ("other-case", "name", None, ["old", "ANNA", "bob"]),
        ("padded", "name", None, ["old", " Anna ", " BOB "]),
        ("mojibake", "name", None, ["old", "AnnÃ¤", "BOB"]),
        ("times-shifted", "at", None, ["2026-01-01 00:00:00", "2026-01-02 05:00:00", "2026-01-02 15:00:00"]),
        ("times-ahead", "at", None, ["2026-01-01 00:00:00", "2027-01-02 00:00:00", "2027-01-02 10:00:00"]),
        ("keys-unknown", "name", None, ["old", "missing", "missing"]),
    ],
)
def test_values(
    database: duckdb.DuckDBPyConnection, name: str, column: str, magnitude: float | None, left: list[str | None]
) -> None:
    assert values(database, name, column, magnitude) == left


@pytest.mark.parametrize(
    ("name", "ids"), [("keys-repeated", ["1", "2", "2"]), ("keys-unknown", ["-987654321", "-987654321", "1"])]
)
def test_keys(database: duckdb.DuckDBPyConnection, name: str, ids: list[str]) -> None:
    assert values(database, name, "id") == ids


@pytest.mark.parametrize(
    ("name", "ids"),
    [("rows-lost", [1]), ("batch-missing", [1]), ("rows-twice", [1, 2, 2, 3, 3]), ("category-lost", [1])],
)
def test_rows(database: duckdb.DuckDBPyConnection, name: str, ids: list[int]) -> None:
    assert [i for (i,) in after(database, name, "name").project("id").fetchall()] == ids


def test_a_second_copy_of_a_row_of_dlt_has_an_id_of_its_own(database: duckdb.DuckDBPyConnection) -> None:
    columns = (Column(name="_dlt_id", type="VARCHAR", family=Family.TEXT),)
    rows = f"(select 'a' as _dlt_id, true as {HIT})"
    sql = fault("rows-twice").select(Damage(rows=rows, columns=columns, column=None, magnitude=1.0))
    assert sorted(database.sql(sql).fetchall()) == [("a",), ("a-2",)]


def test_columns(database: duckdb.DuckDBPyConnection) -> None:
    assert after(database, "column-dropped", "amount").columns == ["id", "name", "at"]
    assert after(database, "column-renamed", "amount").columns == ["id", "amount_new", "name", "at"]
    changed = after(database, "type-changed", "amount")
    assert [str(t) for t in changed.types] == ["INTEGER", "VARCHAR", "VARCHAR", "TIMESTAMP"]
    assert changed.fetchall()[1][1] == "2.50"


def test_every_built_in_fault_was_tried_here() -> None:
    tried = {
        *(
            "nulls zeros values-times sign-flipped rounded constant shuffled placeholders cut-off other-case padded"
        ).split(),
        *("mojibake times-shifted times-ahead keys-unknown keys-repeated rows-lost batch-missing rows-twice").split(),
        *("category-lost column-dropped column-renamed type-changed").split(),
    }
    assert {e.name for e in entry_points(group="tidegate.faults")} == tried
