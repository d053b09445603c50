"""Sentences agree with the number in them: what checks tell counts failures, and often there is one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.guards.source import Source, package_sources

FOR_MANY_ONLY = re.compile(r"\{(?:failures|evaluated|rows)\} (?:[a-z]+s|have|are|fail|occur)\b")
"""A number in a template and a word that is wrong beside 1; `{failures:value|values}` is right beside all."""


def unmatched(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and FOR_MANY_ONLY.search(node.value):
            yield f"{source.path}:{node.lineno}: {node.value}"


def test_templates_agree_with_one_failure() -> None:
    assert [found for source in package_sources() for found in unmatched(source)] == []


@pytest.mark.parametrize("text", ["{failures} values of it", "in {evaluated} rows", "{rows} have no x"])
def test_a_template_that_does_not_is_found(text: str) -> None:
    assert list(unmatched(Source(path=PurePosixPath("x.py"), text=repr(text))))
