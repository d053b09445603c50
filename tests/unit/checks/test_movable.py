"""Which checks fail by rows, and the SELECT of these rows from what stands for the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pytest

from tidegate.checks import CHECKS, failing_rows, is_movable
from tidegate.checks.failing import ArgumentError
from tidegate.model import Check, DatasetRef

TABLE, THERE = DatasetRef(namespace="s", name="t"), DatasetRef(namespace="aside", name="t")
AMOUNT = {"column": "amount"}


def check(kind: str, **more: Any) -> Check:
    return Check(id="c", name="c", dataset=TABLE, kind=kind, **more)


CASES: Mapping[str, tuple[Check, list[int]]] = {
    "rule": (check("rule", arguments={"expression": "t.amount > 1"}), [1]),
    "rule where": (check("rule", arguments={"expression": "amount > 9"}, where="id > 2"), [3]),
    "not_null": (check("not_null", column="amount"), [2]),
    "accepted_values": (check("accepted_values", column="amount", arguments={"values": [1, 2], "quote": False}), [3]),
    "relationships": (check("relationships", column="amount", arguments={"to": ["s", "u"], "field": "k"}), [3]),
    "itself": (check("relationships", column="amount", arguments={"to": "t", "field": "id"}), []),
    "package": (
        check("dbt_expectations.expect_column_values_to_be_between", column="amount", arguments={"max_value": 2}),
        [3],
    ),
    "orphans": (
        check("dbt_utils.relationships_where", column="amount", arguments={"to": ["s", "u"], "field": "k"}),
        [3],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_of_a_stand_in_are_found_whole_and_null_is_not_failing(name: str) -> None:
    found, rows = CASES[name]
    assert is_movable(found)
    with duckdb.connect() as database:
        database.execute("create schema s; create schema aside; create table s.t (id int, amount int)")
        database.execute("insert into s.t values (1, 1), (2, null), (3, 3)")
        database.execute("create table s.u as select unnest([1, 2, null]) as k")
        database.execute("create view aside.t as select *, rowid as tidegate_row from s.t")
        sql = f"select id, tidegate_row from ({failing_rows(found, THERE)}) order by id"
        assert database.execute(sql).fetchall() == [(i, i - 1) for i in rows]


@pytest.mark.parametrize(
    "kind", ["unique", "row_count", "metric", "sql", "compiled", "dbt", "freshness", "null_values", "nowhere"]
)
def test_what_fails_as_a_whole_is_not_movable(kind: str) -> None:
    assert not is_movable(check(kind))


def test_what_has_no_rows_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no rows"):
        failing_rows(check("row_count"), THERE)


def test_every_kind_with_whole_rows_that_counts_failures_is_movable() -> None:
    whole = {name for name, kind in CHECKS.items() if kind.whole_rows and kind.reads == "failures"}
    assert whole
    assert all(is_movable(check(name)) for name in whole)
