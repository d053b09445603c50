"""A suppression names one rule and its reason, on its own line of code; no file switches a tool off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.guards.source import Source, package_sources, suite_sources

LINE = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[(?P<type>[^\]]*)\])?|noqa(?::\s*(?P<noqa>[A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+)*))?)"
)
FILE = re.compile(r"#\s*(?:(?:ruff|flake8):\s*noqa|mypy:|type:\s*ignore-errors|pylint:|pyright:|fmt:\s*off)")
REASON = re.compile(r"[A-Za-z]{2,}(?:\W+\S+){2,}")


def faults(source: Source) -> Iterator[str]:
    for line, comment in source.comments:
        where = f"{source.path}:{line}: {comment}"
        if FILE.search(comment):
            yield f"{where}: suppresses more than one line"
        for found in LINE.finditer(comment):
            rules = re.split(r"[\s,]+", found["type"] or found["noqa"] or "")
            if len(rules) != 1 or not rules[0]:
                yield f"{where}: name exactly one rule"
            if not REASON.search(LINE.sub("", comment)):
                yield f"{where}: give the reason, in three words or more"


def test_every_suppression_has_one_rule_and_a_reason() -> None:
    assert [f for s in (*package_sources(), *suite_sources()) for f in faults(s)] == []


@pytest.mark.parametrize(
    ("comment", "count"),
    [
        ("# type: ignore[arg-type]  # duckdb's stubs lack the overload", 0),
        ("# noqa: BLE001 a plug-in may raise anything", 0),
        ("# noqa: S608 - the name was quoted by sqlglot", 0),
        ("# type: ignore[arg-type]  # noqa: S608  # both for the driver's stub", 0),
        ("# an ordinary comment that mentions type errors", 0),
        ("# type: ignore", 2),
        ("# type: ignore[arg-type]", 1),
        ("# type: ignore[arg-type, misc]  # one reason for two rules", 1),
        ("# noqa", 2),
        ("# noqa: S608", 1),
        ("# noqa: S608, S603 one reason for two rules", 1),
        ("# noqa: S608 because", 1),
        ("# ruff: noqa", 1),
        ("# mypy: ignore-errors", 1),
        ("# fmt: off", 1),
    ],
    ids=str,
)
def test_planted_suppressions_are_judged(comment: str, count: int) -> None:
    planted = Source(PurePosixPath("planted.py"), f"x = 1  {comment}\n")
    assert len(list(faults(planted))) == count
