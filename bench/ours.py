"""W, the 60 checks, by Tidegate: loads nothing else, for it is measured from the start of Python too."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.workload import Entry, entries
from tidegate.model import Check, DatasetRef, Outcome, Settings, TableSettings, WarehouseSettings
from tidegate.services.measure import Measured, measure
from tidegate.warehouses.duckdb import DuckDBReader

if TYPE_CHECKING:
    import duckdb

NOW = datetime(2026, 4, 11, tzinfo=UTC)
REF, PARENT = DatasetRef(namespace="main", name="orders"), DatasetRef(namespace="main", name="products")


def _said(entry: Entry) -> tuple[str, str | None, dict[str, object]]:
    """Kind, column and arguments of a check, in our words."""
    column, (low, high) = entry.column, entry.bounds
    match entry.group:
        case "not_null" | "unique":
            return entry.group, column, {}
        case "unique_together":
            kind = "dbt_utils.unique_combination_of_columns"
            return kind, None, {"combination_of_columns": list(entry.columns)}
        case "accepted":
            return "accepted_values", column, {"values": list(entry.values)}
        case "between":
            return "rule", None, {"expression": f"{column} between {low} and {high}"}
        case "regex":
            return "rule", None, {"expression": f"regexp_matches({column}, '{entry.sql}')"}
        case "length":
            return "rule", None, {"expression": f"length({column}) between {low} and {high}"}
        case "relationships":
            return "relationships", column, {"to": f"main.{entry.values[0]}", "field": entry.values[1]}
        case "metric":
            return "metric", None, {"sql": entry.sql, "min": 0}
        case "freshness":
            return "freshness", column, {"max_age_s": 90 * 86400.0}
        case "row_count":
            return "row_count", None, {"min": 1}
        case _:
            return "rule", None, {"expression": entry.sql}


def workload(dataset: DatasetRef = REF) -> list[Check]:
    """The 60 checks."""
    return [
        Check(id=f"w{at}", name=f"w{at}", dataset=dataset, kind=kind, column=column, arguments=arguments)
        for at, (kind, column, arguments) in enumerate(map(_said, entries()))
    ]


def plain(checks: list[Check]) -> list[Check]:
    """Those without a regex."""
    return [c for c in checks if "regexp" not in str(c.arguments)]


class Silent:
    """Nobody watches."""

    def stage(self, name: str, detail: str = "") -> None: ...
    def advance(self, done: int, total: int, detail: str = "") -> None: ...
    def say(self, line: str) -> None: ...


def planned(connection: duckdb.DuckDBPyConnection, catalog: str, checks: list[Check]) -> Measured:
    """Our plan, without the profile."""
    settings = Settings(
        root=Path(),
        warehouse=WarehouseSettings(type="duckdb", path=Path(), database="orders.duckdb"),
        steps=(),
        tables={ref: TableSettings(ref=ref, ignore=True) for ref in (REF, PARENT)},
    )
    reader = DuckDBReader(connection, catalog)
    return measure(reader, checks, version=1, settings=settings, now=NOW, progress=Silent())


def verdict(found: Measured) -> str:
    """One line: how many checks, statements, and what did not pass."""
    wrong = [r.reason for r in found.results if r.outcome is not Outcome.PASS]
    return f"{len(found.results)} checks in {len(found.costs)} statements; not passed: {wrong or 'none'}"
