"""Rows that share a key, through real runs: a few lines of orders with the customer of another order are held, and are listed."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import small_project

LINES = """create schema if not exists raw; create or replace table raw.lines as select d * 10000 + i as line, d * 1000 + o as order_no,
    timestamp '2026-07-01 08:00' + to_days(d::int) + to_minutes(o::int) as sold_at,
    'c' || (hash(d, {customer}) % 5000) as customer, 'p' || (hash(d, i) % 300) as product, (hash(d, i, 1) % 9)::int as pieces
from (select d, i, i // 5 as o from range({days}) a(d), range(900) b(i) where i < 700 + (d * 37) % 200)"""
OF_OTHERS = "case when d = 41 and i % 25 = 0 then i else o end"


def test_lines_with_a_customer_of_another_order_are_held_and_listed(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    for days in (40, 41):
        project.load(LINES.format(days=days, customer="o"))
        assert project.cli("run").status == 0
    assert "agreement  customer, sold_at of one order_no" in project.cli("explain", "raw.lines").out
    project.load(LINES.format(days=42, customer=OF_OTHERS))
    told = project.cli("run", "--json")
    (found,) = [f for f in told.document["findings"] if f["holds"]]
    assert told.status == 1
    assert (found["column"], found["spec"]["metric"]) == ("customer", "split_count")
    assert "customer: 20 % of the order_no with several rows have different ones, expected 0 %" in found["sentence"]
    listed = project.query(found["sql"], project.live.parents[1] / "versions" / "000003" / project.live.name)
    assert {order // 1000 for order, *_ in listed} == {41}
    assert all(different == 2 for _, different, _ in listed)
