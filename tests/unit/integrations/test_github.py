"""Annotations that GitHub understands, no more than it shows, and no text that gives it orders."""

from __future__ import annotations

import re

from tests.unit.integrations.reports import check, finding, made, outcome, result
from tidegate.integrations import github, markdown
from tidegate.model import Outcome
from tidegate.services.report import report

COMMAND = re.compile(r"::(error|warning|notice) ([^:\n]*)::([^\n]*)")


def test_one_command_a_line_and_errors_first() -> None:
    *commands, last = github.render(made("shop")).splitlines()
    found = [COMMAND.fullmatch(line) for line in commands]
    assert all(found)
    assert [f[1] for f in found if f] == ["error"] * 3 + ["warning"] * 3 + ["notice"]
    assert last == "tidegate check: 9 declared, 7 selected, 5 executed, 4 evaluated, 2 failed"


def test_the_place_and_the_title() -> None:
    line = next(x for x in github.render(made("shop")).splitlines() if "email filled" in x)
    assert line.startswith("::error file=shop/tidegate.yml,line=4,title=raw.orders%3A email filled::19 of 19 rows")
    assert line.endswith("%0Alook at the rows")


def test_what_nobody_declared_has_no_file() -> None:
    line = next(x for x in github.render(made()).splitlines() if "volume" in x)
    assert line == "::error title=raw.orders%3A volume::volume of raw.orders is strange, 100%25 & <b>"


def test_values_cannot_end_a_command() -> None:
    nasty = result(check("a,b: c%\nd", declared_in="x,y:3"), Outcome.FAIL, "1\r\n::error::gotcha", failures=1)
    (line, _) = github.render(report(outcome((nasty,), ()))).splitlines()
    assert line == "::error file=x%2Cy,line=3,title=raw.orders%3A a%2Cb%3A c%25%0Ad::1%0D%0A::error::gotcha"


def many(count: int) -> list[str]:
    results = tuple(result(check(f"c{i}"), Outcome.FAIL, "x", failures=1) for i in range(count))
    warned = tuple(result(check(f"w{i}"), Outcome.WARN, "x", failures=1) for i in range(3))
    return github.render(report(outcome((*results, *warned), ()))).splitlines()


def test_ten_of_a_level_are_shown() -> None:
    assert sum(line.startswith("::error") for line in many(10)) == 10
    assert not any("more are" in line for line in many(10))


def test_the_others_are_told() -> None:
    lines = many(24)
    errors = [line for line in lines if line.startswith("::error")]
    assert len(errors) == 10
    assert errors[-1] == (
        "::error title=tidegate check::GitHub shows 10 of a level: 15 more are in the job's summary, on raw.orders"
    )
    assert sum(line.startswith("::warning") for line in lines) == 3


def test_the_summary_fits() -> None:
    assert github.summary(made()) == markdown.render(made())
    long = tuple(result(check(f"c{i}"), Outcome.FAIL, "é" * 2000, failures=1, sql="x" * 2000) for i in range(400))
    text = github.summary(report(outcome(long, ())))
    assert len(text.encode()) < 1024**2
    assert text.endswith("Cut here: GitHub shows no more than 1 MiB.\n")


def test_markdown_tells_what_did_not_pass_and_escapes_the_rest() -> None:
    text = markdown.render(made())
    assert text.startswith("## Tidegate check failed\n\nVersion 7 as readers see it: 9 declared, 7 selected,")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "declared in" not in line]
    assert [row.split(" | ")[0] for row in rows] == [
        "| ❌ failed",
        "| ❌ failed",
        "| ❌ could not be evaluated",
        "| ⚠️ warned",
        "| ⚠️ warned",
        "| ⚠️ warned",
        "| ⏭️ skipped",
    ]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)
    assert "<b>" not in text.partition("<details>")[0]
    assert "unique_id" not in text


def test_a_fence_is_longer_than_any_inside() -> None:
    bad = result(check("a"), Outcome.FAIL, "x", failures=1, sql="SELECT '````'")
    assert "\n`````text\n" in markdown.render(report(outcome((bad,), ())))


def test_a_good_report_says_so() -> None:
    text = markdown.render(report(outcome((result(check("a")),), ())))
    assert text == (
        "## Tidegate check passed\n\n"
        "Version 7 as readers see it: 9 declared, 1 selected, 1 executed, 1 evaluated, 0 failed.\n"
    )
    assert finding("volume", None, holds=True).holds


def test_a_report_of_no_check_is_not_called_passed() -> None:
    assert markdown.render(report(outcome((), ()))).startswith("## Tidegate check looked at no check\n")
