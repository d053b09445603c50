"""Our reading of JSON Schema against the package `jsonschema`, over the standard's own schema: the same verdicts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.integrations import odcs
from tidegate.integrations.json_schema import faults, same

OFFICIAL = json.loads((Path(__file__).parent / "odcs" / "odcs-json-schema-v3.2.0.json").read_text(encoding="utf-8"))
"""As the package open-data-contract-standard 3.2.0 has it."""

LEFT_OUT = {"description", "examples", "title", "default", "format", "deprecated"}

HEAD: dict[str, Any] = {
    "apiVersion": "v3.2.0",
    "kind": "DataContract",
    "id": "orders",
    "version": "1.0.0",
    "status": "active",
}
FULL: dict[str, Any] = {
    **HEAD,
    "name": "Orders",
    "tags": ["a", "b"],
    "description": {"purpose": "p", "anything": 1},
    "servers": [
        {"server": "a", "type": "duckdb", "database": "shop.duckdb", "schema": "raw"},
        {"server": "b", "type": "postgres", "host": "h", "port": 5432, "database": "d", "schema": "s"},
        {"server": "c", "type": "kafka", "host": "h", "customProperties": [{"property": "x", "value": [1]}]},
    ],
    "schema": [
        {
            "id": "orders_tbl",
            "name": "orders",
            "physicalName": "raw.orders",
            "logicalType": "object",
            "relationships": [{"from": ["orders.a", "orders.b"], "to": ["x.a", "x.b"]}, {"from": "a.b", "to": "c.d"}],
            "properties": [
                {"name": "id", "logicalType": "integer", "logicalTypeOptions": {"minimum": 1, "format": "i64"}},
                {"name": "email", "logicalType": "string", "logicalTypeOptions": {"pattern": "@", "minLength": 3}},
                {"name": "at", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": True, "minimum": "2020"}},
                {"name": "day", "logicalType": "date", "enum": [{"value": "2020-01-01", "label": "first"}]},
                {"name": "part", "logicalType": "object", "properties": [{"name": "x", "logicalType": "number"}]},
                {"name": "list", "logicalType": "array", "items": {"logicalType": "string"}},
                {"name": "map", "logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "date"}}},
                {"name": "v", "logicalType": "vector", "logicalTypeOptions": {"dimensions": 3}},
                {"name": "customer", "logicalType": "string", "relationships": [{"to": "schema/a/properties/b"}]},
            ],
            "quality": [
                {"metric": "rowCount", "mustBeBetween": [1, 10]},
                {"type": "sql", "query": "select 1", "mustBe": 1},
                {"type": "text", "description": "good"},
                {"type": "custom", "engine": "soda", "implementation": {"a": 1}, "dimension": "accuracy"},
                {"metric": "nullValues", "mustBeLessThan": 1, "unit": "percent", "arguments": {"a": 1}},
            ],
        }
    ],
    "team": {"name": "t", "members": [{"username": "ann", "role": "owner"}]},
    "roles": [{"role": "reader", "access": "read"}],
    "support": [{"channel": "#help", "url": "https://example.com"}],
    "price": {"priceAmount": 9.95, "priceCurrency": "EUR"},
    "slaProperties": [{"property": "latency", "value": 4, "unit": "d", "element": "orders.at"}],
    "context": {"instructions": "i", "constraints": [{"constraint": "c"}]},
}  # fmt: skip

WRONG: dict[str, dict[str, Any]] = {
    "no version": {k: v for k, v in HEAD.items() if k != "version"},
    "a version that is a number": {**HEAD, "version": 1.0},
    "an unknown version of the standard": {**HEAD, "apiVersion": "3.2"},
    "another kind": {**HEAD, "kind": "DataProduct"},
    "an unknown key": {**HEAD, "schemas": []},
    "a server without its database": {**HEAD, "servers": [{"server": "a", "type": "duckdb"}]},
    "a key of another server": {**HEAD, "servers": [{"server": "a", "type": "duckdb", "database": "d", "port": 1}]},
    "an unknown server": {**HEAD, "servers": [{"server": "a", "type": "duckbd"}]},
    "a table without a name": {**HEAD, "schema": [{"properties": []}]},
    "a team member without a name": {**HEAD, "team": [{"role": "owner"}]},
    "a team that is a text": {**HEAD, "team": "us"},
    "a price that is a text": {**HEAD, "price": {"priceAmount": "9"}},
    "an SLA without a value": {**HEAD, "slaProperties": [{"property": "latency"}]},
    "an SLA with a list": {**HEAD, "slaProperties": [{"property": "latency", "value": [1]}]},
    "an id with a space": {**HEAD, "roles": [{"role": "r", "id": "a b"}]},
    "a date that is a number": {**HEAD, "contractCreatedTs": 2022},
}

COLUMNS: dict[str, dict[str, Any]] = {
    "an unknown logical type": {"logicalType": "text"},
    "an option of another type": {"logicalType": "string", "logicalTypeOptions": {"minimum": 1}},
    "a bound that is a text": {"logicalType": "integer", "logicalTypeOptions": {"minimum": "1"}},
    "a negative length": {"logicalType": "string", "logicalTypeOptions": {"minLength": -1}},
    "a half length": {"logicalType": "string", "logicalTypeOptions": {"minLength": 1.5}},
    "a multiple of nothing": {"logicalType": "number", "logicalTypeOptions": {"multipleOf": 0}},
    "an unknown format": {"logicalType": "integer", "logicalTypeOptions": {"format": "i7"}},
    "an enum of plain values": {"logicalType": "string", "enum": ["a"]},
    "an empty enum": {"logicalType": "string", "enum": []},
    "a repeated enum": {"logicalType": "string", "enum": [{"value": 1}, {"value": 1.0}]},
    "a map without its parts": {"logicalType": "map"},
    "a vector without dimensions": {"logicalType": "vector", "logicalTypeOptions": {}},
    "required in a text": {"logicalType": "string", "required": "yes"},
    "properties of a text": {"logicalType": "string", "properties": []},
    "a reference from": {"logicalType": "string", "relationships": [{"from": "a.b", "to": "c.d"}]},
    "a reference to a table": {"logicalType": "string", "relationships": [{"to": "c"}]},
    "a metric without an operator": {"logicalType": "string", "quality": [{"metric": "nullValues"}]},
    "two operators": {"logicalType": "string", "quality": [{"metric": "nullValues", "mustBe": 0, "mustNotBe": 1}]},
    "an unknown metric": {"logicalType": "string", "quality": [{"metric": "nulls", "mustBe": 0}]},
    "an operator of a text": {"logicalType": "string", "quality": [{"type": "text", "mustBe": 0}]},
    "a bound in a text": {"logicalType": "string", "quality": [{"metric": "rowCount", "mustBeLessThan": "1"}]},
    "a range of one": {"logicalType": "string", "quality": [{"metric": "rowCount", "mustBeBetween": [1]}]},
    "a range of the same": {"logicalType": "string", "quality": [{"metric": "rowCount", "mustBeBetween": [1, 1]}]},
    "a query that is missing": {"logicalType": "string", "quality": [{"type": "sql", "mustBe": 0}]},
    "an engine that is missing": {"logicalType": "string", "quality": [{"type": "custom", "implementation": "x"}]},
    "an unknown dimension": {"logicalType": "string", "quality": [{"type": "text", "dimension": "beauty"}]},
    "the old name of a metric": {"logicalType": "string", "quality": [{"type": "library", "rule": "x", "mustBe": 0}]},
}
WRONG |= {name: {**HEAD, "schema": [{"name": "t", "properties": [{"name": "c", **c}]}]} for name, c in COLUMNS.items()}


def accepts(document: object, schema: dict[str, Any] = OFFICIAL) -> bool:
    return jsonschema.Draft201909Validator(schema).is_valid(document)


def derived(node: Any, *, names: bool = False) -> Any:
    """The official schema without words; a condition on `logicalType` asks for it, as the standard's text has it."""
    if isinstance(node, list):
        return [derived(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {k: v for k, v in node.items() if names or k not in LEFT_OUT}
    found = {k: derived(v, names=k in {"properties", "$defs", "ServerSource"}) for k, v in kept.items()}
    if "if" in found and not names:
        for condition in found["if"].get("anyOf", [found["if"]]):
            if list(condition.get("properties", ())) == ["logicalType"]:
                condition["required"] = ["logicalType"]
    return found


def test_the_shipped_schema_is_the_official_one() -> None:
    shipped = dict(odcs.shape())
    assert "Apache-2.0" in shipped.pop("$comment")
    assert shipped == derived(OFFICIAL)


@pytest.mark.parametrize("document", [HEAD, FULL], ids=["least", "full"])
def test_what_is_right_is_right_for_both(document: dict[str, Any]) -> None:
    assert accepts(document)
    assert odcs.problems(document) == ()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_wrong_for_both(name: str) -> None:
    assert not accepts(WRONG[name])
    found = odcs.problems(WRONG[name])
    assert found
    assert all("`" in fault.message or "list" in fault.message or "operator" in fault.message for fault in found)


def test_a_property_without_a_logical_type_is_right_as_the_text_of_the_standard_has_it() -> None:
    document = {**HEAD, "schema": [{"name": "t", "properties": [{"name": "c"}]}]}
    assert not accepts(document), "the official schema was repaired: ship it as it is"
    assert odcs.problems(document) == ()


def places(node: Any, loc: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [loc, *(place for key, value in inner for place in places(value, (*loc, key)))]


PLACES = [place for place in places(FULL) if place]
VALUES = st.sampled_from(
    [None, True, 0, 1, -1, 1.5, 2.0, "", "a", "a.b", "integer", [], [1, 2], {}, {"a": 1}, ["a", "a"]]
)
KEYS = st.sampled_from(
    ["name", "type", "metric", "mustBe", "mustNotBe", "query", "enum", "unknown", "id", "logicalType"]
)


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "drop", "add"]), KEYS, VALUES), max_size=3))
@settings(max_examples=100)
def test_both_judge_a_changed_contract_alike(moves: list[tuple[tuple[Any, ...], str, str, Any]]) -> None:
    document = copy.deepcopy(FULL)
    for place, move, key, value in moves:
        change(document, place, move, key, copy.deepcopy(value))
    assert (odcs.problems(document) == ()) == accepts(document, dict(odcs.shape()))


def change(document: Any, place: tuple[Any, ...], move: str, key: str, value: Any) -> None:
    for part in place[:-1]:
        if not (isinstance(document, dict) and part in document) and not (
            isinstance(document, list) and isinstance(part, int) and part < len(document)
        ):
            return
        document = document[part]
    there = (
        place[-1] in document
        if isinstance(document, dict)
        else isinstance(document, list) and place[-1] in range(len(document))
    )
    if not there:
        return
    if move == "drop":
        del document[place[-1]]
    elif move == "set":
        document[place[-1]] = value
    elif isinstance(document[place[-1]], dict):
        document[place[-1]][key] = value


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (True, 1, False),
        ([1, {"a": 2}], [1.0, {"a": 2}], True),
        ([1], [1, 2], False),
        (None, False, False),
    ],
)
def test_equality_is_json_s(left: object, right: object, equal: bool) -> None:
    assert same(left, right) is equal


def test_a_fault_says_where_and_what_is_near() -> None:
    document = {**HEAD, "schema": [{"name": "t", "propertys": [], "quality": [{"metric": "rowCoutn", "mustBe": 1}]}]}
    told = {fault.loc: (fault.message, fault.hint) for fault in faults(document, odcs.shape())}
    assert told["schema", 0, "propertys"] == ("unknown key `propertys` in `schema`", "did you mean `properties`?")
    assert told["schema", 0, "quality", 0, "metric"] == (
        "`metric`: `rowCoutn` is not allowed",
        "did you mean `rowCount`?",
    )
