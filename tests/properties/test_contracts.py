"""Contracts: a contract does not differ from itself, what is gained one way is lost the other, and what is written down
of a version is kept by that version.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.services.site import add_version, make_site
from tidegate.checks.contract import OPERATORS as OPERATORS_OF_ONE
from tidegate.checks.contract import RANGES, meets
from tidegate.config import checks_of
from tidegate.integrations import odcs, odcs_write
from tidegate.model import (
    Contract,
    ContractColumn,
    ContractQuality,
    ContractReference,
    ContractTable,
    Outcome,
    SlaProperty,
)
from tidegate.services import contract as service
from tidegate.services.compatibility import bump, changes

NAMES = st.sampled_from(["a", "b", "c"])
QUALITIES = st.builds(
    ContractQuality,
    type=st.just("library"),
    name=NAMES,
    place=st.just("f:1:1"),
    metric=st.sampled_from(["nullValues", "duplicateValues"]),
    operator=st.sampled_from(["mustBe", "mustBeLessThan", "mustBeGreaterThan"]),
    bound=st.integers(0, 3),
)
REFERENCES = st.builds(
    lambda name: ContractReference(columns=("a",), to=(f"x.{name}",), table="x", fields=(name,), place="f:1:1"), NAMES
)


def distinct(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3, unique_by=lambda value: value.name).map(tuple)


COLUMNS = st.builds(
    ContractColumn,
    name=NAMES,
    physical_name=st.sampled_from(["a", "p"]),
    place=st.just("f:1:1"),
    logical_type=st.sampled_from([None, "string", "integer"]),
    physical_type=st.sampled_from([None, "INT", "integer", "VARCHAR"]),
    required=st.booleans(),
    unique=st.booleans(),
    primary_key=st.sampled_from([None, 1]),
    enum=st.lists(st.integers(0, 2), unique=True, max_size=3).map(tuple),
    options=st.dictionaries(st.sampled_from(["minimum", "maximum", "pattern"]), st.integers(0, 2), max_size=2),
    references=st.lists(REFERENCES, max_size=1).map(tuple),
    quality=distinct(QUALITIES),
)
TABLES = st.builds(
    ContractTable,
    name=NAMES,
    physical_name=st.sampled_from(["r.a", "r.b"]),
    place=st.just("f:1:1"),
    columns=distinct(COLUMNS),
    quality=distinct(QUALITIES),
)
PROMISES = st.builds(
    SlaProperty,
    property=st.sampled_from(["latency", "retention"]),
    value=st.integers(1, 2),
    place=st.just("f:1:1"),
    unit=st.sampled_from(["h", "d"]),
)
CONTRACTS = st.builds(
    Contract,
    id=st.just("x"),
    version=st.just("1.0.0"),
    api_version=st.just("v3.2.0"),
    status=st.sampled_from(["active", "retired"]),
    file=st.just("f"),
    tables=distinct(TABLES),
    sla=st.lists(PROMISES, max_size=2, unique_by=lambda p: p.property).map(tuple),
)


@given(CONTRACTS)
def test_a_contract_does_not_differ_from_itself(contract: Contract) -> None:
    assert changes(contract, contract) == ()
    assert bump((), contract, contract) == "none"


@given(CONTRACTS, CONTRACTS)
def test_nothing_is_gained_both_ways(old: Contract, new: Contract) -> None:
    there, back = changes(old, new), changes(new, old)
    assert bool(there) == bool(back)
    lost, gained = ({c.where for c in found if c.breaking is which} for found, which in ((there, True), (back, True)))
    assert {c.where for c in there} <= lost | gained, "what changed is lost in one direction or the other"


@given(CONTRACTS, TABLES)
def test_what_is_only_added_is_compatible_and_breaks_on_the_way_back(contract: Contract, table: ContractTable) -> None:
    if contract.table(table.name) is None:
        more = dataclasses.replace(contract, tables=(*contract.tables, table))
        assert bump(changes(contract, more), contract, more) == "minor"
        assert bump(changes(more, contract), more, contract) == "major"


SIDES = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"]
BOUNDED = st.dictionaries(st.sampled_from(SIDES), st.sampled_from([1, 2, 3, 4, 1.5, 0.5]), max_size=3)
PROBES = [Fraction(n, 4) for n in range(-2, 30)]
OPERATORS = st.tuples(st.sampled_from(sorted(OPERATORS_OF_ONE)), st.integers(0, 4)) | st.tuples(
    st.sampled_from(RANGES), st.lists(st.integers(0, 4), min_size=2, max_size=2).map(sorted)
)


def allows(options: dict[str, float], value: Fraction) -> bool:
    exact = {name: Fraction(bound) for name, bound in options.items()}
    return (
        value >= exact.get("minimum", value)
        and value <= exact.get("maximum", value)
        and ("exclusiveMinimum" not in exact or value > exact["exclusiveMinimum"])
        and ("exclusiveMaximum" not in exact or value < exact["exclusiveMaximum"])
        and value % exact.get("multipleOf", Fraction(1, 4)) == 0
    )


def bounded(options: dict[str, float]) -> Contract:
    column = ContractColumn(name="a", physical_name="a", place="f:1:1", options=options)
    table = ContractTable(name="t", physical_name="t", place="f:1:1", columns=(column,))
    return Contract(id="x", version="1.0.0", api_version="v3.2.0", status="active", file="f", tables=(table,))


@given(BOUNDED, BOUNDED)
def test_compatible_bounds_let_no_value_in_that_was_refused(old: dict[str, float], new: dict[str, float]) -> None:
    found = changes(bounded(old), bounded(new))
    if not any(change.breaking for change in found):
        assert [v for v in PROBES if allows(new, v) and not allows(old, v)] == []


def counted(operator: str, bound: object) -> Contract:
    quality = ContractQuality(
        type="library", name="rows", place="f:1:1", metric="rowCount", operator=operator, bound=bound
    )
    table = ContractTable(name="t", physical_name="t", place="f:1:1", quality=(quality,))
    return Contract(id="x", version="1.0.0", api_version="v3.2.0", status="active", file="f", tables=(table,))


@given(OPERATORS, OPERATORS)
def test_a_demand_is_breaking_where_it_lets_in_a_number_that_was_refused(
    old: tuple[str, object], new: tuple[str, object]
) -> None:
    lets_in = [n for n in range(-5, 10) if meets(n, *new) and not meets(n, *old)]
    lets_in += [n for n in (-2.5, 0.5, 1.5, 2.5, 3.5, 7.5) if meets(n, *new) and not meets(n, *old)]
    assert any(change.breaking for change in changes(counted(*old), counted(*new))) is bool(lets_in)


TYPES = [
    "INTEGER",
    "BIGINT",
    "DOUBLE",
    "DECIMAL(9,2)",
    "VARCHAR",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "BOOLEAN",
    "UUID",
    "BLOB",
]
NAMED = ["id", "yes", "null", "status", "Größe", "with space", 'quo"te', "a.b", "123", "select", "kind", "on"]
CELLS = {
    "VARCHAR": st.sampled_from(["'x'", "'yes'", "'1'", "'a: b'", "'ü'", "''", "null"]),
    "BOOLEAN": st.sampled_from(["true", "false", "null"]),
    "UUID": st.sampled_from(["'00000000-0000-0000-0000-000000000001'", "null"]),
    "BLOB": st.sampled_from(["'a'::blob", "null"]),
    **{
        name: st.sampled_from(["'2026-01-01'", "'1999-12-31'", "null"]) for name in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")
    },
}
NUMBERS = st.sampled_from(["0", "1", "-1", "2", "null"])


@st.composite
def tables(draw: Any) -> tuple[list[tuple[str, str]], list[list[str]], int]:
    columns = [
        (name, draw(st.sampled_from(TYPES)))
        for name in draw(st.lists(st.sampled_from(NAMED), min_size=1, max_size=5, unique=True))
    ]
    rows = draw(st.lists(st.tuples(*(CELLS.get(kind, NUMBERS) for _, kind in columns)), max_size=6))
    return columns, [list(row) for row in rows], draw(st.sampled_from([1, 40]))


@pytest.mark.slow
@given(tables())
@settings(max_examples=40)
def test_a_version_keeps_what_is_written_down_of_it(tmp_path_factory: Any, made: Any) -> None:
    columns, rows, times = made
    named = ", ".join('"' + name.replace('"', '""') + f'" {kind}' for name, kind in columns)
    folder: Path = tmp_path_factory.mktemp("kept")
    site = make_site(folder)
    inserts = [f"insert into raw.t select {', '.join(row)} from range({times})" for row in rows]
    add_version(site, 1, "create schema raw", f"create table raw.t ({named})", *inserts)
    document = odcs_write.text(service.export(site, [], {}), database="shop.duckdb")
    active = document.replace("status: draft", "status: active")
    reading = odcs.read(active, file="t.odcs.yaml", variables={}, own=checks_of)
    assert reading.errors == ()
    assert reading.contract is not None
    told = service.test(site, [reading.contract])
    assert [r.reason for r in told.results if r.outcome is not Outcome.PASS] == []
    assert told.carried == ()
    site.state.close()
