"""Which columns of a failing row are shown."""

from __future__ import annotations

from tidegate.checks.sample import MOST_COLUMNS, _columns
from tidegate.model import Check, Column, Dataset, DatasetRef, Family

T = DatasetRef(namespace="raw", name="orders")


def shown(*names: str, column: str | None = None, keys: tuple[str, ...] = ()) -> tuple[str, ...]:
    dataset = Dataset(ref=T, columns=tuple(Column(name=n, type="VARCHAR", family=Family.TEXT) for n in names))
    return _columns(Check(id="c", name="c", dataset=T, kind="not_null", column=column), dataset, keys)


def test_a_key_comes_first_then_what_the_check_is_about() -> None:
    assert shown("note", "email", "order_id", column="email") == ("order_id", "email", "note")
    assert shown("note", "email", "order_id", column="email", keys=("note", "gone")) == ("note", "email", "order_id")


def test_the_loaders_own_columns_are_not_shown() -> None:
    assert shown("_dlt_id", "_dlt_load_id", "amount", "email", column="email") == ("email", "amount")
    assert shown("_dlt_id", "amount", keys=("_dlt_id",)) == ("_dlt_id", "amount")


def test_there_are_no_more_columns_than_fit() -> None:
    assert len(shown(*(f"c{n}" for n in range(2 * MOST_COLUMNS)))) == MOST_COLUMNS
