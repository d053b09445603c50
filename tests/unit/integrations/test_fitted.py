"""A report within the limits of GitHub: never above them, whatever characters it is made of, and what is left out is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.integrations.fitted import COMMENT, LONGEST_ROW, SUMMARY, Section, code_units, fit, utf8_bytes

LEAD = ("## Report", "", "| | |", "|---|---|", "| verdict | fine |")
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60).map(
    lambda t: t.replace("left", "right")
)
SECTIONS = st.lists(
    st.builds(
        Section,
        title=TEXT,
        head=st.lists(TEXT, max_size=2).map(tuple),
        rows=st.lists(TEXT.map(lambda t: f"| {t} |"), max_size=40).map(tuple),
        noun=st.just("rows"),
    ),
    max_size=6,
)


def numbers(text: str) -> tuple[list[int], int | None]:
    """What each section says that it leaves out, and what the end says."""
    each = [int(n.replace(",", "")) for n in re.findall(r"^_([\d,]+) more left out", text, re.MULTILINE)]
    end = re.search(r"\*\*Cut to fit: ([\d,]+) rows are left out", text)
    return each, int(end[1].replace(",", "")) if end else None


def row_lines(lines: Iterable[str]) -> int:
    return sum(line.startswith("| ") and line.endswith(" |") for line in lines)


@given(sections=SECTIONS, limit=st.integers(700, 6_000), measure=st.sampled_from([code_units, utf8_bytes]))
def test_it_fits_and_counts_what_it_leaves_out(sections, limit, measure):
    text = fit(LEAD, sections, limit=limit, measure=measure)
    assert measure(text) <= limit
    assert text.startswith("\n".join(LEAD))
    each, end = numbers(text)
    shown = row_lines(text.splitlines()) - row_lines(LEAD)
    heads = sum(row_lines(s.head) for s in sections)
    if end is None:
        assert each == []
        assert all(row in text for s in sections for row in s.rows)
    elif not heads and each:
        assert sum(each) == end
        assert shown == sum(len(s.rows) for s in sections) - end


def test_the_rows_that_are_shown_and_those_that_are_left_out_are_all():
    sections = [Section(title="", rows=tuple(f"| {'x' * 30} {n} |" for n in range(24)), noun="rows")]
    text = fit(LEAD, sections, limit=700)
    each, end = numbers(text)
    assert each == [end]
    assert row_lines(text.splitlines()) - row_lines(LEAD) == 24 - end > 0


@pytest.mark.parametrize("letter", ["a", "é", "表", "🧨"])
def test_github_takes_it_at_its_limits(letter: str):
    rows = tuple(f"| {letter * 40} {n} |" for n in range(40_000))
    sections = [
        Section(title="Tables", rows=rows, noun="tables"),
        Section(title="Cost", rows=("| cost |",), noun="costs"),
    ]
    said = fit(LEAD, sections, limit=COMMENT)
    assert len(said) <= code_units(said) <= 65_536
    assert code_units(said) > 0.9 * COMMENT, "the room is used"
    assert "| cost |" in said, "a later section has its share"
    summary = fit(LEAD, sections, limit=SUMMARY, measure=utf8_bytes)
    assert 0.9 * SUMMARY < len(summary.encode()) <= 1 << 20
    assert rows[0] in said
    each, end = numbers(said)
    assert each == [end] == [40_000 - said.count(f"| {letter}")]


def test_what_fits_exactly_is_not_cut():
    sections = [Section(title="T", rows=("| 1 |", "| 2 |"), noun="rows")]
    whole = fit(LEAD, sections, limit=10_000)
    assert fit(LEAD, sections, limit=code_units(whole)) == whole
    assert fit(LEAD, sections * 30, limit=code_units(whole) + 500) != whole


def test_a_single_row_that_is_too_long_is_cut():
    sections = [Section(title="T", rows=("| " + "x" * 90_000 + " |",), noun="rows")]
    said = fit(LEAD, sections, limit=COMMENT)
    assert len(said) < LONGEST_ROW + 500
    assert "… |" in said


def test_a_lead_that_is_too_long_is_cut():
    said = fit(("🧨" * 100_000,), [Section(title="T", rows=("| 1 |",))], limit=COMMENT)
    assert code_units(said) <= COMMENT
    assert "…" in said


def test_most_important_first():
    first = Section(title="First", rows=tuple(f"| first {n} |" for n in range(500)), noun="rows")
    last = Section(title="Last", rows=tuple(f"| later {n} |" for n in range(500)), noun="rows")
    said = fit(LEAD, [first, last], limit=4_000)
    assert said.count("| first") >= said.count("| later") > 50
    small = Section(title="Last", rows=("| later |",), noun="rows")
    assert fit(LEAD, [first, small], limit=4_000).count("| first") > said.count("| first") + 50
