"""What was built from rows that went into quarantine later, whether dbt can build it again, and what is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.services.site import ref
from tidegate.model import Check, Dataset, Node, PipelineFacts, Quarantined, StepReport, StepStatus, TestRun
from tidegate.services.quarantine import Separated, Taken, again, findings, stale, without_old_verdicts

CHECK = Check(id="positive", name="positive", dataset=ref("orders"), kind="rule", quarantine=True)
NODES = (
    Node(id="source.orders", kind="source", name="orders", dataset=ref("ORDERS")),
    Node(id="model.seen", kind="model", name="seen", dataset=ref("seen"), materialized="view"),
    Node(id="model.mart", kind="model", name="mart", dataset=ref("mart"), materialized="table"),
    Node(id="model.past", kind="model", name="past", dataset=ref("past"), materialized="incremental"),
    Node(id="model.other", kind="model", name="other", dataset=ref("other"), materialized="table"),
)
EDGES = (("source.orders", "model.seen"), ("model.seen", "model.mart"), ("source.orders", "model.past"))
CATALOG = {
    ref(n): Dataset(ref=ref(n), columns=(), is_view=n == "seen") for n in ("orders", "seen", "mart", "past", "other")
}


class Stub:
    """A step by its name alone."""

    def __init__(self, name: str) -> None:
        self.name = name


def report(kind: str = "dbt", **ended: str) -> StepReport:
    facts = PipelineFacts(nodes=NODES, edges=EDGES, ended={f"model.{name}": status for name, status in ended.items()})
    return StepReport(
        name=kind,
        kind=kind,
        status=StepStatus.SUCCESS,
        exit_code=0,
        wall_s=0.0,
        cpu_s=0.0,
        log="",
        command=(),
        summary="",
        facts=facts if ended else PipelineFacts(),
    )


def taken(after: int, *, was_there: bool = False, table: str = "orders") -> Taken:
    rows = Quarantined(
        dataset=ref(table), into=ref("kept"), rows=100, failing=3, by_check={"positive": 3}, moved=True, again=1
    )
    return Taken(rows=rows, checks=(CHECK,), after=after, was_there=was_there)


LOAD = report("command")
BUILT = report(seen="success", mart="success", other="success")


def names(move: Taken, *reports: StepReport) -> list[str]:
    return [node.name for node in stale(move, reports, CATALOG)]


def test_what_is_built_afterwards_is_clean() -> None:
    assert names(taken(1), LOAD, BUILT) == []


def test_a_table_that_was_built_before_is_stale_and_a_view_or_another_table_is_not() -> None:
    assert names(taken(2), LOAD, BUILT) == ["mart"]
    assert names(taken(2), LOAD, BUILT, report(mart="success")) == []
    assert names(taken(2), LOAD, BUILT, report(mart="skipped")) == ["mart"]


def test_what_dbt_skipped_is_not_there_until_it_is_built() -> None:
    skipped = report(seen="skipped", mart="skipped")
    assert names(taken(2), LOAD, skipped) == ["mart", "seen"]
    assert names(taken(2), LOAD, skipped, BUILT) == []


@pytest.mark.parametrize(("after", "was_there", "stale_"), [(1, False, []), (1, True, ["past"]), (2, False, ["past"])])
def test_what_adds_to_its_past_keeps_what_it_took(after: int, was_there: bool, stale_: list[str]) -> None:
    move = taken(after, was_there=was_there)
    assert names(move, LOAD, report(past="success")) == stale_
    assert names(move, LOAD, report(past="success"), report(past="success")) == stale_


def repeated(move: Taken, *reports: StepReport) -> list[str]:
    steps = [Stub(f"{place}") for place in range(len(reports))]
    return [step.name for step in again(steps, Separated(taken=(move,)), reports, CATALOG)]


def test_dbt_steps_run_again_from_the_first_that_built_what_is_stale() -> None:
    assert repeated(taken(1), LOAD, BUILT) == []
    assert repeated(taken(2), LOAD, BUILT) == ["1"]
    assert repeated(taken(3), LOAD, BUILT, report(other="success")) == ["1", "2"]
    assert repeated(taken(2), LOAD, report(past="skipped")) == ["1"]


def test_what_would_not_help_is_not_run_again() -> None:
    assert repeated(taken(2), LOAD, report(past="success")) == [], "it keeps what it took"
    assert repeated(taken(2), LOAD, BUILT, LOAD) == [], "nobody knows whether a command may run twice"
    assert repeated(taken(1), report("command", mart="success")) == []
    assert repeated(taken(2, table="seen"), LOAD, BUILT) == [], "it would bring the rows back"


def test_a_move_is_told_and_does_not_hold_but_what_was_built_from_it_does() -> None:
    clean = findings(Separated(taken=(taken(1),)), [LOAD, BUILT], CATALOG)
    assert [(f.kind, f.holds, f.affected_rows, f.affected_share) for f in clean] == [("quarantine", False, 3, 0.03)]
    assert (
        clean[0].sentence
        == "3 rows quarantined from s.orders by `positive`; s.kept keeps them; 1 of them were there already"
    )
    holding, told = findings(Separated(taken=(taken(2),)), [LOAD, BUILT], CATALOG)
    assert (holding.holds, told.holds) == (True, False)
    assert holding.sentence == "3 rows of s.orders went into quarantine, but s.mart was not built from what is left"
    refused = replace(holding, key="refused")
    assert findings(Separated(refused=(refused,)), [], {}) == (refused,)


def test_dbts_verdict_on_rows_that_are_gone_does_not_count() -> None:
    tests = tuple(TestRun(id=i, status="fail", failures=3, message=None) for i in ("positive", "other"))
    found = without_old_verdicts(PipelineFacts(tests=tests), Separated(taken=(taken(1),)))
    assert [t.status for t in found.tests] == ["quarantine", "fail"]
