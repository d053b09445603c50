"""What a new day costs against 10 and 100 days of history: checks and full profile with what was kept, and of all rows.

Every history is a DuckDB file that was scanned once; a copy of it gets one more day, as a run's candidate does. CPU
seconds of the process, medians of interleaved runs; only ratios within one run count.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench.data import ORDERS
from bench.ours import PARENT, REF, Silent, workload
from bench.scan import clear_caches, cpu_s
from tidegate.model import Check, Grid, Outcome, Settings, TableSettings, WarehouseSettings
from tidegate.services.measure import Measured, measure
from tidegate.state.answers import SQLiteAnswerStore
from tidegate.warehouses.duckdb import DuckDBReader

ROWS_A_DAY = 100_000
HISTORIES = (10, 100)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""Midnight before the first row; the new day's scan is at the end of that day, so that as many dates lie ahead in each history."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A history of some days, and the same with one more; what was kept after the history was scanned."""

    days: int
    folder: Path

    @property
    def before(self) -> Path:
        return self.folder / f"before_{self.days}.duckdb"

    @property
    def after(self) -> Path:
        return self.folder / f"after_{self.days}.duckdb"

    def kept(self, copy: str) -> Path:
        return self.folder / f"answers_{self.days}{copy}.db"


def write(shop: Shop) -> None:
    """Both files, unless they are there already."""
    if shop.after.exists():
        return
    rows = (shop.days + 1) * ROWS_A_DAY
    made = shop.folder / "made.duckdb"
    with duckdb.connect(made) as connection:
        connection.execute(ORDERS.format(rows=rows, days=shop.days + 1))
    with duckdb.connect(shop.before) as connection:
        connection.execute(f"attach '{made}' as made (read_only)")
        connection.execute(f"create table orders as from made.orders where order_id <= {rows - ROWS_A_DAY}")
        connection.execute("create table products as select range::integer as product_id from range(2000)")
    partial_copy = shop.after.with_suffix(".partial")
    shutil.copy(shop.before, partial_copy)
    with duckdb.connect(partial_copy) as connection:
        connection.execute(f"attach '{made}' as made (read_only)")
        connection.execute(f"insert into orders from made.orders where order_id > {rows - ROWS_A_DAY}")
    made.unlink()
    partial_copy.replace(shop.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked: the checks, with `profile` the full profile too, and with `history` that by day and category."""

    checks: Sequence[Check]
    now: datetime
    profile: bool = True
    history: bool = False

    def of(self, path: Path, answers: SQLiteAnswerStore | None, known: Grid | None = None) -> Measured:
        """Ask it of one file, from cold caches."""
        clear_caches()
        orders = TableSettings(ref=REF, ignore=not self.profile, time_column=None if self.history else "")
        settings = Settings(
            root=Path(),
            warehouse=WarehouseSettings(type="duckdb", path=Path(), database=path.name),
            steps=(),
            tables={REF: orders, PARENT: TableSettings(ref=PARENT, ignore=True)},
        )
        with duckdb.connect(path, read_only=True, config={"threads": 2}) as connection:
            return measure(
                DuckDBReader(connection, path.stem, path),
                self.checks,
                version=1,
                settings=settings,
                now=self.now,
                progress=Silent(),
                known=lambda _: known,
                answers=answers,
            )

    def again(self, shop: Shop, known: Grid) -> Measured:
        """Ask it of the file with the new day, with what was kept of the one without; what is found out is kept too."""
        answers = SQLiteAnswerStore(shop.kept("_copy"))
        try:
            return self.of(shop.after, answers, known)
        finally:
            answers.close()


def measured(shop: Shop, runs: int) -> Mapping[str, float]:
    """Medians of what is asked of the new day, and of all days."""
    checks = workload()
    now = BEGIN + timedelta(days=shop.days + 1)
    everything, full = Ask(checks=checks, now=now), Ask(checks=checks, now=now, history=True)
    unique, of_texts = (
        Ask(checks=[c for c in checks if c.kind == "unique" and c.column == key], now=now, profile=False)
        for key in ("order_id", "external_ref")
    )
    _forget(shop.kept(""))
    answers = SQLiteAnswerStore(shop.kept(""))
    everything.of(shop.before, answers)
    replace(everything, profile=False).of(shop.before, answers)
    known = Grid.of(full.of(shop.before, answers).measurements)
    answers.close()
    works: dict[str, Callable[[], Measured]] = {
        "new day: 60 checks and full profile": lambda: everything.again(shop, known),
        "… with history by day and category": lambda: full.again(shop, known),
        "… 60 checks alone": lambda: replace(everything, profile=False).again(shop, known),
        "… whether `order_id` is unique, alone": lambda: unique.again(shop, known),
        "… whether `external_ref`, a text, is unique, alone": lambda: of_texts.again(shop, known),
        "all days: 60 checks and full profile": lambda: everything.of(shop.after, None),
        "… all with history": lambda: full.of(shop.after, None),
        "… all 60 checks alone": lambda: replace(everything, profile=False).of(shop.after, None),
    }
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            _renew(shop)
            spent[name].append(cpu_s(work))
    _renew(shop)
    _demand_equal(everything.again(shop, known), everything.of(shop.after, None))
    return {name: statistics.median(values) for name, values in spent.items()}


def _renew(shop: Shop) -> None:
    """What is kept is as it was before the new day."""
    _forget(shop.kept("_copy"))
    shutil.copy(shop.kept(""), shop.kept("_copy"))
    shutil.copytree(shop.kept("").with_suffix(""), shop.kept("_copy").with_suffix(""), copy_function=os.link)


def _forget(answers: Path) -> None:
    for stale in answers.parent.glob(f"{answers.name}*"):
        stale.unlink()
    shutil.rmtree(answers.with_suffix(""), ignore_errors=True)


def _demand_equal(thrifty: Measured, whole: Measured) -> None:
    verdicts = [[(r.outcome, r.failures) for r in found.results] for found in (thrifty, whole)]
    if verdicts[0] != verdicts[1] or any(r.outcome is not Outcome.PASS for r in whole.results):
        raise SystemExit("the verdicts differ")


def main(argv: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench newday", description=__doc__)
    parser.add_argument("--days", type=int, nargs="*", default=list(HISTORIES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder in which the data stays for the next time")
    said = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        folder = (said.keep or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        found = {}
        for days in said.days:
            shop = Shop(days, folder)
            write(shop)
            found[days] = measured(shop, said.runs)
    print("| CPU s | " + " | ".join(f"{days} days" for days in found) + " |\n|---|" + "--:|" * len(found))
    for name in next(iter(found.values())):
        print(f"| {name} | " + " | ".join(f"{medians[name]:.3f}" for medians in found.values()) + " |")
    return 0
