"""A number agrees with the words that stand beside it."""

from __future__ import annotations

import pytest

from tidegate.model.words import Count, counted, figure


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (1.0, ("row",), "1 row"),
        (1180, ("row",), "1,180 rows"),
        (1, ("table differs", "tables differ"), "1 table differs"),
        (2, ("table differs", "tables differ"), "2 tables differ"),
    ],
)
def test_a_number_with_its_noun(count: float, words: tuple[str, ...], said: str) -> None:
    assert counted(count, *words) == said


@pytest.mark.parametrize(
    ("count", "said"), [(1.0, "1 of it has"), (3, "3 of it have"), (0, "0 of it have"), (None, "? of it have")]
)
def test_a_number_in_a_template_chooses_the_verb(count: float | None, said: str) -> None:
    assert "{n} of it {n:has|have}".format_map({"n": Count(count)}) == said
    assert f"{Count(1_234_567)}" == "1,234,567"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.123456, "0.1235"),
        (364.31, "364.3"),
        (1_478_260.4, "1,478,260"),
        (-21_740.0, "-21,740"),
        (3e20, "3e+20"),
    ],
)
def test_a_figure_has_no_exponent_where_people_read_it(value: float, said: str) -> None:
    assert figure(value) == said
