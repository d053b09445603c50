"""The workload as a contract of Soda Core 4 and as checks of Soda Core 3."""

from __future__ import annotations

import json
from pathlib import Path

from bench.workload import Entry, entries


def contract(folder: Path, database: Path) -> None:
    """Data source and contract for `soda contract verify`. YAML holds JSON."""
    connection = {"database": str(database), "schema": "main", "read_only": True}
    source = {"type": "duckdb", "name": "shop", "connection": connection}
    made = [(e.column if e.group in OF_COLUMN else "", _check4(at, e)) for at, e in enumerate(entries())]
    names = dict.fromkeys(column for column, _ in made if column)
    columns = [{"name": name, "checks": [c for column, c in made if column == name]} for name in names]
    content = {"dataset": "shop/main/orders", "columns": columns, "checks": [c for column, c in made if not column]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.yml").write_text(json.dumps(source), encoding="utf-8")
    (folder / "contract.yml").write_text(json.dumps(content), encoding="utf-8")


OF_COLUMN = ("not_null", "unique", "accepted", "between", "regex", "relationships", "length")


def _check4(at: int, entry: Entry) -> object:
    kind, arguments = _said4(entry)
    return {kind: {"name": f"w{at}", "qualifier": f"w{at}", **arguments}}


def _said4(entry: Entry) -> tuple[str, dict[str, object]]:
    """The check and its arguments, in the words of Soda 4."""
    low, high = entry.bounds
    match entry.group:
        case "not_null":
            return "missing", {}
        case "unique":
            return "duplicate", {}
        case "unique_together":
            return "duplicate", {"columns": list(entry.columns)}
        case "accepted":
            return "invalid", {"valid_values": list(entry.values)}
        case "between":
            return "invalid", {"valid_min": low, "valid_max": high}
        case "regex":
            return "invalid", {"valid_format": {"name": "pattern", "regex": entry.sql}}
        case "length":
            return "invalid", {"valid_min_length": low, "valid_max_length": high}
        case "relationships":
            parent, field = entry.values
            return "invalid", {"valid_reference_data": {"dataset": f"shop/main/{parent}", "column": field}}
        case "metric":
            return "metric", {"expression": entry.sql, "threshold": {"must_be_greater_than_or_equal": 0}}
        case "freshness":
            return "freshness", {"column": entry.column, "unit": "day", "threshold": {"must_be_less_than": 100_000}}
        case "row_count":
            return "row_count", {"threshold": {"must_be_greater_than": 0}}
        case _:
            return "failed_rows", {"expression": f"not ({entry.sql})"}


def scan(folder: Path, database: Path) -> None:
    """Configuration and checks for `soda scan`."""
    source = {"data_source shop": {"type": "duckdb", "path": str(database), "schema": "main", "read_only": True}}
    checks = {"checks for orders": [_said3(at, e) for at, e in enumerate(entries())]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yml").write_text(json.dumps(source), encoding="utf-8")
    (folder / "checks.yml").write_text(json.dumps(checks, indent=1), encoding="utf-8")


def _said3(at: int, entry: Entry) -> object:
    """The check in the words of Soda 3."""
    column, (low, high) = entry.column, entry.bounds
    match entry.group:
        case "not_null":
            return f"missing_count({column}) = 0"
        case "unique":
            return f"duplicate_count({column}) = 0"
        case "unique_together":
            return f"duplicate_count({', '.join(entry.columns)}) = 0"
        case "accepted":
            return {f"invalid_count({column}) = 0": {"valid values": list(entry.values)}}
        case "between":
            return {f"invalid_count({column}) = 0": {"valid min": low, "valid max": high}}
        case "regex":
            return {f"invalid_count({column}) = 0": {"valid regex": entry.sql}}
        case "length":
            return {f"invalid_count({column}) = 0": {"valid min length": low, "valid max length": high}}
        case "relationships":
            parent, field = entry.values
            return f"values in ({column}) must exist in {parent} ({field})"
        case "metric":
            return {f"w{at} >= 0": {f"w{at} expression": entry.sql}}
        case "freshness":
            return f"freshness({column}) < 100000d"
        case "row_count":
            return "row_count > 0"
        case _:
            return {f"w{at} = 0": {f"w{at} expression": f"count_if(not ({entry.sql}))"}}
