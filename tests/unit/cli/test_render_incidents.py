"""Incidents, statistics and the audit as text: what a person reads at night."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.state.stories import finding, incident
from tidegate.cli import render, render_incidents
from tidegate.cli.output import Output
from tidegate.model import Event, LedgerBreak
from tidegate.services.ledger import LedgerAudit
from tidegate.services.stats import Duration, Stats, Week
from tidegate.services.status import ProductStatus

NOW = datetime(2026, 6, 2, tzinfo=UTC)
OUTPUT = Output(color=False)
AUDIT = LedgerAudit(events=9, head="9:abc", anchors=2, breaks=(), problems=())
HOUR = 3600.0
STATS = Stats(
    since=NOW - timedelta(weeks=1), until=NOW, alarms=3, alarms_per_week=3.0,
    weeks=(Week(start=NOW - timedelta(weeks=1), alarms=3, false_alarms=1),),
    answers={"fixed": 1, "expected": 0, "false alarm": 1}, unanswered=1, precision=0.5, false_alarms_per_month=4.29,
    budget=2.0,
    durations=(
        Duration(name="timeToDetect", count=0, mean_s=None, median_s=None, longest_s=None),
        Duration(name="timeToAcknowledge", count=3, mean_s=30.0, median_s=5 * 60.0, longest_s=26.5 * HOUR),
        Duration(name="timeToRepair", count=1, mean_s=3 * 24 * HOUR, median_s=60.0, longest_s=59.6),
    ),
)  # fmt: skip


def test_the_severity_stands_before_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    render.incident_summary(OUTPUT, incident(reasons=("tier 1", "14 % of the rows")))
    assert "severity   sev2 because tier 1; 14 % of the rows\n" in capsys.readouterr().out


def test_an_incident_with_its_people_its_silence_and_its_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    told = incident(assignee="ana", data_owner="bo", suppressed_until=NOW + timedelta(days=1))
    kinds = {
        "acknowledged": {"reason": "mine"},
        "assigned": {"assignee": "bo", "role": "data owner", "reason": "knows it"},
        "noted": {"note": "the loader ran twice"},
        "suppressed": {"until": "2026-06-03T00:00:00+00:00", "reason": "the vendor knows"},
        "resolved": {"resolution": "fixed", "reason": "loaded again"},
    }
    timeline = [
        Event(id=n, at=NOW, actor="ana", role="incident lead" if n == 4 else "operator", kind=f"incident.{kind}",
              subject="incident:1", data=data, hash="")
        for n, (kind, data) in enumerate(kinds.items())
    ]  # fmt: skip
    render.incident(OUTPUT, told, timeline, [], now=NOW)
    printed = capsys.readouterr().out
    for line in (
        "  silent     until 2026-06-03 00:00 UTC, unless it gets more severe\n",
        "  layer      data\n",
        "  who        ana, incident lead\n",
        "  who        bo, data owner\n",
        "acknowledged by ana  mine\n",
        "assigned by ana  data owner: bo  knows it\n",
        "noted by ana  the loader ran twice\n",
        "suppressed by ana  until 2026-06-03 00:00  the vendor knows\n",
        "resolved by ana, incident lead  as fixed  loaded again\n",
    ):
        assert line in printed
    assert "communications" not in printed


def test_a_list_marks_what_is_silent_and_who_leads(capsys: pytest.CaptureFixture[str]) -> None:
    found = [incident(2, assignee="ana"), incident(1, suppressed_until=NOW + timedelta(days=1))]
    render.incidents(OUTPUT, found, now=NOW)
    first, second = [line.split() for line in capsys.readouterr().out.splitlines()[1:]][:2]
    assert first[:4] == ["2", "sev2", "open", "ana"]
    assert second[:5] == ["1", "sev2", "open,", "suppressed", "-"]


def test_a_list_that_was_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    render_incidents.more(OUTPUT, shown=50, total=50)
    assert capsys.readouterr().out == ""
    render_incidents.more(OUTPUT, shown=50, total=1050)
    assert capsys.readouterr().out == "\n1,000 older ones are not shown; `--limit 1050` lists all 1,050\n"


def test_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    render_incidents.stats(OUTPUT, STATS)
    printed = capsys.readouterr().out
    assert "alarms     3 in 1 week, 3.0 a week\n" in printed
    assert "noise      4.3 false alarms a month, over the budget of 2\n" in printed
    assert "answers    1 fixed, 0 expected, 1 false alarm; 1 not answered yet\n" in printed
    assert "precision  50 % of 2 answered alarms were faults\n" in printed
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.startswith("timeTo")}
    assert rows["timeToDetect"][:4] == ["0", "-", "-", "-"]
    assert rows["timeToAcknowledge"][:9] == ["3", "30", "s", "5", "min", "26", "h", "30", "min"]
    assert rows["timeToRepair"][:9] == ["1", "3", "d", "0", "h", "1", "min", "1", "min"]
    assert "next  tidegate incidents resolve" in printed


def test_statistics_without_answers(capsys: pytest.CaptureFixture[str]) -> None:
    none = dataclasses.replace(STATS, answers={"fixed": 0}, precision=None, unanswered=0, false_alarms_per_month=0.0)
    render_incidents.stats(OUTPUT, none)
    printed = capsys.readouterr().out
    assert "precision  nobody knows: no alarm is answered yet\n" in printed
    assert "within the budget" in printed
    assert "next" not in printed


def test_a_whole_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    render_incidents.audit(OUTPUT, AUDIT)
    first, head, _ = capsys.readouterr().out.splitlines()
    assert first == "whole    9 events, each as it was written, as 2 versions on disk note too"
    assert head == "head     9:abc"


def test_a_broken_ledger_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    breaks = (LedgerBreak(event=5, what="event 5 is missing"), LedgerBreak(event=6, what="event 6 does not follow"))
    render_incidents.audit(OUTPUT, dataclasses.replace(AUDIT, breaks=breaks))
    assert capsys.readouterr().out.splitlines() == [
        "broken   event 5 is missing",
        "broken   event 6 does not follow",
        "the ledger of 9 events is not the one that was written, from event 5 on",
        "head     9:abc",
    ]
    render_incidents.audit(OUTPUT, dataclasses.replace(AUDIT, problems=("a page is damaged",)))
    assert "problem  a page is damaged\nthe ledger of 9 events is not" in capsys.readouterr().out


def test_products_of_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    day = timedelta(days=1)
    one = ProductStatus(
        name="revenue", tier=1, owner=None, age=3 * day, freshness=day, incidents=(4, 2), unknown=("marts.gone",)
    )
    render._products(OUTPUT, [one, dataclasses.replace(one, name="calm", age=None, incidents=(), unknown=())])
    _, heads, first, second, unknown = capsys.readouterr().out.splitlines()
    assert heads.split() == ["product", "tier", "owner", "age", "at", "most", "incidents"]
    assert first.split() == ["revenue", "1", "-", "3", "days", "24", "hours,", "missed", "4,", "2"]
    assert second.split() == ["calm", "1", "-", "-", "24", "hours", "none"]
    assert unknown == "unknown    the product revenue names `marts.gone`, and there is no such table"


def test_the_layer_of_an_incident_is_that_of_its_root() -> None:
    assert incident(findings=(finding(), finding(key="b"))).layer == finding().layer
