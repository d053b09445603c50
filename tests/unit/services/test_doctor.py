"""What the doctor keeps and what an ignore file takes away; an excuse needs a reason, an end, and a rule."""

from __future__ import annotations

import datetime

import pytest

from tidegate.doctor import RULES, Document, Found, Project, Tree
from tidegate.services.doctor import Diagnosis, diagnose

TODAY = datetime.date(2026, 11, 22)
EMPTY = Project(tree=Tree(files=(), present=("a.sql",), is_repository=True, texts={}))
SECRET = ("secret-in-tree", Found(path="ingest/a.py", line=3, message="AWS Access Key"))


def diagnosis(*entries: object, others: tuple[tuple[str, Found], ...] = (SECRET,)) -> Diagnosis:
    ignores = Document(content=list(entries), lines={(n,): n + 1 for n in range(len(entries))})
    return diagnose(EMPTY, ignores=ignores, ignore_file=".tidegate-ignore.yml", today=TODAY, others=others)


def entry(**said: object) -> dict[str, object]:
    return {"code": "secret-in-tree", "reason": "a fixture", "until": "2026-11-22", **said}


def test_an_entry_holds_through_its_last_day() -> None:
    told = diagnosis(entry())
    assert told.breaches == ()
    assert [(i.breach.code, i.reason, i.until) for i in told.ignored] == [("secret-in-tree", "a fixture", "2026-11-22")]


@pytest.mark.parametrize("path", ["ingest/a.py", "ingest", "ingest/", "ingest/**", "ingest/*.py", "**"])
def test_a_path_is_a_file_a_folder_or_a_pattern(path: str) -> None:
    assert diagnosis(entry(path=path)).breaches == ()


@pytest.mark.parametrize("path", ["ingest/b.py", "other", "ingest/*.sql", "ing"])
def test_another_path_takes_nothing_away(path: str) -> None:
    assert [b.code for b in diagnosis(entry(path=path)).breaches] == ["secret-in-tree"]


def test_another_code_takes_nothing_away() -> None:
    assert [b.code for b in diagnosis(entry(code="docker-root")).breaches] == ["secret-in-tree"]


def test_an_expired_entry_takes_nothing_away_and_is_a_finding() -> None:
    told = diagnosis(entry(until="2026-11-21"))
    assert [(b.code, b.path, b.line) for b in told.breaches] == [
        ("ignore-expired", ".tidegate-ignore.yml", 1),
        ("secret-in-tree", "ingest/a.py", 3),
    ]
    assert "a fixture" in told.breaches[0].message


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (entry(reason=""), "no `reason`"),
        (entry(reason="  "), "no `reason`"),
        (entry(until=None), "no `until`"),
        (entry(until="soon"), "no `until`"),
        (entry(code="docker-rot"), "no rule `docker-rot`"),
        (entry(code=None), "no `code`"),
        ("docker-root", "no `code`"),
    ],
    ids=str,
)
def test_what_is_wrong_with_an_entry_is_a_finding(said: object, fault: str) -> None:
    told = diagnosis(entry(code="docker-root"), said)
    wrong = [b for b in told.breaches if b.code == "ignore-invalid"]
    assert [(b.line, fault in b.message) for b in wrong] == [(2, True)]
    assert "secret-in-tree" in {b.code for b in told.breaches}


def test_only_some_rules_are_judged() -> None:
    told = diagnose(
        EMPTY, ignores=None, ignore_file="x", today=TODAY, others=(SECRET,), only=frozenset({"docker-root"}),
        unchecked={"secret-in-tree": "not installed"},
    )  # fmt: skip
    assert (told.breaches, told.rules, told.unchecked) == ((), 1, {})


def test_what_was_not_judged_is_not_counted_among_the_rules() -> None:
    told = diagnose(EMPTY, ignores=None, ignore_file="x", today=TODAY, unchecked={"deep-rerun": "not asked for"})
    assert told.rules == len(RULES) - 1
    assert told.unchecked == {"deep-rerun": "not asked for"}


def test_a_breach_is_told_once_and_the_gravest_of_a_file_first() -> None:
    note = ("dlt-telemetry", Found(path="ingest/a.py", line=1, message="on"))
    told = diagnosis(others=(note, SECRET, SECRET))
    assert [b.code for b in told.breaches] == ["secret-in-tree", "dlt-telemetry"]
    assert told.counts == "2 findings: 1 error, 1 note"


@pytest.mark.parametrize("code", RULES)
def test_a_rule_says_all_that_a_reader_needs(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert rule.level in {"error", "warning", "note"}
    assert (rule.judge is None) == (rule.needs is not None)
    for text in (rule.says, rule.why, rule.fix):
        assert text
        assert not text.endswith(".")
