"""Green that cannot be red: a finding, which holds only in a strict project; and what is left to learned bands or to dbt."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, settings_of
from tidegate.lineage import Graph
from tidegate.model import Check, CheckResult, Column, Dataset, DatasetRef, Family, Outcome, PipelineFacts, TestRun
from tidegate.services.judge import Verdict, judge
from tidegate.services.measure import Measured
from tidegate.state.sqlite import SQLiteStateStore

REF = DatasetRef(namespace="s", name="orders")
TABLE = Dataset(ref=REF, columns=(Column(name="id", type="INTEGER", family=Family.NUMBER),))
INCREASING = "dbt_expectations.expect_column_values_to_be_increasing"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SQLiteStateStore]:
    store = SQLiteStateStore(tmp_path / "state.db", create=True)
    yield store
    store.close()


def result(kind: str, outcome: Outcome = Outcome.PASS, *, evaluated: int | None = 10, **more: object) -> CheckResult:
    check = Check(id="t", name="t", dataset=REF, kind=kind, column="id", source="dbt", **more)
    return CheckResult(check=check, outcome=outcome, reason="so it is", failures=0, evaluated=evaluated)


def judged(
    state: SQLiteStateStore,
    *results: CheckResult,
    strict: bool = False,
    learned: str = "off",
    tests: tuple[TestRun, ...] = (),
    is_profiled: bool = True,
) -> Verdict:
    measured = Measured(
        version=1,
        taken_at=NOW,
        catalog={REF: TABLE},
        scans={},
        results=results,
        costs=(),
        broken={},
        profiled=frozenset({REF} if is_profiled else ()),
    )
    settings = dataclasses.replace(settings_of(Path("nowhere")), learned=learned, strict=strict)
    facts = PipelineFacts(tests=tests)
    return judge(measured, facts, Graph(), parent=None, state=state, settings=settings, now=NOW, built=True)


@pytest.mark.parametrize(
    ("strict", "more", "holds"),
    [(False, {}, False), (True, {}, True), (True, {"severity": "warn"}, False), (True, {"blocking": False}, False)],
)
def test_a_test_that_cannot_fail_is_told(
    state: SQLiteStateStore, strict: bool, more: dict[str, object], holds: bool
) -> None:
    verdict = judged(state, result(INCREASING, **more), strict=strict)
    (found,) = verdict.findings
    assert (found.kind, found.holds, found.key) == ("unchecked", holds, "s.orders/blind/t")
    assert found.sentence.startswith("t on s.orders passes, and cannot fail as it is meant to: without `sort_column`")
    assert verdict.results[0].outcome is Outcome.PASS


@pytest.mark.parametrize(("strict", "holds"), [(False, False), (True, True)])
def test_a_test_that_looked_at_nothing_holds_when_strict(state: SQLiteStateStore, strict: bool, holds: bool) -> None:
    (found,) = judged(state, result("not_null", evaluated=0), strict=strict).findings
    assert (found.kind, found.holds) == ("unchecked", holds)


def test_a_test_that_can_fail_is_not_told(state: SQLiteStateStore) -> None:
    assert judged(state, result(INCREASING, arguments={"sort_column": "id"}), strict=True).findings == ()


ELEMENTARY = "elementary.volume_anomalies"


@pytest.mark.parametrize(
    ("learned", "is_profiled", "outcome", "says"),
    [
        ("hold", True, Outcome.PASS, "so it is"),
        ("off", True, Outcome.SKIPPED, "left to learned bands, which are off"),
        ("warn", False, Outcome.SKIPPED, "left to learned bands, which do not look at s.orders"),
    ],
)
def test_what_is_left_to_learned_bands(
    state: SQLiteStateStore, learned: str, is_profiled: bool, outcome: Outcome, says: str
) -> None:
    found = judged(state, result(ELEMENTARY), learned=learned, is_profiled=is_profiled).results[0]
    assert (found.outcome, found.reason) == (outcome, says)


def test_dbts_verdict_on_an_anomaly_test_counts(state: SQLiteStateStore) -> None:
    run = TestRun(id="t", status="fail", failures=1, message="too few rows")
    found = judged(state, result(ELEMENTARY), tests=(run,)).results[0]
    assert (found.outcome, found.reason) == (Outcome.FAIL, "too few rows")


def test_compiled_sql_that_cannot_be_run_leaves_it_to_dbt(state: SQLiteStateStore) -> None:
    run = TestRun(id="t", status="pass", failures=0, message=None)
    lost = result("compiled", Outcome.ERROR, evaluated=None, arguments={"sql": "select 1"})
    assert judged(state, lost, tests=(run,)).results[0].outcome is Outcome.PASS
    assert judged(state, lost).results[0].outcome is Outcome.ERROR
