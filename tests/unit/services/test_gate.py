"""The gate publishes what was measured and stopped by nothing, and says why it holds the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.services.site import NOW, finding
from tidegate.model import Action, Check, CheckResult, DatasetRef, Outcome
from tidegate.services.gate import decide


def result(outcome: Outcome) -> CheckResult:
    check = Check(id="c", name="c", dataset=DatasetRef(namespace="s", name="t"), kind="not_null")
    return CheckResult(check=check, outcome=outcome, reason="so")


def test_nothing_that_holds_is_published_with_what_was_seen() -> None:
    decision = decide(7, [result(Outcome.PASS), result(Outcome.WARN)], [finding("t", holds=False)], tables=3, now=NOW)
    assert decision.action is Action.PUBLISH
    assert (decision.version, decision.decided_at) == (7, NOW)
    assert decision.because == ("3 tables measured, 1 of 2 checks passed, 1 finding told",)


def test_every_finding_that_holds_is_a_reason_and_no_other_is() -> None:
    decision = decide(7, [], [finding("a"), finding("b", holds=False), finding("c")], tables=3, now=NOW)
    assert decision.action is Action.HOLD
    assert decision.because == ("check of a", "check of c")


@pytest.mark.parametrize("findings", [[], [finding("a", holds=False)]], ids=["none", "told"])
def test_what_was_not_measured_is_held(findings: list) -> None:
    decision = decide(7, [result(Outcome.PASS)], findings, tables=0, now=NOW)
    assert decision.action is Action.HOLD
    assert "no table was measured" in decision.because[0]


@given(holds=st.lists(st.booleans()), tables=st.integers(0, 3), outcomes=st.lists(st.sampled_from(Outcome)))
def test_it_publishes_only_what_was_measured_and_is_stopped_by_nothing(
    holds: list[bool], tables: int, outcomes: list[Outcome]
) -> None:
    findings = [finding(str(n), holds=h) for n, h in enumerate(holds)]
    decision = decide(1, [result(o) for o in outcomes], findings, tables=tables, now=NOW)
    assert (decision.action is Action.PUBLISH) == (tables > 0 and not any(holds))
    assert decision.because
