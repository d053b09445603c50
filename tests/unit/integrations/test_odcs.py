"""Contracts read: the standard's shapes old and new, what is wrong with them and where, and what is written back."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tidegate.config import checks_of
from tidegate.errors import ConfigSyntaxError
from tidegate.integrations import odcs, odcs_write
from tidegate.integrations.odcs import Reading
from tidegate.integrations.yaml_files import read_marked
from tidegate.model import Contract, ContractColumn, ContractTable

HEAD = """\
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
"""
COLUMN = (
    HEAD
    + """\
schema:
  - name: orders
    properties:
      - name: id
        logicalType: integer
      - name: status
        logicalType: string
        @@
"""
)
TABLE = (
    HEAD
    + """\
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer}
      - {name: day, logicalType: date}
    @@
"""
)
SLA = TABLE.replace("@@", "") + "slaProperties:\n  - @@\n"


def number(options: str) -> str:
    return COLUMN.replace("string\n        @@", f"number\n        logicalTypeOptions: {options}")


def day(options: str) -> str:
    return COLUMN.replace("string\n        @@", f"date\n        logicalTypeOptions: {options}")


def untyped(options: str) -> str:
    """A property without `logicalType`, of which the standard's schema says nothing."""
    return COLUMN.replace("logicalType: string\n        @@", f"logicalTypeOptions: {options}")


DOCS = Path(__file__).parents[3] / "docs" / "contracts.md"

SECOND = """\
apiVersion: 2.2.2
kind: DataContract
uuid: 53581432-6c55-4ba2-a65f-72344a91553a
version: 1.1.0
status: current
datasetDomain: seller
quantumName: my quantum
userConsumptionMode: Analytical
description: {purpose: Views built on top of the seller tables.}
dataset:
  - table: tbl
    physicalName: tbl_1
    priorTableName: seller
    columns:
      - column: txn_ref_dt
        isPrimary: false
        logicalType: date
        physicalType: date
        isNullable: true
      - column: rcvr_id
        isPrimary: true
        primaryKeyPosition: 1
        logicalType: string
        physicalType: varchar(18)
        isNullable: false
        quality:
          - {code: nullCheck, templateName: NullCheck, toolName: Elevate}
slaDefaultElement: tab1.txn_ref_dt
slaProperties:
  - {property: latency, value: 4, unit: d, column: tbl.txn_ref_dt}
stakeholders:
  - {username: ceastwood, role: Data Scientist}
"""


def read(text: str, **variables: str) -> Reading:
    return odcs.read(text, file="a.odcs.yaml", variables=variables, own=checks_of)


def contract(text: str, **variables: str) -> Contract:
    reading = read(text, **variables)
    assert reading.errors == ()
    assert reading.contract is not None
    return reading.contract


def told(reading: Reading, level: str = "error") -> list[str]:
    return [f"{r.line}:{r.column} {r.message}" for r in reading.remarks if r.level == level]


def test_a_table_has_what_is_said_of_it() -> None:
    found = contract(
        HEAD
        + """\
servers:
  - {server: other, type: postgres, host: h, port: 1, database: d, schema: public}
  - {server: here, type: duckdb, database: shop.duckdb, schema: raw}
schema:
  - name: orders
    physicalName: order_facts
    id: o
    properties:
      - name: order_id
        physicalName: oid
        id: oid_prop
        logicalType: integer
        physicalType: BIGINT
        primaryKey: true
        primaryKeyPosition: 1
      - {name: status, logicalType: string, required: true, unique: true, enum: [{value: paid}]}
      - name: address
        logicalType: object
        properties:
          - {name: street, logicalType: string, physicalName: str}
      - name: parent
        logicalType: integer
        relationships: [{to: schema/o/properties/oid_prop}, {to: other.yaml#/schema/a/properties/b}, {to: customers.id}]
    relationships:
      - {from: [orders.order_id, orders.status], to: [items.order_id, items.status]}
slaProperties:
  - {property: LY, value: 4, unit: d, element: "orders.a, orders.b"}
"""
    )
    assert (found.id, found.version, found.schema, found.file) == ("orders", "1.0.0", "raw", "a.odcs.yaml")
    (table,) = found.tables
    assert (table.name, table.physical_name, table.id, table.place) == (
        "orders",
        "order_facts",
        "o",
        "a.odcs.yaml:10:5",
    )
    key, status, address, street, parent = table.columns
    assert (key.physical_name, key.primary_key, key.physical_type, key.required) == ("oid", 1, "BIGINT", False)
    assert (status.required, status.unique, status.enum) == (True, True, ("paid",))
    assert (address.nested, street.nested, street.name, street.physical_name) == (
        False,
        True,
        "address.street",
        "address.str",
    )
    assert [(r.table, r.fields) for r in parent.references] == [
        ("orders", ("order_id",)),
        (None, ("other.yaml#/schema/a/properties/b",)),
        ("customers", ("id",)),
    ]
    (both,) = table.references
    assert (both.columns, both.table, both.fields) == (("order_id", "status"), "items", ("order_id", "status"))
    (latency,) = found.sla
    assert (latency.property, latency.elements) == ("latency", ("orders.a", "orders.b"))
    assert [c.name for c in table.key] == ["order_id"]


def test_version_2_is_read_as_version_3() -> None:
    reading = read(SECOND)
    assert told(reading) == []
    found = reading.contract
    assert found is not None
    assert (found.id, found.api_version, found.description) == (
        "53581432-6c55-4ba2-a65f-72344a91553a",
        "v2.2.2",
        "Views built on top of the seller tables.",
    )
    (table,) = found.tables
    day, receiver = table.columns
    assert (table.name, table.physical_name) == ("tbl", "tbl_1")
    assert (day.logical_type, day.required) == ("date", False)
    assert (receiver.primary_key, receiver.required, receiver.physical_type) == (1, True, "varchar(18)")
    assert [(q.type, q.engine, q.name) for q in receiver.quality] == [("custom", "Elevate", "NullCheck")]
    assert found.sla[0].elements == ("tbl.txn_ref_dt",)
    assert "10:1 this is the shape of version 2" in told(reading, "warning")
    assert receiver.place == "a.odcs.yaml:20:9"


def test_old_shapes_of_version_3_are_read_and_told() -> None:
    reading = read(
        HEAD.replace("3.2.0", "3.0.2")
        + """\
team: [{username: ann}]
slaDefaultElement: orders.at
slaProperties: [{property: latency, value: 4, unit: d}]
schema:
  - name: orders
    quality: [{type: library, rule: rowCount, mustBeGreaterThan: 0}]
    properties:
      - name: at
        logicalType: string
        quality:
          - {rule: nullCheck}
          - {type: library, rule: validValues, validValues: [a, b], mustBeLessThan: 3}
          - {rule: duplicateCount, mustBeLessThan: 10, unit: rows}
"""
    )
    assert told(reading) == []
    assert [line.partition(" ")[2] for line in told(reading, "warning")] == [
        "a list of members is obsolete",
        "`slaDefaultElement` is obsolete",
        *["`rule` is obsolete"] * 4,
    ]
    found = reading.contract
    assert found is not None
    assert found.sla[0].elements == ("orders.at",)
    nulls, valid, twice = found.tables[0].columns[0].quality
    assert (nulls.metric, nulls.operator, nulls.bound) == ("nullValues", "mustBe", 0)
    assert (valid.metric, valid.arguments, valid.operator) == (
        "invalidValues",
        {"validValues": ["a", "b"]},
        "mustBeLessThan",
    )
    assert (twice.metric, twice.bound) == ("duplicateValues", 10)
    assert found.tables[0].quality[0].metric == "rowCount"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (COLUMN.replace("@@", "requird: true"), "13:9 unknown key `requird` in `properties`"),
        (COLUMN.replace("@@", "enum: [{value: 1}]"), "11:9 `1` in `enum` is no string"),
        (COLUMN.replace("@@", "logicalTypeOptions: {minLength: 5, maxLength: 2}"), "11:9 `status`: `minLength` 5 is above `maxLength` 2"),
        (COLUMN.replace("@@", "logicalTypeOptions: {pattern: '(a'}"), "no regular expression"),
        (number("{minimum: 5, exclusiveMaximum: 4}"), "11:9 `status`: `minimum` 5 is above `exclusiveMaximum` 4"),
        (number("{exclusiveMinimum: 5, maximum: 5.0}"), "`exclusiveMinimum` 5 is as great as `maximum` 5.0, so no value is left"),
        (number("{minimum: .inf}"), "`status`: `minimum` cannot be `inf`"),
        (number("{maximum: .nan}"), "`status`: `maximum` cannot be `nan`"),
        (number("{multipleOf: .inf}"), "`multipleOf` cannot be `inf`"),
        (day("{minimum: soon}"), "`status`: `minimum` cannot be `soon`"),
        (day("{minimum: '2026-01-02T00:00:00Z', maximum: '2026-01-02T00:30:00+02:00'}"), "`minimum` 2026-01-02T00:00:00Z is above `maximum`"),
        (untyped("{minLength: '1 OR TRUE'}"), "`minLength` cannot be `1 OR TRUE`"),
        (untyped("{multipleOf: x}"), "`multipleOf` cannot be `x`"),
        (untyped("{maximum: [1]}"), "`maximum` cannot be `[1]`"),
        (untyped("{uniqueItems: 1}"), "`uniqueItems` cannot be `1`"),
        (untyped("{pattern: 1}"), "`pattern` cannot be `1`"),
        (COLUMN.replace("string\n        @@", "array\n        items: {logicalType: integer, logicalTypeOptions: {minimum: 2, maximum: 1}}"), "13:9 `status[]`: `minimum` 2 is above `maximum` 1"),
        (day("{}").replace("logicalTypeOptions: {}", "enum: [{value: soon}]"), "`soon` in `enum` is no date"),
        (COLUMN.replace("@@", "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValue: [a], pattern: a}}]"), "13:19 `invalidValues` has no argument `validValue`"),
        (COLUMN.replace("@@", "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: a}}]"), "`validValues` is not a list of values"),
        (COLUMN.replace("@@", "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: []}}]"), "`validValues` is not a list of values"),
        (COLUMN.replace("@@", "quality: [{metric: invalidValues, mustBe: 0, arguments: {pattern: 5}}]"), "`pattern` cannot be `5`"),
        (COLUMN.replace("@@", "quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: n/a}}]"), "`missingValues` is not a list of values"),
        (COLUMN.replace("@@", "quality: [{metric: nullValues, mustBe: 0, arguments: {validValues: [a]}}]"), "`nullValues` has no argument `validValues`"),
        (COLUMN.replace("@@", "quality: [{metric: duplicateValues, mustBe: 0, arguments: {properties: [id]}}]"), "`duplicateValues` of a column has no argument `properties`"),
        (COLUMN.replace("@@", "quality: [{metric: nullValues, mustBeLessThan: .nan}]"), "`mustBeLessThan`: `nan` cannot be compared"),
        (COLUMN.replace("@@", "quality: [{metric: nullValues, mustBeBetween: [1, .inf]}]"), "`mustBeBetween`: `[1, inf]` cannot be compared"),
        (COLUMN.replace("@@", "logicalTypeOptions: {pattern: 'a(?=b)'}"), "look-around"),
        (COLUMN.replace("@@", "relationships: [{to: orders.idd}]"), "13:25 `orders` has no column `idd`"),
        (COLUMN.replace("@@", "quality: [{metric: rowCount, mustBe: 1}]"), "13:19 `rowCount` is a number of the whole table"),
        (COLUMN.replace("@@", "quality: [{metric: invalidValues, mustBe: 1}]"), "`invalidValues` does not say what is valid"),
        (COLUMN.replace("@@", "quality: [{metric: nullValues, mustBe: 1, unit: percents}]"), "the unit `percents` is not known"),
        (COLUMN.replace("@@", "quality: [{metric: nullValues, mustBe: some}]"), "`mustBe`: `some` cannot be compared"),
        (COLUMN.replace("@@", "quality: [{metric: nullValues, mustBeBetween: [5, 1]}]"), "5 is above 1"),
        (COLUMN.replace("@@", "quality: [{type: sql, query: drop table x, mustBe: 1}]"), "it is not one SELECT"),
        (COLUMN.replace("@@", "quality: [{type: custom, engine: tidegate, implementation: {rul: a}}]"), "13:52 unknown key `rul`"),
        (COLUMN.replace("@@", "quality: [{type: custom, engine: tidegate, implementation: 'a > 1'}]"), "a mapping is expected"),
        (COLUMN.replace("@@", "quality: [{type: sql, query: 'select 1 from ${WHERE_IT_IS}', mustBe: 1}]"), "13:31 the variable `WHERE_IT_IS` is not set"),
        (COLUMN.replace("@@", "").replace("name: status", "name: ID"), "11:9 there are two columns called `ID`"),
        (TABLE.replace("@@", "quality: [{metric: nullValues, mustBe: 1}]"), "`nullValues` is a number of one column"),
        (TABLE.replace("@@", "quality: [{metric: duplicateValues, mustBe: 0}]"), "does not say of which columns"),
        (TABLE.replace("@@", "quality: [{metric: duplicateValues, mustBe: 0, arguments: {properties: [idd]}}]"), "no column `idd`"),
        (TABLE.replace("@@", "quality: [{type: sql, query: 'select {property} from {object}', mustBe: 0}]"), "stands at a table"),
        (TABLE.replace("@@", "relationships: [{from: [orders.id], to: [a.b, a.c]}]"), "11:21 1 column refers to 2"),
        (TABLE.replace("@@", "relationships: [{from: orders.ids, to: a.b}]"), "`orders` has no column `ids`"),
        (SLA.replace("@@", "{property: latency, value: soon}"), "`latency`: `soon` is no length of time"),
        (SLA.replace("@@", "{property: latency, value: 4, unit: moons}"), "`latency`: `4 moons` is no length of time"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, line: str) -> None:
    errors = told(read(text))
    assert len(errors) == 1
    assert line in errors[0]
    assert all(remark.hint for remark in read(text).errors)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD.replace("1.0.0", "'1'"), "1:1 the version `1` is not semantic"),
        (HEAD.replace("active", "actve"), "1:1 the status `actve` is not one of the standard's"),
        (HEAD.replace("status: active\n", ""), "1:1 there is no `status`"),
        (HEAD, "1:1 it promises nothing about any table"),
        (COLUMN.replace("@@", "").replace("        logicalType: string\n", ""), "`status` has no `logicalType`"),
        (COLUMN.replace("@@", "physicalType: INTEGER"), "`status` is `string`, and its physical type `INTEGER` is not"),
        (
            COLUMN.replace("@@", "quality: [{metric: nullValues, mustBe: 150, unit: percent}]"),
            "no share of 100 percent",
        ),
        (
            COLUMN.replace("@@", "quality: [{metric: missingValues, mustBe: 1}]"),
            "does not say what stands for a missing value",
        ),
        (SLA.replace("@@", "{property: latency, value: 4, element: order.day}"), "names no table of the contract"),
        (SLA.replace("@@", "{property: latency, value: 4, element: orders.dy}"), "`orders` has no column `dy`"),
    ],
)
def test_what_is_odd_is_a_warning(text: str, line: str) -> None:
    reading = read(text)
    assert reading.errors == ()
    assert reading.contract is not None
    assert any(line in said for said in told(reading, "warning"))


@pytest.mark.parametrize("text", ["a: [1", "- a\n", "text", "a: 1\na: 2\n", ""])
def test_what_is_no_contract_at_all_is_refused(text: str) -> None:
    with pytest.raises(ConfigSyntaxError, match=r"`a\.odcs\.yaml`:\d+:\d+: "):
        read(text)


def test_variables_stand_for_their_values() -> None:
    text = COLUMN.replace("@@", "quality: [{type: sql, query: 'select ${COL:-id} from ${object}', mustBe: 1}]")
    assert contract(text).tables[0].columns[1].quality[0].query == "select id from ${object}"
    assert contract(text, COL="x").tables[0].columns[1].quality[0].query == "select x from ${object}"
    assert contract(text, COL="").tables[0].columns[1].quality[0].query == "select id from ${object}"


def test_a_variable_of_a_server_need_not_be_set() -> None:
    server = "servers: [{server: s, type: postgres, host: '${HOST}', port: 1, database: d, schema: s}]\n"
    assert read(TABLE.replace("@@", "") + server).errors == ()


def test_checks_of_our_own_are_taken_as_they_are_written_in_tidegate_yml() -> None:
    text = COLUMN.replace(
        "@@",
        """quality:
          - {type: custom, engine: tidegate, implementation: {rule: "id >= 0", on_fail: warn}}
          - type: custom
            engine: Tidegate
            implementation: |
              not_null: [id, status]""",
    )
    first, second = contract(text).tables[0].columns[1].quality
    assert [(c.kind, c.blocking) for c in first.checks] == [("rule", False)]
    assert [(c.kind, c.column) for c in second.checks] == [("not_null", "id"), ("not_null", "status")]


def test_what_is_written_is_valid_and_read_back() -> None:
    column = ContractColumn(
        name="status", physical_name="status", place="", logical_type="string", physical_type="VARCHAR",
        required=True, enum=("yes", "1", "a: b"), description="It's `so`: #1",
    )  # fmt: skip
    key = ContractColumn(name="id", physical_name="id", place="", logical_type="integer", primary_key=1, unique=True)
    table = ContractTable(
        name="orders", physical_name="raw.orders", place="", columns=(key, column), physical_type="table"
    )
    made = Contract(
        id="shop", version="1.0.0", api_version="v3.2.0", status="draft", file="", schema="raw", tables=(table,)
    )
    text = odcs_write.text(made, database="shop.duckdb")
    assert odcs.problems(odcs_write.document(made, database="shop.duckdb")) == ()
    found = contract(text)
    assert read(text).remarks == ()
    plain = dataclasses.replace(
        found,
        file="",
        tables=tuple(
            dataclasses.replace(t, place="", columns=tuple(dataclasses.replace(c, place="") for c in t.columns))
            for t in found.tables
        ),
    )
    assert plain == made
    assert read_marked(text, name="x").content == odcs_write.document(made, database="shop.duckdb")


def test_the_example_of_the_docs_is_right() -> None:
    (text,) = re.findall(r"^```yaml odcs\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert read(text).remarks == ()
    assert odcs.problems(read_marked(text, name="docs").content) == ()
