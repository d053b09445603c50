"""What a storm and a long past cost: 10,000 findings over 500 tables become incidents; a store of 100,000 is listed (CPU s)."""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.ours import Silent
from bench.scan import cpu_s
from bench.startup import _cpu_s
from tidegate.lineage import Graph, build
from tidegate.lineage.columns import _making
from tidegate.model import (
    DatasetRef,
    Finding,
    Incident,
    IncidentState,
    Layer,
    MetricSpec,
    Node,
    Product,
    Settings,
    Severity,
    Slo,
    WarehouseSettings,
)
from tidegate.ports import NewEvent
from tidegate.services import incidents
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses.duckdb import DuckDBWarehouse
from tidegate.warehouses.sides import FileSides

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
LAYER = 25
"""Tables of a layer; each is built from three of the layer before."""

KINDS = ("volume", "nulls", "location", "check")
BATCH = 2_000


class Standing:
    """It is always the same moment."""

    def now(self) -> datetime:
        return NOW

    def cpu_s(self) -> float:
        return 0.0

    def wall_s(self) -> float:
        return 0.0


def ref(number: int) -> DatasetRef:
    return DatasetRef(namespace="analytics", name=f"table_{number}")


def graph_of(tables: int) -> Graph:
    """Layers of tables with the SQL that builds each: joins, a condition, and twenty columns that are handed on."""
    nodes = [Node(id=str(n), kind="model", name=f"table_{n}", dataset=ref(n), code=code(n)) for n in range(tables)]
    return build(nodes, [(str(parent), str(n)) for n in range(tables) for parent in parents(n)])


def parents(number: int) -> list[int]:
    layer, place = divmod(number, LAYER)
    return [] if layer == 0 else [(layer - 1) * LAYER + (place + step) % LAYER for step in (0, 3, 7)]


def code(number: int) -> str:
    first, *others = [f"analytics.table_{p}" for p in parents(number)] or ["raw.input"]
    columns = ", ".join(f"a.c{n} * 2 as c{n}" for n in range(20))
    joins = " ".join(f"left join {other} as b{n} on a.id = b{n}.id" for n, other in enumerate(others))
    return f"with a as (select * from {first}) select a.id, {columns} from a {joins} where a.id > 0"


def findings_of(tables: int, count: int, *, columns_only: bool) -> list[Finding]:
    """Findings spread over all tables; with `columns_only` none of which takes a whole table with it."""
    kinds = ("nulls", "location") if columns_only else KINDS
    return [_finding(at % tables, at // tables, kinds[at % len(kinds)]) for at in range(count)]


def _finding(table: int, turn: int, kind: str) -> Finding:
    column = f"c{(table + turn) % 20}"
    return Finding(
        key=f"{ref(table)}/{kind}/{column}/{turn}",
        kind=kind,
        layer=Layer.DATA,
        dataset=ref(table),
        sentence=f"{kind} of {column} in {ref(table)} is strange",
        holds=True,
        column=column,
        spec=MetricSpec(dataset=ref(table), metric="null_count", column=column),
        affected_share=0.1,
        hint="look at it",
    )


def _apart(one: Finding, table: int) -> Finding:
    """A finding about a column that no other table has, so that no statement hands its fault on."""
    return dataclasses.replace(one, column=f"own_{table}")


def site_of(folder: Path) -> Site:
    """A project with an empty store and two products."""
    products = (
        Product(name="all", tables=(DatasetRef(namespace="analytics", name="table_4*"),), owner=None, tier=1,
                slo=Slo(freshness=timedelta(hours=24))),
        Product(name="other", tables=(ref(0),), owner=None, tier=3),
    )  # fmt: skip
    warehouse = WarehouseSettings(type="duckdb", path=folder / "warehouse", database="shop.duckdb")
    return Site(
        settings=Settings(root=folder, warehouse=warehouse, steps=(), products=products),
        warehouse=DuckDBWarehouse(warehouse.path, database=warehouse.database),
        state=SQLiteStateStore(folder / ".tidegate" / "state.db", create=True),
        steps=(),
        clock=Standing(),
        progress=Silent(),
        sides=FileSides(),
        actor="bench",
    )


def storm(tables: int, count: int, runs: int) -> Iterator[tuple[str, float]]:
    """What is done, and the CPU seconds it took; statements are parsed anew each time."""
    graph = graph_of(tables)
    for what, columns_only in (("of all kinds", False), ("about columns alone", True), ("that never meet", True)):
        findings = findings_of(tables, count, columns_only=columns_only)
        if what == "that never meet":
            findings = [_apart(one, n % tables) for n, one in enumerate(findings)]
        groups = len(incidents.group(findings, graph))
        name = f"{count:,} findings {what}, {tables} tables"
        yield f"{name}: group into {groups:,}", statistics.median(_once(findings, graph) for _ in range(runs))
        yield (
            f"{name}: group, judge the severity, write",
            statistics.median(_kept(findings, graph) for _ in range(runs)),
        )


def _once(findings: list[Finding], graph: Graph) -> float:
    _making.cache_clear()
    return cpu_s(lambda: incidents.group(findings, graph))


def _kept(findings: list[Finding], graph: Graph) -> float:
    _making.cache_clear()
    with tempfile.TemporaryDirectory() as folder:
        site = site_of(Path(folder))
        spent = cpu_s(
            lambda: site.state.append(incidents.record(site, findings, graph, version=1, run=None, held=True))
        )
        site.state.close()
    return spent


def long_past(folder: Path, count: int) -> None:
    """A project with so many incidents; nine of ten are resolved."""
    folder.mkdir(parents=True)
    (folder / "tidegate.yml").write_text("version: 1\n", encoding="utf-8")
    store = SQLiteStateStore(folder / ".tidegate" / "state.db", create=True)
    for first in range(1, count + 1, BATCH):
        numbers = range(first, min(first + BATCH, count + 1))
        store.append([event for number in numbers for event in _told(number)])
    store.close()


def _told(number: int) -> list[NewEvent]:
    at = NOW + timedelta(minutes=number)
    incident = Incident(
        number=number, fingerprint=f"cause {number}", title="table_1 has 86 rows where 95 to 105 were expected",
        state=IncidentState.OPEN, severity=Severity.SEV3, reasons=("readers already see this data",), version=number,
        run=None, opened_at=at, updated_at=at, findings=(_finding(number % 500, number, "volume"),), next_step="look",
    )  # fmt: skip
    subject = f"incident:{number}"
    events = [NewEvent(at=at, kind="incident.opened", subject=subject, actor="bench", data=_data(incident))]
    if number % 10:
        data = {"reason": "repaired", "resolution": "fixed"}
        events.append(NewEvent(at=at, kind="incident.resolved", subject=subject, actor="bench", data=data))
    return events


def _data(incident: Incident) -> dict[str, object]:
    return {name: getattr(incident, name) for name in incident.__slots__}


def listing(count: int, runs: int) -> Iterator[tuple[str, float]]:
    """The CPU of whole commands, the interpreter's start included; the least of several, because others only add to it."""
    program = str(Path(sys.executable).parent / "tidegate")
    with tempfile.TemporaryDirectory() as scratch:
        project, environment = Path(scratch) / "shop", {**os.environ, "PYTHONPYCACHEPREFIX": f"{scratch}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield f"write {count:,} incidents", cpu_s(lambda: long_past(project, count))
        for words in (
            "incidents list",
            "incidents list --all",
            f"incidents show {count // 2}",
            "status",
            "audit verify",
        ):
            command = [program, *words.split(), "--quiet", "--project", str(project)]
            _cpu_s(command, environment)
            yield f"`tidegate {words}`", min(_cpu_s(command, environment) for _ in range(runs))


def main(argv: list[str]) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench incidents", description=__doc__)
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    said = parser.parse_args(argv)
    print("| | CPU s |\n|---|--:|")
    for name, seconds in (*storm(said.tables, said.findings, said.runs), *listing(said.incidents, said.runs)):
        print(f"| {name} | {seconds:.3f} |", flush=True)
    return 0
