"""What a change does, from two states: the verdict, who is downstream, which checks came and went, what fails now."""

from __future__ import annotations

import dataclasses

import pytest

from tidegate.model import (
    Check,
    CheckResult,
    Contract,
    ContractColumn,
    ContractTable,
    DatasetRef,
    Node,
    Outcome,
    PipelineFacts,
    Product,
)
from tidegate.services.change import BREAKING, COMPATIBLE, NONE, Change, State, change, headline
from tidegate.services.diff import ColumnChange, TableDiff
from tidegate.services.doctor import Breach

RAW, MART, SUM = (
    DatasetRef(namespace=n, name=t) for n, t in (("raw", "orders"), ("marts", "daily"), ("marts", "total"))
)
NODES = (
    Node(id="source.orders", kind="source", name="orders", dataset=RAW),
    Node(id="model.daily", kind="model", name="daily", dataset=MART),
    Node(id="model.total", kind="model", name="total", dataset=SUM, owner="finance@example.com"),
    Node(id="exposure.board", kind="exposure", name="board", owner="boss@example.com"),
)
EDGES = (("source.orders", "model.daily"), ("model.daily", "model.total"), ("model.total", "exposure.board"))
FACTS = PipelineFacts(nodes=NODES, edges=EDGES)
STATE = State(words="version 1", version=1, revision=None, facts=FACTS)
SAME = TableDiff(ref=SUM, state="same", old_rows=1, new_rows=1)
MOVED = TableDiff(
    ref=RAW, state="changed", old_rows=10, new_rows=12, key=("id",), added=3, removed=1, changed=2,
    columns=(ColumnChange(name="amount", old_filled=10, new_filled=9, changed=2),),
)  # fmt: skip


def contract(id_: str = "orders", *, version: str = "1.0.0", required: bool = True) -> Contract:
    column = ContractColumn(name="id", physical_name="id", place="c:1", required=required)
    table = ContractTable(name="orders", physical_name="raw.orders", place="c:1", columns=(column,))
    return Contract(id=id_, version=version, api_version="v3.2.0", status="active", file="c", tables=(table,))


def check(id_: str, **more: object) -> Check:
    return dataclasses.replace(Check(id=id_, name=id_, dataset=RAW, kind="not_null", column="id"), **more)


def result(id_: str, outcome: Outcome, **more: object) -> CheckResult:
    return CheckResult(check=check(id_, **more), outcome=outcome, reason=f"{outcome} of {id_}")


def told(base: State = STATE, head: State = STATE, *tables: TableDiff, **more: object) -> Change:
    return change(base, head, tables, **{"findings": (), **more})


@pytest.mark.parametrize(
    ("before", "after", "verdict", "said"),
    [
        ((contract(),), (contract(),), NONE, "leaves what is promised as it is"),
        ((contract(),), (contract(required=False),), BREAKING, "breaks what is promised"),
        ((contract(required=False),), (contract(),), COMPATIBLE, "keeps what is promised"),
        ((contract(),), (), BREAKING, "breaks what is promised"),
        ((), (contract(),), COMPATIBLE, "keeps what is promised"),
        ((), (), NONE, "has no contract to keep"),
        (None, (contract(),), None, "nobody could tell"),
        (None, None, None, "nobody could tell"),
    ],
)
def test_the_verdict(before, after, verdict, said):
    found = told(dataclasses.replace(STATE, contracts=before), dataclasses.replace(STATE, contracts=after))
    if before is None and after:
        found = dataclasses.replace(found, contracts=found.contracts)
    assert found.verdict == verdict
    assert said in headline(found)
    assert found.stops is (verdict == BREAKING)


def test_which_version_a_contract_needs():
    found = told(*(dataclasses.replace(STATE, contracts=(contract(required=r),)) for r in (True, False)))
    (one,) = found.contracts
    assert (one.state, one.old_version, one.suggested_version) == ("changed", "1.0.0", "2.0.0")
    assert [c.where for c in one.changes] == ["column `orders.id`"]


def test_data_that_moved_and_who_is_downstream():
    head = dataclasses.replace(
        STATE,
        numbers={RAW: {("mean", "amount"): 2.5, ("min", "amount"): 1.0, ("max", "amount"): 9}},
        products=(Product(name="days", tables=(MART,), owner="days@example.com", tier=1),),
    )
    base = dataclasses.replace(STATE, numbers={RAW: {("mean", "amount"): 2.0, ("min", "amount"): 1.0}})
    found = told(base, head, SAME, MOVED)
    assert (found.compared, [t.ref for t in found.tables]) == (2, [RAW])
    (column,) = found.columns
    assert (column.table, column.column, column.changed) == ("raw.orders", "amount", 2)
    assert [(n.metric, n.old, n.new) for n in column.numbers] == [("mean", 2.0, 2.5)]
    assert [(r.kind, r.name, r.owner) for r in found.reached] == [
        ("exposure", "board", "boss@example.com"),
        ("table", "marts.daily", "days@example.com"),
        ("table", "marts.total", "finance@example.com"),
    ]
    assert {r.of for r in found.reached} == {("raw.orders",)}
    assert "1 of 2 tables differs, +2 rows" in headline(found)


def test_what_a_removed_model_fed_is_told_by_the_old_graph():
    gone = TableDiff(ref=MART, state="removed", old_rows=5, new_rows=None)
    head = dataclasses.replace(STATE, facts=PipelineFacts(nodes=NODES[:1]))
    found = told(STATE, head, MOVED, gone)
    assert found.tables[0].ref == MART, "what is gone comes first"
    assert ("exposure", "board") in {(r.kind, r.name) for r in found.reached}


def test_checks_that_came_and_went():
    base = dataclasses.replace(STATE, checks=(check("a"), check("b"), check("c")))
    head = dataclasses.replace(STATE, checks=(check("b", where="id > 3"), check("c"), check("d")))
    assert [(c.what, c.name) for c in told(base, head).checks] == [("removed", "a"), ("changed", "b"), ("added", "d")]
    compiled = [dataclasses.replace(STATE, checks=(check("a", arguments={"sql": s, "values": [1]}),)) for s in "xy"]
    assert told(*compiled).checks == (), "SQL that names another schema is the same demand"


def test_checks_that_fail_now():
    base = dataclasses.replace(STATE, results=(result("old", Outcome.FAIL), result("a", Outcome.PASS)))
    head = dataclasses.replace(
        STATE,
        results=(
            result("old", Outcome.FAIL),
            result("mild", Outcome.FAIL, blocking=False),
            result("a", Outcome.ERROR),
            result("w", Outcome.WARN),
        ),
    )
    found = told(base, head)
    assert [(f.name, f.blocking) for f in found.failed] == [("a", True), ("mild", False)]
    assert found.stops
    assert not told(base, dataclasses.replace(head, results=head.results[:2])).stops


def test_cost_is_told_where_both_have_it():
    base = dataclasses.replace(STATE, costs={"scan": 1.0, "old step": 2.0})
    head = dataclasses.replace(STATE, costs={"scan": 3.0, "new step": 2.0, "disk, bytes": 9.0})
    assert [(c.what, c.old, c.new, c.unit) for c in told(base, head).costs] == [("scan", 1.0, 3.0, "s")]


def test_models_that_are_modified():
    base = dataclasses.replace(STATE, contents={"m.a": "1", "m.b": "1", "m.c": "1"})
    head = dataclasses.replace(STATE, contents={"m.b": "2", "m.c": "1", "m.d": "1"})
    assert told(base, head).code == {"added": ("m.d",), "removed": ("m.a",), "modified": ("m.b",)}


def test_doctors_errors_stop_and_so_does_what_could_not_be_told():
    breach = Breach(code="x", level="error", path="p", line=1, message="m", why="w", fix="f", fixable=False)
    assert told(findings=(breach,)).stops
    assert not told(findings=(dataclasses.replace(breach, level="warning"),)).stops
    assert told(findings=None, untold=("doctor: no file",)).stops
