"""Nothing that data says is a command to the runner of GitHub Actions that logs it, in any format."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.integrations.reports import check, outcome, result
from tidegate.cli import render, reports
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.errors import ConfigError
from tidegate.integrations import markdown
from tidegate.integrations.console import ConsoleNotifier
from tidegate.model import IncidentState, Notice, NoticeKind, Outcome, Sample, Severity
from tidegate.model.words import inert
from tidegate.ports import Place, Sending
from tidegate.services.check import CheckOutcome

NASTY = "a\n::add-mask::b\n \t::stop-commands::c ##[add-mask]d\n\n\u2003::set-output name=e::f\n##[error]g"
COMMANDS = "add-mask", "stop-commands", "set-output", "error"


def obeyed(text: str) -> list[str]:
    """The lines that a runner takes for commands: it trims blanks, and finds `##[name]` anywhere (ActionCommand.cs)."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        name = re.match(r"::([^ :]+)[^\n]*?::", line.lstrip()) or re.search(r"##\[([^ \]]+)[^\]]*\]", line)
        if name is not None and name[1] in COMMANDS:
            found.append(line)
    return found


def hostile() -> CheckOutcome:
    sample = Sample(columns=("id", NASTY), rows=((NASTY, "1"), ("::add-mask::x", None)), masked=(), total=2, sql=NASTY)
    return outcome(
        (result(check(NASTY), Outcome.FAIL, NASTY, failures=2, sample=sample, sql=f"SELECT '{NASTY}'"),
         result(check("other"), Outcome.ERROR, NASTY)), ())  # fmt: skip


def test_it_is_a_command_before() -> None:
    assert len(obeyed(NASTY)) == 4
    assert obeyed(inert(NASTY)) == []


def test_a_cast_at_the_beginning_of_a_line_stays() -> None:
    assert inert("amount\n  ::int\nfrom x where a = '::'") == "amount\n  ::int\nfrom x where a = '::'"


def test_what_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    output, progress = Output(), StderrProgress(quiet=False)
    output.line(NASTY)
    output.entry("also", NASTY)
    output.aside(NASTY)
    output.error(ConfigError(NASTY, hint=NASTY))
    output.table(["a", "b"], [[NASTY, "1"], ["", "::add-mask::b"], ["x" * 117 + "  ::add-mask::b", ""]])
    render.check(output, hostile())
    progress.stage("scan", NASTY)
    progress.say(NASTY)
    shown = capsys.readouterr()
    assert r"\x3a:add-mask::b" in shown.out
    assert r"\x23#[error]g" in shown.err
    assert obeyed(shown.out + shown.err) == []


@pytest.mark.parametrize("name", ["text", "json", "junit", "sarif", "markdown"])
def test_every_format_on_stdout(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    reports.write(hostile(), [(name, None)], Output(), root=tmp_path, statements=True, results=None)
    shown = capsys.readouterr()
    assert "add-mask" in shown.out
    assert obeyed(shown.out) == []
    if name == "json":
        assert json.loads(shown.out)["results"][0]["reason"] == NASTY


def test_annotations_are_the_only_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    reports.write(hostile(), [("github", None)], Output(), root=tmp_path, statements=False, results=None)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in obeyed("\n".join(lines)) if not line.startswith("::error file=")] == []


def test_messages_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    notice = Notice(
        kind=NoticeKind.OPENED, key="k", thread="t", project="shop", incidents=(1,), severity=Severity.SEV2,
        state=IncidentState.OPEN, headline=NASTY, news=NASTY, facts=(("what", NASTY),), commands=(), links=(),
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    ConsoleNotifier(Place(address="", options={}, root=Path())).send(
        Sending(notice=notice, receipt={}, retry=False, timeout_s=1.0)
    )
    assert obeyed(capsys.readouterr().err) == []


def test_an_empty_line_in_a_name_stays_inside_its_fold() -> None:
    bad = result(check("a\n\n</details># b"), Outcome.FAIL, "x", failures=1, sql="SELECT 1")
    text = markdown.render(reports.report(outcome((bad,), ())))
    assert "<details><summary>raw.orders: a &lt;/details&gt;# b</summary>\n" in text
