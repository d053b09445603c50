"""The source of a demo that takes a second: a day of orders, then one without them."""

from __future__ import annotations

import datetime
from pathlib import Path

from tests.e2e import small_project
from tidegate.kit.source import Delivery, Fault

FAULTS = {"lost": Fault(name="lost", day=2, title="The orders of the day got lost.")}
PROBE = "select count(*) as orders from raw.orders"


def write_project(folder: Path) -> None:
    small_project.make(folder, "checks:", "  - {table: raw.orders, row_count: {min: 50}}")


def deliver(folder: Path, *, through: int, fault: str | None = None) -> Delivery:
    rows = 0 if fault else 98 + through
    sql = small_project.ORDERS.replace("range(100)", f"range({rows})")
    small_project.SmallProject(root=folder).load(sql)
    return Delivery(through=through, date=datetime.date(2026, 1, through), fault=fault, rows={"orders": rows})
