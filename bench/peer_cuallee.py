"""The workload in cuallee, run as a script by the Python of cuallee's own environment: PATH of the data, of the checks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ANY = 1e-9
"""Any share of rows will do: what counts is that it is computed."""

COLUMN_METRICS = {
    "avg": "has_mean",
    "stddev_samp": "has_std",
    "sum": "has_sum",
    "approx_count_distinct": "has_cardinality",
}


def add(check: Any, entry: dict[str, Any]) -> None:
    """One check, where cuallee has it: not relationships, freshness or the number of rows."""
    column, bounds = entry["column"], entry["bounds"]
    match entry["group"]:
        case "not_null":
            check.is_complete(column)
        case "unique":
            check.is_unique(column)
        case "unique_together":
            check.are_unique(tuple(entry["columns"]))
        case "accepted":
            check.is_contained_in(column, tuple(entry["values"]))
        case "between":
            check.is_between(column, tuple(bounds), pct=ANY)
        case "regex":
            check.has_pattern(column, entry["sql"], pct=ANY)
        case "length":
            check.satisfies(column, f"length({column}) between {bounds[0]} and {bounds[1]}", pct=ANY)
        case "rule":
            check.satisfies("order_id", entry["sql"], pct=ANY)
        case "metric":
            metric(check, entry["sql"])
        case _:
            pass


def metric(check: Any, sql: str) -> None:
    """A share of nulls is completeness; the others are compared with a number that they need not be."""
    if sql.startswith("avg(case"):
        check.is_complete(sql.split()[2], pct=ANY)
    else:
        function, column = sql.rstrip(")").split("(")
        getattr(check, COLUMN_METRICS[function])(column, 0)


def main(path: str, checks: str) -> None:
    """Print how many checks were made and passed."""
    import duckdb
    from cuallee import Check, CheckLevel  # type: ignore[import-not-found]  # in its own environment only

    check = Check(CheckLevel.WARNING, "w", table_name="orders")
    for entry in json.loads(Path(checks).read_text(encoding="utf-8")):
        add(check, entry)
    with duckdb.connect(path, read_only=True) as connection:
        found = check.validate(connection)
    print(f"{len(found)} checks, {(found.status == 'PASS').sum()} passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
