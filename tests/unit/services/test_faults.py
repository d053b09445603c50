"""What each accident does to a batch's numbers."""

from __future__ import annotations

import pytest

from tests.unit.detect.days import segment, spec
from tidegate.services.faults import FAULTS, category_lost, half_lost, nulls_added, row_count, times, twice

BATCH = {
    spec("row_count"): 100,
    spec("row_count", None, segment("DE")): 30,
    spec("row_count", None, segment("FR")): 68,
    spec("row_count", None, segment("BE")): 2,
    spec("row_count", None, segment("x", "kind")): 100,
    spec("duplicate_rows"): 0,
    spec("null_count", "coupon"): 90,
    spec("null_count", "total"): 0,
    spec("distinct_count", "order_id"): 100,
    spec("distinct_count", "country"): 3,
    spec("mean", "total"): 70.0,
    spec("mean", "total", segment("DE")): 71.0,
    spec("sum", "total"): 7000.0,
    spec("max", "name"): "zoe",
}


def test_half_of_the_rows_takes_half_of_every_count():
    found = half_lost(BATCH, 0)
    assert found is not None
    assert row_count(found) == 50
    assert found[spec("row_count", None, segment("FR"))] == 34
    assert found[spec("distinct_count", "order_id")] == 50
    assert found[spec("distinct_count", "country")] == 3
    assert found[spec("mean", "total")] == 70.0
    assert found[spec("sum", "total")] == 3500.0
    assert found[spec("max", "name")] == "zoe"


def test_rows_that_came_twice_are_copies():
    found = twice(BATCH, 0)
    assert found is not None
    assert (row_count(found), found[spec("duplicate_rows")]) == (200, 100)
    assert found[spec("distinct_count", "order_id")] == 100


def test_a_lost_category_takes_its_rows_and_no_others_of_its_column():
    found = category_lost(BATCH, 0)
    assert found is not None
    assert row_count(found) == 70
    assert spec("row_count", None, segment("DE")) not in found
    assert spec("mean", "total", segment("DE")) not in found
    assert found[spec("row_count", None, segment("FR"))] == 68
    assert found[spec("row_count", None, segment("x", "kind"))] == 70
    assert found[spec("null_count", "coupon")] == 63
    assert found[spec("distinct_count", "country")] == 2


def test_nulls_are_added_where_there_is_room():
    found = nulls_added(BATCH, 3)
    assert found is not None
    assert (found[spec("null_count", "total")], found[spec("null_count", "coupon")]) == (20, 90)


def test_values_are_multiplied_in_every_number_of_their_column():
    found = times(1.5)(BATCH, 0)
    assert found is not None
    assert found[spec("mean", "total")] == 105.0
    assert found[spec("mean", "total", segment("DE"))] == 106.5
    assert found[spec("sum", "total")] == 10500.0
    assert row_count(found) == 100


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_a_fault_leaves_the_batch_alone_and_knows_where_it_cannot_be(fault):
    before = dict(BATCH)
    assert fault.apply(BATCH, 1) != before
    assert before == BATCH
    assert fault.apply({}, 0) is None
    assert fault.apply({spec("max", "name"): "zoe"}, 0) is None


def test_columns_and_categories_come_in_turn():
    wide = {**BATCH, spec("mean", "shipping"): 5.0}
    assert times(2.0)(wide, 0) != times(2.0)(wide, 1)
    assert times(2.0)(wide, 0) == times(2.0)(wide, 2)
