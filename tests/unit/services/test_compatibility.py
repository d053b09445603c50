"""Each change of a contract is breaking or compatible, with its reason, and moves the version as far as it must."""

from __future__ import annotations

import pytest

from tidegate.config import checks_of
from tidegate.integrations import odcs
from tidegate.model import Contract
from tidegate.services.compatibility import bump, bumped, changes, next_version

HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.4.2\nstatus: active\n"


def contract(body: str, head: str = HEAD) -> Contract:
    found = odcs.read(head + body, file="a.odcs.yaml", variables={}, own=checks_of).contract
    assert found is not None
    return found


def column(said: str) -> Contract:
    return contract(f"schema: [{{name: orders, properties: [{{name: a, logicalType: integer{said}}}]}}]\n")


def table(said: str) -> Contract:
    return contract(f"schema: [{{name: orders, properties: [{{name: a, logicalType: integer}}]{said}}}]\n")


def items(said: str) -> Contract:
    inner = f"items: {{logicalType: integer, {said}}}"
    return contract(f"schema: [{{name: orders, properties: [{{name: a, logicalType: array, {inner}}}]}}]\n")


def array(options: str) -> Contract:
    said = f"name: a, logicalType: array, logicalTypeOptions: {options}"
    return contract(f"schema: [{{name: orders, properties: [{{{said}}}]}}]\n")


def day(options: str) -> Contract:
    said = f"name: a, logicalType: timestamp, logicalTypeOptions: {options}"
    return contract(f"schema: [{{name: orders, properties: [{{{said}}}]}}]\n")


def own(on_fail: str) -> Contract:
    return table(
        f", quality: [{{name: q, type: custom, engine: tidegate, implementation: {{rule: a > 0, on_fail: {on_fail}}}}}]"
    )


def schema(name: str) -> Contract:
    server = f"servers: [{{server: s, type: duckdb, database: d, schema: {name}}}]\n"
    return contract(f"{server}schema: [{{name: orders, properties: []}}]\n")


def sla(said: str) -> Contract:
    return contract(f"slaProperties: [{said}]\n")


BREAKING: list[tuple[Contract, Contract, str]] = [
    (table(""), contract(""), "table `orders`: it is removed"),
    (table(", physicalName: raw.o"), table(", physicalName: raw.p"), "it was called `raw.o` and is `raw.p`"),
    (column("}, {name: b, logicalType: date"), column(""), "column `orders.b`: it is removed"),
    (column(", physicalName: b"), column(""), "it was called `b` and is `a`"),
    (column(", physicalType: INTEGER"), column(", physicalType: BIGINT"), "its physical type was `INTEGER` and is `BIGINT`"),
    (column(", physicalType: INTEGER"), column(""), "and is `not said`"),
    (column(", required: true"), column(""), "it is not required any more"),
    (column(", unique: true"), column(""), "it is not unique any more"),
    (column(", primaryKey: true"), column(""), "its primary key was `a` and is none"),
    (column(", enum: [{value: 1}]"), column(", enum: [{value: 1}, {value: 2}]"), "2 may occur now"),
    (column(", enum: [{value: 1}]"), column(""), "its values are not listed any more"),
    (column(", logicalTypeOptions: {maximum: 5}"), column(", logicalTypeOptions: {maximum: 6}"), "`maximum` was `5` and is `6`"),
    (column(", logicalTypeOptions: {minimum: 5}"), column(", logicalTypeOptions: {minimum: 4}"), "`minimum` was `5` and is `4`"),
    (column(", logicalTypeOptions: {minimum: 5}"), column(""), "`minimum` is not promised any more"),
    (column(", logicalTypeOptions: {exclusiveMinimum: 5}"), column(", logicalTypeOptions: {minimum: 5}"), "`exclusiveMinimum` was `5` and `minimum` is `5`"),
    (column(", logicalTypeOptions: {maximum: 5}"), column(", logicalTypeOptions: {exclusiveMaximum: 6}"), "`maximum` was `5` and `exclusiveMaximum` is `6`"),
    (column(", logicalTypeOptions: {multipleOf: 6}"), column(", logicalTypeOptions: {multipleOf: 3}"), "`multipleOf` was `6` and is `3`"),
    (day("{minimum: '2026-01-02T00:00:00Z'}"), day("{minimum: '2026-01-02 00:30:00+01:00'}"), "`minimum` was `2026-01-02T00:00:00Z`"),
    (items("required: true"), items("required: false"), "items of column `orders.a`: it is not required any more"),
    (items("logicalTypeOptions: {maximum: 1}"), items("logicalTypeOptions: {maximum: 2}"), "`maximum` was `1` and is `2`"),
    (items("logicalTypeOptions: {maximum: 1}"), contract("schema: [{name: orders, properties: [{name: a, logicalType: array}]}]\n"), "nothing is promised of them any more"),
    (array("{uniqueItems: true}"), array("{uniqueItems: false}"), "`uniqueItems` was `True` and is `False`"),
    (column(", primaryKey: true, required: true, unique: true"), column(", required: true, unique: true"), "table `orders`: its primary key was `a` and is none"),
    (column(", primaryKey: true}, {name: b, logicalType: date, required: true"), column(", required: true}, {name: b, logicalType: date, primaryKey: true"), "its primary key was `a` and is `b`"),
    (column(", quality: [{metric: nullValues, mustBe: 0}]"), column(", quality: [{metric: nullValues, mustBe: 0, severity: info}]"), "it is told, and holds no version any more"),
    (own("hold"), own("warn"), "quality `q`: it is told, and holds no version any more"),
    (table(", quality: [{metric: rowCount, mustBeBetween: [6, 9]}]"), table(", quality: [{metric: rowCount, mustBeGreaterThan: 5}]"), "and is `mustBeGreaterThan 5`"),
    (table(", quality: [{metric: rowCount, mustNotBeBetween: [4, 9]}]"), table(", quality: [{metric: rowCount, mustNotBe: 5}]"), "and is `mustNotBe 5`"),
    (schema("raw"), schema("marts"), "its schema was `raw` and is `marts`"),
    (contract(""), contract("", HEAD.replace("active", "draft")), "its status was `active` and is `draft`"),
    (column(", relationships: [{to: c.id}]"), column(""), "the reference to `c.id` is removed"),
    (column(", quality: [{metric: nullValues, mustBe: 0}]"), column(""), "quality `nullValues`: it is removed"),
    (table(", quality: [{metric: rowCount, mustBeGreaterThan: 5}]"), table(", quality: [{metric: rowCount, mustBeGreaterThan: 4}]"), "it was `mustBeGreaterThan 5`"),
    (table(", quality: [{metric: rowCount, mustBeGreaterThan: 5}]"), table(", quality: [{metric: rowCount, mustBeLessThan: 9}]"), "it was `mustBeGreaterThan 5` and is `mustBeLessThan 9`"),
    (table(", quality: [{metric: rowCount, mustBeBetween: [1, 5]}]"), table(", quality: [{metric: rowCount, mustBeBetween: [1, 6]}]"), "[1, 6]"),
    (sla("{property: latency, value: 4, unit: h}"), sla("{property: latency, value: 1, unit: d}"), "it was `4 h` and is `1 d`"),
    (sla("{property: availability, value: 99}"), sla("{property: availability, value: 98}"), "it was `99` and is `98`"),
    (sla("{property: latency, value: 4, unit: h}"), contract(""), "service level `latency`: it is removed"),
    (contract(""), contract("", HEAD.replace("active", "deprecated")), "its status was `active` and is `deprecated`"),
    (contract(""), contract("", HEAD.replace("id: orders", "id: order")), "its id was `orders` and is `order`"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), BREAKING, ids=[line for *_, line in BREAKING])
def test_what_takes_away_breaks(old: Contract, new: Contract, line: str) -> None:
    found = changes(old, new)
    assert len(found) == 1
    assert line in f"{found[0].where}: {found[0].what}"
    assert found[0].breaking
    assert found[0].reason
    assert bump(found, old, new) == "major"


NEUTRAL = {
    "its id",
    "its schema",
    "its primary key was `a` and is `b`",
    "it was called",
    "its physical type was `INTEGER`",
    "it was `99`",
    "it was `mustBeGreaterThan 5` and is",
}
"""Changes that break in both directions."""


@pytest.mark.parametrize(("old", "new", "line"), BREAKING, ids=[line for *_, line in BREAKING])
def test_the_way_back_promises_more(old: Contract, new: Contract, line: str) -> None:
    found = changes(new, old)
    both = any(line.startswith(start) or f": {start}" in line for start in NEUTRAL)
    assert [change.breaking for change in found] == [both]
    assert bump(found, new, old) == ("major" if both else "minor")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (column(", primaryKey: true"), column(", primaryKey: true, required: true, unique: true")),
        (column(", primaryKey: true, required: true"), column(", primaryKey: true")),
        (day("{minimum: '2026-01-02'}"), day("{minimum: '2026-01-02T01:00:00+01:00'}")),
    ],
)
def test_what_is_promised_in_other_words_is_the_same(old: Contract, new: Contract) -> None:
    assert changes(old, new) == ()
    assert changes(new, old) == ()


def test_a_type_by_another_name_is_the_same() -> None:
    assert changes(column(", physicalType: int8"), column(", physicalType: BIGINT")) == ()


def test_a_length_in_another_unit_is_the_same() -> None:
    assert changes(sla("{property: latency, value: 1, unit: d}"), sla("{property: latency, value: 24, unit: h}")) == ()


def test_words_alone_are_a_patch() -> None:
    old, new = column(""), column(", description: A number.")
    assert changes(old, new) == ()
    assert bump((), old, new) == "patch"
    assert bump((), old, old) == "none"


@pytest.mark.parametrize(
    ("old", "new", "move"),
    [
        ("1.0.0", "2.0.0", "major"), ("1.0.0", "1.1.0", "minor"), ("1.0.0", "1.0.1", "patch"), ("1.0.0", "1.0.0", "none"),
        ("1.2.0", "1.1.9", "none"), ("v1.0.0", "1.0.1", "patch"), ("1", "1.1", "minor"), ("x", "y", "none"),
    ],
)  # fmt: skip
def test_how_a_version_moved(old: str, new: str, move: str) -> None:
    assert bumped(old, new) == move


@pytest.mark.parametrize(
    ("move", "found"), [("major", "2.0.0"), ("minor", "1.5.0"), ("patch", "1.4.3"), ("none", "1.4.2")]
)
def test_the_version_after(move: str, found: str) -> None:
    assert next_version("1.4.2", move) == found
