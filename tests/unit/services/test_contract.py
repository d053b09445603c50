"""Contracts judged on a real DuckDB version: each demand kept, not kept, and what is only carried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.services.site import add_version, make_site, settings_of
from tidegate.checks.contract import expected, is_logical, logical_type, meets, same_type
from tidegate.checks.failing import ArgumentError
from tidegate.checks.promises import seconds
from tidegate.config import checks_of
from tidegate.errors import NothingCheckedError, NothingPublishedError, UsageError
from tidegate.integrations import odcs
from tidegate.metrics import family_of
from tidegate.model import Check, CheckResult, Column, Contract, DatasetRef, Outcome, TableSettings
from tidegate.services import contract as service
from tidegate.services.site import Site

ROWS = """
create schema raw;
create table raw.orders as select
    i as id,
    case when i < 90 then 'c' || (i % 30) end as customer,
    ['new', 'paid', 'sent'][1 + i % 3] as status,
    (i * 0.5)::decimal(18, 2) as amount,
    timestamp '2026-02-28 23:00:00' - interval (i) hour as placed,
    date '2026-02-28' as day,
    'p' || i || '@example.com' as email,
    [i, i] as list,
    i // 10 as part,
    i % 10 as place,
    {'street': 'x', 'n': i} as address
from range(100) t(i)
"""
MORE = (
    "create table raw.customers as select 'c' || i as name, i as number from range(20) t(i)",
    "create table raw.pairs as select i // 10 as a, i % 10 as b from range(50) t(i)",
    "create schema other",
    "create table other.twin as select 1 as x",
    "create table raw.twin as select 1 as x",
    "create table raw.nothing (x integer, y varchar)",
    """create table raw.measures as select
        (i / 10)::decimal(18, 2) as price,
        i / 10 as share,
        case when i = 7 then 'nan'::double else i * 1.0 end as reading,
        timestamp '2026-02-01 12:00:00' + interval (i % 2) day as at,
        timestamptz '2026-02-01 12:00:00+00' as zoned,
        i % 2 = 0 as flag,
        i % 3 as code,
        case when i = 3 then 'x' else (i * 5)::varchar end as said,
        [(i / 10)::decimal(9, 1), null] as prices,
        [['a'], ['b', 'c' || i % 2]] as names,
        [{'a': i}] as parts,
        map {'k': i} as named,
        [1, null] as lone
    from range(10) t(i)""",
)
HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("contract")
    made = make_site(folder)
    add_version(made, 1, *ROWS.split(";"), *MORE)
    return made


def contract(body: str, **head: str) -> Contract:
    text = HEAD
    for key, value in head.items():
        text = "".join(f"{key}: {value}\n" if line.startswith(f"{key}:") else f"{line}\n" for line in text.splitlines())
    reading = odcs.read(text + body, file="orders.odcs.yaml", variables={}, own=checks_of)
    assert reading.contract is not None, reading.remarks
    return reading.contract


def results(site: Site, body: str, **head: str) -> dict[str, CheckResult]:
    return {r.check.name: r for r in service.test(site, [contract(body, **head)]).results}


def on(column: str, said: str, *, table: str = "raw.orders") -> str:
    return (
        f"schema:\n  - name: orders\n    physicalName: {table}\n    properties:\n      - {{name: {column}, {said}}}\n"
    )


def of(said: str) -> str:
    return f"schema:\n  - name: orders\n    physicalName: raw.orders\n    properties: []\n    quality: [{said}]\n"


def judged(site: Site, body: str, name: str) -> tuple[str, str]:
    result = results(site, body)[name]
    assert result.check.source == "odcs"
    assert result.check.declared_in is not None
    assert result.check.declared_in.startswith("orders.odcs.yaml:")
    return result.outcome.value, result.reason


COLUMNS: list[tuple[str, str, str, str, str]] = [
    ("id", "logicalType: integer", "type of id", "pass", "it is BIGINT"),
    ("id", "logicalType: string", "type of id", "fail", "`id` is BIGINT, promised is string"),
    ("amount", 'logicalType: number, physicalType: "numeric(18,2)"', "type of amount", "pass", "DECIMAL(18,2)"),
    ("amount", 'logicalType: number, physicalType: "decimal(10,2)"', "type of amount", "fail", "promised is decimal(10,2)"),
    ("email", 'logicalType: string, physicalType: "varchar(18)"', "type of email", "pass", "VARCHAR"),
    ("email", "logicalType: string, physicalType: NUMBER", "type of email", "pass", "VARCHAR"),
    ("list", 'logicalType: array, physicalType: "BIGINT[]"', "type of list", "pass", "BIGINT[]"),
    ("address", "logicalType: object", "type of address", "pass", "STRUCT"),
    ("id", "required: true", "required id", "pass", "100 rows"),
    ("customer", "required: true", "required customer", "fail", "10 of 100 rows have no `customer`"),
    ("id", "primaryKey: true", "unique id", "pass", "100 rows"),
    ("part", "primaryKey: true", "unique part", "fail", "10 values of `part` occur more than once"),
    ("status", "enum: [{value: new}, {value: paid}, {value: sent}]", "enum of status", "pass", ""),
    ("status", "enum: [{value: new}, {value: paid}]", "enum of status", "fail", "1 value of `status` is not among"),
    ("place", "logicalType: integer, enum: [{value: 1}, {value: 2}]", "enum of place", "fail", "8 values"),
    ("id", "logicalType: integer, logicalTypeOptions: {minimum: 0}", "minimum of id", "pass", ""),
    ("id", "logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 0}", "exclusiveMinimum of id", "fail", "1 of 100"),
    ("id", "logicalType: integer, logicalTypeOptions: {maximum: 90}", "maximum of id", "fail", "9 of 100"),
    ("id", "logicalType: integer, logicalTypeOptions: {exclusiveMaximum: 100}", "exclusiveMaximum of id", "pass", ""),
    ("amount", "logicalType: number, logicalTypeOptions: {multipleOf: 0.5}", "multipleOf of amount", "pass", ""),
    ("id", "logicalType: integer, logicalTypeOptions: {multipleOf: 7}", "multipleOf of id", "fail", "85 of 100"),
    ("id", "logicalType: integer, logicalTypeOptions: {format: u8}", "format of id", "pass", ""),
    ("day", 'logicalType: date, logicalTypeOptions: {minimum: "2026-03-01"}', "minimum of day", "fail", "100 of 100"),
    ("placed", 'logicalType: timestamp, logicalTypeOptions: {maximum: "2026-03-01"}', "maximum of placed", "pass", ""),
    ("email", "logicalType: string, logicalTypeOptions: {format: email}", "format of email", "pass", ""),
    ("status", "logicalType: string, logicalTypeOptions: {format: uuid}", "format of status", "fail", "100 of 100"),
    ("email", "logicalType: string, logicalTypeOptions: {pattern: '^p[1-9]'}", "pattern of email", "fail", "1 of 100"),
    ("email", "logicalType: string, logicalTypeOptions: {minLength: 15}", "minLength of email", "fail", "10 of 100"),
    ("email", "logicalType: string, logicalTypeOptions: {maxLength: 15}", "maxLength of email", "pass", ""),
    ("list", "logicalType: array, logicalTypeOptions: {minItems: 2}", "minItems of list", "pass", ""),
    ("list", "logicalType: array, logicalTypeOptions: {uniqueItems: true}", "uniqueItems of list", "fail", "100 of 100"),
    ("customer", "quality: [{metric: nullValues, mustBe: 10}]", "nullValues customer", "pass", "10 rows"),
    ("customer", "quality: [{metric: nullValues, mustBeLessThan: 10, unit: percent}]", "nullValues customer", "fail", "no `customer` in 10 %, expected less than 10 %"),
    ("customer", "quality: [{metric: nullValues, mustBeLessOrEqualTo: 10, unit: percent}]", "nullValues customer", "pass", "10 %"),
    ("customer", "quality: [{metric: missingValues, mustBe: 13, arguments: {missingValues: [null, c1]}}]", "missingValues customer", "pass", "13 rows"),
    ("status", "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [new, paid]}}]", "invalidValues status", "fail", "in 33 rows, expected 0"),
    ("status", "quality: [{metric: invalidValues, mustNotBe: 33, arguments: {pattern: '^(new|paid)$'}}]", "invalidValues status", "fail", "anything but 33"),
    ("customer", "quality: [{metric: invalidValues, mustBe: 0, arguments: {pattern: '^c'}}]", "invalidValues customer", "pass", ""),
    ("customer", "quality: [{metric: duplicateValues, mustBeGreaterThan: 29}]", "duplicateValues customer", "pass", "30 values"),
    ("id", "quality: [{metric: duplicateValues, mustBeGreaterOrEqualTo: 1}]", "duplicateValues id", "fail", "at least 1"),
    ("id", "quality: [{type: sql, query: 'select max({property}) from {object}', mustBe: 99}]", "query of id", "pass", "99"),
    ("id", "quality: [{type: sql, query: 'select bool_and(${column} < 5) from ${table}', mustBe: true}]", "query of id", "fail", "the query gives 0"),
    ("id", "quality: [{type: custom, engine: tidegate, implementation: {rule: 'id > 4'}}]", "rule id > 4", "fail", "5 of 100"),
    ("id", "quality: [{name: high, type: custom, engine: tidegate, implementation: {row_count: {min: 101}}}]", "high", "fail", "there are 100 rows"),
]  # fmt: skip


VALUES: list[tuple[str, str, str, str, str]] = [
    ("price", "quality: [{metric: invalidValues, mustBe: 7, arguments: {validValues: [0, 0.1, '0.90']}}]", "invalidValues price", "pass", "7 rows"),
    ("share", "quality: [{metric: invalidValues, mustBe: 7, arguments: {validValues: [0, 0.1, '0.90']}}]", "invalidValues share", "pass", "7 rows"),
    ("price", "quality: [{metric: missingValues, mustBe: 1, arguments: {missingValues: [0.3, n/a, '']}}]", "missingValues price", "pass", "1 row"),
    ("code", "quality: [{metric: invalidValues, mustBe: 7, arguments: {validValues: [1, 1.5, x]}}]", "invalidValues code", "pass", "7 rows"),
    ("code", "quality: [{metric: invalidValues, mustBe: 10, arguments: {validValues: [1.5]}}]", "invalidValues code", "pass", "10 rows"),
    ("code", "quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: [n/a]}}]", "missingValues code", "pass", "0 rows"),
    ("at", "quality: [{metric: invalidValues, mustBe: 5, arguments: {validValues: ['2026-02-01T13:00:00+01:00']}}]", "invalidValues at", "pass", "5 rows"),
    ("zoned", "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: ['2026-02-01T12:00:00Z']}}]", "invalidValues zoned", "pass", ""),
    ("flag", "quality: [{metric: invalidValues, mustBe: 5, arguments: {validValues: [true]}}]", "invalidValues flag", "pass", "5 rows"),
    ("said", "quality: [{metric: invalidValues, mustBe: 9, arguments: {validValues: [5, 5.0]}}]", "invalidValues said", "pass", "9 rows"),
    ("price", "enum: [{value: 0}, {value: 0.005}]", "enum of price", "fail", "9 values of `price` are not among"),
    ("code", "enum: [{value: 0}, {value: 0.5}]", "enum of code", "fail", "2 values of `code` are not among"),
    ("code", "enum: [{value: 0.5}]", "enum of code", "fail", "10 of 10 rows"),
    ("code", "enum: [{value: new}]", "enum of code", "fail", "10 of 10 rows"),
    ("at", "enum: [{value: '2026-02-01T12:00:00Z'}, {value: '2026-02-02 12:00'}]", "enum of at", "pass", ""),
    ("reading", "logicalType: number, logicalTypeOptions: {minimum: 0}", "minimum of reading", "fail", "1 of 10"),
    ("reading", "logicalType: number, logicalTypeOptions: {exclusiveMinimum: -1}", "exclusiveMinimum of reading", "fail", "1 of 10"),
    ("reading", "logicalType: number, logicalTypeOptions: {maximum: 99}", "maximum of reading", "fail", "1 of 10"),
    ("share", "logicalType: number, logicalTypeOptions: {multipleOf: 0.1}", "multipleOf of share", "pass", ""),
    ("share", "logicalType: number, logicalTypeOptions: {multipleOf: 0.2}", "multipleOf of share", "fail", "5 of 10"),
    ("price", "logicalType: number, logicalTypeOptions: {multipleOf: 0.1}", "multipleOf of price", "pass", ""),
    ("price", "logicalType: number, logicalTypeOptions: {multipleOf: 0.04}", "multipleOf of price", "fail", "5 of 10"),
    ("said", "logicalType: number, physicalType: VARCHAR, logicalTypeOptions: {minimum: 10}", "minimum of said", "fail", "3 of 10"),
    ("said", "logicalType: number, physicalType: VARCHAR, logicalTypeOptions: {multipleOf: 5}", "multipleOf of said", "fail", "1 of 10"),
    ("zoned", "logicalType: timestamp, logicalTypeOptions: {maximum: '2026-02-01T12:30:00+01:00'}", "maximum of zoned", "fail", "10 of 10"),
    ("zoned", "logicalType: timestamp, logicalTypeOptions: {minimum: '2026-02-01T13:00:00-01:00'}", "minimum of zoned", "fail", "10 of 10"),
    ("lone", "logicalType: array, logicalTypeOptions: {uniqueItems: true}", "uniqueItems of lone", "pass", ""),
    ("prices", "logicalType: array, items: {logicalType: number, logicalTypeOptions: {maximum: 0.5}}", "maximum of the items of prices", "fail", "4 of 10"),
    ("prices", "logicalType: array, items: {logicalType: number, logicalTypeOptions: {multipleOf: 0.1}}", "multipleOf of the items of prices", "pass", ""),
    ("prices", "logicalType: array, items: {logicalType: number, required: true}", "required of the items of prices", "fail", "10 of 10"),
    ("prices", "logicalType: array, items: {logicalType: number, enum: [{value: 0}, {value: 0.1}]}", "enum of the items of prices", "fail", "8 of 10"),
    ("prices", "logicalType: array, items: {logicalType: string}", "type of prices of the items", "fail", "`an item of prices` is DECIMAL(9,1), promised is string"),
    ("prices", "logicalType: array, items: {logicalType: number, physicalType: 'numeric(9,1)'}", "type of prices of the items", "pass", ""),
    ("names", "logicalType: array, items: {logicalType: array, items: {logicalType: string, logicalTypeOptions: {pattern: '^[a-b]$|c0--'}}}", "pattern of the items of the items of names", "fail", "10 of 10"),
    ("names", "logicalType: array, items: {logicalType: array, logicalTypeOptions: {maxItems: 2}, items: {logicalType: string, logicalTypeOptions: {maxLength: 2}}}", "maxLength of the items of the items of names", "pass", ""),
    ("names", "logicalType: array, items: {logicalType: array, logicalTypeOptions: {minItems: 2}, items: {logicalType: string}}", "minItems of the items of names", "fail", "10 of 10"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "said", "name", "outcome", "reason"), VALUES)
def test_values_are_compared_as_the_column_has_them(
    site: Site, column: str, said: str, name: str, outcome: str, reason: str
) -> None:
    found, why = judged(site, on(column, said, table="raw.measures"), name)
    assert found == outcome, why
    assert reason in why


@pytest.mark.parametrize(
    ("column", "said", "carried"),
    [
        ("prices", "logicalType: array, items: {logicalType: number, unique: true}", "`unique of the items` of"),
        ("prices", "logicalType: array, items: {logicalType: number, quality: [{metric: nullValues, mustBe: 0}]}", "`quality `nullValues` of the items` of"),
        ("prices", "logicalType: array, items: {logicalType: number, relationships: [{to: a.b}]}", "`relationships of the items` of"),
        ("price", "logicalType: array, items: {logicalType: number, required: true}", "`required of the items` of"),
        ("parts", "logicalType: array, items: {logicalType: object, properties: [{name: a, logicalType: integer, required: true}]}", "`orders.parts[].a` (a part of a struct or a map)"),
        ("named", "logicalType: map, map: {key: {logicalType: string, required: true}, value: {logicalType: integer}}", "`orders.named.key` (a part of a struct or a map)"),
        ("price", "logicalTypeOptions: {minimum: soon}", "`minimum` of"),
        ("price", "logicalTypeOptions: {multipleOf: 0}", "`multipleOf` of"),
        ("said", "logicalTypeOptions: {minLength: '1 OR TRUE'}", "`minLength` of"),
        ("prices", "logicalTypeOptions: {maxItems: [1]}", "`maxItems` of"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_of_a_value_is_carried(site: Site, column: str, said: str, carried: str) -> None:
    found = results(site, on(column, said, table="raw.measures"))
    assert carried in found["what is carried"].reason


@pytest.mark.parametrize(("column", "said", "name", "outcome", "reason"), COLUMNS)
def test_a_demand_on_a_column(site: Site, column: str, said: str, name: str, outcome: str, reason: str) -> None:
    found, why = judged(site, on(column, said), name)
    assert found == outcome, why
    assert reason in why


TABLES: list[tuple[str, str, str, str]] = [
    ("{metric: rowCount, mustBe: 100}", "rowCount", "pass", "100 rows"),
    ("{metric: rowCount, mustBeBetween: [100, 200]}", "rowCount", "pass", ""),
    ("{metric: rowCount, mustBeBetween: [1, 99]}", "rowCount", "fail", "there are 100 rows, expected 1 to 99"),
    ("{metric: rowCount, mustNotBeBetween: [1, 99]}", "rowCount", "pass", ""),
    ("{metric: rowCount, mustNotBeBetween: [1, 100]}", "rowCount", "fail", "a number outside 1 to 100"),
    ("{metric: duplicateValues, mustBe: 0, arguments: {properties: [part, place]}}", "duplicateValues", "pass", ""),
    ("{metric: duplicateValues, mustBe: 0, arguments: {properties: [part, status]}}", "duplicateValues", "fail", "30 values of `part`, `status`"),
    ("{name: q, type: sql, query: select count(*) from orders, mustBe: 100}", "q", "pass", ""),
    ("{name: q, type: sql, query: with orders as (select 1) select count(*) from orders, mustBe: 1}", "q", "pass", ""),
    ("{name: q, type: sql, query: 'select max(id) from {object} where id < 0', mustBe: 1}", "q", "error", "the query returned NULL"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "name", "outcome", "reason"), TABLES)
def test_a_demand_on_a_table(site: Site, said: str, name: str, outcome: str, reason: str) -> None:
    found, why = judged(site, of(said), name)
    assert found == outcome, why
    assert reason in why


def test_a_failed_demand_has_a_sample_of_whole_rows(site: Site) -> None:
    duplicates = "{metric: duplicateValues, mustBe: 0, arguments: {properties: [part, status]}}"
    sample = results(site, of(duplicates))["duplicateValues"].sample
    assert sample is not None
    assert "id" in sample.columns
    assert len(sample.rows) == 20


def test_a_key_of_several_columns(site: Site) -> None:
    def key(second: str) -> str:
        return on("part", "primaryKey: true, primaryKeyPosition: 1") + (
            f"      - {{name: {second}, primaryKey: true, primaryKeyPosition: 2}}\n"
        )

    assert judged(site, key("place"), "primary key")[0] == "pass"
    outcome, reason = judged(site, key("status"), "primary key")
    assert (outcome, reason) == ("fail", "30 values of `part`, `status` occur more than once, expected 0")


def test_references(site: Site) -> None:
    others = "  - {name: customers, physicalName: customers, properties: [{name: name}]}\n"
    body = on("customer", "relationships: [{to: customers.name}, {to: gone.name}]") + others
    result = results(site, body)["customer refers to customers.name"]
    assert (result.outcome, result.failures) == (Outcome.FAIL, 30)
    assert "the reference of `orders` to `gone.name`" in results(site, body)["what is carried"].reason
    both = "relationships: [{from: [orders.part, orders.place], to: [pairs.a, pairs.b]}]"
    body = f"schema:\n  - name: orders\n    physicalName: raw.orders\n    {both}\n    properties: []\n"
    outcome, reason = judged(site, body, "part, place refer to pairs")
    assert outcome == "fail"
    assert reason == "50 of 100 rows have values of `part`, `place`, which raw.pairs lacks in `a`, `b`"


def test_what_is_not_there_is_told_once(site: Site) -> None:
    gone = on("id", "required: true, unique: true", table="raw.ordrs")
    found = results(site, gone)
    assert [(r.outcome, r.reason) for r in found.values()] == [
        (Outcome.FAIL, "there is no table `raw.ordrs`; did you mean `raw.orders`?")
    ]
    found = results(site, on("idd", "required: true, unique: true"))
    assert [r.outcome for r in found.values()] == [Outcome.FAIL]
    assert "it has no column `idd`; did you mean `id`?" in found["columns of orders"].reason
    both = on("idd", "required: true") + "      - {name: zzzz, logicalType: string}\n"
    assert "no column `idd` (did you mean `id`?), `zzzz`" in results(site, both)["columns of orders"].reason


@pytest.mark.parametrize(
    ("name", "server", "found"),
    [
        ("raw.twin", None, "raw.twin"),
        ("shop.raw.twin", None, "raw.twin"),
        ("RAW.Twin", None, "raw.twin"),
        ("orders", None, "raw.orders"),
        ("twin", "other", "other.twin"),
        ("twin", None, "main.twin"),
        ("orders", "other", "raw.orders"),
        ("other.orders", None, "other.orders"),
    ],
)
def test_which_table_is_meant(site: Site, name: str, server: str | None, found: str) -> None:
    servers = f"servers: [{{server: a, type: duckdb, database: d, schema: {server}}}]\n" if server else ""
    (result, *_) = results(site, servers + on("x", "required: true", table=name)).values()
    assert str(result.check.dataset) == found


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("{property: latency, value: 8, unit: h, element: orders.placed}", Outcome.PASS),
        ("{property: latency, value: 6, unit: h, element: orders.placed}", Outcome.FAIL),
        ("{property: FY, value: 1, unit: d, element: placed}", Outcome.PASS),
        ("{property: freshness, value: 31, unit: h, element: orders.day}", Outcome.PASS),
        ("{property: freshness, value: 5, unit: h, element: orders.day}", Outcome.FAIL),
        ("{property: latency, value: 1, unit: y, element: orders.status}", None),
        ("{property: latency, value: 1, unit: y}", None),
        ("{property: retention, value: 1, unit: y, element: orders.placed}", None),
        ("{property: timeToDetect, value: 1, unit: h}", None),
    ],
)
def test_service_levels(site: Site, said: str, outcome: Outcome | None) -> None:
    """It is 2026-03-01 06:00: the newest row is 7 hours old, and the newest day ended 6 hours ago."""
    found = results(site, on("id", "required: true") + f"slaProperties:\n  - {said}\n")
    ages = [r.outcome for r in found.values() if r.check.kind == "freshness"]
    assert ages == ([] if outcome is None else [outcome])
    assert ("what is carried" in found) is (outcome is None)


def test_what_only_others_can_evaluate_is_never_green(site: Site) -> None:
    quality = "quality: [{type: text, description: It is good.}, {type: custom, engine: soda, implementation: x}]"
    told = service.test(site, [contract(on("id", f"required: true, {quality}"))])
    assert told.carried == (
        "`It is good.` of `orders.id` (a text for people)",
        "`soda` of `orders.id` (only `soda` can evaluate it)",
    )
    carried = next(r for r in told.results if r.check.kind == "carried")
    assert carried.outcome is Outcome.SKIPPED
    assert carried.reason.startswith("not executable, so nobody looked: `It is good.`")


def test_a_contract_of_texts_alone_is_not_green(site: Site) -> None:
    only = contract("slaProperties: [{property: availability, value: 99}]\n")
    with pytest.raises(NothingCheckedError, match="nothing in `orders"):
        service.test(site, [only])
    with pytest.raises(NothingCheckedError, match="there is no contract"):
        service.test(site, [])


def test_a_draft_and_a_mild_demand_hold_nothing(site: Site) -> None:
    body = on("customer", "required: true, quality: [{metric: nullValues, mustBe: 0, severity: warning}]")
    active = service.test(site, [contract(body)])
    assert [r.check.name for r in active.broken] == ["required customer"]
    draft = service.test(site, [contract(body, status="draft")])
    assert draft.broken == ()
    assert {r.outcome for r in draft.results if "customer" in r.check.name} == {Outcome.WARN}
    with pytest.raises(NothingCheckedError):
        service.test(site, [contract(body, status="retired")])


def test_a_table_without_rows_is_not_green(site: Site) -> None:
    result = results(site, on("x", "required: true", table="raw.nothing"))["required x"]
    assert result.evaluated == 0
    assert "nothing was evaluated" in result.reason


def test_two_demands_alike_are_told_apart(site: Site) -> None:
    twice = on("customer", "quality: [{metric: nullValues, mustBe: 10}, {metric: nullValues, mustBe: 0}]")
    told = service.test(site, [contract(twice)])
    assert len({r.check.id for r in told.results}) == len(told.results) == 3


def test_only_what_is_demanded_is_measured(site: Site) -> None:
    told = service.test(site, [contract(on("id", "required: true"))])
    assert {str(cost.dataset) for cost in told.costs} == {"raw.orders"}


def test_nothing_published(tmp_path: Path) -> None:
    empty = make_site(tmp_path)
    with pytest.raises(NothingPublishedError):
        service.test(empty, [contract(on("id", "required: true"))])
    with pytest.raises(NothingPublishedError):
        service.export(empty, [], {})


def exported(site: Site, *names: str, words: Any = None) -> Contract:
    return service.export(site, names, words or {})


def test_what_a_version_holds_is_written_down(site: Site) -> None:
    (table,) = exported(site, "orders").tables
    columns = {c.name: c for c in table.columns}
    assert table.physical_name == "raw.orders"
    assert (columns["id"].primary_key, columns["id"].required, columns["id"].unique) == (1, True, False)
    assert not columns["customer"].required
    assert columns["status"].enum == ("new", "paid", "sent")
    assert columns["email"].enum == ()
    assert columns["amount"].physical_type == "DECIMAL(18,2)"
    assert {c.logical_type for c in table.columns} == {
        "integer", "string", "number", "timestamp", "date", "array", "object",
    }  # fmt: skip


def test_what_is_not_proven_is_not_promised(site: Site) -> None:
    (table,) = exported(site, "raw.nothing").tables
    assert [(c.required, c.unique, c.primary_key, c.enum) for c in table.columns] == [(False, False, None, ())] * 2
    (customers,) = exported(site, "customers").tables
    assert [(c.name, c.unique, c.primary_key) for c in customers.columns] == [
        ("name", False, None),
        ("number", False, None),
    ]


def test_a_key_that_the_team_names_is_proven_first(tmp_path: Path) -> None:
    ref = DatasetRef(namespace="raw", name="pairs")
    for key, found in ((("a", "b"), [1, 2]), (("a",), [None, None])):
        folder = tmp_path / "-".join(key)
        made = make_site(folder, settings_of(folder, {ref: TableSettings(ref=ref, key=key)}))
        add_version(
            made, 1, "create schema raw", "create table raw.pairs as select i // 10 a, i % 10 b from range(50) t(i)"
        )
        (table,) = exported(made).tables
        assert [c.primary_key for c in table.columns] == found


def test_descriptions_and_names_in_two_schemas(site: Site) -> None:
    words = {DatasetRef(namespace="raw", name="twin"): ("One of two.", {"x": "A number."})}
    made = exported(site, "twin", words=words)
    assert [(t.name, t.physical_name) for t in made.tables] == [("other_twin", "other.twin"), ("raw_twin", "raw.twin")]
    assert made.tables[1].description == "One of two."
    assert made.tables[1].columns[0].description == "A number."
    assert made.schema is None


def test_a_table_that_is_not_there(site: Site) -> None:
    with pytest.raises(UsageError, match="there is no table `ordrs`") as refused:
        exported(site, "ordrs")
    assert "raw.orders" in str(refused.value.hint)


@pytest.mark.parametrize(("value", "unit", "found"), [
    (4, "d", 345_600), ("4", "days", 345_600), (1.5, "h", 5_400), (1, None, 86_400), (30, "min", 1_800), (2, "w", 1_209_600),
    (1, "moon", None), ("soon", "d", None), (-1, "d", None), (True, "d", None), (None, "d", None),
])  # fmt: skip
def test_lengths_of_time(value: object, unit: str | None, found: float | None) -> None:
    assert seconds(value, unit) == found


def test_an_operator_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="no operator"):
        meets(1, "mustBeNice", 1)
    with pytest.raises(ArgumentError, match="not a list of two"):
        meets(1, "mustBeBetween", 1)
    with pytest.raises(ArgumentError, match="not a number"):
        expected("mustBe", "x", "rows")


@pytest.mark.parametrize(
    ("engine", "promised", "same"),
    [
        ("BIGINT", "int8", True), ("DECIMAL(18,2)", "numeric", True), ("DECIMAL(18,2)", "decimal(18, 2)", True),
        ("DECIMAL(18,2)", "decimal(18,3)", False), ("VARCHAR", "varchar(20)", True), ("INTEGER", "bigint", False),
        ("TIMESTAMP WITH TIME ZONE", "timestamptz", True), ("TIMESTAMP", "timestamptz", False), ("DOUBLE", "float8", True),
    ],
)  # fmt: skip
def test_types_by_other_names(engine: str, promised: str, same: bool) -> None:
    assert same_type(engine, promised) is same


@pytest.mark.parametrize(("engine", "logical"), [
    ("TINYINT", "integer"), ("HUGEINT", "integer"), ("DECIMAL(9,0)", "integer"), ("DECIMAL(9,2)", "number"), ("FLOAT", "number"),
    ("DATE", "date"), ("TIMESTAMP_NS", "timestamp"), ("TIME", "time"), ("BOOLEAN", "boolean"), ("UUID", "string"),
    ("ENUM('a')", "string"), ("STRUCT(a INTEGER)", "object"), ("STRUCT(a INTEGER)[]", "array"), ("JSON", "object"), ("BLOB", "string"),
])  # fmt: skip
def test_logical_types(engine: str, logical: str) -> None:
    column = Column(name="c", type=engine, family=family_of(engine))
    assert logical_type(column) == logical
    assert engine == "BLOB" or is_logical(column, logical)


def test_the_checks_of_a_project_are_found_without_a_test(site: Site) -> None:
    with site.warehouse.reader(1) as reader:
        found: tuple[Check, ...] = service.checks_of([contract(on("id", "required: true"))], reader)
        assert service.checks_of([], reader) == ()
    assert [c.name for c in found] == ["columns of orders", "required id"]
    assert service.declared(site, 1) == ()
