"""A backtest as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.integrations.test_backtest_page import ALARM, FOUND, NOTCH
from tidegate.cli.output import Output
from tidegate.cli.render_backtest import backtest
from tidegate.services.backtest import Caught, Labels, labels

NONE = Labels(real=0, real_found=0, false=0, false_found=0, delays=())


def text(capsys: pytest.CaptureFixture[str], found=FOUND) -> str:
    backtest(Output(color=False), found)
    return capsys.readouterr().out


def test_alarms_have_their_day_and_their_sentence(capsys):
    shown = text(capsys)
    assert "alarms: 1\n  2026-05-01 <script>alert(1)</script> & rows\n" in shown
    assert "next      tidegate backtest raw.<orders> --html backtest.html plots every alarm" in shown


def test_an_accepted_alarm_is_no_alarm(capsys):
    shown = text(capsys, replace(FOUND, alarms=(replace(ALARM, accepted="expected"),)))
    assert "no batch would have been held\n" in shown
    assert "rows  (accepted as expected)\n" in shown


def test_a_slow_drift_is_counted_apart(capsys):
    drift = replace(ALARM, finding=replace(ALARM.finding, kind="drift", holds=False, sentence="it drifts"))
    shown = text(capsys, replace(FOUND, alarms=(ALARM, drift)))
    assert "alarms: 1; and 1 slow drift that would hold none\n" in shown
    assert "\n  2026-05-01 it drifts\n" in shown
    shown = text(capsys, replace(FOUND, alarms=(drift,)))
    assert "no batch would have been held; and 1 slow drift that would hold none\n" in shown


def test_budgets_and_faults_are_tables(capsys):
    other = replace(NOTCH, budget=8.0, alarms=4, caught=(Caught(fault="rows −50 %", caught=5, tried=5),))
    lines = text(capsys, replace(FOUND, notches=(NOTCH, other))).splitlines()
    assert next(line.split() for line in lines if "a month (asked" in line)[-5:] == ["1", "1", "1.0", "0.5", "60%"]
    assert next(line.split() for line in lines if line.startswith("8 a month"))[-5:] == ["4", "1", "4.0", "0.5", "100%"]
    assert next(line.split() for line in lines if line.startswith("rows −50 %"))[3:] == ["3", "5", "of", "5"]


def test_where_nothing_was_tried_that_is_said(capsys):
    untried = replace(NOTCH, caught=(Caught(fault="rows −50 %", caught=0, tried=0),))
    shown = text(capsys, replace(FOUND, notches=(untried,), since=None, until=None))
    assert "no batch was large enough to put a fault into it" in shown


def test_a_short_history_is_told(capsys):
    shown = text(capsys)
    assert "raw.<orders>: not enough\n" in shown
    assert "1 version " in shown


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            NONE,
            'none labelled: `tidegate incidents resolve N --as fixed --reason "..."` or `--as false-alarm` labels one',
        ),
        (
            replace(NONE, real=3, real_found=2, delays=(0, 2)),
            "2 of 3 incidents resolved as fixed would be found (recall 67%), half of them within 2 batches",
        ),
        (
            replace(NONE, real=1, real_found=1, delays=(0,), false=1, false_found=1),
            (
                "1 of 1 incident resolved as fixed would be found (recall 100%), at their first batch;"
                " 1 of 1 false alarms would come again; precision 50%"
            ),
        ),
        (
            replace(NONE, real=1),
            "0 of 1 incident resolved as fixed would be found (recall 0%)",
        ),
    ],
)
def test_labels_in_words(found, said):
    assert "; ".join(labels(found)) == said
