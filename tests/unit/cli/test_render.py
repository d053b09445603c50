"""What a person reads: one of a thing is one, what warns is not called failed, and the next step is named."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.integrations.reports import COSTS, FINDINGS, ORDERS, check, outcome, result
from tidegate.cli import render
from tidegate.cli.output import Output
from tidegate.model import Incident, IncidentState, Outcome, Severity, Version, VersionState
from tidegate.services.diff import ColumnChange, TableDiff

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
INCIDENT = Incident(
    number=4,
    fingerprint="x",
    title="raw.orders is strange",
    state=IncidentState.RESOLVED,
    severity=Severity.SEV3,
    reasons=("readers already see this data",),
    version=7,
    run=None,
    opened_at=NOW,
    updated_at=NOW,
    findings=FINDINGS[:1],
    next_step="look",
    resolution="expected",
)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_one_of_each_is_singular(capsys: pytest.CaptureFixture[str]) -> None:
    one = dataclasses.replace(outcome((), FINDINGS[:1]), tables=1, costs=COSTS[:1])
    render.check(Output(), one)
    text = shown(capsys)
    assert "1 finding that would hold it today" in text
    assert "1 table or view in 1 statement," in text


def test_that_no_check_is_declared_says_nothing_of_learned_bands(capsys: pytest.CaptureFixture[str]) -> None:
    render.check(Output(), outcome((), FINDINGS[:1]))
    assert "checks    0: no declared one was to be judged" in shown(capsys)


def test_a_check_that_may_not_hold_warns_and_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lenient = result(check("lenient", blocking=False), Outcome.FAIL, "1 row", failures=1)
    strict = result(check("strict"), Outcome.FAIL, "2 rows", failures=2)
    render.check(Output(), outcome((lenient, strict), ()))
    text = shown(capsys)
    assert "checks    2: 1 warned, 1 failed" in text
    assert "  warn  lenient: 1 row (tidegate.yml:4)" in text
    assert "  fail  strict: 2 rows (tidegate.yml:4)" in text


def test_a_check_that_found_something_says_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    render.check(Output(), dataclasses.replace(outcome(), incidents=(INCIDENT,)))
    assert shown(capsys).endswith("next      tidegate incidents show 4\n")
    render.check(Output(), outcome())
    assert "next" not in shown(capsys)


def test_a_publication_by_hand_names_what_it_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    version = Version(number=7, state=VersionState.PUBLISHED, parent=None, created_at=NOW, run=None)
    render.published(Output(), version, Path("live.duckdb"), resolved=[INCIDENT])
    assert "resolved   incident 4 as expected: raw.orders is strange\n" in shown(capsys)


@pytest.mark.parametrize(
    ("column", "rows", "keyed", "said"),
    [
        ((100, 110, 0), (100, 110), True, None),
        ((100, 110, None), (100, 110), True, None),
        ((100, 109, 0), (100, 110), True, "amount: 0 -> 1 NULL"),
        ((100, 100, 1), (100, 100), True, "amount: 1 value changed"),
        ((100, 98, 3), (100, 100), True, "amount: 3 values changed, 0 -> 2 NULL"),
        ((100, 100, None), (100, 100), False, "amount: other values"),
        ((100, 110, None), (100, 110), False, None),
    ],
)
def test_a_column_is_listed_for_more_than_new_rows(
    capsys: pytest.CaptureFixture[str],
    column: tuple[int, int, int | None],
    rows: tuple[int, int],
    keyed: bool,
    said: str | None,
) -> None:
    old, new, changed = column
    counts = {"added": 10, "removed": 0, "changed": 1} if keyed else {}
    amount = ColumnChange(name="amount", old_filled=old, new_filled=new, changed=changed)
    table = TableDiff(ref=ORDERS, state="changed", old_rows=rows[0], new_rows=rows[1], columns=(amount,), **counts)
    render.diff(Output(), 1, 2, [table])
    text = shown(capsys)
    assert text.startswith("version 1 -> 2: 1 table differs, 0 are the same\n")
    assert [line.strip() for line in text.splitlines() if "amount" in line] == ([said] if said else [])
