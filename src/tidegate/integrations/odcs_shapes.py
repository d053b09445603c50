"""Older shapes of the Open Data Contract Standard, rewritten as version 3.2 has them before they are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Raw = Mapping[str, Any]
Loc = tuple[str | int, ...]
Note = tuple[Loc, str, str]
"""Where an old shape stands, what it is, and what to write instead."""

OLD_TOP = {"uuid": "id", "datasetDomain": "domain", "quantumName": "dataProduct", "datasetName": "name"}
"""Keys of version 2.2 and what they are called since."""

KEPT = frozenset(
    "version kind apiVersion id name tenant domain dataProduct status description slaDefaultElement slaProperties".split()
)
"""What of version 2.2 is read, by its later name; the rest is for people and stays in the file."""

OLD_TABLE = {"table": "name", "physicalName": "physicalName", "description": "description", "tags": "tags"}
OLD_COLUMN = {
    "column": "name",
    "isPrimary": "primaryKey",
    "isPrimaryKey": "primaryKey",
    "isUnique": "unique",
    **{name: name for name in ("businessName", "description", "physicalType", "primaryKeyPosition", "classification")},
}
LOGICAL = {
    **dict.fromkeys(("string", "varchar", "text", "char"), "string"),
    **dict.fromkeys(("integer", "int", "bigint", "long", "smallint"), "integer"),
    **dict.fromkeys(("number", "decimal", "numeric", "float", "double"), "number"),
    **dict.fromkeys(("timestamp", "datetime"), "timestamp"),
    "date": "date",
    "time": "time",
    "boolean": "boolean",
}
METRICS = {
    **dict.fromkeys(("nullcheck", "nullcount", "nullvalues"), "nullValues"),
    **dict.fromkeys(("duplicatecount", "duplicatecheck", "duplicatevalues", "uniquecheck"), "duplicateValues"),
    **dict.fromkeys(("validvalues", "invalidcount", "invalidvalues"), "invalidValues"),
    **dict.fromkeys(("missingcount", "missingvalues"), "missingValues"),
    **dict.fromkeys(("rowcount", "countcheck"), "rowCount"),
}
"""What earlier versions call the library's metrics, without regard to case."""

AT_LEAST_NOTHING = frozenset({"nullValues", "duplicateValues", "invalidValues", "missingValues"})
"""Metrics that without an operator mean none at all."""

OPERATOR = "must"


def upgraded(document: Raw) -> tuple[dict[str, Any], list[Note]]:
    """The document in the shape of version 3.2, and what was old in it."""
    notes: list[Note] = []
    found = dict(document)
    api = str(found.get("apiVersion", ""))
    if "dataset" in found and "schema" not in found:
        notes.append(
            (("dataset",), "this is the shape of version 2", "write `schema:` with `properties:`, as version 3 has it")
        )
        found = _second(found)
    if api[:1].isdigit():
        found["apiVersion"] = f"v{api}"
    if isinstance(found.get("team"), list):
        notes.append((("team",), "a list of members is obsolete", "write `team: {members: [...]}`"))
    if "slaDefaultElement" in found:
        notes.append(
            (("slaDefaultElement",), "`slaDefaultElement` is obsolete", "give each SLA property its `element`")
        )
    if isinstance(found.get("schema"), list):
        found["schema"] = [_item(table, ("schema", place), notes) for place, table in enumerate(found["schema"])]
    return found, notes


def original(loc: Loc, document: Raw) -> Loc:
    """Where the part at a place of the upgraded document stands in the file."""
    if "dataset" not in document or "schema" in document:
        return loc
    old = {"schema": "dataset", "properties": "columns", "id": "uuid"}
    return tuple(old.get(part, part) if isinstance(part, str) else part for part in loc)


def _item(said: object, loc: Loc, notes: list[Note]) -> object:
    """A table or a column with its quality, and everything in it, upgraded."""
    if not isinstance(said, Mapping):
        return said
    found = dict(said)
    if isinstance(found.get("quality"), list):
        found["quality"] = [_quality(q, (*loc, "quality", n), notes) for n, q in enumerate(found["quality"])]
    if isinstance(found.get("properties"), list):
        found["properties"] = [_item(p, (*loc, "properties", n), notes) for n, p in enumerate(found["properties"])]
    if isinstance(found.get("items"), Mapping):
        found["items"] = _item(found["items"], (*loc, "items"), notes)
    if isinstance(found.get("map"), Mapping):
        found["map"] = {part: _item(one, (*loc, "map", part), notes) for part, one in found["map"].items()}
    return found


def _quality(said: object, loc: Loc, notes: list[Note]) -> object:
    """`rule` is called `metric` since version 3.1, and `validValues` is one of the `arguments`."""
    if (
        not isinstance(said, Mapping)
        or "rule" not in said
        or "metric" in said
        or said.get("type", "library") != "library"
    ):
        return said
    notes.append(((*loc, "rule"), "`rule` is obsolete", "call it `metric`"))
    found = {key: value for key, value in said.items() if key not in {"rule", "validValues"}}
    found["metric"] = metric = METRICS.get(str(said["rule"]).casefold(), said["rule"])
    if "validValues" in said:
        found["arguments"] = {**found.get("arguments", {}), "validValues": said["validValues"]}
    if metric in AT_LEAST_NOTHING and not any(str(key).startswith(OPERATOR) for key in said):
        found["mustBe"] = 0
    return found


def _second(document: Raw) -> dict[str, Any]:
    """Version 2.2: `dataset` with `columns`."""
    named = {OLD_TOP.get(key, key): value for key, value in document.items()}
    found = {key: value for key, value in named.items() if key in KEPT}
    tables = document["dataset"]
    found["schema"] = [_table(table) for table in tables] if isinstance(tables, list) else tables
    if isinstance(found.get("slaProperties"), list):
        found["slaProperties"] = [_sla(said) for said in found["slaProperties"]]
    return found


def _sla(said: object) -> object:
    if not isinstance(said, Mapping):
        return said
    known = ("property", "value", "valueExt", "unit", "element", "driver", "description")
    found = {key: value for key, value in said.items() if key in known}
    if "column" in said:
        found["element"] = said["column"]
    return found


def _table(said: object) -> object:
    if not isinstance(said, Mapping):
        return said
    found = {new: said[old] for old, new in OLD_TABLE.items() if said.get(old) is not None}
    columns = said.get("columns")
    if columns is not None:
        found["properties"] = [_column(column) for column in columns] if isinstance(columns, list) else columns
    if isinstance(said.get("quality"), list):
        found["quality"] = [_tool(q) for q in said["quality"]]
    return found


def _column(said: object) -> object:
    if not isinstance(said, Mapping):
        return said
    found = {new: said[old] for old, new in OLD_COLUMN.items() if said.get(old) is not None}
    logical = str(said.get("logicalType", "")).split("(")[0].casefold()
    if logical in LOGICAL:
        found["logicalType"] = LOGICAL[logical]
    if said.get("isNullable") is False:
        found["required"] = True
    if isinstance(said.get("quality"), list):
        found["quality"] = [_tool(q) for q in said["quality"]]
    return found


def _tool(said: object) -> object:
    """A check of version 2 belongs to a tool."""
    if not isinstance(said, Mapping):
        return said
    tool = str(said.get("toolName") or "a tool that is not named")
    name = str(said.get("templateName") or said.get("code") or "quality")
    return {"type": "custom", "engine": tool, "implementation": name, "name": name}
