"""Columns that were added, removed, retyped, and who reads them."""

from __future__ import annotations

import pytest

from tests.unit.detect.days import REF
from tidegate.detect import judge_schema
from tidegate.detect.schema import widened

OLD = (("order_id", "BIGINT"), ("total", "DECIMAL(12,2)"), ("country", "VARCHAR"))


def nobody(column: str) -> tuple[str, ...]:
    return ()


def revenue(column: str) -> tuple[str, ...]:
    return ("marts.revenue",)


def test_same_columns_say_nothing():
    assert judge_schema(REF, OLD, OLD, used_by=revenue) == ()
    assert judge_schema(REF, OLD, OLD[::-1], used_by=revenue) == ()


def test_new_table_says_nothing():
    assert judge_schema(REF, None, OLD, used_by=revenue) == ()


@pytest.mark.parametrize("gone", [None, ()])
def test_removed_table_holds_and_names_its_readers(gone):
    (found,) = judge_schema(REF, OLD, gone, used_by=revenue)
    assert (found.kind, found.holds, found.key) == ("schema", True, "raw.orders/schema/removed")
    assert found.sentence.endswith("which marts.revenue reads")


def test_added_columns_are_one_finding_that_does_not_hold():
    new = (*OLD, ("coupon", "VARCHAR"), ("_dlt_new", "VARCHAR"), ("gift", "BOOLEAN"))
    (found,) = judge_schema(REF, OLD, new, used_by=revenue)
    assert not found.holds
    assert found.sentence == "raw.orders has 2 new columns: coupon (VARCHAR), gift (BOOLEAN)"


@pytest.mark.parametrize(("users", "holds"), [(nobody, False), (revenue, True)])
def test_removed_column_holds_when_something_reads_it(users, holds):
    (found,) = judge_schema(REF, OLD, OLD[:2], used_by=users)
    assert (found.holds, found.column) == (holds, "country")


def test_renamed_column_is_suspected():
    found = judge_schema(REF, OLD, (*OLD[:2], ("land", "VARCHAR")), used_by=revenue)
    assert [f.holds for f in found] == [True, False]
    assert "land of the same type is new, so it may have been renamed" in found[0].sentence


def test_numbers_that_became_texts_hold_also_where_no_reader_is_known():
    (found,) = judge_schema(REF, OLD, (OLD[0], ("total", "VARCHAR"), OLD[2]), used_by=nobody)
    assert found.holds


@pytest.mark.parametrize(("kind", "holds"), [("VARCHAR", True), ("DECIMAL(18,2)", False), ("DECIMAL(10,2)", False)])
def test_retyped_column_holds_when_it_is_of_another_kind(kind, holds):
    (found,) = judge_schema(REF, OLD, (OLD[0], ("total", kind), OLD[2]), used_by=revenue)
    assert found.holds is holds
    assert f"from DECIMAL(12,2) to {kind}" in found.sentence


@pytest.mark.parametrize(
    ("was", "now", "wider"),
    [
        ("INTEGER", "BIGINT", True),
        ("BIGINT", "INTEGER", False),
        ("FLOAT", "DOUBLE", True),
        ("INTEGER", "DOUBLE", True),
        ("INTEGER", "DECIMAL(12,2)", True),
        ("INTEGER", "DECIMAL(10,2)", False),
        ("BIGINT", "DOUBLE", False),
        ("DECIMAL(12,2)", "DECIMAL(14,3)", True),
        ("DECIMAL(12,2)", "DECIMAL(12,3)", False),
        ("VARCHAR", "BIGINT", False),
    ],
)
def test_wider_types(was, now, wider):
    assert widened(was, now) is wider


def test_many_readers_are_counted():
    (found,) = judge_schema(REF, OLD, OLD[:2], used_by=lambda _: list("abcde"))
    assert "which a, b, c and 2 more read" in found.sentence
