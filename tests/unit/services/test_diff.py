"""How two versions differ, on databases of a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.services.site import add_version, make_site, settings_of
from tidegate.errors import VersionNotFoundError
from tidegate.model import Check, CheckResult, DatasetRef, Outcome, TableSettings
from tidegate.services.diff import TableDiff, diff
from tidegate.services.site import Site

ORDERS = DatasetRef(namespace="main", name="orders")
MAKE = "create table orders as select i as id, i * 10 as amount, 'a' as code from range(5) as t(i)"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    keys = {ORDERS: TableSettings(ref=ORDERS, key=("id",))}
    site = make_site(tmp_path, settings_of(tmp_path, keys))
    yield site
    site.state.close()


def compared(site: Site, *changes: str, before: tuple[str, ...] = (MAKE,)) -> dict[str, TableDiff]:
    add_version(site, 1, *before)
    add_version(site, 2, *changes, parent=1)
    return {t.ref.name: t for t in diff(site, 1, 2)}


def test_the_same(site: Site) -> None:
    (orders,) = compared(site).values()
    assert (orders.state, orders.old_rows, orders.new_rows, orders.columns) == ("same", 5, 5, ())


def test_rows_and_keys(site: Site) -> None:
    orders = compared(
        site,
        "delete from orders where id = 0",
        "insert into orders values (7, 70, 'a'), (8, 80, 'a')",
        "update orders set amount = null where id in (2, 3)",
        "update orders set code = 'b' where id = 3",
    )["orders"]
    assert orders.state == "changed"
    assert (orders.old_rows, orders.new_rows) == (5, 6)
    assert orders.key == ("id",)
    assert (orders.added, orders.removed, orders.changed) == (2, 1, 2)
    columns = {c.name: (c.old_filled, c.new_filled, c.changed) for c in orders.columns}
    assert columns == {"id": (5, 6, None), "amount": (5, 4, 2), "code": (5, 6, 1)}
    assert orders.sample == (("added", "7"), ("added", "8"), ("changed", "2"), ("changed", "3"), ("removed", "0"))


def test_the_order_of_rows_is_no_difference(site: Site) -> None:
    again = "create or replace table orders as select * from orders order by id desc"
    assert compared(site, again)["orders"].state == "same"


def test_rows_that_are_there_twice_are_a_difference_without_a_key(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    orders = compared(site, "insert into orders values (1, 10, 'a')", "delete from orders where id = 0")["orders"]
    assert (orders.state, orders.old_rows, orders.new_rows) == ("changed", 5, 5)
    assert (orders.key, orders.added, orders.sample) == ((), None, ())
    site.state.close()


def test_a_column_that_was_checked_to_be_unique_is_a_key(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    add_version(site, 1, MAKE)
    add_version(site, 2, "update orders set amount = 0 where id = 4", parent=1)
    checks = [("unique", "code", 3), ("unique", "id", 0), ("not_null", "amount", 0)]
    results = [
        CheckResult(
            check=Check(id=c, name=c, dataset=ORDERS, kind=kind, column=c),
            outcome=Outcome.FAIL if failures else Outcome.PASS,
            reason="so",
            failures=failures,
            evaluated=5,
        )
        for kind, c, failures in checks
    ]
    site.state.save_scan(2, measurements=(), results=results, findings=(), schemas={}, marks={})
    (orders,) = diff(site, 1, 2)
    assert (orders.key, orders.added, orders.removed, orders.changed) == (("id",), 0, 0, 1)
    site.state.close()


def test_columns_that_come_go_and_change_their_type(site: Site) -> None:
    orders = compared(
        site,
        "alter table orders add column note varchar",
        "alter table orders drop column code",
        "alter table orders alter amount type double",
    )["orders"]
    assert orders.state == "changed"
    assert (orders.added_columns, orders.removed_columns) == (("note",), ("code",))
    assert orders.retyped == (("amount", "BIGINT", "DOUBLE"),)
    assert orders.columns == ()


def test_tables_and_views_that_come_and_go(site: Site) -> None:
    found = compared(
        site,
        "drop table old_one",
        "create table new_one as select 1 as id",
        "create or replace view few as select id, code from orders",
        before=(MAKE, "create table old_one as select 1 as id", "create view few as select id from orders"),
    )
    assert {name: t.state for name, t in found.items()} == {
        "orders": "same",
        "old_one": "removed",
        "new_one": "added",
        "few": "changed",
    }
    assert (found["few"].added_columns, found["few"].new_rows) == (("code",), None)


def test_a_key_that_is_gone_is_no_key(site: Site) -> None:
    orders = compared(site, "alter table orders drop column id", "update orders set amount = 1")["orders"]
    assert (orders.state, orders.key, orders.added) == ("changed", (), None)


def test_empty_tables_and_what_dlt_keeps(site: Site) -> None:
    before = ("create table orders (id int)", "create table _dlt_loads as select 1 as id")
    found = compared(site, "update _dlt_loads set id = 2", before=before)
    assert {name: t.state for name, t in found.items()} == {"orders": "same"}


def test_versions_that_are_not_there(site: Site) -> None:
    add_version(site, 1, MAKE)
    with pytest.raises(VersionNotFoundError, match="version `2` does not exist") as caught:
        diff(site, 1, 2)
    assert "kept are: 1" in caught.value.hint
