"""The three additions that a template of a workflow has."""

from __future__ import annotations

import pytest

from tidegate.kit import ci


def filled(text: str, **values: str) -> list[str]:
    return list(ci._filled(text.splitlines(), values))


def test_a_value_in_a_line_and_one_of_several_lines() -> None:
    assert filled("a: <<x>>", x="1") == ["a: 1"]
    assert filled("run: |\n  <<x>>\n  - <<x>>", x="b\nc") == ["run: |", "  b", "  c", "  - b", "  - c"]
    assert filled("  <<x>>", x="") == []


def test_what_is_between_if_and_end_needs_a_value() -> None:
    text = "a\n#if x\nb\n#if y\nc\n#end\nd\n#end\ne"
    assert filled(text, x="1", y="1") == ["a", "b", "c", "d", "e"]
    assert filled(text, x="1", y="") == ["a", "b", "d", "e"]
    assert filled(text, x="", y="1") == ["a", "e"]


def test_what_is_between_for_and_end_comes_once_for_each() -> None:
    assert filled("#for x\n<<x>>:\n#end", x="a\nb") == ["a:", "b:"]


def test_a_template_that_is_wrong_is_told() -> None:
    with pytest.raises(ValueError, match="has no `#end`"):
        filled("#if x\na", x="1")
    with pytest.raises(KeyError):
        filled("<<y>>", x="1")
