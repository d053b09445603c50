"""From results and facts to findings: what holds, what is only told, and what nobody looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.detect.days import DATASET, measured, shop
from tests.unit.detect.days import REF as ORDERS
from tests.unit.services.site import NOW, add_version, make_site, settings_of
from tidegate.detect import TableHistory, ages
from tidegate.errors import QueryError
from tidegate.lineage import Graph
from tidegate.model import (
    Check,
    CheckResult,
    DatasetRef,
    Finding,
    Grid,
    MetricSpec,
    Outcome,
    PipelineFacts,
    Segment,
    TestRun,
)
from tidegate.scan import TableScan
from tidegate.services.judge import Verdict, _by_time, judge
from tidegate.services.measure import Measured
from tidegate.state.sqlite import SQLiteStateStore

REF = DatasetRef(namespace="s", name="orders")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SQLiteStateStore]:
    store = SQLiteStateStore(tmp_path / "state.db", create=True)
    yield store
    store.close()


def result(outcome: Outcome, *, kind: str = "not_null", evaluated: int | None = 10, **more: object) -> CheckResult:
    name = str(more.pop("name", kind))
    failures = more.pop("failures", 2 if outcome in {Outcome.FAIL, Outcome.WARN} else 0)
    check = Check(id=name, name=name, dataset=REF, kind=kind, declared_in="tidegate.yml:7", **more)
    return CheckResult(check=check, outcome=outcome, reason="so it is", failures=failures, evaluated=evaluated)


def judged(
    state: SQLiteStateStore,
    *results: CheckResult,
    facts: PipelineFacts | None = None,
    built: bool = True,
    broken: dict[DatasetRef, QueryError] | None = None,
    profiled: frozenset[DatasetRef] = frozenset({REF}),
) -> Verdict:
    measured = Measured(
        version=1,
        taken_at=NOW,
        catalog={},
        scans={},
        results=results,
        costs=(),
        broken=broken or {},
        profiled=profiled,
    )
    settings = dataclasses.replace(settings_of(Path("nowhere")), learned="off")
    return judge(
        measured, facts or PipelineFacts(), Graph(), parent=None, state=state, settings=settings, now=NOW, built=built
    )


def only(verdict: Verdict) -> Finding:
    (found,) = verdict.findings
    return found


@pytest.mark.parametrize(
    ("outcome", "blocking", "kind", "holds"),
    [
        (Outcome.FAIL, True, "check", True),
        (Outcome.FAIL, False, "check", False),
        (Outcome.WARN, True, "check", False),
        (Outcome.ERROR, True, "unchecked", True),
        (Outcome.ERROR, False, "unchecked", False),
        (Outcome.SKIPPED, True, "unchecked", False),
    ],
)
def test_every_outcome_but_pass_is_told(
    state: SQLiteStateStore, outcome: Outcome, blocking: bool, kind: str, holds: bool
) -> None:
    found = only(judged(state, result(outcome, blocking=blocking)))
    assert (found.kind, found.holds) == (kind, holds)
    assert found.sentence == "not_null on s.orders: so it is (tidegate.yml:7)"
    assert found.hint


def test_a_pass_is_no_finding_unless_it_looked_at_nothing(state: SQLiteStateStore) -> None:
    assert judged(state, result(Outcome.PASS)).findings == ()
    found = only(judged(state, result(Outcome.PASS, evaluated=0)))
    assert (found.kind, found.holds) == ("unchecked", False)


def test_the_share_of_rows_is_never_more_than_all(state: SQLiteStateStore) -> None:
    found = only(judged(state, result(Outcome.FAIL, failures=30, evaluated=10)))
    assert (found.affected_rows, found.affected_share) == (30, 1.0)


def test_what_dbt_kept_of_the_failing_rows_is_pointed_to(state: SQLiteStateStore) -> None:
    kept = DatasetRef(namespace="audit", name="not_null_orders")
    failed = result(Outcome.FAIL, stored_in=kept)
    ran = TestRun(id=failed.check.id, status="fail", failures=2, message=None)
    hint = only(judged(state, failed, facts=PipelineFacts(tests=(ran,)))).hint
    assert "dbt kept the failing rows in audit.not_null_orders" in str(hint)
    hint = only(judged(state, failed, facts=PipelineFacts())).hint  # dbt did not run: what is there is of another day
    assert "look at the failing rows with the SQL" in str(hint)


@pytest.mark.parametrize(
    ("status", "outcome", "holds"),
    [
        ("pass", "pass", None),
        ("fail", "fail", True),
        ("warn", "warn", False),
        ("error", "error", True),
        ("skipped", "skipped", False),
        ("something new", "error", True),
    ],
)
def test_a_test_that_only_dbt_can_evaluate_takes_its_verdict(
    state: SQLiteStateStore, status: str, outcome: str, holds: bool | None
) -> None:
    facts = PipelineFacts(tests=(TestRun(id="dbt", status=status, failures=1, message=None),), executed_nodes=3)
    verdict = judged(state, result(Outcome.SKIPPED, kind="dbt", evaluated=None), facts=facts)
    assert verdict.results[0].outcome == outcome
    assert [f.holds for f in verdict.findings] == ([] if holds is None else [holds])


def test_zero_nodes_hold(state: SQLiteStateStore) -> None:
    found = only(judged(state, facts=PipelineFacts(executed_nodes=0)))
    assert found.holds
    assert found.key == "pipeline/unchecked/zero-nodes"
    assert judged(state, facts=PipelineFacts(executed_nodes=1)).findings == ()
    assert judged(state, facts=PipelineFacts(executed_nodes=None)).findings == ()


@pytest.mark.parametrize(
    ("facts", "built", "severity", "holds"),
    [
        (PipelineFacts(executed_nodes=3), True, "error", True),
        (PipelineFacts(executed_nodes=None), True, "error", True),
        (PipelineFacts(executed_nodes=None), False, "error", False),
        (PipelineFacts(executed_nodes=3), True, "warn", False),
        (
            PipelineFacts(executed_nodes=3, tests=(TestRun(id="other", status="pass", failures=0, message=None),)),
            True,
            "error",
            False,
        ),
    ],
    ids=["dbt run", "no dbt", "check", "warns", "some ran"],
)
def test_tests_of_dbt_of_which_none_ran_hold(
    state: SQLiteStateStore, facts: PipelineFacts, built: bool, severity: str, holds: bool
) -> None:
    skipped = [result(Outcome.SKIPPED, kind="dbt", name=f"t{n}", severity=severity, evaluated=None) for n in range(9)]
    found = [f for f in judged(state, *skipped, facts=facts, built=built).findings if f.holds]
    assert len(found) == holds
    if holds:
        assert found[0].sentence == "dbt ran none of its tests, so nobody evaluated t0, t1, t2, t3, t4 and 4 more"


def test_a_table_that_could_not_be_measured_holds(state: SQLiteStateStore) -> None:
    broken = {REF: QueryError("the view is broken", sql="select 1")}
    found = only(judged(state, broken=broken))
    assert found.holds
    assert (found.sql, found.sentence) == ("select 1", "s.orders could not be measured: the view is broken")
    assert judged(state, broken=broken, profiled=frozenset()).findings == ()  # its checks say it, by their on_fail


def test_what_holds_comes_first(state: SQLiteStateStore) -> None:
    told = judged(state, result(Outcome.WARN, name="a"), result(Outcome.FAIL, name="b"), result(Outcome.WARN, name="c"))
    assert [f.holds for f in told.findings] == [True, False, False]


@pytest.mark.parametrize("received", [False, True])
def test_what_was_said_of_young_buckets_is_known_whether_the_past_was_read_before_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, received: bool
) -> None:
    """A version that came from elsewhere is scanned as if nothing were known, and judged by the past all the same."""
    given: list[TableHistory] = []
    monkeypatch.setattr("tidegate.services.judge.judge_table", lambda history, **_: given.append(history) or ())
    site, days = make_site(tmp_path), measured(shop(20))
    add_version(site, 1, "create schema raw; create table raw.orders as select 1 as id")
    schemas = {ORDERS: (("id", "INTEGER"),)}
    site.state.save_scan(1, measurements=days, results=(), findings=(), schemas=schemas, marks={})
    known = {} if received else {ORDERS: site.state.grid(1, ORDERS, ages=ages(0.0))}
    scan = TableScan(
        dataset=DATASET, measurements=(), profiled=True, time_column="at", grain="day", load_column=None,
        segment_columns=(),
    )  # fmt: skip
    found = Measured(
        version=2, taken_at=NOW, catalog={ORDERS: DATASET}, scans={ORDERS: scan}, results=(), costs=(), broken={},
        profiled=frozenset({ORDERS}), known=known,
    )  # fmt: skip
    judge(found, PipelineFacts(), Graph(), parent=1, state=site.state, settings=site.settings, now=NOW)
    site.state.close()
    assert {*given[0].first.cells()} == {(m.spec, m.interval, m.value) for m in days}


def test_versions_are_not_asked_for_what_buckets_of_the_whole_table_tell() -> None:
    """A slice of a number, or a part of the rows, says nothing of the number itself."""
    whole = [("min", "amount"), ("row_count", None), ("max", "placed_at"), ("max", "amount")]
    specs = [MetricSpec(dataset=REF, metric=metric, column=column) for metric, column in whole]
    specs.append(MetricSpec(dataset=REF, metric="mean", column="amount", where="amount > 0"))
    part = Segment(column="country", value="DE")
    specs.append(MetricSpec(dataset=REF, metric="sum", column="amount", segment=part))
    history = TableHistory(dataset=DATASET, current=(), known=Grid(specs=tuple(specs)), time_column="placed_at")
    assert _by_time(history) == {("min", "amount"), ("max", "amount")}
    assert _by_time(dataclasses.replace(history, known=None)) == frozenset()
