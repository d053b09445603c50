"""The workload as a dbt project: 60 tests of a source, with the generic tests that dbt does not bring itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bench.workload import Entry, entries

PROJECT = {
    "name": "w",
    "version": "1.0",
    "profile": "w",
    "flags": {"send_anonymous_usage_stats": False, "require_generic_test_arguments_property": True},
}

MACROS = """
{% test holds(model, expression) %}
select 1 from {{ model }} where not ({{ expression }})
{% endtest %}

{% test unique_together(model, columns) %}
select {{ columns | join(', ') }} from {{ model }} group by {{ columns | join(', ') }} having count(*) > 1
{% endtest %}

{% test at_least(model, sql, least) %}
select v from (select {{ sql }} as v from {{ model }}) where v is null or v < {{ least }}
{% endtest %}

{% test newer_than(model, column, time) %}
select v from (select max({{ column }}) as v from {{ model }}) where v is null or v < timestamp '{{ time }}'
{% endtest %}
"""


def project(folder: Path, database: Path) -> None:
    """Write the project. YAML holds JSON, so no writer of YAML is needed."""
    output = {"type": "duckdb", "path": str(database), "schema": "main", "threads": 2}
    files = {
        "dbt_project.yml": PROJECT,
        "profiles.yml": {"w": {"target": "w", "outputs": {"w": output}}},
        "models/sources.yml": {"version": 2, "sources": [_source()]},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "macros").mkdir(exist_ok=True)
    (folder / "macros" / "tests.sql").write_text(MACROS, encoding="utf-8")


def _source() -> Mapping[str, object]:
    tests = [(e.column if e.group in BUILT_IN else "", _test(at, e)) for at, e in enumerate(entries())]
    names = dict.fromkeys(column for column, _ in tests if column)
    columns = [{"name": name, "data_tests": [t for c, t in tests if c == name]} for name in names]
    orders = {"name": "orders", "data_tests": [t for c, t in tests if not c], "columns": columns}
    return {"name": "shop", "schema": "main", "tables": [orders, {"name": "products"}]}


BUILT_IN = ("not_null", "unique", "accepted", "relationships")


def _test(at: int, entry: Entry) -> object:
    kind, arguments = _said(entry)
    return {kind: {"name": f"w{at}", **({"arguments": arguments} if arguments else {})}}


def _said(entry: Entry) -> tuple[str, dict[str, object]]:
    """The test and its arguments, in dbt's words."""
    column, (low, high) = entry.column, entry.bounds
    match entry.group:
        case "not_null" | "unique":
            return entry.group, {}
        case "unique_together":
            return "unique_together", {"columns": list(entry.columns)}
        case "accepted":
            return "accepted_values", {"values": list(entry.values)}
        case "relationships":
            return "relationships", {"to": f"source('shop', '{entry.values[0]}')", "field": entry.values[1]}
        case "metric":
            return "at_least", {"sql": entry.sql, "least": 0}
        case "row_count":
            return "at_least", {"sql": "count(*)", "least": 1}
        case "freshness":
            return "newer_than", {"column": column, "time": "2026-01-01"}
        case "between":
            return "holds", {"expression": f"{column} between {low} and {high}"}
        case "length":
            return "holds", {"expression": f"length({column}) between {low} and {high}"}
        case "regex":
            return "holds", {"expression": f"regexp_matches({column}, '{entry.sql}')"}
        case _:
            return "holds", {"expression": entry.sql}
